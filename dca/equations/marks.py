"""Calculator marks, ``16 - 3 = <<16-3=13>>13``: the mark, the equation around it, and one verdict for both.

It knows nothing of where the mark came from; a mark that was not computed by a program is judged alike.
"""

from __future__ import annotations

from typing import NamedTuple

from dca.equations.certify import FALSE, TRUE, UNCERTIFIABLE, Judgement, judged, numbers, show
from dca.equations.piece import Piece
from dca.equations.scan import scan
from dca.equations.tokens import EQUALS, Token, tokens


class Mark(NamedTuple):
    """What a mark says, and whether it is so."""

    left: Piece
    right: Piece
    judgement: Judgement


def read_mark(token: Token) -> Mark | None:
    """Read a mark; None where it holds no equation."""
    chains = scan(tokens(token.text[2:-2]), {})
    if not chains or len(chains[-1].pieces) < 2:
        return None
    left, right = chains[-1].pieces[-2:]
    return Mark(left, right, judged(left, right, EQUALS, None))


def merged(written: Judgement, left: Piece, right: Piece, mark: Mark) -> Judgement:
    """One verdict for a written equation and the mark in it.

    The mark shows what was computed and the writing what was meant: either may be false. A writing that is
    false only by its loose notation ("6 + 4 x 2" for a mark (6+4)*2) is read as its mark has it.
    """
    verdict, value, claimed, _ = inner = mark.judgement
    if verdict == FALSE:
        return Judgement(FALSE, value, claimed, f"in the mark, {inner.reason}")
    if written.verdict == TRUE or verdict == UNCERTIFIABLE:
        return written
    if written.verdict == FALSE:
        alike = sorted(numbers(left.items)) == sorted(numbers(mark.left.items))
        return inner if alike and written.claimed == claimed else written
    if mark.left.bare:
        return written
    return _carried(inner, right, mark)


def _carried(inner: Judgement, right: Piece, mark: Mark) -> Judgement:
    """The mark's verdict, once the number written after it is seen to be the mark's result."""
    if right.items and not right.doubt:
        after = judged(mark.right, right, EQUALS, mark.left)
        if after.verdict == FALSE:
            reason = f"the mark gives {show(inner.claimed)}, and {show(after.claimed)} is written"
            return Judgement(FALSE, inner.value, after.claimed, reason)
    return inner


def alone(right: Piece, mark: Mark) -> Judgement:
    """The verdict for a mark that stands in no written equation."""
    if mark.judgement.verdict != TRUE or mark.left.bare:
        return mark.judgement
    return _carried(mark.judgement, right, mark)
