"""What may be done about drift: log it, lower the credit, or stop all ranks together; or an action of one's own.

An action gets the trainer and the alarms that stand, on all ranks alike. This module does not know what raised them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol

from dca.errors import InputError, RunError
from dca.performativity.alarms import Alarm
from dca.trl.host import Host

LOG: Final = logging.getLogger("dca")


class Action(Protocol):
    """What is done about alarms that stand; called on all ranks alike."""

    def __call__(self, host: Host, alarms: tuple[Alarm, ...], /) -> None:
        """Act."""
        ...


def only_log(host: Host, alarms: tuple[Alarm, ...]) -> None:
    """Do nothing more: alarms are logged whatever is done about them."""


def stop(host: Host, alarms: tuple[Alarm, ...]) -> None:
    """Stop all ranks together: with dense credit where they next meet to generate, in an audit at once.

    Raises:
        RunError: In an audit, on every rank.
    """
    error = RunError(
        f"training has drifted: {'; '.join(map(str, alarms))}. Look at the log with `dca drift`; mend the reviewer, "
        f"lower credit_coef, or leave the alarm out of DriftCallback(settings=Settings(alarms=...))"
    )
    run = getattr(host.trainer, "_dca", None)
    if run is None:
        raise error
    run.guard.stop(error)


@dataclass(slots=True)
class Lower:
    """Multiply `credit_coef` by a factor, again at every window in which an alarm stands.

    Args:
        factor: In [0, 1); 0 turns the credit off, and no reviewer is asked any more.

    Attributes:
        scale: What `credit_coef` is multiplied by in all; it goes with the checkpoint.

    Raises:
        InputError: The factor is out of its range.
    """

    factor: float = 0.5
    scale: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.factor < 1.0:
            raise InputError(f"expected a factor in [0, 1) for credit_coef, got {self.factor!r}")

    def __call__(self, host: Host, _alarms: tuple[Alarm, ...]) -> None:
        """Lower it once more."""
        self.scale *= self.factor
        self.apply(host, self.factor)

    def apply(self, host: Host, factor: float) -> None:
        """Multiply the coefficient of a trainer with dense credit."""
        run = getattr(host.trainer, "_dca", None)
        if run is None:
            LOG.warning("there is no credit_coef to lower: this is an audit, and the update is that of the outcome")
            return
        run.options = replace(run.options, credit_coef=_Scaled(run.options.credit_coef, factor))


@dataclass(frozen=True, slots=True)
class _Scaled:
    """A schedule times a factor."""

    schedule: Callable[[float], float]
    factor: float

    def __call__(self, progress: float) -> float:
        return self.factor * self.schedule(progress)
