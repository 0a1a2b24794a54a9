"""Raw records out of a file: JSON lines, a JSON array or Parquet, plain or gzip, or standard input.

Streamed: memory stays flat however long the file is. This module knows file formats; it does not know what a
transcript is (`dca.transcripts.fields` does).
"""

from __future__ import annotations

import io
import itertools
import json
import os
from collections.abc import Callable, Iterator
from typing import Final

from dca.errors import InputError
from dca.transcripts.arrays import array_records
from dca.transcripts.place import (
    MAX_RECORD,
    STDIN,
    TOO_LONG,
    BadRecord,
    Located,
    kind,
    not_utf8,
    shown,
    source_name,
    unparsed,
)
from dca.transcripts.source import UTF8_BOM, open_seekable, open_source
from dca.transcripts.tables import table_rows

__all__ = ["MAX_RECORD", "STDIN", "BadRecord", "Located", "read_records"]

_PARQUET: Final = b"PAR1"
_SPACE: Final = b" \t\r\n"
_KEPT: Final = 1000  # bytes of an over-long line that a `BadRecord` keeps


def read_records(
    path: str | os.PathLike[str], *, name: str | None = None, on_bad: Callable[[BadRecord], None] | None = None
) -> Iterator[Located]:
    """The records of a file, one at a time.

    The format is told by the content, never by the name: gzip and Parquet by their magic bytes, a JSON array by its
    first character, anything else is read as JSON lines. UTF-8, with or without a byte order mark. Blank lines are
    skipped. ``NaN`` and ``Infinity`` are read as numbers; lone surrogates are kept.

    Args:
        path: A file, or ``-`` for standard input.
        name: What messages and derived ids call it, where that is not the path.
        on_bad: Told of every record that cannot be used, after which reading goes on. Without it the first one
            raises. A broken array, a damaged file or one without any record raises either way.

    Raises:
        InputError: With one line that names file, line, what was expected, what came and what to do.
    """
    path = os.fsdecode(path)
    source, number = name or source_name(path), 0
    for item in _items(path, source):
        number += 1
        if isinstance(item, Located):
            yield item
        elif on_bad is None:
            raise InputError(item.message)
        else:
            on_bad(item)
    if not number:
        raise InputError(f"{source}: expected at least one record, got none; check what wrote the file")


def _items(path: str, source: str) -> Iterator[Located | BadRecord]:
    with open_source(path, source) as stream:
        if stream.peek(len(_PARQUET)).startswith(_PARQUET):
            with open_seekable(stream, path, source) as file:
                yield from table_rows(file, source)
            return
        if stream.peek(len(UTF8_BOM)).startswith(UTF8_BOM):
            stream.read(len(UTF8_BOM))
        first, passed = _first(stream)
        if first == b"[":
            yield from array_records(stream, source, line=1 + passed)
        else:
            yield from _lines(stream, source, first_line=1 + passed)


def _first(stream: io.BufferedReader) -> tuple[bytes, int]:
    """The first character that is not white space (left unread), and how many lines end before it."""
    passed = 0
    while ahead := stream.peek(1):
        text = ahead.lstrip(_SPACE)
        space = stream.read(len(ahead) - len(text))
        passed += space.count(b"\n")
        if text:
            return text[:1], passed
    return b"", passed


def _lines(stream: io.BufferedReader, source: str, *, first_line: int) -> Iterator[Located | BadRecord]:
    """JSON lines: one object a line."""
    for number in itertools.count(first_line):
        line = stream.readline(MAX_RECORD + 1)
        if not line:
            return
        if len(line) > MAX_RECORD and not line.endswith(b"\n"):
            _skip_line(stream)
            yield BadRecord(source, number, f"{source}:{number}: {TOO_LONG}", line[:_KEPT])
        elif line.strip(_SPACE):
            value = _parsed(line)
            if isinstance(value, dict):
                yield Located(source, number, value)
            else:
                yield BadRecord(source, number, f"{source}:{number}: {value}", line)


def _skip_line(stream: io.BufferedReader) -> None:
    while (part := stream.readline(1 << 20)) and not part.endswith(b"\n"):
        pass


def _parsed(line: bytes) -> dict[str, object] | str:
    """The object on a line, or what is wrong with it."""
    line = line.removeprefix(UTF8_BOM)  # files with a mark that were joined carry one in the middle
    try:
        value = json.loads(line.decode())
    except UnicodeDecodeError:
        return not_utf8(line)
    except json.JSONDecodeError as error:
        return _not_json(error)
    except (RecursionError, ValueError) as error:
        return unparsed(error)
    if isinstance(value, dict):
        return value
    return f"expected an object, got {kind(value)}; make each record an object"


def _not_json(error: json.JSONDecodeError) -> str:
    if "\0" in error.doc:
        return "expected UTF-8, got NUL bytes, as in UTF-16 or a damaged file; save the file as UTF-8"
    near = error.doc[error.pos : error.pos + 20].rstrip("\r\n")
    found = shown(near) if near else "the end of the line"
    return (
        f"expected one JSON object on the line, got {found} at character {error.pos + 1} ({error.msg}); "
        "correct the line, or put each record on one line (jq -c)"
    )
