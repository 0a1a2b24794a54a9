"""Bytes in: a file or standard input, unpacked where it is gzip, with foreign errors told in our words.

This module knows where bytes come from; it does not know what they say.
"""

from __future__ import annotations

import gzip
import io
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, BinaryIO, Final

from dca.errors import InputError
from dca.transcripts.place import STDIN

UTF8_BOM: Final = b"\xef\xbb\xbf"
_GZIP: Final = b"\x1f\x8b"
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")
_MAGIC: Final = 4  # bytes that tell every format we know apart
_BUFFER: Final = 1 << 16


class _Translated(io.RawIOBase):
    """A stream whose first read is just the magic bytes, and whose errors name the file."""

    def __init__(self, stream: Any, source: str) -> None:
        self._stream, self._source, self._begun = stream, source, False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._stream.read1(len(buffer)) if self._begun else self._stream.read(_MAGIC)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise InputError(
                f"{self._source}: expected gzip data to the end, got damaged or cut-off data ({error}); "
                "copy the file again"
            ) from error
        except OSError as error:
            raise _unreadable(self._source, error) from error
        self._begun = True
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def open_source(path: str, source: str) -> Iterator[io.BufferedReader]:
    """The bytes of a file, or of standard input for ``-``; gzip, known by its magic, is unpacked on the way.

    Its first four bytes can always be peeked at.

    Raises:
        InputError: No such file, a directory, no permission, a damaged gzip, or UTF-16 text.
    """
    with ExitStack() as stack:
        file = sys.stdin.buffer if path == STDIN else stack.enter_context(_open(path, source))
        stream = _buffered(file, source)
        if stream.peek(_MAGIC).startswith(_GZIP):
            stream = _buffered(gzip.GzipFile(fileobj=stream), source)
        if stream.peek(_MAGIC).startswith(_UTF16):
            raise InputError(f"{source}:1: expected UTF-8, got UTF-16 at byte 1; save the file as UTF-8")
        yield stream


@contextmanager
def open_seekable(stream: io.BufferedReader, path: str, source: str) -> Iterator[BinaryIO]:
    """The same bytes with random access: the file itself, or a temporary copy on disk of what only streams."""
    magic = stream.peek(_MAGIC)[:_MAGIC]
    with ExitStack() as stack:
        if path != STDIN:
            file = stack.enter_context(_open(path, source))
            if file.seekable() and file.read(_MAGIC) == magic:  # not so when it had to be unpacked
                yield file
                return
        copy = stack.enter_context(tempfile.TemporaryFile())
        shutil.copyfileobj(stream, copy)
        yield copy


def _buffered(stream: Any, source: str) -> io.BufferedReader:
    return io.BufferedReader(_Translated(stream, source), _BUFFER)


def _open(path: str, source: str) -> BinaryIO:
    try:
        return open(path, "rb")
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise _unreadable(source, error) from error


def _unreadable(source: str, error: Exception) -> InputError:
    """An operating system's refusal, as one line that says what to do."""
    match error:
        case FileNotFoundError():
            return InputError(f"{source}: expected a file, found nothing there; check the path")
        case IsADirectoryError():
            return InputError(f"{source}: expected a file, got a directory; name the files in it")
        case PermissionError():
            return InputError(f"{source}: expected a readable file, got no permission; change its mode or owner")
    reason = getattr(error, "strerror", None) or error
    return InputError(f"{source}: expected a readable file, got an error ({reason}); check the path and the disk")
