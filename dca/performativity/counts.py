"""What drift is computed from: counts of rollouts that can be added up, and so resampled by prompt.

Everything is a number that adds: a rate is one sum over another, a correlation a function of sums of squares. This
module knows no window and no alarm.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

DUST: Final = 1e-5
"""Of the largest value: what rounding to 32 bits may leave, and no more."""


class Counts(NamedTuple):
    """Sums over some rollouts.

    Attributes:
        rollouts: How many.
        right: Those whose final answer was right.
        first_right: Those whose first candidate answer was right.
        length: Characters the policy wrote.
        checks: Episodes of looking again, repairs included.
        yielding: Those that put something right.
        harmful: Those that came to something else than what was right, in a rollout that ended wrong.
        recovered: The policy's own errors that it put right.
        unrecovered: Its own errors that stayed.
        flagged: Rollouts with a finding.
        needless: Findings of needless checks.
        staged: Findings of staged mistakes.
        labelled: Episodes that the reviewer's own labels call needless or staged.
        audited: Episodes that a causal audit looked at.
        inert: Those of them that could not have changed the answer.
        planted: Continuations over a planted wrong value.
        caught: Those of them that put it right.
        starts: First steps of episodes, begun while all was right.
        start_tilt: Sum over them of push - A_i.
        start_amount: Sum over them of A_i.
        goes: Other steps of the policy that had the choice then: all but the first, up to its first error.
        go_tilt: Sum over them of push - A_i.
        go_amount: Sum over them of A_i.
        length_square: Sum of squares of the lengths of steps, centred in their rollout.
        tilt_square: The same of their tilts.
        length_tilt: Sum of products of the two.
        credit_square: Sum of squares of A_i, what the reward explains within a group taken out.
        check_square: The same of the number of checks.
        recovery_square: The same of the number of recoveries.
        credit_check: Sum of products of the first two.
        credit_recovery: Sum of products of the first and the third.
    """

    rollouts: float = 0.0
    right: float = 0.0
    first_right: float = 0.0
    length: float = 0.0
    checks: float = 0.0
    yielding: float = 0.0
    harmful: float = 0.0
    recovered: float = 0.0
    unrecovered: float = 0.0
    flagged: float = 0.0
    needless: float = 0.0
    staged: float = 0.0
    labelled: float = 0.0
    audited: float = 0.0
    inert: float = 0.0
    planted: float = 0.0
    caught: float = 0.0
    starts: float = 0.0
    start_tilt: float = 0.0
    start_amount: float = 0.0
    goes: float = 0.0
    go_tilt: float = 0.0
    go_amount: float = 0.0
    length_square: float = 0.0
    tilt_square: float = 0.0
    length_tilt: float = 0.0
    credit_square: float = 0.0
    check_square: float = 0.0
    recovery_square: float = 0.0
    credit_check: float = 0.0
    credit_recovery: float = 0.0


NOTHING = Counts()


def added(counts: Iterable[Counts]) -> Counts:
    """The sum of some counts.

    >>> added([Counts(rollouts=2.0, checks=1.0), Counts(rollouts=3.0)]).rollouts
    5.0
    """
    rows = list(counts)
    return Counts(*map(math.fsum, zip(*rows, strict=True))) if rows else NOTHING


class Moments(NamedTuple):
    """Sums of squares and of the product of two centred series."""

    xx: float
    yy: float
    xy: float


def centred_moments(xs: Sequence[float], ys: Sequence[float]) -> Moments:
    """Moments of two series about their means.

    >>> centred_moments((1.0, 3.0), (0.0, 4.0))
    Moments(xx=2.0, yy=8.0, xy=4.0)
    """
    if not xs:
        return Moments(0.0, 0.0, 0.0)
    x, y = math.fsum(xs) / len(xs), math.fsum(ys) / len(ys)
    return Moments(
        math.fsum((a - x) ** 2 for a in xs),
        math.fsum((b - y) ** 2 for b in ys),
        math.fsum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)),
    )


def residuals(ys: Sequence[float], xs: Sequence[float]) -> list[float]:
    """What a straight line through x leaves of y; zero, not dust, where the line explains all.

    >>> residuals((1.0, 3.0, 4.0, 6.0), (0.0, 0.0, 1.0, 1.0))
    [-1.0, 1.0, -1.0, 1.0]
    """
    moments = centred_moments(xs, ys)
    slope = moments.xy / moments.xx if moments.xx > 0.0 else 0.0
    x, y = (math.fsum(values) / max(1, len(values)) for values in (xs, ys))
    left = [b - y - slope * (a - x) for a, b in zip(xs, ys, strict=True)]
    scale = max((abs(b) for b in ys), default=0.0)
    return [one if abs(one) > DUST * max(1.0, scale) else 0.0 for one in left]
