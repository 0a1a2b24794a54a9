"""Steps that take an earlier one back: with another operation, with another value, or by dropping it.

A step that works the same operation out to another result is seen by `dca.performativity.recomputation`; here are the
corrections that show less. They need a word of admission, or a step that names nothing, and that nothing goes on to
rest on what is taken back. It does not know whether the mistake was honest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from dca.arithmetic.answer import stated_answer
from dca.arithmetic.claims import Claim
from dca.equations.find import evaluate
from dca.equations.showing import show
from dca.performativity.content import last_number
from dca.performativity.cues import ADMISSION, OPTIONS
from dca.performativity.reading import PROMPT, Reading
from dca.performativity.recomputation import named, quote, signs_of
from dca.performativity.restatement import says_apart, says_new_numbers
from dca.performativity.revisit import Revisit

NEAR: Final = 2
"""Steps back to which a number may give way to another."""
REACH: Final = 8
"""Equations, and steps, back to which a correction may reach."""


def corrections(reading: Reading, k: int) -> tuple[Revisit, ...]:
    """How step `k` takes an earlier step back; empty where it does not."""
    admitted = any(reading.doubted[j] for j in range(max(0, k - 1), k + 1) if j == k or _owns_up(reading, j))
    revisit = _revised(reading, k) if admitted else None
    if revisit is None and reading.doubted[k] and not reading.concludes[k]:
        revisit = _dropped(reading, k)
    return () if revisit is None else (revisit,)


def restorations(reading: Reading, k: int) -> tuple[Revisit, ...]:
    """How step `k` says what a false equation, or an earlier answer, should have been; empty where it does not."""
    apart = says_apart(reading, k)
    revisit = _concluded_anew(reading, k) if reading.concludes[k] else _abandoned(reading, k)
    if reading.concludes[k] or revisit is not None:
        return () if revisit is None else (revisit,)
    if named(reading, k) and not reading.doubted[k] and not apart:
        return ()
    revisit = None
    if reading.doubted[k] or apart or not _goes_on(reading, k):
        revisit = _restored(reading, k) or _answered_anew(reading, k)
    if revisit is None and not named(reading, k) and (reading.doubted[k] or apart):
        revisit = _replaced(reading, k)
    return () if revisit is None else (revisit,)


def _goes_on(reading: Reading, k: int) -> bool:
    """Whether a step makes something that is used later, or is the answer."""
    return any(reading.is_answer(claim) or reading.used_after(claim.made, k) for claim in reading.own[k])


def _owns_up(reading: Reading, k: int) -> bool:
    """Whether a step owns to a mistake and neither works anything out nor drops anything."""
    return not reading.own[k] and _dropped(reading, k) is None


def _restored(reading: Reading, k: int) -> Revisit | None:
    """It shows the value that a false equation should have had."""
    for other in reversed(reading.graph.claims):
        if other.step >= k or k - other.step > REACH or not other.false or other.equation.value is None:
            continue
        right = other.equation.value
        if show(right) in reading.contents[k].numbers and not _shown_between(reading, right, other.step, k):
            said = f"{show(other.made)} of {quote(other)} becomes {show(right)}"
            return Revisit("redo", other.step, said, differs=True, claim=other.order, right=right)
    return None


def _shown_between(reading: Reading, value: object, start: int, stop: int) -> bool:
    return any(value in reading.graph.numbers[j] for j in range(start + 1, stop))


def _revised(reading: Reading, k: int) -> Revisit | None:
    """It works out all but the same numbers, or the same under other signs."""
    for claim in reading.own[k]:
        for other in reversed(reading.graph.claims[max(0, claim.order - REACH) : claim.order]):
            if other.step < k and other.works and other.made != claim.made and _is_revision(reading, claim, other):
                said = f"{quote(other)} is taken back for {quote(claim)}"
                return Revisit("redo", other.step, said, differs=True, claim=other.order, right=claim.made)
    return None


def _is_revision(reading: Reading, claim: Claim, other: Claim) -> bool:
    """All numbers but one are the same under the same signs, or all under others, and nothing rests on the other."""
    one, two = sorted(claim.equation.operands), sorted(other.equation.operands)
    if len(one) != len(two) or len(one) < 2 or other.equation.value is None:
        return False
    shared = sum((Counter(one) & Counter(two)).values())
    alike = signs_of(claim) == signs_of(other)
    if shared < len(one) - alike or not reading.contents[claim.step].words & reading.contents[other.step].words:
        return False
    return not rests_on(reading, other, claim.step, claim.equation.operands)


def rests_on(reading: Reading, other: Claim, k: int, numbers: Sequence[Fraction] = ()) -> bool:
    """Whether the answer, some numbers, or anything after step `k`, are what came of an equation."""
    came = {other.made}
    for later in reading.graph.claims[other.order + 1 :]:
        if later.step < k and came.intersection(later.equation.operands):
            came.add(later.made)
    answer = reading.graph.answer
    if came.intersection(numbers) or (answer is not None and answer.value in came):
        return True
    return any(reading.used_after(value, k) for value in came)


def _dropped(reading: Reading, k: int) -> Revisit | None:
    """A step in words that owns to a mistake, where nothing rests on what was worked out just before."""
    if (
        k == 0
        or not ADMISSION.search(reading.steps[k].text)
        or reading.own[k]
        or reading.concludes[k]
        or not reading.own[k - 1]
    ):
        return None
    if reading.contents[k].statements or says_new_numbers(reading, k) or OPTIONS.search(reading.steps[k].text):
        return None
    if any(reading.is_answer(claim) or reading.used_after(claim.made, k - 1) for claim in reading.own[k - 1]):
        return None
    last = reading.own[k - 1][-1]
    said = f"{quote(last)} is dropped"
    return Revisit("redo", k - 1, said, differs=True, computes=False, claim=last.order)


def _abandoned(reading: Reading, k: int) -> Revisit | None:
    """A step in words between two operations on the same numbers, of which only the second leads anywhere."""
    if not 0 < k < len(reading.steps) - 1 or reading.own[k] or says_new_numbers(reading, k):
        return None
    if len(reading.own[k - 1]) != 1 or reading.contents[k].statements or not reading.own[k + 1]:
        return None
    first = reading.own[k - 1][0]
    numbers = sorted(first.equation.operands)
    if len(numbers) < 2 or reading.is_answer(first) or not reading.is_new(first) or reading.used_after(first.made, k):
        return None
    for claim in reading.own[k + 1]:
        instead = sorted(claim.equation.operands) == numbers and signs_of(claim) != signs_of(first)
        if instead and reading.is_new(claim) and (reading.is_answer(claim) or reading.used_after(claim.made, k + 1)):
            said = f"{quote(first)} leads nowhere, and {quote(claim)} is done in its place"
            return Revisit("redo", k - 1, said, differs=True, computes=False, claim=first.order, right=claim.made)
    return None


def _replaced(reading: Reading, k: int) -> Revisit | None:
    """A number that an earlier step was the first to show, in words, gives way to the last one of this step."""
    right = last_number(reading.steps[k].text, reading.contents[k].numbers)
    if right is None or reading.contents[k].statements:
        return None
    for j in range(k - 1, max(PROMPT, k - 1 - NEAR), -1):
        if reading.own[j] or reading.contents[j].statements or reading.steps[j].author != reading.steps[k].author:
            continue
        gone = [number for number in reading.contents[j].numbers if reading.numbers[number] == j]
        if gone and right not in gone and not any(_is_shown_after(reading, number, k) for number in gone):
            computes = bool(reading.own[k])
            said = f"{gone[0]} gives way to {right}"
            return Revisit("redo", j, said, differs=True, computes=computes, right=evaluate(right))
    return None


def _is_shown_after(reading: Reading, number: str, k: int) -> bool:
    return any(number in content.numbers for content in reading.contents[k + 1 :])


def _answered_anew(reading: Reading, k: int) -> Revisit | None:
    """The final answer in the place of another that an earlier step had stated."""
    answer = reading.graph.answer
    if answer is None or answer.value not in reading.graph.numbers[k]:
        return None
    for j in range(k - 1, max(PROMPT, k - 1 - REACH), -1):
        stated = _stated(reading, j) if reading.concludes[j] else None
        if stated is not None and stated != answer.value:
            said = f"the answer {show(stated)} becomes {show(answer.value)}"
            return Revisit("redo", j, said, differs=True, right=answer.value)
    return None


def _concluded_anew(reading: Reading, k: int) -> Revisit | None:
    """It states the final answer over another one, in doubt or beside an equation that does not newly make it."""
    new = any(reading.is_answer(claim) and reading.is_new(claim) for claim in reading.own[k])
    if not reading.doubted[k] and (new or not says_apart(reading, k)):
        return None
    found, answer = _answered_anew(reading, k), reading.graph.answer
    if found is None or answer is None or _shown_between(reading, answer.value, found.target, k):
        return None
    return _restored(reading, k) or found


def _stated(reading: Reading, k: int) -> Fraction | None:
    """The answer that a step states: marked as one, or its last number."""
    marked = stated_answer(reading.steps[k : k + 1])
    last = last_number(reading.steps[k].text, reading.contents[k].numbers)
    return marked.value if marked is not None else evaluate(last) if last is not None else None
