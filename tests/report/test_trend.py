"""The course of a run as pictures, a page and a table: what is drawn is what was measured, and no text can act."""

from __future__ import annotations

import copy
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from dca.performativity.counts import Counts
from dca.performativity.drift import Settings
from dca.performativity.timeline import account
from dca.report.course import course_view, curve
from dca.report.trend import HEIGHT, LEFT, TOP, WIDTH, panels, render_page, render_svg, standing, write_trend

SETTINGS = Settings(window=2, patience=1, resamples=20)


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """Eight steps of ten prompts; from the fifth on there are more checks, which find nothing."""
    calm = Counts(rollouts=4.0, right=2.0, length=400.0, checks=2.0, yielding=1.0)
    steps = {
        step: {f"p{step}-{k}": calm if step < 4 else calm._replace(checks=8.0) for k in range(10)}
        for step in range(8)
    }
    return account(steps, SETTINGS, points=8)


def test_a_picture_for_every_statistic_that_is_known(told: dict[str, Any]) -> None:
    """What is never defined has no picture, and the others stand in their order."""
    expected = ["right answers", "right first candidates", "characters a rollout", "checks a rollout"]
    titles = [panel.title for panel in panels(told)]
    assert titles[:4] == expected
    assert "planted errors caught" not in titles


def test_curves_lie_where_the_values_are(told: dict[str, Any]) -> None:
    """The scale ends where its words say, and every point is within its frame."""
    checks = next(panel for panel in panels(told) if panel.title == "checks a rollout")
    assert (checks.bottom, checks.now) == ("0", "2")
    (line,) = checks.lines
    places = [tuple(map(float, point.split(","))) for point in line.split()]
    assert len(places) == 8
    assert all(LEFT <= x <= LEFT + WIDTH and TOP <= y <= TOP + HEIGHT for x, y in places)
    assert places[0][1] > places[-1][1], "more is higher up"
    assert places == sorted(places)


def test_baseline_and_alarms_are_shaded(told: dict[str, Any]) -> None:
    """The first window is marked in every picture, and windows with an alarm where the alarm looks."""
    found = {panel.title: panel for panel in panels(told)}
    assert found["right answers"].baseline == (LEFT, WIDTH / 4)
    assert found["right answers"].flags == ()
    assert found["yield of checks"].flags == ((LEFT + WIDTH / 2, WIDTH / 4), (LEFT + 3 * WIDTH / 4, WIDTH / 4))
    assert found["yield of checks"].alert
    assert not found["right answers"].alert


def test_a_gap_stays_a_gap(told: dict[str, Any]) -> None:
    """A point that is not defined breaks the curve, and one that stands alone is a dot."""
    gone = copy.deepcopy(told)
    points = next(one for one in gone["statistics"] if one["name"] == "yield")["points"]
    for place in (1, 3):
        points[place].update(value=None, low=None, high=None)
    found = next(panel for panel in panels(gone) if panel.title == "yield of checks")
    assert (len(found.lines), len(found.dots)) == (1, 2)


def test_a_constant_has_a_scale_too(told: dict[str, Any]) -> None:
    """A value that never moves is drawn, zero included."""
    flat = next(panel for panel in panels(told) if panel.title == "right answers")
    assert flat.top != flat.bottom
    still = next(panel for panel in panels(told) if panel.title == "harm by checks")
    assert (still.now, still.bottom) == ("0 %", "0 %")


def test_the_svg_is_whole_and_holds_no_script(told: dict[str, Any]) -> None:
    """The drawing is well-formed, and a title cannot break out of it."""
    svg = render_svg(told, title="<script>alert(1)</script> & more")
    root = ElementTree.fromstring(svg)
    assert root.tag.endswith("svg")
    assert "<script" not in svg
    assert len(root.findall(".//{*}polyline")) == len(panels(told))


def test_the_page_needs_no_network(told: dict[str, Any], tmp_path: Path) -> None:
    """The page names no address but SVG's own name, admits one style block, and says what stands."""
    page = render_page(told, title="</style><b>", source="run\u202e")
    assert set(re.findall(r"https?://[^\s\"]+", page)) == {"http://www.w3.org/2000/svg"}
    assert "default-src" in page
    assert "<script" not in page
    assert "</style><b>" not in page
    assert "checks rise and find less" in page
    write_trend(told, tmp_path / "drift.html", title="t")
    write_trend(told, tmp_path / "drift.svg", title="t")
    assert (tmp_path / "drift.html").read_text().startswith("<!doctype html>")
    assert (tmp_path / "drift.svg").read_text().startswith("<svg")


def test_alarms_are_told_once(told: dict[str, Any]) -> None:
    """An alarm that stands in several windows is one line, from the first to the last."""
    (only,) = standing(told)
    assert (only["kind"], only["first"], only["last"]) == ("needless_checks", 4, 7)


def test_the_terminal_shows_the_same(told: dict[str, Any]) -> None:
    """A line for each statistic with its values and curve, and the alarms below; 80 columns suffice."""
    console = Console(width=80, record=True)
    with console.capture() as said:
        console.print(course_view(told))
    text = said.get()
    row = next(line for line in text.splitlines() if "checks a rollout" in line)
    assert re.search(r"0\.5 │\s+2 │ \+1\.50", row)
    assert "▁▁▁▁████" in row
    assert "steps 4 to 7: needless checks" in " ".join(text.split())


@pytest.mark.parametrize(
    ("change", "expected"), [({"windows": []}, "Nothing to compare yet"), ({}, "No alarm stands")]
)
def test_silence_is_explained(told: dict[str, Any], change: dict[str, Any], expected: str) -> None:
    """Without an alarm the table says whether there was anything to compare."""
    quiet = copy.deepcopy(told) | change
    for window in quiet["windows"]:
        for alarm in window["alarms"]:
            alarm["standing"] = False
    console = Console(width=100)
    with console.capture() as said:
        console.print(course_view(quiet))
    assert expected in said.get()


def test_a_curve_of_nothing_is_blank() -> None:
    """Values that are not defined leave their place empty."""
    assert curve([None, None]) == "  "
