"""Every bad input gets its one line: file, line, what was expected, what came, what to do. Spelled out row by row."""

from __future__ import annotations

import gzip
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dca.errors import InputError
from dca.transcripts.records import MAX_RECORD, BadRecord, Located, read_records

GOOD = b'{"a": 1}\n'


def complaint(path: Path | str) -> str:
    """What reading to the end complains of; always one line."""
    with pytest.raises(InputError) as caught:
        list(read_records(path))
    assert str(caught.value).isprintable()
    return str(caught.value)


def feed(monkeypatch: pytest.MonkeyPatch, stream: Any) -> None:
    """Put a binary stream where standard input is."""
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=stream))


DEEP = b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
CORRECT = "; correct the line, or put each record on one line (jq -c)"
BAD_LINES = {
    "not JSON": (
        b"hello",
        "expected one JSON object on the line, got 'hello' at character 1 (Expecting value)" + CORRECT,
    ),
    "cut off": (
        b'{"a": 1',
        "expected one JSON object on the line, got the end of the line at character 8 "
        "(Expecting ',' delimiter)" + CORRECT,
    ),
    "pretty-printed": (
        b'{\n"a": 1}',
        "expected one JSON object on the line, got the end of the line at character 3 "
        "(Expecting property name enclosed in double quotes)" + CORRECT,
    ),
    "two on a line": (
        b'{"a": 1} {"a": 2}',
        "expected one JSON object on the line, got '{\"a\": 2}' at character 10 (Extra data)" + CORRECT,
    ),
    "a number": (b"3", "expected an object, got a number; make each record an object"),
    "null": (b"null", "expected an object, got null; make each record an object"),
    "Latin-1": (
        b'{"a": "caf\xe9"}',
        "expected UTF-8, got 0xe9 at byte 11 of the record; save the file as UTF-8",
    ),
    "UTF-16 inside": (
        '{"a": 1}'.encode("utf-16-le"),
        "expected UTF-8, got NUL bytes, as in UTF-16 or a damaged file; save the file as UTF-8",
    ),
    "nested too deep": (
        DEEP,
        "expected JSON nested less than about 1,000 deep, got deeper nesting; flatten the record",
    ),
    "a number of 5,000 digits": (
        b'{"a": ' + b"9" * 5000 + b"}",
        "expected JSON, got a number that cannot be read (Exceeds the limit (4300 digits) for integer string "
        "conversion: value has 5000 digits); correct it",
    ),
}


@pytest.mark.parametrize(("line", "expected"), BAD_LINES.values(), ids=BAD_LINES)
def test_a_bad_line_is_named(tmp_path: Path, line: bytes, expected: str) -> None:
    """A line that cannot be read is told by file, line, what was expected, what came and what to do."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(GOOD * 2 + line)
    where = 3
    assert complaint(path) == f"{path}:{where}: {expected}"


@pytest.mark.parametrize("line", [line for line, _ in BAD_LINES.values() if b"\n" not in line])
def test_a_bad_line_can_be_skipped(tmp_path: Path, line: bytes) -> None:
    """With `on_bad` a bad line is handed over as it stood, and reading goes on."""
    path, bad = tmp_path / "a.jsonl", list[BadRecord]()
    path.write_bytes(GOOD + line + b"\n" + GOOD)
    assert [r.line for r in read_records(path, on_bad=bad.append)] == [1, 3]
    assert [(b.source, b.line, b.raw) for b in bad] == [(str(path), 2, line + b"\n")]
    assert bad[0].message.startswith(f"{path}:2: expected ")


def test_a_line_over_the_limit(tmp_path: Path) -> None:
    """A line of 50 MB is refused without being held, and reading can go on after it."""
    path, bad = tmp_path / "a.jsonl", list[BadRecord]()
    with path.open("wb") as file:
        file.write(GOOD)
        file.write(b'{"a": "')
        for _ in range(50):
            file.write(b"x" * 1_000_000)
        file.write(b'"}\n' + GOOD)
    message = f"{path}:2: expected a record of at most 32 MB, got a longer one; split it"
    assert complaint(path) == message
    assert [r.line for r in read_records(path, on_bad=bad.append)] == [1, 3]
    assert bad == [BadRecord(str(path), 2, message, b'{"a": "' + b"x" * 993)]


def test_a_line_at_the_limit(tmp_path: Path) -> None:
    """A record of exactly the limit is read, as a line and as an array's element."""
    record = b'{"a": "' + b"x" * (MAX_RECORD - 9) + b'"}'
    path = tmp_path / "a.jsonl"
    path.write_bytes(record + b"\n" + GOOD)
    assert [len(str(r.value["a"])) for r in read_records(path)] == [MAX_RECORD - 9, 1]
    path.write_bytes(b"[" + record + b"]")
    assert [len(r.value["a"]) for r in read_records(path)] == [MAX_RECORD - 9]


BROKEN = "; nothing after it can be read: mend the array, or use JSONL"
BAD_ARRAYS = {
    "cut off between records": (b'[{"a": 1}', 'expected "," or "]" after record 1, got the end of the file' + BROKEN),
    "cut off in a record": (
        b'[{"a": 1},\n{"a": "tex',
        "record 2: expected JSON, got '\"tex' (Unterminated string starting at)" + BROKEN,
    ),
    "comma at the end": (b'[{"a": 1},]', "record 2: expected JSON, got ']' (Expecting value)" + BROKEN),
    "comma forgotten": (b'[{"a": 1} {"a": 2}]', 'expected "," or "]" after record 1, got \'{\'' + BROKEN),
    "not JSON": (b"[oops]", "record 1: expected JSON, got 'oops]' (Expecting value)" + BROKEN),
    "text after it": (b"[{}] x", "expected the end of the file after the array, got 'x'" + BROKEN),
    "nested too deep": (
        b"[" + DEEP + b"]",
        "record 1: expected JSON nested less than about 1,000 deep, got deeper nesting; flatten the record" + BROKEN,
    ),
}


@pytest.mark.parametrize(("data", "expected"), BAD_ARRAYS.values(), ids=BAD_ARRAYS)
def test_a_broken_array_is_named(tmp_path: Path, data: bytes, expected: str) -> None:
    """A broken array names the line of the mistake; it stops the reading even with `on_bad`."""
    path = tmp_path / "a.json"
    path.write_bytes(b"\n" + data)
    line = 2 + data.count(b"\n")
    assert complaint(path) == f"{path}:{line}: {expected}"
    with pytest.raises(InputError):
        list(read_records(path, on_bad=lambda _: None))


def test_an_element_over_the_limit(tmp_path: Path) -> None:
    """An array's element over the limit is refused before it is read whole."""
    path = tmp_path / "a.json"
    path.write_bytes(b'[{"a": "' + b"x" * (MAX_RECORD + 1) + b'"}]')
    message = "record 1: expected a record of at most 32 MB, got a longer one; split it"
    assert complaint(path) == f"{path}:1: {message}{BROKEN}"


def test_a_bad_element_can_be_skipped(tmp_path: Path) -> None:
    """An element that is no object, or not UTF-8, is handed over; the rest of the array is read."""
    path, bad = tmp_path / "a.json", list[BadRecord]()
    path.write_bytes(b'[{"a": 1},\n12,\n{"b": "\xe9"}, [], {"a": 2}]')
    assert [r.record for r in read_records(path, on_bad=bad.append)] == [1, 5]
    assert [(b.line, b.raw, b.message.partition(": ")[2]) for b in bad] == [
        (2, "12", "expected an object, got a number; make each record an object"),
        (3, '{"b": "\udce9"}', "expected UTF-8, got 0xe9 at byte 8 of the record; save the file as UTF-8"),
        (3, "[]", "expected an object, got a list; make each record an object"),
    ]


EMPTY = "expected at least one record, got none; check what wrote the file"


@pytest.mark.parametrize("data", [b"", b"\n \n", b"[]", b" [\n] ", gzip.compress(b"", mtime=0), b"\xef\xbb\xbf"])
def test_a_file_without_records_is_refused(tmp_path: Path, data: bytes) -> None:
    """A file that holds no record at all is an error, never a quiet success."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(data)
    assert complaint(path) == f"{path}: {EMPTY}"


def test_empty_standard_input_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input without records is told as such, by its name."""
    feed(monkeypatch, io.BytesIO(b""))
    assert complaint("-") == f"stdin: {EMPTY}"


def test_utf_16_is_refused(tmp_path: Path) -> None:
    """UTF-16 is known by its byte order mark."""
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1}', "utf-16")
    assert complaint(path) == f"{path}:1: expected UTF-8, got UTF-16 at byte 1; save the file as UTF-8"


def test_a_truncated_gzip_is_refused_after_its_records(tmp_path: Path) -> None:
    """What a cut-off gzip still holds is read; then it is told that the end is missing."""
    path = tmp_path / "a.jsonl.gz"
    data = b"".join(b'{"a": "%d %s"}\n' % (k, os.urandom(30).hex().encode()) for k in range(20_000))
    path.write_bytes(gzip.compress(data)[:-100_000])
    seen = list[Located]()
    with pytest.raises(InputError) as caught:  # noqa: PT012 (what was read before the error counts too)
        for located in read_records(path):
            seen.append(located)
    assert len(seen) > 10_000
    assert str(caught.value) == (
        f"{path}: expected gzip data to the end, got damaged or cut-off data (Compressed file ended before the "
        "end-of-stream marker was reached); copy the file again"
    )


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda data: data[:40] + b"\xff" * 20 + data[60:], "Error -3 while decompressing data"),
        (lambda data: data + b"junk", "Not a gzipped file (b'ju')"),
        (lambda data: data[:-8] + b"\0" * 8, "CRC check failed"),
    ],
)
def test_a_damaged_gzip_is_refused(tmp_path: Path, damage: Callable[[bytes], bytes], reason: str) -> None:
    """Damage anywhere in a gzip file is told as such."""
    path = tmp_path / "a.gz"
    path.write_bytes(damage(gzip.compress(b"".join(b'{"a": %d}\n' % (k * k) for k in range(200)))))
    assert complaint(path).startswith(f"{path}: expected gzip data to the end, got damaged or cut-off data ({reason}")


def test_paths_that_cannot_be_read(tmp_path: Path) -> None:
    """A directory, nothing at all, and a name no file can have each get their line."""
    assert complaint(tmp_path) == f"{tmp_path}: expected a file, got a directory; name the files in it"
    gone = tmp_path / "gone"
    assert complaint(gone) == f"{gone}: expected a file, found nothing there; check the path"
    assert complaint(f"{tmp_path}/a\nb").startswith(f"{tmp_path}/a\\nb: expected a file, found nothing there")
    assert "embedded null byte" in complaint("a\0b")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission(tmp_path: Path) -> None:
    """A file that may not be read is told as such."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(GOOD)
    path.chmod(0)
    assert complaint(path) == f"{path}: expected a readable file, got no permission; change its mode or owner"


def test_a_refusal_of_the_system_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """No permission, and an error in the middle of reading, are told whoever runs this."""

    class Failing(io.BytesIO):
        def __init__(self, error: OSError) -> None:
            super().__init__()
            self.error = error

        def read(self, size: int | None = -1, /) -> bytes:
            raise self.error

    feed(monkeypatch, Failing(PermissionError(13, "Permission denied")))
    assert complaint("-") == "stdin: expected a readable file, got no permission; change its mode or owner"
    feed(monkeypatch, Failing(OSError(5, "Input/output error")))
    expected = "stdin: expected a readable file, got an error (Input/output error); check the path and the disk"
    assert complaint("-") == expected


def test_an_error_of_the_caller_is_not_taken_for_a_bad_file(tmp_path: Path) -> None:
    """What `on_bad` raises reaches the caller as it is."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"x\n")

    def full(bad: BadRecord) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        list(read_records(path, on_bad=full))
