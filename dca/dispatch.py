"""Rows out, verdicts back, in order: the thread pool of the spine, and the seam where a failed review becomes data.

Rows of one prompt may share a request, identical rows are asked about once, and a deadline bounds the whole. This
module knows nothing of credit: a verdict is a review, or the reason why there is none.
"""

from __future__ import annotations

import hashlib
import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from dca.errors import ReviewError, RunError
from dca.protocols import GroupReviewer, Reviewer, Segmenter
from dca.types import Review, Step, Transcript
from dca.usage import NO_USAGE, Usage

LOG: Final = logging.getLogger("dca")
_AHEAD: Final = 8  # rows kept in order for each request in flight: one slow review must not hold up the others
_REMEMBERED: Final = 1024  # finished reviews kept for identical rows that follow


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of asking the reviewer about some steps: a review, or why there is none."""

    steps: tuple[Step, ...]
    review: Review
    usage: Usage
    fallback: str | None = None


def name_of(part: object) -> str:
    """What a reviewer or scheme is called in records: its `name`, else the name of its class or function."""
    return str(getattr(part, "name", None) or getattr(part, "__name__", type(part).__name__))


def signature(reviewer: Reviewer) -> str:
    """What a reviewer is called on a review: its `identity` (model, prompt, options) where it has one."""
    return str(getattr(reviewer, "identity", None) or name_of(reviewer))


def in_turn(
    transcripts: Iterable[Transcript],
    reviewer: Reviewer,
    segmenter: Segmenter,
    max_in_flight: int,
    remaining: Callable[[], float | None],
) -> Iterator[tuple[Transcript, Verdict]]:
    """Cut and judge rows in order, up to `max_in_flight` requests at a time, each distinct row once."""
    waiting: deque[tuple[Transcript, Future[Verdict], bool]] = deque()
    with _pool(max_in_flight) as submit:
        desk = Desk(reviewer, segmenter, submit, remaining)
        room = desk.group_size * (1 if max_in_flight == 1 else _AHEAD * max_in_flight)
        for transcript in transcripts:
            waiting.append((transcript, *desk.take(transcript)))
            if len(waiting) >= room:
                yield _collect(*waiting.popleft(), desk)
        while waiting:
            yield _collect(*waiting.popleft(), desk)


class Desk:
    """Where rows go to be asked about: grouped by prompt where the reviewer takes groups, each distinct row once."""

    def __init__(
        self, reviewer: Reviewer, segmenter: Segmenter, submit: _Submit, remaining: Callable[[], float | None]
    ) -> None:
        self.group_size: int = getattr(reviewer, "rollouts_per_request", 1)
        self.remaining = remaining
        self._reviewer, self._segmenter, self._submit = reviewer, segmenter, submit
        self._open: list[tuple[Transcript, Future[Verdict]]] = []
        self._seen: OrderedDict[bytes, Future[Verdict]] = OrderedDict()

    def take(self, transcript: Transcript) -> tuple[Future[Verdict], bool]:
        """The row's answer to come, and whether an identical row had asked for it already."""
        key = _row_key(transcript)
        if key in self._seen:
            return self._seen[key], True
        if self._open and self._open[0][0].prompt != transcript.prompt:
            self.send()
        answer: Future[Verdict] = Future()
        self._seen[key] = answer
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        self._open.append((transcript, answer))
        if len(self._open) >= self.group_size:
            self.send()
        return answer, False

    def send(self) -> None:
        """Ask about the rows at hand, in one request."""
        if self._open:
            rows, self._open = self._open, []
            self._submit(partial(self._answer, rows))

    def late(self, transcript: Transcript) -> Verdict:
        """The verdict on a row whose review did not make the deadline."""
        steps = self._segmenter(transcript)
        nothing = Review(scores=(0.0,) * len(steps), reviewer=signature(self._reviewer))
        return Verdict(steps, nothing, NO_USAGE, "deadline: the review was not finished in time")

    def _answer(self, rows: list[tuple[Transcript, Future[Verdict]]]) -> None:
        """Runs in the pool: put a verdict, or what stops the run, into every row's answer."""
        try:
            left = self.remaining()
            if left is not None and left <= 0.0:
                verdicts = [self.late(transcript) for transcript, _ in rows]
            else:
                verdicts = ask_all(self._reviewer, [(t, self._segmenter(t)) for t, _ in rows])
            for (_, answer), verdict in zip(rows, verdicts, strict=True):
                answer.set_result(verdict)
        except BaseException as error:
            for _, answer in rows:
                if not answer.done():
                    answer.set_exception(error)


def _collect(transcript: Transcript, answer: Future[Verdict], again: bool, desk: Desk) -> tuple[Transcript, Verdict]:
    """Wait for one row's verdict, until the deadline."""
    if not answer.done():
        desk.send()
    return transcript, awaited(transcript, answer, again, desk)


def awaited(transcript: Transcript, answer: Future[Verdict], again: bool, desk: Desk) -> Verdict:
    """The verdict on a row that was sent off, waited for until the deadline at most."""
    left = desk.remaining()
    try:
        verdict = answer.result(timeout=None if left is None else max(0.0, left))
    except FutureTimeout:
        return desk.late(transcript)
    return replace(verdict, usage=Usage(reused=1)) if again else verdict


@contextmanager
def opened(
    reviewer: Reviewer, segmenter: Segmenter, max_in_flight: int, remaining: Callable[[], float | None]
) -> Iterator[Desk]:
    """A desk that takes rows inside the block; what it was given goes on being answered after it.

    With `max_in_flight` 1 rows are answered in the calling thread, as they are sent.
    """
    pool = ThreadPoolExecutor(max_in_flight, thread_name_prefix="dca-review") if max_in_flight > 1 else None
    try:
        desk = Desk(reviewer, segmenter, pool.submit if pool else lambda task: task(), remaining)
        yield desk
        desk.send()
    finally:
        if pool is not None:
            pool.shutdown(wait=False)


def _row_key(transcript: Transcript) -> bytes:
    """Equal for rows a reviewer could not tell apart."""
    t = transcript
    told = repr((t.prompt, t.completion, t.reward, t.reference, t.spans))
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).digest()


_Submit = Callable[[Callable[[], None]], object]


@contextmanager
def _pool(size: int) -> Iterator[_Submit]:
    """Somewhere to run requests: the calling thread for one at a time, else `size` threads.

    When the run ends early, what has not started is dropped and nobody waits for what has.
    """
    if size == 1:
        yield lambda task: task()
        return
    pool = ThreadPoolExecutor(size, thread_name_prefix="dca-review")
    try:
        yield pool.submit
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def ask_all(reviewer: Reviewer, rows: list[tuple[Transcript, tuple[Step, ...]]]) -> list[Verdict]:
    """Verdicts on the rows of one request. Only `RunError` gets past this line."""
    if len(rows) == 1 or not isinstance(reviewer, GroupReviewer):
        return [_verdict(reviewer, t, steps, partial(reviewer.review, t, steps)) for t, steps in rows]
    try:
        answers = reviewer.review_group(rows)
        if len(answers) != len(rows):
            raise ReviewError(f"the reviewer gave {len(answers)} reviews for {len(rows)} rollouts; give one for each")
    except RunError:
        raise
    except Exception as error:  # what the failed request cost is counted once, on the first row
        others = error.charged(NO_USAGE) if isinstance(error, ReviewError) else error
        answers = (error, *[others] * (len(rows) - 1))
    return [
        _verdict(reviewer, t, steps, partial(_reveal, answer))
        for (t, steps), answer in zip(rows, answers, strict=True)
    ]


def _reveal(answer: Review | Exception) -> Review:
    """A member's review, or its failure raised."""
    if isinstance(answer, Exception):
        raise answer
    return answer


def _verdict(
    reviewer: Reviewer, transcript: Transcript, steps: tuple[Step, ...], review_it: Callable[[], Review]
) -> Verdict:
    """One review, or why there is none. Only `RunError` gets past this line."""
    nothing = Review(scores=(0.0,) * len(steps), reviewer=signature(reviewer))
    try:
        review = review_it()
        if len(review.scores) != len(steps):
            raise ReviewError(
                f"the review has {len(review.scores)} scores for {len(steps)} steps; give one for each step",
                usage=review.usage,
            )
    except RunError:
        raise
    except ReviewError as error:
        return Verdict(steps, nothing, error.usage, f"{type(error).__name__}: {error}")
    except Exception as error:  # a reviewer is foreign code, and a row must never take the run down
        LOG.warning(
            "the reviewer %s raised on %r; the row falls back", name_of(reviewer), transcript.id, exc_info=True
        )
        return Verdict(steps, nothing, NO_USAGE, f"{type(error).__name__}: {error}")
    review = review if review.reviewer else replace(review, reviewer=signature(reviewer))
    if "injection" in review.labels:
        at = review.labels.index("injection")
        return Verdict(
            steps, review, review.usage, f"injection: step {at} addresses the reviewer, so this review is void"
        )
    return Verdict(steps, review, review.usage)
