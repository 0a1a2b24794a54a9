"""A progress bar for a run: how many, how fast, how many fell back, what it cost.

Drawn on standard error, and only where that is a terminal; it knows nothing but `Progress`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Task, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.progress import ProgressColumn as Column
from rich.text import Text

from dca.pipeline import Progress


class _Rate(Column):
    """Rows a second."""

    def render(self, task: Task) -> Text:
        """Draw the rate of one task."""
        return Text(f"{task.speed:,.0f}/s" if task.speed else "-/s", style="dim")


@contextmanager
def run_bar(*, total: int, done: int) -> Iterator[Callable[[Progress], None]]:
    """Show a bar while the block runs; call what it gives with the progress after each row.

    Args:
        total: Rows there are.
        done: Rows that an earlier run did.
    """
    note = TextColumn("{task.fields[note]}")
    console = Console(file=sys.stderr)
    columns = (TextColumn("reviewing"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn(), note)
    with Bar(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("reviewing", total=total, completed=done, note="")

        def advance(progress: Progress) -> None:
            cost = f" · ${progress.usage.cost_usd:.3f}" if progress.usage.cost_usd else ""
            fell = f"[red]{progress.fallbacks} fell back[/]" if progress.fallbacks else "0 fell back"
            bar.update(task, completed=done + progress.done, note=fell + cost)

        yield advance
