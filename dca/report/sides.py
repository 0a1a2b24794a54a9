"""One self-contained page on which two reviews of each case can be read side by side, with what was expected.

Plain HTML and CSS, no script: what students and reviewers wrote is escaped, and the page's Content-Security-Policy
admits its one style block and nothing else. It knows the mapping that `dca prompts eval --json` prints and lines of
the output contract; it marks nothing itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from dca.report.page import assets, content_policy, environment, write_text
from dca.report.visible import words
from dca.types import POLICY

TEMPLATE: Final = "sides.html.jinja"
STYLES: Final = ("page.css", "overview.css", "marks.css", "steps.css", "sides.css")

Row = Mapping[str, Any]


def render_sides(table: Row, cases: Sequence[Row], *, title: str) -> str:
    """The page as one string of HTML, the same for the same values; the cases that differ most come first.

    Args:
        table: What `--json` prints.
        cases: For each of its rows: `prompt`, `reward`, `reference`, `steps` (of `index`, `text`, `author`),
            and `records`: a line of the output contract for each reviewer, or None.
        title: The heading.
    """
    style, env = assets(STYLES), environment()
    env.filters.update(words=words)
    pairs = [(row, _case(case)) for row, case in zip(table["rows"], cases, strict=True)]
    return env.from_string(assets((TEMPLATE,))).render(
        title=title,
        policy=content_policy(style, ""),
        style=style,
        table=table,
        pairs=sorted(pairs, key=lambda pair: -abs(pair[0]["difference"] or 0.0)),
    )


def write_sides(table: Row, cases: Sequence[Row], path: str | Path, *, title: str) -> None:
    """Write the page whole or not at all.

    Raises:
        OSError: The file cannot be written.
    """
    write_text(path, render_sides(table, cases, title=title))


def _case(case: Row) -> dict[str, Any]:
    records = case["records"]
    steps = [
        {
            "index": step["index"],
            "text": step["text"].rstrip(),
            "author": "" if step["author"] == POLICY else step["author"],
            "sides": (sides := [None if record is None else _side(record, step["index"]) for record in records]),
            "differs": len({None if side is None else (side["label"], side["score"]) for side in sides}) > 1,
        }
        for step in case["steps"]
    ]
    return {**{name: case[name] for name in ("prompt", "reward", "reference")}, "steps": steps}


def _side(record: Row, k: int) -> dict[str, Any]:
    """What one review says of one step."""
    step = record["steps"][k]
    said = {name: step[name] for name in ("label", "score", "reason", "of")}
    return {**said, "needed": k in record["shortest"]}
