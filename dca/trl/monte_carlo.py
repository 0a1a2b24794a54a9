"""Values by trying: how often does a rollout end well when it goes on from here?

This module knows steps, grades and means; it does not know how continuations are sampled.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dca.errors import InputError, ReviewError
from dca.grading import Grade
from dca.trl.prefixes import horizons
from dca.trl.sampling import Prefix, Sampler
from dca.types import POLICY, Review, Step, Transcript
from dca.usage import Usage

Continue = Callable[[str, str, int], Sequence[str]]
Sheet = tuple[Transcript, tuple[Step, ...]]


@dataclass(frozen=True, slots=True)
class Estimate:
    """The mean grade of some continuations, and how sure it is.

    Attributes:
        value: V, the mean.
        samples: How many continuations; 0 where the value is the outcome itself.
        error: The standard error of the mean; None where it is not known (one continuation, or the outcome).
    """

    value: float
    samples: int = 0
    error: float | None = None

    def __str__(self) -> str:
        if not self.samples:
            return f"the outcome, {self.value:.3g}"
        spread = "" if self.error is None else f" ± {self.error:.2f}"
        return f"{self.value:.2f}{spread} over {self.samples} continuations"


def estimate(grades: Sequence[float]) -> Estimate:
    """The mean of n grades and its standard error, ``sqrt(sum (g - mean)^2 / (n (n - 1)))``.

    >>> estimate((1.0, 0.0, 0.0, 1.0))
    Estimate(value=0.5, samples=4, error=0.288...)
    """
    count = len(grades)
    mean = math.fsum(grades) / count
    squares = math.fsum((grade - mean) ** 2 for grade in grades)
    return Estimate(mean, count, math.sqrt(squares / (count * (count - 1))) if count > 1 else None)


class MonteCarloReviewer:
    """Values steps by sampling on from each of them: the yardstick for every other reviewer.

        V_k = mean grade of `samples` continuations of (prompt, steps 1..k),   V_0 from the prompt alone,   V_K = R

    VinePPO (Kazemnejad et al. 2024, arXiv 2410.01679): unbiased, and dear, since every boundary of every rollout is
    sampled. What the environment answers to a step belongs to that step. A prefix that rollouts of a request share
    (the prompt alone is one) is sampled once. `Review.usage.requests` counts continuations, on the first row that
    needed them; each step's reason gives its value, the standard error and the number of continuations. With few
    samples the error is large: 8 fair coins have 0.18.

    Args:
        continue_from: ``continue_from(prompt, prefix, samples)`` gives that many continuations, without the prefix;
            or a `Sampler` such as `PolicySampler`, which completes many prefixes at a time.
        grade: ``grade(completion, reference)`` in [-1, 1], on the scale of the outcome (`dca.grading.grade_exact`).
            A rollout without a reference is graded against "".
        samples: Continuations for each prefix.
        rollouts_per_request: Rollouts of one prompt that are valued together, and share what they have in common.

    Raises:
        InputError: A number is below 1.
    """

    name = "monte_carlo"
    measure = "value"
    in_process = True

    def __init__(
        self, continue_from: Continue | Sampler, grade: Grade, *, samples: int = 8, rollouts_per_request: int = 8
    ) -> None:
        if samples < 1 or rollouts_per_request < 1:
            raise InputError(
                f"samples and rollouts_per_request must be at least 1, got {samples!r}, {rollouts_per_request!r}"
            )
        self.continue_from, self.grade = continue_from, grade
        self.samples, self.rollouts_per_request = samples, rollouts_per_request

    def use_policy(self, model: Any, tokenizer: Any) -> None:
        """Hand the trainer's policy on to a sampler that wants it."""
        use = getattr(self.continue_from, "use_policy", None)
        if use is not None:
            use(model, tokenizer)

    @property
    def identity(self) -> str:
        """Whose continuations, and how many."""
        source = self.continue_from
        named = getattr(source, "identity", None) or getattr(source, "__name__", type(source).__name__)
        return f"{self.name} of {named} samples={self.samples}"

    def review(self, transcript: Transcript, steps: tuple[Step, ...], /) -> Review:
        """Value the steps of one rollout.

        Raises:
            ReviewError: There is nothing to value, or the sampler did not do what it was asked.
        """
        (result,) = self.review_group([(transcript, steps)])
        if isinstance(result, ReviewError):
            raise result
        return result

    def review_group(self, rows: Sequence[Sheet], /) -> list[Review | ReviewError]:
        """Value the steps of several rollouts; each distinct prefix is sampled once.

        Returns:
            For each rollout its review, or the error that stands in its place.

        Raises:
            ReviewError: The sampler did not do what it was asked.
        """
        wanted: dict[tuple[str, str, str], Prefix] = {}
        owner: dict[tuple[str, str, str], int] = {}
        for n, row in enumerate(rows):
            for prefix in _open_prefixes(*row):
                owner.setdefault(_key(prefix), n)
                wanted.setdefault(_key(prefix), prefix)
        found = dict(zip(wanted, self._estimates(list(wanted.values())), strict=True))
        return [
            self._judged(transcript, steps, found, sum(owner[key] == n for key in owner))
            for n, (transcript, steps) in enumerate(rows)
        ]

    def _estimates(self, prefixes: Sequence[Prefix]) -> list[Estimate]:
        """Sample on from every prefix, and grade what comes of it."""
        if isinstance(self.continue_from, Sampler):
            completed = self.continue_from.complete_all(prefixes, self.samples) if prefixes else []
        else:
            completed = [
                [
                    prefix.text + text
                    for text in self.continue_from(prefix.transcript.prompt, prefix.text, self.samples)
                ]
                for prefix in prefixes
            ]
        if len(completed) != len(prefixes) or any(len(texts) != self.samples for texts in completed):
            raise ReviewError(
                f"expected {self.samples} continuations of each of {len(prefixes)} prefixes, "
                f"got {[len(texts) for texts in completed]}; the sampler must give as many as it is asked for"
            )
        return [
            estimate([self.grade(text, prefix.transcript.reference or "") for text in texts])
            for prefix, texts in zip(prefixes, completed, strict=True)
        ]

    def _completed(self, continue_from: Continue, prefix: Prefix) -> list[str]:
        """One prefix, continued by a plain function."""
        return [prefix.text + text for text in continue_from(prefix.transcript.prompt, prefix.text, self.samples)]

    def _judged(
        self,
        transcript: Transcript,
        steps: Sequence[Step],
        found: dict[tuple[str, str, str], Estimate],
        sampled: int,
    ) -> Review | ReviewError:
        """One rollout's review, from the estimates of its prefixes."""
        if not any(step.policy_length for step in steps):
            return ReviewError("the policy wrote no step of this rollout, so there is no value to tell")
        known: list[Estimate] = []
        for count in horizons(steps):
            prefix = _prefix(transcript, steps, count)
            known.append(Estimate(transcript.reward) if prefix is None else found[_key(prefix)])
        baseline, *after = known
        return Review(
            scores=tuple(one.value for one in after),
            reasons=tuple(str(one) if k.author == POLICY else "" for k, one in zip(steps, after, strict=True)),
            measure=self.measure,
            baseline=baseline.value,
            reviewer=self.identity,
            usage=Usage(requests=sampled * self.samples),
        )


def _prefix(transcript: Transcript, steps: Sequence[Step], count: int) -> Prefix | None:
    """The rollout up to some step; None where that is all of it, whose value is the outcome."""
    return None if count == len(steps) else Prefix(transcript, steps[count].start)


def _open_prefixes(transcript: Transcript, steps: Sequence[Step]) -> list[Prefix]:
    """The prefixes of a rollout that must be sampled on from."""
    if not any(step.policy_length for step in steps):
        return []
    found = (_prefix(transcript, steps, count) for count in horizons(steps))
    return [prefix for prefix in found if prefix is not None]


def _key(prefix: Prefix) -> tuple[str, str, str]:
    """Equal for prefixes whose continuations, and their grades, come out alike."""
    return prefix.transcript.prompt, prefix.transcript.reference or "", prefix.text
