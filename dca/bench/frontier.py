"""Quality against cost, from a leaderboard, as a picture: a panel for each set, a point for each reviewer.

Efforts of one reviewer are joined by a line. It knows rows of the leaderboard and nothing of how they were found.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dca.bench.leaderboard import HEADLINES

_INK: Final = "#333333"
_PENCE: Final = 0.01
"""Dollars for 1,000 reviews below which the axis is linear: a reviewer that costs nothing has a place on it."""


def draw(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw the rows whose cost is known; the suffix of the path decides the format (svg, png, pdf).

    The same rows give the same file, byte for byte.
    """
    known = [row for row in rows if row["usd_per_review"] is not None]
    panels = list(dict.fromkeys((row["set"], row["told"], row["measure"]) for row in known))
    columns = min(3, max(1, len(panels)))
    with mpl.rc_context({"svg.hashsalt": "dca", "font.size": 9}):
        lines = max(1, math.ceil(len(panels) / columns))
        figure = Figure(figsize=(4.2 * columns, 3.0 * lines), layout="constrained")
        FigureCanvasAgg(figure)
        for k, (name, told, measure) in enumerate(panels):
            axes = figure.add_subplot(lines, columns, k + 1)
            mine = [row for row in known if (row["set"], row["told"], row["measure"]) == (name, told, measure)]
            _panel(axes, mine, measure)
            axes.set_title(name if told == "true" else f"{name}, told {told}", fontsize=9)
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def _panel(axes: Any, rows: Iterable[Mapping[str, Any]], measure: str) -> None:
    """Cost from left to right, quality from bottom to top."""
    ordered = sorted(rows, key=lambda row: (row["reviewer"], row["usd_per_review"]))
    for k, (name, efforts) in enumerate(groupby(ordered, key=lambda row: row["reviewer"])):
        mine = list(efforts)
        xs = [1000 * row["usd_per_review"] for row in mine]
        ys = [row["value"] for row in mine]
        colour = f"C{k % 10}"
        axes.plot(xs, ys, "-", color=colour, linewidth=1)
        for x, y, row in zip(xs, ys, mine, strict=True):
            low, high = (y if row[end] is None else row[end] for end in ("low", "high"))
            axes.plot([x, x], [low, high], color=colour, linewidth=1)
            axes.plot([x], [y], "o", color=colour, markersize=4)
            label = f"{name} {row['effort']}".rstrip()
            axes.annotate(label, (x, y), textcoords="offset points", xytext=(5, 4), fontsize=7, color=_INK)
    axes.set_xscale("symlog", linthresh=_PENCE)
    axes.set_xlim(left=-_PENCE / 4, right=4 * max(_PENCE, *(1000 * row["usd_per_review"] for row in ordered)))
    axes.set_xlabel("dollars for 1,000 reviews")
    axes.set_ylabel(HEADLINES.get(measure, measure))
