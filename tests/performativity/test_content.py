"""What one step says: words, numbers, pairs and symbolic statements."""

from __future__ import annotations

import pytest
from hypothesis import given
from strategies import UNICODE

from dca.performativity.content import content_of, formula, key_of, last_number, overlap

STATEMENTS = [
    ("check: clearly, 7 - 5 -> 2", [("7 - 5", "2")]),
    ("so x = 6 and y = -2", [("x", "6"), ("y", "- 2")]),
    (r"\(2x + 7 = (x - 4)^2\)", [("2 x + 7", "x - 4 ^ 2")]),
    ("f(3) = 9 by the table", [("f 3", "9")]),
    ("5 * 3 = 15", []),
    ("no relation here", []),
]


@pytest.mark.parametrize(("text", "expected"), STATEMENTS)
def test_statements(text: str, expected: list[tuple[str, str]]) -> None:
    """Arrows and unknowns make symbolic statements; plain arithmetic is left to the equations."""
    found = [(" ".join(one.first), " ".join(one.last)) for one in content_of(text).statements]
    assert expected == found


def test_talk_is_not_content() -> None:
    """Words of talk and of checking say nothing of what a step is about."""
    bare = content_of("3 trays of 1,200 rolls")
    stuffed = content_of("Wait, let me double-check this: 3 trays of 1,200 rolls, yes, that is correct.")
    assert bare.words == stuffed.words == {"3", "tray", "1200", "roll"}


def test_step_labels_are_not_content() -> None:
    """The number of a step is no number of the problem."""
    assert content_of("Step 5: 12 rolls").numbers == {"12"}


def test_numbers_are_normalised() -> None:
    """Commas, trailing zeros and a missing zero do not make another number."""
    assert content_of("1,250 and 2.50 and .5 and 3.0").numbers == {"1250", "2.5", "0.5", "3"}


def test_order_counts_only_where_it_matters() -> None:
    """A sum has one key in either order; a difference has two."""
    assert key_of(formula("3 + 5")) == key_of(formula("5 + 3"))
    assert key_of(formula("3 - 5")) != key_of(formula("5 - 3"))


def test_x_between_numbers_is_a_sign() -> None:
    """In ``8 x 20`` the letter multiplies."""
    assert formula("8 x 20") == ("8", "*", "20")


def test_small_functions() -> None:
    """Shares of nothing are 0; the last of some numbers is found in order."""
    assert overlap((), frozenset({"a"})) == 0.0
    assert last_number("12 and 24", {"12"}) == "12"
    assert last_number("nothing", {"12"}) is None


@given(UNICODE)
def test_any_text_is_read(text: str) -> None:
    """No text makes the reader fail."""
    assert content_of(text).letters >= 0


@pytest.mark.parametrize("said", ["", " well,", " well, clearly,", ", hmm, let me see,"])
def test_asides_before_an_arrow_are_passed_over(said: str) -> None:
    """What is said between a sum and the arrow to its result does not hide the sum; other words end it."""
    (statement,) = content_of(f"next: 7 + 5{said} -> 2").statements
    assert (statement.first, statement.last) == (("7", "+", "5"), ("2",))
    assert content_of("7 + 5 is odd, -> 2").statements == ()
