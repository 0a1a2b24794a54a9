"""Runs as rows of a CSV, and what several seeds of one setting say: medians, bootstrap intervals, censored runs.

A run that never got to a level within its budget is *censored* there: it took more rollouts than it had. It counts as
infinitely long in medians; a ratio that needs such a median is a bound, and is shown as one (``>= 2.1``). Intervals
are 95 % percentile bootstraps over seeds, paired: both arms of a ratio are resampled by the same seeds.
This module knows curves and numbers; it does not know how they came about.
"""

from __future__ import annotations

import csv
import json
import math
import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import accumulate
from pathlib import Path
from typing import Final, TypeVar

from lab.chain_trl import PROMPTS, ROLLOUTS, Progress, Setting

BATCH: Final = PROMPTS * ROLLOUTS
WINDOW: Final = 5
"""Updates whose accuracy is averaged before it is compared with a level: 320 rollouts."""
LAST, FIRST = 20, 5
"""Updates over which final and initial figures are averaged."""
DRAWS: Final = 10_000

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Trial:
    """One finished run."""

    setting: Setting
    curve: tuple[Progress, ...]
    seconds: float

    @property
    def collapsed(self) -> bool:
        """It was ended because nothing changed any more; what it was like at its end stands for the rest."""
        return len(self.curve) < self.setting.updates

    def values(self, name: str) -> list[float]:
        """One figure, update by update."""
        found = [getattr(progress, name) for progress in self.curve]
        return found + found[-1:] * (self.setting.updates - len(found))

    def first(self, name: str) -> float:
        """One figure at the beginning."""
        return statistics.fmean(self.values(name)[:FIRST])

    def last(self, name: str) -> float:
        """One figure at the end."""
        return statistics.fmean(self.values(name)[-LAST:])

    def rollouts_to(self, level: float) -> float:
        """Rollouts until the accuracy of the last `WINDOW` updates was at least that; infinite when it never was."""
        sums = [0.0, *accumulate(self.values("accuracy"))]
        for stop in range(WINDOW, len(sums)):
            if sums[stop] - sums[stop - WINDOW] >= level * WINDOW - 1e-9:
                return float(stop * BATCH)
        return math.inf


COLUMNS: Final = (*(f.name for f in fields(Setting)), "seconds", *(f.name for f in fields(Progress)))


def append(path: Path, trial: Trial) -> None:
    """One more row; the curves stand in it as lists."""
    path.parent.mkdir(parents=True, exist_ok=True)
    begins = not path.exists()
    row = asdict(trial.setting) | {"seconds": round(trial.seconds, 1)}
    row |= {f.name: json.dumps([round(getattr(p, f.name), 4) for p in trial.curve]) for f in fields(Progress)}
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if begins:
            writer.writeheader()
        writer.writerow(row)


def load(path: Path) -> list[Trial]:
    """All finished runs; none where there is no file."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [_trial(row) for row in csv.DictReader(file)]


def _trial(row: Mapping[str, str]) -> Trial:
    kinds = {"world": str, "arm": str, "rate": float, "seed": int, "updates": int, "credit_coef": float}
    curves = [json.loads(row[f.name]) for f in fields(Progress)]
    return Trial(
        setting=Setting(**{name: kind(row[name]) for name, kind in kinds.items()}),
        curve=tuple(Progress(*values) for values in zip(*curves, strict=True)),
        seconds=float(row["seconds"]),
    )


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its bootstrap interval; `bounded` where a censored run makes it a lower bound."""

    value: float
    low: float
    high: float
    bounded: tuple[bool, bool, bool] = (False, False, False)

    def text(self, digits: int = 2) -> str:
        """For a table: ``1.90 [1.42, ≥ 2.61]``."""
        value, low, high = (
            ("≥ " if bound else "") + f"{x:.{digits}f}"
            for x, bound in zip((self.value, self.low, self.high), self.bounded, strict=True)
        )
        return f"{value} [{low}, {high}]"


def speed_up(base: Mapping[int, float], other: Mapping[int, float], budget: float) -> Estimate | None:
    """How many times fewer rollouts: the ratio of the medians over the seeds both have.

    Args:
        base: Seed -> rollouts of the arm compared with; infinite where censored.
        other: The same of the arm in question.
        budget: What a censored run had at least.

    Returns:
        None where the arm in question itself did not get there in half of its runs.
    """
    seeds = sorted(base.keys() & other.keys())
    if not seeds or math.isinf(statistics.median(other[s] for s in seeds)):
        return None

    def ratio(chosen: Sequence[int]) -> tuple[float, bool]:
        one, two = (statistics.median(arm[s] for s in chosen) for arm in (base, other))
        return min(one, budget) / min(two, budget), math.isinf(one)

    draws, value = _resampled(seeds, ratio), ratio(seeds)
    low = sorted(draws)[int(0.025 * DRAWS)]
    bounds_last = sorted(draws, key=lambda draw: (draw[1], draw[0]))  # a bound may be any number above it
    high = bounds_last[int(0.975 * DRAWS)]
    if high[1]:
        high = max(one for one, _ in draws), True
    return Estimate(value[0], low[0], high[0], (value[1], low[1], high[1]))


def mean(values: Mapping[int, float]) -> Estimate:
    """The mean over seeds."""
    seeds = sorted(values)
    draws = sorted(_resampled(seeds, lambda chosen: statistics.fmean(values[s] for s in chosen)))
    return Estimate(statistics.fmean(values.values()), draws[int(0.025 * DRAWS)], draws[int(0.975 * DRAWS)])


def difference(base: Mapping[int, float], other: Mapping[int, float]) -> Estimate:
    """The mean paired difference `other` - `base` over the seeds both have."""
    return mean({seed: other[seed] - base[seed] for seed in base.keys() & other.keys()})


def _resampled(seeds: Sequence[int], figure: Callable[[Sequence[int]], _T]) -> list[_T]:
    """The figure of `DRAWS` samples of seeds, with replacement; the same samples whenever it is asked."""
    chance = random.Random(0)
    return [figure(chance.choices(seeds, k=len(seeds))) for _ in range(DRAWS)]
