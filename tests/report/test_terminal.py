"""The terminal views: golden at two widths, safe with hostile text, and complete without colour."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import pytest
import records
from rich.cells import cell_len
from rich.console import Console, RenderableType

from dca.report.summary import digest, overview
from dca.report.terminal import summary_view, totals, transcript_view
from dca.types import LABELS

SGR = re.compile(r"\x1b\[[0-9;]*m")


def printed(view: RenderableType, width: int, *, colour: bool = False) -> str:
    """What a terminal of that width gets, less the white space at line ends."""
    stream = io.StringIO()
    console = Console(file=stream, width=width, force_terminal=colour, color_system="truecolor" if colour else None)
    console.print(view)
    return "".join(line.rstrip() + "\n" for line in stream.getvalue().split("\n")[:-1])


@pytest.mark.parametrize("width", [80, 160])
@pytest.mark.parametrize("row", [records.right(), records.wrong(), records.staged(), records.program()])
def test_transcript_golden(row: dict[str, Any], width: int, golden: Callable[[str, str], None]) -> None:
    """One transcript, at both widths, to the character."""
    golden(f"transcript-{row['id']}-{width}.txt", printed(transcript_view(row), width))


@pytest.mark.parametrize("width", [80, 120])
def test_summary_golden(width: int, golden: Callable[[str, str], None]) -> None:
    """The table, with and without the sparkline."""
    golden(f"summary-{width}.txt", printed(summary_view(records.mixed(), limit=7), width))


@pytest.mark.parametrize("width", [20, 40, 80, 119, 120, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    """Whatever the text, nothing runs over the right edge."""
    for row in records.mixed():
        for line in printed(transcript_view(row), width).splitlines():
            assert cell_len(line) <= width


@pytest.mark.parametrize("view", [transcript_view(records.hostile()), summary_view([records.hostile()])])
def test_hostile_text_cannot_act(view: RenderableType) -> None:
    """Beside rich's own colours no control character reaches the terminal, and no surrogate breaks the encoding."""
    text = SGR.sub("", printed(view, 100, colour=True))
    text.encode("utf-8")
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)


def test_markup_in_a_transcript_is_text() -> None:
    """Square brackets, links and emoji codes are shown, not obeyed."""
    text = printed(transcript_view(records.hostile()), 200)
    assert "[red]rich[/red] [link=https://x.y]z[/link] :smile:" in text


def test_everything_is_said_without_colour() -> None:
    """Each label, each link, each z with its sign and the direction of each step stand there in plain text."""
    text = printed(transcript_view(records.hostile()), 160)
    assert "\x1b" not in text
    for label in LABELS:
        assert label.replace("_", " ") in text
    assert "repairs step 2" in text
    assert re.search(r"−1\.83 +\S+│", text)
    assert re.search(r"\+0\.84 +│\S+", text)


def test_colour_follows_the_tilt() -> None:
    """A step that was pushed up and one that was pushed down differ in colour."""
    lines = printed(transcript_view(records.wrong()), 80, colour=True).splitlines()
    up, down = (next(line for line in lines if mark in line) for mark in ("17 - 3 = 14 full", "14 * 12 = 158"))
    assert SGR.findall(up)[0] != SGR.findall(down)[0]


@pytest.mark.parametrize(
    ("row", "line"),
    [
        (records.right(), "1 to the steps = reward 1"),
        (records.wrong(), "0 to the steps = reward 0"),
        (records.silent(), "0 to the steps and 1 to nobody = reward 1"),
        (records.values(), "−0.4 to the steps and 0.4 to nobody = reward 0"),
        (records.right() | {"reward": 2.0}, "Ledger does not balance: 1 to the steps, reward 2"),
    ],
)
def test_the_ledger_line_adds_up(row: dict[str, Any], line: str) -> None:
    """The last line is the sum that balances, or says that it does not."""
    assert printed(transcript_view(row), 80).rstrip().endswith(line)


def test_a_fallback_says_why() -> None:
    """The reason stands above the steps, and no step pretends to have a z."""
    text = " ".join(printed(transcript_view(records.fallback()), 80).split())
    assert "the review could not be used, so every token got the same share: ReplyError" in text
    assert "– credit +0.407" in text


def test_the_table_is_capped_and_the_totals_are_not() -> None:
    """Rows beyond the limit are counted, a generator is read once, and the totals are of all."""
    text = printed(summary_view(records.many(30, steps=4, size=20), limit=3), 100)
    assert "… and 27 more" in text
    assert len(re.findall(r"^ math-", text, re.MULTILINE)) == 3
    assert "30 transcripts · mean reward" in text


def test_totals_in_one_line() -> None:
    """Counts, fallbacks, the needed share and the cost; nothing but the count where there is nothing."""
    line = totals(overview(map(digest, records.mixed()))).plain
    assert line.startswith("9 transcripts · mean reward 0.7222 · 1 fallback · 3 findings · ")
    assert line.endswith("5 requests, 9.26k tokens, $0.0418")
    assert totals(overview([])).plain == "0 transcripts"
    assert printed(summary_view([]), 80) == "0 transcripts\n"
