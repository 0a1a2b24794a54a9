"""Calculator marks, ``16 - 3 = <<16-3=13>>13``: the mark, the equation around it, and one verdict for both.

It does not know where a mark came from; one that no program computed is judged alike.
"""

from __future__ import annotations

from typing import NamedTuple

from dca.equations.certify import FALSE, TRUE, UNCERTIFIABLE, Judgement, judged
from dca.equations.doubts import Link, numbers_of
from dca.equations.piece import Piece
from dca.equations.scan import scan
from dca.equations.showing import show
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
    return Mark(left, right, judged(Link(left, right, EQUALS)))


def merged(written: Judgement, link: Link, mark: Mark) -> Judgement:
    """One verdict for a written equation and the mark in it.

    The mark shows what was computed and the writing what was meant: either may be false. A writing with the
    mark's numbers is read as the mark has it, where only its notation is loose ("6 + 4 x 2" for (6+4)*2) or its
    result is the mark's, cut off ("14.99" for 14.999999999999998).
    """
    inner = mark.judgement
    if inner.verdict == FALSE:
        return inner._replace(reason=f"in the mark, {inner.reason}")
    if written.verdict == TRUE or inner.verdict == UNCERTIFIABLE:
        return written
    if written.verdict == FALSE:
        alike = sorted(numbers_of(link.left.items)) == sorted(numbers_of(mark.left.items))
        follows = alike and judged(Link(mark.right, link.right, EQUALS, mark.left)).verdict == TRUE
        return written._replace(verdict=TRUE, reason="as its mark has it") if follows else written
    return written if mark.left.bare else alone(link.right, mark)


def alone(right: Piece, mark: Mark) -> Judgement:
    """The mark's verdict, once the number written after it is seen to be the mark's result."""
    inner = mark.judgement
    if inner.verdict != TRUE or mark.left.bare or right.doubt or not right.items:
        return inner
    after = judged(Link(mark.right, right, EQUALS, mark.left))
    if after.verdict == FALSE:
        reason = f"the mark gives {show(inner.claimed)}, and {show(after.claimed)} is written"
        return Judgement(FALSE, inner.value, after.claimed, reason)
    return inner
