"""Chains, letters, calculator marks and reasons: what hangs together with an equation."""

from __future__ import annotations

import pytest

from dca.equations.find import find_equations

CHAINS = [
    ("1 + 2 = 3 = 6/2", ["true", "true"]),
    ("3 + 4 = 7 = 8", ["true", "false"]),
    ("10/3 * 3 = 3.33 * 3 = 9.99 = 10", ["uncertifiable", "true", "uncertifiable"]),
    ("x = 3 + 4 = 7", ["uncertifiable", "true"]),
    ("5 + 5 = 10 + 2 = 12", ["true", "true"]),
    ("5 + 5 = 10 + 2 = 13", ["true", "false"]),
    ("A = (1 + 2) = 3", ["uncertifiable", "true"]),
    ("8 = 9 = 10", ["uncertifiable", "false"]),
    ("\\begin{align*} 3 + 4 &= 7 \\\\ &= 8 \\end{align*}", ["true", "false"]),
    ("12 * 3 =\n36", ["true"]),
    ("12 * 3\n= 37", ["false"]),
    ("3 + 4 = 7\n- 2 + 2 = 4", ["true", "true"]),
    ("(3 + 4 = 7) and 7 (2 + 5 = 8)", ["true", "false"]),
    ("2 * (3 + 4 = 7) = 14", ["uncertifiable", "true"]),
    ("Since $3+4=7$ and $5+6=12$, done", ["true", "false"]),
    ("3 apples and 4 + 5 = 9 pears; 2 + 2 = 5.", ["true", "false"]),
    ("6 * 6 = 6 (modulo 10)\n8 * 8 = 4\n8 * 8 = 5", ["uncertifiable", "uncertifiable", "false"]),
]


@pytest.mark.parametrize(("text", "verdicts"), CHAINS)
def test_chains(text: str, verdicts: list[str]) -> None:
    """Every link of a chain gets a verdict of its own, over line breaks and within brackets."""
    assert verdicts == [equation.verdict for equation in find_equations(text)]


def test_letters_keep_their_values() -> None:
    """A letter that was worked out stands for its last value, so that a wrong substitution is found."""
    text = "A = (-9 - 5) = -14. B = (4 - 2) = 2. Then A - B = -14 - 2 = -16, and A + B = -14 - 2 = -16."
    assert [equation.verdict for equation in find_equations(text)] == ["uncertifiable", "true"] * 2 + [
        "true",
        "true",
        "false",
        "true",
    ]


def test_a_redefined_letter_is_no_claim() -> None:
    """To say anew what a letter is contradicts nothing."""
    found = find_equations("A = 2 * 3 = 6. Later A = 4 * 5 = 20, so A + 1 = 20 + 1.")
    assert "false" not in {equation.verdict for equation in found}
    assert found[-1].verdict == "true"


def test_a_mark_is_counted_once() -> None:
    """The mark and the equation around it are one claim, with the spans and numbers of the writing."""
    (equation,) = find_equations("He pays 54 / 3 = $<<54/3=18.0>>18 now")
    assert (equation.left, equation.right) == ("54 / 3", "18")
    assert equation.text == "54 / 3 = $<<54/3=18.0>>18"
    assert (equation.value, equation.claimed) == (18, 18)
    assert equation.operands == (54, 3)


def test_a_mark_stands_for_words() -> None:
    """Where the writing is in words, its mark is certified instead, and lends its numbers."""
    (equation,) = find_equations("thirty - 12 - 8 = <<30-12-8=10>>10 days")
    assert equation.verdict == "true"
    assert equation.operands == (30, 12, 8)


REASONS = [
    ("3 + 4 = 8", "the left side is 7, the right side 8"),
    ("10/3 = 3.33", "rounded at the shown places"),
    ("7/2 = 3", "the exact value is 3.5; a whole number near it may be meant"),
    ("<<48/2=24>>23", "the mark gives 24, and 23 is written"),
    ("10 * 2 = <<10*2=21>>21", "in the mark, the left side is 20, the right side 21"),
    ("x = 5", "it says what x is"),
    ("1/0 = 5", "it divides by zero"),
    ("9**9**9 = 1", "the numbers are too large"),
    ("60 minutes = 1 hour", "its units convert into one another"),
    ("2 * y = 6", "y is not known here"),
    ("Total = 5", "its left side is in words"),
]


@pytest.mark.parametrize(("text", "reason"), REASONS)
def test_reasons(text: str, reason: str) -> None:
    """A verdict comes with its reason in words."""
    assert [reason] == [equation.reason for equation in find_equations(text)]
