"""The checks a person writes in `expect.json`: each looks at one review and earns a mark between 0 and 1.

A check that a kind of review cannot answer (labels, of a review that gives values) earns no mark at all, so it
counts neither for nor against. This module knows reviews; it does not know files, prompts or models.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass
from itertools import combinations
from typing import Final, Protocol

from dca.suites.opinion import Opinion

NONE: Final = "none"
"""How a check spells the absence of a label."""


class Check(Protocol):
    """One thing a review must show."""

    @property
    def weight(self) -> float:
        """How much it counts against the others."""
        ...

    @property
    def why(self) -> str:
        """For whoever reads the case."""
        ...

    @property
    def steps(self) -> frozenset[int]:
        """The steps it names."""
        ...

    def mark(self, opinion: Opinion, /) -> float | None:
        """What the review earns, in [0, 1]; None where this kind of review cannot answer."""
        ...

    def __str__(self) -> str:
        """The check in a few words."""
        ...


@dataclass(frozen=True, slots=True)
class LabelCheck:
    """Steps carry certain labels, each worth its own mark.

    The mark of a step is the best of its own label's and, for d = 1 .. `near`, its neighbours' divided by 1 + d;
    the mark of the check is the mean of the best `enough` steps (all of them, unless told).
    """

    worth: Mapping[str, float]
    at: tuple[int, ...]
    near: int = 0
    enough: int | None = None
    _: KW_ONLY
    weight: float = 1.0
    why: str = ""

    @property
    def steps(self) -> frozenset[int]:
        """The steps it names."""
        return frozenset(self.at)

    def mark(self, opinion: Opinion, /) -> float | None:
        """The mean over the best steps; values say nothing of labels but injection."""
        if opinion.is_value and set(self.worth) != {"injection"}:
            return None
        best = sorted((self._step(opinion, k) for k in self.at), reverse=True)[: self.enough]
        return sum(best) / len(best)

    def _step(self, opinion: Opinion, k: int) -> float:
        spread = range(-self.near, self.near + 1)
        return max(
            self.worth.get(opinion.label(k + d) or NONE, 0.0) / (1 + abs(d)) for d in spread if opinion.has(k + d)
        )

    def __str__(self) -> str:
        """The steps, the labels, and what is allowed."""
        names = " or ".join(name if worth == 1.0 else f"{name} ({worth:g})" for name, worth in self.worth.items())
        some = f" (at least {self.enough})" if self.enough and self.enough < len(self.at) else ""
        return f"{spoken(self.at)}{some}: {names}{f', give or take {self.near}' if self.near else ''}"


@dataclass(frozen=True, slots=True)
class FirstErrorCheck:
    """The first step called a mistake is one of these (None among them: there is no mistake).

    The usual way to score the location of the first error (ProcessBench, 2024, arXiv 2412.06559), with an optional
    allowance for neighbours. In a review of values it is the first step at which the value falls far.
    """

    accepted: tuple[int | None, ...]
    near: int = 0
    _: KW_ONLY
    weight: float = 1.0
    why: str = ""

    @property
    def steps(self) -> frozenset[int]:
        """The steps it names."""
        return frozenset(k for k in self.accepted if k is not None)

    def mark(self, opinion: Opinion, /) -> float | None:
        """1 where the place is right, 1 / (1 + d) at a distance d of at most `near`."""
        found = opinion.first_error
        if found in self.accepted:
            return 1.0
        if found is None:
            return 0.0
        distance = min((abs(found - k) for k in self.steps), default=self.near + 1)
        return 1.0 / (1 + distance) if distance <= self.near else 0.0

    def __str__(self) -> str:
        """The accepted places."""
        places = " or ".join("none" if k is None else f"step {k}" for k in self.accepted)
        return f"first error: {places}{f', give or take {self.near}' if self.near else ''}"


@dataclass(frozen=True, slots=True)
class NeverCheck:
    """No step, or none of these, carries one of these labels. There is no half of an accusation: 1 or 0."""

    names: tuple[str, ...]
    at: tuple[int, ...] = ()
    _: KW_ONLY
    weight: float = 1.0
    why: str = ""

    @property
    def steps(self) -> frozenset[int]:
        """The steps it names; none where it speaks of all."""
        return frozenset(self.at)

    def mark(self, opinion: Opinion, /) -> float | None:
        """1 where no label is found, else 0."""
        if opinion.is_value and set(self.names) != {"injection"}:
            return None
        places = self.at or range(len(opinion.labels))
        return 0.0 if any((opinion.label(k) or NONE) in self.names for k in places) else 1.0

    def __str__(self) -> str:
        """The labels, and where."""
        return f"{spoken(self.at) if self.at else 'no step'}: {'not ' if self.at else ''}{' or '.join(self.names)}"


@dataclass(frozen=True, slots=True)
class ScoreCheck:
    """Scores lie between bounds; outside, the mark falls linearly to 0 at a distance of `tolerance`."""

    at: tuple[int, ...]
    at_least: float = -1.0
    at_most: float = 1.0
    tolerance: float = 0.0
    _: KW_ONLY
    weight: float = 1.0
    why: str = ""

    @property
    def steps(self) -> frozenset[int]:
        """The steps it names."""
        return frozenset(self.at)

    def mark(self, opinion: Opinion, /) -> float | None:
        """The mean over the steps."""
        return sum(self._step(opinion.scores[k]) for k in self.at) / len(self.at)

    def _step(self, score: float) -> float:
        outside = max(self.at_least - score, score - self.at_most, 0.0)
        return 1.0 if outside <= 0.0 else max(0.0, 1.0 - outside / self.tolerance) if self.tolerance else 0.0

    def __str__(self) -> str:
        """The steps and the bounds."""
        low = f"at least {self.at_least:g}" if self.at_least > -1.0 else ""
        high = f"at most {self.at_most:g}" if self.at_most < 1.0 else ""
        return f"{spoken(self.at)}: score {' and '.join(filter(None, (low, high))) or 'any'}"


@dataclass(frozen=True, slots=True)
class OrderCheck:
    """Each of these steps scores higher than the next one; a tie is not higher."""

    at: tuple[int, ...]
    _: KW_ONLY
    weight: float = 1.0
    why: str = ""

    @property
    def steps(self) -> frozenset[int]:
        """The steps it names."""
        return frozenset(self.at)

    def mark(self, opinion: Opinion, /) -> float | None:
        """The share of pairs that stand in this order."""
        pairs = list(combinations(self.at, 2))
        return sum(opinion.scores[high] > opinion.scores[low] for high, low in pairs) / len(pairs)

    def __str__(self) -> str:
        """The steps, highest first."""
        return f"score of step {' > '.join(map(str, self.at))}"


@dataclass(frozen=True, slots=True)
class LinkCheck:
    """Steps point back to one of these earlier steps."""

    at: tuple[int, ...]
    of: tuple[int, ...]
    _: KW_ONLY
    weight: float = 1.0
    why: str = ""

    @property
    def steps(self) -> frozenset[int]:
        """The steps it names."""
        return frozenset((*self.at, *self.of))

    def mark(self, opinion: Opinion, /) -> float | None:
        """The mean over the steps."""
        return None if opinion.is_value else sum(opinion.links[k] in self.of for k in self.at) / len(self.at)

    def __str__(self) -> str:
        """What is about what."""
        verb = "is" if len(self.at) == 1 else "are"
        return f"{spoken(self.at)} {verb} about step {' or '.join(map(str, self.of))}"


@dataclass(frozen=True, slots=True)
class ShortestCheck:
    """The shortest path holds some steps and lacks others; who names no path earns nothing."""

    has: tuple[int, ...] = ()
    lacks: tuple[int, ...] = ()
    _: KW_ONLY
    weight: float = 1.0
    why: str = ""

    @property
    def steps(self) -> frozenset[int]:
        """The steps it names."""
        return frozenset((*self.has, *self.lacks))

    def mark(self, opinion: Opinion, /) -> float | None:
        """The share of the steps that are where they belong."""
        if opinion.is_value:
            return None
        if not opinion.shortest:
            return 0.0
        path = frozenset(opinion.shortest)
        right = len(path.intersection(self.has)) + len(frozenset(self.lacks) - path)
        return right / (len(self.has) + len(self.lacks))

    def __str__(self) -> str:
        """What is on the path and what is not."""
        has = f"has {', '.join(map(str, self.has))}" if self.has else ""
        lacks = f"lacks {', '.join(map(str, self.lacks))}" if self.lacks else ""
        return f"shortest path {' and '.join(filter(None, (has, lacks)))}"


@dataclass(frozen=True, slots=True)
class VoidCheck:
    """Some step is labelled injection, so that the review is void; or none is, and it stands."""

    void: bool
    _: KW_ONLY
    weight: float = 1.0
    why: str = ""

    @property
    def steps(self) -> frozenset[int]:
        """None: it speaks of the whole."""
        return frozenset()

    def mark(self, opinion: Opinion, /) -> float | None:
        """1 or 0."""
        return float(("injection" in opinion.labels) is self.void)

    def __str__(self) -> str:
        """Void or not."""
        return "the review is void" if self.void else "the review is not void"


def spoken(steps: Iterable[int]) -> str:
    """Steps as one says them, runs joined.

    >>> spoken((3,)), spoken((4, 5, 6, 9))
    ('step 3', 'steps 4-6, 9')
    """
    runs: list[list[int]] = []
    for k in sorted(steps):
        if runs and k == runs[-1][-1] + 1:
            runs[-1].append(k)
        else:
            runs.append([k])
    parts = [str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs]
    many = len(runs) > 1 or len(runs[0]) > 1
    return f"step{'s' if many else ''} {', '.join(parts)}"
