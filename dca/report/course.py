"""The course of a run in the terminal: a line for each statistic, and the alarms that stand.

It draws the mapping that `dca drift --json` prints; it does not know how its figures were made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dca.report.trend import figure, is_known, said, standing

BARS: Final = "▁▂▃▄▅▆▇█"
WIDTH: Final = 10
_ALERT: Final = "dark_orange3"


def course_view(account: Mapping[str, Any]) -> RenderableType:
    """A table of what is known, with a curve in each line, and the alarms below."""
    table = Table(title=_title(account), title_justify="left", title_style="bold", expand=False)
    names = ("figure", "before", "now", f"change [{100 * account['level']:.0f} %]", "course")
    for k, name in enumerate(names):
        table.add_column(name, justify="right" if k in (1, 2) else "left", no_wrap=k != 3)
    for one in filter(is_known, account["statistics"]):
        change = one["change"] or {"before": None, "now": None}
        cells = (figure(change["before"], one["percent"]), figure(change["now"], one["percent"]))
        values = [point["value"] for point in one["points"]]
        table.add_row(one["title"], *cells, said(one), curve(values[:: -(-len(values) // WIDTH)]))
    return Group(table, *_alarms(account))


def _title(account: Mapping[str, Any]) -> str:
    first, last = account["steps"]
    return (
        f"{account['rollouts']:,} rollouts of {account['prompts']:,} prompts, training steps {first} to {last}, "
        f"windows of {account['window']} steps"
    )


def _alarms(account: Mapping[str, Any]) -> list[Text]:
    """A line for each alarm that stood, or why there is none."""
    found = standing(account)
    if found:
        return [Text(f"steps {one['first']} to {one['last']}: {one['said']}", style=_ALERT) for one in found]
    if account["windows"]:
        return [Text(f"No alarm stands in {len(account['windows'])} windows.")]
    return [Text(f"Nothing to compare yet: two full windows of {account['window']} steps are needed.")]


def curve(values: list[float | None]) -> str:
    """Values as bars one character wide; a gap where there is none.

    >>> curve([0.0, None, 1.0, 0.5])
    '▁ █▅'
    """
    known = [value for value in values if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    span = (high - low) or 1.0
    return "".join(" " if v is None else BARS[round((len(BARS) - 1) * (v - low) / span)] for v in values)
