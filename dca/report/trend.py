"""The course of a run as small pictures side by side, in one SVG file or one self-contained HTML page.

Geometry in plain numbers; a template draws it. It knows the mapping that `dca drift --json` prints and nothing of
how its figures were made.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dca.report.page import assets, content_policy, environment, write_text
from dca.report.visible import plain, signed

SVG: Final = "trend.svg.jinja"
PAGE: Final = "trend.html.jinja"
STYLES: Final = ("page.css", "overview.css", "trend.css")
WIDTH: Final = 300
HEIGHT: Final = 120
LEFT: Final = 46
TOP: Final = 30
GAP: Final = 26
COLUMNS: Final = 3
MARGIN: Final = 12

Account = Mapping[str, Any]
Place = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Panel:
    """One statistic's picture, in the units of the whole drawing.

    Attributes:
        x: Its left edge.
        y: Its upper edge.
        title: What it shows.
        lines: Stretches of the curve, as SVG points; a gap where the statistic is not defined.
        bands: The stretches' bands.
        dots: Points that stand alone.
        top: The word at the upper end of the scale.
        bottom: The word at its lower end.
        zero: Where 0 lies, if within the scale.
        baseline: Where the baseline window begins and how wide it is.
        flags: The same for windows in which an alarm that looks at this statistic stands.
        now: The latest value in words.
        change: The change since the baseline in words.
        alert: Whether the latest window has such an alarm.
    """

    x: float
    y: float
    title: str
    lines: tuple[str, ...]
    bands: tuple[str, ...]
    dots: tuple[Place, ...]
    top: str
    bottom: str
    zero: float | None
    baseline: Place | None
    flags: tuple[Place, ...]
    now: str
    change: str
    alert: bool


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to a picture's height."""

    low: float
    high: float

    def at(self, value: float) -> float:
        """Below the picture's upper edge."""
        return TOP + HEIGHT * (self.high - value) / (self.high - self.low)


def render_svg(account: Account, *, title: str) -> str:
    """The drawing alone."""
    return _drawn(SVG, panels(account), account, title=title, alone=True)


def render_page(account: Account, *, title: str, source: str = "") -> str:
    """The drawing with the alarms and a table of all figures, as one page that needs no network."""
    style = assets(STYLES)
    env = environment()
    env.filters.update(figure=figure)
    return env.from_string(assets((PAGE,))).render(
        title=title,
        source=source,
        policy=content_policy(style, ""),
        style=style,
        account=account,
        standing=standing(account),
        rows=[(one, said(one)) for one in account["statistics"] if is_known(one)],
        drawing=_drawn(SVG, panels(account), account, title=title, alone=False),
    )


def write_trend(account: Account, path: str | Path, *, title: str, source: str = "") -> None:
    """Write the drawing (.svg) or the page, whole or not at all.

    Raises:
        OSError: The file cannot be written.
    """
    if Path(path).suffix.lower() == ".svg":
        write_text(path, render_svg(account, title=title))
    else:
        write_text(path, render_page(account, title=title, source=source))


def _drawn(template: str, shown: Sequence[Panel], account: Account, *, title: str, alone: bool) -> str:
    rows = -(-len(shown) // COLUMNS)
    return (
        environment()
        .from_string(assets((template,)))
        .render(
            panels=shown,
            alone=alone,
            title=title,
            steps=account["steps"],
            width=2 * MARGIN + COLUMNS * (LEFT + WIDTH) + (COLUMNS - 1) * GAP,
            height=2 * MARGIN + 24 + rows * (TOP + HEIGHT + GAP),
            panel_width=WIDTH,
            panel_height=HEIGHT,
            left=LEFT,
            top=TOP,
        )
    )


def is_known(one: Account) -> bool:
    """Whether a statistic has any value."""
    return any(point["value"] is not None for point in one["points"])


def standing(account: Account) -> list[dict[str, Any]]:
    """Alarms that stand in any window, each once: since when, until when, and what was said last."""
    found: dict[str, dict[str, Any]] = {}
    for window in account["windows"]:
        for alarm in window["alarms"]:
            if alarm["standing"]:
                kept = found.setdefault(alarm["kind"], {"kind": alarm["kind"], "first": window["first"]})
                kept.update(last=window["last"], said=alarm["said"])
    return list(found.values())


def panels(account: Account) -> list[Panel]:
    """A picture for every statistic that has a value."""
    known = [one for one in account["statistics"] if is_known(one)]
    return [_panel(account, one, place) for place, one in enumerate(known)]


@dataclass(frozen=True, slots=True)
class Span:
    """From training steps to a picture's width."""

    first: int
    last: int

    def at(self, step: float) -> float:
        """Right of the picture's left edge."""
        return round(LEFT + WIDTH * (step - self.first) / max(1, self.last + 1 - self.first), 2)

    def middle(self, stretch: Account) -> float:
        """The middle of some steps."""
        return self.at((stretch["first"] + stretch["last"] + 1) / 2)

    def bar(self, first: int, last: int) -> Place:
        """Where some steps begin, and how wide they are."""
        start = self.at(first)
        return start, round(self.at(last + 1) - start, 2)


def _panel(account: Account, one: Account, place: int) -> Panel:
    row, column = divmod(place, COLUMNS)
    span, scale = Span(*account["steps"]), _scale(one["points"])
    runs = _runs(one["points"])
    places = [[(span.middle(point), round(scale.at(point["value"]), 2)) for point in run] for run in runs]
    windows = account["windows"]
    return Panel(
        x=MARGIN + column * (LEFT + WIDTH + GAP),
        y=MARGIN + 24 + row * (TOP + HEIGHT + GAP),
        title=one["title"],
        lines=tuple(_points(run) for run in places if len(run) > 1),
        bands=tuple(band for run in runs if (band := _band(run, scale, span))),
        dots=tuple(run[0] for run in places if len(run) == 1),
        top=figure(scale.high, one["percent"]),
        bottom=figure(scale.low, one["percent"]),
        zero=round(scale.at(0.0), 2) if scale.low < 0.0 < scale.high else None,
        baseline=span.bar(*account["baseline"]) if account["baseline"] else None,
        flags=tuple(span.bar(each["first"], each["last"]) for each in windows if _flagged(each, one["name"])),
        now=figure(runs[-1][-1]["value"], one["percent"]),
        change=said(one),
        alert=bool(windows) and _flagged(windows[-1], one["name"]),
    )


def _flagged(window: Account, name: str) -> bool:
    return any(a["standing"] and any(one["name"] == name for one in a["changes"]) for a in window["alarms"])


def _runs(points: Sequence[Account]) -> list[list[Account]]:
    """Neighbouring points that have a value."""
    groups = itertools.groupby(points, key=lambda point: point["value"] is not None)
    return [list(run) for known, run in groups if known]


def _scale(points: Sequence[Account]) -> Scale:
    """From the least to the largest value, bands included; never empty."""
    ends = [p[name] for p in points for name in ("value", "low", "high") if p[name] is not None]
    low, high = min(ends), max(ends)
    room = 0.06 * (high - low) or 0.5 * max(abs(high), 1e-3)
    bottom = 0.0 if low >= 0.0 and low - room < 0.25 * high else low - room
    return Scale(bottom, high + room)


def _points(places: Sequence[Place]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in places)


def _band(run: Sequence[Account], scale: Scale, span: Span) -> str:
    """The outline of a band: along its upper edge and back along its lower one."""
    known = [point for point in run if point["low"] is not None]
    upper = [(span.middle(point), round(scale.at(point["high"]), 2)) for point in known]
    lower = [(span.middle(point), round(scale.at(point["low"]), 2)) for point in known]
    return _points([*upper, *reversed(lower)]) if len(known) > 1 else ""


def figure(value: float | None, percent: bool) -> str:
    """A value in words.

    >>> figure(0.256, True), figure(1234.5, False), figure(None, False)
    ('25.6 %', '1230', '–')
    """
    if value is None:
        return "–"
    return f"{plain(round(100 * value, 1))} %" if percent else plain(float(f"{value:.3g}"))


def said(one: Account) -> str:
    """A statistic's change since the baseline, with its interval.

    >>> said({"percent": False, "change": {"difference": {"value": 1, "low": 0.5, "high": 1.5}}})
    '+1.00 [+0.50, +1.50]'
    """
    change = one["change"]
    if change is None or change["difference"] is None:
        return ""
    scale, digits = (100.0, 1) if one["percent"] else (1.0, 2)
    value, low, high = (signed(scale * change["difference"][name], digits) for name in ("value", "low", "high"))
    return f"{value} [{low}, {high}]{' pt' if one['percent'] else ''}"
