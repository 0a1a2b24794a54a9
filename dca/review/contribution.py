"""Values as contributions, so that the default scheme can use a reviewer that measures value.

This module knows reviews; it does not know where values come from, nor what becomes of contributions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from dca.errors import InputError, ReviewError
from dca.protocols import GroupReviewer, Reviewer
from dca.types import POLICY, Review, Step, Transcript


def as_contribution(reviewer: Reviewer) -> DifferenceReviewer:
    """A reviewer of value as a reviewer of contribution, for `Share` and other schemes that need one.

        s_k = V_k - V_(previous step of the policy), limited to [-1, 1]

    The first difference is taken from the baseline V_0; steps of the environment have score 0. The differences are
    those of `ValueDifference`, except that the last value is the reviewer's own: the outcome is what `Share` splits.

    Args:
        reviewer: Measures "value" and gives a baseline.

    Raises:
        InputError: The reviewer measures something else.

    >>> class Halves:
    ...     measure = "value"
    ...     def review(self, transcript, steps):
    ...         return Review(scores=(0.75, 0.5), measure="value", baseline=0.25)
    >>> steps = (Step(0, 0, 1, "a"), Step(1, 1, 2, "b"))
    >>> as_contribution(Halves()).review(Transcript("p", "ab", 1.0), steps).scores
    (0.5, -0.25)
    """
    return DifferenceReviewer(reviewer)


@dataclass(frozen=True, slots=True)
class DifferenceReviewer:
    """Asks another reviewer for values and tells what each step changed; see `as_contribution`."""

    values: Reviewer
    measure = "contribution"

    def __post_init__(self) -> None:
        measure = getattr(self.values, "measure", "value")
        if measure != "value":
            raise InputError(f"expected a reviewer of value, got one that measures {measure}; use it as it is")

    @property
    def name(self) -> str:
        """The name of the reviewer asked, and what is made of it."""
        return f"{getattr(self.values, 'name', type(self.values).__name__)} differences"

    @property
    def identity(self) -> str:
        """Who is asked, and what is made of it."""
        return f"{getattr(self.values, 'identity', None) or self.name} as contribution"

    @property
    def in_process(self) -> bool:
        """Whether the reviewer asked runs a model in this process."""
        return bool(getattr(self.values, "in_process", False))

    @property
    def rollouts_per_request(self) -> int:
        """As many as the reviewer asked takes."""
        return self.values.rollouts_per_request if isinstance(self.values, GroupReviewer) else 1

    def use_policy(self, model: Any, tokenizer: Any) -> None:
        """Hand the trainer's policy on, where the reviewer asked wants it."""
        use = getattr(self.values, "use_policy", None)
        if use is not None:
            use(model, tokenizer)

    def review(self, transcript: Transcript, steps: tuple[Step, ...], /) -> Review:
        """What each step of one rollout changed.

        Raises:
            ReviewError: The reviewer asked has no judgement, or gave no values.
        """
        return _differences(self.values.review(transcript, steps), steps)

    def review_group(self, rows: Sequence[tuple[Transcript, tuple[Step, ...]]], /) -> Sequence[Review | Exception]:
        """What each step of several rollouts changed."""
        if isinstance(self.values, GroupReviewer):
            answers = self.values.review_group(rows)
        else:
            answers = [_attempt(self.values, transcript, steps) for transcript, steps in rows]
        return [
            answer if isinstance(answer, Exception) else _attempt_differences(answer, steps)
            for answer, (_, steps) in zip(answers, rows, strict=True)
        ]


def _attempt(reviewer: Reviewer, transcript: Transcript, steps: tuple[Step, ...]) -> Review | ReviewError:
    try:
        return reviewer.review(transcript, steps)
    except ReviewError as error:
        return error


def _attempt_differences(review: Review, steps: Sequence[Step]) -> Review | ReviewError:
    try:
        return _differences(review, steps)
    except ReviewError as error:
        return error


def _differences(review: Review, steps: Sequence[Step]) -> Review:
    """The review, its values turned into what each step changed."""
    if review.measure != "value" or review.baseline is None or len(review.scores) != len(steps):
        raise ReviewError(
            f"expected {len(steps)} values and a baseline V_0, got {len(review.scores)} scores that measure "
            f"{review.measure} and the baseline {review.baseline}; only values have differences",
            usage=review.usage,
        )
    changes, before = [], review.baseline
    for value, step in zip(review.scores, steps, strict=True):
        wrote = step.author == POLICY
        changes.append(max(-1.0, min(1.0, value - before)) if wrote else 0.0)
        before = value if wrote else before
    return replace(
        review,
        scores=tuple(changes),
        measure="contribution",
        baseline=None,
        reviewer=f"{review.reviewer} as contribution" if review.reviewer else "",
    )
