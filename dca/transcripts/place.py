"""Where a record came from, and how a complaint about it reads: one line, naming file, line and field.

This module knows nothing of file formats, nor of what a record should hold.
"""

from __future__ import annotations

import json
import re
import reprlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dca.errors import InputError

STDIN: Final = "-"
"""The path that stands for standard input."""

MAX_RECORD: Final = 32_000_000
"""The longest single record, in bytes (characters, in a JSON array): 32 MB."""

TOO_LONG: Final = f"expected a record of at most {MAX_RECORD // 1_000_000} MB, got a longer one; split it"

_BRIEF: Final = reprlib.Repr()
_BRIEF.maxstring = _BRIEF.maxother = 60


@dataclass(frozen=True, slots=True)
class Located:
    """One raw record and where it stands.

    Attributes:
        source: The file, as messages name it (``stdin`` for standard input).
        line: The line it starts on, from 1; in Parquet, which has no lines, the row.
        value: The record.
        record: Its number in a JSON array or a Parquet file, from 1; 0 where every record has its own line.
    """

    source: str
    line: int
    value: dict[str, Any]
    record: int = 0

    @property
    def id(self) -> str:
        """A name for the record, where it has none: the file's stem and the record's number.

        >>> Located("runs/step_20.jsonl.gz", 7, {}).id
        'step_20:7'
        """
        stem = Path(re.sub(r"\.(gz|gzip)$", "", self.source)).stem
        return f"{stem}:{self.record or self.line}"


@dataclass(frozen=True, slots=True)
class BadRecord:
    """One record that could not be used, for a side file.

    Attributes:
        source: The file.
        line: The line (in Parquet, the row) it starts on.
        message: The whole complaint: file, line, field, what was expected, what came, what to do.
        raw: The record as it stood: the bytes of its line, or its text; cut short where it was too long.
    """

    source: str
    line: int
    message: str
    raw: bytes | str


def refused(located: Located, error: InputError) -> BadRecord:
    """A record that was read but held no usable transcript, as a `BadRecord`."""
    try:
        raw = json.dumps(located.value, default=str)
    except RecursionError:
        raw = shown(located.value)
    return BadRecord(located.source, located.line, str(error), raw)


def source_name(path: str) -> str:
    r"""A path as messages name it: always one printable line.

    >>> source_name("-"), source_name("runs/a.jsonl"), source_name("bad\nname")
    ('stdin', 'runs/a.jsonl', 'bad\\nname')
    """
    return "stdin" if path == STDIN else one_line(path)


def one_line(text: str) -> str:
    """A text with everything that does not print, line breaks included, written as an escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shown(value: object) -> str:
    r"""A value as messages quote it: short, printable, on one line.

    >>> shown("two\nlines"), shown(0.5)
    ("'two\\nlines'", '0.5')
    """
    return _BRIEF.repr(value)


def kind(value: object) -> str:
    """What JSON calls a value of this type.

    >>> kind(None), kind({"a": 1}), kind(2)
    ('null', 'an object', 'a number')
    """
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "a list"
        case dict():
            return "an object"
    return f"a {type(value).__name__}"


def names(keys: list[str], most: int = 12) -> str:
    """Field names as messages list them; a long list is cut, and says so.

    >>> names(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    listed = ", ".join(key if len(key) <= 60 else shown(key) for key in map(one_line, keys[:most]))
    return f"{listed} and {len(keys) - most} more" if len(keys) > most else listed or "nothing"


def unparsed(error: Exception) -> str:
    """Why a text that looked like JSON could not be turned into a record."""
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, RecursionError):
        return "expected JSON nested less than about 1,000 deep, got deeper nesting; flatten the record"
    return f"expected JSON, got a number that cannot be read ({str(error).split(';')[0]}); correct it"


def not_utf8(raw: bytes) -> str:
    """What is wrong with bytes that are not UTF-8: which byte, where (from 1)."""
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        byte = raw[error.start]
        return f"expected UTF-8, got 0x{byte:02x} at byte {error.start + 1} of the record; save the file as UTF-8"
    raise AssertionError("these bytes are UTF-8")


@contextmanager
def within(where: str) -> Iterator[None]:
    """Put a place before every complaint raised inside: a field, or a file and line."""
    try:
        yield
    except InputError as error:
        raise InputError(one_line(f"{where}: {error}")) from error
