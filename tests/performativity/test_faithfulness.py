"""The share of a reviewer's push that lands on inert steps: known values, neutral verification, intervals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dca.credit.schemes import Share, ValueDifference
from dca.performativity.faithfulness import Examined, Faithfulness, faithfulness, positive_push
from dca.types import Review, Row


def row(scores: tuple[float, ...], neutral: tuple[int, ...] = (), amount: float = 1.0) -> Row:
    return Row(
        Review(scores=scores),
        lengths=(10,) * len(scores),
        verification=tuple(k in neutral for k in range(len(scores))),
        amount=amount,
    )


def examined(one: Row, inert: tuple[bool | None, ...], prompt: str = "p") -> Examined:
    return Examined(prompt, one, inert)


def values(found: Faithfulness) -> tuple[float | None, ...]:
    return tuple(None if one is None else one.value for one in (found.neutral, found.paid, found.difference))


def test_praise_for_an_inert_check_is_unfaithful_unless_it_is_neutral() -> None:
    """A praised check that could change nothing takes half of the positive push, and none where it is neutral."""
    found = faithfulness([examined(row((1.0, 1.0, -1.0), neutral=(1,)), (False, True, False))], Share())
    assert values(found) == (0.0, 0.5, -0.5)
    assert found.rollouts == 1


def test_only_what_is_added_counts() -> None:
    """Push below A_i is no positive push, however large A_i is; steps that were not examined count for nothing."""
    one = row((1.0, -1.0, 1.0), amount=-0.5)
    assert positive_push(one, (True, True, None), Share()) == pytest.approx((10 * 0.5 * (2 / 3) / 0.75,) * 2)


def test_an_opinion_that_is_none_has_no_share() -> None:
    """Where a reviewer adds nothing anywhere there is no share to tell."""
    assert values(faithfulness([examined(row((0.2, 0.2)), (True, False))], Share())) == (None, None, None)
    assert values(faithfulness([], Share())) == (None, None, None)


def test_value_differences_are_push_of_their_own() -> None:
    """Under value_difference what is positive is the difference itself."""
    review = Review(scores=(0.5, 0.25, 1.0), measure="value", baseline=0.25)
    one = Row(review, (10, 10, 20), (False,) * 3, amount=1.0)
    assert positive_push(one, (True, False, False), ValueDifference()) == (2.5, 17.5)


def test_problems_are_resampled_whole() -> None:
    """The interval holds the value and narrows with the number of problems."""
    half = [examined(row((1.0, 1.0, -1.0)), (k % 2 == 0, False, False), f"p{k}") for k in range(40) for _ in range(3)]
    wide, narrow = faithfulness(half[:30], Share()).paid, faithfulness(half, Share()).paid
    assert wide is not None
    assert narrow is not None
    assert narrow.value == 0.25
    assert narrow.low <= 0.25 <= narrow.high
    assert narrow.high - narrow.low < wide.high - wide.low


scores = st.lists(st.floats(-1.0, 1.0), min_size=2, max_size=6)


@given(scores, st.data())
def test_shares_are_shares(given_scores: list[float], data: st.DataObject) -> None:
    """A share is between 0 and 1, is 1 where all is inert, and 0 where nothing is."""
    one = row(tuple(given_scores))
    inert = tuple(data.draw(st.booleans()) for _ in given_scores)
    on_inert, total = positive_push(one, inert, Share())
    assert 0.0 <= on_inert <= total
    assert positive_push(one, (True,) * len(inert), Share())[0] == total
    assert positive_push(one, (False,) * len(inert), Share())[0] == 0.0


@given(scores, st.floats(-2.0, 2.0))
def test_the_share_does_not_depend_on_the_outcome(given_scores: list[float], amount: float) -> None:
    """What a reviewer adds is the same in right and in wrong rollouts, and so is where it lands."""
    inert = tuple(k % 2 == 0 for k in range(len(given_scores)))
    one, other = (positive_push(row(tuple(given_scores), amount=a), inert, Share()) for a in (0.0, amount))
    assert one == pytest.approx(other, abs=1e-9)
