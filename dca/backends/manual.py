"""Replies that a person gets elsewhere: prompts go out as files, replies come back as files.

    <case>-<key12>.prompt.md                   what to paste into any chat window
    <case>-<key12>.reply.txt, .json or .md     where the reply goes

This module knows two files per request; it does not know who answers, or whether the reply is any good.
"""

from __future__ import annotations

import json
import os
import threading
from functools import partial
from pathlib import Path
from typing import Any, Final

from dca.backends.keys import SHORT, file_name, request_key
from dca.backends.shelf import write_whole
from dca.errors import InputError, PendingReply
from dca.messages import Reply, Request

_PROMPT: Final = ".prompt.md"
_REPLIES: Final = (".reply.txt", ".reply.json", ".reply.md")
_UNKNOWN: Final = "manual: obtained outside, by whom unknown"


class ManualBackend:
    """Writes each request as a prompt file, and answers once a reply file lies beside it.

    Args:
        folder: Where both lie; made where there is none.
        produced_by: Who writes the replies, for the record.
    """

    def __init__(self, folder: str | os.PathLike[str], *, produced_by: str = "") -> None:
        self._folder = Path(folder)
        self.produced_by: Final = produced_by or _UNKNOWN
        self._lock = threading.Lock()
        self._awaited: set[Path] = set()
        self._again = partial(ManualBackend, folder, produced_by=produced_by)

    @property
    def identity(self) -> str:
        """``manual``. A reply file may be edited: do not cache its answers."""
        return "manual"

    def complete(self, request: Request, /) -> Reply:
        """The raw text of the reply file.

        Raises:
            PendingReply: There is no reply yet, or an empty one; the prompt file is written.
            InputError: There are two replies, or the file is not UTF-8 text.
        """
        key = request_key(request, "")[:SHORT]
        with self._lock:
            names = self._names(key)
            text = self._reply([name for name in names if name.endswith(_REPLIES)])
            if text.strip():
                return Reply(text=text, model="manual")
            # Identical rollouts go by several cases; the first one gave the file its name.
            known = [name for name in names if name.endswith(_PROMPT)]
            prompt = self._folder / (known[0] if known else f"{file_name(request.case)}-{key}{_PROMPT}")
            write_whole(prompt, rendered(request))
            self._awaited.add(prompt)
        stem = prompt.name.removesuffix(_PROMPT)
        raise PendingReply(f"waiting for a reply to {prompt.name}; save it as {stem}{_REPLIES[0]} beside it")

    def awaited(self) -> tuple[Path, ...]:
        """The prompt files that this run found unanswered, in order."""
        with self._lock:
            return tuple(sorted(self._awaited))

    def __reduce__(self) -> tuple[Any, ...]:
        return self._again, ()

    def _names(self, key: str) -> list[str]:
        """The files of one request, whatever case they are named after."""
        if not self._folder.is_dir():
            return []
        return sorted(name for name in os.listdir(self._folder) if f"-{key}." in name)

    def _reply(self, names: list[str]) -> str:
        if len(names) > 1:
            raise InputError(f"expected one reply, got {', '.join(names)}; delete all but one")
        try:
            return (self._folder / names[0]).read_bytes().decode("utf-8-sig") if names else ""
        except UnicodeDecodeError as error:
            raise InputError(f"expected UTF-8 text in {names[0]}, got {error}; save it again as UTF-8") from error


def rendered(request: Request) -> str:
    """A request as one text for a chat window: the rubric, the turns, and the form of the reply.

    >>> print(rendered(Request(system="Judge.", messages=(), schema={"type": "object"})))
    Judge.
    <BLANKLINE>
    Reply with one JSON object that fits this JSON schema, and nothing else:
    <BLANKLINE>
    {
     "type": "object"
    }
    <BLANKLINE>
    """
    turns = [
        f"Your reply was:\n\n{each.text}" if each.role == "assistant" else each.text for each in request.messages
    ]
    form = "Reply with one JSON object that fits this JSON schema, and nothing else:"
    schema = json.dumps(request.schema, indent=1, ensure_ascii=False, default=dict)
    text = "\n\n".join((request.system, *turns, form, schema)) + "\n"
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # no program pastes lone surrogates
