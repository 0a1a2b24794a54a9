"""What moves when the same reviews are split by another rule: the table of `dca whatif`.

It compares two lines of the output contract; it does not know how either was made.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

Record = Mapping[str, Any]

STILL: Final = 1e-12
"""Credit that moves no further than this has not moved."""


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """How one transcript's credits move.

    Attributes:
        moved: Half the sum of the absolute differences: the credit that changed hands.
        id: Which transcript.
        step: The step that moves most; `before` and `after` are its credits.
    """

    moved: float
    id: str
    reward: float = field(compare=False)
    step: int = field(compare=False)
    before: float = field(compare=False)
    after: float = field(compare=False)


def change(before: Record, after: Record) -> Change:
    """Compare the credits of one transcript, what is unassigned included."""
    pairs = [(a["credit"], b["credit"]) for a, b in zip(before["steps"], after["steps"], strict=True)]
    deltas = [b - a for a, b in pairs]
    moved = math.fsum(abs(d) for d in (*deltas, after["unassigned"] - before["unassigned"])) / 2
    step = max(range(len(deltas)), key=lambda k: abs(deltas[k]))
    return Change(moved, str(before["id"]), before["reward"], step, *pairs[step])


def changes_view(pairs: Iterable[tuple[Record, Record]], *, top: int) -> RenderableType:
    """A table of the transcripts that move most, and a line on all of them.

    Args:
        pairs: Each transcript's line before and after; read once, memory flat.
        top: How many transcripts to list.
    """
    most: list[Change] = []
    count = changed = 0
    total = 0.0
    for before, after in pairs:
        one = change(before, after)
        count, changed, total = count + 1, changed + (one.moved > STILL), total + one.moved
        if top and one.moved > STILL:
            (heapq.heappush if len(most) < top else heapq.heappushpop)(most, one)
    table = Table(title="what moves", title_justify="left", header_style="bold")
    for column, justify in (
        ("transcript", "left"),
        ("reward", "right"),
        ("moved", "right"),
        ("most: step", "right"),
        ("from", "right"),
        ("to", "right"),
    ):
        table.add_column(column, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for one in sorted(most, reverse=True):
        numbers = (f"{one.reward:g}", f"{one.moved:.4f}", str(one.step), f"{one.before:+.4f}", f"{one.after:+.4f}")
        table.add_row(Text(one.id), *numbers)
    mean = total / count if count else 0.0
    line = Text(f"{changed:,} of {count:,} transcripts change; {mean:.4f} of credit changes hands in the mean one.")
    return Group(table, line) if most else line
