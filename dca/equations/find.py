"""Every equation in a text, certified.

    text -> tokens -> chains of expressions -> certified equations

It knows arithmetic with rationals. It does not know algebra, inequalities, sets, calculus, dates or what the
numbers are about: where a claim goes beyond exact arithmetic the verdict is "uncertifiable", with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from types import MappingProxyType
from typing import Final

from dca.equations.certify import FALSE, UNCERTIFIABLE, Judgement, judged
from dca.equations.context import note
from dca.equations.doubts import Link, numbers_of
from dca.equations.expression import Unsure, exact_value
from dca.equations.forms import GLYPHS
from dca.equations.marks import Mark, alone, merged, read_mark
from dca.equations.piece import Chain
from dca.equations.scan import scan
from dca.equations.tokens import Token, tokens

_DIGIT: Final = re.compile(rf"[0-9{GLYPHS}]")

_MODULUS: Final = re.compile(r"mod(?:ulo|ulus)?\b\W{0,3}(\d{1,9})\b")
_MARK: Final = re.compile(r"<<[^<>\n]*>>")


@dataclass(frozen=True, slots=True)
class Equation:
    """One claim that two expressions are equal.

    Attributes:
        start: Its first character in the text.
        stop: One past its last.
        text: What stands there.
        left: The left side as shown.
        right: The right side as shown.
        value: The exact value of the left side, or None.
        claimed: The exact value of the right side, or None.
        verdict: "true", "false" or "uncertifiable".
        operands: The numbers that were worked with: those of the left side, or of the right one where the
            left side is a name.
        reason: Why, in words.
    """

    start: int
    stop: int
    text: str
    left: str
    right: str
    value: Fraction | None
    claimed: Fraction | None
    verdict: str
    operands: tuple[Fraction, ...]
    reason: str


def find_equations(text: str, *, known: Mapping[str, Fraction] = MappingProxyType({})) -> tuple[Equation, ...]:
    """Every equation of a text, in order; each link of a chain ``a = b = c`` is one.

    Linear in the text: long traces are read in one pass. An equation is certified false only where nothing
    speaks for another reading: unknowns, units that convert, times, ratios, remainders, rounding and the like
    make it uncertifiable.

    Args:
        text: Anything.
        known: What capital letters stand for, from `definitions` of an earlier text.

    >>> for equation in find_equations("He buys 3 bags * $4/bag = $12, so 20 - 12 = 9 is left."):
    ...     print(equation.text, equation.verdict, "-", equation.reason)
    3 bags * $4/bag = $12 true - exact
    20 - 12 = 9 false - the left side is 8, the right side 9
    >>> [equation.verdict for equation in find_equations("54 / 3 = <<54/3=18.0>>18, and 3x = 12")]
    ['true', 'uncertifiable']
    """
    if not _DIGIT.search(text):
        return ()
    found: list[Equation] = []
    for chain in scan(tokens(text), known):
        note(text, chain)
        found += _equations(text, chain)
    found.sort(key=lambda equation: (equation.start, equation.stop))
    moduli = {int(shown) for shown in _MODULUS.findall(text)}
    return tuple(_counted(equation, moduli) for equation in found) if moduli else tuple(found)


def _counted(equation: Equation, moduli: set[int]) -> Equation:
    """The same equation, unless it holds where one counts modulo a number that the text names."""
    if equation.verdict != FALSE or equation.value is None or equation.claimed is None:
        return equation
    gap = equation.value - equation.claimed
    if not any(modulus and gap % modulus == 0 for modulus in moduli):
        return equation
    return replace(equation, verdict=UNCERTIFIABLE, reason="it holds modulo a number that the text names")


def _equations(text: str, chain: Chain) -> Iterator[Equation]:
    """The links of a chain, each with the calculator marks that stand in it."""
    for token in chain.pieces[0].marks:
        if mark := read_mark(token):
            yield _of_mark(token, mark, alone(chain.pieces[0], mark))
    before = None
    for left, right, sign in zip(chain.pieces, chain.pieces[1:], chain.relations, strict=False):
        link = Link(left, right, sign.kind, before)
        judgement = judged(link)
        operands = numbers_of(() if left.name else left.items) or numbers_of(right.items)
        for mark in filter(None, map(read_mark, right.marks)):
            if judgement.verdict == UNCERTIFIABLE:
                operands = numbers_of(mark.left.items)
            judgement = merged(judgement, link, mark)
        yield _of_link(text, link, sign, judgement, operands)
        before = left


def _of_mark(token: Token, mark: Mark, judgement: Judgement) -> Equation:
    """The equation of a mark that stands by itself."""
    inner = token.text[2:-2]
    left, right = (inner[piece.start : piece.stop] for piece in (mark.left, mark.right))
    verdict, value, claimed, reason = judgement
    operands = numbers_of(mark.left.items)
    return Equation(token.start, token.stop, token.text, left, right, value, claimed, verdict, operands, reason)


def _of_link(text: str, link: Link, sign: Token, judgement: Judgement, operands: tuple[Fraction, ...]) -> Equation:
    """The equation of two expressions and the sign between them."""
    start = link.left.start if link.left.start >= 0 else sign.start
    stop = max(sign.stop, link.right.stop, *(mark.stop for mark in link.right.marks), 0)
    left, right = (_MARK.sub("", text[max(piece.start, 0) : max(piece.stop, 0)]) for piece in link[:2])
    verdict, value, claimed, reason = judgement
    return Equation(start, stop, text[start:stop], left, right, value, claimed, verdict, operands, reason)


def evaluate(expression: str, *, known: Mapping[str, Fraction] = MappingProxyType({})) -> Fraction | None:
    """The exact value of an expression, or None where it has none that could be certified.

    Args:
        expression: Numbers, signs and brackets as people write them; units are passed over.
        known: What capital letters stand for.

    >>> evaluate("7 - -7 * 4"), evaluate("20% of $1,500"), evaluate(r"\\frac{1}{3} + 2")
    (Fraction(35, 1), Fraction(300, 1), Fraction(7, 3))
    >>> evaluate("9**9**9") is evaluate("two") is evaluate("x + 1") is None
    True
    """
    read = tokens(f"{expression} =")
    chains = scan(read, known)
    piece = chains[0].pieces[0] if chains else None
    if (
        piece is None
        or len(chains) > 1
        or len(chains[0].pieces) > 2
        or piece.start != read[0].start
        or piece.doubt
        or not piece.items
    ):
        return None
    try:
        return Fraction(exact_value(piece.items))
    except Unsure:
        return None


def definitions(
    equations: Sequence[Equation], known: Mapping[str, Fraction] = MappingProxyType({})
) -> dict[str, Fraction]:
    """What capital letters stand for after these equations: the last value of a chain that begins with one.

    >>> definitions(find_equations("Let A = (1 + 2) = 3."))
    {'A': Fraction(3, 1)}
    """
    found = dict(known)
    letter, stop = "", -1
    for equation in equations:
        if equation.start >= stop:
            letter = ""
        if len(equation.left) == 1 and equation.left.isupper():
            letter = equation.left
        if letter and equation.claimed is not None:
            found[letter] = equation.claimed
        stop = equation.stop
    return found
