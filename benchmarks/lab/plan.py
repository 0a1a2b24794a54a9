"""What is run: the settings of the quick and the full form, and how long a run is in each world."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Final

from lab.arms import ARMS
from lab.train import Cell

MATCHED: Final = 4e-3
"""The learning rate at which methods are compared unless each has its own: GRPO's best on the sparse chain."""

RATES: Final = (2e-3, MATCHED, 8e-3)
FINE_RATES: Final = (2e-3, 2.8e-3, MATCHED, 5.6e-3, 8e-3, 1.6e-2, 3.2e-2)
BUDGETS: Final = {"A": 10_240, "B16": 11_520, "C": 10_240, "D": 10_240, "E": 10_240}
"""Rollouts of one run."""

CHECKED: Final = ("C", "D", "E")
JUDGED: Final = ("draco", "capo", "process", "pure")
"""Published rules that use a reviewer's scores."""


def quick() -> list[Cell]:
    """Two dozen settings: the claims, and no more."""
    cells = [Cell("B16", "grpo", "oracle", r) for r in RATES]
    cells += [Cell("B16", "dca", "oracle", r) for r in (MATCHED, 8e-3, 1.6e-2)]
    cells += [Cell("B16", arm, "oracle", MATCHED) for arm in ("dca.25", "draco", "capo")]
    cells += [Cell("B16", "dca", reviewer, MATCHED) for reviewer in ("noisy20", "noisy40")]
    cells += [Cell("A", arm, "oracle", MATCHED) for arm in ("grpo", "dca")]
    for world in ("D", "C", "E"):
        cells += [Cell(world, "grpo", "oracle", MATCHED)]
        cells += [Cell(world, "dca", reviewer, MATCHED) for reviewer in ("gullible", "gullible/bare")]
        cells += [Cell(world, "bonus", "gullible", MATCHED)]
    return cells


def full() -> list[Cell]:
    """Everything the page reports; the quick form first."""
    return list(dict.fromkeys([*quick(), *_sparse(), *_dense(), *_checked()]))


def _sparse() -> list[Cell]:
    """The sparse chain: learning rates, methods, and reviewers that err."""
    cells = [Cell("B16", arm, "oracle", r) for arm in ("grpo", "dca") for r in FINE_RATES]
    cells += [Cell("B16", arm, "oracle", r) for arm in ("dca.25", *JUDGED, "value") for r in (MATCHED, 8e-3)]
    for reviewer in ("noisy20", "noisy40", "flattered"):
        cells += [Cell("B16", arm, reviewer, MATCHED) for arm in ("dca", "dca.25", *JUDGED)]
    return [*cells, *(Cell("B16", "value", reviewer, MATCHED) for reviewer in ("noisy20", "noisy40"))]


def _dense() -> list[Cell]:
    """The short chain."""
    cells = [Cell("A", arm, "oracle", r) for arm in ("grpo", "dca") for r in RATES]
    cells += [Cell("A", arm, "oracle", MATCHED) for arm in ("dca.25", *JUDGED, "value")]
    heard = ("noisy20", "noisy40", "flattered")
    return [*cells, *(Cell("A", arm, reviewer, MATCHED) for arm in ("dca", "dca.25") for reviewer in heard)]


def _checked() -> list[Cell]:
    """The worlds with checks: what reviewers that err, or like care, or words, make of them."""
    cells = []
    for world in CHECKED:
        cells += [Cell(world, arm, "oracle", r) for arm in ("grpo", "dca") for r in RATES]
        cells += [Cell(world, arm, "oracle", MATCHED) for arm in ("dca.25", *JUDGED, "value")]
        cells += [Cell(world, "dca", "oracle/bare", MATCHED)]
        for reviewer in ("gullible", "flattered", "noisy20", "noisy40"):
            cells += [Cell(world, "dca", r, MATCHED) for r in (reviewer, f"{reviewer}/bare")]
        for reviewer in ("gullible", "noisy40"):
            cells += [Cell(world, "dca.25", r, MATCHED) for r in (reviewer, f"{reviewer}/bare")]
        cells += [Cell(world, arm, r, MATCHED) for r in ("gullible", "flattered") for arm in JUDGED]
    cells += [Cell(w, "dca", f"gullible/recall{share}", MATCHED) for w in ("C", "D") for share in (95, 90, 70)]
    return cells


def crossed(
    worlds: Sequence[str], arms: Sequence[str], reviewers: Sequence[str], rates: Sequence[float]
) -> list[Cell]:
    """Every combination; a method that ignores its reviewer is run once a rate, and listed with the oracle."""
    return [
        Cell(world, arm, reviewer, rate)
        for world in worlds
        for arm in arms
        for reviewer in (reviewers if ARMS[arm].reviewed else ("oracle",))
        for rate in rates
    ]


def blocks(cells: Sequence[Cell], size: int) -> list[list[Cell]]:
    """Settings of one world that are trained side by side, at most `size` together, in the order given."""
    found = []
    for _, same in groupby(dict.fromkeys(cells), key=lambda cell: cell.world):
        mine = list(same)
        found += [mine[i : i + size] for i in range(0, len(mine), size)]
    return found
