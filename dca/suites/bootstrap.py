"""How far a mean over cases may be trusted: a bootstrap interval, and when it is clear which of two is better.

Pure functions of numbers; the seed is an argument, so the same marks give the same interval.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

RESAMPLES: Final = 10_000
LEVEL: Final = 0.95
FEWEST: Final = 8
"""Fewer cases than this never settle anything."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and where it may lie."""

    mean: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether all of it lies on one side of 0."""
        return self.low > 0.0 or self.high < 0.0


def mean_interval(
    values: Sequence[float], *, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0
) -> Interval | None:
    """The percentile bootstrap interval of a mean over cases (Efron, 1979, Annals of Statistics 7).

        low, high = the (1 -+ level) / 2 quantiles of the means of `resamples` draws with replacement

    It speaks of cases drawn like these, not of cases unlike them, and is too narrow for very few.

    Args:
        values: (n,) a mark, or a difference of marks, for each case.
        level: Coverage, in (0, 1).
        resamples: How many draws.
        seed: Of the draws.

    Returns:
        The interval; None of nothing.

    >>> mean_interval([0.5, 0.5, 0.5])
    Interval(mean=0.5, low=0.5, high=0.5)
    """
    if not values:
        return None
    count, draw = len(values), random.Random(seed)
    means = sorted(math.fsum(draw.choices(values, k=count)) / count for _ in range(resamples))
    tail = round((1.0 - level) / 2.0 * (resamples - 1))
    return Interval(math.fsum(values) / count, means[tail], means[resamples - 1 - tail])


def is_clear(differences: Sequence[float], *, looks: int) -> bool:
    """Whether the differences settle which is better, though one looks `looks` times on the way.

    Each look has its share of the error: the interval at 1 - 0.05 / looks lies on one side of 0 (Bonferroni). Fewer
    than `FEWEST` cases never do.
    """
    if len(differences) < FEWEST:
        return False
    interval = mean_interval(differences, level=1.0 - (1.0 - LEVEL) / max(1, looks))
    return interval is not None and interval.excludes_zero
