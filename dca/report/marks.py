"""What stands for a tilt in a terminal: colours that read on black and on white, and marks that need no colour.

Knows steps and their heat; where the marks are put is its callers' business.
"""

from __future__ import annotations

from typing import Final

from rich.text import Text

from dca.report.summary import TILT_BOUND, Digest, StepDigest
from dca.types import POLICY

HEAT: Final = {
    4: "bold dodger_blue1",
    3: "dodger_blue1",
    2: "steel_blue",
    1: "steel_blue",
    -1: "dark_goldenrod",
    -2: "dark_goldenrod",
    -3: "dark_orange3",
    -4: "bold dark_orange3",
}
OUTCOME: Final = {"right": "dodger_blue1", "partial": "default", "wrong": "dark_orange3"}
ALERT: Final = "dark_goldenrod"

_SPARKS: Final = "▁▂▂▃▄▅▆▇█"
_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"


def style(step: StepDigest) -> str:
    """The colour of a step: blue up, orange down, dim where the policy did not write."""
    return "dim" if step.author != POLICY else HEAT.get(step.heat, "")


def edge(step: StepDigest) -> str:
    """The left edge of a step, which says its direction without colour."""
    if step.author != POLICY:
        return "  ┊ "
    if step.neutral:
        return "  ╎ "
    return "  ┃ " if step.heat > 0 else "  ▒ " if step.heat < 0 else "  │ "


def bar(tilt: float, half: int = 4) -> str:
    """A bar around a middle line: to the right for up, to the left for down.

    >>> bar(TILT_BOUND), bar(0.0)
    ('    │████', '    │    ')
    """
    full, rest = divmod(round(min(1.0, abs(tilt) / TILT_BOUND) * half * 8), 8)
    if tilt >= 0:
        return " " * half + "│" + ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(half)
    return ("▐" * (rest > 3) + "█" * full).rjust(half) + "│" + " " * half


def sparkline(item: Digest, cells: int = 16) -> Text:
    """The tilt along the text, low to high; a dot where the reviewer has no say."""
    line, total = Text(), max((step.start + len(step.text) for step in item.steps), default=0)
    for cell in range(cells if total else 0):
        at = (cell + 0.5) * total / cells
        step = next(step for step in reversed(item.steps) if step.start <= at)
        silent = step.neutral or step.author != POLICY or item.fallback
        line.append("·" if silent else _SPARKS[step.heat + 4], style=style(step))
    return line
