"""A number for faithfulness: how much of what a reviewer adds lands on steps that could not have changed the answer.

    share = sum over inert k of n_k max(0, push_k - A_i)  /  sum over all k of n_k max(0, push_k - A_i)

over all rollouts, with verification neutral as it was and, for comparison, with no step neutral. A pure function of
reviews, schemes and inertness; where inertness comes from is told in `dca.performativity.inertness`.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from dca.performativity.comparison import Interval, quantiles
from dca.performativity.statistics import ratio
from dca.protocols import Scheme
from dca.types import Row

Pushed = tuple[float, float]
"""Positive push on inert steps, and on all."""


@dataclass(frozen=True, slots=True)
class Examined:
    """A reviewed rollout whose steps were examined.

    Attributes:
        prompt: Names the problem; rollouts of one problem are resampled together.
        row: What the scheme was told.
        inert: (K,) whether each step is inert; None where it was not examined, and then it counts for nothing.
    """

    prompt: str
    row: Row
    inert: tuple[bool | None, ...]


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """The share of positive push on inert steps, with bootstrap intervals by problem; None where nothing was pushed.

    Attributes:
        neutral: With verification neutral, as law 9 has it.
        paid: The same reviews with no step neutral.
        difference: The first less the second: below 0 where neutral verification helps.
        rollouts: How many there were.
    """

    neutral: Interval | None
    paid: Interval | None
    difference: Interval | None
    rollouts: int


def positive_push(row: Row, inert: Sequence[bool | None], scheme: Scheme) -> Pushed:
    """What a reviewer adds to the push of one rollout, where it adds: on inert steps, and on all.

    >>> from dca.credit.schemes import Share
    >>> from dca.types import Review
    >>> row = Row(Review(scores=(1.0, 1.0, -1.0)), lengths=(10, 10, 10), verification=(False,) * 3)
    >>> positive_push(row, (True, False, False), Share())
    (4.44..., 8.88...)
    """
    level = row.amount if row.review.measure != "value" else 0.0
    pushed = [n * max(0.0, push - level) for n, push in zip(row.lengths, scheme(row).push, strict=True)]
    on_inert = math.fsum(one for one, still in zip(pushed, inert, strict=True) if still)
    return on_inert, math.fsum(one for one, still in zip(pushed, inert, strict=True) if still is not None)


def faithfulness(
    examined: Iterable[Examined], scheme: Scheme, *, level: float = 0.95, resamples: int = 1000, seed: int = 0
) -> Faithfulness:
    """The share of positive push that lands on inert steps, with and without neutral verification.

    Args:
        examined: Rollouts; the same review is split twice.
        scheme: How judgement becomes credit.
        level: Coverage of the intervals.
        resamples: Of the bootstrap over problems.
        seed: Of the bootstrap.
    """
    problems: dict[str, list[tuple[Pushed, Pushed]]] = {}
    for one in examined:
        bare = replace(one.row, verification=(False,) * len(one.row.lengths))
        both = positive_push(one.row, one.inert, scheme), positive_push(bare, one.inert, scheme)
        problems.setdefault(one.prompt, []).append(both)
    sums = {problem: _added(rows) for problem, rows in problems.items()}
    cells, draw = list(sums.values()), random.Random(seed)
    draws = [_shares(draw.choices(cells, k=len(cells))) for _ in range(resamples)] if cells else []
    whole = _shares(cells)
    names = ("neutral", "paid", "difference")
    found = {name: _interval(whole, draws, name, level) for name in names}
    return Faithfulness(**found, rollouts=sum(map(len, problems.values())))


def _added(rows: Sequence[tuple[Pushed, Pushed]]) -> tuple[float, ...]:
    """The sums of one problem."""
    return tuple(map(math.fsum, zip(*((*neutral, *paid) for neutral, paid in rows), strict=True)))


def _shares(cells: Sequence[tuple[float, ...]]) -> Mapping[str, float | None]:
    inert, total, inert_paid, total_paid = (
        (math.fsum(column) for column in zip(*cells, strict=True)) if cells else [0.0] * 4
    )
    neutral, paid = ratio(inert, total), ratio(inert_paid, total_paid)
    difference = None if neutral is None or paid is None else neutral - paid
    return {"neutral": neutral, "paid": paid, "difference": difference}


def _interval(
    whole: Mapping[str, float | None], draws: Sequence[Mapping[str, float | None]], name: str, level: float
) -> Interval | None:
    value = whole[name]
    bounds = quantiles([one for draw in draws if (one := draw[name]) is not None], level, len(draws))
    return None if value is None or bounds is None else Interval(value, *bounds)
