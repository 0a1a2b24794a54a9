"""How a trainer turns rewards into advantages: the factor k_i of each row, and the groups that teach it nothing.

It repeats the arithmetic of TRL's trainers on the matrix of rewards that they gathered. It knows no credit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from trl import __version__ as trl_version

TRL: Final = tuple(map(int, re.findall(r"\d+", trl_version)[:2]))
"""The version of TRL at hand: major, minor."""

EPSILON: Final = 1e-4  # what TRL adds to a standard deviation before it divides by it


@dataclass(frozen=True, slots=True)
class Scaling:
    """How the trainer scales one reward, for each row of a generation over all ranks.

    Attributes:
        scale: (B,) k_i = dA_i/dR_i; 0 where the rewards of the group are all equal.
        part: (B,) what this reward gave of A_i: k_i times its distance from the mean of the group.
        saturated: (B,) True where the rewards of the group are all equal.
    """

    scale: tuple[float, ...]
    part: tuple[float, ...]
    saturated: tuple[bool, ...]

    def rows(self, start: int, count: int) -> Scaling:
        """The rows of one rank."""
        here = slice(start, start + count)
        return Scaling(self.scale[here], self.part[here], self.saturated[here])


def scaling(
    rewards: NDArray[Any],
    weights: NDArray[Any],
    *,
    index: int,
    group_size: int,
    scale_rewards: str = "group",
    aggregation: str = "sum_then_normalize",
    excludes_unscorable: bool = TRL >= (1, 6),
) -> Scaling:
    """How much A_i moves when one reward moves, as the trainer computed it.

        sum_then_normalize:  k_i = w / (std + 1e-4), std of the group or of the batch; w where nothing is scaled
        normalize_then_sum:  k_i = w / (std of this reward in the group + 1e-4) / (std of the batch's sums + 1e-4)
        part_i = k_i * (R_i - mean of the group)

    Args:
        rewards: (B, F) of all ranks; NaN where a function does not apply.
        weights: (F,) of the functions.
        index: Which function the credit splits.
        group_size: G, rollouts of one prompt, which stand together.
        scale_rewards: "group", "batch" or "none".
        aggregation: "sum_then_normalize" or "normalize_then_sum".
        excludes_unscorable: Whether a row without any reward is left out of its group's statistics (since TRL 1.6),
            or counts as 0.
    """
    values = np.asarray(rewards, dtype=np.float64)
    groups = values.reshape(-1, group_size, values.shape[1])  # (B / G, G, F)
    weight = float(weights[index])
    unscorable = np.isnan(values).all(axis=1) if excludes_unscorable else np.zeros(len(values), dtype=bool)
    own = groups[:, :, index]  # (B / G, G)
    if aggregation == "normalize_then_sum":
        centre = _mean(own, axis=1)
        spread = _std(groups, axis=1)  # (B / G, F)
        with np.errstate(invalid="ignore"):
            parts = (groups - _mean(groups, axis=1)[:, None, :]) / (spread[:, None, :] + EPSILON)
        sums = np.nansum(parts * weights, axis=2).reshape(-1)
        sums[unscorable] = np.nan
        scale = weight / (np.nan_to_num(spread[:, index]) + EPSILON) / (float(_std(sums, axis=0)) + EPSILON)
        ranges = _range(groups, axis=1)  # (B / G, F)
        flat, dead = (ranges == 0.0).all(axis=1), ranges[:, index] == 0.0
    else:
        sums = np.nansum(values * weights, axis=1)
        sums[unscorable] = np.nan
        totals = sums.reshape(-1, group_size)
        with np.errstate(invalid="ignore", divide="ignore"):  # a row that this reward does not apply to counts as 0
            centre = np.nansum(own, axis=1) / (~np.isnan(totals)).sum(axis=1)
        by = {"group": _std(totals, axis=1), "batch": np.full(len(totals), _std(sums, axis=0))}
        scale = weight / (by[scale_rewards] + EPSILON) if scale_rewards in by else np.full(len(totals), weight)
        flat = dead = _range(totals, axis=1) <= 1e-7 * np.maximum(1.0, np.nan_to_num(np.abs(totals)).max(axis=1))
    scale = np.where(dead | ~np.isfinite(scale), 0.0, scale).repeat(group_size)
    scale[unscorable] = 0.0
    part = scale * np.nan_to_num(np.nan_to_num(own) - centre[:, None]).reshape(-1)
    return Scaling(tuple(scale.tolist()), tuple(part.tolist()), tuple(flat.repeat(group_size).tolist()))


def _mean(values: NDArray[Any], axis: int) -> NDArray[Any]:
    """The mean of what is there; NaN where nothing is."""
    there = (~np.isnan(values)).sum(axis=axis)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.nansum(values, axis=axis) / there


def _std(values: NDArray[Any], axis: int) -> NDArray[Any]:
    """The sample standard deviation of what is there; NaN where fewer than two are."""
    there = (~np.isnan(values)).sum(axis=axis)
    centred = values - np.expand_dims(_mean(values, axis), axis)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.sqrt(np.nansum(centred**2, axis=axis) / np.where(there > 1, there - 1, np.nan))


def _range(values: NDArray[Any], axis: int) -> NDArray[Any]:
    """Largest less smallest of what is there; 0 where nothing is."""
    highest = np.where(np.isnan(values), -np.inf, values).max(axis=axis)
    lowest = np.where(np.isnan(values), np.inf, values).min(axis=axis)
    return np.where(np.isfinite(highest), highest - lowest, 0.0)
