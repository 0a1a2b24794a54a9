"""What is said of each step, given the graph of values and whether the answer was right.

The table of scores stands in `dca.review.arithmetic`; here is one function for each of its rows.
It does not know how values are traced, nor how checks are recognised.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dca.arithmetic.claims import Claim
from dca.arithmetic.dependence import Dependence
from dca.equations.showing import show
from dca.review.decomposition import Misreading, misreading
from dca.review.opinion import ERROR, FATAL, KEY, PROGRESS, SLIP, UNCERTIFIED, UNUSED, Opinion, quoted
from dca.review.verification import check, repetition
from dca.types import POLICY, Step, Transcript

_ASKED: Final = re.compile(r"\b(?:check|verify|confirm|show that|two ways|prove)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Judge:
    """One rollout, looked at as a whole.

    Attributes:
        graph: The graph of values.
        steps: The steps.
        right: Whether the answer was right.
        asked: Whether the problem asks for a check.
        misread: Where the problem was taken for another one, or None.
        repairs: For each false claim that is put right later, the claim that does it.
        path: Places of the steps that the answer rests on, the one that states it included.
    """

    graph: Dependence
    steps: tuple[Step, ...]
    right: bool
    asked: bool
    misread: Misreading | None
    repairs: dict[int, Claim]
    path: frozenset[int]

    def opinion(self, k: int) -> Opinion:
        """The first row of the table that fits step `k`."""
        if self.steps[k].author != POLICY:
            return Opinion()
        for rule in (self._misreading, self._false, self._repair, self._needed, self._verifying, self._unused):
            opinion = rule(k)
            if opinion is not None:
                return opinion
        unsure = next((claim for claim in self.graph.own(k) if not claim.true), None)
        return Opinion(reason=f"cannot judge {quoted(unsure)}: {unsure.equation.reason}" if unsure else "")

    def _misreading(self, k: int) -> Opinion | None:
        if self.misread is None or self.misread.step != k:
            return None
        return Opinion(ERROR if self.right else FATAL, "error", reason=self.misread.reason)

    def _false(self, k: int) -> Opinion | None:
        """A false equation: the one that the answer rests on, or the first."""
        false = [claim for claim in self.graph.own(k) if claim.false]
        if not false:
            return None
        fatal = [claim for claim in false if claim.order in self.graph.users]
        claim = (fatal or false)[0]
        said = f"{quoted(claim)} is false: {claim.equation.reason}"
        if fatal:
            return Opinion(ERROR if self.right else FATAL, "error", reason=f"{said}; the answer rests on it")
        repair = self.repairs.get(claim.order)
        if repair is not None and repair.step == k:
            return Opinion(SLIP, "error", reason=f"{said}; put right within the step")
        return Opinion(ERROR, "error", reason=f"{said}; the answer does not rest on it")

    def _repair(self, k: int) -> Opinion | None:
        """The first false equation of an earlier step that this one redoes rightly."""
        for order, repair in self.repairs.items():
            false = self.graph.claims[order]
            if repair.step == k and false.step < k:
                said = f"{quoted(repair)} puts right {quoted(false)} of step {false.step}"
                return Opinion(0.0, "recovery", false.step, said)
        return None

    def _needed(self, k: int) -> Opinion | None:
        """A step on the path: praised in a right rollout, unless it works with a wrong value."""
        if k not in self.path:
            return None
        used = [claim for claim in self.graph.own(k) if claim.order in self.graph.users]
        causes = [order for claim in used for order in self.graph.tainted.get(claim.order, ())]
        if causes:
            wrong = self.graph.claims[causes[0]]
            said = f"it works with {show(wrong.made)} from step {wrong.step}, where {quoted(wrong)} is false"
            return Opinion(reason=said)
        if not self.right:
            return Opinion(reason=_unpraised(used))
        return self._praised(used) if used else Opinion(UNCERTIFIED, "progress", reason=self._in_words(k))

    def _praised(self, used: list[Claim]) -> Opinion:
        claim = next((one for one in used if self.graph.users[one.order] is None), used[0])
        user = self.graph.users[claim.order]
        if user is None:
            label, score, use = "key", KEY, f"it makes {self._goal()}"
        else:
            step = self.graph.claims[user].step
            label, score, use = "progress", PROGRESS, f"used by step {step} on the path to {self._goal()}"
        if not all(one.true for one in used):
            label, score = "progress", UNCERTIFIED
        verdict = "is certified" if claim.true else f"cannot be certified ({claim.equation.reason})"
        return Opinion(score, label, reason=f"{quoted(claim)} {verdict}; {use}")

    def _in_words(self, k: int) -> str:
        answer = self.graph.answer
        if answer is not None and answer.step == k:
            return f"it states the answer {show(answer.value)}"
        return f"it hands on a value in words on the path to {self._goal()}"

    def _goal(self) -> str:
        answer = self.graph.answer
        return "the last result" if answer is None else f"the answer {show(answer.value)}"

    def _verifying(self, k: int) -> Opinion | None:
        texts = tuple(step.text for step in self.steps)
        again = repetition(self.graph, texts, k)
        return again or check(self.graph, texts, k, asked=self.asked, right=self.right)

    def _unused(self, k: int) -> Opinion | None:
        """It makes values that no later step shows: filler where it started from the problem's numbers alone."""
        own = [claim for claim in self.graph.own(k) if claim.works]
        if not self.right or not own or not all(claim.true for claim in own) or self.graph.root is None:
            return None
        if any(claim.made in shown for shown in self.graph.numbers[k + 1 :] for claim in own):
            return None
        said = f"{quoted(own[-1])} is certified, and nothing later uses {show(own[-1].made)}"
        results = {claim.made for claim in self.graph.claims[: own[0].order] if claim.works and claim.step < k}
        if any(results.intersection(claim.equation.operands) for claim in own):
            return Opinion(reason=said)
        return Opinion(UNUSED, "filler", reason=said)


def judge_of(transcript: Transcript, steps: tuple[Step, ...], graph: Dependence) -> Judge:
    """Gather what the rules look at."""
    path = {graph.claims[order].step for order in graph.users} | graph.carriers
    if graph.answer is not None and path:
        path.add(graph.answer.step)
    return Judge(
        graph=graph,
        steps=steps,
        right=transcript.reward > 0,
        asked=bool(_ASKED.search(transcript.prompt)),
        misread=misreading(transcript.prompt, steps, graph.claims),
        repairs=_repairs(graph.claims),
        path=frozenset(path),
    )


def _repairs(claims: Sequence[Claim]) -> dict[int, Claim]:
    """For each false claim the later one that works out the same numbers rightly."""
    found: dict[int, Claim] = {}
    wrong: dict[object, list[int]] = {}
    for claim in claims:
        if claim.false:
            wrong.setdefault(claim.computed, []).append(claim.order)
        elif claim.true:
            for order in wrong.pop(claim.computed, ()) if wrong else ():
                found[order] = claim
    return found


def _unpraised(used: list[Claim]) -> str:
    """What is said of a path that led to a wrong answer without a false equation."""
    unsure = next((claim for claim in used if not claim.true), None)
    if unsure is not None:
        return f"cannot judge {quoted(unsure)}: {unsure.equation.reason}"
    return f"{quoted(used[0])} is certified; the answer is wrong all the same" if used else ""
