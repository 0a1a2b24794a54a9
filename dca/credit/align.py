"""From the bytes each token stands for to the step that owns the token, exactly.

Completions are rendered from token bytes, never from message text, so that steps and tokens speak of the same
characters. Token i stands for a half-open range of bytes; it belongs to the step that holds its first byte.
This module knows bytes and offsets; it does not know tokenizers, models or what a step means.
"""

from __future__ import annotations

import codecs
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from dca.types import Step

_HANDLER: Final = "dca.credit.align"
_BROKEN: Final = "\udc01\udc02\udc03"  # stands for 1, 2 or 3 bytes that are no character; UTF-8 cannot produce these
_SHOWN: Final = str.maketrans(dict.fromkeys(_BROKEN, "\N{REPLACEMENT CHARACTER}"))


def _mark_broken(error: UnicodeError) -> tuple[str, int]:
    """Stand in for an ill-formed sequence with a mark that remembers its width in bytes."""
    assert isinstance(error, UnicodeDecodeError)
    return chr(0xDC00 + error.end - error.start), error.end


codecs.register_error(_HANDLER, _mark_broken)


@dataclass(frozen=True, slots=True)
class Rendering:
    """The text that token bytes spell, and where each token ends in it.

    Attributes:
        text: What the bytes decode to; each ill-formed sequence reads U+FFFD, as tokenizers show it.
        ends: (T,) one past the last byte of each token.
    """

    text: str
    ends: tuple[int, ...]
    _marked: str

    def byte_offsets(self, characters: Sequence[int]) -> list[int]:
        """The byte at which each character starts.

        Args:
            characters: Increasing character offsets into `text`.
        """
        offsets, at, previous = [], 0, 0
        for character in characters:
            at += _width(self._marked[previous:character])
            previous = character
            offsets.append(at)
        return offsets


def _width(marked: str) -> int:
    """How many bytes a marked text came from."""
    if marked.isascii():
        return len(marked)
    width = len(marked.encode("utf-8", "surrogatepass"))  # each mark takes 3 bytes here
    return width - 2 * marked.count("\udc01") - marked.count("\udc02")


def render(pieces: Sequence[bytes]) -> Rendering:
    """Join the bytes of all tokens and decode them once.

    A character may be split across tokens, a special token stands for ``b""``, and ill-formed bytes are kept
    countable instead of being lost.

    Args:
        pieces: (T,) the bytes each token stands for.

    >>> render([b"caf", b"\\xc3", b"\\xa9", b""]).text
    'café'
    """
    marked = b"".join(pieces).decode("utf-8", _HANDLER)
    text = marked if marked.isascii() else marked.translate(_SHOWN)
    return Rendering(text=text, ends=tuple(accumulate(map(len, pieces))), _marked=marked)


def token_owners(rendering: Rendering, steps: Sequence[Step]) -> list[int]:
    """The step that owns each token: the one that holds its first byte.

    Law 2: every token has one owner, and owners never decrease. A token that straddles two steps belongs to the
    earlier one; a token that stands for nothing (a special token) goes with the token before it. A step may
    own no token. Takes K log T comparisons and writes T numbers.

    Args:
        rendering: T rendered tokens.
        steps: K >= 1 steps that tile ``rendering.text``.

    Returns:
        (T,) step indices.

    Raises:
        ValueError: The steps do not tile the text.

    >>> tokens = render([b"<s>"[:0], b"One", b". T", b"wo.", b""])
    >>> token_owners(tokens, [Step(0, 0, 5, "One. "), Step(1, 5, 9, "Two.")])
    [0, 0, 0, 1, 1]
    """
    edges = [step.start for step in steps]
    if not steps or edges[0] != 0 or steps[-1].stop != len(rendering.text):
        raise ValueError(
            f"steps must tile the rendered text of {len(rendering.text)} characters; segment the rendering's own text"
        )
    ends, owners, begin = rendering.ends, [], 0
    for k, edge in enumerate(rendering.byte_offsets(edges[1:])):
        first = _first_token_from(ends, edge)
        owners += [k] * (first - begin)
        begin = max(begin, first)
    owners += [len(steps) - 1] * (len(ends) - begin)
    return owners


def _first_token_from(ends: Sequence[int], byte: int) -> int:
    """The first token that starts at or after `byte` and stands for something.

    Where only tokens without bytes follow, that is T: they go with what came before.
    """
    ahead = bisect_right(ends, byte)  # the first token that ends after `byte`
    if ahead == len(ends):
        return ahead
    start = ends[ahead - 1] if ahead else 0
    return ahead if start >= byte else bisect_right(ends, ends[ahead], lo=ahead)
