"""Answers written down once and read back for ever: a backend that records, and one that only replays.

A recording is keyed by the request alone, not by who answered it: a replay has no model of its own, and a prompt is
scored against what it once got. Who answered is kept beside it as provenance. Keep one suite per backend.
This module knows how recordings are used; how they look on disk it leaves to `dca.backends.shelf`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

from dca.backends.encoding import reused
from dca.backends.flight import SingleFlight
from dca.backends.keys import SHORT, request_key
from dca.backends.nearest import difference, likeness, request_lines
from dca.backends.shelf import Shelf
from dca.errors import InputError, PendingReply, RecordingMiss, ReviewError, RunError, TransportError
from dca.messages import Reply, Request
from dca.protocols import Backend

_MODES: Final = ("missing", "rerecord")
_COMPARED: Final = 200  # recordings looked at for the nearest one
_SECRET_NAME: Final = re.compile(r"(?:KEY|TOKEN|SECRET|PASSWORD)\Z", re.IGNORECASE)
_SECRET_LENGTH: Final = 12  # shorter values are words, not secrets
_CREDENTIALS: Final = re.compile(r"//[^/\s@]*@")


class Replayer:
    """Answers from recordings alone; never opens a connection.

    Args:
        folder: Where the recordings are.
        suite: Which suite of them; None searches all.

    Raises:
        InputError: There is no such folder.
    """

    def __init__(self, folder: str | os.PathLike[str], *, suite: str | None = None) -> None:
        if not Path(folder).is_dir():
            raise InputError(f"expected a folder of recordings at {folder}, found none; record with --record")
        self._shelf = Shelf(folder, suite)
        self._again = partial(Replayer, folder, suite=suite)

    @property
    def identity(self) -> str:
        """``replay:<folder>``. What the recordings hold may change: do not cache replayed answers."""
        return f"replay:{self._shelf.folder.name}"

    def complete(self, request: Request, /) -> Reply:
        """The recorded reply, with ``usage=Usage(reused=1)``, or the recorded error, raised again.

        Raises:
            ReviewError: What was recorded is a refusal, a truncation or an unusable reply.
            RecordingMiss: The request was never recorded; says what the nearest recording was asked instead.
            InputError: The recording is damaged or was edited.
        """
        return reused(_replayed(self._shelf, request_key(request, ""), request))

    def orphans(self) -> tuple[Path, ...]:
        """The recordings that nobody has asked for."""
        return self._shelf.orphans()

    def __reduce__(self) -> tuple[Any, ...]:
        return self._again, ()


class Recorder:
    """Asks a backend and writes down what came, one file per request; asks nothing that is written down.

    Replies are recorded, and so are refusals, truncations and unusable replies: they are answers too. Outages
    and replies still awaited are not. Where the environment variable CI is set it only replays.

    Args:
        backend: Who is asked.
        folder: Where recordings go.
        suite: Which set of recordings; keep one per backend and prompt.
        mode: "missing" asks only what has no recording; "rerecord" asks everything once, and writes it anew.
        produced_by: Who or what wrote the replies, in words, where `backend.identity` does not say;
            default: the backend's own `produced_by`, if it has one.
        today: The date to write down.

    Raises:
        InputError: Another mode.
    """

    def __init__(
        self,
        backend: Backend,
        folder: str | os.PathLike[str],
        *,
        suite: str = "default",
        mode: Literal["missing", "rerecord"] = "missing",
        produced_by: str = "",
        today: Callable[[], date] = lambda: datetime.now(UTC).date(),
    ) -> None:
        if mode not in _MODES:
            raise InputError(f"the mode must be one of {', '.join(_MODES)}, got {mode!r}")
        self._backend = backend
        self._shelf = Shelf(folder, suite)
        self._mode = mode
        self._produced_by = produced_by or getattr(backend, "produced_by", "")
        self._today = today
        self._replays_only = os.environ.get("CI", "").lower() not in ("", "0", "false")
        self._asked: set[str] = set()
        self._flights = SingleFlight()

    @property
    def identity(self) -> str:
        """The identity of the backend that is recorded."""
        return self._backend.identity

    def complete(self, request: Request, /) -> Reply:
        """The recorded reply (its usage then says `reused=1`), or the backend's, once it is written down.

        Raises:
            ReviewError: What the backend raised, or what was recorded.
            RecordingMiss: CI is set and the request was never recorded.
            RunError: The recording would hold a secret of the environment.
        """
        key = request_key(request, "")
        if self._replays_only:
            return reused(_replayed(self._shelf, key, request, recording=True))
        return self._flights.once(key, lambda: self._recalled(key, request), lambda: self._ask(key, request))

    def orphans(self) -> tuple[Path, ...]:
        """The recordings of this suite that nobody has asked for."""
        return self._shelf.orphans()

    def _recalled(self, key: str, request: Request) -> Reply | None:
        if self._mode == "rerecord" and key not in self._asked:
            return None
        return _found(self._shelf, key, request)

    def _ask(self, key: str, request: Request) -> Reply:
        _refuse_secrets(request.system, request.case, *(message.text for message in request.messages))
        try:
            reply = self._backend.complete(request)
        except (TransportError, PendingReply):
            raise
        except ReviewError as error:
            self._write(key, request, error)
            raise
        self._write(key, request, reply)
        return reply

    def _write(self, key: str, request: Request, outcome: Reply | ReviewError) -> None:
        said = (str(outcome),) if isinstance(outcome, ReviewError) else (outcome.text, outcome.model)
        produced = {
            "backend": _CREDENTIALS.sub("//", self.identity),
            "by": self._produced_by,
            "date": self._today().isoformat(),
            "model": "" if isinstance(outcome, ReviewError) else outcome.model,
            "sdk": getattr(self._backend, "sdk", ""),
        }
        _refuse_secrets(*said, *produced.values())
        self._shelf.write(key, request, outcome, {name: what for name, what in produced.items() if what})
        self._asked.add(key)


def _found(shelf: Shelf, key: str, request: Request) -> Reply | None:
    """The recorded reply, or None; a recorded error is raised."""
    recording = shelf.find(key, request)
    if recording is None:
        return None
    if isinstance(recording.outcome, ReviewError):
        raise recording.outcome
    return recording.outcome


def _replayed(shelf: Shelf, key: str, request: Request, *, recording: bool = False) -> Reply:
    reply = _found(shelf, key, request)
    if reply is None:
        raise RecordingMiss(_miss(shelf, key, request, recording=recording))
    return reply


def _miss(shelf: Shelf, key: str, request: Request, *, recording: bool) -> str:
    case = request.case or "unnamed"
    remedy = (
        "CI is set, so nothing is asked and nothing recorded: record it where CI is not set, and commit the file"
        if recording
        else f"record it with --record {shelf.folder} and the reviewer that shall answer (in Python: Recorder)"
    )
    return (
        f"no recording for case {case!r} (key {key[:SHORT]}) among the {len(shelf.paths())} in {shelf.folder}\n"
        f"{_nearest(shelf, request)}{remedy}"
    )


def _nearest(shelf: Shelf, request: Request) -> str:
    """The diff against the nearest recording: of the same case where there is one, else the most alike."""
    asked = request_lines(request)
    best, nearest, closest = -1.0, "", list[str]()
    for path in shelf.near(request.case)[:_COMPARED]:
        with suppress(InputError):  # a damaged recording is nobody's neighbour
            recorded = request_lines(shelf.request(shelf.read(path)))
            if likeness(asked, recorded) > best:
                best, nearest, closest = likeness(asked, recorded), str(path), recorded
    if not nearest:
        return ""
    return f"nearest: {nearest} (- recorded, + asked)\n{difference(closest, asked)}\n"


def _refuse_secrets(*texts: str) -> None:
    """Recordings are made to be committed: none may hold a key that this environment holds.

    Raises:
        RunError: A text holds the value of an environment variable named like a secret.
    """
    for name, value in os.environ.items():
        if len(value) >= _SECRET_LENGTH and _SECRET_NAME.search(name) and any(value in text for text in texts):
            raise RunError(f"the recording would hold the value of ${name}; take it out of the text, or unset it")
