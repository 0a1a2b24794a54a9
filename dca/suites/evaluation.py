"""A reviewer on a suite: every case reviewed, or played back, and marked.

What a failed review earns is what it comes to in training: no opinion. It is counted apart all the same. This module
knows reviewers as arguments and recordings as a tape; it compares nothing and draws nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from dca.assignments import to_record
from dca.credit.schemes import Share, ValueDifference
from dca.credit.segment import segment
from dca.errors import PendingReply, RecordingMiss
from dca.pipeline import assign_credit
from dca.protocols import Reviewer, Scheme
from dca.review.llm import LLMReviewer
from dca.suites.case import Case, Suite
from dca.suites.opinion import Opinion, opinion_of, silent
from dca.suites.tape import MISSING, RECORDED, Answerer, Standing, Tape
from dca.types import Assignment, Review
from dca.usage import NO_USAGE, Usage

MARKED: Final = "marked"
FAILED: Final = "failed"
PERFECT: Final = 1.0 - 1e-9


@dataclass(frozen=True, slots=True)
class Result:
    """One case, one reviewer.

    Attributes:
        case: Its name.
        state: `MARKED`, `FAILED` (marked as no opinion), or why it is not marked: ``stale``, ``missing``.
        score: What the review earns, in [0, 1]; None where it is not marked, or no check can be answered.
        marks: What each check earns.
        note: Why a review failed.
        usage: What the review cost, also where it was played back.
        record: The line of the output contract; None where it is not marked.
    """

    case: str
    state: str
    score: float | None = None
    marks: tuple[float | None, ...] = ()
    note: str = ""
    usage: Usage = NO_USAGE
    record: Mapping[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One reviewer on a suite.

    Attributes:
        name: What it is called.
        results: One for each case, in order.
        standings: How the cases stand with their recordings; empty for a reviewer that needs none.
        orphans: Recordings that it does not ask for.
        used: Recordings that it asks for.
        answerers: Who gave the replies that were played back.
    """

    name: str
    results: tuple[Result, ...]
    standings: tuple[Standing, ...] = ()
    orphans: tuple[Path, ...] = ()
    used: frozenset[Path] = frozenset()
    answerers: tuple[Answerer, ...] = ()

    def with_state(self, state: str) -> tuple[str, ...]:
        """The cases that ended so."""
        return tuple(result.case for result in self.results if result.state == state)

    def stale_or_missing(self) -> tuple[Standing, ...]:
        """The cases that wait for a recording."""
        return tuple(standing for standing in self.standings if standing.state != RECORDED)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Who is evaluated: a reviewer, and the tape it is played back from, if it needs one."""

    name: str
    reviewer: Reviewer
    tape: Tape | None = None


@dataclass(frozen=True, slots=True)
class SilentReviewer:
    """Has no opinion on anything: what any reviewer must do better than."""

    name: str = "silent"
    measure: str = "contribution"

    def review(self, _transcript: object, steps: Sequence[object], /) -> Review:
        """All scores 0, no labels."""
        return Review(scores=(0.0,) * len(steps), reviewer=self.name)


def evaluate(candidate: Candidate, suite: Suite) -> Evaluation:
    """Mark every case that can be marked without asking anybody.

    Raises:
        RunError: From the reviewer: the run must stop.
    """
    tape, reviewer = candidate.tape, candidate.reviewer
    if tape is None or not isinstance(reviewer, LLMReviewer):
        return Evaluation(candidate.name, tuple(result_of(case, reviewer) for case in suite.cases))
    standings = [tape.standing(reviewer, case) for case in suite.cases]
    results = []
    for k, case in enumerate(suite.cases):
        if standings[k].state != RECORDED:
            results.append(Result(case.name, standings[k].state))
            continue
        try:
            results.append(result_of(case, reviewer))
        except RecordingMiss as miss:  # the reply was sent back once, and what came then was not recorded
            standings[k] = Standing(case.name, MISSING, ("second question",))
            results.append(Result(case.name, MISSING, note=str(miss)))
    return Evaluation(candidate.name, tuple(results), tuple(standings), tape.orphans(), tape.used(), tape.answerers())


def result_of(case: Case, reviewer: Reviewer) -> Result:
    """Review one case and mark it.

    Raises:
        RecordingMiss: A playback lacks a recording.
        RunError: The run must stop.
    """
    assignment = assign_credit(
        case.transcript, reviewer, scheme=scheme_for(reviewer), segmenter=lambda transcript: segment(transcript)
    )
    opinion = opinion_in(assignment, getattr(reviewer, "measure", ""))
    failed = is_failure(assignment)
    return Result(
        case=case.name,
        state=FAILED if failed else MARKED,
        score=case.expectation.score(opinion),
        marks=case.expectation.marks(opinion),
        note=(assignment.fallback or "") if failed else "",
        usage=assignment.usage,
        record=to_record(assignment, options={"segment": "auto"}),
    )


def scheme_for(reviewer: Reviewer) -> Scheme:
    """A scheme that can use what the reviewer measures."""
    return ValueDifference() if getattr(reviewer, "measure", "") == "value" else Share()


def is_failure(assignment: Assignment) -> bool:
    """Whether there is no review at all; one that is void for an injection is a review."""
    return assignment.fallback is not None and "injection" not in assignment.review.labels


def is_pending(assignment: Assignment) -> bool:
    """Whether a person has still to answer."""
    return (assignment.fallback or "").startswith(PendingReply.__name__)


def opinion_in(assignment: Assignment, measure: str) -> Opinion:
    """What the checks look at: the review, or no opinion where it failed."""
    if not is_failure(assignment):
        return opinion_of(assignment.review)
    nothing = silent(len(assignment.steps))
    return Opinion(nothing.labels, nothing.scores, nothing.links, is_value=measure == "value")


def silent_scores(cases: Iterable[Case]) -> tuple[float | None, ...]:
    """What no opinion earns on each case."""
    return tuple(case.expectation.score(silent(len(case.steps))) for case in cases)
