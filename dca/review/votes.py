"""k reviews of one rollout, combined into one.

A vote that failed is withheld, not counted as zero. This module knows nothing of where votes come from.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Final

from dca.errors import ReviewError
from dca.types import Review

TIE_ORDER: Final = (
    "injection",
    None,
    "progress",
    "key",
    "check",
    "recovery",
    "filler",
    "error",
    "needless_check",
    "staged_mistake",
)
"""Who wins a tie: the label that voids the row (the safe side), then none, then the least accusing."""


def combine(votes: Sequence[Review | ReviewError]) -> Review | ReviewError:
    """One review from k votes; one vote is returned as it is.

        score_k = mean of the votes that arrived       V_0 = their mean baseline

    A step's label is the one most votes give it (none is a vote too; ties by `TIE_ORDER`), its link the most common
    among the votes for that label, its reason that of the vote nearest the mean, among the votes for that label
    where they give one. `shortest` holds the steps that more than half of the votes name.

    Returns:
        The review; or, where more than half of the votes failed, an error of the first failure's kind.

    Raises:
        ValueError: There are no votes, or they are about different numbers of steps.

    >>> combine([Review(scores=(1.0, 0.0)), Review(scores=(0.5, 0.0))]).scores
    (0.75, 0.0)
    """
    reviews = [vote for vote in votes if isinstance(vote, Review)]
    failures = [vote for vote in votes if isinstance(vote, ReviewError)]
    if len(votes) == 1:
        return votes[0]
    if failures and 2 * len(failures) > len(votes):
        return _failed(failures, len(votes))
    count = {len(review.scores) for review in reviews}
    if len(count) != 1:
        raise ValueError(f"votes must be about the same steps, got {len(reviews)} of lengths {sorted(count)}")
    return _mean(reviews, count.pop())


def _failed(failures: Sequence[ReviewError], votes: int) -> ReviewError:
    """An error of the first failure's kind that says how many failed."""
    error = failures[0].charged(failures[0].usage)
    error.args = (f"{len(failures)} of {votes} votes failed, more than half; the first: {failures[0]}",)
    return error


def _mean(reviews: Sequence[Review], count: int) -> Review:
    """The combination of votes that arrived."""
    scores = tuple(math.fsum(r.scores[k] for r in reviews) / len(reviews) for k in range(count))
    labels = tuple(_majority([r.labels[k] for r in reviews]) for k in range(count))
    agreeing = [[r for r in reviews if r.labels[k] == labels[k]] for k in range(count)]
    named = Counter(k for r in reviews for k in r.shortest)
    baselines = [r.baseline for r in reviews if r.baseline is not None]
    return Review(
        scores=scores,
        labels=labels,
        links=tuple(_commonest([r.links[k] for r in agreeing[k]]) for k in range(count)),
        reasons=tuple(_reason(agreeing[k], k, scores[k]) for k in range(count)),
        shortest=tuple(k for k, times in named.items() if 2 * times > len(reviews)),
        measure=reviews[0].measure,
        baseline=math.fsum(baselines) / len(baselines) if baselines else None,
    )


def _majority(labels: Sequence[str | None]) -> str | None:
    """The most frequent label; a tie goes to the one that stands first in `TIE_ORDER`."""
    counts = Counter(labels)
    return min(counts, key=lambda label: (-counts[label], TIE_ORDER.index(label)))


def _commonest(links: Sequence[int | None]) -> int | None:
    """The most frequent link; a tie goes to the latest step, the nearest target."""
    counts = Counter(link for link in links if link is not None)
    return min(counts, key=lambda link: (-counts[link], -link), default=None)


def _reason(agreeing: Sequence[Review], k: int, mean: float) -> str:
    """The words of the vote nearest the mean, of those that agree on the label and give any."""
    spoken = [review for review in agreeing if review.reasons[k]]
    nearest = min(spoken, key=lambda review: (abs(review.scores[k] - mean), review.reasons[k]), default=None)
    return nearest.reasons[k] if nearest is not None else ""
