"""The ways an expression may be meant, each with its exact value.

"20%" is a fifth or twenty of a hundred, "2½" written with \\frac may be a product, a dash may open a list.
It knows no equation, and so not which way was meant.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final, NamedTuple

from dca.equations.expression import FACTORIAL, PERCENT, Exact, Item, exact_value
from dca.equations.piece import MIXED, Piece
from dca.equations.tokens import Number

_WHOLE: Final = Fraction(0)


class Sense(NamedTuple):
    """One way to read an expression: its value, and one unit in the last shown place of a plain number."""

    value: Exact
    place: Fraction
    note: str = ""


def senses(piece: Piece) -> Iterator[Sense]:
    """Every way to read an expression, the plain one first.

    Raises:
        Unsure: The expression has no value that could be certified.
    """
    items = piece.items
    if MIXED in items:
        yield Sense(exact_value([("+" if item == MIXED else item) for item in items]), _WHOLE)
        yield Sense(exact_value([("*" if item == MIXED else item) for item in items]), _WHOLE, "read as a product")
        return
    yield Sense(exact_value(items), _place(items))
    if piece.tight and items.count("/") > len(piece.tight):
        yield Sense(exact_value(_tight(items, piece.tight)), _WHOLE, "its fractions are numbers")
    plain = [item for item in items if not (isinstance(item, str) and item[0] == "[" and item != FACTORIAL)]
    if len(plain) < len(items):
        yield Sense(exact_value(plain), _place(plain), "its percents or thousands are units")
        if len(items) > 3 and items[-1] == PERCENT and items[-3] in ("+", "-"):
            change = ["(", Number(1, _WHOLE), items[-3], items[-2], PERCENT, ")"]
            yield Sense(exact_value(["(", *items[:-3], ")", "*", *change]), _WHOLE, "a change in percent")
    if piece.bullet and len(items) > 1:
        yield Sense(exact_value(items[1:]), _place(items[1:]), "its dash opens a list")
    if piece.aside >= 0:
        plain = _without_group(items, piece.aside)
        yield Sense(exact_value(plain), _place(plain), "its bracket is a remark")


def _place(items: list[Item]) -> Fraction:
    """One unit in the last shown place, where the expression is one number; else 0."""
    if len(items) == 1 and isinstance(items[0], Number):
        return items[0].place
    if len(items) == 2 and isinstance(items[0], Number) and isinstance(items[1], str):
        return abs(items[0].place * Fraction(exact_value([Number(1, _WHOLE), items[1]])))
    if len(items) > 1 and items[0] == "-":
        return _place(items[1:])
    if len(items) > 2 and items[0] == "(" and items[-1] == ")":
        return _place(items[1:-1])
    return _WHOLE


def _tight(items: list[Item], bars: list[int]) -> list[Item]:
    """The items with brackets around "1/2" where the bar touches both numbers."""
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
