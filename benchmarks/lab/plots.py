"""The figures: learning curves, learning rates, methods, reviewers that err, and conduct.

Colours and greys are of middle brightness on no ground, so that a figure reads on a white page and on a dark one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lab.plan import BUDGETS, MATCHED
from lab.results import WINDOW, Run, median, smoothed
from lab.tables import Groups, best, grouped
from lab.train import ROLLOUTS, Cell, Curve

INK: Final = "#7c8794"
FAINT: Final = "#7c879440"
THIN: Final = 3
"""One point of a smoothed curve in so many is drawn."""

LONG: Final = re.compile(r"(\d\.\d\d)\d+")
"""A number with more decimals than an eye can see."""

COLOURS: Final = {
    "grpo": "#8b95a1",
    "dca": "#2f81d6",
    "dca.25": "#59b3e8",
    "draco": "#c9762b",
    "capo": "#2a9d77",
    "process": "#9b6dd0",
    "pure": "#b8912f",
    "bonus": "#d8495f",
    "value": "#d06ba8",
}
STYLE: Final = {
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.titlecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "font.size": 10,
    "font.family": "DejaVu Sans",
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "svg.hashsalt": "credit-lab",
    "savefig.transparent": True,
    "lines.linewidth": 1.8,
}


def draw(curves: Iterable[Curve], runs: Iterable[Run], folder: Path) -> list[Path]:
    """Write every figure there are runs for, as ``lab-*.svg``."""
    groups, by_cell = grouped(runs), _by_cell(curves)
    figures: dict[str, Callable[[], Figure | None]] = {
        "speed": lambda: learning(groups, by_cell),
        "rates": lambda: rates(groups),
        "methods": lambda: methods(groups),
        "noise": lambda: noise(groups),
        "conduct": lambda: conduct(by_cell),
    }
    written = []
    with mpl.rc_context(STYLE):
        for name, make in figures.items():
            figure = make()
            if figure is not None:
                path = folder / f"lab-{name}.svg"
                figure.savefig(path, metadata={"Date": None})
                path.write_text(LONG.sub(r"\1", path.read_text("utf-8")), "utf-8")
                written.append(path)
    return written


def _by_cell(curves: Iterable[Curve]) -> dict[Cell, list[Curve]]:
    """Curves by setting; of each setting those with the largest budget."""
    found: dict[Cell, list[Curve]] = {}
    for curve in sorted(curves, key=lambda c: (c.cell, -len(c.accuracy), c.seed)):
        mine = found.setdefault(curve.cell, [])
        if not mine or len(mine[0].accuracy) == len(curve.accuracy):
            mine.append(curve)
    return found


def panels(
    columns: int, height: float, rows: int = 1, widths: Sequence[float] | None = None
) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(9, height), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False, width_ratios=widths).flat)
    for axis in axes:
        axis.grid(color=FAINT, linewidth=0.6)
        axis.set_axisbelow(True)
    return figure, axes


def band(axis: Axes, curves: Sequence[Curve], measure: str, colour: str, label: str, dashed: bool = False) -> None:
    """The median over seeds, between the least and the most."""
    lines = [smoothed(getattr(curve, measure)) for curve in curves]
    across = list(zip(*lines, strict=True))[::THIN]
    at = [(THIN * i + WINDOW // 2) * ROLLOUTS for i in range(len(across))]
    axis.fill_between(at, [min(v) for v in across], [max(v) for v in across], color=colour, alpha=0.18, linewidth=0)
    middle = [sorted(v)[(len(v) - 1) // 2] for v in across]
    axis.plot(at, middle, color=colour, label=label, linestyle="--" if dashed else "-")


def _level(axis: Axes, level: float) -> None:
    axis.axhline(level, color=INK, linewidth=0.8, linestyle=":")


def learning(groups: Groups, by_cell: dict[Cell, list[Curve]]) -> Figure | None:
    """Accuracy over rollouts on the sparse chain: at the matched rate, and each at its best."""
    tuned = [cell for arm in ("grpo", "dca") if (cell := best(groups, "B16", arm)) is not None]
    matched = [Cell("B16", arm, "oracle", MATCHED) for arm in ("grpo", "dca.25", "dca")]
    if len(tuned) < 2 or not all(cell in by_cell for cell in matched):
        return None
    figure, axes = panels(2, 3.6)
    for axis, cells, title in zip(
        axes, (matched, tuned), ("one learning rate", "each at its best rate"), strict=True
    ):
        for cell in cells:
            band(axis, by_cell[cell], "accuracy", COLOURS[cell.arm], f"{cell.arm}, {cell.rate:g}")
        _level(axis, 0.8)
        axis.set(title=f"B16: {title}", xlabel="rollouts", ylim=(0, 1.02), xlim=(0, BUDGETS["B16"]))
        axis.legend(loc="lower right")
    axes[0].set_ylabel("accuracy")
    return figure


def rates(groups: Groups) -> Figure | None:
    """Rollouts to 80 % by learning rate; a hollow mark at the top where the median is censored."""
    if not any(cell.arm == "grpo" and cell.rate != MATCHED for cell in groups):
        return None
    worlds = [w for w in BUDGETS if sum(c.world == w and c.arm == "grpo" for c in groups) > 1]
    tried = {w: sorted({c.rate for c in groups if (c.world, c.arm) == (w, "grpo")}) for w in worlds}
    figure, axes = panels(len(worlds), 3.4, widths=[1.0 if len(tried[w]) < 5 else 2.2 for w in worlds])
    for axis, world in zip(axes, worlds, strict=True):
        for arm in ("grpo", "dca"):
            cells = sorted(c for c in groups if (c.world, c.arm, c.reviewer) == (world, arm, "oracle"))
            middles = [median([run.to80 for run in groups[c]]) for c in cells]
            top = BUDGETS[world]
            axis.plot(
                [c.rate for c in cells],
                [min(m, top) for m in middles],
                color=COLOURS[arm],
                label=arm,
            )
            for cell, middle in zip(cells, middles, strict=True):
                reached = [run.to80 for run in groups[cell] if run.to80 is not None]
                axis.plot([cell.rate] * len(reached), reached, ".", color=COLOURS[arm], alpha=0.5, markersize=5)
                face = "none" if math.isinf(middle) else COLOURS[arm]
                axis.plot(cell.rate, min(middle, top), "o", color=COLOURS[arm], markerfacecolor=face, markersize=7)
        axis.set(title=world, xscale="log", ylim=(0, BUDGETS[world] * 1.06))
        axis.set_xticks(tried[world], [f"{1000 * rate:g}" for rate in tried[world]])
        axis.minorticks_off()
    axes[0].set_ylabel("rollouts to 80 %")
    figure.supxlabel("learning rate, thousandths", color=INK, fontsize=10)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper right", ncols=2)
    return figure


def methods(groups: Groups) -> Figure | None:
    """Rollouts to 80 % of every method at the matched rate, one mark a seed; censored runs at the right edge."""
    worlds = [w for w in ("A", "B16") if Cell(w, "draco", "oracle", MATCHED) in groups]
    if not worlds:
        return None
    figure, axes = panels(len(worlds), 3.4)
    for axis, world in zip(axes, worlds, strict=True):
        cells = [cell for arm in COLOURS if (cell := Cell(world, arm, "oracle", MATCHED)) in groups]
        cells.sort(key=lambda cell: -median([run.to80 for run in groups[cell]]))
        for place, cell in enumerate(cells):
            _dots(axis, groups[cell], place, COLOURS[cell.arm])
        axis.set_yticks(range(len(cells)), [cell.arm for cell in cells])
        axis.set(title=f"{world}, oracle, rate {MATCHED:g}", xlabel="rollouts to 80 %")
        axis.set_xlim(0, BUDGETS[world] * 1.06)
    return figure


def _dots(axis: Axes, runs: Sequence[Run], place: float, colour: str) -> None:
    """One mark a seed, hollow at the budget where it is censored, and a bar at the median."""
    for run in runs:
        at, face = (run.rollouts, "none") if run.to80 is None else (run.to80, colour)
        axis.plot(at, place, "o", color=colour, markerfacecolor=face, markersize=6, alpha=0.8)
    middle = median([run.to80 for run in runs])
    if not math.isinf(middle):
        axis.plot([middle, middle], [place - 0.3, place + 0.3], color=colour, linewidth=2.5)


def noise(groups: Groups) -> Figure | None:
    """Rollouts to 80 % by the reviewer's rate of error; GRPO does not listen to it."""
    kinds = {"oracle": 0, "noisy20": 20, "noisy40": 40}
    worlds = [w for w in ("A", "B16") if Cell(w, "capo", "noisy40", MATCHED) in groups]
    if not worlds:
        return None
    figure, axes = panels(len(worlds), 3.6)
    for axis, world in zip(axes, worlds, strict=True):
        top = BUDGETS[world]
        base = median([run.to80 for run in groups[Cell(world, "grpo", "oracle", MATCHED)]])
        axis.axhline(min(base, top), color=COLOURS["grpo"], label="grpo", linewidth=1.8)
        for arm in ("dca", "dca.25", "draco", "capo", "process", "pure", "value"):
            cells = [(x, Cell(world, arm, reviewer, MATCHED)) for reviewer, x in kinds.items()]
            points = [(x, median([r.to80 for r in groups[c]])) for x, c in cells if c in groups]
            axis.plot([x for x, _ in points], [min(y, top) for _, y in points], color=COLOURS[arm], label=arm)
            for x, y in points:
                face = "none" if math.isinf(y) else COLOURS[arm]
                axis.plot(x, min(y, top), "o", color=COLOURS[arm], markerfacecolor=face, markersize=6)
        axis.set(title=f"{world}, rate {MATCHED:g}", xlabel="labels turned, %", ylim=(0, top * 1.06))
        axis.set_xticks([0, 20, 40])
    axes[0].set_ylabel("rollouts to 80 %")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=8)
    return figure


def conduct(by_cell: dict[Cell, list[Curve]]) -> Figure | None:
    """Worlds with checks under a gullible reviewer: accuracy, checks of what is right, staged mistakes."""
    shown = (
        ("grpo", "oracle", "grpo", COLOURS["grpo"], False),
        ("dca", "gullible", "dca, checks neutral", COLOURS["dca"], False),
        ("dca", "gullible/bare", "dca, conservation only", "#c9762b", True),
        ("bonus", "gullible", "bonus for checks", COLOURS["bonus"], False),
    )
    worlds = [w for w in ("C", "D", "E") if Cell(w, "dca", "gullible/bare", MATCHED) in by_cell]
    if not worlds:
        return None
    figure, axes = panels(3, 2.5 * len(worlds) + 0.6, len(worlds))
    for row, world in enumerate(worlds):
        third = {"tokens": "tokens a rollout"} if world == "E" else {"staged": "staged mistakes an operation"}
        measures = {"accuracy": "accuracy", "needless": "needless checks an operation", **third}
        for axis, (measure, name) in zip(axes[3 * row : 3 * row + 3], measures.items(), strict=True):
            for arm, reviewer, label, colour, dashed in shown:
                cell = Cell(world, arm, reviewer, MATCHED)
                if cell in by_cell:
                    band(axis, by_cell[cell], measure, colour, label, dashed)
            axis.set_title(f"{world}: {name}")
            axis.set_ylim(0, {"accuracy": 1.02, "needless": 2.05}.get(measure))
            axis.set_xlim(0, BUDGETS[world])
            if row == len(worlds) - 1:
                axis.set_xlabel("rollouts")
    handles = {
        label: handle for axis in axes for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=4)
    return figure
