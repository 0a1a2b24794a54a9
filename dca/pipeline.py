"""The spine: transcript -> steps -> review -> findings -> credits, for one row or for very many.

Reviewer, detector, scheme and segmenter arrive as arguments; this module knows no concrete one but the defaults of
the quiet room. A failed review is data: the row falls back to token-uniform credit with the reason on it. What must
stop a run (`RunError`) is never swallowed.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from dca.credit.schemes import Share, uniform, verification_mask
from dca.credit.segment import segment
from dca.dispatch import Desk, Verdict, ask_all, awaited, in_turn, name_of, opened
from dca.errors import FallbackRateError, SchemeError
from dca.protocols import Detector, Reviewer, Scheme, Segmenter
from dca.types import Assignment, Detection, Row, Transcript
from dca.usage import NO_USAGE, Tally, Usage


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come; handed to `on_progress` after every row."""

    done: int = 0
    fallbacks: int = 0
    usage: Usage = NO_USAGE

    @property
    def fallback_rate(self) -> float:
        """Share of the rows so far whose review could not be used."""
        return self.fallbacks / self.done if self.done else 0.0


def assign_credit(
    transcript: Transcript,
    reviewer: Reviewer,
    *,
    scheme: Scheme | None = None,
    detector: Detector | None = None,
    segmenter: Segmenter = segment,
) -> Assignment:
    """Review one transcript and split its reward over its steps.

    Args:
        transcript: One finished rollout with its reward.
        reviewer: Anything with ``.review(transcript, steps) -> Review``.
        scheme: How judgement becomes credit; `Share()` unless told.
        detector: Recognises verification and show; without one the reviewer's labels decide.
        segmenter: How the completion is cut into steps.

    Returns:
        The assignment. Its ledger balances, also when the review failed (`fallback` says why).

    Raises:
        RunError: The run must stop: a refused key, an exhausted budget, a missing recording.
        SchemeError: The scheme cannot use what this reviewer measures.
    """
    scheme = scheme if scheme is not None else Share()
    check_measure(reviewer, scheme)
    steps = segmenter(transcript)
    return _settle(transcript, ask_all(reviewer, [(transcript, steps)])[0], scheme, detector)


def assign_many(
    transcripts: Iterable[Transcript],
    reviewer: Reviewer,
    *,
    scheme: Scheme | None = None,
    detector: Detector | None = None,
    segmenter: Segmenter = segment,
    max_in_flight: int = 1,
    deadline: float | None = None,
    max_fallback_rate: float | None = 0.5,
    fallback_window: int = 50,
    on_progress: Callable[[Progress], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Assignment]:
    """Review a stream of transcripts; yields assignments in the order of the transcripts, memory flat.

    Identical rows (same prompt, completion, reward, reference and turns) are reviewed once. With `max_in_flight` 1
    everything runs in the calling thread; a reviewer that waits for a network wants more.

    Args:
        transcripts: Any iterable; read only as far ahead as there is room in flight.
        reviewer: Shared by the threads.
        scheme: See `assign_credit`.
        detector: See `assign_credit`.
        segmenter: See `assign_credit`.
        max_in_flight: Reviews under way at a time.
        deadline: Seconds for the whole call; what is unfinished then falls back.
        max_fallback_rate: Stop when more than this share of the last `fallback_window` rows fell back.
        fallback_window: How many rows that rate is taken over; fewer rows never stop a run.
        on_progress: Called after each row with `Progress`.
        clock: Seconds, monotonic.

    Raises:
        FallbackRateError: Too many reviews failed.
        RunError: As `assign_credit`.
        SchemeError: As `assign_credit`.
        ValueError: `max_in_flight` or `fallback_window` is below 1.
    """
    if max_in_flight < 1 or fallback_window < 1:
        raise ValueError(
            f"max_in_flight and fallback_window must be at least 1, got {max_in_flight}, {fallback_window}"
        )
    scheme = scheme if scheme is not None else Share()
    check_measure(reviewer, scheme)
    ends = None if deadline is None else clock() + deadline

    def remaining() -> float | None:
        return None if ends is None else ends - clock()

    guard = _FallbackGuard(max_fallback_rate, fallback_window)
    progress, tally = Progress(), Tally()
    for transcript, verdict in in_turn(transcripts, reviewer, segmenter, max_in_flight, remaining):
        assignment = _settle(transcript, verdict, scheme, detector)
        tally.add(assignment.usage)
        fallbacks = progress.fallbacks + (assignment.fallback is not None)
        progress = Progress(progress.done + 1, fallbacks, tally.total)
        if on_progress is not None:
            on_progress(progress)
        yield assignment
        guard.saw(assignment.fallback)


class Ahead:
    """Reviews on their way: one assignment for each transcript, had when it is needed and not before.

    Nothing here waits until `result` is called, and that waits until the deadline at most.
    """

    def __init__(
        self,
        rows: Sequence[tuple[Transcript, Future[Verdict], bool]],
        desk: Desk,
        scheme: Scheme,
        detector: Detector | None,
    ) -> None:
        self._rows, self._desk, self._scheme, self._detector = rows, desk, scheme, detector
        self._settled: dict[int, Assignment] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def done(self, row: int) -> bool:
        """Whether `result` would return at once."""
        return row in self._settled or self._rows[row][1].done()

    def result(self, row: int) -> Assignment:
        """The assignment of one row; what the deadline cut off is a fallback.

        Raises:
            RunError: The run must stop; see `assign_credit`.
        """
        if row not in self._settled:
            transcript, answer, again = self._rows[row]
            verdict = awaited(transcript, answer, again, self._desk)
            self._settled[row] = _settle(transcript, verdict, self._scheme, self._detector)
        return self._settled[row]


def assign_ahead(
    transcripts: Iterable[Transcript],
    reviewer: Reviewer,
    *,
    scheme: Scheme | None = None,
    detector: Detector | None = None,
    segmenter: Segmenter = segment,
    max_in_flight: int = 1,
    deadline: float | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Ahead:
    """Begin to review some transcripts and return at once; the assignments are collected later, in any order.

    Other work then hides the reviewer's latency. The arguments are those of `assign_many`; with `max_in_flight` 1
    all reviews are done, in the calling thread, before this returns.

    Returns:
        As many pending assignments as there were transcripts.

    Raises:
        SchemeError: As `assign_credit`.
        ValueError: `max_in_flight` is below 1.
    """
    if max_in_flight < 1:
        raise ValueError(f"max_in_flight must be at least 1, got {max_in_flight}")
    scheme = scheme if scheme is not None else Share()
    check_measure(reviewer, scheme)
    ends = None if deadline is None else clock() + deadline
    with opened(reviewer, segmenter, max_in_flight, lambda: None if ends is None else ends - clock()) as desk:
        rows = [(transcript, *desk.take(transcript)) for transcript in transcripts]
    return Ahead(rows, desk, scheme, detector)


def check_measure(reviewer: Reviewer, scheme: Scheme) -> None:
    """Refuse a scheme that cannot use what the reviewer measures, before anything is spent."""
    needs, measures = getattr(scheme, "measure", None), getattr(reviewer, "measure", None)
    if needs and measures and needs != measures:
        raise SchemeError(
            f"the scheme {name_of(scheme)} needs a reviewer that measures {needs}; "
            f"{name_of(reviewer)} measures {measures}. Choose another scheme or another reviewer"
        )


def _settle(transcript: Transcript, verdict: Verdict, scheme: Scheme, detector: Detector | None) -> Assignment:
    """From a verdict to a balanced ledger: the mask is decided here, once, and findings never change it."""
    steps = verdict.steps
    detection = detector.detect(transcript, steps, verdict.review) if detector is not None else Detection()
    row = Row(
        review=verdict.review,
        lengths=tuple(step.policy_length for step in steps),
        verification=verification_mask(verdict.review, detection.verification),
        findings=detection.findings,
        amount=transcript.reward,
    )
    split = scheme(row) if verdict.fallback is None else uniform(row)
    return Assignment(
        transcript=transcript,
        steps=steps,
        review=verdict.review,
        verification=row.verification,
        findings=row.findings,
        credits=split.credits,
        push=split.push,
        scheme=name_of(scheme),
        fallback=verdict.fallback,
        usage=verdict.usage,
    )


class _FallbackGuard:
    """Stops a run whose reviews keep failing."""

    def __init__(self, limit: float | None, window: int) -> None:
        self._limit, self._recent = limit, deque[str | None](maxlen=window)

    def saw(self, fallback: str | None) -> None:
        """Count one row; raise once a full window holds too many fallbacks."""
        self._recent.append(fallback)
        reasons = [r for r in self._recent if r is not None]
        full = len(self._recent) == self._recent.maxlen
        if self._limit is not None and full and len(reasons) > self._limit * len(self._recent):
            raise FallbackRateError(
                f"{len(reasons)} of the last {len(self._recent)} reviews failed, "
                f"over the limit of {self._limit:.0%}; the last reason: {reasons[-1]}"
            )
