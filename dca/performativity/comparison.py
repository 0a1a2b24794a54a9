"""Two windows of training compared: every statistic before and now, and how far its change may be trusted.

Intervals come from a bootstrap over prompts, since the rollouts of one prompt are alike. This module knows counts; it
does not know what a change would mean.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dca.performativity.counts import NOTHING, Counts, added
from dca.performativity.statistics import STATISTICS

Window = Mapping[str, Counts]
"""Counts by prompt."""

LEVEL: Final = 0.99
RESAMPLES: Final = 400
FEWEST: Final = 8
"""Prompts that a window must hold before anything is said of it."""
DEFINED: Final = 0.8
"""Share of the resamples in which a statistic must be defined for an interval."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A value and where it may lie."""

    value: float
    low: float
    high: float

    @property
    def up(self) -> bool:
        """Whether all of it lies above 0."""
        return self.low > 0.0

    @property
    def down(self) -> bool:
        """Whether all of it lies below 0."""
        return self.high < 0.0


@dataclass(frozen=True, slots=True)
class Change:
    """One statistic before and now, and the interval of the difference; None where something is not defined."""

    name: str
    before: float | None
    now: float | None
    difference: Interval | None

    @property
    def up(self) -> bool:
        """Whether it rose beyond doubt."""
        return self.difference is not None and self.difference.up

    @property
    def down(self) -> bool:
        """Whether it fell beyond doubt."""
        return self.difference is not None and self.difference.down

    def rose_by(self, share: float) -> bool:
        """Whether it rose beyond doubt, and by at least this share of what it was."""
        return (
            self.up and self.before is not None and self.now is not None and self.now >= self.before * (1.0 + share)
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two windows and their resamples.

        difference = f(sum over prompts of the counts now) - f(the same before)

    with low, high the quantiles of the difference over draws of prompts with replacement (Efron 1979, Annals of
    Statistics 7). A prompt that is in both windows is drawn in both, so that a fixed panel is compared with itself.

    Attributes:
        before: The window compared with.
        now: The window in question.
        draws: Pairs of sums, one for each resample.
        level: Coverage of the intervals.
    """

    before: Window
    now: Window
    draws: tuple[tuple[Counts, Counts], ...]
    level: float = LEVEL

    def change(self, name: str) -> Change:
        """One statistic's change."""
        of = STATISTICS[name].of
        before, now = of(added(self.before.values())), of(added(self.now.values()))
        if before is None or now is None or not self.enough:
            return Change(name, before, now, None)
        ends = [(of(a), of(b)) for a, b in self.draws]
        bounds = quantiles([b - a for a, b in ends if a is not None and b is not None], self.level, len(ends))
        return Change(name, before, now, None if bounds is None else Interval(now - before, *bounds))

    def present(self, name: str) -> Interval | None:
        """One statistic of the window in question, with its interval."""
        of = STATISTICS[name].of
        value = of(added(self.now.values()))
        if value is None or not self.enough:
            return None
        known = [end for _, now in self.draws if (end := of(now)) is not None]
        bounds = quantiles(known, self.level, len(self.draws))
        return None if bounds is None else Interval(value, *bounds)

    @property
    def enough(self) -> bool:
        """Whether both windows hold enough prompts."""
        return min(len(self.before), len(self.now)) >= FEWEST

    def hard(self) -> Comparison:
        """The same of hard prompts alone: those that are right no more often than the mean of their window.

        A prompt that is in both windows is what it was before, so that a panel's hard prompts stay the same.
        """
        hard = hard_prompts(self.before) | (hard_prompts(self.now) - self.before.keys())
        parts = ({p: c for p, c in window.items() if p in hard} for window in (self.before, self.now))
        return compare(*parts, level=self.level, resamples=len(self.draws))


def hard_prompts(window: Window) -> set[str]:
    """Prompts that are right no more often than the mean.

    >>> sorted(hard_prompts({"a": Counts(rollouts=4.0, right=4.0), "b": Counts(rollouts=4.0, right=1.0)}))
    ['b']
    """
    total = added(window.values())
    return {p for p, c in window.items() if c.right * total.rollouts <= total.right * c.rollouts + 1e-9}


def compare(
    before: Window, now: Window, *, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0
) -> Comparison:
    """Draw the resamples of two windows; the same windows and seed give the same comparison."""
    prompts, draw = sorted({*before, *now}), random.Random(seed)
    cells = [(before.get(prompt, NOTHING), now.get(prompt, NOTHING)) for prompt in prompts]
    draws = []
    for _ in range(resamples if min(len(before), len(now)) >= FEWEST else 0):
        chosen = draw.choices(cells, k=len(cells))
        draws.append((_sum([a for a, _ in chosen]), _sum([b for _, b in chosen])))
    return Comparison(before, now, tuple(draws), level)


def interval(
    window: Window, name: str, *, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0
) -> Interval | None:
    """One statistic of one window with its bootstrap interval; None where it is not defined."""
    return compare(window, window, level=level, resamples=resamples, seed=seed).present(name)


def quantiles(values: Sequence[float], level: float, asked: int) -> tuple[float, float] | None:
    """The (1 -+ level) / 2 quantiles; None where too many of the values asked for are missing.

    >>> quantiles([float(k) for k in range(101)], 0.9, 101)
    (5.0, 95.0)
    """
    if not values or len(values) < DEFINED * asked:
        return None
    ordered = sorted(values)
    tail = round((1.0 - level) / 2.0 * (len(ordered) - 1))
    return ordered[tail], ordered[len(ordered) - 1 - tail]


def _sum(rows: Sequence[Counts]) -> Counts:
    """As `added`, for resamples: plain sums, which are quick, and exact enough for a quantile."""
    return Counts(*map(sum, zip(*rows, strict=True)))
