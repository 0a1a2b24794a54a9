"""The course of a run: every statistic over training with its intervals, and the alarms, as JSON holds them.

It puts together what `counts`, `comparison` and `drift` say of counts by step. It does not know files or pictures.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby, pairwise
from typing import Any, Final

from dca.performativity.alarms import Alarm
from dca.performativity.comparison import Change, Interval, Window, compare
from dca.performativity.counts import added
from dca.performativity.drift import Monitor, Settings, Verdict
from dca.performativity.observation import by_prompt, observe
from dca.performativity.statistics import STATISTICS

POINTS: Final = 30
"""The most points of a curve."""
BAND: Final = 0.95
"""Coverage of the band around a curve."""
DRAWS: Final = 100
"""Resamples for a band, which is looked at and not decided by."""

Steps = dict[int, dict[str, Any]]
"""Counts by prompt, by training step."""


def counted(records: Iterable[Mapping[str, Any]], steps: Steps | None = None) -> Steps:
    """Count rollouts by step and prompt; those of one step must follow one another to be seen as groups.

    Args:
        records: Lines of the output contract.
        steps: Counted before; they are added to.
    """
    found: Steps = {} if steps is None else steps
    for step, rows in groupby(records, key=lambda record: int(record.get("train_step", 0))):
        add_counts(found, step, by_prompt(map(observe, rows)))
    return found


def add_counts(steps: Steps, step: int, counts: Window) -> None:
    """Add what was counted at one step."""
    cells = steps.setdefault(step, {})
    for prompt, one in counts.items():
        cells[prompt] = added((cells[prompt], one)) if prompt in cells else one


def account(steps: Mapping[int, Window], settings: Settings, *, points: int = POINTS) -> dict[str, Any]:
    """What there is to say of a run.

    Args:
        steps: Counts by prompt, by training step.
        settings: How drift is judged.
        points: The most points of a curve.

    Returns:
        A mapping for JSON: `steps`, `rollouts`, `window`, `statistics` (each with its points, its baseline, its last
        full window and the change between them) and `windows` (each with the alarms that stand).
    """
    monitor, verdicts = Monitor(settings), list[Verdict]()
    for step in sorted(steps):
        verdicts += monitor.count(step, steps[step])
    parts = [_bin(steps, part, settings.seed) for part in _parts(sorted(steps), points)]
    last = verdicts[-1] if verdicts else None
    return {
        "steps": [min(steps), max(steps)] if steps else [],
        "rollouts": int(sum(one.rollouts for window in steps.values() for one in window.values())),
        "prompts": len({prompt for window in steps.values() for prompt in window}),
        "window": settings.window,
        "level": settings.level,
        "patience": settings.patience,
        "baseline": [] if monitor.baseline is None else [min(monitor.baseline.steps), max(monitor.baseline.steps)],
        "statistics": [
            {
                "name": name,
                "title": one.title,
                "percent": one.percent,
                "points": [{**part["where"], **part["values"][name]} for part in parts],
                "change": None if last is None else _change(last.comparison.change(name)),
            }
            for name, one in STATISTICS.items()
        ],
        "windows": [
            {"first": verdict.first, "last": verdict.last, "alarms": [_alarm(one, verdict) for one in verdict.alarms]}
            for verdict in verdicts
        ],
    }


def _parts(steps: Sequence[int], points: int) -> list[Sequence[int]]:
    """Steps in at most so many runs of like length."""
    count = min(points, len(steps))
    edges = [round(k * len(steps) / count) for k in range(count + 1)] if count else []
    return [steps[a:b] for a, b in pairwise(edges)]


def _bin(steps: Mapping[int, Window], part: Sequence[int], seed: int) -> dict[str, Any]:
    """Every statistic of some steps, with its band."""
    cells: Steps = {}
    for step in part:
        add_counts(cells, 0, steps[step])
    whole = compare(cells.get(0, {}), cells.get(0, {}), level=BAND, resamples=DRAWS, seed=seed)
    total = added(whole.now.values())
    values = {}
    for name, one in STATISTICS.items():
        value, band = one.of(total), whole.present(name)
        values[name] = {
            "value": value,
            "low": None if band is None else min(band.low, band.value),
            "high": None if band is None else max(band.high, band.value),
        }
    return {"where": {"first": part[0], "last": part[-1]}, "values": values}


def _change(change: Change) -> dict[str, Any]:
    difference: Interval | None = change.difference
    return {
        "before": change.before,
        "now": change.now,
        "difference": None if difference is None else asdict(difference),
    }


def _alarm(alarm: Alarm, verdict: Verdict) -> dict[str, Any]:
    return {
        "kind": alarm.kind,
        "raised": alarm.raised,
        "standing": alarm.kind in verdict.standing,
        "said": str(alarm),
        "changes": [{"name": one.name, **_change(one)} for one in alarm.changes],
    }
