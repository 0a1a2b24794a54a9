"""A review as checks look at it: labels, scores, links and the shortest path, whatever the review measured.

It knows what the two kinds of review have in common; it does not know checks.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from dca.types import Review

MISTAKES: Final = frozenset({"error", "staged_mistake"})
"""The labels that say a step is wrong."""

FALL: Final = 0.3
"""A fall of the value by this much is taken for a mistake."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a review says of K steps.

    Attributes:
        labels: (K,) a label or None.
        scores: (K,) the scores; of a review of values, V_k - V_(k-1), what each step changed.
        links: (K,) the earlier step, or None.
        shortest: The steps of the shortest path.
        is_value: True for a review of values, which gives no label but injection, no link and no path.
    """

    labels: tuple[str | None, ...]
    scores: tuple[float, ...]
    links: tuple[int | None, ...]
    shortest: tuple[int, ...] = ()
    is_value: bool = False

    def has(self, k: int) -> bool:
        """Whether there is a step `k`."""
        return 0 <= k < len(self.labels)

    def label(self, k: int) -> str | None:
        """The label of a step."""
        return self.labels[k]

    @property
    def first_error(self) -> int | None:
        """The first step called a mistake, or, of values, the first that lets the value fall by `FALL` or more."""
        if self.is_value:
            return next((k for k, change in enumerate(self.scores) if change <= -FALL + 1e-9), None)
        return next((k for k, label in enumerate(self.labels) if label in MISTAKES), None)


def opinion_of(review: Review) -> Opinion:
    """A review as checks look at it.

    >>> opinion_of(Review(scores=(0.5, 0.0), measure="value", baseline=0.75)).scores
    (-0.25, -0.5)
    """
    if review.measure != "value":
        return Opinion(review.labels, review.scores, review.links, review.shortest)
    start = review.baseline if review.baseline is not None else review.scores[0]
    changes = tuple(after - before for before, after in pairwise((start, *review.scores)))
    return Opinion(review.labels, changes, review.links, is_value=True)


def silent(steps: int) -> Opinion:
    """No opinion on any of so many steps: what a review that failed comes to."""
    return Opinion((None,) * steps, (0.0,) * steps, (None,) * steps)
