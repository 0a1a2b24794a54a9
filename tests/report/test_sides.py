"""The page of two reviews side by side: self-contained, locked, and safe whatever students and reviewers wrote."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

import records
from hypothesis import given, settings
from hypothesis import strategies as st

from dca.report.sides import STYLES, render_sides, write_sides

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=40)


def row(name: str = "one", scores: tuple[float | None, ...] = (0.5, 1.0), **extra: Any) -> dict[str, Any]:
    checks = [{"check": "step 1: error", "why": "Why.", "weight": 2.0, "steps": [1], "marks": list(scores)}]
    return {
        "case": name,
        "about": "About.",
        "domain": "tool_use",
        "skills": ["locate_error"],
        "scores": list(scores),
        "states": ["marked"] * len(scores),
        "notes": [""] * len(scores),
        "difference": None,
        "checks": checks,
    } | extra


ANSWERER = {"by": "a model <of> ours", "recordings": 1, "first": "2026-01-02", "last": "2026-01-02"}


def table(*rows: dict[str, Any], names: tuple[str, ...] = ("new/v2", "old/v1")) -> dict[str, Any]:
    one = {"mean": 0.5, "interval": [0.25, 0.75], "marked": 1, "perfect": 0, "failed": [], "stale": [], "missing": []}
    return {
        "suite": "core",
        "cases": len(rows),
        "silent": 0.25,
        "candidates": [{**one, "name": name, "answerers": [ANSWERER]} for name in names],
        "rows": list(rows),
        "skills": [{"name": "locate_error", "cases": 1, "marked": 1, "means": [0.5] * len(names)}],
        "domains": [],
        "comparison": {
            "cases": 1,
            "wins": 0,
            "losses": 1,
            "ties": 0,
            "mean": -0.5,
            "interval": [-0.5, -0.5],
            "verdict": "worse",
            "same_answerers": False,
        }
        if len(names) == 2
        else None,
    }


def case(*sides: dict[str, Any] | None, **extra: Any) -> dict[str, Any]:
    steps = [{"index": s["index"], "text": s["text"], "author": s["author"]} for s in records.wrong()["steps"]]
    return {"prompt": "Why?", "reward": 0.0, "reference": "7", "steps": steps, "records": list(sides)} | extra


def page(**extra: Any) -> str:
    return render_sides(table(row(**extra)), [case(records.wrong(), None)], title="new against old")


def test_the_page_admits_its_one_style_and_nothing_else() -> None:
    """There is one style block, which the policy names by its hash, and neither script nor anything loaded."""
    html = page()
    style = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    assert len(style) == 1
    digest = base64.b64encode(hashlib.sha256(style[0].encode()).digest()).decode()
    assert f"style-src &#39;sha256-{digest}&#39;" in html
    assert re.findall(r"<script|<img|<link|<iframe|\bon\w+=|javascript:|url\(|https?://", html) == []
    assert STYLES[-1] == "sides.css"


def test_what_was_expected_and_what_was_said_stand_side_by_side() -> None:
    """Checks with their marks, each step once, and beside it label, score and reason of each review."""
    html = page()
    assert html.count("step 1: error") == 1
    assert '<td class="num short">0.50</td><td class="num">1.00</td>' in html
    said = records.wrong()["steps"]
    assert html.count('<th scope="row" class="num">') == len(said)
    labelled = next(step for step in said if step["label"])
    assert f'<span class="chip l-{labelled["label"]}">' in html
    assert "worse" in html
    assert html.count("<details") == 1


def test_one_review_alone_is_a_page_too() -> None:
    """Without anything to hold against there is one column and no difference."""
    alone = table(row(scores=(None,), states=["missing"]), names=("mine",))
    alone["candidates"][0].update(mean=None, interval=None, missing=["one"])
    html = render_sides(alone, [case(None)], title="mine")
    assert "Difference" not in html
    assert ">missing</b>" in html
    assert "1 missing recordings" in html


def test_means_differ_and_who_answered_is_said() -> None:
    """Two reviews have a column of differences by skill, and tiles that name who gave the replies."""
    compared = table(row())
    compared["skills"][0]["means"] = [0.5, 0.75]
    html = render_sides(compared, [case(None, None)], title="two")
    assert '<td class="num">−0.25</td>' in html
    assert html.count("answered by a model &lt;of&gt; ours (1)") == 2
    assert "Not the same reviewers answered both" in html
    compared["comparison"]["same_answerers"] = True
    assert "Not the same reviewers" not in render_sides(compared, [case(None, None)], title="two")


@settings(max_examples=25)
@given(ANY_TEXT)
def test_no_text_becomes_markup(text: str) -> None:
    """Whatever stands in a transcript, a reason, a name or a note is shown as text, and the same each time."""
    hostile = f"<script>{text}</script><b onclick=x>"
    record = records.wrong()
    record["steps"][0].update(reason=hostile, text=hostile)
    sides = case(record, record, prompt=hostile, reference=hostile)
    sides["steps"][0].update(text=hostile, author=hostile)
    rows = table(row(about=hostile, notes=[hostile, ""], skills=[hostile], case=hostile), names=(hostile, "old"))
    html = render_sides(rows, [sides], title=hostile)
    assert re.findall(r"<script|<b onclick", html) == []
    assert html == render_sides(rows, [sides], title=hostile)
    html.encode()


def test_the_page_is_written_whole(tmp_path: Path) -> None:
    """The file holds what was rendered."""
    write_sides(table(row()), [case(records.wrong(), None)], tmp_path / "sides.html", title="new against old")
    assert (tmp_path / "sides.html").read_text("utf-8") == page()
