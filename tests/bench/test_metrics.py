"""Measures against counting by hand, and the bootstrap against what it must keep together."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from dca.bench.metrics import Ranking, auc, average_precision, bootstrap, counts, recall_at

UNITS = st.lists(st.tuples(st.sampled_from([0.0, 0.2, 0.5, 0.5, 0.9]), st.booleans(), st.integers(0, 3)), min_size=1)


def arrays(units: list[tuple[float, bool, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    scores, truth, weights = zip(*units, strict=True)
    return np.array(scores), np.array(truth), np.array(weights, dtype=float)


@given(UNITS)
def test_auc_is_the_share_of_ordered_pairs(units: list[tuple[float, bool, int]]) -> None:
    """AUC is the weighted share of (yes, no) pairs in the right order, ties counting half."""
    scores, truth, weights = arrays(units)
    pairs = [
        (weights[i] * weights[j], 1.0 if scores[i] > scores[j] else 0.5 if scores[i] == scores[j] else 0.0)
        for i, j in product(np.flatnonzero(truth), np.flatnonzero(~truth))
    ]
    total = sum(weight for weight, _ in pairs)
    got = auc(scores, truth, weights)
    if total:
        assert math.isclose(sum(weight * order for weight, order in pairs) / total, got, abs_tol=1e-9)
    else:
        assert math.isnan(got)


@given(UNITS)
def test_weights_are_repetitions(units: list[tuple[float, bool, int]]) -> None:
    """A weight of n counts as n equal units, for every measure."""
    scores, truth, weights = arrays(units)
    repeated, times = np.repeat(np.arange(len(scores)), weights.astype(int)), np.ones(int(weights.sum()))
    for measure in (auc, average_precision):
        expected = measure(scores[repeated], truth[repeated], times) if len(repeated) else math.nan
        assert expected == pytest.approx(measure(scores, truth, weights), nan_ok=True)


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_scikit_learn(seed: int) -> None:
    """AUC and average precision are scikit-learn's."""
    rng = np.random.default_rng(seed)
    scores, truth = rng.integers(0, 8, 60) / 8, rng.random(60) < 0.3
    assert auc(scores, truth) == pytest.approx(roc_auc_score(truth, scores))
    assert average_precision(scores, truth) == pytest.approx(average_precision_score(truth, scores))


def test_counts_by_hand() -> None:
    """Precision, recall, F1, TPR*TNR and PRMScore are what counting gives."""
    found = counts(np.array([1, 1, 1, 0, 0], dtype=bool), np.array([1, 1, 0, 1, 0], dtype=bool))
    assert (found.precision, found.recall, found.f1) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert found.balance == pytest.approx(2 / 3 * 1 / 2)
    assert found.prm_score == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_what_is_not_defined_is_nan() -> None:
    """Without a positive, or without an accusation, a share is NaN and never a number."""
    none = np.zeros(3, dtype=bool)
    assert math.isnan(counts(none, none).recall)
    assert math.isnan(counts(none, ~none).precision)
    assert math.isnan(average_precision(np.zeros(3), none))
    assert math.isnan(recall_at(np.zeros(3), ~none, none, 0.01))


def test_recall_at_a_rate_allows_no_more_false_positives() -> None:
    """The threshold lets at most the given share of the negatives through."""
    scores = np.array([0.95, 0.9, 0.5, *np.linspace(0, 0.92, 200)])
    positive = np.array([True] * 3 + [False] * 200)
    threshold = sorted(scores[~positive])[-3]
    expected = (scores[positive] > threshold).mean()
    assert expected == recall_at(scores, positive, ~positive, 0.01)


def test_bootstrap_keeps_problems_together() -> None:
    """Units of one problem are drawn together: a set of one problem has an interval of no width."""
    scores, truth = np.array([0.9, 0.1, 0.4, 0.6]), np.array([True, False, True, False])

    def measure(weights: np.ndarray) -> dict[str, float]:
        return {"auc": Ranking.of(scores, truth).auc(weights)}

    alone = bootstrap(measure, ["a"] * 4, resamples=50, seed=0)["auc"]
    assert alone.low == alone.value == alone.high
    apart = bootstrap(measure, ["a", "a", "b", "b"], resamples=50, seed=0)["auc"]
    assert apart.low < apart.value < apart.high


def test_bootstrap_is_repeatable() -> None:
    """The same seed draws the same problems; no resamples, no interval."""

    def measure(weights: np.ndarray) -> dict[str, float]:
        return {"mean": float(weights @ np.arange(10) / weights.sum())}

    problems = [str(k) for k in range(10)]
    first, again = (bootstrap(measure, problems, resamples=20, seed=3) for _ in range(2))
    assert first == again
    assert math.isnan(bootstrap(measure, problems, resamples=0, seed=3)["mean"].low)
