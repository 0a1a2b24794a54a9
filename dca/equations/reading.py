"""The state of one pass over the tokens: the open brackets, the expression being read, the chains found.

It opens and closes; what a token means is said in `brackets`, `phrases` and `scan`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from dca.equations import tokens as kinds
from dca.equations.expression import Unsure, exact_value
from dca.equations.piece import Chain, Piece
from dca.equations.tokens import Token

_OPERANDS: Final = frozenset({kinds.NUMBER, kinds.OPEN, kinds.FUNCTION})
_NOWHERE: Final = Token(kinds.END, "", -1, -1)


@dataclass(slots=True)
class Frame:
    """The inside of a bracket, or the text itself.

    Attributes:
        chain: The expressions equated so far.
        piece: The expression being read.
        start: Where the bracket opens.
        touched: The kind of token that the opening bracket touched on its left, or "".
        listed: Whether a comma or the like was met: no single expression.
    """

    chain: Chain = field(default_factory=Chain)
    piece: Piece = field(default_factory=Piece)
    start: int = -1
    touched: str = ""
    listed: bool = False


@dataclass(slots=True)
class Reading:
    """Where one pass stands.

    Attributes:
        tokens: All tokens of the text; the last one is its end.
        known: What letters stand for; changes as definitions are met.
        chains: What was found, in the order in which it ended.
        frames: The text, and each bracket that is open.
        index: The token being read.
        buried: Brackets open beyond the depth that is read.
    """

    tokens: list[Token]
    known: dict[str, Fraction]
    chains: list[Chain] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=lambda: [Frame()])
    index: int = 0
    buried: int = 0

    @property
    def piece(self) -> Piece:
        """The expression being read."""
        return self.frames[-1].piece

    @property
    def last(self) -> Token:
        """The token before this one."""
        return self.tokens[self.index - 1] if self.index else _NOWHERE

    @property
    def following(self) -> Token:
        """The token after this one; the end of the text follows itself."""
        return self.tokens[min(self.index + 1, len(self.tokens) - 1)]

    def operand_follows(self) -> bool:
        """Whether the next token may begin an operand."""
        following = self.following
        return following.kind in _OPERANDS or (following.kind == kinds.WORD and following.text in self.known)

    def finish(self, *lead: str) -> None:
        """End the chain of the current bracket and begin an empty one after the words `lead`."""
        frame = self.frames[-1]
        piece = frame.piece
        frame.listed = frame.listed or bool(lead and piece.items)
        if frame.chain.pieces or piece.marks:
            piece.complete()
            frame.chain.pieces.append(piece)
            self.chains.append(frame.chain)
            self._define(frame.chain)
            frame.chain = Chain()
        frame.piece = Piece(lead=list(lead))

    def equate(self, relation: Token) -> None:
        """End one side of an equation and begin the other."""
        frame = self.frames[-1]
        if frame.chain.pieces and frame.piece.since > 1:  # "x = 0 meets the curve xy = 8"
            self.finish("")
        piece = frame.piece
        if piece.empty:
            piece.doubt = "its left side is in words" if piece.lead else "nothing stands on its left side"
        piece.complete()
        frame.chain.pieces.append(piece)
        frame.chain.relations.append(relation)
        frame.piece = Piece()

    def unwind(self) -> None:
        """Close every bracket left open: a sentence or a line has ended."""
        self.buried = 0
        while len(self.frames) > 1:
            self.finish()
            self.frames.pop()
        self.finish()

    def _define(self, chain: Chain) -> None:
        """Remember what a letter stands for once it was worked out: ``A = (1 + 2) = 3``."""
        name = chain.pieces[0].name
        if not name.isupper():
            return
        worked = name in self.known or any(not piece.bare for piece in chain.pieces[1:])
        value = last_value(chain.pieces[1:]) if worked else None
        if value is None:
            self.known.pop(name, None)
        else:
            self.known[name] = value


def last_value(pieces: list[Piece]) -> Fraction | None:
    """The value of the last expression that has one."""
    for piece in reversed(pieces):
        if piece.items and not piece.doubt:
            try:
                return Fraction(exact_value(piece.items))
            except Unsure:
                continue
    return None
