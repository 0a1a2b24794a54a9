"""Expressions with exact values: CPython's own parser over numbers replaced by names, and rationals.

The parser is `ast.parse` in mode "eval"; nothing is ever evaluated as Python. Size is bounded at every
point, so that 9**9**9 costs nothing. It does not know where in a text an expression begins or ends.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Final

from dca.equations.numerals import Exact, Number

Item = str | Number
"""A part of a normalised expression: a sign, a bracket, a function letter, a postfix, or a number."""


LONGEST: Final = 400
"""Items in one expression."""
DEEPEST: Final = 40
"""Brackets within brackets."""
LARGEST: Final = 1024
"""Bits of a numerator or a denominator."""

PERCENT: Final = "[1]"
FACTORIAL: Final = "[0]"
"""Postfix signs, written as subscripts: in Python's grammar, too, they bind tighter than any operator.

Other numbers in such a subscript multiply: "[1000]" is the word "thousand".
"""


class Unsure(Exception):
    """Why an expression has no value that could be certified."""


Program = Callable[[Sequence[Exact]], Exact]


def exact_value(items: Sequence[Item]) -> Exact:
    """The exact value of a normalised expression.

    Raises:
        Unsure: It is no expression, is too large, divides by zero, or has an irrational value.

    >>> exact_value([Number(1, Fraction(1)), "/", Number(3, Fraction(1))])
    Fraction(1, 3)
    """
    if len(items) == 1 and not isinstance(items[0], str):
        return items[0].value
    if len(items) > LONGEST:
        raise Unsure("the expression is too long")
    numbers: list[Exact] = []
    shape: list[str] = []
    for item in items:
        if isinstance(item, str):
            shape.append(item)
        else:
            shape.append(f"n{len(numbers)}")
            numbers.append(item.value)
    program = _compiled("".join(shape))
    if program is None:
        raise Unsure("it does not read as an expression")
    try:
        return program(numbers)
    except RecursionError:
        raise Unsure("the expression is too deep") from None


@lru_cache(maxsize=4096)
def _compiled(shape: str) -> Program | None:
    """The program for one shape of expression ("n0*(n1+n2)"), or None where it is not one."""
    try:
        return _program(ast.parse(shape.replace("^", "**"), mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _program(node: ast.expr) -> Program:
    """Translate a syntax tree; raises ValueError for anything but arithmetic."""
    match node:
        case ast.Name(id=name) if name[0] == "n":
            return _lookup(int(name[1:]))
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return _negated(_program(inner))
        case ast.UnaryOp(op=ast.UAdd(), operand=inner):
            return _program(inner)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATIONS:
            return _combined(_OPERATIONS[type(op)], _program(left), _program(right))
        case ast.Subscript(value=inner, slice=ast.Constant(value=int(which))):
            return _postfix(which, _program(inner))
        case ast.Call(func=ast.Name(id="R"), args=[inner]):
            return _applied(_root, _program(inner))
        case ast.Call(func=ast.Call(func=ast.Name(id=name), args=[one]), args=[two]) if name in "FB":
            return _combined(_quotient if name == "F" else _binomial, _program(one), _program(two))
    raise ValueError("not arithmetic")


def _lookup(index: int) -> Program:
    return lambda numbers: numbers[index]


def _negated(inner: Program) -> Program:
    return lambda numbers: -inner(numbers)


def _applied(operation: Callable[[Exact], Exact], inner: Program) -> Program:
    return lambda numbers: operation(inner(numbers))


def _postfix(which: int, inner: Program) -> Program:
    if which > 1:
        return lambda numbers: _product(inner(numbers), which)
    return _applied(_percent if which else _factorial, inner)


def _combined(operation: Callable[[Exact, Exact], Exact], left: Program, right: Program) -> Program:
    return lambda numbers: operation(left(numbers), right(numbers))


def _bounded(value: Exact) -> Exact:
    """The value itself, unless it has grown too large to go on with."""
    if value.numerator.bit_length() > LARGEST or value.denominator.bit_length() > LARGEST:
        raise Unsure("the numbers are too large")
    return value


def _sum(left: Exact, right: Exact) -> Exact:
    return _bounded(left + right)


def _difference(left: Exact, right: Exact) -> Exact:
    return _bounded(left - right)


def _product(left: Exact, right: Exact) -> Exact:
    return _bounded(left * right)


def _quotient(left: Exact, right: Exact) -> Exact:
    if not right:
        raise Unsure("it divides by zero")
    value = _bounded(Fraction(left) / right)
    return value.numerator if value.denominator == 1 else value


def _percent(value: Exact) -> Exact:
    return _quotient(value, 100)


def _power(base: Exact, exponent: Exact) -> Exact:
    if exponent.denominator != 1:
        return _power(_exact_root(base, exponent.denominator), exponent.numerator)
    if not base and exponent <= 0:
        raise Unsure("zero to a power that is not positive")
    size = max(1, base.numerator.bit_length(), base.denominator.bit_length())
    if size * abs(int(exponent)) > LARGEST:
        raise Unsure("the numbers are too large")
    value = Fraction(base) ** int(exponent)
    return value.numerator if value.denominator == 1 else value


def _root(value: Exact) -> Exact:
    return _exact_root(value, 2)


def _exact_root(value: Exact, degree: int) -> Exact:
    """The positive root of a perfect power."""
    if value < 0 or degree > 12:
        raise Unsure("its value is not a rational number")
    above, below = _whole_root(value.numerator, degree), _whole_root(value.denominator, degree)
    return _quotient(above, below)


def _whole_root(value: int, degree: int) -> int:
    root = math.isqrt(value) if degree == 2 else round(value ** (1 / degree)) if value < 2**52 else 0
    if root**degree != value:
        raise Unsure("its value is not a rational number")
    return root


def _factorial(value: Exact) -> Exact:
    if value.denominator != 1 or not 0 <= value <= 200:
        raise Unsure("the numbers are too large")
    return math.factorial(int(value))


def _binomial(above: Exact, below: Exact) -> Exact:
    if above.denominator != 1 or below.denominator != 1 or not (0 <= above <= 500 and 0 <= below <= 500):
        raise Unsure("the numbers are too large")
    return math.comb(int(above), int(below))


_OPERATIONS: Final[dict[type[ast.operator], Callable[[Exact, Exact], Exact]]] = {
    ast.Add: _sum,
    ast.Sub: _difference,
    ast.Mult: _product,
    ast.Div: _quotient,
    ast.Pow: _power,
}
