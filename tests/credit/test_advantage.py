"""From scores to the advantage of every token: conservation where it counts, on tokens, and what it reduces to."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import AMOUNTS, COEFFICIENTS, SCORES, reviews

from dca.credit.advantage import SCALE, centred_scores, token_advantages, token_counts
from dca.credit.schemes import Share, verification_mask
from dca.types import Row


@st.composite
def tokens(draw: st.DrawFn) -> tuple[list[int], list[int], int]:
    """Owners that never decrease, a mask, and the number of steps: up to 500 steps and 20,000 tokens."""
    steps = draw(st.one_of(st.integers(1, 6), st.integers(1, 500)))
    widths = draw(st.lists(st.integers(0, 40), min_size=1, max_size=12))
    owners = [k for k in range(steps) for _ in range(widths[k % len(widths)])]
    pattern = draw(st.one_of(st.just([1]), st.just([0]), st.lists(st.integers(0, 1), min_size=1, max_size=7)))
    return owners, [pattern[t % len(pattern)] for t in range(len(owners))], steps


@given(tokens(), AMOUNTS, COEFFICIENTS, st.data())
def test_conservation_on_tokens(
    drawn: tuple[list[int], list[int], int], amount: float, coef: float, data: st.DataObject
) -> None:
    """Law 4: over the tokens that are trained the mean advantage is the scalar one; masked tokens get exactly 0."""
    owners, mask, steps = drawn
    review = data.draw(reviews(steps))
    row = Row(review, token_counts(owners, mask, steps), verification_mask(review), amount=amount)
    advantages = token_advantages(Share(coef)(row).push, owners, mask)
    assert len(advantages) == len(owners)
    assert all(a == 0.0 for a, m in zip(advantages, mask, strict=True) if not m)
    if any(mask):
        trained = [a for a, m in zip(advantages, mask, strict=True) if m]
        assert math.fsum(trained) / len(trained) == pytest.approx(amount, rel=1e-9, abs=1e-9)


def test_twenty_thousand_tokens() -> None:
    """Law 4 at full length: 500 steps, 20,000 tokens, two of three trained."""
    owners = [t // 40 for t in range(20_000)]
    mask = [int(t % 3 > 0) for t in range(20_000)]
    scores = tuple(math.sin(k) for k in range(500))
    neutral = tuple(k % 7 == 0 for k in range(500))
    counts = token_counts(owners, mask, 500)
    tilt = centred_scores(scores, counts, neutral)
    assert sum(counts) == sum(mask)
    assert math.fsum(n * z for n, z in zip(counts, tilt, strict=True)) == pytest.approx(0.0, abs=1e-9)
    assert {z for z, n in zip(tilt, neutral, strict=True) if n} == {0.0}


@given(st.lists(SCORES, min_size=1, max_size=20), st.data())
def test_reduces_to_a_weighted_mean(scores: list[float], data: st.DataObject) -> None:
    """z is the score less its token-weighted mean over the steps that count, divided by the constant."""
    lengths = data.draw(st.lists(st.integers(1, 50), min_size=len(scores), max_size=len(scores)))
    tilt = centred_scores(scores, lengths, [False] * len(scores))
    mean = sum(n * s for n, s in zip(lengths, scores, strict=True)) / sum(lengths)
    assert tilt == pytest.approx([(s - mean) / SCALE for s in scores], abs=1e-12)


@given(tokens(), AMOUNTS, st.data())
def test_coefficient_zero_is_grpo(
    drawn: tuple[list[int], list[int], int], amount: float, data: st.DataObject
) -> None:
    """With coefficient 0 every trained token gets exactly the scalar advantage, whatever the review."""
    owners, mask, steps = drawn
    review = data.draw(reviews(steps))
    row = Row(review, token_counts(owners, mask, steps), verification_mask(review), amount=amount)
    assert token_advantages(Share(0.0)(row).push, owners, mask) == [amount if m else 0.0 for m in mask]


def test_nothing_to_weigh() -> None:
    """Steps without tokens, or all neutral, have no tilt."""
    assert centred_scores((1.0, -1.0), (0, 0), (False, False)) == (0.0, 0.0)
    assert centred_scores((1.0, -1.0), (3, 4), (True, True)) == (0.0, 0.0)
    assert centred_scores((), (), ()) == ()
