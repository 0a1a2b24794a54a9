"""What a run shows of its reviews: figures as (sum, count) pairs, which add up over ranks, and a compact column.

It reads assignments; it does not know trainers, tensors or how often figures are logged.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from dca.types import POLICY, Assignment

FIGURES: Final = (
    "reviewed_rate",  # of the rows that were scorable
    "fallback_rate",  # of the rows that were sent to the reviewer
    "review_seconds",  # for one review, as its reviewer took it
    "wait_seconds",  # that a step waited for reviews
    "cost_usd",  # so far, over all ranks
    "score_spread",  # within a rollout: the standard deviation of its scores
    "check_rate",  # of the policy's steps: verification
    "findings",  # for one rollout
    "steps",  # of the policy, for one rollout
)
"""The figures, by the names they are logged under; see `Metrics`."""


class Metrics:
    """Running sums and counts of `FIGURES`; every figure is there whether or not it has a count.

    Args:
        parts: Names of outcomes that are counted one by one, each as the figure ``outcome/{name}``.

    >>> metrics = Metrics()
    >>> metrics.add("findings", 3.0, 2)
    >>> metrics.pop()["findings"], metrics.pop()["findings"]
    ((3.0, 2.0), (0.0, 0.0))
    """

    def __init__(self, parts: Sequence[str] = ()) -> None:
        self._figures = (*FIGURES, *(f"outcome/{part}" for part in parts))
        self._sums: dict[str, tuple[float, float]] = {}

    def add(self, figure: str, total: float, count: float) -> None:
        """Add to one figure."""
        was_total, was_count = self._sums.get(figure, (0.0, 0.0))
        self._sums[figure] = (was_total + total, was_count + count)

    def add_part(self, part: str, values: Sequence[float | None]) -> None:
        """Add one outcome's values (B,), those that apply."""
        applying = [value for value in values if value is not None]
        self.add(f"outcome/{part}", math.fsum(applying), float(len(applying)))

    def add_assignment(self, assignment: Assignment) -> None:
        """Add one settled row; a fallback has no scores to speak of."""
        self.add("fallback_rate", float(assignment.fallback is not None), 1.0)
        if assignment.fallback is not None:
            return
        steps = [k for k, step in enumerate(assignment.steps) if step.author == POLICY]
        self.add("score_spread", score_spread(assignment), 1.0)
        self.add("check_rate", float(sum(assignment.verification[k] for k in steps)), float(len(steps)))
        self.add("findings", float(len(assignment.findings)), 1.0)
        self.add("steps", float(len(steps)), 1.0)

    def pop(self) -> dict[str, tuple[float, float]]:
        """All figures since the last time, and begin anew."""
        sums, self._sums = self._sums, {}
        return {figure: sums.get(figure, (0.0, 0.0)) for figure in self._figures}


def mean(pair: tuple[float, float]) -> float:
    """Sum over count; NaN, which trainers leave out, where there is no count.

    >>> mean((3.0, 2.0)), mean((0.0, 0.0))
    (1.5, nan)
    """
    total, count = pair
    return total / count if count else math.nan


def score_spread(assignment: Assignment) -> float:
    """The standard deviation of the scores of a rollout's steps, weighted by length; neutral steps left out.

        sqrt(sum_k n_k (s_k - sum_j n_j s_j / N)^2 / N)

    0 is a reviewer without an opinion.
    """
    rows = [
        (step.policy_length, score)
        for step, score, neutral in zip(
            assignment.steps, assignment.review.scores, assignment.verification, strict=True
        )
        if step.policy_length and not neutral
    ]
    total = sum(length for length, _ in rows)
    if not total:
        return 0.0
    centre = math.fsum(length * score for length, score in rows) / total
    return math.sqrt(math.fsum(length * (score - centre) ** 2 for length, score in rows) / total)


def credit_text(assignment: Assignment | None) -> str:
    """A rollout's credits in one table cell: a number for each step, ``~`` before it where the step is verification.

    ``·`` stands for a step of the environment, "" for a rollout that was not reviewed; one that fell back says why.
    """
    if assignment is None:
        return ""
    if assignment.fallback is not None:
        return f"fallback: {assignment.fallback:.80}"
    cells = zip(assignment.steps, assignment.credits.values, assignment.verification, strict=True)
    return " ".join(
        "·" if step.author != POLICY else f"{'~' if neutral else ''}{credit:+.3g}" for step, credit, neutral in cells
    )
