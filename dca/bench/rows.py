"""Reviews asked once and kept: one line of JSON for each as it arrives, so that a bench that was stopped goes on.

A row is found again by the reviewer's identity and the rollout's content, whatever set it was asked for. This module
knows reviewers and files; it does not know what is right.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from dca.assignments import LineWriter, to_line
from dca.credit.schemes import uniform
from dca.credit.segment import segment
from dca.dispatch import signature
from dca.errors import InputError
from dca.pipeline import Progress, assign_many
from dca.protocols import Reviewer
from dca.suites.opinion import Opinion, opinion_of, silent
from dca.types import Assignment, Review, Row, Split, Step, Transcript
from dca.usage import Usage

FORMAT: Final = 1
_BEGINS: Final = b'{"format": 1, "key": "'
PASSING: Final = ("TransportError", "PendingReply", "deadline")
"""Failures that are no answer: they are not kept, and asked about again."""

Clock = Callable[[], float]


def given_steps(transcript: Transcript) -> tuple[Step, ...]:
    """The steps of a rollout whose steps are given, however many there are."""
    return segment(transcript, max_steps=max(1, len(transcript.completion)))


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came of one review.

    Attributes:
        review: The review; no opinion where it failed.
        fallback: None, or why it is not used.
        usage: What it cost.
        seconds: How long it took; None where that was not measured.
    """

    review: Review
    fallback: str | None
    usage: Usage
    seconds: float | None

    @property
    def void(self) -> bool:
        """Whether a step was taken for an injection, so that the review is not used."""
        return self.fallback is not None and "injection" in self.review.labels

    @property
    def failed(self) -> bool:
        """Whether there is no review."""
        return self.fallback is not None and not self.void

    def seen(self, measure: str) -> Opinion:
        """What a case is marked by: the review also where it is void; no opinion of this measure where it failed."""
        if not self.failed:
            return opinion_of(self.review)
        return replace(silent(len(self.review.scores)), is_value=measure == "value")

    @property
    def opinion(self) -> Opinion:
        """What training would see: the review, or no opinion where it failed or is void."""
        return opinion_of(self.review) if self.fallback is None else silent(len(self.review.scores))


class Book:
    """The judgements known so far, in memory and, where a path is given, on disk.

    Args:
        path: A file of rows; there already or not. None: nothing is kept.
        retry: Forget the reviews that failed, so that they are asked for again.

    Raises:
        InputError: The file holds something else.
    """

    def __init__(self, path: Path | None = None, *, retry: bool = False) -> None:
        self._path = path
        self._known: dict[str, Judgement] = {}
        self._writer: LineWriter | None = None
        for number, line in enumerate(_whole_lines(path) if path is not None else (), 1):
            key, judgement = _from_line(line, f"{path}:{number}")
            self._known[key] = judgement
        if retry:
            self._known = {key: one for key, one in self._known.items() if not one.failed}

    def __len__(self) -> int:
        return len(self._known)

    def find(self, key: str) -> Judgement | None:
        """The judgement kept under a key."""
        return self._known.get(key)

    def keep(self, key: str, judgement: Judgement, *, about: str) -> None:
        """Remember a judgement, and write it down at once unless its failure may pass."""
        self._known[key] = judgement
        if self._path is None or (judgement.fallback or "").startswith(PASSING):
            return
        if self._writer is None:  # to go on cuts off what a kill left of a line
            self._writer = LineWriter(self._path, resume=self._path.is_file())
        self._writer.write(to_line(_to_record(key, judgement, about)))

    def close(self) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()


def key_of(reviewer: Reviewer, transcript: Transcript) -> str:
    """Equal for rollouts that a reviewer could not tell apart."""
    t = transcript
    told = repr((signature(reviewer), t.prompt, t.completion, t.reward, t.reference, t.spans))
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def wanted(reviewer: Reviewer, transcripts: Iterable[Transcript], book: Book) -> dict[str, Transcript]:
    """The distinct rollouts that the book says nothing of, by key, in order."""
    keyed = {key_of(reviewer, transcript): transcript for transcript in transcripts}
    return {key: transcript for key, transcript in keyed.items() if book.find(key) is None}


def ask(
    reviewer: Reviewer,
    transcripts: Iterable[Transcript],
    book: Book,
    *,
    max_in_flight: int = 1,
    clock: Clock = time.monotonic,
    on_progress: Callable[[Progress], None] | None = None,
) -> None:
    """Review what the book says nothing of; each row is in the book, and on disk, as soon as it has arrived.

    Args:
        reviewer: Asked about one rollout at a time, so that seconds and dollars are those of one.
        transcripts: Rollouts whose steps are given.
        book: Where the judgements go.
        max_in_flight: Reviews under way at a time.
        clock: Seconds, monotonic.
        on_progress: Told after each row.

    Raises:
        RunError: The run must stop, for a spent budget or because most reviews fail; what arrived is kept.
    """
    rows = wanted(reviewer, transcripts, book)
    timed = _Timed(reviewer, clock)
    done = assign_many(
        rows.values(),
        timed,
        scheme=_unsplit,
        segmenter=given_steps,
        max_in_flight=max_in_flight,
        on_progress=on_progress,
    )
    for key, assignment in zip(rows, done, strict=True):
        book.keep(key, _judgement(assignment, timed.seconds.get(key)), about=assignment.transcript.id)


@dataclass(frozen=True, slots=True)
class Spent:
    """What reviewing took.

    Attributes:
        usd: Dollars for each review that was asked for; None where all were answered from a cache.
        seconds: Seconds for each, likewise.
        reviews: How many there are.
        failed: How many of them failed.
        void: How many of them are void for an injection.
    """

    usd: float | None
    seconds: float | None
    reviews: int
    failed: int
    void: int


def spent(judgements: Iterable[Judgement]) -> Spent:
    """The mean cost and time over reviews that were asked for; what a cache answered counts for neither."""
    rows = list(judgements)
    fresh = [row for row in rows if not row.usage.reused]
    timed = [row.seconds for row in fresh if row.seconds is not None]
    return Spent(
        usd=Usage.total(row.usage for row in fresh).cost_usd / len(fresh) if fresh else None,
        seconds=sum(timed) / len(timed) if timed else None,
        reviews=len(rows),
        failed=sum(row.failed for row in rows),
        void=sum(row.void for row in rows),
    )


class _Timed:
    """The reviewer with a watch beside it; groups are not formed, so that each review has its own time."""

    def __init__(self, reviewer: Reviewer, clock: Clock) -> None:
        self._reviewer, self._clock = reviewer, clock
        self.identity = signature(reviewer)
        self.seconds: dict[str, float] = {}

    def review(self, transcript: Transcript, steps: tuple[Step, ...], /) -> Review:
        """As the reviewer itself."""
        began = self._clock()
        try:
            return self._reviewer.review(transcript, steps)
        finally:
            self.seconds[key_of(self._reviewer, transcript)] = self._clock() - began


def _unsplit(row: Row) -> Split:
    """No credit is asked for: a scheme that takes whatever a review measures."""
    return uniform(row)


def _judgement(assignment: Assignment, seconds: float | None) -> Judgement:
    return Judgement(assignment.review, assignment.fallback, assignment.usage, seconds)


def _to_record(key: str, judgement: Judgement, about: str) -> dict[str, Any]:
    review = judgement.review
    return {
        "format": FORMAT,
        "key": key,
        "id": about,
        "reviewer": review.reviewer,
        "measure": review.measure,
        "baseline": review.baseline,
        "scores": list(review.scores),
        "labels": list(review.labels),
        "links": list(review.links),
        "reasons": list(review.reasons),
        "shortest": list(review.shortest),
        "fallback": judgement.fallback,
        "seconds": judgement.seconds,
        "usage": dataclasses.asdict(judgement.usage),
    }


def _whole_lines(path: Path) -> list[bytes]:
    """The lines of a file of rows, without one that was cut off; a file of something else keeps what it has."""
    if not path.is_file():
        return []
    *lines, rest = path.read_bytes().split(b"\n")
    return lines if _BEGINS.startswith(rest[: len(_BEGINS)]) else [*lines, rest]


def _from_line(line: bytes, where: str) -> tuple[str, Judgement]:
    try:
        record = json.loads(line)
        found = record["format"]
    except (ValueError, TypeError, KeyError) as error:
        record, found = {}, f"{type(error).__name__}: {error}"
    if found != FORMAT:
        raise InputError(
            f"{where}: format: expected {FORMAT}, got {found!r}; this is no file of rows of `dca bench reviewer`: "
            f"name another one with --rows"
        )
    try:
        usage = Usage(**record["usage"])
        review = Review(
            scores=tuple(record["scores"]),
            labels=tuple(record["labels"]),
            links=tuple(record["links"]),
            reasons=tuple(record["reasons"]),
            shortest=tuple(record["shortest"]),
            measure=record["measure"],
            baseline=record["baseline"],
            reviewer=record["reviewer"],
            usage=usage,
        )
        return str(record["key"]), Judgement(review, record["fallback"], usage, record["seconds"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{where}: {type(error).__name__}: {error}; the line was changed by hand") from error
