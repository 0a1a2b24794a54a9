"""What a piece of work would ask of a policy, heard before it is asked: for batches, and for a forecast of the cost.

Work is run once with a listener that answers nothing of worth; then whoever holds a model answers all questions side
by side, and the work is run again. This module knows the seam `Policy`, and no model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from dca.performativity.policy import Policy

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Questions:
    """What is asked, each question once.

    Attributes:
        pairs: (prefix, continuation) whose log-probability is asked.
        beginnings: (prefix, count) of continuations to be sampled.
    """

    pairs: tuple[tuple[str, str], ...] = ()
    beginnings: tuple[tuple[str, int], ...] = ()

    @property
    def samples(self) -> int:
        """Continuations in all."""
        return sum(count for _, count in self.beginnings)


@dataclass(slots=True)
class Listener:
    """A policy that notes what it is asked; its answers mean nothing."""

    _pairs: dict[tuple[str, str], None] = field(default_factory=dict)
    _beginnings: dict[tuple[str, int], None] = field(default_factory=dict)

    def log_probabilities(self, pairs: Sequence[tuple[str, str]], /) -> list[float]:
        """Zeros."""
        self._pairs.update(dict.fromkeys(pairs))
        return [0.0] * len(pairs)

    def continuations(self, prefix: str, count: int, /) -> list[str]:
        """Empty texts."""
        self._beginnings[prefix, count] = None
        return [""] * count

    @property
    def heard(self) -> Questions:
        """All that was asked so far."""
        return Questions(tuple(self._pairs), tuple(self._beginnings))


class Batched(Policy, Protocol):
    """A policy that can answer many questions side by side and remembers its answers."""

    def ask(self, questions: Questions, /) -> None:
        """Answer, and remember."""
        ...


def questions_of(work: Callable[[Policy], object]) -> Questions:
    """What a piece of work would ask.

    Args:
        work: Asks the policy it is given; which questions it asks must not depend on the answers.

    >>> questions_of(lambda policy: policy.log_probabilities([("2 + 2 = ", "4")])).pairs
    (('2 + 2 = ', '4'),)
    """
    listener = Listener()
    work(listener)
    return listener.heard


def in_batches(policy: Batched, work: Callable[[Policy], T]) -> T:
    """Do the work with all its questions answered side by side; one that was not foreseen is answered by itself."""
    policy.ask(questions_of(work))
    return work(policy)
