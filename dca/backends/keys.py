"""What names a request: a content hash for stores and recordings, and a safe piece of a file name for people.

This module knows requests only; it does not know what is stored under a key, or where.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from dca.errors import InputError
from dca.messages import Request

SHORT: Final = 12
"""Hex digits of a hash that file names carry (48 bits); the full hash is compared before anything is used."""

_FORMAT: Final = "dca-request/1"
_LONGEST_NAME: Final = 100  # bytes; file systems allow 255, and a key and an ending follow
_WINDOWS_DEVICE: Final = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)


def canonical_json(value: object) -> bytes:
    """The one spelling of a JSON value: sorted keys, no spaces, raw Unicode.

    Lone surrogates are kept as they are, so that two different texts never share a spelling.

    Raises:
        InputError: The value is not JSON.

    >>> canonical_json({"b": (1, 2), "a": "é"}).decode()
    '{"a":"é","b":[1,2]}'
    """
    try:
        text = json.dumps(
            value,
            ensure_ascii=False,
            sort_keys=True,
            separators=(",", ":"),
            allow_nan=False,
            default=_as_dict,
        )
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"expected plain JSON (for a schema: dicts, lists, strings), got {error}") from error
    return text.encode("utf-8", "surrogatepass")


def _as_dict(value: object) -> dict[Any, Any]:
    """Let read-only mappings pass as objects."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__}")


def text_hash(text: str) -> str:
    """SHA-256 of a text, in hex."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def schema_hash(schema: Mapping[str, Any]) -> str:
    """SHA-256 of a schema; the order of its keys does not matter."""
    return hashlib.sha256(canonical_json(schema)).hexdigest()


def request_key(request: Request, identity: str) -> str:
    """SHA-256 of everything that changes the answer: all of the request but `case`, and who is asked.

    Args:
        request: What is asked.
        identity: Who is asked (`Backend.identity`); "" where the key must hold for any backend.

    Returns:
        64 hex digits.

    >>> asked = Request(system="", messages=(), schema={})
    >>> request_key(asked, "a")[:8], request_key(asked, "b")[:8]
    ('a97f8174', '570dd55c')
    """
    spelled = {
        "format": _FORMAT,
        "identity": identity,
        "system": request.system,
        "messages": [[message.role, message.text] for message in request.messages],
        "schema": request.schema,
        "max_tokens": request.max_tokens,
        "effort": request.effort,
        "sample": request.sample,
    }
    return hashlib.sha256(canonical_json(spelled)).hexdigest()


def file_name(label: str) -> str:
    """A piece of a file name for any label: never empty, hidden, a path, or too long.

    Different labels may share a name: whoever uses one adds a key.

    >>> file_name("gsm8k/12"), file_name("../../etc/passwd"), file_name(""), file_name("算数 3")
    ('gsm8k-12', 'etc-passwd', 'unnamed', '算数-3')
    """
    plain = re.sub(r"[^\w.-]+", "-", unicodedata.normalize("NFC", label))
    short = plain.strip("._-").encode()[:_LONGEST_NAME].decode(errors="ignore").rstrip("._-")
    if _WINDOWS_DEVICE.fullmatch(short):
        return f"case-{short}"
    return short or "unnamed"
