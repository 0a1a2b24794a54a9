"""Steps that re-examine earlier values: re-computations, equations run backwards, tests of the answer.

Structure decides, words of checking only tip it. It does not know whether a check could have found anything.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from dca.arithmetic.claims import Claim
from dca.arithmetic.dependence import CUE, MEMORY, Dependence, is_common
from dca.review.opinion import Opinion, quoted

_WORD: Final = re.compile(r"[^\W\d_]{4,}")


def repetition(graph: Dependence, texts: tuple[str, ...], k: int) -> Opinion | None:
    """All that the step works out was certified in earlier steps; its words say that it checks, or nothing new."""
    own = [claim for claim in graph.own(k) if claim.works]
    before = [graph.first[claim.kind] for claim in own]
    if not own or not all(claim.true and old.step < k for claim, old in zip(own, before, strict=True)):
        return None
    origin = before[0].step
    if not CUE.search(texts[k]) and _words(texts[k]) - _words(texts[origin]):
        return None  # the same numbers, for something else
    return Opinion(0.0, "needless_check", origin, f"{quoted(own[0])} was certified in step {origin} already")


def check(graph: Dependence, texts: tuple[str, ...], k: int, *, asked: bool, right: bool) -> Opinion | None:
    """The step re-examines an earlier value: needlessly where that is certified and the problem asks for no check.

    Args:
        graph: The graph of values.
        texts: The steps.
        k: The step.
        asked: Whether the problem asks for a check.
        right: Whether the final answer was right.
    """
    cue = CUE.search(texts[k])
    for claim in graph.own(k):
        target = _examined(graph, claim, bool(cue)) or (_after_answer(graph, claim) if right else None)
        if target is not None:
            target = graph.first[target.kind]
            label = "needless_check" if cue and target.true and not asked else "check"
            known = ", which is certified" if target.true else ""
            said = f"{quoted(claim)} re-examines {quoted(target)} of step {target.step}{known}"
            return Opinion(0.0, label, target.step, said)
    return _in_words(graph, k, cue[0]) if cue and not graph.own(k) else None


def _examined(graph: Dependence, claim: Claim, cue: bool) -> Claim | None:
    """The earlier claim that one tests.

    Where the words say that it checks, it comes to the same value anew, runs the other backwards or works with
    its result. Without such words it leads from results back to a number of the problem.
    """
    made = claim.made
    recent = graph.claims[max(0, claim.order - MEMORY) : claim.order]
    earlier = [other for other in reversed(recent) if other.step < claim.step and other.works]
    returns = made in graph.givens and not is_common(made)
    if not (cue or returns):
        return None
    for other in earlier:
        if (cue and made == other.made) or _inverse(claim, other):
            return other
    return next((other for other in earlier if other.made in claim.equation.operands), None)


def _after_answer(graph: Dependence, claim: Claim) -> Claim | None:
    """The claim that made the answer, where this one comes later and works with it."""
    root = graph.root
    if root is None or root.step >= claim.step or root.made not in claim.equation.operands:
        return None
    return root


def _inverse(claim: Claim, other: Claim) -> bool:
    """Does one equation run another backwards: 24 * 2 = 48 after 48 / 2 = 24?"""
    if other.made is None or claim.made is None:
        return False
    numbers = Counter(other.equation.operands)
    swapped = numbers - Counter([claim.made]) + Counter([other.made])
    return numbers[claim.made] > 0 and Counter(claim.equation.operands) == swapped


def _in_words(graph: Dependence, k: int, cue: str) -> Opinion | None:
    """A check that computes nothing: it shows a result again, or else what one was made of."""
    shown = graph.numbers[k]
    found = shown - graph.givens
    earlier = [claim for claim in reversed(graph.claims) if claim.step < k and claim.works]
    results = (claim for claim in earlier if claim.made in found)
    makings = (claim for claim in earlier if shown.issuperset(claim.equation.operands))
    target = next(results, None) or next(makings, None)
    if target is None:
        return None
    target = graph.first[target.kind]
    said = f"it re-examines {quoted(target)} of step {target.step} ({cue!r}) and computes nothing"
    return Opinion(0.0, "check", target.step, said)


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))
