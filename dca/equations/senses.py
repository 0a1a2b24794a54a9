"""The ways an expression may be meant, each with its exact value.

"20%" is a fifth or twenty of a hundred, a fraction right after a number makes it mixed or multiplies it, a dash
may open a list. It knows no equation, and so not which way was meant.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from dca.equations.expression import FACTORIAL, PERCENT, Item, Unsure, exact_value
from dca.equations.numerals import UNSHOWN, Number
from dca.equations.piece import MIXED, Piece


class Sense(NamedTuple):
    """One way to read an expression: its value, one unit in the last shown place of a plain number, a note."""

    value: Fraction
    place: Fraction
    note: str = ""


def plain(piece: Piece) -> Sense:
    """The first way to read an expression: as it stands.

    Raises:
        Unsure: The expression has no value that could be certified.
    """
    items = piece.items
    if MIXED in items:
        return Sense(Fraction(exact_value(_replaced(items, "+"))), UNSHOWN)
    return Sense(Fraction(exact_value(items)), _place(items))


def others(piece: Piece) -> Iterator[Sense]:
    """Every other way to read an expression that has a value."""
    for items, note in _variants(piece):
        try:
            yield Sense(Fraction(exact_value(items)), _place(items), note)
        except Unsure:
            continue


def _variants(piece: Piece) -> Iterator[tuple[list[Item], str]]:
    items = piece.items
    if MIXED in items:
        yield _replaced(items, "*"), "a number before a fraction multiplies it"
        return
    if piece.tight and items.count("/") > len(piece.tight):
        yield _tight(items, piece.tight), "its close fractions are numbers"
    elif len(piece.tight) > 1:
        yield _tight(items, piece.tight[-1:]), "its last fraction is a number"
    bare = [item for item in items if not (isinstance(item, str) and item[0] == "[" and item != FACTORIAL)]
    if len(bare) < len(items):
        yield bare, "its percents or thousands are units"
    if len(items) > 3 and items[-1] == PERCENT and items[-3] in ("+", "-"):
        change: list[Item] = ["(", Number(1, UNSHOWN), items[-3], items[-2], PERCENT, ")"]
        yield ["(", *items[:-3], ")", "*", *change], "a change in percent"
    if piece.bullet and len(items) > 1:
        yield items[1:], "its dash opens a list"
    if piece.aside >= 0:
        yield _without_group(items, piece.aside), "its bracket is a remark"


def _replaced(items: list[Item], sign: str) -> list[Item]:
    return [sign if item == MIXED else item for item in items]


def _place(items: list[Item]) -> Fraction:
    """One unit in the last shown place, where the expression is one number."""
    if len(items) > 1 and items[0] == "-":
        return _place(items[1:])
    if len(items) > 2 and items[0] == "(" and items[-1] == ")":
        return _place(items[1:-1])
    first = items[0] if items else ""
    if isinstance(first, str) or len(items) > 2:
        return UNSHOWN
    if len(items) == 1:
        return first.place
    return first.place * Fraction(exact_value([Number(1, UNSHOWN), items[1]])) if items[1] != FACTORIAL else UNSHOWN


def _tight(items: list[Item], bars: list[int]) -> list[Item]:
    """The items with brackets around "1/2" where the bar touches both numbers, as in "3 / 1/2"."""
    found = list(items)
    for bar in reversed(bars):
        if bar + 1 < len(found) and all(isinstance(found[k], Number) for k in (bar - 1, bar + 1)):
            found[bar - 1 : bar + 2] = ["(", *found[bar - 1 : bar + 2], ")"]
    return found


def _without_group(items: list[Item], start: int) -> list[Item]:
    """The items without the sign and the bracket that begin at `start`."""
    depth = 0
    for index in range(start + 1, len(items)):
        depth += (items[index] == "(") - (items[index] == ")")
        if not depth:
            return items[:start] + items[index + 1 :]
    return items[:start]
