"""Numbers as people write them: thousands, decimals, mixed numbers, glyphs, powers of ten.

It knows one numeral at a time, and nothing of the words around it.
"""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction
from functools import lru_cache
from typing import Final, NamedTuple

Exact = int | Fraction

UNSHOWN: Final = Fraction(0)
"""The place of a number that shows no last place: a fraction, a letter's value."""

_MARKS: Final = re.compile(r"[^\d.eE+-]")


class Number(NamedTuple):
    """A number: its exact value, and one unit in its last shown place (or `UNSHOWN`)."""

    value: Exact
    place: Fraction


@lru_cache(maxsize=8192)
def number(shown: str) -> Number:
    """The exact value of a numeral, and its last shown place.

    >>> number("1,234.50")
    Number(value=Fraction(2469, 2), place=Fraction(1, 100))
    >>> number("2 1/2").value, number("3½").value, number("6e3").value
    (Fraction(5, 2), Fraction(7, 2), 6000)
    """
    if shown.isdecimal():
        return Number(int(shown), Fraction(1))
    if "/" in shown:
        whole, part = shown.replace(" and ", " ").split()
        return Number(int(whole) + Fraction(part), UNSHOWN)
    if shown[-1] not in "0123456789.":
        glyph = Fraction(unicodedata.numeric(shown[-1])).limit_denominator(8)
        return Number(int(shown[:-1] or 0) + glyph, UNSHOWN)
    digits, _, power = _MARKS.sub("", shown).lower().partition("e")
    scale = Fraction(10) ** int(power or 0)
    value = Fraction(digits.rstrip(".")) * scale
    places = len(digits.partition(".")[2])
    return Number(value.numerator if value.denominator == 1 else value, scale / 10**places)
