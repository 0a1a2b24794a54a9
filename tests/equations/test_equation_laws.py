"""Properties of the finder: values are exact in any notation, truth is never called false, nothing raises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import UNICODE

from dca.equations.find import Equation, evaluate, find_equations

PLAIN = {"+": " + ", "-": " - ", "*": " * ", "/": " / "}
TIGHT = {"+": "+", "-": "-", "*": "*", "/": "/"}
SIGNS = {"+": " + ", "-": " − ", "*": " × ", "/": " ÷ "}
LATEX = {"+": " + ", "-": " - ", "*": r" \cdot "}
STYLES = (PLAIN, TIGHT, SIGNS, LATEX)
STRENGTH = {"+": 1, "-": 1, "*": 2, "/": 2}


@dataclass(frozen=True)
class Leaf:
    """A number as it is shown, and its value."""

    shown: str
    value: Fraction


@dataclass(frozen=True)
class Node:
    """Two expressions and the sign between them."""

    sign: str
    left: Any
    right: Any

    @property
    def value(self) -> Fraction:
        """The exact value; ZeroDivisionError where there is none."""
        one, two = self.left.value, self.right.value
        return {"+": one + two, "-": one - two, "*": one * two}[self.sign] if self.sign != "/" else one / two


def _leaf(number: int, places: int, minus: bool, commas: bool) -> Leaf:
    value = Fraction(-number if minus else number, 10**places)
    whole, part = divmod(number, 10**places)
    shown = f"{whole:,}" if commas else str(whole)
    shown += f".{part:0{places}}" if places else ""
    return Leaf(f"-{shown}" if minus else shown, value)


LEAVES = st.builds(_leaf, st.integers(0, 99_999), st.integers(0, 3), st.booleans(), st.booleans())
WHOLES = st.builds(_leaf, st.integers(0, 999), st.just(0), st.booleans(), st.booleans())
TREES = st.recursive(LEAVES, lambda inner: st.builds(Node, st.sampled_from("+-*/"), inner, inner), max_leaves=8)


def render(tree: Any, style: dict[str, str], strength: int = 0) -> str:
    """Write a tree down with the brackets it needs, and as a fraction where LaTeX has one."""
    if isinstance(tree, Leaf):
        return f"({tree.shown})" if strength > 1 and tree.shown[0] == "-" else tree.shown
    if tree.sign == "/" and style is LATEX:
        return rf"\frac{{{render(tree.left, style)}}}{{{render(tree.right, style)}}}"
    own = STRENGTH[tree.sign]
    left = render(tree.left, style, own)
    text = f"{left}{style[tree.sign]}{render(tree.right, style, own + 1)}"
    return rf"\left({text}\right)" if own < strength and style is LATEX else f"({text})" if own < strength else text


def valued(tree: Any) -> Fraction:
    """The tree's value, of a size that people write; other trees are not drawn."""
    try:
        value = tree.value
    except ZeroDivisionError:
        assume(False)
    assume(max(abs(value.numerator), value.denominator) < 10**18)
    return Fraction(value)


def as_fraction(value: Fraction) -> str:
    return str(value)


def as_latex(value: Fraction) -> str:
    sign = "-" if value < 0 else ""
    return rf"{sign}\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"


def as_commas(value: Fraction) -> str:
    return f"{value.numerator:,}/{value.denominator}" if value.denominator > 1 else f"{value.numerator:,}"


def as_decimal(value: Fraction) -> str:
    """Rounded half up at four places."""
    scaled = abs(value) * 10_000
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return f"{'-' if value < 0 else ''}{whole // 10_000}.{whole % 10_000:04}"


BEFORE = (
    "",
    "So ",
    "In total, ",
    "She pays $",
    "we get $$",
    "Step 3: ",
    "4 days.\n",
    "Therefore:\n\n",
    "**",
    "(",
    "- ",
)
AFTER = (
    "",
    ".",
    " apples",
    " dollars in all.",
    "$ as the result",
    "\nNext, 3 more",
    ", which is fine",
    "!",
    "**",
    ")",
)


@settings(max_examples=300)
@given(TREES, st.sampled_from(STYLES))
def test_exact_in_any_notation(tree: Any, style: dict[str, str]) -> None:
    """A random expression has its exact value, however it is written."""
    assert valued(tree) == evaluate(render(tree, style))


@given(
    TREES,
    st.sampled_from(STYLES),
    st.sampled_from((as_fraction, as_latex, as_commas, as_decimal)),
    st.sampled_from(BEFORE),
    st.sampled_from(AFTER),
    st.sampled_from((" = ", "=", " = $", " =\n", " &= ", " ≈ ")),
)
def test_truth_is_never_called_false(
    tree: Any, style: dict[str, str], shown: Callable[[Fraction], str], before: str, after: str, sign: str
) -> None:
    """A true equation is never certified false, whatever its notation and the words around it."""
    text = f"{before}{render(tree, style)}{sign}{shown(valued(tree))}{after}"
    assert "false" not in {equation.verdict for equation in find_equations(text)}


@given(
    st.builds(Node, st.sampled_from("+-*"), WHOLES, WHOLES),
    st.builds(Node, st.sampled_from("+-*"), WHOLES, WHOLES),
    st.sampled_from("+-*"),
    st.sampled_from(STYLES),
    st.sampled_from(("", "So ", "She pays $", "Step 3: ")),
    st.integers(1, 99),
)
def test_a_slip_is_found(one: Node, two: Node, sign: str, style: dict[str, str], before: str, slip: int) -> None:
    """A whole result that is off by a whole number is certified false, and the right value is given."""
    tree = Node(sign, one, two)
    found = find_equations(f"{before}{render(tree, style)} = {tree.value + slip}.")
    assert [(e.verdict, e.value, e.claimed) for e in found] == [("false", tree.value, tree.value + slip)]


FRAGMENTS = st.sampled_from(
    (
        *"0123456789+-*/^=()[]{}<>%$!|.,:;?\\_&~#@'\"\n\t x",
        *"<< >> <<1+1=2>> ≈ \\frac{ }{ \\sqrt{ \\text{ \\left( \\right) \\\\ ½ ² √".split(),
        *"1,000 ** ... 10^400 × ÷ − 5! 6%".split(),
        *(" = ", " and ", " of ", " is ", " 2 1/2 ", " hours ", "A = ", "mod 7"),
    )
)
TEXTS = st.one_of(UNICODE, st.lists(FRAGMENTS, max_size=60).map("".join))


def holds_together(text: str, equation: Equation) -> bool:
    """Whether a record fits the text it was found in."""
    return (
        0 <= equation.start < equation.stop <= len(text)
        and equation.text == text[equation.start : equation.stop]
        and equation.verdict in ("true", "false", "uncertifiable")
        and bool(equation.reason)
        and (equation.verdict == "uncertifiable" or None not in (equation.value, equation.claimed))
    )


@settings(max_examples=400)
@given(TEXTS)
def test_any_text_is_read(text: str) -> None:
    """Any text gives records that fit it, in order; nothing raises."""
    found = find_equations(text)
    assert all(holds_together(text, equation) for equation in found)
    assert sorted(found, key=lambda e: (e.start, e.stop)) == list(found)
    assert found == find_equations(text)
    evaluate(text)


@given(st.lists(st.sampled_from(("3 + 4 = 7. ", "2 * 5 = 11. ", "x = 4. ", "9 / 2 = 4.5; ")), max_size=8), TEXTS)
def test_sentences_do_not_disturb_one_another(sentences: list[str], before: str) -> None:
    """What is certified in a sentence does not depend on a finished paragraph before it."""
    text = "".join(sentences)
    assume("mod" not in before and "A" not in before)
    alone = [(e.text, e.verdict) for e in find_equations(text)]
    after = [(e.text, e.verdict) for e in find_equations(f"{before}.\n\n{text}") if e.start >= len(before) + 3]
    assert alone == after
