"""Tokens to chains: which numbers, signs and brackets make one expression, and which expressions are equated.

One forward pass; a number that follows a number without a sign between them starts a new expression.
It judges nothing: what cannot be read carries its doubt in words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Final

from dca.equations import tokens as kinds
from dca.equations import words
from dca.equations.brackets import closed, opened
from dca.equations.expression import FACTORIAL, PERCENT
from dca.equations.numerals import number
from dca.equations.phrases import word
from dca.equations.piece import Chain, Piece
from dca.equations.reading import Reading
from dca.equations.signs import sign
from dca.equations.tokens import Token

_GROUPS: Final = {"F": 2, "B": 2, "R": 1}
_EQUATING: Final = (kinds.EQUALS, kinds.ABOUT, kinds.SAID)


def scan(tokens: list[Token], known: Mapping[str, Fraction]) -> list[Chain]:
    """Read all tokens of a text; a chain of one piece holds a calculator mark and no equation."""
    reading = Reading(tokens, dict(known))
    for index, token in enumerate(tokens):
        reading.index = index
        _READERS[token.kind](reading, token)
    return reading.chains


def _number(reading: Reading, token: Token) -> None:
    """A number: an operand, the beginning of a new expression, or part of a word."""
    piece, last = reading.piece, reading.last
    touching = last.stop == token.start
    if piece.have and not piece.pending:
        if touching and last.kind == kinds.FACTORIAL:
            piece.product()
        elif _is_adjective(reading, token) or (piece.doubt and not piece.since):
            piece.since += 1
            return
        else:
            _begin_anew(reading, piece)
            piece = reading.piece
    if touching and last.kind == kinds.WORD and not piece.have:
        piece.unknown(f"{last.text + token.text!r} is a name", token)
    elif piece.pending == 2 and len(token.text) == 2 and token.text.isdecimal():  # \frac12
        piece.operand([number(token.text[0])], token)
        piece.operand([number(token.text[1])], token)
    else:
        piece.operand([number(token.text)], token)


def _begin_anew(reading: Reading, piece: Piece) -> None:
    """A number after a number: a new expression, unless the two belong together in a way not read here."""
    lead = piece.units[-piece.since :] if piece.since else ["#"]
    tied = piece.since and words.JOINERS.intersection(lead)
    bracket = reading.last.kind == kinds.CLOSE
    reading.frames[-1].listed = True
    reading.finish(*lead[-3:])
    if tied or bracket:
        reading.piece.loose = "a number before it may belong to it"


def _is_adjective(reading: Reading, token: Token) -> bool:
    """Is this number part of a word ("2-legged"), and no operand?"""
    hyphen, noun = [*reading.tokens[reading.index + 1 : reading.index + 3], token, token][:2]
    joined = hyphen.start == token.stop and noun.start == hyphen.stop
    return hyphen.text == "-" and joined and noun.kind == kinds.WORD


def _odd(reading: Reading, token: Token) -> None:
    """Something in an operand's place that has no value here; a bar after an operand ends a table's cell."""
    piece = reading.piece
    cell = token.text == "|" and piece.have and not piece.doubt
    if piece.have and (cell or piece.since):
        reading.finish()
    if not cell:
        reading.piece.unknown(f"{token.text!r} has no value known here", token)


def _modulo(reading: Reading, token: Token) -> None:
    for frame in reading.frames:
        frame.piece.unknown("it counts modulo a number", token)


def _mark(reading: Reading, token: Token) -> None:
    reading.piece.marks.append(token)


def _postfix(reading: Reading, token: Token) -> None:
    piece = reading.piece
    if piece.have and piece.items and not piece.since:
        piece.cover(token)
        piece.items.append(PERCENT if token.kind == kinds.PERCENT else FACTORIAL)


def _function(reading: Reading, token: Token) -> None:
    piece = reading.piece
    if piece.have and piece.since:
        reading.finish(*piece.units[-3:])
    reading.piece.function(token.text, _GROUPS[token.text], token)


def _equals(reading: Reading, token: Token) -> None:
    reading.equate(token)


def _line(reading: Reading, _token: Token) -> None:
    """A line ends; an expression may go on where a sign or an equals sign joins the lines."""
    piece = reading.piece
    if reading.following.kind in _EQUATING and (piece.have or piece.doubt):
        return
    begun = piece.items or (piece.empty and not piece.lead and reading.frames[-1].chain.pieces)
    if piece.have or not begun or not reading.operand_follows():
        reading.unwind()


def _end(reading: Reading, token: Token) -> None:
    if token.text == "?":
        reading.piece.loose = "it is asked, not claimed"
    reading.unwind()


def _break(reading: Reading, token: Token) -> None:
    reading.frames[-1].listed = True
    if token.text == "," and reading.following.kind in (kinds.NUMBER, kinds.SIGN):
        reading.piece.loose = reading.piece.loose or "a list goes on"
    reading.finish()


_READERS: Final[Mapping[str, Callable[[Reading, Token], None]]] = {
    kinds.NUMBER: _number,
    kinds.ODD: _odd,
    kinds.UNKNOWN: _odd,
    kinds.MODULO: _modulo,
    kinds.MARK: _mark,
    kinds.WORD: word,
    kinds.PERCENT: _postfix,
    kinds.FACTORIAL: _postfix,
    kinds.FUNCTION: _function,
    kinds.SIGN: sign,
    kinds.EQUALS: _equals,
    kinds.ABOUT: _equals,
    kinds.SAID: _equals,
    kinds.OPEN: opened,
    kinds.CLOSE: closed,
    kinds.LINE: _line,
    kinds.END: _end,
    kinds.BREAK: _break,
}
