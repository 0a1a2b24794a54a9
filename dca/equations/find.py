"""Every equation in a text, certified.

    text -> tokens -> chains of expressions -> certified equations

It knows arithmetic with rationals. It does not know algebra, inequalities, sets, calculus, dates or what the
numbers are about: where a claim goes beyond exact arithmetic the verdict is "uncertifiable", with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Final

from dca.equations import words
from dca.equations.certify import UNCERTIFIABLE, Judgement, judged, numbers
from dca.equations.expression import Exact, Unsure, exact_value
from dca.equations.marks import Mark, alone, merged, read_mark
from dca.equations.piece import Chain, Piece
from dca.equations.scan import scan
from dca.equations.tokens import Token, tokens

_DIGIT: Final = re.compile(r"[0-9]")

_NEAR: Final = 80
_REJECTION: Final = re.compile(
    r"[^.?!\n]*?\b(?:(?:is|are|was|does|do|did)(?: also)?(?: not|n't)(?: also)?"
    r" (?:equal|true|hold|work|satisf|correct|match|the same|possible|valid)"
    r"|(?:is|was|are) (?:wrong|false|incorrect|impossible|a contradiction)|not equal|contradict)"
)
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


def find_equations(
    text: str, *, known: Mapping[str, Fraction] = MappingProxyType({})
) -> tuple[Equation, ...]:
    """The equations of a text in their order, each link of a chain ``a = b = c`` by itself."""
    if not _DIGIT.search(text):
        return ()
    found: list[Equation] = []
    for chain in scan(tokens(text), known):
        _note_context(text, chain)
        found += _equations(text, chain)
    found.sort(key=lambda equation: (equation.start, equation.stop))
    return tuple(found)


def _note_context(text: str, chain: Chain) -> None:
    """Note what the words around a chain say of it: that it is rejected, or that dollars and cents meet in it."""
    end = chain.pieces[-1]
    doubt = "the text itself rejects it" if _REJECTION.match(text, end.stop, end.stop + _NEAR) else ""
    if any(words.CENTS.intersection(piece.units) for piece in chain.pieces):
        start = max(chain.pieces[0].start - 1, 0)
        doubt = doubt or ("dollars and cents meet in it" if "$" in text[start : end.stop] else "")
    for piece in chain.pieces if doubt else ():
        piece.loose = piece.loose or doubt


def _equations(text: str, chain: Chain) -> Iterator[Equation]:
    """The links of a chain, each with the calculator marks that stand in it."""
    first, before = chain.pieces[0], None
    for token in first.marks:
        if mark := read_mark(token):
            yield _of_mark(text, token, first, mark)
    for left, right, relation in zip(chain.pieces, chain.pieces[1:], chain.relations, strict=False):
        judgement = judged(left, right, relation.kind, before)
        operands = numbers(left.items) or numbers(right.items)
        for mark in filter(None, map(read_mark, right.marks)):
            doubtful = judgement.verdict == UNCERTIFIABLE
            judgement = merged(judgement, left, right, mark)
            operands = numbers(mark.left.items) if doubtful else operands
        yield _equation(text, left, relation, right, judgement, operands)
        before = left


def _of_mark(text: str, token: Token, piece: Piece, mark: Mark) -> Equation:
    """The equation of a mark that stands by itself."""
    judgement = alone(piece, mark)
    inner = token.text[2:-2]
    return Equation(
        start=token.start,
        stop=token.stop,
        text=token.text,
        left=inner[mark.left.start : mark.left.stop],
        right=inner[mark.right.start : mark.right.stop],
        value=_fraction(judgement.value),
        claimed=_fraction(judgement.claimed),
        verdict=judgement.verdict,
        operands=numbers(mark.left.items),
        reason=judgement.reason,
    )


def _equation(
    text: str, left: Piece, relation: Token, right: Piece, judgement: Judgement, operands: tuple[Fraction, ...]
) -> Equation:
    start = min(left.start, relation.start) if left.start >= 0 else relation.start
    stop = max(relation.stop, right.stop, *(mark.stop for mark in right.marks), 0)
    return Equation(
        start=start,
        stop=stop,
        text=text[start:stop],
        left=_shown(text, left),
        right=_shown(text, right),
        value=_fraction(judgement.value),
        claimed=_fraction(judgement.claimed),
        verdict=judgement.verdict,
        operands=operands,
        reason=judgement.reason,
    )


def _shown(text: str, piece: Piece) -> str:
    return "" if piece.start < 0 else _MARK.sub("", text[piece.start : piece.stop])


def _fraction(value: Exact | None) -> Fraction | None:
    return None if value is None else Fraction(value)


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
    read = tokens(f"{expression}=")
    chains = scan(read, known)
    piece = chains[0].pieces[0] if chains else None
    if piece is None or len(chains) > 1 or piece.start != read[0].start or piece.doubt or not piece.items:
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
