"""A JSON array of records, read one element at a time, however long the array is.

This module knows JSON's outline; it does not know what a record should hold.
"""

from __future__ import annotations

import codecs
import io
import json
import re
from collections.abc import Iterator
from typing import Final

from dca.errors import InputError
from dca.transcripts.place import MAX_RECORD, TOO_LONG, BadRecord, Located, kind, not_utf8, shown, unparsed

CHUNK: Final = 1 << 16
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_NOT_UTF8: Final = re.compile("[\udc80-\udcff]")  # what "surrogateescape" leaves of a byte that is not UTF-8
_DECODER: Final = json.JSONDecoder()
_MARGIN: Final = 16  # longer than any token that the end of the window may have cut ("-Infinity", "\ud83d")


class _Window:
    """The stretch of the array that is in memory: text from `at` on is still to be read."""

    def __init__(self, stream: io.BufferedReader, line: int, chunk: int) -> None:
        self._stream, self._chunk = stream, chunk
        self._decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
        self.text, self.at, self.line, self.ended = "", 0, line, False

    def more(self) -> bool:
        """Read on, as much again as is waiting, so that a long record takes linear time; False at the end."""
        if self.ended:
            return False
        data = self._stream.read(max(self._chunk, len(self.text) - self.at))
        self.ended = not data
        self.text = self.text[self.at :] + self._decode(data, final=self.ended)
        self.at = 0
        return True

    def advance(self, stop: int) -> None:
        """Leave everything before `stop` behind."""
        self.line += self.text.count("\n", self.at, stop)
        self.at = stop

    def peek(self) -> str:
        """The next character that is not white space; "" at the end."""
        while True:
            space = _SPACE.match(self.text, self.at)
            self.advance(space.end() if space else self.at)
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.more():
                return ""

    def value(self) -> tuple[object, int]:
        """The value that starts here, and where it stops.

        Raises:
            json.JSONDecodeError: No JSON starts here.
            InputError: It is longer than a record may be.
        """
        while True:
            try:
                value, stop = _DECODER.raw_decode(self.text, self.at)
                whole = not isinstance(value, (int, float)) or stop <= len(self.text) - _MARGIN
                if whole or not self.more():  # near the edge a number may go on
                    break
            except json.JSONDecodeError as error:
                if self._final(error):
                    raise
                if len(self.text) - self.at > MAX_RECORD:
                    raise InputError(TOO_LONG) from error
                if not self.more():
                    raise
        if stop - self.at > MAX_RECORD:
            raise InputError(TOO_LONG)
        return value, stop

    def _final(self, error: json.JSONDecodeError) -> bool:
        """Whether more text could not cure it: the mistake is not at the end of what was read."""
        return error.pos < len(self.text) - _MARGIN and not error.msg.startswith("Unterminated string")


def array_records(
    stream: io.BufferedReader, source: str, *, line: int = 1, chunk: int = CHUNK
) -> Iterator[Located | BadRecord]:
    """The elements of the array that `stream` starts with, in order.

    Args:
        stream: Bytes whose first character, white space aside, is ``[``.
        source: The file, as messages name it.
        line: The line the array starts on.
        chunk: Bytes read at a time.

    Raises:
        InputError: The array itself is broken or cut off: no element after that can be found.
    """
    window, number = _Window(stream, line, chunk), 0
    window.peek()
    window.advance(window.at + 1)  # "["
    closed = window.peek() == "]"
    while not closed:
        number += 1
        yield _element(window, source, number)
        closed = _separator(window, source, number) == "]"
    window.advance(window.at + 1)  # "]"
    if rest := window.peek():
        raise _broken(window, source, f"expected the end of the file after the array, got {shown(rest)}")


def _element(window: _Window, source: str, number: int) -> Located | BadRecord:
    """Record `number`, which starts at the next character."""
    window.peek()
    line = window.line
    try:
        value, stop = window.value()
    except json.JSONDecodeError as error:
        window.advance(error.pos)
        raise _broken(window, source, f"record {number}: expected JSON, got {_near(error)} ({error.msg})") from error
    except (InputError, RecursionError, ValueError) as error:
        raise _broken(window, source, f"record {number}: {unparsed(error)}") from error
    start = window.at  # reading on moves the window
    stray = _NOT_UTF8.search(window.text, start, stop)
    raw = "" if isinstance(value, dict) and not stray else window.text[start:stop]
    window.advance(stop)
    if stray:
        return _bad(source, line, raw, not_utf8(raw.encode("utf-8", "surrogateescape")))
    if not isinstance(value, dict):
        return _bad(source, line, raw, f"expected an object, got {kind(value)}; make each record an object")
    return Located(source, line, value, number)


def _separator(window: _Window, source: str, number: int) -> str:
    """What follows record `number`: "]", or ",", which is passed over."""
    mark = window.peek()
    if mark == ",":
        window.advance(window.at + 1)
    elif mark != "]":
        raise _broken(window, source, f'expected "," or "]" after record {number}, got {_or_end(mark)}')
    return mark


def _near(error: json.JSONDecodeError) -> str:
    return _or_end(error.doc[error.pos : error.pos + _MARGIN])


def _or_end(text: str) -> str:
    return shown(text) if text else "the end of the file"


def _broken(window: _Window, source: str, complaint: str) -> InputError:
    remedy = "nothing after it can be read: mend the array, or use JSONL"
    return InputError(f"{source}:{window.line}: {complaint}; {remedy}")


def _bad(source: str, line: int, raw: str, complaint: str) -> BadRecord:
    return BadRecord(source, line, f"{source}:{line}: {complaint}", raw)
