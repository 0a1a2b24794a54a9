"""A backend that says what it is told, for tests and examples.

This module knows neither files nor networks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

from dca.errors import RunError
from dca.messages import Reply, Request
from dca.usage import Usage

Answer = Reply | str | Exception
"""A reply, the text of one, or an error to raise."""


class ScriptedBackend:
    """Answers from a script, and remembers what it was asked. Threads may share it.

    Args:
        script: A function of the request; or answers by `Request.case`; or answers in order.
        identity: What it calls itself in cache keys.

    >>> from dca.errors import RefusedError
    >>> backend = ScriptedBackend(["yes", RefusedError("no")])
    >>> asked = Request(system="", messages=(), schema={})
    >>> backend.complete(asked).text
    'yes'
    >>> backend.complete(asked)
    Traceback (most recent call last):
    dca.errors.RefusedError: no
    >>> len(backend.requests)
    2
    """

    def __init__(
        self,
        script: Callable[[Request], Answer] | Mapping[str, Answer] | Sequence[Answer],
        *,
        identity: str = "scripted",
    ) -> None:
        self._script = script if isinstance(script, Mapping) or callable(script) else tuple(script)
        self._identity = identity
        self._lock = threading.Lock()
        self._requests: list[Request] = []

    @property
    def identity(self) -> str:
        """The name it was given."""
        return self._identity

    @property
    def requests(self) -> tuple[Request, ...]:
        """What it was asked so far, in order."""
        with self._lock:
            return tuple(self._requests)

    def complete(self, request: Request, /) -> Reply:
        """The scripted reply; a bare text becomes a reply that cost one request.

        Raises:
            Exception: The error in the script.
            RunError: The script has nothing for this request.
        """
        with self._lock:
            turn = len(self._requests)
            self._requests.append(request)
        answer = self._answer(turn, request)
        if isinstance(answer, Exception):
            raise answer
        return Reply(text=answer, usage=Usage(requests=1)) if isinstance(answer, str) else answer

    def _answer(self, turn: int, request: Request) -> Answer:
        if callable(self._script):
            return self._script(request)
        if isinstance(self._script, Mapping):
            if request.case not in self._script:
                raise RunError(f"the script has no answer for case {request.case!r}, only {sorted(self._script)}")
            return self._script[request.case]
        if turn >= len(self._script):
            raise RunError(f"the script has {len(self._script)} answers, this is request {turn + 1}; add one")
        return self._script[turn]
