"""What `dca diff` shows: what a second run says that the first did not, most changed first.

It draws the mappings that `--json` prints; it does not know how they were made, or which run is right.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dca.report.visible import signed, visible, words

Row = Mapping[str, Any]

_SHOWN: Final = 60
_MUTED: Final = "dim"
_ALERT: Final = "dark_orange3"


def difference_view(rows: Iterable[Row], summary: str, *, steps: int) -> RenderableType:
    """The transcripts with the steps that changed most below each, and a line on all of them.

    Args:
        rows: The transcripts to list, most changed first.
        summary: The line.
        steps: How many steps to list below each transcript.
    """
    return Group(*(part for row in rows for part in _row(row, steps)), Text(summary))


def _row(row: Row, steps: int) -> Iterator[RenderableType]:
    """One transcript: a line of its own, then its steps, or why there are none to show."""
    head = Text(visible(row["id"]), style="bold")
    head.append(f"  reward {row['reward']:g}", style="not bold")
    if row["comparable"]:
        head.append(f", scores moved by {row['moved']:.3f}, {row['relabelled']} relabelled", style="not bold")
    yield head
    if said := _said(row):
        yield Text(f"  {said}", style=_ALERT)
    table = Table.grid(padding=(0, 2))
    for justify in ("right", "left", "right", "left", "left"):
        table.add_column(justify=justify, overflow="fold")
    for step in row["steps"][:steps]:
        table.add_row(*_cells(step))
    if len(row["steps"]) > steps:
        table.add_row("", Text(f"and {len(row['steps']) - steps} more", style=_MUTED))
    yield table
    yield Text()


def _cells(step: Row) -> tuple[str | Text, ...]:
    """One step: what it was called and what it is called now."""
    before, after = (words(label) if label else "–" for label in step["labels"])
    links = " → ".join("–" if link is None else str(link) for link in step["links"])
    text = " ".join(visible(step["text"]).split())
    return (
        f"  {step['index']}",
        after if before == after else f"{before} → {after}",
        " → ".join(signed(score) for score in step["scores"]),
        f"of {links}" if step["links"][0] != step["links"][1] else "",
        Text(text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…", style=_MUTED),
    )


def _said(row: Row) -> str:
    """What there is to say of a transcript as a whole."""
    if not row["comparable"]:
        return "the two runs cut this transcript differently: its steps cannot be compared"
    if row["fallbacks"][1] is not None:
        return f"no review any more: {visible(row['fallbacks'][1])}"
    return "reviewed now; it had fallen back" if row["fallbacks"][0] is not None else ""
