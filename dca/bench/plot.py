"""AUC of every judge on every set and question, with intervals, as a picture. Knows what was measured, no more."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dca.bench.detector import Bench, Score

_INK, _CHANCE = "#333333", "#bbbbbb"


def plot(found: Bench, path: Path) -> None:
    """Draw one panel for each set and question; the suffix of the path decides the format (svg, png, pdf).

    The same measurements give the same file, byte for byte.
    """
    panels = list(dict.fromkeys((s.dataset, s.question) for s in found.scores))
    columns = min(3, max(1, len(panels)))
    rows = math.ceil(len(panels) / columns)
    with mpl.rc_context({"svg.hashsalt": "dca", "font.size": 9}):
        figure = Figure(figsize=(4.6 * columns, 2.4 * max(1, rows)), layout="constrained")
        FigureCanvasAgg(figure)
        for k, (dataset, question) in enumerate(panels):
            axes = figure.add_subplot(rows, columns, k + 1)
            _panel(axes, [s for s in found.scores if (s.dataset, s.question) == (dataset, question)])
            axes.set_title(f"{dataset}: {question}", fontsize=9)
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def _panel(axes: object, scores: Sequence[Score]) -> None:
    """Judges from top to bottom, AUC from left to right."""
    for k, score in enumerate(scores):
        auc = score.measures["auc"]
        if not math.isnan(auc.value):
            axes.plot([auc.low, auc.high], [k, k], color=_INK, linewidth=1)  # type: ignore[attr-defined]
            axes.plot([auc.value], [k], "o", color=_INK, markersize=4)  # type: ignore[attr-defined]
    axes.axvline(0.5, color=_CHANCE, linewidth=1, linestyle=":")  # type: ignore[attr-defined]
    axes.set_yticks(range(len(scores)), [score.judge for score in scores])  # type: ignore[attr-defined]
    axes.set_xlim(0.2, 1.02)  # type: ignore[attr-defined]
    axes.invert_yaxis()  # type: ignore[attr-defined]
    axes.set_xlabel("AUC")  # type: ignore[attr-defined]
