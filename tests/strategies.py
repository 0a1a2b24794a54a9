"""What Hypothesis draws from, in one place: reviews, rows, texts and token bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from dca.types import LABELS, Finding, Review, Row

SCORES = st.one_of(
    st.sampled_from((-1.0, -0.5, 0.0, 0.5, 1.0)),
    st.floats(min_value=-1.0, max_value=1.0, allow_nan=False),
)
AMOUNTS = st.one_of(
    st.sampled_from((0.0, 1.0, -1.0)),
    st.floats(min_value=-1e6, max_value=1e6, allow_nan=False),
)
COEFFICIENTS = st.floats(min_value=0.0, max_value=4.0, allow_nan=False)
UNICODE = st.text(st.characters(), max_size=400)
"""Any Unicode, lone surrogates included."""


@st.composite
def reviews(draw: Callable[..., Any], steps: int, measure: str = "contribution") -> Review:
    """A review of `steps` steps; a review of 500 steps repeats a drawn pattern, to stay quick."""
    size = min(steps, 12)
    pattern = draw(st.lists(st.tuples(SCORES, st.sampled_from((None, *LABELS))), min_size=size, max_size=size))
    rows = [pattern[k % size] for k in range(steps)]
    return Review(
        scores=tuple(score for score, _ in rows),
        labels=tuple(label for _, label in rows),
        measure=measure,
        baseline=draw(SCORES) if measure == "value" else None,
    )


@st.composite
def rows(draw: Callable[..., Any], measure: str = "contribution", max_steps: int = 500) -> Row:
    """Any row a scheme may be given: environment steps, all-neutral rows and findings included."""
    steps = draw(st.one_of(st.integers(1, 8), st.integers(1, max_steps)))
    size = min(steps, 12)
    lengths = draw(st.lists(st.integers(0, 2000), min_size=size, max_size=size))
    marks = draw(st.one_of(st.just([True] * size), st.lists(st.booleans(), min_size=size, max_size=size)))
    flagged = draw(st.lists(st.integers(0, steps - 1), max_size=4, unique=True))
    return Row(
        review=draw(reviews(steps, measure)),
        lengths=tuple(lengths[k % size] for k in range(steps)),
        verification=tuple(marks[k % size] for k in range(steps)),
        findings=(Finding("needless_check", tuple(flagged), 0.9),) if flagged else (),
        amount=draw(AMOUNTS),
        scale=draw(st.floats(0.0, 100.0)),
    )
