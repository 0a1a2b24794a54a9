"""Signs among operands: between two of them, before the first, in a unit, in emphasis, in a list.

Which of these a sign is depends on its neighbours; nothing is computed here.
"""

from __future__ import annotations

from dca.equations import tokens as kinds
from dca.equations import words
from dca.equations.piece import Piece
from dca.equations.reading import Reading
from dca.equations.tokens import Token


def sign(reading: Reading, token: Token) -> None:
    """Say what a sign is."""
    piece = reading.piece
    bold = token.stop - token.start == 2 and token.text == "^"
    if bold and (piece.empty if not piece.have else not reading.operand_follows()):
        return  # **emphasis**
    if piece.have:
        _after_operand(reading, piece, token)
    elif not piece.empty:
        if token.text in "+-":
            piece.sign(token.text, token)
        else:
            piece.unknown("it does not read as an expression", token)
    elif token.text in "+-":
        _leading(reading, piece, token)
    elif token.text != "*" or (piece.lead and reading.last.stop == token.start):
        _after_words(piece, token)


def _leading(reading: Reading, piece: Piece, token: Token) -> None:
    """A sign before the first operand: unary, the dash of a list, or one that has words on its left."""
    touching = reading.following.start == token.stop
    if piece.lead and not touching:
        _after_words(piece, token)
        return
    if piece.lead and piece.lead[-1] not in words.STOPS:
        piece.loose = "its sign may belong to the words before it"
    elif token.text == "+":
        piece.loose = "a sign stands before its first number"
    piece.bullet = not touching
    piece.sign(token.text, token)


def _after_words(piece: Piece, token: Token) -> None:
    """A sign whose left operand is in words."""
    piece.unknown("a word stands where a number should", token)
    piece.have = False


def _after_operand(reading: Reading, piece: Piece, token: Token) -> None:
    """A sign after an operand: between two operands, in a unit ("$5/hour"), or a dash."""
    following = reading.following
    apart = following.start > token.stop
    touching = reading.last.stop == token.start and not apart
    text = token.text
    if following.kind == kinds.WORD and _in_words(reading, piece, token, touching):
        return
    if text == "*" and not reading.operand_follows() and following.kind not in (kinds.SIGN, kinds.WORD):
        return  # the end of *emphasis*
    if text == "/" and touching:
        if piece.since:
            piece.loose = "a rate: a unit over a number"
        elif not piece.doubt:
            piece.tight.append(len(piece.items))
    if text == "^" and piece.since and reading.operand_follows():
        piece.skip, piece.have = True, False  # the power of a unit
    else:
        piece.sign(text, token)


def _in_words(reading: Reading, piece: Piece, token: Token, touching: bool) -> bool:
    """Is it part of a unit ("m/s", "$5/hour", "a 2-legged") or a dash between words? Then it is dealt with."""
    word = reading.following.text
    lower = word.lower()
    letter = len(word) == 1
    if token.text == "/" and (_is_unit(lower) or (letter and piece.since and word in words.UNIT_LETTERS)):
        piece.since += 1
        return True
    if letter or token.text != "-":
        return False
    if touching and word.islower() and reading.last.kind == kinds.NUMBER and _is_unit(lower):
        piece.since += 1
        return True
    if reading.following.start > token.stop and lower in words.STOPS:
        reading.finish(lower)
        return True
    return False


def _is_unit(word: str) -> bool:
    """May this word stand under a fraction bar as a unit ("$5/hour"), and not as an unknown ("1/di")?"""
    if len(word) == 1 or word == "sqrt" or word in words.FUNCTIONS:
        return False
    return len(word) > 2 or word in words.TOUCHING or word in words.DIMENSIONS
