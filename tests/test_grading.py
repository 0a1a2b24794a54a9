"""Grading: what counts as the final answer, and when it is right. Spelled out row by row."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dca.errors import InputError
from dca.grading import GRADERS, find_grader, grade_exact, grade_math, marked_answer

MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
SOLUTIONS = Path(os.environ.get("DCA_DATA", "no-data")) / "gsm8k" / "example_model_solutions.jsonl"

RIGHT = [
    # where the answer stands
    (r"First \boxed{3}. No: \boxed{4}", "4"),
    (r"\boxed{4} or perhaps \boxed{5", "4"),
    (r"\boxed{4}, so #### 5", "4"),
    ("3 + 1 = 4\n#### 4", "#### 4"),
    ("She has 9 * 2 = 18 left\nA: 18", "16 - 7 = 9\n9 * 2 = <<9*2=18>>18\nA: 18"),
    ("The answer is 5. No, the answer is 4. Sorry about 5.", "4"),
    ("**Answer:** 4", "4"),
    ("Final answer: $4$", "4"),
    ("The answer is:\n\n**4**", "4"),
    ("The answer is below.\n\n4", "4"),
    ("2 + 2 = 4", "4"),
    ("From 3 to 4, and no more.", "4"),
    ("Think.\n\nParis", "Paris"),
    # numbers
    ("#### 1,234,567", "1234567"),
    (r"\boxed{1{,}234}", "1,234"),
    ("#### $18.00.", "18"),
    ("The answer is -$5.", "-5"),
    ("#### $-5", "-5"),
    ("It fell by -5", "-5"),
    ("10 - 5", "5"),
    ("The answer is .5", "0.5"),
    ("A: 20%", "20"),
    (r"\boxed{20\%}", "20"),
    ("#### −4", "-4"),
    (r"\boxed{\frac{1}{2}}", "0.5"),
    (r"\boxed{-\dfrac12}", "-1/2"),
    (r"\boxed{1\frac{1}{2}}", "3/2"),
    ("A: 1 1/2", "1.5"),
    ("so it is 3/4 of it", "0.75"),
    (r"so it is $\frac{3}{4}$.", "0.75"),
    (r"\boxed{1.5 \times 10^{3}}", "1500"),
    ("#### 2e3", "2000"),
    (r"\boxed{x = 5}", "5"),
    ("The answer is 16 - 7 = 9", "9"),
    (r"\boxed{90^\circ}", "90"),
    # units
    ("A: 18 dollars", "18"),
    ("A: 18", "18 dollars"),
    ("A: 5km", "5"),
    ("#### 5 hours", "5 Hours"),
    # texts
    (r"\boxed{\text{Monday}}", "monday"),
    ("The answer is \"Paris\".", "Paris"),
    (r"\boxed{(1, 2)}", "(1,2)"),
    (r"\boxed{\left( 1,\ 2 \right)}", "(1,2)"),
    (r"\boxed{\dfrac{\sqrt{3}}{2}}", r"\frac{\sqrt{3}}{2}"),
    ("x", "(x)"),
    # options
    ("The answer is (C) Paris.", "C"),
    (r"$\boxed{\text{(B)}}$", "B"),
    ("Answer: B. Paris", "(B)"),
    ("The answer is B because of it", "B"),
    ("So the right choice is option D.", "D"),
    ("It must be\n(a)", "A"),
    ("A: Paris", "A"),
]  # fmt: skip

WRONG = [
    ("", "4"),
    ("I do not know.", "4"),
    ("#### 100", "1,000"),
    ("The answer is 18 million", "18"),
    ("The answer is not 18.", "18"),
    ("The answer is minus 18", "18"),
    ("The answer is x=5 or x=-5", "-5"),
    ("The answer is between 4 and 5", "5"),
    (r"\boxed{2x}", "2"),
    (r"\boxed{x + 2}", "2"),
    (r"\boxed{x^2}", "2"),
    (r"\boxed{2\pi}", "2"),
    (r"\boxed{3\sqrt{2}}", "3"),
    ("#### 1/0", "0"),
    ("A: 5 cm", "5 m"),
    ("A: 1 1/2", "11/2"),
    ("A: 0.3333", "1/3"),
    ("The answer is London", "Paris"),
    ("the answer is a prime", "A"),
    ("The answer is (C)", "B"),
    ("I like Paris", "A"),
    (r"\boxed{1, 2}", "(1, 2, 3)"),
    ("#### 9e999999999", "9"),
]


@pytest.mark.parametrize(("completion", "reference"), RIGHT)
def test_right_answers(completion: str, reference: str) -> None:
    """The answer is found however it is marked, and written in whatever usual way."""
    assert grade_exact(completion, reference) == 1.0


@pytest.mark.parametrize(("completion", "reference"), WRONG)
def test_wrong_answers(completion: str, reference: str) -> None:
    """Another value, another unit, or words that change a number are not the reference."""
    assert grade_exact(completion, reference) == 0.0


@pytest.mark.parametrize("reference", ["", " \n", "####  ", "."])
def test_an_empty_reference_is_refused(reference: str) -> None:
    """Nothing can be graded against nothing."""
    with pytest.raises(InputError, match="expected a reference answer, got an empty one"):
        grade_exact("4", reference)


@given(value=st.fractions(), noise=st.text())
def test_every_fraction_is_exact(value: Fraction, noise: str) -> None:
    """A fraction equals itself however large, and never its neighbour."""
    completion = f"{noise}\n\\boxed{{{value}}}"
    assert grade_exact(completion, str(value)) == 1.0
    assert grade_exact(completion, str(value + Fraction(1, 10**30))) == 0.0


@given(value=st.integers(0, 10**12), decimals=st.integers(0, 3))
def test_thousands_and_zeros_do_not_matter(value: int, decimals: int) -> None:
    """Separators and trailing zeros leave a number what it is."""
    assert grade_exact(f"So she pays ${value:,.{decimals}f}.", str(value)) == 1.0


@given(completion=st.text(st.characters()), reference=st.text(st.characters()))
def test_any_text_is_graded(completion: str, reference: str) -> None:
    """Whatever was written is 0.0 or 1.0; only an empty reference is refused."""
    with suppress(InputError):
        assert grade_exact(completion, reference) in (0.0, 1.0)


@pytest.mark.parametrize(
    "part",
    [
        "\\boxed{",
        "{",
        "answer ",
        "answer is ",
        "1,",
        "A: ",
        "$",
        "\\frac{",
        "\\frac",
        "5 ",
        "-",
        "1/",
        "9",
        "(",
        ".",
        "\n",
    ],
)
def test_hostile_repetition_is_read(part: str) -> None:
    """A text made of one part, over and over, neither crashes the grader nor keeps it busy for ever."""
    assert grade_exact(part * 50_000, "7") == 0.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no mark", None),
        (r"\boxed{}", None),
        (r"\boxed", None),
        (r"\boxed {4}", "4"),
        ("Answer = 3.5 km; done", "3.5 km"),
        ("answer the call: 5", None),
        ("A: 4\nB: 5", "4"),
    ],
)
def test_marks(text: str, expected: str | None) -> None:
    """A mark is followed by the answer, up to the end of the sentence."""
    assert marked_answer(text) == expected


@pytest.mark.skipif(not SOLUTIONS.exists(), reason="the public GSM8K solutions are not here")
def test_agreement_on_gsm8k() -> None:
    """On 5,276 solutions of four models every verdict is the one their authors published."""
    rows = [json.loads(line) for line in SOLUTIONS.read_text("utf-8").splitlines()]
    wrong = [
        (k, model)
        for k, row in enumerate(rows)
        for model in MODELS
        if grade_exact(row[model]["solution"], row["ground_truth"]) != row[model]["is_correct"]
    ]
    assert wrong == []


def test_graders_have_names() -> None:
    """The names the command line knows; another one is told with the list."""
    assert dict(GRADERS) == {"exact": grade_exact, "math": grade_math}
    assert find_grader("exact") is grade_exact
    with pytest.raises(InputError, match="expected a grader, one of exact, math, got 'fuzzy'"):
        find_grader("fuzzy")
