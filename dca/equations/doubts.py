"""Why two values that differ may be meant well: what is asked before an equation is certified false.

Each question makes sense by itself: a unit that converts, a number rounded before, a verb for the equals sign.
Nothing here can make an equation true. It does not know how values are computed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Final, NamedTuple

from dca.equations import words
from dca.equations.expression import PERCENT, Item
from dca.equations.numerals import Number
from dca.equations.piece import Piece
from dca.equations.senses import Sense
from dca.equations.showing import show
from dca.equations.tokens import SAID, WORD

_OPENERS: Final = frozenset("(+-*/^@")
"""Items after which a minus is a number's own."""


class Link(NamedTuple):
    """Two expressions that are equated.

    Attributes:
        left: The one on the left.
        right: The one on the right.
        relation: The kind of the token between them.
        before: The expression that was equated with `left` before, or None.
    """

    left: Piece
    right: Piece
    relation: str
    before: Piece | None = None


def misgiving(link: Link, value: Sense, claimed: Sense) -> str:
    """The first doubt about a verdict of "false", or ""."""
    whole = _whole(value.value, claimed)
    worn = whole or _worn(value.value, claimed.value, (link.left, link.right))
    return worn or next(filter(None, (doubt(link) for doubt in _DOUBTS)), "")


def _whole(value: Fraction, claimed: Sense) -> str:
    """A whole number where the exact value is none: rounded on purpose, or an error; no program can say which."""
    whole = claimed.place >= 1 or (not claimed.place and claimed.value.denominator == 1)
    if whole and value.denominator > 1 and abs(value - claimed.value) < max(claimed.place, Fraction(1)):
        return f"the exact value is {show(value)}; a whole number near it may be meant"
    return ""


def _worn(value: Fraction, claimed: Fraction, pieces: Sequence[Piece]) -> str:
    """Decimals that may have been rounded before ("120 / 0.0278"), where that explains the difference."""
    gap = abs(value / claimed - 1) if claimed else Fraction(1)
    for piece in pieces:
        for item in piece.items:
            if isinstance(item, Number) and item.value and _looks_rounded(item):
                gap -= item.place / abs(Fraction(item.value))
    return "its decimals may have been rounded before" if gap <= 0 else ""


def _looks_rounded(number: Number) -> bool:
    """Three shown places or more, or two that are a third's or a sixth's."""
    if not 0 < number.place < Fraction(1, 10):
        return False
    return number.place < Fraction(1, 100) or int(number.value * 100) % 100 in (33, 66, 67, 16, 17, 83)


def _loose(link: Link) -> str:
    """What was noted while reading."""
    return link.left.loose or link.right.loose


def _units(link: Link) -> str:
    """Units that convert into one another, or multiply quietly."""
    units = {*link.left.units, *link.right.units}
    if units & words.PACKS:
        return "its units multiply"
    measures = {unit[:-1] if unit[:-1] in words.DIMENSIONS else unit for unit in units if unit in words.DIMENSIONS}
    if len({words.DIMENSIONS[unit] for unit in measures}) < len(measures):
        return "its units convert into one another"
    left, right = link.left.units, link.right.units
    if not link.left.bare or not left or left[:1] == right[:1]:
        return ""
    return "its units differ" if right or left[0] in words.DIMENSIONS else ""


def _words(link: Link) -> str:
    """Words for the equals sign, and words that change what is claimed."""
    left = link.left
    if link.relation == WORD:
        return "a verb stands for the equals sign"
    fraction = len(left.items) == 3 and left.items[1] == "/"
    if link.relation == SAID and (left.bare or fraction):
        return "it may say that one thing corresponds to another"
    if fraction and left.tight and left.since:
        return "it is a part of something in words"
    if any(word in words.FIGURES for word in left.lead):
        return "the words before it change what is claimed"
    return ""


def _percent(link: Link) -> str:
    """Percentages alone on one side, and none on the other: "40% = 240" says what the whole is."""
    left, right = link.left.items, link.right.items
    alone = any(items.count(PERCENT) == len(numbers_of(items)) for items in (left, right) if PERCENT in items)
    mixed = (PERCENT in left) != (PERCENT in right)
    return "a percentage of something in words" if alone and mixed else ""


def _plain(link: Link) -> str:
    """Two plain numbers that begin a chain ("Week 2 = 40"): a name or a label, not a calculation."""
    left = link.left
    labelled = bool(left.lead) and left.lead[-1] not in words.STOPS - words.PREPOSITIONS
    if left.bare and link.before is None and (link.right.bare or labelled):
        return "two plain numbers: a name, a label or a change of units"
    return ""


def _minus(link: Link) -> str:
    """A minus right before a power: "-3^2 = 9" may mean (-3)^2."""
    for items in (link.left.items, link.right.items):
        for index in range(len(items) - 2):
            if items[index] == "-" and items[index + 2] == "^" and (not index or items[index - 1] in _OPENERS):
                return "a minus before a power may belong to its base"
    return ""


_DOUBTS: Final[tuple[Callable[[Link], str], ...]] = (_loose, _units, _words, _percent, _plain, _minus)


def numbers_of(items: Sequence[Item]) -> tuple[Fraction, ...]:
    """The numbers of an expression, each with a minus of its own."""
    found = []
    for index, item in enumerate(items):
        if isinstance(item, Number):
            minus = index > 0 and items[index - 1] == "-" and (index == 1 or items[index - 2] in _OPENERS)
            found.append(Fraction(-item.value if minus else item.value))
    return tuple(found)
