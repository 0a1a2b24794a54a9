"""Requests, replies and refusals as plain JSON values, and back, losing no character.

A text is one string, or a list of lines that keep their ends (as in notebooks), so that one changed word is one
changed line. This module knows nothing of files, databases or keys of requests.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, Final

from dca.backends.keys import SHORT, schema_hash, text_hash
from dca.errors import InputError, RefusedError, ReplyError, ReviewError, TruncatedError
from dca.messages import Reply, Request
from dca.usage import Usage

REUSED: Final = Usage(reused=1)
"""What an answer costs that was not asked for again."""

_LINES: Final = re.compile(r"[^\n]*\n|[^\n]+")
_PAIR: Final = re.compile(r"(?<=[\ud800-\udbff])(?=[\udc00-\udfff])")
_HIDDEN: Final = re.compile(
    "[\x7f-\xa0\xad\u061c\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ud800-\udfff\ufe00-\ufe0f\ufeff"
    "\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
_ERRORS: Final = {kind.__name__: kind for kind in (ReplyError, RefusedError, TruncatedError, ReviewError)}


def pack(text: str) -> str | list[str]:
    """A text as JSON: a string, or a list of lines with their ends.

    A high and a low surrogate that stand side by side without being one character are parted too, since a JSON
    reader would join them.

    >>> pack("one"), pack("one\\ntwo")
    ('one', ['one\\n', 'two'])
    """
    lines = _LINES.findall(text)
    if not text.isascii():
        lines = [piece for line in lines for piece in _PAIR.split(line)]
    return lines if len(lines) > 1 else text


def unpack(value: object) -> str:
    """The text that `pack` was given.

    Raises:
        InputError: The value is neither a string nor a list of strings.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "".join(value)
    raise InputError(f"expected a text, or a list of its lines, got {value!r:.80}")


def dump(value: object) -> str:
    """JSON for people: sorted, one-space indent, readable Unicode, and nothing invisible in it.

    >>> print(dump({"b": "é", "a": "\\u202e"}), end="")
    {
     "a": "\\u202e",
     "b": "é"
    }
    """
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1, allow_nan=False)
    return _HIDDEN.sub(lambda match: json.dumps(match[0])[1:-1], text) + "\n"


def reused(reply: Reply) -> Reply:
    """The same answer, for whoever did not pay for it."""
    return replace(reply, usage=REUSED)


def encode_usage(usage: Usage) -> dict[str, int | float]:
    """A usage as JSON; what is zero is left out."""
    return {name: amount for name, amount in asdict(usage).items() if amount}


def encode_reply(reply: Reply) -> dict[str, Any]:
    """A reply as JSON."""
    return {
        "category": None if reply.category is None else pack(reply.category),
        "model": pack(reply.model),
        "stop_reason": pack(reply.stop_reason),
        "text": pack(reply.text),
        "usage": encode_usage(reply.usage),
    }


def decode_reply(value: Mapping[str, Any]) -> Reply:
    """The reply that `encode_reply` was given.

    Raises:
        InputError: A field is missing or of the wrong kind.
    """
    try:
        return Reply(
            text=unpack(value["text"]),
            stop_reason=unpack(value["stop_reason"]),
            usage=Usage(**value["usage"]),
            model=unpack(value["model"]),
            category=None if value["category"] is None else unpack(value["category"]),
        )
    except (KeyError, TypeError) as error:
        raise InputError(f"expected a stored reply, got one without a usable {error}") from error


def encode_error(error: ReviewError) -> dict[str, Any]:
    """A failed review as JSON, under the nearest name of the tree in `dca.errors`."""
    kind = next(base.__name__ for base in type(error).__mro__ if base.__name__ in _ERRORS)
    encoded = {"message": pack(str(error)), "type": kind, "usage": encode_usage(error.usage)}
    return encoded | ({"category": pack(error.category)} if isinstance(error, RefusedError) else {})


def decode_error(value: Mapping[str, Any]) -> ReviewError:
    """A new error like the one that `encode_error` was given; its usage says that it was reused.

    Raises:
        InputError: The kind is unknown, or a field is missing.
    """
    try:
        message, kind = unpack(value["message"]), _ERRORS[value["type"]]
        if kind is RefusedError:
            return RefusedError(message, category=unpack(value["category"]), usage=REUSED)
        return kind(message, usage=REUSED)
    except (KeyError, TypeError) as error:
        raise InputError(f"expected a stored error, got one without a usable {error}") from error


def encode_request(request: Request) -> dict[str, Any]:
    """A request as JSON, the rubric and the schema by their hashes."""
    return {
        "effort": request.effort,
        "max_tokens": request.max_tokens,
        "messages": [{"role": each.role, "text": pack(each.text)} for each in request.messages],
        "sample": request.sample,
        "schema": schema_hash(request.schema)[:SHORT],
        "system": text_hash(request.system)[:SHORT],
    }
