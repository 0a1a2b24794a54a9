"""Brackets: factors, groups of a function, remarks in words, lists.

What a bracket means depends on what stands before it and on what it holds; nothing here is judged.
"""

from __future__ import annotations

from typing import Final

from dca.equations import tokens as kinds
from dca.equations import words
from dca.equations.expression import DEEPEST, Item
from dca.equations.piece import Piece
from dca.equations.reading import Frame, Reading
from dca.equations.tokens import Token

_FACTORS: Final = (kinds.NUMBER, kinds.CLOSE, kinds.FACTORIAL)


def opened(reading: Reading, token: Token) -> None:
    """Begin a bracket."""
    last = reading.last
    if len(reading.frames) > DEEPEST:
        reading.buried += 1
        reading.piece.unknown("its brackets are too deep", token)
        return
    reading.frames.append(Frame(start=token.start, touched=last.kind if last.stop == token.start else ""))


def closed(reading: Reading, token: Token) -> None:
    """End a bracket and say what it is to the expression around it."""
    if reading.buried:
        reading.buried -= 1
        return
    if len(reading.frames) == 1:
        reading.finish()
        return
    frame = reading.frames[-1]
    inner = frame.piece
    inner.complete()
    plain = not (frame.chain.pieces or frame.listed or inner.doubt or inner.empty or inner.marks)
    if not plain:
        reading.finish()
    reading.frames.pop()
    outer = reading.piece
    if not outer.have and outer.start < 0:
        token = Token(token.kind, token.text, frame.start, token.stop)
    if frame.touched == kinds.WORD and not outer.pending and (plain or not outer.have):
        outer.unknown("a function's value is not known here", token)
    elif plain:
        _group(outer, inner, frame, token)
    else:
        _remark(outer, inner, frame, token)


def _group(outer: Piece, inner: Piece, frame: Frame, token: Token) -> None:
    """Take a bracket that holds one expression."""
    items: list[Item] = ["(", *inner.items, ")"]
    if outer.have and (outer.doubt or outer.since):
        return
    outer.units += inner.units
    outer.loose = outer.loose or inner.loose
    if outer.have:
        if inner.units:
            outer.loose = "a bracket holds a quantity of its own"
        elif frame.touched not in _FACTORS:
            outer.loose = "a bracket may be a factor or a remark"
            outer.aside = len(outer.items) if outer.aside < 0 else outer.aside
        outer.product()
    outer.operand(items, token)


def _remark(outer: Piece, inner: Piece, frame: Frame, token: Token) -> None:
    """Pass over a bracket of words, or doubt what depends on it."""
    doubt = inner.doubt or ("a bracket holds a list" if frame.listed else "")
    if outer.pending or (not outer.have and not outer.empty):
        outer.unknown(doubt or "a bracket holds no expression", token)
    elif doubt and not outer.since:
        outer.unknown(doubt, token)
    elif outer.have and frame.touched in _FACTORS:
        outer.unknown("a factor is in words", token)
    elif outer.empty:
        outer.lead += inner.lead or ["()"]
    else:
        outer.since += 1
        outer.about = outer.about or any(word in words.ABOUT for word in inner.lead)
