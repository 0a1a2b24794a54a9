"""The values of the chain as `MonteCarloReviewer` finds them, by sampling: the yardstick where nothing is exact.

It needs what `dca.trl` needs, though no model is run: the policy that is sampled is the chain's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from dca.bench.chain import Valued, going_on, grade
from dca.suites.opinion import opinion_of
from dca.trl.monte_carlo import MonteCarloReviewer


def sampled_changes(rows: Sequence[Valued], *, samples: int, seed: int) -> list[tuple[float, ...]]:
    """(K,) V_k - V_(k-1) for each rollout, every V the mean of `samples` continuations; the last is the outcome."""
    reviewer = MonteCarloReviewer(partial(going_on, seed=seed), grade, samples=samples)
    return [opinion_of(reviewer.review(row.transcript, row.steps)).scores for row in rows]
