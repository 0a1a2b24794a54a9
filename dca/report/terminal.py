"""Reviewed transcripts in a terminal: one to read, many in a table, all in a line.

Returns rich renderables and prints nothing; widths, colours and NO_COLOR are the console's business. Whatever
colour says, a sign, a bar or a word says too. Text from a transcript is never parsed as markup.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from dca.report import marks
from dca.report.reading import Reading
from dca.report.summary import Digest, Overview, digest, overview
from dca.report.visible import compact, percent, plain, signed, visible, words
from dca.types import POLICY

ROOMY: Final = 100
"""Columns from which the table has room for what is spare."""

NUMBERS: Final = {"z along the text": 16, "reward": 6, "steps": 5, "top step z": 10, "needed": 6}
SPARE: Final = frozenset({"z along the text", "needed"})

ORDINARY: Final = frozenset({"key", "progress", "filler"})
"""Labels that come last where there is no room for all."""


def transcript_view(record: Mapping[str, Any]) -> RenderableType:
    """One transcript: its steps with their z and credit, what was found, the shortest path, and the ledger.

    Raises:
        InputError: The record is not what the output contract promises.
    """
    return Reading(digest(record))


def summary_view(records: Iterable[Mapping[str, Any]], *, limit: int = 20) -> RenderableType:
    """A table of the first `limit` transcripts, a row that counts the others, and the totals; reads the records once.

    Raises:
        InputError: A record is not what the output contract promises.
    """
    shown: list[Digest] = []

    def watched() -> Iterable[Digest]:
        for record in records:
            item = digest(record)
            if len(shown) < limit:
                shown.append(item)
            yield item

    total = overview(watched())
    return _Summary(tuple(shown), total) if shown else totals(total)


def totals(total: Overview) -> Text:
    """One line about all transcripts: how many, what they earned, what fell back, what was needed, what it cost."""
    parts = [_counted(total.count, "transcript")]
    if total.count:
        parts.append(f"mean reward {plain(round(total.reward / total.count, 4))}")
        parts.append(_counted(total.fallbacks.total(), "fallback"))
        parts.append(_counted(total.findings.total(), "finding"))
    if total.used:
        parts.append(f"{percent(total.needed, total.used)} needed")
    use = total.usage
    if use.requests or use.reused:
        tokens = use.input_tokens + use.cache_read_tokens + use.cache_write_tokens + use.output_tokens
        parts.append(f"{_counted(use.requests, 'request')}, {compact(tokens)} tokens, ${use.cost_usd:.4f}")
    return Text(" · ".join(parts))


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class _Summary:
    """Decides at print time, when the width is known, what there is room for."""

    shown: tuple[Digest, ...]
    total: Overview

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        roomy = options.max_width >= ROOMY
        table = _columns(options.max_width, max(cell_len(visible(item.id)) for item in self.shown))
        for item in self.shown:
            table.add_row(*(cell for name, cell in _cells(item).items() if roomy or name not in SPARE))
        if self.total.count > len(self.shown):
            table.add_row(Text(f"… and {self.total.count - len(self.shown):,} more", style="dim"))
        yield table
        yield totals(self.total)


def _columns(width: int, longest: int) -> Table:
    """The empty table: numbers keep their width, ids get what they need, and words share the rest."""
    numbers = {name: size for name, size in NUMBERS.items() if width >= ROOMY or name not in SPARE}
    room = width - sum(size + 2 for size in numbers.values()) - 8
    names = max(16, min(longest, max(26, room * 44 // 100), room - 20))
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("transcript", overflow="fold", max_width=names)
    for name, size in numbers.items():
        table.add_column(name, justify="right", min_width=size, no_wrap=True)
    for name, share in (("labels", 58), ("findings", 42)):
        table.add_column(name, max_width=max(8, (room - names) * share // 100), no_wrap=True, overflow="ellipsis")
    return table


def _cells(item: Digest) -> dict[str, Text]:
    own = [step for step in item.steps if step.author == POLICY]
    opinion = any(step.tilt for step in own)  # where the reviewer has none, no step is on top
    top = max(own, key=lambda step: step.tilt) if opinion else None  # by z: credit grows with a step's length too
    counts = Counter(step.label for step in own if step.label)
    labels = sorted(counts, key=lambda label: (label in ORDINARY, label))
    kinds = dict.fromkeys(str(finding["kind"]) for finding in item.findings)
    return {
        "transcript": Text(visible(item.id), style="bold"),
        "z along the text": marks.sparkline(item),
        "reward": Text(plain(item.reward), style=marks.OUTCOME[item.outcome]),
        "steps": Text(str(len(item.steps))),
        "top step z": Text(f"{top.index}: {signed(top.tilt, 2)}" if top else "–"),
        "needed": Text(percent(item.needed, item.used) if item.shortest else "–"),
        "labels": Text(", ".join(words(name) + (f" {counts[name]}" if counts[name] > 1 else "") for name in labels)),
        "findings": Text("fallback", style=marks.ALERT) if item.fallback else Text(words(", ".join(kinds))),
    }
