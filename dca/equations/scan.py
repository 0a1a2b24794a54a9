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
from dca.equations.phrases import word
from dca.equations.piece import Chain, Piece
from dca.equations.reading import Reading
from dca.equations.tokens import Token, number

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
    piece = reading.piece
    if piece.have and not piece.pending:
        last = reading.last
        if last.kind == kinds.FACTORIAL and last.stop == token.start:
            piece.product()
        elif _is_adjective(reading, token) or (piece.doubt and not piece.since):
            piece.since += 1
            return
        else:
            _restart(reading, piece)
            piece = reading.piece
    last = reading.last
    if last.kind == kinds.WORD and last.stop == token.start and not piece.have:
        piece.unknown(f"{last.text + token.text!r} is a name", token)
        return
    if piece.pending == 2 and len(token.text) == 2 and token.text.isdecimal():  # \frac12
        piece.operand([number(token.text[0])], token)
        piece.operand([number(token.text[1])], token)
    else:
        piece.operand([number(token.text)], token)


def _restart(reading: Reading, piece: Piece) -> None:
    """A number after a number: a new expression begins, unless the two belong together in a way not read here."""
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
    return hyphen.text == "-" and hyphen.start == token.stop and noun.kind == kinds.WORD and noun.start == hyphen.stop


def _odd(reading: Reading, token: Token) -> None:
    """Something in an operand's place that has no value here."""
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


def _line(reading: Reading, token: Token) -> None:
    """A line ends; an expression may go on where a sign or an equals sign joins the lines."""
    piece = reading.piece
    following = reading.following.kind
    if following in _EQUATING and (piece.have or piece.doubt):
        return
    cut = not piece.have and (piece.items or (piece.empty and not piece.lead and reading.frames[-1].chain.pieces))
    if not (cut and reading.operand_follows()):
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


def _sign(reading: Reading, token: Token) -> None:
    piece = reading.piece
    if piece.have:
        _sign_after_operand(reading, piece, token)
    elif not piece.empty:
        if token.text in "+-":
            piece.sign(token.text, token)
        elif token.text == "/":
            piece.unknown("it does not read as an expression", token)
    elif token.text in "+-":
        _leading_sign(reading, piece, token)
    elif token.text != "*" or (piece.lead and reading.last.stop == token.start):
        piece.unknown("a word stands where a number should", token)
        piece.have = False


def _leading_sign(reading: Reading, piece: Piece, token: Token) -> None:
    """A sign before the first operand: unary, the dash of a list, or one that has words on its left."""
    touching = reading.following.start == token.stop
    if piece.lead and not touching:
        piece.unknown("a word stands where a number should", token)
        piece.have = False
        return
    if piece.lead and piece.lead[-1] not in words.STOPS:
        piece.loose = "its sign may belong to the words before it"
    elif token.text == "+":
        piece.loose = "a sign stands before its first number"
    piece.bullet = not touching
    piece.sign(token.text, token)


def _sign_after_operand(reading: Reading, piece: Piece, token: Token) -> None:
    """A sign after an operand: between two operands, in a unit ("$5/hour"), or a dash."""
    following = reading.following
    apart = following.start > token.stop
    touching = reading.last.stop == token.start and not apart
    if token.text == "/" and piece.since and following.kind == kinds.WORD and following.text in words.UNIT_LETTERS:
        return  # "m/s"
    if following.kind == kinds.WORD and len(following.text) > 1:
        lower = following.text.lower()
        if (token.text == "/" and _is_unit(reading, lower)) or (token.text == "-" and touching):
            piece.since += 1
            return
        if token.text == "-" and apart and lower in words.STOPS:
            reading.finish(lower)
            return
    if token.text == "*" and not reading.operand_follows() and following.kind not in (kinds.SIGN, kinds.WORD):
        return  # the end of *emphasis*
    if token.text == "/" and piece.since and touching:
        piece.loose = "a rate: a unit over a number"
    if token.text == "/" and not piece.doubt and touching:
        piece.tight.append(len(piece.items))
    if token.text == "^" and piece.since and reading.operand_follows():  # the power of a unit
        piece.skip, piece.have = True, False
    else:
        piece.sign(token.text, token)


def _is_unit(reading: Reading, word: str) -> bool:
    """May this word stand under a fraction bar as a unit ("$5/hour"), and not as an unknown ("1/di")?"""
    if word == "sqrt" or word in words.FUNCTIONS:
        return False
    return len(word) > 2 or word in words.TOUCHING or word in words.DIMENSIONS


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
    kinds.SIGN: _sign,
    kinds.EQUALS: _equals,
    kinds.ABOUT: _equals,
    kinds.SAID: _equals,
    kinds.OPEN: opened,
    kinds.CLOSE: closed,
    kinds.LINE: _line,
    kinds.END: _end,
    kinds.BREAK: _break,
}
