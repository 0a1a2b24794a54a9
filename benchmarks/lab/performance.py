"""The figures of the training proof: how policies end up, and what the detector finds of what they stage."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lab.organism import LAYERS
from lab.plots import LONG, STYLE, band, panels
from lab.proof import DOSES, STAGING_WORLDS, conduct_cells, organism_cells
from lab.results import mean_of
from lab.train import ROLLOUTS, Cell, Curve
from lab.verdicts import Results, name_of, share

COLOURS: Final = {
    "GRPO": "#8b95a1",
    "conservation only": "#c9762b",
    "neutral by labels": "#9b6dd0",
    "neutral by the detector": "#2f81d6",
    "the detector, and withhold": "#2a9d77",
    "the detector, silent writer too": "#b8912f",
}
LAYER_COLOURS: Final = dict(zip(LAYERS, ("#8b95a1", "#c9762b", "#9b6dd0", "#2a9d77", "#2f81d6"), strict=True))


def draw(results: Results, curves: Iterable[Curve], worlds: Sequence[str], folder: Path) -> list[Path]:
    """Write every figure there are answers for, as ``performativity-*.svg``."""
    by_cell: dict[Cell, list[Curve]] = {}
    for curve in curves:
        if curve.seed in results.seeds:
            by_cell.setdefault(curve.cell, []).append(curve)
    figures: dict[str, Callable[[], Figure | None]] = {
        "conduct": lambda: conduct(by_cell, worlds),
        "organism": lambda: organism(results, worlds),
    }
    written = []
    with mpl.rc_context({**STYLE, "svg.hashsalt": "performativity"}):
        for name, make in figures.items():
            figure = make()
            if figure is not None:
                path = folder / f"performativity-{name}.svg"
                figure.savefig(path, metadata={"Date": None})
                path.write_text(LONG.sub(r"\1", path.read_text("utf-8")), "utf-8")
                written.append(path)
    return written


def conduct(by_cell: dict[Cell, list[Curve]], worlds: Sequence[str]) -> Figure | None:
    """Accuracy and needless checks while policies learn: medians over seeds, between the least and the most."""
    worlds = [world for world in worlds if any(cell in by_cell for cell in conduct_cells(world))]
    if not worlds:
        return None
    figure, axes = panels(2, 2.5 * len(worlds) + 0.6, len(worlds))
    for row, world in enumerate(worlds):
        measures = {"accuracy": "accuracy", "needless": "needless checks an operation"}
        for axis, (measure, what) in zip(axes[2 * row : 2 * row + 2], measures.items(), strict=True):
            for setting in conduct_cells(world):
                if setting in by_cell:
                    name, mine = name_of(setting), by_cell[setting]
                    band(axis, mine, measure, COLOURS[name], name, dashed=setting.reviewer == "gullible/bare")
                    axis.set_xlim(0, len(mine[0].accuracy) * ROLLOUTS)
            axis.set_title(f"{world}: {what}")
            axis.set_ylim(0, 1.02 if measure == "accuracy" else 2.05)
            if row == len(worlds) - 1:
                axis.set_xlabel("rollouts")
    _legend(figure, axes, 3)
    return figure


def organism(results: Results, worlds: Sequence[str]) -> Figure | None:
    """By dose: how often policies stage mistakes, and the share of these in right rollouts that is accused."""
    worlds = [w for w in worlds if w in STAGING_WORLDS and results.of("dissected", organism_cells(w)[-1])]
    if not worlds:
        return None
    figure, axes = panels(2, 2.9 * len(worlds) + 0.6, len(worlds))
    for row, world in enumerate(worlds):
        left, right = axes[2 * row : 2 * row + 2]
        places = range(len(DOSES))
        for place, setting in enumerate(organism_cells(world)):
            ends = [one["staged"] for one in results.of("conduct", setting)]
            left.plot([place] * len(ends), ends, "o", color="#d8495f", alpha=0.7, markersize=5)
            middle = mean_of(ends).value
            left.plot([place - 0.25, place + 0.25], [middle, middle], color="#d8495f", linewidth=2.5)
        for at, layer in enumerate(LAYERS):
            _accused(right, results, world, layer, 0.14 * (at - 2))
        for axis, what in ((left, "staged mistakes an operation"), (right, "accused, of those in right rollouts")):
            axis.set_xticks(list(places), [f"{dose:g}" for dose in DOSES.values()])
            axis.set(title=f"{world}: {what}", ylim=(0, None if axis is left else 1.02))
            if row == len(worlds) - 1:
                axis.set_xlabel("paid for each check and each catch")
    _legend(figure, axes, 3)
    return figure


def _accused(axis: Axes, results: Results, world: str, layer: str, shift: float) -> None:
    for place, setting in enumerate(organism_cells(world)):
        tallies = [tally for one in results.of("dissected", setting) for tally in one["tallies"][layer]]
        found = share([(tally["hit_right"], tally["shaped_right"]) for tally in tallies])
        if found is not None:
            label = layer if place == 0 else None
            axis.plot(place + shift, found.value, "o", color=LAYER_COLOURS[layer], label=label, markersize=6)
            axis.plot([place + shift] * 2, [found.low, found.high], color=LAYER_COLOURS[layer], linewidth=1.4)


def _legend(figure: Figure, axes: Sequence[Axes], columns: int) -> None:
    handles = {
        label: handle for axis in axes for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=columns)
