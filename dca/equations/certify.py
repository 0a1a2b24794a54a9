"""Two expressions and a relation: is what is claimed true, false, or more than a program can say?

Exact rationals throughout; rounding is allowed for only at the places that are shown. It does not know
which equations a text holds.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final, NamedTuple

from dca.equations import words
from dca.equations.expression import PERCENT, Exact, Item, Unsure
from dca.equations.piece import Piece
from dca.equations.senses import Sense, senses
from dca.equations.tokens import ABOUT, SAID, WORD, Number

TRUE: Final = "true"
FALSE: Final = "false"
UNCERTIFIABLE: Final = "uncertifiable"

NOISE: Final = Fraction(1, 10**9)
"""Relative; what binary floating point leaves behind in numbers shown with a dozen digits."""


_OPENERS: Final = frozenset("(+-*/^@")


class Judgement(NamedTuple):
    """A verdict, the exact values of both sides where they are known, and why."""

    verdict: str
    value: Exact | None
    claimed: Exact | None
    reason: str


def judged(left: Piece, right: Piece, relation: str, before: Piece | None) -> Judgement:
    """Certify ``left = right``; `before` is the expression that was equated with `left`, if any."""
    if left.name:
        return _definition(left, right)
    ways_left, doubt_left = _ways(left, "left")
    ways_right, doubt_right = _ways(right, "right")
    if not ways_left or not ways_right:
        value = ways_left[0].value if ways_left else None
        claimed = ways_right[0].value if ways_right else None
        return Judgement(UNCERTIFIABLE, value, claimed, doubt_left or doubt_right)
    about = relation == ABOUT or left.about or right.about
    for one in ways_left:
        for two in ways_right:
            reason = _agreement(one, two, about)
            if reason:
                return Judgement(TRUE, one.value, two.value, reason)
    value, claimed = ways_left[0].value, ways_right[0].value
    if not left.bare and _is_running(value, right):
        return Judgement(TRUE, value, value, "a running calculation: it goes on from this value")
    doubt = _whole(value, ways_right[0]) or _worn(value, claimed, left, right) or _demurrer(left, right, relation, before)
    if doubt:
        return Judgement(UNCERTIFIABLE, value, claimed, doubt)
    return Judgement(FALSE, value, claimed, f"the left side is {show(value)}, the right side {show(claimed)}")


def _definition(left: Piece, right: Piece) -> Judgement:
    """A letter and what it stands for: nothing to certify, but both values where they are known."""
    before, _ = _ways(left, "left")
    now, doubt = _ways(right, "right")
    value = before[0].value if before else None
    claimed = now[0].value if now else None
    return Judgement(UNCERTIFIABLE, value, claimed, f"it says what {left.name} is" if now else doubt)


def _ways(piece: Piece, side: str) -> tuple[list[Sense], str]:
    """The senses of one side, or why there are none."""
    if piece.doubt:
        return [], piece.doubt
    if not piece.items:
        return [], f"its {side} side is in words"
    try:
        return list(senses(piece)), ""
    except Unsure as doubt:
        return [], str(doubt)


def _agreement(left: Sense, right: Sense, about: bool) -> str:
    """How two values agree: exactly, rounded at the shown places, or up to binary noise; "" if they do not."""
    if left.value == right.value:
        return left.note or right.note or "exact"
    place = right.place or left.place
    if right.place and (right.place < 1 or about) and _rounds(left.value, right.value, right.place):
        return "rounded at the shown places"
    if left.place and left.place < 1 and _rounds(right.value, left.value, left.place):
        return "rounded at the shown places"
    size = max(abs(left.value), abs(right.value))
    if 0 < min(left.place or 1, right.place or 1) < NOISE and abs(left.value - right.value) <= size * NOISE:
        return "exact but for binary noise"
    if about and place and abs(left.value - right.value) <= max(size / 20, place):
        return "near, as claimed"
    return ""


def _rounds(one: Exact, two: Exact, place: Fraction) -> bool:
    """Is one number the other, rounded (half up or to even) or cut off at `place`?"""
    gap = abs(one - two)
    cut = gap < place and abs(two) < abs(one) and one * two >= 0
    return gap * 2 <= place or cut


def _is_running(value: Exact, right: Piece) -> bool:
    """Is the right side the next calculation, begun with this value: ``5 + 5 = 10 + 2 = 12``?"""
    items = right.items
    return (
        len(items) > 2
        and isinstance(items[0], Number)
        and items[0].value == value
        and isinstance(items[1], str)
        and items[1] in "+-*/"
    )


def _whole(value: Exact, right: Sense) -> str:
    """A whole number where the exact value is none: cut or rounded on purpose, or an error; no program can say."""
    if right.place >= 1 and value.denominator > 1 and abs(value - right.value) < right.place:
        return f"the exact value is {show(value)}; a whole number near it may be meant"
    return ""


def _worn(value: Exact, claimed: Exact, left: Piece, right: Piece) -> str:
    """Decimals that may have been rounded before ("120 / 0.0278"), where that explains the difference."""
    if not claimed:
        return ""
    gap = abs(value / claimed - 1) if isinstance(value, Fraction) else abs(Fraction(value) / claimed - 1)
    for piece in (left, right):
        for item in piece.items:
            if isinstance(item, Number) and item.value and _looks_rounded(item):
                gap -= item.place / abs(item.value)
    return "its decimals may have been rounded before" if gap <= 0 else ""


def _looks_rounded(number: Number) -> bool:
    """Three places or more, or two that are a third's or a sixth's."""
    if not 0 < number.place < Fraction(1, 10):
        return False
    return number.place < Fraction(1, 100) or int(number.value * 100) % 100 in (33, 66, 67, 16, 17, 83)


def _demurrer(left: Piece, right: Piece, relation: str, before: Piece | None) -> str:
    """Why two values that differ may be meant well; "" if nothing says so."""
    loose = left.loose or right.loose
    if loose:
        return loose
    units = {unit.lower() for unit in (*left.units, *right.units)}
    if units & words.PACKS:
        return "its units multiply"
    kinds = [words.DIMENSIONS[unit].rstrip("s") for unit in {_singular(u) for u in units} if unit in words.DIMENSIONS]
    if len(kinds) > len(set(kinds)):
        return "its units convert into one another"
    if relation == WORD:
        return "a verb stands for the equals sign"
    if relation == SAID and (left.bare or PERCENT in left.items or (len(left.items) == 3 and left.items[1] == "/")):
        return "it may say that one thing corresponds to another"
    if _is_percentage(left) != _is_percentage(right) and (PERCENT in left.items) != (PERCENT in right.items):
        return "a percentage of something in words"
    if any(word in words.FIGURES for word in left.lead):
        return "the words before it change what is claimed"
    if left.bare and left.units and right.units and left.units[0] != right.units[0]:
        return "its units differ"
    labelled = bool(left.lead) and left.lead[-1] not in words.STOPS
    if left.bare and before is None and (right.bare or labelled):
        return "two plain numbers: a name, a label or a change of units"
    return ""


def _is_percentage(piece: Piece) -> bool:
    """Are all its numbers percentages?"""
    return PERCENT in piece.items and piece.items.count(PERCENT) == len(numbers(piece.items))


def _singular(unit: str) -> str:
    return unit[:-1] if unit.endswith("s") and unit[:-1] in words.DIMENSIONS else unit


def show(value: Exact | None) -> str:
    """A value in words: a decimal where one ends soon, else a fraction."""
    if value is None:
        return "unknown"
    if value.denominator == 1:
        return str(value.numerator) if abs(value.numerator) < 10**15 else f"about {float(value.numerator):.4g}"
    if 10**6 % value.denominator == 0:
        return f"{float(value):.6f}".rstrip("0")
    return f"{value.numerator}/{value.denominator}" if value.denominator < 1000 else f"about {float(value):.6g}"


def numbers(items: list[Item]) -> tuple[Fraction, ...]:
    """The numbers of an expression, each with a minus of its own."""
    found = []
    for index, item in enumerate(items):
        if isinstance(item, Number):
            minus = index > 0 and items[index - 1] == "-" and (index == 1 or items[index - 2] in _OPENERS)
            found.append(Fraction(-item.value if minus else item.value))
    return tuple(found)
