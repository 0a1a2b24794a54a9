"""The forms in which an equation looks at an earlier one again: redone, run backwards, reached anew, tried out.

Equal numbers are not yet one quantity: what an equation names, and what its result is used for later, tell two
quantities of one value apart. It does not know words, formulas with unknowns, or whether looking again was needed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Final

from dca.arithmetic.claims import Claim
from dca.arithmetic.dependence import MEMORY, is_common
from dca.equations.showing import show
from dca.performativity.reading import PROMPT, Reading
from dca.performativity.revisit import Revisit

ORDINALS: Final = frozenset("second third fourth fifth sixth seventh eighth ninth tenth other another".split())
NEAR: Final = 6
"""Steps within which an operation that comes to something else is a correction."""

_SIGN: Final = re.compile(r"[-+*/×÷−·^]|\\(?:times|cdot|div|frac)|(?<=[\d\s])[xX](?=\s?[$£€]?\d)")
_UNDOES: Final = {"+": "-", "-": "+-", "*": "/", "/": "*/"}
_PLAIN: Final = {"\\times": "*", "\\cdot": "*", "\\div": "/", "\\frac": "/"} | dict(
    zip("×·÷−xX", "**/-**", strict=True)
)


def revisit_of_claim(reading: Reading, claim: Claim) -> Revisit | None:
    """The first form in which an equation looks at an earlier one; None for new work."""
    if claim.equation.value is None:
        return None
    earlier = _same_operation(reading, claim)
    if earlier is not None:
        return _repeat(reading, claim, earlier)
    rules = (_inverse, _anew, _back, _tried)
    return next((revisit for rule in rules if (revisit := rule(reading, claim)) is not None), None)


def _repeat(reading: Reading, claim: Claim, earlier: Claim) -> Revisit | None:
    """The same numbers worked out again: to the same result (a repeat) or to another (a redo).

    Without a hint it is no repeat where it is used next: it then calls a result back to go on from there. Nobody
    calls back what stands in the line before.
    """
    k = claim.step
    if claim.made == earlier.made:
        called_back = reading.used_after(claim.made, k) and not _is_next(reading, earlier.step, k)
        turned = claim.equation.operands != earlier.equation.operands or called_back
        listed = _is_listed(reading, k)
        if turned and not listed and not reading.checking[k]:
            return None
        if not listed and is_other(reading, claim, earlier.step, hinted=reading.checking[k], same=True):
            return None
        return Revisit("repeat", earlier.step, f"{quote(claim)} again", earlier.true, claim=earlier.order)
    if k - earlier.step > NEAR and not claim.true:
        return None
    said = f"{quote(earlier)} becomes {quote(claim)}"
    return Revisit("redo", earlier.step, said, earlier.true, differs=True, claim=earlier.order)


def _is_next(reading: Reading, earlier: int, k: int) -> bool:
    """Whether nothing was worked out between two steps."""
    return not any(reading.own[j] for j in range(earlier + 1, k))


def _is_listed(reading: Reading, k: int) -> bool:
    """Whether a step lists several equations, all of which stood before it."""
    own = reading.own[k]
    return len(own) > 1 and all(reading.graph.first.get(claim.kind, claim).step < k for claim in own)


def _same_operation(reading: Reading, claim: Claim) -> Claim | None:
    """The latest earlier equation with the same numbers and signs; the same step counts for a correction only."""
    signs = signs_of(claim)
    if claim.equation.value is None or not signs:
        return None
    for other in reversed(reading.graph.claims[max(0, claim.order - MEMORY) : claim.order]):
        same = other.works and other.computed == claim.computed and signs_of(other) == signs
        same = same and (
            claim.made == other.made or "uncertifiable" not in (claim.equation.verdict, other.equation.verdict)
        )
        if same and (other.step < claim.step or (other.false and claim.true)):
            return None if _is_fresh(reading, claim, other) else other
    return None


def signs_of(claim: Claim) -> tuple[str, ...]:
    """The operations of an equation, in any order."""
    return tuple(sorted(_PLAIN.get(s, s) for s in _SIGN.findall(claim.equation.left or claim.equation.right)))


def _is_fresh(reading: Reading, claim: Claim, earlier: Claim) -> bool:
    """Whether a number of the equation was made anew since: it is then another quantity of the same value."""
    numbers = set(claim.equation.operands)
    if reading.checking[claim.step]:
        numbers -= reading.graph.givens
    return any(reading.made_between(value, earlier.step, claim.step) for value in numbers)


def is_other(reading: Reading, claim: Claim, target: int, *, hinted: bool, same: bool = False) -> bool:
    """Whether equal numbers stand for another quantity.

    They do where the result is later worked with twice over; where it is the answer, and nothing made it before;
    where the step names what its target does not (words of the problem or of earlier steps, ordinals) and has no
    hint, or its result is used; and, unless the operation is the same, where the result was used up before and is
    used again. Uses by steps that only look again do not count.
    """
    made, k = claim.made, claim.step
    if made is None or reading.twice_after(made, k) or {made, made * 100}.intersection(claim.equation.operands):
        return True
    answer = reading.graph.answer
    is_answer = answer is not None and answer.value == made
    used = is_answer or reading.used_after(made, k)
    makers = [step for step in reading.makers.get(made, ()) if step < k]
    if is_answer and not makers:
        return True
    shifted = _shifted(reading, k, target)
    if same and hinted:  # words that came up on the way are talk there; the problem's tell quantities apart
        shifted = frozenset(w for w in shifted if reading.first_words.get(w, k) == PROMPT or w in ORDINALS)
    if (used or not hinted) and len(shifted) > (0 if used else 1):
        return True
    uses = reading.uses.get(made, ())
    return not same and used and bool(makers) and any(makers[0] < j < k and j not in reading.passed for j in uses)


def _shifted(reading: Reading, k: int, target: int) -> frozenset[str]:
    """What step `k` names and its target does not: words of the problem or of earlier steps, and ordinals."""
    return named(reading, k).difference(
        *(reading.contents[j].words for j in range(max(0, target - 1), min(target + 2, k)))
    )


def named(reading: Reading, k: int) -> frozenset[str]:
    """The words of a step that the problem or an earlier step has too, and ordinals."""
    words = {word for word in reading.contents[k].words if word[0].isalpha() and len(word) > 1}
    first = reading.first_words
    return frozenset(word for word in words if first.get(word, k) < k or word in ORDINALS)


def _inverse(reading: Reading, claim: Claim) -> Revisit | None:
    """An equation run backwards: 24 * 2 = 48 after 48 / 2 = 24; a false one does not come back to its number."""
    hinted = reading.hinted[claim.step]
    returns = claim.made in reading.graph.givens and not named(reading, claim.step)
    if claim.made is None or (not hinted and not returns and reading.used_after(claim.made, claim.step)):
        return None
    for other in _before(reading, claim):
        if other.made is None or other.made not in claim.equation.operands:
            continue
        numbers = Counter(other.equation.operands)
        rest = Counter(claim.equation.operands) - Counter([other.made])
        left = numbers - rest
        if rest - numbers or left.total() != 1 or not are_inverse(claim, other):
            continue
        differs = not left[claim.made]
        if differs and (other.true or not rest[other.equation.operands[-1]]):
            continue
        if is_other(reading, claim, other.step, hinted=hinted):
            return None
        said = f"{quote(claim)} runs {quote(other)} backwards"
        return Revisit("inverse", other.step, said, other.true, differs=differs, claim=other.order)
    return None


def is_variant(one: Claim, two: Claim) -> bool:
    """Whether two equations differ in one number that they work with."""
    first, second = Counter(one.equation.operands), Counter(two.equation.operands)
    return (
        len(one.equation.operands) > 1
        and (first - second).total() == 1 == (second - first).total()
        and (signs_of(one) == signs_of(two))
    )


def are_inverse(claim: Claim, other: Claim) -> bool:
    """Whether the signs of one undo those of the other."""
    one, two = set(signs_of(claim)), set(signs_of(other))
    return bool(one and two) and all(two.intersection(_UNDOES.get(sign, ())) for sign in one)


def _anew(reading: Reading, claim: Claim) -> Revisit | None:
    """The same value in another way, hinted at as a check, or the answer's value once more."""
    made, answer = claim.made, reading.graph.answer
    if made is None or (made in reading.graph.givens and is_common(made)):
        return None
    hinted = reading.hinted[claim.step] or _announced(reading, claim.step)
    if not hinted and (answer is None or answer.value != made or is_common(made)):
        return None
    for other in _before(reading, claim):
        if other.made == made:
            if is_other(reading, claim, other.step, hinted=hinted):
                return None
            said = f"{quote(claim)} comes to {show(made)} of step {other.step} in another way"
            return Revisit("anew", other.step, said, False, claim=other.order)
    return None


def _announced(reading: Reading, k: int) -> bool:
    """Whether the steps just before announce a check, with nothing between that is used for anything else."""
    for j in range(k - 1, max(-1, k - 4), -1):
        if reading.checking[j] and not reading.own[j]:
            return True
        if any(reading.used_after(claim.made, k) for claim in reading.own[j]):
            return False
    return False


def _back(reading: Reading, claim: Claim) -> Revisit | None:
    """From results back to a number of the problem: 32 + 64 + 84 = 180, the 180 marbles."""
    made = claim.made
    if made is None or made not in reading.graph.givens:
        return None
    hinted = reading.hinted[claim.step] or _announced(reading, claim.step)
    used = reading.used_after(made, claim.step)
    if (is_common(made) and (used or not hinted)) or (used and not hinted):
        return None
    operands = set(claim.equation.operands) - reading.graph.givens
    target = next((other for other in _before(reading, claim) if other.made in operands), None)
    if target is None or is_other(reading, claim, target.step, hinted=hinted):
        return None
    said = f"{quote(claim)} leads from {show(target.made)} back to the {show(made)} of the problem"
    return Revisit("back", target.step, said, False, claim=target.order)


def _tried(reading: Reading, claim: Claim) -> Revisit | None:
    """An earlier result put to work, to no further use, in a step that hints at it or names nothing of its own."""
    k = claim.step
    if claim.made is None or reading.used_after(claim.made, k) or reading.is_answer(claim) or reading.is_last_work(k):
        return None
    operands = {value for value in claim.equation.operands if value not in reading.graph.givens}
    target = next((other for other in _before(reading, claim) if other.made in operands), None)
    if target is None or reading.on_path(claim):
        return None
    root = reading.graph.root
    rooted = root is not None and root.step < k and root.made in operands and reading.is_answer(root)
    lands = claim.made in reading.graph.givens or not reading.is_new(claim)
    if not (rooted and reading.hinted[k]) and (named(reading, k) or not lands):
        return None
    said = f"{quote(claim)} tries out {show(target.made)} of step {target.step}"
    return Revisit("tried", target.step, said, False, claim=target.order)


def is_circular(reading: Reading, k: int) -> bool:
    """Whether a step sets out from an earlier result and comes back to it."""
    own = reading.own[k]
    if len(own) < 2 or own[-1].made is None:
        return False
    made = own[-1].made
    return made in own[0].equation.operands and own[0].made in own[-1].equation.operands


def _before(reading: Reading, claim: Claim) -> Iterable[Claim]:
    """Earlier steps' equations, the latest first."""
    recent = reading.graph.claims[max(0, claim.order - MEMORY) : claim.order]
    return (other for other in reversed(recent) if other.step < claim.step and other.works)


def quote(claim: Claim) -> str:
    """An equation on one line."""
    left, right = (" ".join(side.split()) for side in (claim.equation.left, claim.equation.right))
    return f"{left or '…'} = {right or '…'}"[:80]
