"""The drift monitor: has training changed how the policy looks again, and who is paid for it?

Observations come in by training step and fill windows of so many steps. The first window is the baseline; each later
one is compared with it, and a pattern that shows in windows one after another becomes an alarm. It keeps counts by
prompt, never text, so that its state fits in a checkpoint. It does not know where observations come from, nor what is
done about an alarm.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from dca.errors import InputError
from dca.performativity.alarms import ALARMS, Alarm
from dca.performativity.comparison import LEVEL, RESAMPLES, Comparison, Window, compare
from dca.performativity.counts import NOTHING, Counts, added
from dca.performativity.observation import Observation, by_prompt

VERSION: Final = 1
Probed = tuple[int, str, Counts]
"""Training step, prompt (a digest), and what was counted when a policy was asked."""
_REMEDY: Final = "remove the file to begin with a new baseline"


@dataclass(frozen=True, slots=True)
class Settings:
    """How drift is judged.

    Attributes:
        window: Training steps (with rollouts) that a window holds.
        level: Coverage of the intervals.
        patience: Windows one after another that must show a pattern before it is an alarm.
        resamples: Of the bootstrap.
        seed: Of the bootstrap.
        alarms: Which patterns are looked for.

    Raises:
        InputError: A number is out of its range, or a pattern is unknown.
    """

    window: int = 20
    level: float = LEVEL
    patience: int = 2
    resamples: int = RESAMPLES
    seed: int = 0
    alarms: tuple[str, ...] = tuple(ALARMS)

    def __post_init__(self) -> None:
        for name in ("window", "patience", "resamples"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)!r}")
        if not 0.5 <= self.level < 1.0:
            raise InputError(f"level must be in [0.5, 1), got {self.level!r}")
        unknown = sorted(set(self.alarms) - set(ALARMS))
        if unknown:
            raise InputError(f"alarms: expected some of {', '.join(ALARMS)}; got {', '.join(unknown)}")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a window came to.

    Attributes:
        first: Its first training step.
        last: Its last training step.
        comparison: With the baseline.
        alarms: Every pattern that was looked for, there or not.
        standing: Kinds of pattern that have shown in enough windows one after another, this one included.
    """

    first: int
    last: int
    comparison: Comparison
    alarms: tuple[Alarm, ...]
    standing: tuple[str, ...]

    def raised(self) -> tuple[Alarm, ...]:
        """The alarms that stand."""
        return tuple(alarm for alarm in self.alarms if alarm.kind in self.standing)


@dataclass(slots=True)
class Block:
    """A window that is filling: its steps, and counts by prompt."""

    steps: list[int] = field(default_factory=list)
    cells: dict[str, Counts] = field(default_factory=dict)

    def add(self, step: int, counts: Window) -> None:
        """Add what was counted at one step."""
        if step not in self.steps:
            self.steps.append(step)
        for prompt, one in counts.items():
            self.cells[prompt] = added((self.cells.get(prompt, NOTHING), one))


class Monitor:
    """Takes observations in order of training steps and judges every window that is full.

    What belongs to a step is put together when a later step is seen, so that the rollouts of a group may come one by
    one.

    Args:
        settings: How drift is judged.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self._baseline: Block | None = None
        self._open = Block()
        self._waiting: list[Observation] = []
        self._streaks: dict[str, int] = {}
        self._judged = 0

    @property
    def baseline(self) -> Block | None:
        """The first window, once it is full."""
        return self._baseline

    def add(self, observations: Iterable[Observation], probed: Iterable[Probed] = ()) -> list[Verdict]:
        """Take observations, and judge the windows that they fill.

        Args:
            observations: In any order within a step.
            probed: (step, prompt, counts) of what was asked of a policy: audits and planted errors.
        """
        self._waiting += [*observations, *(Observation(step, prompt, 0.0, 0.0, c) for step, prompt, c in probed)]
        latest = max((one.step for one in self._waiting), default=0)
        return self._settle([one for one in self._waiting if one.step < latest])

    def finish(self) -> list[Verdict]:
        """The run is over: judge what the last step fills too."""
        return self._settle(list(self._waiting))

    def _settle(self, done: Sequence[Observation]) -> list[Verdict]:
        """Count steps that are whole into windows."""
        steps: dict[int, list[Observation]] = {}
        for one in done:
            steps.setdefault(one.step, []).append(one)
        self._waiting = [one for one in self._waiting if one.step not in steps]
        verdicts = []
        for step in sorted(steps):
            verdicts += self.count(step, by_prompt(steps[step]))
        return verdicts

    def count(self, step: int, counts: Window) -> list[Verdict]:
        """Take all that was counted at one step, by prompt, and judge the window that it fills."""
        self._open.add(step, counts)
        return self._close() if len(self._open.steps) >= self.settings.window else []

    def _close(self) -> list[Verdict]:
        block, self._open = self._open, Block()
        if self._baseline is None:
            self._baseline = block
            return []
        self._judged += 1
        settings = self.settings
        comparison = compare(
            self._baseline.cells,
            block.cells,
            level=settings.level,
            resamples=settings.resamples,
            seed=settings.seed + self._judged,
        )
        alarms = tuple(ALARMS[kind](comparison) for kind in settings.alarms)
        self._streaks = {a.kind: self._streaks.get(a.kind, 0) + 1 if a.raised else 0 for a in alarms}
        standing = tuple(kind for kind, streak in self._streaks.items() if streak >= settings.patience)
        return [Verdict(min(block.steps), max(block.steps), comparison, alarms, standing)]

    def state(self) -> dict[str, Any]:
        """As JSON holds it."""
        blocks = {"baseline": self._baseline, "open": self._open}
        return {
            "version": VERSION,
            "fields": list(Counts._fields),
            "settings": asdict(self.settings),
            "streaks": self._streaks,
            "judged": self._judged,
            "waiting": [[one.step, one.prompt, one.reward, one.credit, list(one.counts)] for one in self._waiting],
            **{name: None if block is None else _packed(block) for name, block in blocks.items()},
        }

    def restore(self, state: object, source: str) -> None:
        """Go on from what JSON held; the settings are those of this monitor.

        Raises:
            InputError: It is no state of a monitor, or another version's.
        """
        if not isinstance(state, Mapping) or state.get("version") != VERSION:
            raise InputError(f"{source}: expected the state of a drift monitor of version {VERSION}; {_REMEDY}")
        if state.get("fields") != list(Counts._fields):
            raise InputError(f"{source}: fields: other counts than this version keeps; {_REMEDY}")
        try:
            self._baseline = None if state["baseline"] is None else _unpacked(state["baseline"])
            self._open = _unpacked(state["open"])
            self._streaks = {str(kind): int(streak) for kind, streak in state["streaks"].items()}
            self._judged = int(state["judged"])
            self._waiting = [
                Observation(int(step), str(prompt), float(reward), float(credit), Counts(*map(float, counts)))
                for step, prompt, reward, credit, counts in state["waiting"]
            ]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"{source}: {type(error).__name__}: {error}; {_REMEDY}") from error


def _packed(block: Block) -> dict[str, Any]:
    return {"steps": block.steps, "cells": {prompt: list(counts) for prompt, counts in block.cells.items()}}


def _unpacked(packed: Mapping[str, Any]) -> Block:
    cells = {str(prompt): Counts(*map(float, counts)) for prompt, counts in packed["cells"].items()}
    if any(len(counts) != len(Counts._fields) for counts in packed["cells"].values()):
        raise ValueError("cells: a row has not as many counts as there are fields")
    return Block([int(step) for step in packed["steps"]], cells)
