"""From token ids to the bytes they stand for, exactly: one table for each tokenizer.

The table is read off the tokenizer's own decoder, so that the text steps are cut on is the text the tokens spell,
and a character split across tokens is no riddle. This module knows tokenizers; it does not know steps, rollouts or
trainers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from dca.errors import InputError

PADDING: Final = 1024
"""Ids past the last token that stand for nothing: models pad their vocabularies, and may sample from the padding."""

_BYTE_TOKEN: Final = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_PRINTABLE: Final = (*range(33, 127), *range(161, 173), *range(174, 256))
_BYTE_OF: Final[Mapping[str, int]] = {
    **{chr(byte): byte for byte in _PRINTABLE},
    **{chr(256 + n): byte for n, byte in enumerate(b for b in range(256) if b not in _PRINTABLE)},
}
"""GPT-2's way of writing bytes as printable characters, read backwards."""

_Respell = Callable[[str, bool], str]  # (token, whether it is the first one) -> how it reads


class TokenTable:
    """What bytes each token of a tokenizer stands for.

    Joined, the bytes are what ``tokenizer.decode(ids, skip_special_tokens=True)`` shows, before any clean-up of
    spaces; for bytes that are no valid UTF-8 a tokenizer may show more replacement characters than
    `dca.credit.align.render` does. Exact for byte-level, byte-fallback, Metaspace and word-level tokenizers.
    Others, and those without a Rust backend, are decoded as a stream: a character then belongs to the token that
    completes it, and ids are not checked. Built once, 6 ms for 4,000 tokens; picklable.

    Args:
        tokenizer: A transformers tokenizer, or a processor that holds one.

    Attributes:
        exact: False where tokens are decoded as a stream.
    """

    def __init__(self, tokenizer: Any) -> None:
        spoken = getattr(tokenizer, "tokenizer", tokenizer)
        backend = getattr(spoken, "backend_tokenizer", None)
        spelling = _spelling(backend.decoder) if backend is not None else None
        self.exact = spelling is not None
        self._tokenizer = None if self.exact else spoken
        self._table: list[bytes] = []
        self._first: dict[int, bytes] = {}
        self._silent: frozenset[int] = frozenset()
        self._trim = _Trim()
        if spelling is not None:
            self._fill(backend, spelling)

    def _fill(self, backend: Any, spelling: _Spelling) -> None:
        """Spell every token of the vocabulary once."""
        size = 1 + max(backend.get_vocab(with_added_tokens=True).values(), default=-1)
        special = {added.content for added in backend.get_added_tokens_decoder().values() if added.special}
        tokens = [backend.id_to_token(i) for i in range(size)]
        silent = [token is None or token in special for token in tokens]
        self._table = [b"" if mute else spelling.bytes(t, False) for t, mute in zip(tokens, silent, strict=True)]
        if spelling.first_differs:
            spelled = {i: spelling.bytes(t, True) for i, t in enumerate(tokens) if not silent[i]}
            self._first = {i: piece for i, piece in spelled.items() if piece != self._table[i]}
            self._silent = frozenset(i for i, mute in enumerate(silent) if mute)
        self._trim = spelling.trim

    def pieces(self, ids: Sequence[int]) -> list[bytes]:
        """The bytes each token of one completion stands for; ``b""`` for special tokens.

        Args:
            ids: (T,) token ids, from the first token of the completion.

        Returns:
            (T,) bytes. Up to `PADDING` ids past the vocabulary stand for nothing, as they do for the tokenizer.

        Raises:
            InputError: An id is negative, or too large for this tokenizer's model.

        Cost: one look-up a token.
        """
        if self._tokenizer is not None:
            return _streamed(partial(_decode, self._tokenizer), ids)
        try:
            if min(ids, default=0) < 0:
                raise IndexError
            found = [self._table[i] for i in ids]
        except IndexError:
            found = [self._padded(i) for i in ids]
        if self._first:
            lead = next((t for t, i in enumerate(ids) if i < len(self._table) and i not in self._silent), None)
            if lead is not None:
                found[lead] = self._first.get(ids[lead], found[lead])
        return self._trim(found)

    def _padded(self, i: int) -> bytes:
        """One token that may lie past the vocabulary."""
        if not 0 <= i < len(self._table) + PADDING:
            raise InputError(
                f"expected token ids from 0 to {len(self._table) - 1}, got {i}; give the tokenizer the policy uses, "
                "and ids without padding"
            )
        return self._table[i] if i < len(self._table) else b""


@dataclass(frozen=True, slots=True)
class _Trim:
    """Characters taken off the two ends of the whole text (Llama's leading space)."""

    content: bytes = b" "
    start: int = 0
    stop: int = 0

    def __call__(self, pieces: list[bytes]) -> list[bytes]:
        left, right = self.start, self.stop
        for at in range(len(pieces) if left else 0):
            while left and pieces[at].startswith(self.content):
                pieces[at], left = pieces[at][len(self.content) :], left - 1
            if pieces[at] or not left:
                break
        for at in reversed(range(len(pieces) if right else 0)):
            while right and pieces[at].endswith(self.content):
                pieces[at], right = pieces[at][: -len(self.content)], right - 1
            if pieces[at] or not right:
                break
        return pieces


@dataclass(frozen=True, slots=True)
class _Spelling:
    """A decoder, read as a rule for one token at a time."""

    respell: tuple[_Respell, ...] = ()
    by_bytes: Callable[[str], bytes] = field(default=lambda text: text.encode("utf-8", "replace"))
    first_differs: bool = False
    trim: _Trim = _Trim()

    def bytes(self, token: str, first: bool) -> bytes:
        """What one token stands for."""
        for change in self.respell:
            token = change(token, first)
        return self.by_bytes(token)


def _spelling(decoder: Any) -> _Spelling | None:
    """The rule of a decoder, or None where tokens cannot be spelled one by one."""
    if decoder is None:
        return _Spelling(respell=(_spaced,), first_differs=True)
    respell: list[_Respell] = []
    by_bytes: Callable[[str], bytes] | None = None
    first_differs, fused, trim = False, False, _Trim()
    for step in _flat(json.loads(decoder.__getstate__())):
        match step:
            case {"type": "Replace", "pattern": {"String": str(old)}, "content": str(new)} if not (fused or by_bytes):
                respell.append(partial(_replaced, old=old, new=new))
            case {"type": "Metaspace", "replacement": str(mark)} if not (fused or by_bytes):
                drops = step.get("prepend_scheme", "always") != "never"
                respell.append(partial(_replaced, old=mark, new=" ", first_new="" if drops else " "))
                first_differs = first_differs or drops
            case {"type": "ByteFallback"} if not (fused or by_bytes):
                by_bytes = _fallback_bytes
            case {"type": "ByteLevel"} if not (fused or by_bytes):
                by_bytes, fused = _level_bytes, True
            case {"type": "Fuse"}:
                fused = True
            case {"type": "Strip", "content": str(content), "start": int(start), "stop": int(stop)} if fused:
                trim = _Trim(content.encode(), start, stop)
            case _:
                return None
    plain = _Spelling(tuple(respell), first_differs=first_differs, trim=trim)
    return plain if by_bytes is None else _Spelling(tuple(respell), by_bytes, first_differs, trim)


def _flat(step: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    """The steps of a decoder, sequences within sequences taken apart."""
    if step["type"] == "Sequence":
        return [inner for one in step["decoders"] for inner in _flat(one)]
    return [step]


def _spaced(token: str, first: bool) -> str:
    """Without a decoder, tokens are words with a space between."""
    return token if first else f" {token}"


def _replaced(token: str, first: bool, *, old: str, new: str, first_new: str | None = None) -> str:
    return token.replace(old, first_new if first and first_new is not None else new)


def _fallback_bytes(text: str) -> bytes:
    """``<0xE4>`` stands for a byte, anything else for itself."""
    byte = _BYTE_TOKEN.fullmatch(text)
    return bytes([int(byte[1], 16)]) if byte else text.encode("utf-8", "replace")


def _level_bytes(text: str) -> bytes:
    """GPT-2's printable bytes; a token with any other character (an added one) stands for itself."""
    known = [_BYTE_OF.get(character) for character in text]
    return text.encode("utf-8", "replace") if None in known else bytes(b for b in known if b is not None)


def _decode(tokenizer: Any, ids: Sequence[int]) -> str:
    return str(tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False))


def _streamed(decode: Callable[[Sequence[int]], str], ids: Sequence[int]) -> list[bytes]:
    """Pieces by decoding a sliding window, for tokenizers that cannot be read as a table."""
    pieces: list[bytes] = []
    begin, read, shown = 0, 0, ""
    for at in range(1, len(ids) + 1):
        text = decode(ids[begin:at])
        whole = len(text) > len(shown) and (at == len(ids) or not text.endswith("\N{REPLACEMENT CHARACTER}"))
        pieces.append(text[len(shown) :].encode("utf-8", "replace") if whole else b"")
        if whole:
            begin, read = read, at
            shown = decode(ids[begin:read])
    return pieces
