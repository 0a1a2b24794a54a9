"""How rewards become advantages: k_i is the slope of TRL's own arithmetic, and saturated groups are found."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from dca.trl.scaling import EPSILON, scaling

NAN = math.nan


def column(*values: float) -> np.ndarray[Any, Any]:
    """One reward function's values."""
    return np.array(values, dtype=np.float32)[:, None]


def advantages(rewards: np.ndarray[Any, Any], weights: np.ndarray[Any, Any], group: int, scale: str) -> Any:
    """A_i as GRPO has it: (sum_k w_k r_k - group mean) / (std + 1e-4)."""
    totals = (rewards * weights).sum(axis=1).astype(np.float64).reshape(-1, group)
    spread = {"group": totals.std(axis=1, ddof=1)[:, None], "batch": totals.std(ddof=1), "none": None}[scale]
    centred = totals - totals.mean(axis=1, keepdims=True)
    return (centred if spread is None else centred / (spread + EPSILON)).reshape(-1)


@pytest.mark.parametrize("scale", ["group", "batch", "none"])
def test_differences_of_rewards_become_differences_of_advantages(scale: str) -> None:
    """Within a group, A_i - A_j = k * (R_i - R_j), whatever the scaling."""
    rewards, weights = np.array([[1.0, 3.0], [0.0, 3.0], [0.5, 3.0], [2.0, 3.0]]), np.array([0.7, 2.0])
    found = scaling(rewards, weights, index=0, group_size=4, scale_rewards=scale)
    paid = advantages(rewards, weights, 4, scale)
    for i in range(4):
        for j in range(4):
            slope = found.scale[i] * (rewards[i, 0] - rewards[j, 0])
            assert paid[i] - paid[j] == pytest.approx(slope, abs=1e-9)


@pytest.mark.parametrize("scale", ["group", "batch", "none"])
def test_saturated_groups(scale: str) -> None:
    """A group whose rewards are all equal is saturated, and its factor is 0 rather than ten thousand."""
    found = scaling(column(1, 1, 0, 1), np.ones(1), index=0, group_size=2, scale_rewards=scale)
    assert found.saturated == (True, True, False, False)
    assert found.scale[:2] == (0.0, 0.0)
    assert min(found.scale[2:]) > 0.0


def test_a_group_is_saturated_by_its_total() -> None:
    """Rewards that cancel each other leave nothing to learn from."""
    found = scaling(np.array([[0.1, 0.2], [0.2, 0.1]]), np.ones(2), index=0, group_size=2)
    assert found.saturated == (True, True)


def test_unscorable_rows_are_left_out() -> None:
    """A row without a reward has factor 0 and counts for no statistic of its group."""
    found = scaling(column(1, 0, NAN, NAN), np.ones(1), index=0, group_size=4, excludes_unscorable=True)
    expected = 1.0 / (np.std([1.0, 0.0], ddof=1) + EPSILON)
    assert found.scale == pytest.approx((expected, expected, 0.0, 0.0))
    assert found.saturated == (False,) * 4


def test_unscorable_rows_once_counted_as_zero() -> None:
    """Before TRL 1.6 they took part in the statistics as rewards of 0."""
    found = scaling(column(1, NAN), np.ones(1), index=0, group_size=2, excludes_unscorable=False)
    assert found.scale[0] == pytest.approx(1.0 / (np.std([1.0, 0.0], ddof=1) + EPSILON))


def test_a_group_without_any_reward() -> None:
    """A group without any reward is saturated, with factors of 0."""
    found = scaling(column(NAN, NAN, 1, 0), np.ones(1), index=0, group_size=2, excludes_unscorable=True)
    assert found.saturated[:2] == (True, True)
    assert found.scale[:2] == (0.0, 0.0)


def test_normalize_then_sum() -> None:
    """Where each reward is normalised by itself, k_i has its standard deviation in the group and that of the sums."""
    rewards, weights = np.array([[1.0, 5.0], [0.0, 7.0], [4.0, 5.0], [0.0, 5.5]]), np.array([1.0, 0.5])
    found = scaling(rewards, weights, index=0, group_size=2, aggregation="normalize_then_sum")
    groups = rewards.reshape(2, 2, 2)
    spread = groups.std(axis=1, ddof=1)
    sums = (((groups - groups.mean(axis=1, keepdims=True)) / (spread[:, None] + EPSILON)) * weights).sum(axis=2)
    outer = sums.reshape(-1).std(ddof=1) + EPSILON
    assert found.scale[::2] == pytest.approx(1.0 / (spread[:, 0] + EPSILON) / outer)
    assert found.saturated == (False,) * 4


def test_normalize_then_sum_with_a_constant_reward() -> None:
    """A reward that is constant in the group has factor 0 there; the group is saturated only if all are."""
    rewards = np.array([[1.0, 5.0], [1.0, 7.0], [1.0, 5.0], [1.0, 5.0]])
    found = scaling(rewards, np.ones(2), index=0, group_size=2, aggregation="normalize_then_sum")
    assert found.scale == (0.0,) * 4
    assert found.saturated == (False, False, True, True)


@pytest.mark.parametrize("scale", ["group", "batch", "none"])
def test_what_a_reward_gave_of_the_advantage(scale: str) -> None:
    """The parts of all rewards add up to A_i; that of a single one is A_i."""
    rewards, weights = np.array([[1.0, 3.0], [0.0, 2.0], [0.5, 3.0], [2.0, 0.0]]), np.array([0.7, 2.0])
    parts = [scaling(rewards, weights, index=index, group_size=2, scale_rewards=scale).part for index in range(2)]
    assert advantages(rewards, weights, 2, scale) == pytest.approx(np.sum(parts, axis=0))


def test_what_a_reward_gave_where_it_does_not_apply() -> None:
    """A row that this reward does not apply to counts as 0 among the sums, as it does for the trainer."""
    rewards = np.array([[1.0, 3.0], [NAN, 2.0]])
    parts = [scaling(rewards, np.ones(2), index=index, group_size=2, scale_rewards="none").part for index in (0, 1)]
    assert np.sum(parts, axis=0) == pytest.approx([1.0, -1.0])


def test_one_rank_takes_its_part() -> None:
    """The rows of one rank are a slice of the rows of all."""
    found = scaling(column(1, 1, 0, 1), np.ones(1), index=0, group_size=2)
    assert found.rows(2, 2).saturated == (False, False)
