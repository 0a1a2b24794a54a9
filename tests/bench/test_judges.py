"""Judges: detectors with and without ranking, reviewers' labels, and the rules of thumb."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from dca.bench.features import FEATURES, matrix, surfaces
from dca.bench.judges import RULES, DetectorJudge, Labels
from dca.bench.labelled import QUESTIONS, Labelled, labelled
from dca.protocols import Segmenter
from dca.review.arithmetic import ArithmeticReviewer
from dca.transcripts.place import Located
from dca.types import Detection, Finding, Review, Step, Transcript


def case(*steps: str, prompt: str = "48 clips and half as many") -> Labelled:
    return labelled(Located("a.jsonl", 1, {"prompt": prompt, "completion": list(steps), "reward": 1, "truth": {}}))


CASE = case("48 / 2 = 24", "48 + 24 = 72", "Let me check: 48 / 2 = 24", "Oops, 72 is wrong", "The answer is 72")


@dataclass(frozen=True)
class Fixed:
    """A detector that says what it was told."""

    detection: Detection

    def detect(self, transcript: Transcript, steps: tuple[Step, ...], review: Review, /) -> Detection:
        assert len(review.scores) == len(steps)
        return self.detection


@dataclass(frozen=True)
class Ranker(Fixed):
    """One that also ranks."""

    suspected: tuple[Finding, ...] = ()

    def suspects(self, transcript: Transcript, steps: tuple[Step, ...], review: Review, /) -> tuple[Finding, ...]:
        return self.suspected


def test_a_detector_is_asked_without_an_opinion_beside_it() -> None:
    """Verification and findings become verdicts; the review that a detector gets has no opinion."""
    found = Fixed(Detection((2,), (Finding("staged_mistake", (1, 3), 0.6),)))
    (judged,) = DetectorJudge("fixed", found).judge([CASE])
    assert judged.accused["verification"].tolist() == [False, False, True, False, False]
    assert judged.accused["staged"].tolist() == [False, True, False, True, False]
    assert not judged.accused["needless"].any()


def test_what_is_accused_ranks_above_what_is_suspected() -> None:
    """A suspect without an accusation has a score below every accusation, and no verdict."""
    sure, unsure = Finding("needless_check", (2,), 0.1), Finding("needless_check", (3,), 0.9)
    (judged,) = DetectorJudge("r", Ranker(Detection((), (sure,)), (sure, unsure))).judge([CASE])
    assert judged.scores["needless"][2] > judged.scores["needless"][3] > judged.scores["needless"][0] == 0
    assert judged.accused["needless"].tolist() == [False, False, True, False, False]


@dataclass(frozen=True)
class Learner(Fixed):
    """A detector that wants to know the group first."""

    wants_group: bool = True

    def for_group(self, transcripts: Iterable[Transcript], /, *, segmenter: Segmenter) -> Fixed:
        steps = [len(segmenter(transcript)) for transcript in transcripts]
        return Fixed(Detection(tuple(range(steps[0]))))


def test_a_detector_that_learns_from_groups_sees_the_set_first() -> None:
    """The whole set, cut into its own steps, is shown to a detector that wants groups."""
    (judged, _) = DetectorJudge("l", Learner(Detection())).judge([CASE, CASE])
    assert judged.accused["verification"].all()


def test_a_detector_that_learns_from_groups_sees_only_the_group() -> None:
    """Where rows name their group, a row is judged with its own group, and a row of no group by itself."""
    short, longer = replace(CASE, group="a"), replace(case("1 + 1 = 2", "A: 2"), group="b")
    judged = DetectorJudge("l", Learner(Detection((0,)))).judge([short, CASE, longer])
    assert [one.accused["verification"].sum() for one in judged] == [5, 1, 2]


def test_labels_of_a_reviewer_are_a_detection() -> None:
    """What the arithmetic reviewer labels a needless check is verification and a finding."""
    reviewer = ArithmeticReviewer()
    labels = reviewer.review(CASE.transcript, CASE.steps).labels
    found = Labels(reviewer).detect(CASE.transcript, CASE.steps, Review(scores=(0.0,) * 5))
    assert "needless_check" in labels
    assert found.verification == tuple(k for k, label in enumerate(labels) if label in ("check", "needless_check"))
    assert [f.steps for f in found.findings] == [(k,) for k, label in enumerate(labels) if label == "needless_check"]


def test_the_rules_of_thumb() -> None:
    """Each rule flags what its name says: words, nothing new, a place after the first candidate."""
    verdicts = {rule.name: rule.judge([CASE])[0].accused for rule in RULES}
    assert verdicts["regex"]["needless"].tolist() == [False, False, True, False, False]
    assert verdicts["regex"]["staged"].tolist() == [False, False, False, True, False]
    assert verdicts["no new number"]["needless"].tolist() == [False, False, True, True, False]
    assert verdicts["after first candidate"]["needless"].tolist() == [False, False, True, True, False]


def test_a_lost_number_is_one_that_no_later_step_shows() -> None:
    """For mistakes the rule of numbers looks for a new number that never comes back."""
    lost = case("48 / 2 = 26", "It is 24", "48 + 24 = 72", "A: 72")
    rule = next(rule for rule in RULES if rule.name == "no new number")
    assert rule.judge([lost])[0].accused["staged"].tolist() == [True, False, False, False]


def test_thirteen_features() -> None:
    """There are thirteen named features, one row for each step, and the prompt's numbers are not new."""
    assert len(FEATURES) == 13
    assert matrix([CASE, CASE]).shape == (10, 13)
    assert [s.new_numbers for s in surfaces(CASE)] == [2, 1, 0, 0, 0]  # the 2 of 48 / 2 and its result
    assert matrix([]).shape == (0, 13)


def test_the_first_candidate_is_the_number_that_the_end_gives() -> None:
    """What comes after the first step that shows the final number is after the first candidate."""
    assert [s.after_candidate for s in surfaces(CASE)] == [False, False, True, True, True]
    assert not any(s.after_candidate for s in surfaces(case("no numbers", "none here either")))


def test_every_question_is_answered_for_every_step() -> None:
    """Scores and verdicts cover all steps and all questions."""
    for rule in RULES:
        for judged in rule.judge([CASE]):
            assert {q: len(judged.scores[q]) for q in QUESTIONS} == dict.fromkeys(QUESTIONS, 5)
            assert all(np.isin(judged.scores[q], (0.0, 1.0)).all() for q in QUESTIONS)
