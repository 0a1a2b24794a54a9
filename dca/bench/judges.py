"""What is benched: anything that gives each step a score and a verdict for each question. Knows no measure.

A detector is a judge whose scores are its confidences. Three rules of thumb are judges too; they are what a detector
has to beat.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from dca.bench.features import CHECK_WORDS, RETRACTION_WORDS, Surface, surfaces
from dca.bench.labelled import QUESTIONS, Labelled
from dca.bench.metrics import Bools, Floats
from dca.protocols import Detector, Reviewer
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


@dataclass(frozen=True, slots=True)
class DetectorJudge:
    """A detector, with the reviews that it may look at.

    Attributes:
        name: What tables call it.
        detector: Who is benched.
        reviewer: Whose reviews it gets; None: reviews without an opinion, so that it stands alone.
    """

    name: str
    detector: Detector
    reviewer: Reviewer | None = None

    def judge(self, cases: Sequence[Labelled], /) -> list[Judged]:
        """Detect, transcript by transcript."""
        return [self._one(case) for case in cases]

    def _one(self, case: Labelled) -> Judged:
        blank = Review(scores=(0.0,) * len(case.steps))
        review = self.reviewer.review(case.transcript, case.steps) if self.reviewer is not None else blank
        found = self.detector.detect(case.transcript, case.steps, review)
        scores = {question: np.zeros(len(case.steps)) for question in QUESTIONS}
        scores["verification"][list(found.verification)] = 1.0
        accused = {question: scores[question] > 0 for question in QUESTIONS}
        for finding in found.findings:
            question = KINDS.get(finding.kind)
            if question is not None and finding.steps:
                where = list(finding.steps)
                scores[question][where] = np.maximum(scores[question][where], finding.confidence)
                accused[question][where] = True
        return Judged(scores, accused)


@dataclass(frozen=True, slots=True)
class Labels:
    """A reviewer's labels taken as detection: what a detector has to add to."""

    reviewer: Reviewer

    def detect(self, transcript: Transcript, steps: tuple[Step, ...], review: Review, /) -> Detection:
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
    Rule("after first candidate", {question: _after for question in QUESTIONS}),
)
"""Words of checking or retracting; nothing but known numbers (for mistakes: a new number that is lost again); place."""
