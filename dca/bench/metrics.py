"""How well scores tell yes from no: AUC, average precision, precision, recall, and bootstrap intervals by problem.

Every measure takes weights, so that a bootstrap resample is a vector of counts. Scores and truths arrive as arrays;
this module knows no step, no detector and no data set.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Measure = Callable[[Floats], dict[str, float]]
"""From the weights of the units (n,) to numbers by name, NaN where one is not defined."""

COVERAGE: Final = 0.95
TINY: Final = 1e-300


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and its bootstrap interval; NaN where it is not defined."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Counts:
    """Weighted counts of right and wrong decisions."""

    true_positive: float
    false_positive: float
    false_negative: float
    true_negative: float

    @property
    def precision(self) -> float:
        """TP / (TP + FP)."""
        return _share(self.true_positive, self.false_positive)

    @property
    def recall(self) -> float:
        """TPR = TP / (TP + FN)."""
        return _share(self.true_positive, self.false_negative)

    @property
    def specificity(self) -> float:
        """TNR = TN / (TN + FP)."""
        return _share(self.true_negative, self.false_positive)

    @property
    def f1(self) -> float:
        """2 TP / (2 TP + FP + FN)."""
        return _share(2 * self.true_positive, self.false_positive + self.false_negative)

    @property
    def f1_of_no(self) -> float:
        """F1 of the other class: 2 TN / (2 TN + FP + FN)."""
        return _share(2 * self.true_negative, self.false_positive + self.false_negative)

    @property
    def balance(self) -> float:
        """TPR * TNR, the squared geometric mean (Monitoring Monitorability, 2025, arXiv 2512.18311)."""
        return self.recall * self.specificity

    @property
    def prm_score(self) -> float:
        """The mean of F1 on either class (PRMBench, 2025, arXiv 2501.03124)."""
        return (self.f1 + self.f1_of_no) / 2


def _share(part: float, rest: float) -> float:
    return part / (part + rest) if part + rest > 0 else float("nan")


def counts(accused: Bools, truth: Bools, weights: Floats | None = None) -> Counts:
    """Count decisions.

    >>> counts(np.array([True, True, False]), np.array([True, False, False])).precision
    0.5
    """
    w = np.ones(len(truth)) if weights is None else weights

    every, yes, said, hit = (float(side.sum()) for side in (w, w * truth, w * accused, w * (accused & truth)))
    return Counts(hit, said - hit, yes - hit, every - yes - said + hit)


@dataclass(frozen=True, slots=True)
class Ranking:
    """Scores in order, so that many resamples can be ranked by counting alone.

    Attributes:
        place: (n,) the rank of each score among the distinct ones, from the lowest.
        truth: (n,) what is so.
        size: How many distinct scores there are.
    """

    place: NDArray[np.int64]
    truth: Bools
    size: int

    @classmethod
    def of(cls, scores: Floats, truth: Bools) -> Ranking:
        """Put scores in order."""
        values, place = np.unique(scores, return_inverse=True)
        return cls(place.reshape(-1), truth, len(values))

    def auc(self, weights: Floats) -> float:
        """The chance that a yes scores above a no, ties counting half; NaN without either."""
        yes, no = self._sides(weights)
        if not yes.sum() or not no.sum():
            return float("nan")
        return float((yes * (np.cumsum(no) - no / 2)).sum() / (yes.sum() * no.sum()))

    def average_precision(self, weights: Floats) -> float:
        """Sum over falling thresholds of (gain in recall) * precision; NaN without any yes."""
        yes, no = (side[::-1] for side in self._sides(weights))
        if not yes.sum():
            return float("nan")
        found, wrong = np.cumsum(yes), np.cumsum(no)
        return float((yes / yes.sum() * found / np.maximum(found + wrong, TINY)).sum())

    def _sides(self, weights: Floats) -> tuple[Floats, Floats]:
        """The weight of yes and of no at each distinct score."""
        yes: Floats = np.bincount(self.place, weights * self.truth, self.size).astype(np.float64)
        no: Floats = np.bincount(self.place, weights * ~self.truth, self.size).astype(np.float64)
        return yes, no


def auc(scores: Floats, truth: Bools, weights: Floats | None = None) -> float:
    """AUC of some scores; see `Ranking.auc`.

    >>> auc(np.array([0.9, 0.4, 0.4, 0.1]), np.array([True, True, False, False]))
    0.875
    """
    return Ranking.of(scores, truth).auc(np.ones(len(truth)) if weights is None else weights)


def average_precision(scores: Floats, truth: Bools, weights: Floats | None = None) -> float:
    """Average precision of some scores; see `Ranking.average_precision`.

    >>> round(average_precision(np.array([0.9, 0.8, 0.7]), np.array([True, False, True])), 4)
    0.8333
    """
    return Ranking.of(scores, truth).average_precision(np.ones(len(truth)) if weights is None else weights)


def recall_at(scores: Floats, positive: Bools, negative: Bools, rate: float, weights: Floats | None = None) -> float:
    """The share of positives that score above the lowest threshold with at most `rate` false positives.

    Args:
        scores: (n,) for all units.
        positive: (n,) the units to be found.
        negative: (n,) the units among which false positives are counted; the two need not cover all.
        rate: The false positive rate allowed.
        weights: (n,) counts.

    >>> positive = np.array([True, True, False, False])
    >>> recall_at(np.array([0.9, 0.3, 0.5, 0.1]), positive, ~positive, 0.01)
    0.5
    """
    w = np.ones(len(scores)) if weights is None else weights
    if not w[positive].sum() or not w[negative].sum():
        return float("nan")
    order = np.argsort(-scores[negative], kind="stable")
    passed = np.cumsum(w[negative][order]) > rate * w[negative].sum()
    threshold = scores[negative][order][int(np.argmax(passed))]
    return float(w[positive & (scores > threshold)].sum() / w[positive].sum())


def bootstrap(measure: Measure, problems: Sequence[str], *, resamples: int, seed: int) -> dict[str, Estimate]:
    """Measures with percentile intervals over resampled problems; units of one problem stay together.

    Args:
        measure: From the weights of the units (n,) to numbers by name, NaN where one is not defined.
        problems: (n,) the problem of each unit.
        resamples: How many; 0 gives no interval.
        seed: Decides which problems are drawn; equal seeds draw alike, so that detectors can be compared.
    """
    names, place = np.unique(np.asarray(problems, dtype=str), return_inverse=True)
    values = measure(np.ones(len(place)))
    rng = np.random.default_rng(seed)
    drawn = [
        measure(np.bincount(rng.integers(0, len(names), len(names)), minlength=len(names))[place].astype(float))
        for _ in range(resamples if len(place) else 0)
    ]
    return {name: _estimate(value, [one[name] for one in drawn]) for name, value in values.items()}


def _estimate(value: float, drawn: Sequence[float]) -> Estimate:
    kept = [one for one in drawn if not math.isnan(one)]
    if not kept or math.isnan(value):
        return Estimate(value, float("nan"), float("nan"))
    low, high = np.quantile(kept, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return Estimate(value, float(low), float(high))
