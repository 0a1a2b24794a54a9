"""Exact values in words, for reasons that people read. It knows no expression."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

_FLOATABLE: Final = 900
"""Bits of a number that a float can stand for."""


def show(value: Fraction | None) -> str:
    """A value in words: whole, a decimal where one ends soon, else a fraction, else about what it is.

    >>> show(Fraction(5, 2)), show(Fraction(1, 3)), show(Fraction(10**20, 3))
    ('2.5', '1/3', 'about 3.33333e+19')
    """
    if value is None:
        return "unknown"
    above, below = value.numerator, value.denominator
    if max(above.bit_length(), below.bit_length()) > _FLOATABLE:
        return "beyond reach"
    if below == 1 and abs(above) < 10**15:
        return str(above)
    if 10**6 % below == 0 and below > 1:
        return f"{float(value):.6f}".rstrip("0")
    return f"{above}/{below}" if 1 < below < 1000 and abs(above) < 10**9 else f"about {float(value):.6g}"
