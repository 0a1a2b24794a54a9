"""Raw records: every format reads back equal, from a file or a pipe, in little memory."""

from __future__ import annotations

import gzip
import io
import json
import sys
import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dca.transcripts.records import Located, read_records

TEXT = st.one_of(st.text(), st.just("\ud800"))  # lone surrogates, but no pair of them: JSON has no way to write it
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=8,
)
RECORDS = st.lists(st.dictionaries(st.text(max_size=8), JSON, max_size=4), min_size=1, max_size=6)
SPACE = st.text(" \t\r\n", max_size=4)
GOOD = b'{"a": 1}\n'


def values(path: Path | str) -> list[dict[str, Any]]:
    return [located.value for located in read_records(path)]


def feed(monkeypatch: pytest.MonkeyPatch, stream: Any) -> None:
    """Put a binary stream where standard input is."""
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=stream))


class Trickle(io.RawIOBase):
    """A pipe that hands out its bytes a few at a time."""

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        self._data, self._sizes = data, sizes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = min(self._sizes.pop(0) if self._sizes else 1 << 16, len(buffer))
        part, self._data = self._data[:size], self._data[size:]
        buffer[: len(part)] = part
        return len(part)


@given(records=RECORDS, ascii_only=st.booleans(), end=st.sampled_from(("\n", "\r\n")), gap=SPACE)
def test_json_lines_read_back_equal(
    tmp_path_factory: pytest.TempPathFactory, records: list[Any], ascii_only: bool, end: str, gap: str
) -> None:
    """Whatever was written as JSON lines comes back, whichever line ends and blank lines lie between."""
    lines = [json.dumps(r, ensure_ascii=ascii_only or "\\ud800" in json.dumps(r)) for r in records]
    path = tmp_path_factory.mktemp("lines") / "a.jsonl"
    path.write_bytes((gap + "".join(line + end + gap for line in lines)).encode())
    assert values(path) == records


@given(records=RECORDS, gaps=st.lists(SPACE, min_size=20, max_size=20), zipped=st.booleans())
def test_arrays_read_back_equal(
    tmp_path_factory: pytest.TempPathFactory, records: list[Any], gaps: list[str], zipped: bool
) -> None:
    """An array comes back element by element, whatever white space lies between, gzip or not."""
    parts = [gap + json.dumps(r, indent=len(gap)) + gap for gap, r in zip(gaps, records, strict=False)]
    data = f"{gaps[-1]}[{','.join(parts)}]{gaps[-2]}".encode()
    path = tmp_path_factory.mktemp("array") / "a.json"
    path.write_bytes(gzip.compress(data) if zipped else data)
    assert values(path) == records


@given(
    records=RECORDS,
    sizes=st.lists(st.integers(1, 7), max_size=40),
    array=st.booleans(),
    zipped=st.booleans(),
)
def test_standard_input_may_trickle(records: list[Any], sizes: list[int], array: bool, zipped: bool) -> None:
    """Standard input is read as files are, however few bytes come at a time."""
    text = json.dumps(records) if array else "\n".join(map(json.dumps, records))
    data = gzip.compress(text.encode()) if zipped else text.encode()
    with pytest.MonkeyPatch.context() as monkeypatch:
        feed(monkeypatch, io.BufferedReader(Trickle(data, sizes)))
        assert values("-") == records


def test_records_know_their_place(tmp_path: Path) -> None:
    """Lines are counted with the blank ones; what has no line of its own is numbered too."""
    lines = tmp_path / "runs.jsonl"
    lines.write_text('\n{"a": 1}\n\n{"a": 2}')
    assert [(r.line, r.id) for r in read_records(lines)] == [(2, "runs:2"), (4, "runs:4")]
    array = tmp_path / "runs.json.gz"
    array.write_bytes(gzip.compress(b'\n[\n{"a": 1}, {"a": 2},\n\n{"a": 3}]'))
    assert [(r.line, r.id) for r in read_records(array)] == [(3, "runs:1"), (3, "runs:2"), (5, "runs:3")]


def test_standard_input_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The path `-` is standard input, which messages and ids call stdin."""
    feed(monkeypatch, io.BytesIO(GOOD))
    assert list(read_records("-")) == [Located("stdin", 1, {"a": 1})]


@pytest.mark.parametrize("data", [b'{"a": 1}', b'[{"a": 1}]', b' \n{"a": 1}'])
def test_byte_order_marks_do_not_matter(tmp_path: Path, data: bytes) -> None:
    """A UTF-8 byte order mark is passed over, also in the middle of files that were joined."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + data)
    assert values(path) == [{"a": 1}]
    path.write_bytes((b"\xef\xbb\xbf" + GOOD) * 2)
    assert values(path) == [{"a": 1}] * 2


def test_what_is_odd_but_legal_is_kept(tmp_path: Path) -> None:
    """NaN, infinities, lone surrogates, U+2028 and duplicate keys (the last one wins) are read."""
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": -Infinity, "b": "\\ud800", "c": "\u2028", "d": 1, "d": 2}\n', "utf-8")
    assert values(path) == [{"a": -float("inf"), "b": "\ud800", "c": "\u2028", "d": 2}]


def test_joined_gzip_members_are_one_file(tmp_path: Path) -> None:
    """Gzip files that were joined with `cat` read on."""
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(GOOD) * 3)
    assert len(values(path)) == 3


@pytest.mark.parametrize("form", ["lines", "array", "one-line array", "gzip"])
def test_memory_stays_flat(tmp_path: Path, form: str) -> None:
    """Reading 60 MB takes less than 10 MB, in every format."""
    path = tmp_path / "a"
    opener = gzip.open if form == "gzip" else open
    between = {"array": b",\n", "one-line array": b", "}.get(form, b"\n")
    record = json.dumps({"prompt": "é?", "completion": "x " * 10_000}, ensure_ascii=False).encode()
    with opener(path, "wb", *((1,) if form == "gzip" else ())) as file:
        file.write(b"[" if "array" in form else b"")
        file.write(between.join([record] * 3000))
        file.write(b"]" if "array" in form else b"\n")
    tracemalloc.start()
    try:
        count = sum(1 for _ in read_records(path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 3000
    assert peak < 10_000_000
