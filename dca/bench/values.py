"""Do credits follow the value? Rank correlation and sign agreement of what a reviewer says with V_k - V_(k-1).

The truth is a list of changes for each rollout, exact or estimated; this module does not know where it is from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from dca.bench.location import tilt_of
from dca.bench.metrics import Estimate, Floats, bootstrap
from dca.bench.rows import Judgement
from dca.types import Step

MEASURES: Final = ("rank", "sign", "tilt_sign", "idle")
STILL: Final = 1e-12
"""A change below this is none."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one reviewer says of one rollout.

    Attributes:
        scores: (K,) its scores; of a review of values, what each step changed.
        tilt: (K,) z_k, what training would make of them.
    """

    scores: tuple[float, ...]
    tilt: tuple[float, ...]


def said(judgement: Judgement, steps: Sequence[Step]) -> Said:
    """What a judgement says; nothing where it failed or is void."""
    return Said(judgement.opinion.scores, tilt_of(judgement, steps))


def agreement(
    rows: Sequence[Said], truths: Sequence[Sequence[float]], problems: Sequence[str], *, resamples: int, seed: int
) -> dict[str, Estimate]:
    """Measures with intervals, each the mean over rollouts, rollouts of one problem drawn together.

        rank       Spearman's correlation of z_k with V_k - V_(k-1) within a rollout, mean ranks for ties; 0 where all
                   z are alike, since no opinion orders nothing
        sign       of the steps that changed the value, how many have a score of the same sign; a 0 is not the same
        tilt_sign  the same for z_k, which is centred and so cannot be above 0 for every step
        idle       of the steps that changed nothing, how many have a tilt of exactly 0

    Args:
        rows: What a reviewer says, rollout by rollout.
        truths: (K,) V_k - V_(k-1) for each.
        problems: The problem of each.
        resamples: Bootstrap resamples.
        seed: Of them.
    """
    table = np.array(
        [_one(row, np.array(truth, dtype=np.float64)) for row, truth in zip(rows, truths, strict=True)],
        dtype=np.float64,
    ).reshape(-1, len(MEASURES))
    known = ~np.isnan(table)

    def measure(weights: Floats) -> dict[str, float]:
        return {
            name: float((table[known[:, k], k] * weights[known[:, k]]).sum() / total) if total else float("nan")
            for k, name in enumerate(MEASURES)
            for total in [float(weights[known[:, k]].sum())]
        }

    return bootstrap(measure, problems, resamples=resamples, seed=seed)


def rank_correlation(one: Floats, other: Floats) -> float:
    """Spearman's correlation with mean ranks for ties (Spearman, 1904); 0 where one side has no order at all.

    >>> rank_correlation(np.array([0.1, 0.4, 0.9]), np.array([1.0, 2.0, 3.0]))
    1.0
    """
    a, b = _ranks(one), _ranks(other)
    a, b = a - a.mean(), b - b.mean()
    below = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return round(float((a * b).sum()) / below, 12) if below else 0.0


def _one(row: Said, truth: Floats) -> tuple[float, ...]:
    scores, tilt = np.array(row.scores, dtype=np.float64), np.array(row.tilt, dtype=np.float64)
    moving = np.abs(truth) > STILL
    rank = rank_correlation(tilt, truth) if moving.any() else float("nan")
    signs = [_mean(np.sign(side[moving]) == np.sign(truth[moving])) for side in (scores, tilt)]
    return rank, *signs, _mean(tilt[~moving] == 0.0)


def _mean(hits: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> float:
    return float(hits.mean()) if len(hits) else float("nan")


def _ranks(values: Floats) -> Floats:
    """Ranks from 1, those of equal values averaged."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    mean: Floats = (last - (count - 1) / 2).astype(np.float64)
    return mean[place.reshape(-1)]
