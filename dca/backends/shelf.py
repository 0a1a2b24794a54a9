"""Where recordings lie on disk, and how one is read and written.

    <folder>/<suite>/<case>/<key12>.json    one request and what came of it
    <folder>/_rubrics/<hash12>.md           each rubric once
    <folder>/_schemas/<hash12>.json         each reply schema once

Other files in these folders (`expect.json`, notes) are left alone.
This module knows files; it does not know backends, or when to record.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dca.backends.encoding import (
    decode_error,
    decode_reply,
    dump,
    encode_error,
    encode_reply,
    encode_request,
    pack,
    unpack,
)
from dca.backends.keys import SHORT, canonical_json, file_name
from dca.errors import InputError, ReviewError
from dca.messages import Message, Reply, Request

_FORMAT: Final = "dca-recording/1"
_NAME: Final = re.compile(rf"[0-9a-f]{{{SHORT}}}\.json")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recording:
    """One file: what was asked, what came of it, and what produced that.

    Attributes:
        key: `request_key(request, "")`: whoever answered, the same question is the same recording.
        case: The name the request went by.
        request: The request, rubric and schema by their hashes (`encode_request`).
        outcome: The reply, or the error raised instead.
        produced: Provenance: backend, model, date, by, sdk; what is unknown is left out.
    """

    key: str
    case: str
    request: Mapping[str, Any]
    outcome: Reply | ReviewError
    produced: Mapping[str, str]


class Shelf:
    """The recordings of one suite of a folder, or of all its suites, safe to use from many threads.

    Args:
        folder: Where the suites are.
        suite: Which one to look at and write to; None looks at all.
    """

    def __init__(self, folder: str | os.PathLike[str], suite: str | None) -> None:
        self.folder = Path(folder)
        self._suite = None if suite is None else file_name(suite)
        self._lock = threading.Lock()
        self._used: set[Path] = set()
        self._paths: dict[str, set[Path]] = {}
        for path in self.folder.glob(f"{self._suite or '*'}/*/*.json"):
            if _NAME.fullmatch(path.name):
                self._paths.setdefault(path.stem, set()).add(path)

    def paths(self) -> tuple[Path, ...]:
        """Every recording, in order of its path."""
        with self._lock:
            return tuple(sorted(path for paths in self._paths.values() for path in paths))

    def orphans(self) -> tuple[Path, ...]:
        """The recordings that were neither found nor written since this shelf was made."""
        with self._lock:
            used = frozenset(self._used)
        return tuple(path for path in self.paths() if path not in used)

    def near(self, case: str) -> tuple[Path, ...]:
        """The recordings of one case, or all where it has none."""
        paths = self.paths()
        return tuple(path for path in paths if path.parent.name == file_name(case)) or paths

    def find(self, key: str, request: Request) -> Recording | None:
        """The recording of a request; one under the request's own case goes first, then by path.

        Raises:
            InputError: The file is damaged, or its request was edited by hand.
        """
        for path in self._candidates(key, request):
            recording = self.read(path)
            if recording.key != key:
                continue
            if _joined(recording.request) != _joined(encode_request(request)):
                raise InputError(f"the request in {path} was edited after it was recorded; record it again")
            with self._lock:
                self._used.add(path)
            return recording
        return None

    def _candidates(self, key: str, request: Request) -> list[Path]:
        with self._lock:
            paths = tuple(self._paths.get(key[:SHORT], ()))
        return sorted(paths, key=lambda path: (path.parent.name != file_name(request.case), path))

    def read(self, path: Path) -> Recording:
        """Read one recording.

        Raises:
            InputError: The file is not a recording that this version can read.
        """
        try:
            value = json.loads(path.read_bytes())
            if value["format"] != _FORMAT:
                raise InputError(f"its format is {value['format']!r}, not {_FORMAT!r}")
            return Recording(
                key=value["key"],
                case=unpack(value["case"]),
                request=value["request"],
                outcome=decode_reply(value["reply"]) if "reply" in value else decode_error(value["error"]),
                produced=value["produced"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"expected a recording in {path}, got: {error!r}; record it again") from error

    def request(self, recording: Recording) -> Request:
        """The request that was recorded, as far as its rubric and schema are still there."""
        asked = recording.request
        rubric, schema = self._rubric(asked), self._schema(asked)
        return Request(
            system=rubric.read_bytes().decode("utf-8", "replace") if rubric.exists() else f"({rubric} is missing)",
            messages=tuple(Message(each["role"], unpack(each["text"])) for each in asked["messages"]),
            schema=json.loads(schema.read_bytes()) if schema.exists() else {"missing": str(schema)},
            max_tokens=asked["max_tokens"],
            effort=asked["effort"],
            sample=asked["sample"],
            case=recording.case,
        )

    def write(self, key: str, request: Request, outcome: Reply | ReviewError, produced: Mapping[str, str]) -> None:
        """Write one recording, over the one it replaces; a reader sees the old file or the new one, whole."""
        answer = (
            {"error": encode_error(outcome)} if isinstance(outcome, ReviewError) else {"reply": encode_reply(outcome)}
        )
        asked = encode_request(request)
        value = {
            "case": pack(request.case),
            "format": _FORMAT,
            "key": key,
            "produced": dict(produced),
            "request": asked,
        }
        _keep(self._rubric(asked), request.system)
        _keep(self._schema(asked), dump(json.loads(canonical_json(request.schema))))
        path = self._place(key, request)
        write_whole(path, dump(value | answer))
        with self._lock:
            self._used.add(path)
            self._paths.setdefault(key[:SHORT], set()).add(path)

    def _place(self, key: str, request: Request) -> Path:
        """Over the recording of the same request where there is one, so that re-recording renames nothing."""
        for path in self._candidates(key, request):
            with suppress(InputError):  # a damaged one is left for whoever wrote it
                if self.read(path).key == key:
                    return path
        return self.folder / (self._suite or "default") / file_name(request.case) / f"{key[:SHORT]}.json"

    def _rubric(self, asked: Mapping[str, Any]) -> Path:
        return self.folder / "_rubrics" / f"{asked['system']}.md"

    def _schema(self, asked: Mapping[str, Any]) -> Path:
        return self.folder / "_schemas" / f"{asked['schema']}.json"


def write_whole(path: Path, text: str) -> None:
    """Write a file so that nobody ever sees a part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        draft.write_bytes(text.encode("utf-8", "surrogatepass"))
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _keep(path: Path, text: str) -> None:
    if not path.exists() or path.read_bytes() != text.encode("utf-8", "surrogatepass"):
        write_whole(path, text)


def _joined(asked: Mapping[str, Any]) -> dict[str, Any]:
    """An encoded request with its lines joined: how a text was cut into lines changes nothing."""
    messages = [{"role": each["role"], "text": unpack(each["text"])} for each in asked["messages"]]
    return {**asked, "messages": messages}
