"""Letting one request through alone, so that a provider's prompt cache is written once and not by everyone at a time.

A cache entry exists only after the first response begins; a hundred requests sent at once would each pay for writing
the same rubric. This module does not know whether the entry was written, or when it expires.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_LONGEST: Final = threading.TIMEOUT_MAX


class WarmUp:
    """The first request of each key goes alone; the others wait until it has returned or failed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._firsts: dict[str, threading.Event] = {}

    @contextmanager
    def turn(self, key: str, within: float) -> Iterator[None]:
        """Wait for the first request of this key, at most `within` seconds, or be it."""
        with self._lock:
            first = key not in self._firsts
            done = self._firsts.setdefault(key, threading.Event())
        if not first:
            done.wait(min(max(within, 0.0), _LONGEST))
        try:
            yield
        finally:
            done.set()
