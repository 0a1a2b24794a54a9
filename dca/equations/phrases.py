"""Words among numbers: units, signs in words, letters that stand for numbers, and what ends an expression.

It knows the lists in `words` and the neighbours of a word, not its meaning.
"""

from __future__ import annotations

from typing import Final

from dca.equations import tokens as kinds
from dca.equations import words
from dca.equations.expression import PERCENT
from dca.equations.numerals import UNSHOWN, Number
from dca.equations.piece import Piece
from dca.equations.reading import Reading
from dca.equations.tokens import Token

LONGEST_UNIT: Final = 6
"""Words: "slices of pizza per person"; longer phrases end the expression."""

_AFTER_LETTER: Final = frozenset({kinds.SIGN, kinds.EQUALS, kinds.ABOUT, kinds.CLOSE, kinds.FACTORIAL, kinds.UNKNOWN})


def word(reading: Reading, token: Token) -> None:
    """Say what a word is: a letter, a unit, a sign, a remainder, or the end of the expression."""
    piece = reading.piece
    lower = token.text.lower()
    if len(lower) == 1 and _letter(reading, piece, token):
        return
    if lower == "sqrt" and reading.following.kind == kinds.OPEN:
        piece.function("R", 1, token)
    elif lower in words.FUNCTIONS:
        piece.unknown(f"{token.text} is not worked out here", token)
    elif piece.have:
        _after_operand(reading, piece, token, lower)
    elif piece.empty:
        _leading(reading, piece, lower)
    elif lower not in words.DETERMINERS or not reading.operand_follows():
        piece.unknown(f"the word {token.text!r} stands where a number should", token)


def _leading(reading: Reading, piece: Piece, lower: str) -> None:
    """A word before the first number of an expression."""
    piece.lead = [*piece.lead[-2:], lower]
    if not reading.frames[-1].chain.pieces:
        return
    if lower in words.ABOUT:
        piece.about = lower not in words.EXACT
    elif lower in words.STOPS or len(piece.lead) > 2:
        reading.finish(lower)
    else:
        piece.loose = "words stand between the equals sign and the number"


def _after_operand(reading: Reading, piece: Piece, token: Token, lower: str) -> None:
    """A word after a number or a bracket."""
    if lower in words.SIGNS and reading.operand_follows():
        piece.sign(words.SIGNS[lower], token)
    elif lower == "of" and _is_part(piece):
        _of(reading, piece, token)
    elif (lower in words.SCALES or lower == "percent") and piece.items and not piece.since:
        piece.items.append(words.SCALES.get(lower, PERCENT))
    elif lower in words.REMAINDERS:
        piece.unknown("it speaks of a remainder or a base", token)
    elif _touches_operand(reading, token) and lower not in words.TOUCHING:
        piece.unknown(f"{token.text!r} is not known here", token)
    elif lower in words.IS and not piece.doubt and not piece.bare and reading.following.kind == kinds.NUMBER:
        reading.equate(token)
    elif lower in words.STOPS or piece.since >= LONGEST_UNIT:
        reading.finish(*piece.units[-1:], lower)
        if lower in words.JOINERS and reading.operand_follows():
            reading.piece.loose = "a number before it may belong to it"
    else:
        piece.since += 1
        piece.units.append(lower)


def _of(reading: Reading, piece: Piece, token: Token) -> None:
    """The word "of" after a part: a product, or a part of something in words."""
    if reading.operand_follows():
        piece.sign("*", token)
    else:
        piece.loose = "it is a part of something in words"
        piece.since += 1


def _is_part(piece: Piece) -> bool:
    """Does "of" mean a product here, as after 20% or 1/2?"""
    if piece.doubt:
        return False
    last = piece.items[-1]
    fraction = len(piece.items) > 2 and piece.items[-2] == "/"
    bracket = last == ")" and ("/" in piece.items or "F" in piece.items)
    return last == PERCENT or fraction or bracket or (isinstance(last, Number) and last.value < 1)


def _touches_operand(reading: Reading, token: Token) -> bool:
    return reading.last.stop == token.start and reading.last.kind in (kinds.NUMBER, kinds.CLOSE)


def _letter(reading: Reading, piece: Piece, token: Token) -> bool:
    """Read a single letter as a sign, a number's name or a unit; False where it is a mere word."""
    follows = reading.following
    if piece.have:
        return _letter_after_operand(reading, piece, token)
    if follows.kind == kinds.OPEN and follows.start == token.stop:
        return False  # a function; `brackets` sees to it
    if piece.empty and follows.kind not in _AFTER_LETTER:
        return False
    article = piece.empty and token.text in "aAI" and token.text not in reading.known
    if article and follows.text == "-" and follows.start > token.stop:
        return False
    alone = piece.empty and follows.kind in (kinds.EQUALS, kinds.ABOUT)
    value = reading.known.get(token.text) if token.text.isupper() else None
    if value is None:
        piece.unknown(f"{token.text} is not known here", token)
    else:
        piece.operand([Number(value, UNSHOWN)], token)
    piece.name = token.text if alone else piece.name
    return True


def _letter_after_operand(reading: Reading, piece: Piece, token: Token) -> bool:
    """A letter after a number: the sign x, a unit ("5 m"), a factor ("3n")."""
    follows = reading.following
    touching = _touches_operand(reading, token)
    if token.text in "xX" and reading.operand_follows():
        if touching and follows.kind == kinds.OPEN:
            piece.loose = "x may be a sign or an unknown"
        piece.sign("*", token)
    elif token.text in words.UNIT_LETTERS and not (touching and follows.kind == kinds.NUMBER):
        piece.loose = f"{token.text} may be a unit or an unknown"
        piece.since += 1
    elif touching or follows.kind in _AFTER_LETTER or token.text not in "aAI":
        piece.unknown(f"{token.text} is not known here", token)
    else:
        return False
    return True
