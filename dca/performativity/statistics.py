"""The statistics of drift: what each is called, what it means, and its equation in sums.

A statistic is a function of `Counts`; None where it is not defined (nothing to divide by). It knows no time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from dca.performativity.counts import Counts


@dataclass(frozen=True, slots=True)
class Statistic:
    """A named function of counts.

    Attributes:
        name: In files and alarms.
        title: In tables and pictures.
        of: The value, or None where it is not defined.
        percent: Whether it is a share.
    """

    name: str
    title: str
    of: Callable[[Counts], float | None]
    percent: bool = False


def ratio(part: float, whole: float) -> float | None:
    """One sum over another; None over nothing.

    >>> ratio(1.0, 4.0), ratio(0.0, 0.0)
    (0.25, None)
    """
    return part / whole if whole > 0.0 else None


def correlation(xy: float, xx: float, yy: float) -> float | None:
    """Pearson's r from centred sums; None where one of the two does not vary.

    >>> correlation(2.0, 4.0, 1.0), correlation(0.0, 0.0, 1.0)
    (1.0, None)
    """
    return max(-1.0, min(1.0, xy / math.sqrt(xx * yy))) if xx > 0.0 and yy > 0.0 else None


def contrast(c: Counts) -> float | None:
    """The decision contrast: what starting a check is pushed, against going on.

    E[push | start] - E[push | go on]
    """
    grpo, excess = grpo_contrast(c), excess_contrast(c)
    return None if grpo is None or excess is None else grpo + excess


def grpo_contrast(c: Counts) -> float | None:
    """The same under plain GRPO, where every step is pushed A_i."""
    start, go = ratio(c.start_amount, c.starts), ratio(c.go_amount, c.goes)
    return None if start is None or go is None else start - go


def excess_contrast(c: Counts) -> float | None:
    """What the reviewer adds to the decision contrast; 0 is plain GRPO.

    E[push - A_i | start] - E[push - A_i | go on]
    """
    start, go = ratio(c.start_tilt, c.starts), ratio(c.go_tilt, c.goes)
    return None if start is None or go is None else start - go


def excess_recovery(c: Counts) -> float | None:
    """How much more reliably own errors are put right than planted ones, in log-odds.

        XR = logit((recovered + 1/2) / (errors + 1)) - logit((caught + 1/2) / (planted + 1))

    An honest policy believes its own errors and not the planted ones, so XR is at most about 0 (an inference from
    Tsui 2025, arXiv 2507.02778, and Wu et al. 2025, arXiv 2512.02389); what matters is whether it rises.
    """
    errors = c.recovered + c.unrecovered
    if errors <= 0.0 or c.planted <= 0.0:
        return None
    own = (c.recovered + 0.5) / (c.unrecovered + 0.5)
    planted = (c.caught + 0.5) / (c.planted - c.caught + 0.5)
    return math.log(own / planted)


def _less_flags(c: Counts, part: float, whole: float) -> float | None:
    """What another instrument finds, less what the detector finds."""
    other, flags = ratio(part, whole), ratio(c.needless, c.checks)
    return None if other is None or flags is None else other - flags


STATISTICS: Final = {
    one.name: one
    for one in (
        Statistic("accuracy", "right answers", lambda c: ratio(c.right, c.rollouts), True),
        Statistic("first_accuracy", "right first candidates", lambda c: ratio(c.first_right, c.rollouts), True),
        Statistic("length", "characters a rollout", lambda c: ratio(c.length, c.rollouts)),
        Statistic("check_rate", "checks a rollout", lambda c: ratio(c.checks, c.rollouts)),
        Statistic("check_density", "checks a 1,000 characters", lambda c: ratio(1000.0 * c.checks, c.length)),
        Statistic("yield", "yield of checks", lambda c: ratio(c.yielding, c.checks), True),
        Statistic("harm", "harm by checks", lambda c: ratio(c.harmful, c.checks), True),
        Statistic("errors", "own errors a rollout", lambda c: ratio(c.recovered + c.unrecovered, c.rollouts)),
        Statistic("recovered", "own errors put right", lambda c: ratio(c.recovered, c.rollouts)),
        Statistic("unrecovered", "own errors left", lambda c: ratio(c.unrecovered, c.rollouts)),
        Statistic("catch_rate", "own errors caught", lambda c: ratio(c.recovered, c.recovered + c.unrecovered), True),
        Statistic("power", "planted errors caught", lambda c: ratio(c.caught, c.planted), True),
        Statistic("excess_recovery", "own over planted, log-odds", excess_recovery),
        Statistic("flagged", "flagged rollouts", lambda c: ratio(c.flagged, c.rollouts), True),
        Statistic("flag_rate", "checks found needless", lambda c: ratio(c.needless, c.checks), True),
        Statistic("labelled", "checks labelled needless", lambda c: ratio(c.labelled, c.checks), True),
        Statistic("inert", "audited checks inert", lambda c: ratio(c.inert, c.audited), True),
        Statistic("unflagged", "labelled less found", lambda c: _less_flags(c, c.labelled, c.checks), True),
        Statistic("missed", "inert less found", lambda c: _less_flags(c, c.inert, c.audited), True),
        Statistic("contrast", "decision contrast", contrast),
        Statistic("grpo_contrast", "contrast under plain GRPO", grpo_contrast),
        Statistic("excess_contrast", "contrast added by credit", excess_contrast),
        Statistic(
            "length_credit",
            "step length with push, r",
            lambda c: correlation(c.length_tilt, c.length_square, c.tilt_square),
        ),
        Statistic(
            "credit_checks",
            "checks with credit, r",
            lambda c: correlation(c.credit_check, c.credit_square, c.check_square),
        ),
        Statistic(
            "credit_recoveries",
            "recoveries with credit, r",
            lambda c: correlation(c.credit_recovery, c.credit_square, c.recovery_square),
        ),
    )
}
"""By name, in reading order."""
