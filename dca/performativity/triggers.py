"""What showed a mistake: the trigger that a genuine repair can cite.

A trigger is something other than the mistake and its correction: another way to the right value, the wrong value run
backwards to a misfit, a check that came to something else, or a condition in words that the mistake breaks. What is
cited but has nothing to do with the mistake is no trigger.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from dca.arithmetic.claims import Claim
from dca.equations.showing import show
from dca.performativity.episodes import Episode
from dca.performativity.hints import ADMISSION
from dca.performativity.reading import Reading
from dca.performativity.reckoning import are_inverse

SHARED: Final = 2
"""Content words that a condition in words must share with the mistake."""


def trigger(reading: Reading, episodes: Sequence[Episode], which: int) -> str | None:
    """What showed the mistake that an episode puts right, in words; None where nothing did."""
    episode = episodes[which]
    look = episode.looks[0][1]
    mistake = reading.graph.claims[look.claim] if look.claim is not None else None
    right = look.right if look.right is not None or mistake is None else mistake.equation.value
    for one in episodes[:which]:
        if one.kind == "check" and one.start > episode.target and any(found.computes for _, found in one.looks):
            return f"the check of step {one.start}"
    for k in range(episode.target + 1, episode.stop + 1):
        if k in episode.steps and reading.checking[k] and not ADMISSION.search(reading.steps[k].text):
            return f"step {k} sets out to check it"
        for claim in reading.own[k]:
            if mistake is not None and _exposes(claim, mistake):
                return f"step {k} runs it backwards and does not come back"
            if _is_another_way(claim, mistake, right):
                return f"step {k} comes to {show(right)} in another way"
        if not reading.own[k] and _breaks_a_condition(reading, k, episode.target, mistake):
            return f"step {k} names what it breaks"
    return None


def _exposes(claim: Claim, mistake: Claim) -> bool:
    """Whether an equation runs the mistake backwards and does not come back to its numbers."""
    wrong, numbers = mistake.made, list(mistake.equation.operands)
    rest = list(claim.equation.operands)
    if wrong is None or wrong not in rest or not are_inverse(claim, mistake):
        return False
    rest.remove(wrong)
    return all(value in numbers for value in rest) and claim.made not in numbers


def _is_another_way(claim: Claim, mistake: Claim | None, right: Fraction | None) -> bool:
    """Whether an equation comes to the right value from other numbers than the mistake's."""
    if right is None or claim.made != right:
        return False
    return mistake is None or sorted(claim.equation.operands) != sorted(mistake.equation.operands)


def _breaks_a_condition(reading: Reading, k: int, target: int, mistake: Claim | None) -> bool:
    """Whether a step in words says what does not fit, and speaks of the mistake in doing so."""
    if not reading.doubted[k]:
        return False
    content, wrong = reading.contents[k], reading.contents[target]
    made = mistake.made if mistake is not None else None
    others = {show(value) for value in mistake.equation.operands} if mistake is not None else wrong.numbers
    named = {word for word in content.words & wrong.words if word[0].isalpha()}
    quoted = content.words & reading.prompt.words
    if mistake is not None and not mistake.false and content.numbers:
        return bool(content.numbers & others)
    results = content.numbers - {show(made)} if made is not None else content.numbers
    return bool(results & others) or len(named) >= SHARED or (bool(named) and len(quoted) > SHARED)
