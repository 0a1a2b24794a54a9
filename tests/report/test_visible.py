"""What a reader is shown of a text cannot act."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from records import HOSTILE

from dca.report.visible import compact, percent, plain, signed, visible

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=60)


@given(ANY_TEXT)
def test_no_control_character_survives(text: str) -> None:
    """Only line feeds and tabs remain of the control characters, and any encoding can carry the rest."""
    shown = visible(text)
    shown.encode("utf-8")
    assert {c for c in shown if unicodedata.category(c) == "Cc"} <= {"\n", "\t"}


@given(ANY_TEXT)
def test_spelling_out_is_done_once(text: str) -> None:
    """A text that was made visible is visible: doing it twice changes nothing."""
    assert visible(visible(text)) == visible(text)


@pytest.mark.parametrize("text", ["48 + 24 = 72", "因此 إذن 🧑‍🚀 é é", "a\tb\nc", r"\frac{1}{2} <b> & [red]"])
def test_ordinary_text_is_left_alone(text: str) -> None:
    """Scripts of the world, joined emoji, markup and white space are shown as they are."""
    assert visible(text) == text


def test_hidden_characters_are_named() -> None:
    """Escape sequences, overrides and invisible letters stand there by code point."""
    assert visible(HOSTILE[7]).startswith("⟨U+202E⟩gnp.exe⟨U+202C⟩")
    assert "⟨U+E0041⟩" in visible(HOSTILE[7])
    assert visible("a\r\nb\rc") == "a\nb⟨U+000D⟩c"


def test_numbers() -> None:
    """Numbers as the views print them, with a true minus sign."""
    assert [signed(0.0), signed(-0.004), signed(0.125, 3), signed(-2.0, 1)] == ["0.00", "0.00", "+0.125", "−2.0"]
    assert [plain(-1.0), plain(0.1 + 0.2), plain(-1e-12), plain(1234567.0)] == ["−1", "0.3", "0", "1.23457e+06"]
    assert [percent(1, 3), percent(1, 0), compact(1_530_000), compact(0)] == ["33 %", "–", "1.53M", "0"]
