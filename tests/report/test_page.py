"""The page as a file: self-contained, hash-locked, whole, small, and the same for the same records."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import stat
from collections.abc import Callable
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import records
from hypothesis import given
from hypothesis import strategies as st

from dca.errors import InputError
from dca.report.page import SCRIPTS, STYLES, TEMPLATE, embedded, payload, render_page, write_page
from dca.report.summary import digest

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=40)


class Seen(HTMLParser):
    """Every tag with its attributes, and the text of each style and script block."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.blocks: list[tuple[dict[str, str | None], str]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] in ("style", "script") and self.cdata_elem:
            self.blocks.append((self.tags[-1][1], data))


def page(rows: list[dict[str, Any]], **extra: Any) -> str:
    return render_page(rows, **({"title": "out.jsonl"} | extra))


def data_of(html: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert found
    return dict(json.loads(found[1]))


def test_page_golden(golden: Callable[[str, str], None]) -> None:
    """The document around the style and the script, data included."""
    html = page([records.right(), records.wrong(), records.fallback()], source="three rows")
    bare = re.sub(r"<style>.*?</style>|<script>.*?</script>|default-src[^\"]*", "…", html, flags=re.DOTALL)
    golden("page.html", bare)


def test_the_policy_admits_exactly_the_two_blocks() -> None:
    """The hashes are those of the style and the script in the page, and everything else is refused."""
    seen = Seen(page(records.mixed()))
    policies = [attrs["content"] for tag, attrs in seen.tags if attrs.get("http-equiv") == "Content-Security-Policy"]
    (style, _), (data, _), (script, _) = [(body, attrs) for attrs, body in seen.blocks]
    hashes = [
        "'sha256-" + base64.b64encode(hashlib.sha256(b.encode()).digest()).decode() + "'" for b in (style, script)
    ]
    assert policies == [
        f"default-src 'none'; style-src {hashes[0]}; script-src {hashes[1]}; base-uri 'none'; form-action 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ]
    json.loads(data)


def test_nothing_is_loaded_and_nothing_is_inline() -> None:
    """No address, no style attribute and no handler attribute stands in the markup, whatever the records say."""
    for tag, attrs in Seen(page(records.mixed(), title=records.HOSTILE[1], source=records.HOSTILE[2])).tags:
        assert not {name for name in attrs if name in ("style", "src", "srcset", "action") or name.startswith("on")}
        assert attrs.get("href", "#").startswith("#")  # type: ignore[union-attr]
        assert tag not in ("img", "iframe", "object", "link", "form", "base")


def test_the_assets_need_no_network_and_no_strings_as_code() -> None:
    """The style asks for nothing, and the script never turns a string into markup or code."""
    assets = {name: (resources.files("dca.report") / name).read_text("utf-8") for name in (*STYLES, *SCRIPTS)}
    for name, text in assets.items():
        code = text.replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?:|url\(|@import|</(style|script)", code, re.IGNORECASE), name
        forbidden = r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|new Function|localStorage|fetch\("
        assert not re.search(forbidden, code), name
    for name in (*assets, TEMPLATE):
        assert len((resources.files("dca.report") / name).read_text("utf-8").splitlines()) <= 300


@given(st.dictionaries(ANY_TEXT, ANY_TEXT, max_size=4))
def test_no_text_breaks_out_of_the_data_block(value: dict[str, str]) -> None:
    """Any Unicode, lone surrogates included, survives the way into a script element and back."""
    text = embedded(value)
    text.encode("utf-8")
    assert not re.search("[<>&\u2028\u2029]", text)
    assert json.loads(text) == value


@given(st.lists(ANY_TEXT.filter(bool), min_size=1, max_size=6))
def test_the_page_carries_every_text_once_and_whole(texts: list[str]) -> None:
    """Law 1 holds on the page: the steps' texts joined are the completion."""
    row = records.record("r", "p", [(text, None, 0.0) for text in texts], 1.0)
    (carried,) = data_of(page([row]))["transcripts"]
    assert "".join(carried["texts"]) == row["completion"]


def test_the_payload_says_what_the_record_says() -> None:
    """Numbers, labels, links, reasons, authors and marks of one row, followed back to the record."""
    row = records.program()
    carried = payload([digest(row)])
    (t,), strings = carried["transcripts"], carried["strings"]
    assert t["credits"] == [pytest.approx(step["credit"], abs=1e-5) for step in row["steps"]]
    assert {k: strings[n] for k, n in t["labels"].items()} == {0: "key", 1: "progress", 2: "check", 4: "progress"}
    assert (t["of"], t["neutral"], t["shortest"]) == ({2: 1}, [2], (0, 1))
    assert strings[t["authors"][3]] == "tool"
    assert strings[t["reasons"][0]] == "the idea the rest stands on"
    assert strings[t["prompt"]] == row["prompt"]


def test_rollouts_of_one_prompt_carry_it_once() -> None:
    """A prompt that eight rollouts share stands in the page once."""
    html = page(list(records.many(16)))
    assert html.count("a shop sells 3 kinds of boxes") == 1


def test_512_transcripts_stay_under_5_mb() -> None:
    """A page of 512 rows of 30 steps and about 6 kB of text is small enough to mail."""
    rows = list(records.many(512))
    assert sum(len(row["completion"]) for row in rows) > 512 * 6000
    assert len(page(rows).encode()) < 5_000_000


def test_the_same_records_give_the_same_page() -> None:
    """No clock and no chance enters the page; an iterator is as good as a list."""
    assert page(records.mixed()) == render_page(iter(records.mixed()), title="out.jsonl")


def test_titles_are_text() -> None:
    """A hostile title and source are escaped and made visible."""
    html = page([], title="</title><script>x</script>\x1b\ud800", source="<b>")
    assert "&lt;/title&gt;&lt;script&gt;x&lt;/script&gt;⟨U+001B⟩\ufffd" in html
    assert "&lt;b&gt;" in html


def test_the_overview_needs_no_script() -> None:
    """The pictures and their numbers stand in the document itself."""
    html = page(records.mixed())
    assert html.count('<svg class="plot"') == 3
    assert "How far the reviewer tilted" in html
    assert "+6.50" in html  # the total reward, below the credit of each label


class TestWritePage:
    """Writing is all or nothing."""

    def test_writes_what_render_gives(self, tmp_path: Path) -> None:
        """The file is the page, in UTF-8, readable by whom new files are."""
        target = tmp_path / "page.html"
        write_page(records.mixed(), target, title="t", source="s")
        assert target.read_bytes().decode("utf-8") == render_page(records.mixed(), title="t", source="s")
        assert os.listdir(tmp_path) == ["page.html"]
        (tmp_path / "other").touch()
        assert stat.S_IMODE(target.stat().st_mode) == stat.S_IMODE((tmp_path / "other").stat().st_mode)

    def test_a_failure_leaves_the_old_page(self, tmp_path: Path) -> None:
        """Where a record is broken, the page of yesterday is still there and nothing else."""
        target = tmp_path / "page.html"
        target.write_text("yesterday")
        with pytest.raises(InputError):
            write_page([records.right(), {"id": "broken"}], target, title="t")
        assert target.read_text() == "yesterday"
        assert os.listdir(tmp_path) == ["page.html"]

    def test_a_missing_folder_is_an_os_error(self, tmp_path: Path) -> None:
        """The caller learns which folder is missing."""
        with pytest.raises(FileNotFoundError):
            write_page([], tmp_path / "none" / "page.html", title="t")

    def test_a_link_is_followed(self, tmp_path: Path) -> None:
        """A symbolic link stays a link, and its target gets the page."""
        (tmp_path / "link.html").symlink_to(tmp_path / "real.html")
        write_page([], tmp_path / "link.html", title="t")
        assert (tmp_path / "link.html").is_symlink()
        assert (tmp_path / "real.html").stat().st_size > 1000

    def test_a_device_is_written_to_and_not_replaced(self) -> None:
        """`/dev/null` is still a device afterwards."""
        write_page([], os.devnull, title="t")
        assert stat.S_ISCHR(os.stat(os.devnull).st_mode)
