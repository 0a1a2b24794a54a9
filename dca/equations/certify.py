"""Two expressions and a sign between them: is the claim true, false, or more than a program can say?

Exact rationals throughout; rounding counts only at the places that are shown. What speaks against a verdict of
"false" is asked of `doubts` first. It does not know which equations a text holds.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final, NamedTuple

from dca.equations.doubts import Link, misgiving
from dca.equations.expression import Unsure
from dca.equations.numerals import Number
from dca.equations.piece import Piece
from dca.equations.senses import Sense, others, plain
from dca.equations.showing import show
from dca.equations.tokens import ABOUT

TRUE: Final = "true"
FALSE: Final = "false"
UNCERTIFIABLE: Final = "uncertifiable"

NOISE: Final = Fraction(1, 10**9)
"""Relative; what binary floating point leaves behind in numbers that are shown with a dozen digits."""


class Judgement(NamedTuple):
    """A verdict, the exact values of both sides where they are known, and why."""

    verdict: str
    value: Fraction | None
    claimed: Fraction | None
    reason: str


def judged(link: Link) -> Judgement:
    """Certify one equation."""
    left, right = link.left, link.right
    one, doubt = _read(left, "left")
    two, doubt_right = _read(right, "right")
    doubt = doubt_right or f"it says what {left.name} is" if left.name else doubt or doubt_right
    if one is None or two is None or left.name:
        return Judgement(UNCERTIFIABLE, one.value if one else None, two.value if two else None, doubt)
    if one.value == two.value:
        return Judgement(TRUE, one.value, two.value, "exact")
    if not left.bare and _goes_on(right, one.value):
        return Judgement(TRUE, one.value, one.value, "a running calculation: it goes on from this value")
    return _meant(link, one, two) or _differing(link, one, two)


def _read(piece: Piece, side: str) -> tuple[Sense | None, str]:
    """The plain sense of one side, or why there is none."""
    if piece.doubt:
        return None, piece.doubt
    if not piece.items:
        return None, f"its {side} side is in words"
    try:
        return plain(piece), ""
    except Unsure as doubt:
        return None, str(doubt)


def _meant(link: Link, one: Sense, two: Sense) -> Judgement | None:
    """True in one of the ways in which it may be meant, or None."""
    about = link.relation == ABOUT or link.left.about or link.right.about
    rights = [two, *others(link.right)]
    for left in (one, *others(link.left)):
        for right in rights:
            reason = _agreement(left, right, about)
            if reason:
                return Judgement(TRUE, left.value, right.value, reason)
    return None


def _differing(link: Link, one: Sense, two: Sense) -> Judgement:
    """False, unless there is a doubt."""
    doubt = misgiving(link, one, two)
    reason = doubt or f"the left side is {show(one.value)}, the right side {show(two.value)}"
    return Judgement(UNCERTIFIABLE if doubt else FALSE, one.value, two.value, reason)


def _agreement(left: Sense, right: Sense, about: bool) -> str:
    """How two values agree: exactly, rounded at the shown places, or up to binary noise; "" if they do not."""
    gap, size = abs(left.value - right.value), max(abs(left.value), abs(right.value))
    if not gap:
        return left.note or right.note or "exact"
    if _rounds(left.value, right, about) or _rounds(right.value, left, False):
        return "rounded at the shown places"
    if 0 < min(left.place or 1, right.place or 1) < NOISE and gap <= size * NOISE:
        return "exact but for binary noise"
    place = right.place or left.place
    return "near, as claimed" if about and place and gap <= max(size / 20, place) else ""


def _rounds(exact: Fraction, shown: Sense, about: bool) -> bool:
    """Is a shown number the exact one, rounded (half either way) or cut off at its last place?

    Whole numbers only where the text says that they are rounded: a cut quotient is as often an error.
    """
    if not shown.place or (shown.place >= 1 and not about):
        return False
    gap = abs(exact - shown.value)
    cut = gap < shown.place and abs(shown.value) < abs(exact) and exact * shown.value >= 0
    return gap * 2 <= shown.place or cut


def _goes_on(right: Piece, value: Fraction) -> bool:
    """Is the right side the next calculation, begun with this value: ``5 + 5 = 10 + 2 = 12``?"""
    first = right.items[0]
    sign = next((item for item in right.items[1:] if isinstance(item, str) and item[0] != "["), "")
    return isinstance(first, Number) and first.value == value and sign in ("+", "-", "*", "/")
