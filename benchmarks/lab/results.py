"""What is kept of a run, and what may be said of several: medians, censored runs, intervals.

A run that never reached a level within its budget is *censored*: all that is known is that it needs more. It counts
as infinite in a median, and it is shown. Intervals are 95 % percentile intervals of a bootstrap over seeds (Efron
1979); where two methods are compared the seeds are drawn in pairs, since both start from the same policy. With five
seeds such an interval is rough: read it as "about this wide".
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from lab.train import MEASURED, ROLLOUTS, Cell, Curve

WINDOW: Final = 10
"""Updates over which accuracy is averaged before it is said to have reached a level; the middle of them counts."""

ENDS: Final = (5, 20)
"""Updates that make "at the start" and "at the end"."""

RESAMPLES: Final = 10_000


@dataclass(frozen=True, slots=True)
class Run:
    """One finished run: a line of ``runs.csv``.

    Attributes:
        cell: The setting.
        seed: The seed.
        rollouts: Its budget.
        to80: Rollouts to 80 % accuracy, None where it never got there (censored).
        to90: Rollouts to 90 %.
        final: Accuracy at the end.
        auc: Accuracy over the whole budget.
        check_right_start: P(check | the value is right) at the start.
        check_right_end: The same at the end.
        needless_start: Checks of a right value, per operation, at the start.
        needless: The same at the end.
        staged: Own mistakes then set right by a check, per operation, at the end.
        own_wrong: Own wrong first computations, per operation, at the end.
        tokens: Per rollout, at the end.
        fillers: Per step, at the end.
        alike: Share of groups that all succeeded or all failed, at the start.
    """

    cell: Cell
    seed: int
    rollouts: int
    to80: int | None
    to90: int | None
    final: float
    auc: float
    check_right_start: float
    check_right_end: float
    needless_start: float
    needless: float
    staged: float
    own_wrong: float
    tokens: float
    fillers: float
    alike: float

    @property
    def key(self) -> tuple[Cell, int, int]:
        """What makes a run the same run."""
        return self.cell, self.seed, self.rollouts


def summary(curve: Curve) -> Run:
    """What is kept of a curve."""
    first, last = ENDS

    def start(values: Sequence[float]) -> float:
        return _mean(values[:first])

    def end(values: Sequence[float]) -> float:
        return _mean(values[-last:])

    return Run(
        cell=curve.cell,
        seed=curve.seed,
        rollouts=len(curve.accuracy) * ROLLOUTS,
        to80=reached(curve.accuracy, 0.8),
        to90=reached(curve.accuracy, 0.9),
        final=end(curve.accuracy),
        auc=_mean(curve.accuracy),
        check_right_start=start(curve.check_right),
        check_right_end=end(curve.check_right),
        needless_start=start(curve.needless),
        needless=end(curve.needless),
        staged=end(curve.staged),
        own_wrong=end(curve.own_wrong),
        tokens=end(curve.tokens),
        fillers=end(curve.fillers),
        alike=start(curve.alike),
    )


def smoothed(values: Sequence[float]) -> list[float]:
    """Means over `WINDOW` updates, one for each place the window can stand."""
    return [_mean(values[i : i + WINDOW]) for i in range(len(values) - WINDOW + 1)]


def reached(accuracy: Sequence[float], level: float) -> int | None:
    """Rollouts seen by the middle of the first window whose mean accuracy is at least the level.

    >>> reached([0.0] * 10 + [1.0] * 10, 0.8), reached([0.0] * 20, 0.8)
    (832, None)
    """
    place = next((i for i, mean in enumerate(smoothed(accuracy)) if mean >= level - 1e-9), None)
    return None if place is None else (place + WINDOW // 2) * ROLLOUTS


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / max(1, len(values))


class Shelf:
    """Finished runs on disk: ``runs.csv``, one line a run, and ``curves.jsonl`` beside it.

    A line is written when its run is finished; what an interrupted write left of a line is dropped when read.
    """

    def __init__(self, folder: Path) -> None:
        self._runs, self._curves = folder / "runs.csv", folder / "curves.jsonl"
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, curves: Iterable[Curve]) -> None:
        """Append finished runs."""
        curves = list(curves)
        with _ready(self._curves).open("a", encoding="utf-8") as file:
            for curve in curves:
                measures = {name: [round(v, 4) for v in getattr(curve, name)] for name in MEASURED}
                line = {**asdict(curve.cell), "seed": curve.seed, **measures}
                file.write(json.dumps(line, separators=(",", ":")) + "\n")
        new = not self._runs.exists()
        with _ready(self._runs).open("a", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=_columns(), lineterminator="\n")
            if new:
                writer.writeheader()
            writer.writerows(_line(summary(curve)) for curve in curves)

    def runs(self) -> list[Run]:
        """All finished runs."""
        if not self._runs.exists():
            return []
        with _ready(self._runs).open(encoding="utf-8", newline="") as file:
            return [_run(line) for line in csv.DictReader(file)]

    def curves(self) -> list[Curve]:
        """All curves of finished runs; the latest, where there are several of one run."""
        if not self._curves.exists():
            return []
        found: dict[tuple[Cell, int, int], Curve] = {}
        for text in _ready(self._curves).read_text("utf-8").splitlines():
            line = json.loads(text)
            cell = Cell(*(line[f.name] for f in fields(Cell)))
            curve = Curve(cell, line["seed"], *(tuple(line[name]) for name in MEASURED))
            found[cell, curve.seed, len(curve.accuracy)] = curve
        return list(found.values())


def _ready(path: Path) -> Path:
    """The file, without what stands after its last end of line."""
    if path.exists():
        data = path.read_bytes()
        if data and not data.endswith(b"\n"):
            path.write_bytes(data[: data.rfind(b"\n") + 1])
    return path


def _columns() -> list[str]:
    return [f.name for f in fields(Cell)] + [f.name for f in fields(Run) if f.name != "cell"]


def _line(run: Run) -> dict[str, object]:
    numbers = {f.name: getattr(run, f.name) for f in fields(Run) if f.name != "cell"}
    rounded = {name: round(v, 4) if isinstance(v, float) else v for name, v in numbers.items()}
    return {**asdict(run.cell), **rounded}


def _run(line: dict[str, str]) -> Run:
    whole = {"seed", "rollouts", "to80", "to90"}
    cell = Cell(line["world"], line["arm"], line["reviewer"], float(line["rate"]))
    values = {
        f.name: (int(line[f.name]) if line[f.name] else None) if f.name in whole else float(line[f.name])
        for f in fields(Run)
        if f.name != "cell"
    }
    return Run(cell=cell, **values)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and its 95 % interval; infinite where censored runs leave that end open.

    Attributes:
        value: The estimate; a bound where `sign` says so.
        low: Lower end.
        high: Upper end.
        sign: "≥" where the numerator is censored, "≤" where the denominator is, "" else.
    """

    value: float
    low: float
    high: float
    sign: str = ""


def median(values: Sequence[int | None]) -> float:
    """The (lower) median, censored values counted as infinite."""
    return float(_infinite(values).median())


def speed_up(base: Sequence[Run], other: Sequence[Run], level: str = "to80") -> Estimate | None:
    """How many times fewer rollouts `other` needs: the ratio of the medians, base over other.

    A censored median is replaced by the budget in the estimate, which is then a bound. In the interval censored
    medians count in the direction that widens it.

    Args:
        base: Runs, one for each seed.
        other: Runs with the same seeds.
        level: ``to80`` or ``to90``.

    Returns:
        None where neither median is known.
    """
    one, two = paired(base, other, lambda run: getattr(run, level))
    budget = float(base[0].rollouts)
    over, under = float(one.median()), float(two.median())
    if math.isinf(over) and math.isinf(under):
        return None
    sign = "≥" if math.isinf(over) else "≤" if math.isinf(under) else ""
    draws = _draws(len(one))
    tops, bottoms = one[draws].median(1).values, two[draws].median(1).values
    least = tops.clamp_max(budget) / bottoms  # 0 where the other is censored
    most = torch.where(tops.isinf(), torch.inf, tops / bottoms.clamp_max(budget))
    value = min(over, budget) / min(under, budget)
    return Estimate(value, _quantile(least, 0.025), _quantile(most, 0.975), sign)


def difference(base: Sequence[Run], other: Sequence[Run], measure: str = "final") -> Estimate:
    """Mean difference, other less base, seed by seed."""
    one, two = paired(base, other, lambda run: getattr(run, measure))
    return mean_of((two - one).tolist())


def average(runs: Sequence[Run], measure: str) -> Estimate:
    """Mean of a measure over seeds."""
    return mean_of([float(getattr(run, measure)) for run in runs])


def mean_of(numbers: Sequence[float]) -> Estimate:
    """A mean with its interval."""
    values = torch.tensor(numbers, dtype=torch.float64)
    means = values[_draws(len(values))].mean(1)
    return Estimate(float(values.mean()), _quantile(means, 0.025), _quantile(means, 0.975))


def paired(base: Sequence[Run], other: Sequence[Run], of: Callable[[Run], float | None]) -> tuple[Tensor, Tensor]:
    """A measure of the seeds that both have, in the same order; censored values infinite."""
    mine, theirs = ({run.seed: of(run) for run in runs} for runs in (base, other))
    seeds = sorted(mine.keys() & theirs.keys())
    return _infinite([mine[s] for s in seeds]), _infinite([theirs[s] for s in seeds])


def _infinite(values: Sequence[float | None]) -> Tensor:
    return torch.tensor([math.inf if v is None else float(v) for v in values], dtype=torch.float64)


def _draws(count: int) -> Tensor:
    """(resamples, count) indices drawn with replacement; always the same."""
    return torch.randint(count, (RESAMPLES, count), generator=torch.Generator().manual_seed(0))


def _quantile(values: Tensor, share: float) -> float:
    """The nearest-rank quantile, which is defined for infinite values."""
    ordered = values.sort().values
    return float(ordered[min(len(ordered) - 1, max(0, math.ceil(share * len(ordered)) - 1))])
