"""A reviewer that counts: what its reviews cost, how long they took, and when the money set aside is spent.

It passes reviews and failures on unchanged, those that arrive after their deadline included, since they are paid for
all the same. It does not know who reviews, nor what becomes of a review.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from dca.backends.budget import Budget, Charge
from dca.dispatch import name_of, signature
from dca.errors import ReviewError
from dca.protocols import GroupReviewer, Reviewer
from dca.types import Review, Step, Transcript
from dca.usage import NO_USAGE, Tally, Usage


class Meter:
    """A reviewer with a count beside it.

    Args:
        reviewer: Who judges.
        budget_usd: Dollars this process may spend; a review that finds them spent raises `BudgetError`.
        at_a_time: Reviews that may be under way together, over which the first guess of a cost is spread.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        reviewer: Reviewer,
        *,
        budget_usd: float | None = None,
        at_a_time: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.reviewer = reviewer
        self.name, self.identity = name_of(reviewer), signature(reviewer)
        self.measure = getattr(reviewer, "measure", None)
        self._budget = Budget(usd=budget_usd)
        self._most = Usage(cost_usd=(budget_usd or 0.0) / at_a_time)
        self._clock = clock
        self._lock = threading.Lock()
        self._tally, self._seconds, self._reviews = Tally(), 0.0, 0

    @property
    def spent(self) -> Usage:
        """Everything so far, an earlier part of the run included."""
        with self._lock:
            return self._tally.total

    def carry_over(self, usage: Usage) -> None:
        """Count what an earlier part of the run spent."""
        with self._budget.request(NO_USAGE) as charge:
            charge.usage = usage
        with self._lock:
            self._tally.add(usage)

    def pop_seconds(self) -> tuple[float, float]:
        """Seconds that reviews took since the last time, added up, and how many reviews there were."""
        with self._lock:
            pair = (self._seconds, float(self._reviews))
            self._seconds, self._reviews = 0.0, 0
        return pair

    def review(self, transcript: Transcript, steps: tuple[Step, ...], /) -> Review:
        """The reviewer's review."""
        with self._counted(1) as charge:
            try:
                review = self.reviewer.review(transcript, steps)
            except ReviewError as error:
                charge.usage = error.usage
                raise
            charge.usage = review.usage
        return review

    @contextmanager
    def _counted(self, reviews: int) -> Iterator[Charge]:
        """Admit some reviews, then count what they cost and took, also when they fail."""
        with self._budget.request(self._most) as charge:
            began = self._clock()
            try:
                yield charge
            finally:
                with self._lock:
                    self._seconds += self._clock() - began
                    self._reviews += reviews
                    self._tally.add(charge.usage)


class GroupMeter(Meter):
    """A meter for a reviewer that takes several rollouts in a request."""

    reviewer: Any

    @property
    def rollouts_per_request(self) -> int:
        """The most rollouts a request may hold."""
        return int(self.reviewer.rollouts_per_request)

    def review_group(self, rows: Sequence[tuple[Transcript, tuple[Step, ...]]], /) -> Sequence[Review | Exception]:
        """The reviewer's reviews."""
        with self._counted(len(rows)) as charge:
            try:
                answers = list(self.reviewer.review_group(rows))
            except ReviewError as error:
                charge.usage = error.usage
                raise
            charge.usage = Usage.total(
                answer.usage for answer in answers if isinstance(answer, (Review, ReviewError))
            )
        return answers


def metered(reviewer: Reviewer, *, budget_usd: float | None = None, at_a_time: int = 1) -> Meter:
    """A meter that is to the pipeline what the reviewer is: one that takes groups, or one that does not."""
    kind = GroupMeter if isinstance(reviewer, GroupReviewer) else Meter
    return kind(reviewer, budget_usd=budget_usd, at_a_time=at_a_time)
