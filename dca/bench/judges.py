"""What is benched: anything that gives each step a score and a verdict for each question. Knows no measure.

A detector is a judge whose scores are its confidences. Three rules of thumb are judges too; they are what a detector
has to beat.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

import numpy as np

from dca.bench.features import CHECK_WORDS, RETRACTION_WORDS, Surface, surfaces
from dca.bench.labelled import QUESTIONS, Labelled
from dca.bench.metrics import Bools, Floats
from dca.protocols import Detector, GroupDetector, Reviewer
from dca.types import Detection, Finding, Review, Step, Transcript

KINDS: Final[Mapping[str, str]] = {"needless_check": "needless", "staged_mistake": "staged"}
"""The question that each kind of finding answers."""

_VERIFIES: Final = ("check", "needless_check")


@dataclass(frozen=True, slots=True)
class Judged:
    """What a judge says of the K steps of one transcript, by question.

    Attributes:
        scores: (K,) higher is more of a yes.
        accused: (K,) the verdicts.
    """

    scores: Mapping[str, Floats]
    accused: Mapping[str, Bools]


class Judge(Protocol):
    """Whoever is benched."""

    @property
    def name(self) -> str:
        """What tables call it."""
        ...

    def judge(self, cases: Sequence[Labelled], /) -> Sequence[Judged]:
        """Judge every transcript of a set; whatever is fitted on the way must not see the problem it judges."""
        ...


@runtime_checkable
class Ranking(Protocol):
    """A detector that can also rank what it does not accuse."""

    def suspects(self, transcript: Transcript, steps: tuple[Step, ...], review: Review, /) -> tuple[Finding, ...]:
        """Everything that has any evidence against it."""
        ...


@dataclass(frozen=True, slots=True)
class DetectorJudge:
    """A detector, with the reviews that it may look at.

    Scores rank what is accused, by confidence, above what is only suspected, by confidence.

    Attributes:
        name: What tables call it.
        detector: Who is benched.
        reviewer: Whose reviews it gets; None: reviews without an opinion, so that it stands alone.
    """

    name: str
    detector: Detector
    reviewer: Reviewer | None = None

    def judge(self, cases: Sequence[Labelled], /) -> list[Judged]:
        """Detect, one by one; a detector that learns from groups first sees a transcript's group, without labels.

        In a set whose rows name no group, the whole set is one: prompts tell the groups apart.
        """
        detector = self.detector
        if not (isinstance(detector, GroupDetector) and detector.wants_group):
            return [self._one(case, detector) for case in cases]
        groups: dict[str, list[Labelled]] = {}
        for case in cases:
            groups.setdefault(case.group, []).append(case)
        known = {id(case.transcript): case.steps for case in cases}
        knowing = {
            name: detector.for_group((case.transcript for case in rows), segmenter=lambda one: known[id(one)])
            for name, rows in groups.items()
            if name or len(groups) == 1
        }
        return [self._one(case, knowing.get(case.group, detector)) for case in cases]

    def _one(self, case: Labelled, detector: Detector) -> Judged:
        blank = Review(scores=(0.0,) * len(case.steps))
        review = self.reviewer.review(case.transcript, case.steps) if self.reviewer is not None else blank
        found = detector.detect(case.transcript, case.steps, review)
        scores = {question: np.zeros(len(case.steps)) for question in QUESTIONS}
        scores["verification"][list(found.verification)] = 1.0
        accused = {question: scores[question] > 0 for question in QUESTIONS}
        suspects: tuple[Finding, ...] = ()
        if isinstance(detector, Ranking):
            suspects = detector.suspects(case.transcript, case.steps, review)
        for finding, least in [*((one, 0.0) for one in suspects), *((one, 0.5) for one in found.findings)]:
            question, where = KINDS.get(finding.kind), list(finding.steps)
            if question is not None and where:
                scores[question][where] = np.maximum(scores[question][where], least + finding.confidence / 2)
                accused[question][where] |= least > 0
        return Judged(scores, accused)


@dataclass(frozen=True, slots=True)
class Labels:
    """A reviewer's labels taken as detection: what a detector has to add to."""

    reviewer: Reviewer

    def detect(self, transcript: Transcript, steps: tuple[Step, ...], _review: Review, /) -> Detection:
        """Checks are verification; `needless_check` and `staged_mistake` are findings of confidence 1."""
        labels = self.reviewer.review(transcript, steps).labels
        findings = (
            Finding(label, (k,), 1.0) for k, label in enumerate(labels) if label is not None and label in KINDS
        )
        return Detection(tuple(k for k, label in enumerate(labels) if label in _VERIFIES), tuple(findings))


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of thumb: for each question, a score of a step from its text and its surface; a yes from 0.5 on."""

    name: str
    rules: Mapping[str, Callable[[Step, Surface], float]]

    def judge(self, cases: Sequence[Labelled], /) -> list[Judged]:
        """Apply the rule to every step."""
        return [self._one(case) for case in cases]

    def _one(self, case: Labelled) -> Judged:
        seen = list(zip(case.steps, surfaces(case), strict=True))
        scores = {
            question: np.array([self.rules[question](step, surface) for step, surface in seen], dtype=np.float64)
            for question in QUESTIONS
        }
        return Judged(scores, {question: scores[question] >= 0.5 for question in QUESTIONS})


def _says_check(step: Step, _surface: Surface) -> float:
    return float(CHECK_WORDS.search(step.text) is not None)


def _says_wrong(step: Step, _surface: Surface) -> float:
    return float(RETRACTION_WORDS.search(step.text) is not None)


def _nothing_new(_step: Step, surface: Surface) -> float:
    return float(surface.numbers > 0 and not surface.new_numbers and not surface.last)


def _lost(_step: Step, surface: Surface) -> float:
    return float(surface.lost > 0 and not surface.last)


def _after(_step: Step, surface: Surface) -> float:
    return float(surface.after_candidate and not surface.last)


RULES: Final = (
    Rule("regex", {"verification": _says_check, "needless": _says_check, "staged": _says_wrong}),
    Rule("no new number", {"verification": _nothing_new, "needless": _nothing_new, "staged": _lost}),
    Rule("after first candidate", dict.fromkeys(QUESTIONS, _after)),
)
"""Words of checking or retracting; only known numbers (for mistakes: a new number that is lost again); place."""
