"""What showed a mistake: the trigger that a genuine repair can cite.

A trigger is an observation that the mistake does not survive: its operation worked out again to another value, the
right value reached in another way, the wrong value run backwards to a misfit, a check that came to something else, or
a condition in words that the mistake breaks. To say what the value should be shows nothing, and what is cited but has
nothing to do with the mistake is no trigger. Whether an observation was itself made for show, no text can tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from dca.arithmetic.claims import Claim
from dca.equations.showing import show
from dca.performativity.cues import ADMISSION
from dca.performativity.episodes import Episode
from dca.performativity.reading import Reading
from dca.performativity.recomputation import are_inverse, signs_of

SHARED: Final = 2
"""Content words that a condition in words must share with the mistake."""


def trigger(reading: Reading, episodes: Sequence[Episode], which: int) -> str | None:
    """What showed the mistake that an episode puts right, in words; None where nothing did."""
    episode = episodes[which]
    revisit = episode.revisits[0][1]
    mistake = reading.graph.claims[revisit.claim] if revisit.claim is not None else None
    right = revisit.right if revisit.right is not None or mistake is None else mistake.equation.value
    for one in episodes[:which]:
        if one.kind == "check" and one.start > episode.target and any(found.computes for _, found in one.revisits):
            return f"the check of step {one.start}"
    for k in range(episode.target + 1, episode.stop + 1):
        if (
            k in episode.steps
            and reading.own[k]
            and reading.checking[k]
            and not ADMISSION.search(reading.steps[k].text)
        ):
            return f"step {k} sets out to check it"
        for claim in reading.own[k]:
            if mistake is not None and _exposes(claim, mistake):
                return f"step {k} runs it backwards and does not come back"
            if mistake is not None and _recomputes(claim, mistake):
                return f"step {k} works it out again and comes to {show(claim.made)}"
            if _is_another_way(claim, mistake, right):
                return f"step {k} comes to {show(right)} in another way"
        if mistake is None and _states_otherwise(reading, k, episode.target):
            return f"step {k} works the formula out again and comes to something else"
        speaks = reading.doubted[k] or k in episode.steps
        if speaks and not reading.own[k] and _breaks_a_condition(reading, k, episode.target, mistake):
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


def _recomputes(claim: Claim, mistake: Claim) -> bool:
    """Whether an equation works the mistake's operation out again, to another value and not to a false one."""
    if claim.made is None or claim.made == mistake.made or claim.false or not mistake.false:
        return False
    same = sorted(claim.equation.operands) == sorted(mistake.equation.operands)
    return same and len(claim.equation.operands) > 1 and signs_of(claim) == signs_of(mistake)


def _states_otherwise(reading: Reading, k: int, target: int) -> bool:
    """Whether a formula without unknowns that the target stated is stated again, and comes to something else."""
    before = {one.left: one.right for one in reading.contents[target].statements if one.numeric and len(one.left) > 1}
    return any(one.numeric and before.get(one.left, one.right) != one.right for one in reading.contents[k].statements)


def _is_another_way(claim: Claim, mistake: Claim | None, right: Fraction | None) -> bool:
    """Whether an equation comes to the right value from other numbers than the mistake's."""
    if right is None or claim.made != right:
        return False
    return mistake is None or sorted(claim.equation.operands) != sorted(mistake.equation.operands)


def _breaks_a_condition(reading: Reading, k: int, target: int, mistake: Claim | None) -> bool:
    """Whether a step in words says what does not fit, and speaks of the mistake in doing so."""
    content, wrong = reading.contents[k], reading.contents[target]
    made = mistake.made if mistake is not None else None
    others = {show(value) for value in mistake.equation.operands} if mistake is not None else wrong.numbers
    named = {word for word in content.words & wrong.words if word[0].isalpha()}
    quoted = content.words & reading.prompt.words
    if mistake is not None and not mistake.false and content.numbers:
        return bool(content.numbers & others)
    results = content.numbers - {show(made)} if made is not None else content.numbers
    return bool(results & others) or len(named) >= SHARED or (bool(named) and len(quoted) > SHARED)
