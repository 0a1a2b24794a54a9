"""What all ranks log together: sums that become means, and a column of credits in the table of completions.

This module knows accelerate and the trainer's tables; it does not know what is counted.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Final

import torch
from accelerate.utils import gather_object

ROOTS: Final = ("tilt_rms",)
"""Figures that are the root of a mean of squares, by the last part of their name."""
LATEST: Final = ("cost_usd",)
"""Figures that are a running total of each rank: what was known before is forgotten."""


class Sums:
    """Sums and counts by name, which add up over ranks before they are divided.

    >>> sums = Sums()
    >>> sums.add("dca/tilt_rms", 8.0, 2.0)
    >>> sums.local()
    {'dca/tilt_rms': 2.0}
    """

    def __init__(self) -> None:
        self._sums: dict[str, tuple[float, float]] = {}

    def add(self, name: str, total: float, count: float) -> None:
        """Add to one figure."""
        before = self._sums.get(name, (0.0, 0.0)) if _kind(name) not in LATEST else (0.0, 0.0)
        self._sums[name] = (before[0] + total, before[1] + count)

    def update(self, figures: Mapping[str, tuple[float, float]]) -> None:
        """Add to several."""
        for name, (total, count) in figures.items():
            self.add(name, total, count)

    def local(self) -> dict[str, float]:
        """The means of this rank, and begin anew."""
        sums, self._sums = self._sums, {}
        return {name: _mean(name, total, count) for name, (total, count) in sorted(sums.items()) if count}

    def reduced(self, accelerator: Any) -> dict[str, float]:
        """The means over all ranks, and begin anew. Every rank must call this; their names may differ."""
        if accelerator.num_processes == 1:
            return self.local()
        names = sorted(set(gather_object(list(self._sums))))  # one order on all ranks
        mine = torch.tensor([self._sums.get(name, (0.0, 0.0)) for name in names], device=accelerator.device)
        self._sums = {}
        if not names:
            return {}
        together = accelerator.reduce(mine, reduction="sum").tolist()
        return {name: _mean(name, *pair) for name, pair in zip(names, together, strict=True) if pair[1]}


def _mean(name: str, total: float, count: float) -> float:
    """Sum over count, or its root."""
    mean = total / count
    return math.sqrt(max(0.0, mean)) if _kind(name) in ROOTS else mean


def _kind(name: str) -> str:
    """The last part of a figure's name."""
    return name.rpartition("/")[2]


class CreditColumn:
    """The cells of a table's latest rows, some of which are known only later.

    Rows are announced as their completions are generated, in the order of the table; a cell may be filled at any time
    after that, and is "" until then. So the column is always as long as the others.

    >>> column = CreditColumn()
    >>> column.announce("step 1", 2)
    >>> column.fill("step 1", ["+0.5 +0.5", ""])
    >>> column.cells(3)
    ['', '+0.5 +0.5', '']
    """

    def __init__(self) -> None:
        self._rows: list[tuple[Hashable, int]] = []
        self._known: dict[tuple[Hashable, int], str] = {}

    def announce(self, batch: Hashable, rows: int) -> None:
        """Some rows, over all ranks, were added to the table."""
        self._rows += [(batch, row) for row in range(rows)]

    def fill(self, batch: Hashable, cells: Sequence[str]) -> None:
        """What is known of a batch by now."""
        self._known.update({(batch, row): cell for row, cell in enumerate(cells)})

    def cells(self, rows: int) -> list[str]:
        """The cells of the latest `rows` rows; older ones are forgotten."""
        self._rows = self._rows[max(0, len(self._rows) - rows) :]
        shown = set(self._rows)
        self._known = {row: cell for row, cell in self._known.items() if row in shown}
        missing = [""] * (rows - len(self._rows))
        return [*missing, *(self._known.get(row, "") for row in self._rows)]


def gathered(cells: list[str], accelerator: Any) -> list[str]:
    """The cells of all ranks, in the order of the ranks."""
    return list(gather_object(cells)) if accelerator.num_processes > 1 else cells
