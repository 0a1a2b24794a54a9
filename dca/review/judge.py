"""What is said of each step, given the graph of values and whether the answer was right.

The table of scores stands in `dca.review.arithmetic`; here is one method for each of its rows.
It does not know how values are traced.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dca.equations.certify import show
from dca.review.decomposition import misreading
from dca.review.dependence import CUE, Claim, Dependence, computed, kind_of
from dca.types import POLICY, Step, Transcript

KEY: Final = 1.0
PROGRESS: Final = 0.75
UNCERTIFIED: Final = 0.5
UNUSED: Final = -0.25
SLIP: Final = -0.25
ERROR: Final = -0.5
FATAL: Final = -1.0

LONGEST: Final = 80
"""Characters of an equation that a reason quotes."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What is said of one step."""

    score: float = 0.0
    label: str | None = None
    link: int | None = None
    reason: str = ""


class Judge:
    """One rollout, looked at as a whole.

    Attributes:
        path: The steps that the answer rests on, the one that states it included.
    """

    def __init__(self, transcript: Transcript, steps: Sequence[Step], graph: Dependence) -> None:
        self.right = transcript.reward > 0
        self.graph = graph
        self.misread = misreading(transcript.prompt, steps, graph.claims)
        self.claims: dict[int, list[Claim]] = {}
        self.first: dict[object, Claim] = {}
        for claim in graph.claims:
            self.claims.setdefault(claim.step, []).append(claim)
            self.first.setdefault(kind_of(claim), claim)
        self.repairs = _repairs(graph.claims)
        self.repairing = {
            repair.step: k for k, repair in reversed(self.repairs.items()) if repair.step > graph.claims[k].step
        }
        self.path = {graph.claims[k].step for k in graph.users} | graph.carriers
        if graph.answer is not None and self.path:
            self.path.add(graph.answer.step)

    def opinion(self, step: Step) -> Opinion:
        """The first row of the table that fits."""
        if step.author != POLICY:
            return Opinion()
        rules = (self._misreading, self._false, self._repair, self._needed, self._repeat, self._check, self._unused)
        for rule in rules:
            opinion = rule(step)
            if opinion is not None:
                return opinion
        return Opinion(reason=self._silence(step))

    def _misreading(self, step: Step) -> Opinion | None:
        if self.misread is None or self.misread.step != step.index:
            return None
        return Opinion(ERROR if self.right else FATAL, "error", reason=self.misread.reason)

    def _false(self, step: Step) -> Opinion | None:
        """A false equation: the one that the answer rests on, or the first."""
        false = [claim for claim in self._of(step) if claim.false]
        if not false:
            return None
        fatal = [claim for claim in false if claim.order in self.graph.users]
        claim = (fatal or false)[0]
        said = f"{quoted(claim)} is false: {claim.equation.reason}"
        repair = self.repairs.get(claim.order)
        if repair is not None and repair.step == step.index:
            return Opinion(SLIP, "error", reason=f"{said}; put right within the step")
        if fatal:
            return Opinion(ERROR if self.right else FATAL, "error", reason=f"{said}; the answer rests on it")
        return Opinion(ERROR, "error", reason=f"{said}; the answer does not rest on it")

    def _repair(self, step: Step) -> Opinion | None:
        order = self.repairing.get(step.index)
        if order is None:
            return None
        false = self.graph.claims[order]
        said = f"{quoted(self.repairs[order])} puts right {quoted(false)} of step {false.step}"
        return Opinion(0.0, "recovery", false.step, said)

    def _needed(self, step: Step) -> Opinion | None:
        """A step on the path: praised in a right rollout, unless what it hands on is wrong or not its own."""
        if step.index not in self.path:
            return None
        used = [claim for claim in self._of(step) if claim.order in self.graph.users]
        wrong = next((cause for claim in used for cause in self._causes(claim)), None)
        if wrong is not None:
            return Opinion(
                reason=f"it works with {show(wrong.made)} from step {wrong.step}, where {quoted(wrong)} is false"
            )
        if not self.right:
            return Opinion(reason=self._unpraised(used))
        if not used:
            return Opinion(UNCERTIFIED, "progress", reason=self._in_words(step))
        return self._praised(used)

    def _praised(self, used: list[Claim]) -> Opinion:
        claim = next((c for c in used if self.graph.users[c.order] is None), used[0])
        certified = all(c.true for c in used)
        user = self.graph.users[claim.order]
        verdict = "is certified" if claim.true else f"cannot be certified ({claim.equation.reason})"
        if user is None:
            label, score, use = "key", KEY, f"it makes {self._goal()}"
        else:
            label, score, use = (
                "progress",
                PROGRESS,
                f"used by step {self.graph.claims[user].step} on the path to {self._goal()}",
            )
        if not certified:
            label, score = "progress", UNCERTIFIED
        return Opinion(score, label, reason=f"{quoted(claim)} {verdict}; {use}")

    def _unpraised(self, used: list[Claim]) -> str:
        if not used:
            return ""
        if all(claim.true for claim in used):
            return (
                f"{quoted(used[0])} is certified, but the answer is wrong: the mistake may be of a kind not seen here"
            )
        return f"cannot judge {quoted(used[0])}: {used[0].equation.reason}"

    def _in_words(self, step: Step) -> str:
        answer = self.graph.answer
        if answer is not None and answer.step == step.index:
            return f"it states the answer {show(answer.value)}"
        return f"it hands on a value in words on the path to {self._goal()}"

    def _goal(self) -> str:
        answer = self.graph.answer
        return "the last result" if answer is None else f"the answer {show(answer.value)}"

    def _repeat(self, step: Step) -> Opinion | None:
        """Every equation that it works out was certified in earlier steps."""
        own = [claim for claim in self._of(step) if claim.works]
        before = [self.first[kind_of(claim)] for claim in own]
        if not own or not all(c.true and b.true and b.step < step.index for c, b in zip(own, before, strict=True)):
            return None
        said = f"{quoted(own[0])} was certified in step {before[0].step} already"
        return Opinion(0.0, "needless_check", before[0].step, said)

    def _check(self, step: Step) -> Opinion | None:
        """It re-examines a value made before: in its words, or by running an equation backwards."""
        own = self._of(step)
        cue = CUE.search(step.text)
        for claim in own:
            target = self._examined(claim, bool(cue))
            if target is not None:
                return Opinion(
                    0.0, "check", target.step, f"{quoted(claim)} re-examines {quoted(target)} of step {target.step}"
                )
        if cue is None or own:
            return None
        shown = self.graph.numbers[step.index]
        target = next((c for c in reversed(self.graph.claims) if c.step < step.index and c.made in shown), None)
        if target is None:
            return None
        said = f"it re-examines {show(target.made)} of step {target.step} ({cue[0]!r}) and computes nothing"
        return Opinion(0.0, "check", target.step, said)

    def _examined(self, claim: Claim, cue: bool) -> Claim | None:
        """The earlier claim that one tests: it comes to the same value anew, or goes back to where that began."""
        operands, made = set(claim.equation.operands), claim.made
        for other in reversed(self.graph.claims[max(0, claim.order - 64) : claim.order]):
            if other.step == claim.step or not other.works or made is None:
                continue
            inverse = other.made in operands and made in other.equation.operands
            if (inverse and operands <= {other.made, *other.equation.operands}) or (cue and made == other.made):
                return other
        return None

    def _unused(self, step: Step) -> Opinion | None:
        """It makes values that no later step shows."""
        own = [claim for claim in self._of(step) if claim.works]
        if not self.right or not own or not all(claim.true for claim in own) or not self.graph.users:
            return None
        later = frozenset[object]().union(*self.graph.numbers[step.index + 1 :])
        if any(claim.made in later or claim.equation.value in later for claim in own):
            return None
        return Opinion(
            UNUSED, "filler", reason=f"{quoted(own[-1])} is certified, and nothing later uses {show(own[-1].made)}"
        )

    def _silence(self, step: Step) -> str:
        """What cannot be judged, and why."""
        unsure = next((c for c in self._of(step) if not c.true and not c.false), None)
        return f"cannot judge {quoted(unsure)}: {unsure.equation.reason}" if unsure else ""

    def _of(self, step: Step) -> list[Claim]:
        return self.claims.get(step.index, [])

    def _causes(self, claim: Claim) -> list[Claim]:
        return [self.graph.claims[order] for order in self.graph.tainted.get(claim.order, ())]


def _repairs(claims: Sequence[Claim]) -> dict[int, Claim]:
    """For each false claim the later one that works out the same numbers rightly."""
    found: dict[int, Claim] = {}
    open_: dict[object, list[int]] = {}
    for claim in claims:
        key = computed(claim)
        if claim.false:
            open_.setdefault(key, []).append(claim.order)
        elif claim.true:
            for order in open_.pop(key, ()):
                found[order] = claim
    return found


def quoted(claim: Claim) -> str:
    """An equation as a reason quotes it."""
    left, right = (" ".join(side.split()) for side in (claim.equation.left, claim.equation.right))
    text = f"{left or '…'} = {right or '…'}"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
