"""Accepted replies, kept so that no question is paid for twice: in one SQLite file, or in memory.

The file is for a local disk: SQLite's write-ahead log needs memory that all its processes share, which network file
systems do not give, so use one file per machine there. Everything in it is JSON text; nothing is ever unpickled.
This module knows requests and replies; it does not know whether a reply is valid: what it is given, it keeps.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from dca.backends.encoding import decode_reply, encode_reply
from dca.backends.flight import SingleFlight
from dca.backends.keys import request_key, schema_hash, text_hash
from dca.errors import InputError, RunError
from dca.messages import Reply, Request

_APPLICATION: Final = 0x44434131  # "DCA1": tells our files from other SQLite files
_FORMAT: Final = 1
_BUSY_SECONDS: Final = 60.0
_LOG_BYTES: Final = 16 * 2**20
_TABLE: Final = """
CREATE TABLE IF NOT EXISTS replies (
  key TEXT PRIMARY KEY,    -- SHA-256 of the request and of who was asked
  identity TEXT NOT NULL,  -- who was asked
  model TEXT NOT NULL,     -- who answered
  prompt TEXT NOT NULL,    -- SHA-256 of the rubric
  schema TEXT NOT NULL,    -- SHA-256 of the reply schema
  reply TEXT NOT NULL,     -- JSON: text, stop_reason, category, model, usage
  created REAL NOT NULL    -- seconds since 1970
)"""
_INSERT: Final = "INSERT OR IGNORE INTO replies VALUES (?, ?, ?, ?, ?, ?, ?)"
_SELECT: Final = "SELECT reply FROM replies WHERE key = ?"


@dataclass(frozen=True, slots=True)
class StoreStats:
    """How much a store holds: replies, and bytes on disk."""

    rows: int
    bytes: int


class _Closes:
    """Closed at the end of a ``with`` block."""

    def close(self) -> None:
        """Let go of what is held open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class SqliteStore(_Closes):
    """Replies in one SQLite file, shared by any threads, and by several processes of one machine.

    Threads that ask the same at the same time send one request. Two processes may send two; one is kept, and both
    go on with that one. A process killed at any moment leaves the file whole, with all that was stored.
    A forked child opens the file anew. Use it in a `with`, or call `close`.

    Args:
        path: The file; made, with its folder, where there is none.
        clock: Seconds since 1970.

    Raises:
        InputError: The file is damaged, belongs to another program or a newer DCA, or cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str], *, clock: Callable[[], float] = time.time) -> None:
        self._path = Path(path).absolute()
        self._clock = clock
        self._lock = threading.Lock()
        self._flights = SingleFlight()
        self._closed = False
        self._connection: sqlite3.Connection | None = _open(self._path)
        _STORES.add(self)

    def once(self, request: Request, identity: str, ask: Callable[[], Reply], /) -> Reply:
        """The stored reply (its usage then says `reused=1`), or `ask()`, called once however many ask at a time.

        Raises:
            RunError: The file can no longer be read or written.
            BaseException: Whatever `ask` raised, to all who waited; nothing is stored then.
        """
        key = request_key(request, identity)
        return self._flights.once(key, lambda: self._load(key), lambda: self._save(key, request, identity, ask()))

    def stats(self) -> StoreStats:
        """How many replies are stored, and how many bytes they take on disk."""
        ((rows,),) = self._execute("SELECT count(*) FROM replies")
        files = (self._path, Path(f"{self._path}-wal"))
        return StoreStats(rows=rows, bytes=sum(each.stat().st_size for each in files if each.exists()))

    def prune(self, older_than_days: float) -> int:
        """Remove what was stored more than so many days ago, give the space back, and say how many went."""
        before = self._clock() - older_than_days * 86_400
        ((count,),) = self._execute("SELECT count(*) FROM replies WHERE created < ?", before)
        self._execute("DELETE FROM replies WHERE created < ?", before)
        self._execute("VACUUM")
        return int(count)

    def close(self) -> None:
        """Fold the log into the file and let go of it; closing twice is closing once."""
        with self._lock:
            self._closed = True
            if self._connection is not None:
                with suppress(sqlite3.Error):  # another process is busy: the log is folded in when it closes
                    self._connection.execute("PRAGMA busy_timeout = 1000")
                    self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._disconnect()

    def __reduce__(self) -> tuple[Any, ...]:
        return SqliteStore, (self._path,)

    def _load(self, key: str) -> Reply | None:
        rows = self._execute(_SELECT, key)
        try:
            return decode_reply(json.loads(rows[0][0])) if rows else None
        except ValueError as error:
            raise RunError(_complaint(self._path, f"a damaged row ({error})")) from error

    def _save(self, key: str, request: Request, identity: str, reply: Reply) -> Reply:
        """Store a reply; where another process was faster, its reply stands, at the cost of ours."""
        self._execute(
            _INSERT,
            key,
            _readable(identity),
            _readable(reply.model),
            text_hash(request.system),
            schema_hash(request.schema),
            json.dumps(encode_reply(reply)),
            self._clock(),
        )
        return replace(self._load(key) or reply, usage=reply.usage)

    def _execute(self, statement: str, *values: object) -> list[Any]:
        with self._lock:
            if self._closed:
                raise RunError(f"the cache {self._path.name} is closed; make a new SqliteStore to go on")
            if self._connection is None:  # after a fork
                self._connection = _open(self._path)
            try:
                return self._connection.execute(statement, values).fetchall()
            except sqlite3.Error as error:
                raise RunError(_complaint(self._path, error)) from error

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class MemoryStore(_Closes):
    """Replies in memory, for one process and one run: what `--cache none` leaves."""

    def __init__(self) -> None:
        self._flights = SingleFlight()
        self._replies: dict[str, Reply] = {}

    def once(self, request: Request, identity: str, ask: Callable[[], Reply], /) -> Reply:
        """The stored reply (its usage then says `reused=1`), or `ask()`, called once however many ask at a time.

        Raises:
            BaseException: Whatever `ask` raised, to all who waited; nothing is stored then.
        """
        key = request_key(request, identity)
        return self._flights.once(key, lambda: self._replies.get(key), lambda: self._replies.setdefault(key, ask()))

    def close(self) -> None:
        """Forget everything."""
        self._replies.clear()

    def __reduce__(self) -> tuple[Any, ...]:
        return MemoryStore, ()


def _open(path: Path) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise InputError(_complaint(path, error)) from error
    try:
        _adopt(connection, path)
    except BaseException as error:
        connection.close()
        if isinstance(error, sqlite3.Error):
            raise InputError(_complaint(path, error)) from error
        raise
    return connection


def _adopt(connection: sqlite3.Connection, path: Path) -> None:
    """See that the file is ours before anything in it is changed, then make it ready."""
    # The tables first: another process that is just making the file adds the table and the number in one go.
    tables = _number(connection, "SELECT count(*) FROM sqlite_master")
    application = _number(connection, "PRAGMA application_id")
    if application not in (0, _APPLICATION) or (tables and not application):
        raise InputError(_complaint(path, "an SQLite file of another program", "choose another path"))
    if _number(connection, "PRAGMA user_version") > _FORMAT:
        raise InputError(_complaint(path, "one that a newer DCA wrote", "choose another path, or upgrade"))
    _patiently(lambda: connection.execute("PRAGMA journal_mode = WAL"))
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}")
    if not tables:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(_TABLE)
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        connection.execute(f"PRAGMA user_version = {_FORMAT}")
        connection.execute("COMMIT")


def _number(connection: sqlite3.Connection, statement: str) -> int:
    return int(_patiently(lambda: connection.execute(statement)).fetchone()[0])


def _patiently(run: Callable[[], sqlite3.Cursor]) -> sqlite3.Cursor:
    """Turning the log on does not wait its turn as other statements do; wait for it here."""
    give_up = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            return run()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > give_up:
                raise
            time.sleep(0.01)


def _complaint(path: Path, reason: object, remedy: str = "") -> str:
    if isinstance(reason, (OSError, sqlite3.OperationalError)):  # no space, no permission, no such place
        remedy = "choose a path that can be written, with space left"
    remedy = remedy or f"delete it (with {path.name}-wal and {path.name}-shm), or choose another path"
    return f"expected a DCA cache at {path}, got: {reason}; {remedy}"


def _readable(text: str) -> str:
    """SQLite takes no lone surrogates; these columns are for people."""
    return text.encode(errors="replace").decode()


_STORES: weakref.WeakSet[SqliteStore] = weakref.WeakSet()
_HELD: list[SqliteStore] = []


def _before_fork() -> None:
    """An open SQLite connection must not cross a fork: let go of it; both sides open the file anew."""
    for store in tuple(_STORES):
        store._lock.acquire()
        _HELD.append(store)
        store._disconnect()


def _after_fork() -> None:
    while _HELD:
        _HELD.pop()._lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
