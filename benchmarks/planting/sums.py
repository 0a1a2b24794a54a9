"""Sums of two numbers as solutions write them, slips in them, and what follows from a slip. Knows no wording."""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from dca.equations.find import find_equations

_NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
_TOKEN = re.compile(rf"(?<![\w.,]){_NUMBER}(?![\w]|[.,]\d|%)")
_SUM = re.compile(rf"\$?(?P<a>{_NUMBER})\s*(?P<op>[-+*/x×÷])\s*\$?(?P<b>{_NUMBER})\s*=\s*\$?(?P<c>{_NUMBER})")
_PLAIN = {"x": "*", "×": "*", "÷": "/"}
_INVERSE = {"+": "-", "-": "+", "*": "/", "/": "*"}


@dataclass(frozen=True, slots=True)
class Sum:
    """``a op b = c``, certified true or known to be a slip."""

    a: Fraction
    op: str
    b: Fraction
    c: Fraction

    def text(self, times: str = "*") -> str:
        """As a solution writes it."""
        sign = times if self.op == "*" else self.op
        return f"{shown(self.a)} {sign} {shown(self.b)} = {shown(self.c)}"

    @property
    def exact(self) -> Fraction:
        """What really comes out."""
        return value(self.a, self.op, self.b)

    def inverse(self) -> Sum | None:
        """The sum run backwards from its result: 24 * 2 = 48 for 48 / 2 = 24; that of a slip does not end at a."""
        if self.op == "*" and self.b == 0:
            return None
        back = Sum(self.c, _INVERSE[self.op], self.b, value(self.c, _INVERSE[self.op], self.b))
        return back if back.c >= 0 and is_short(back.c) else None


@dataclass(frozen=True, slots=True)
class Place:
    """A sum and where it stands: the step, and the span of its result in the step's text."""

    step: int
    sum: Sum
    start: int
    stop: int


def value(a: Fraction, op: str, b: Fraction) -> Fraction:
    """The exact result; division by zero gives -1, which no one shows."""
    if op == "/":
        return a / b if b else Fraction(-1)
    return {"+": a + b, "-": a - b, "*": a * b}[op]


def shown(number: Fraction) -> str:
    """A number as people write it."""
    if number.denominator == 1:
        return str(number.numerator)
    return f"{float(number):.2f}".rstrip("0")


def is_short(number: Fraction) -> bool:
    """Whether two decimal places show it exactly."""
    return (number * 100).denominator == 1


def read(text: str) -> Fraction:
    """The number that a token shows."""
    return Fraction(text.replace(",", ""))


@lru_cache(maxsize=1 << 15)
def tokens(text: str) -> frozenset[Fraction]:
    """The numbers that a text shows."""
    return frozenset(read(match[0]) for match in _TOKEN.finditer(text))


def places(step: int, text: str) -> list[Place]:
    """The certified sums of two numbers in a step."""
    return [Place(step, *found) for found in _sums(text)]


@lru_cache(maxsize=1 << 16)
def _sums(text: str) -> tuple[tuple[Sum, int, int], ...]:
    found = []
    for equation in find_equations(text):
        match = _SUM.search(text, equation.start, equation.stop)
        if equation.verdict != "true" or match is None or len(equation.operands) != 2:
            continue
        a, b, c = (read(match[name]) for name in "abc")
        one = Sum(a, _PLAIN.get(match["op"], match["op"]), b, c)
        if one.exact == c and all(is_short(number) for number in (a, b, c)) and c > 0:
            found.append((one, *match.span("c")))
    return tuple(found)


@lru_cache(maxsize=1 << 16)
def verdicts(text: str) -> frozenset[str]:
    """What the certificate says of the equations of a text."""
    return frozenset(equation.verdict for equation in find_equations(text))


def slip(one: Sum, rng: random.Random, taken: Collection[Fraction]) -> Sum | None:
    """The same sum with a plausible wrong result that is no other number of the problem and can be run backwards."""
    c = one.c
    digits = str(int(c))
    swapped = Fraction(digits[:-2] + digits[-1] + digits[-2]) if c.denominator == 1 and len(digits) > 1 else c
    other = {"+": "-", "-": "+", "*": "+", "/": "-"}[one.op]
    options = [c + 1, c - 1, c + 2, c - 2, c + 10, c - 10, swapped, value(one.a, other, one.b)]
    if one.op == "*":
        options += [c + one.b, c - one.b, c + 10 * one.b]
    rng.shuffle(options)
    for wrong in options:
        candidate = Sum(one.a, one.op, one.b, wrong)
        back = candidate.inverse()
        if (
            wrong > 0
            and wrong != c
            and wrong not in taken
            and is_short(wrong)
            and back
            and back.c not in {one.a, wrong}
        ):
            return candidate
    return None


def replaced(text: str, mapping: Mapping[Fraction, Fraction], start: int = 0) -> str:
    """The text with numbers replaced, from a character on."""

    def new(match: re.Match[str]) -> str:
        number = read(match[0])
        return shown(mapping[number]) if number in mapping else match[0]

    return text[:start] + _TOKEN.sub(new, text[start:])


def inherited(text: str, mapping: dict[Fraction, Fraction]) -> str | None:
    """A later step reckoned on with wrong values: its own results are added to `mapping`; None where that fails.

    >>> mapping = {Fraction(24): Fraction(26)}
    >>> inherited("In all 48 + 24 = 72 clips", mapping), mapping[Fraction(72)]
    ('In all 48 + 26 = 74 clips', Fraction(74, 1))
    """
    local = dict(mapping)
    for place in places(0, text):
        one = place.sum
        a, b = local.get(one.a, one.a), local.get(one.b, one.b)
        if (a, b) != (one.a, one.b):
            result = value(a, one.op, b)
            if result <= 0 or not is_short(result) or one.c in local:
                return None
            local[one.c] = result
    new = replaced(text, local)
    if verdicts(new) & {"false"} or (verdicts(text) - verdicts(new)):
        return None
    mapping.update(local)
    return new
