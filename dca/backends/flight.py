"""Identical questions that are asked at the same time are sent once.

This module knows keys and callables; it does not know what is asked, or where answers are kept.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future

from dca.backends.encoding import reused
from dca.errors import ReviewError
from dca.messages import Reply
from dca.usage import NO_USAGE


class SingleFlight:
    """Lets one of many concurrent callers ask, and gives all of them what came of it.

    Threads only: two processes may ask the same. A forked child starts with nothing in the air.
    """

    def __init__(self) -> None:
        self._forget()
        _ALL.add(self)

    def once(self, key: str, load: Callable[[], Reply | None], ask: Callable[[], Reply]) -> Reply:
        """What `load` finds, or what `ask` returns, called once however many come with one key.

        Args:
            key: Callers with one key want one answer.
            load: The answer kept from before, or None. What it raises reaches its caller.
            ask: Gets the answer and keeps it, so that `load` finds it afterwards.

        Returns:
            The answer; its usage says `reused=1` for everyone but the caller whose `ask` ran.

        Raises:
            BaseException: Whatever `ask` raised, to all who waited. The cost of a `ReviewError` goes to the one
                who asked; the others get a copy that cost nothing.
        """
        kept = load()
        if kept is not None:
            return reused(kept)
        with self._lock:
            leads = key not in self._flights
            flight = self._flights.setdefault(key, Future())
        return self._lead(key, flight, load, ask) if leads else _wait(flight)

    def _lead(
        self, key: str, flight: Future[Reply], load: Callable[[], Reply | None], ask: Callable[[], Reply]
    ) -> Reply:
        try:
            kept = load()  # whoever led before may have landed since the first look
            reply = ask() if kept is None else reused(kept)
        except BaseException as error:
            self._land(key)
            flight.set_exception(error)
            raise
        self._land(key)
        flight.set_result(reply)
        return reply

    def _land(self, key: str) -> None:
        with self._lock:
            self._flights.pop(key, None)

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._flights: dict[str, Future[Reply]] = {}


def _wait(flight: Future[Reply]) -> Reply:
    try:
        return reused(flight.result())
    except ReviewError as error:
        raise error.charged(NO_USAGE) from error


_ALL: weakref.WeakSet[SingleFlight] = weakref.WeakSet()


def _forget_all() -> None:
    """In a forked child the threads that were asking do not exist; nobody must wait for them."""
    for flights in tuple(_ALL):
        flights._forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
