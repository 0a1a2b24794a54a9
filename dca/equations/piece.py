"""One side of an equation while it is being read, and the chain that equations form.

It knows what was read, not yet what it is worth.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from dca.equations.expression import FACTORIAL, LONGEST, Item
from dca.equations.tokens import Token

MIXED: Final = "@"
"""Between a number and a fraction right after it: "2\\frac12" is two and a half, or two times a half."""


@dataclass(slots=True)
class Piece:
    """An expression, as far as it was read.

    Attributes:
        items: The normalised expression.
        start: First character of its first part; -1 where nothing was read.
        stop: One past its last part, units left out.
        doubt: Why its value is not known; "" where it is.
        loose: Why it may be meant otherwise; such a piece is never certified false.
        name: The letter it is, where it is nothing else.
        lead: The words right before it.
        units: The words that were taken for units.
        about: Whether a word says that it is rounded.
        aside: Where in `items` a bracket begins that may be a product or a remark; -1 for none.
        bullet: Whether its leading minus may be the dash of a list.
        tight: Where in `items` a fraction bar touches both its numbers, as in "3 / 1/2".
        marks: Calculator marks seen within it.
        have: Whether an operand was just read, and not a sign.
        pending: How many groups a function (a fraction, a root) still takes.
        wrap: Whether a mixed number must be closed when its fraction is complete.
        skip: Whether the next operand is the power of a unit.
        since: Words since the last operand.
    """

    items: list[Item] = field(default_factory=list)
    start: int = -1
    stop: int = -1
    doubt: str = ""
    loose: str = ""
    name: str = ""
    lead: list[str] = field(default_factory=list)
    units: list[str] = field(default_factory=list)
    about: bool = False
    aside: int = -1
    bullet: bool = False
    tight: list[int] = field(default_factory=list)
    marks: list[Token] = field(default_factory=list)
    have: bool = False
    pending: int = 0
    wrap: bool = False
    skip: bool = False
    since: int = 0

    @property
    def empty(self) -> bool:
        """Whether nothing but words was read."""
        return not self.items and not self.doubt

    @property
    def bare(self) -> bool:
        """Whether it is one number, with its own sign and percent, and works nothing out."""
        signs = self.items[1:] if self.items[:1] == ["-"] else self.items
        postfixes = (item for item in signs if isinstance(item, str))
        return len(signs) < 3 and all(item[0] == "[" and item != FACTORIAL for item in postfixes)

    def cover(self, token: Token) -> None:
        """Stretch over a token."""
        self.start = token.start if self.start < 0 else self.start
        self.stop = token.stop

    def sign(self, sign: str, token: Token) -> None:
        """Take a sign, or the letter of a function."""
        self.cover(token)
        self.have = False
        if len(self.items) > LONGEST:
            self.unknown("the expression is too long", token)
            self.have = False
        elif not self.doubt:
            self.items.append(sign)

    def operand(self, items: list[Item], token: Token) -> None:
        """Take a number, a bracket or a letter's value."""
        self.cover(token)
        self.since = 0
        if self.skip:
            self.skip, self.have = False, True
        elif self.doubt:
            self.have = True
        elif self.pending:
            self.pending -= 1
            self.have = not self.pending
            self.items += ["(", *items, ")", ")"] if self.have and self.wrap else ["(", *items, ")"]
            self.wrap = self.wrap and not self.have
        else:
            self.items += items
            self.have = True
        if len(self.items) > LONGEST:
            self.unknown("the expression is too long", token)

    def unknown(self, doubt: str, token: Token) -> None:
        """Take an operand whose value is not known."""
        self.cover(token)
        self.doubt = self.doubt or doubt
        self.items.clear()
        self.have, self.pending, self.wrap, self.skip, self.since = True, 0, False, False, 0

    def function(self, letter: str, groups: int, token: Token) -> None:
        """Begin a fraction, a binomial or a root."""
        if self.have and self.items:
            if letter == "F" and not isinstance(self.items[-1], str):
                whole = self.items.pop()
                self.items += ["(", whole, MIXED]
                self.wrap = True
            else:
                self.product()
        if self.pending:  # a fraction in a fraction without braces
            self.unknown("it does not read as an expression", token)
            return
        self.sign(letter, token)
        self.pending = groups

    def product(self) -> None:
        """Go on with a factor that has no sign before it."""
        if not self.doubt:
            if "/" in self.items:
                self.loose = "a product without a sign after a fraction bar"
            self.items.append("*")

    def complete(self) -> None:
        """Nothing more is coming: a dangling sign is a dash, or a doubt."""
        if self.doubt or self.have or not self.items:
            return
        if self.items[-1] == "-" and not self.pending and len(self.items) > 1:
            self.items.pop()
            self.have = True
        else:
            self.doubt = "it is cut off"


@dataclass(slots=True)
class Chain:
    """Expressions and the signs between them: ``a = b ≈ c`` has pieces a, b, c and relations =, ≈."""

    pieces: list[Piece] = field(default_factory=list)
    relations: list[Token] = field(default_factory=list)
