"""`evaluate`: exact values, and bounds that nothing gets past."""

from __future__ import annotations

from fractions import Fraction

import pytest

from dca.equations.expression import Unsure, exact_value
from dca.equations.find import definitions, evaluate, find_equations
from dca.equations.numerals import Number, number
from dca.equations.showing import show

VALUES = [
    ("2 + 3 * 4", "14"),
    ("(2 + 3) * 4", "20"),
    ("2 - 3 - 4", "-5"),
    ("2 / 3 / 4", "1/6"),
    ("-2^2", "-4"),
    ("2^3^2", "512"),
    ("2^-2", "1/4"),
    ("7 - -7 * 4", "35"),
    ("--5", "5"),
    ("3(4)", "12"),
    ("(1 + 2)(3 + 4)", "21"),
    ("1,234.5", "2469/2"),
    ("$3.50 + $1.25", "19/4"),
    ("20% of 50", "10"),
    ("50%", "1/2"),
    (r"\frac{1}{2} + \frac34", "5/4"),
    (r"\frac{1 + 2}{\frac{3}{4}}", "4"),
    (r"\sqrt{\frac{4}{9}}", "2/3"),
    (r"\left[ 2 \cdot \left( 3 - 1 \right) \right]", "4"),
    ("8^(1/3)", "2"),
    ("5!", "120"),
    ("3 cats * 2", "6"),
    ("2 1/2", "5/2"),
    ("3 million", "3000000"),
    ("6e-2", "3/50"),
    ("0.1 + 0.2", "3/10"),
]


@pytest.mark.parametrize(("expression", "value"), VALUES)
def test_value(expression: str, value: str) -> None:
    """An expression has its exact value, with the precedence of mathematics."""
    assert Fraction(value) == evaluate(expression)


NO_VALUES = """
x|two|3 4|3, 4|3 +|+ * 3|(3|3)|1/0|0^0|(-1)^(1/2)|f(3)|3 = 3|3:30|...|9**9**9|10**10**10|2^100000|(1/3)^99999
2^(1/7)|2^(1/999999)|999!|1e999
"""


@pytest.mark.parametrize("expression", ["", "1" * 5000, *NO_VALUES.strip().replace("\n", "|").split("|")])
def test_no_value(expression: str) -> None:
    """What has no exact value, or one that is out of reach, has none."""
    assert evaluate(expression) is None


def test_letters() -> None:
    """Capital letters have the values that they are given; others have none."""
    known = {"A": Fraction(3), "B": Fraction(-2), "x": Fraction(1)}
    assert evaluate("(A - B) * A + B", known=known) == 13
    assert evaluate("A + C", known=known) is None
    assert evaluate("x + 1", known=known) is None


def test_definitions_follow_the_text() -> None:
    """A letter stands for the last value of the chain that begins with it, and keeps an older one otherwise."""
    found = definitions(find_equations("A = (1 + 2) = 3 and B = 7, so A + B = 10"), {"C": Fraction(1)})
    assert found == {"A": 3, "B": 7, "C": 1}


HOSTILE = [
    "9**9**9 = 1",
    "10**10**10 = 1",
    "(" * 100_000 + "1" + ")" * 100_000 + " = 1",
    "(" * 100_000 + " = 1",
    "-" * 100_000 + "1 = 1",
    "1+" * 60_000 + "1 = 1",
    "1^" * 60_000 + "1 = 1",
    "1" * 120_000 + " = 1",
    "1," * 60_000,
    "1.1." * 40_000,
    "1:" * 60_000,
    "1 1/" * 30_000,
    "1 hour " * 20_000,
    "<<1+1=" * 20_000,
    "<<" * 60_000,
    "200!" * 3_000 + " = 1",
    "5!" + "!" * 3_000 + " = 1",
    "\\frac" * 30_000 + "{1}{2} = 1",
    "√" * 60_000 + "4 = 2",
    "{" * 60_000,
    "=" * 120_000,
    "1=" * 20_000,
    "a-" * 60_000 + "1 = 1",
    "\n" * 120_000 + "1 = 1",
    "%" * 60_000 + "1 = 1",
    "3 and " * 30_000,
    "\\text{" * 30_000,
    "5%" + "%" * 3_000 + " = 1",
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:12]))
def test_hostile_text(text: str) -> None:
    """Whatever is written is read in one pass, and nothing false comes of it."""
    assert "false" not in {equation.verdict for equation in find_equations(text)}


def test_deep_and_long_expressions_are_uncertifiable() -> None:
    """Depth, length and size are bounded, and the reason says which bound was met."""
    deep = "(" * 50 + "1" + ")" * 50
    assert find_equations(f"{deep} = 1")[0].reason == "its brackets are too deep"
    assert find_equations(f"{'(' * 39}1{')' * 39} = 1")[0].verdict == "true"
    assert find_equations("1 + " * 300 + "1 = 301")[0].reason == "the expression is too long"
    assert find_equations("1 + " * 190 + "1 = 191")[0].verdict == "true"


def test_only_arithmetic_is_compiled() -> None:
    """Items that are no arithmetic have no value: nothing is ever run."""
    for items in (["__import__"], ["n0.x"], ["n0", "if", "n1"], ["n0 or n1"], ["lambda:0"], ["[0]"], ["F", "("]):
        with pytest.raises(Unsure):
            exact_value([*items, Number(1, Fraction(1))])


NUMERALS = [
    ("7", "7", "1"),
    ("1,234", "1234", "1"),
    ("1{,}234.50", "2469/2", "1/100"),
    ("350 000", "350000", "1"),
    (".25", "1/4", "1/100"),
    ("5.", "5", "1"),
    ("2 1/2", "5/2", "0"),
    ("2 and 3/4", "11/4", "0"),
    ("⅔", "2/3", "0"),
    ("4 ⅞", "39/8", "0"),
    ("1.5e3", "1500", "100"),
]


@pytest.mark.parametrize(("shown", "value", "place"), NUMERALS)
def test_numerals(shown: str, value: str, place: str) -> None:
    """A numeral has its exact value, and one unit in its last shown place (0 where it shows none)."""
    assert (Fraction(value), Fraction(place)) == number(shown)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Fraction(7), "7"),
        (Fraction(-5, 2), "-2.5"),
        (Fraction(1, 3), "1/3"),
        (Fraction(1, 7919), "about 0.000126279"),
        (Fraction(10**20), "about 1e+20"),
        (Fraction(2**2000), "beyond reach"),
        (Fraction(1, 2**2000), "beyond reach"),
        (None, "unknown"),
    ],
)
def test_show(value: Fraction | None, shown: str) -> None:
    """Values read like numbers, however large."""
    assert shown == show(value)
