"""What the words around an equation say of it: that it is rejected, tested, in a ring, or of dollars and cents.

It looks at a few words before and after; it does not read sentences.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from dca.equations import words
from dca.equations.numerals import Number
from dca.equations.piece import Chain

NEAR: Final = 100
"""Characters that are looked at."""

_REJECTED: Final = re.compile(
    r"[^.?!\n]*?\b(?:(?:is|are|was|does|do|did)(?: also)?(?: not|n't)(?: also)?"
    r" (?:equal|true|hold|work|satisf|correct|match|the same|possible|valid)"
    r"|(?:is|was|are) (?:wrong|false|incorrect|impossible|a contradiction)|not equal|contradict)"
)
_TESTED: Final = re.compile(r"(?:equation|[Ss]ubstitut\w+|[Pp]lug\w*|[Ss]implif\w+)[^.\n]*\Z")
_COUNTED: Final = re.compile(r"\b(?:ring|modular|congruent|clock)\b[^.\n]*\Z")


def note(text: str, chain: Chain) -> None:
    """Mark the expressions of a chain as loose where the words around it say so."""
    doubt = next(_doubts(text, chain), "")
    for piece in chain.pieces if doubt else ():
        piece.loose = piece.loose or doubt


def _doubts(text: str, chain: Chain) -> Iterator[str]:
    first, last = chain.pieces[0], chain.pieces[-1]
    start, stop = max(first.start, 0), max(last.stop, 0)
    if _REJECTED.match(text, stop, stop + NEAR):
        yield "the text itself rejects it"
    if _COUNTED.search(text, max(start - NEAR, 0), start):
        yield "it may count in a ring"
    if any(words.CENTS.intersection(piece.units) for piece in chain.pieces) and "$" in text[max(start - 1, 0) : stop]:
        yield "dollars and cents meet in it"
    nought = last.items[0] if len(last.items) == 1 and len(chain.pieces) == 2 else None
    if isinstance(nought, Number) and not nought.value and _TESTED.search(text, max(start - NEAR, 0), start):
        yield "it may test whether an equation holds"
