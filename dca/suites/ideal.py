"""The review that a case asks for, put together from its own checks: what shows that they can all be met at once.

It reads checks and makes an opinion; it does not know transcripts, and nobody would call what it makes a review.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from dca.suites.checks import (
    NONE,
    Check,
    FirstErrorCheck,
    LabelCheck,
    LinkCheck,
    NeverCheck,
    OrderCheck,
    ScoreCheck,
    ShortestCheck,
    VoidCheck,
)
from dca.suites.expectation import AllCheck, AnyCheck, Expectation
from dca.suites.opinion import MISTAKES, Opinion

_USUAL: Final = {"key": 1.0, "progress": 0.5, "error": -1.0, "staged_mistake": -0.5}
"""The score that goes with a label, where nothing else is said."""

_GRID: Final = (-1.0, -0.5, 0.0, 0.5, 1.0)


@dataclass(slots=True)
class _Draft:
    """A review in the making: what is asked of each step so far."""

    labels: list[str | None]
    links: list[int | None]
    bounds: list[tuple[float, float]]
    scores: list[float]
    path: set[int] = field(default_factory=set)


def ideal(expectation: Expectation, steps: int) -> Opinion:
    """An opinion on so many steps that earns all it can, as far as a simple construction finds it.

    Of alternatives the first is taken, of labels the one worth most.
    """
    checks = list(_flat(expectation.checks))
    draft = _Draft([None] * steps, [None] * steps, [(-1.0, 1.0)] * steps, [0.0] * steps)
    for check in checks:
        _ask(draft, check)
    for check in checks:
        if isinstance(check, FirstErrorCheck) and (places := sorted(check.steps)):
            draft.labels[places[0]] = draft.labels[places[0]] if _is_mistake(draft, places[0]) else "error"
        if isinstance(check, VoidCheck) and check.void and "injection" not in draft.labels:
            draft.labels[0] = "injection"
    for k in range(steps):
        low, high = draft.bounds[k]
        draft.scores[k] = min(max(_USUAL.get(draft.labels[k] or NONE, 0.0), low), high)
    for check in checks:
        if isinstance(check, OrderCheck):
            _put_in_order(draft, check.at)
    return Opinion(tuple(draft.labels), tuple(draft.scores), tuple(draft.links), tuple(sorted(draft.path)))


def _flat(checks: tuple[Check, ...]) -> Iterator[Check]:
    """The checks that have to be met: all of an `all`, the first of an `any`."""
    for check in checks:
        if isinstance(check, AllCheck):
            yield from _flat(check.checks)
        elif isinstance(check, AnyCheck):
            yield from _flat(check.checks[:1])
        else:
            yield check


def _ask(draft: _Draft, check: Check) -> None:
    """Do what one check asks of steps, links and bounds."""
    match check:
        case LabelCheck():
            best = max(check.worth, key=lambda name: check.worth[name])
            for k in check.at:
                draft.labels[k] = None if best == NONE else best
        case LinkCheck():
            for k in check.at:
                draft.links[k] = check.of[0]
        case ScoreCheck():
            for k in check.at:
                low, high = draft.bounds[k]
                draft.bounds[k] = (max(low, check.at_least), min(high, check.at_most))
        case ShortestCheck():
            draft.path |= set(check.has) or {next(k for k in range(len(draft.labels)) if k not in check.lacks)}
        case NeverCheck(names=names, at=at) if NONE in names:
            for k in at:
                draft.labels[k] = draft.labels[k] or next(name for name in ("progress", "key") if name not in names)


def _is_mistake(draft: _Draft, k: int) -> bool:
    return draft.labels[k] in MISTAKES


def _put_in_order(draft: _Draft, steps: tuple[int, ...]) -> None:
    """Raise the higher of each pair, or else lower the other, as far as their bounds let them."""
    for high, low in pairwise(steps):
        if draft.scores[high] > draft.scores[low]:
            continue
        above = [score for score in _GRID if draft.scores[low] < score <= draft.bounds[high][1]]
        if above:
            draft.scores[high] = above[0]
        else:
            below = [score for score in _GRID if draft.bounds[low][0] <= score < draft.scores[high]]
            draft.scores[low] = below[-1] if below else draft.scores[low]
