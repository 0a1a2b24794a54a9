"""Several votes on one rollout become one review, by rules that do not depend on who voted first."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import reviews

from dca.errors import RefusedError, ReplyError, ReviewError, TransportError
from dca.review.votes import TIE_ORDER, combine
from dca.types import LABELS, Review


def combined(*votes: Review | ReviewError) -> Review:
    result = combine(votes)
    assert isinstance(result, Review)
    return result


def one(score: float = 0.0, label: str | None = None, reason: str = "", link: int | None = None) -> Review:
    """A vote about the second of two steps."""
    return Review((0.0, score), (None, label), (None, link), ("", reason))


@given(reviews(5))
def test_a_vote_of_one_is_the_one(review: Review) -> None:
    """One vote is returned as it is, and k equal votes say what one says."""
    assert combine([review]) is review
    thrice = combined(review, review, review)
    assert thrice.scores == pytest.approx(review.scores, abs=1e-15)
    assert (thrice.labels, thrice.measure) == (review.labels, review.measure)


@given(st.lists(reviews(4), min_size=3, max_size=3))
def test_the_order_of_votes_does_not_matter(votes: list[Review]) -> None:
    """Any order of the same votes gives the same review."""
    assert len({combined(*order) for order in permutations(votes)}) == 1


def test_scores_are_averaged() -> None:
    """A score is the mean of the votes, and so is the baseline."""
    assert combined(one(1.0), one(0.5), one(0.0)).scores == (0.0, 0.5)
    values = [Review((v,), measure="value", baseline=b) for v, b in ((0.2, 0.5), (0.4, 0.7))]
    review = combined(*values)
    assert (review.measure, review.scores, review.baseline) == ("value", pytest.approx((0.3,)), pytest.approx(0.6))


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["error", "error", "key"], "error"),
        (["error", None, None], None),
        (["error", None], None),
        (["error", "key"], "key"),
        (["staged_mistake", "error"], "error"),
        (["staged_mistake", "needless_check", "check"], "check"),
        (["check", "progress"], "progress"),
        (["injection", None], "injection"),
        (["injection", None, None], None),
    ],
)
def test_labels_go_by_majority(labels: list[str | None], expected: str | None) -> None:
    """The most frequent label wins; a tie goes to injection, then to none, then to the least accusing."""
    assert combined(*(one(label=label) for label in labels)).labels[1] == expected


def test_every_label_has_its_place_in_a_tie() -> None:
    """No label is missing from the order that settles ties."""
    assert set(TIE_ORDER) == {None, *LABELS}


def test_links_and_reasons_come_from_the_winning_side() -> None:
    """The link is the commonest, the reason that of the vote nearest the mean, among votes for the winning label."""
    votes = [one(-1.0, "error", "far", 0), one(-0.5, "error", "near"), one(0.5, "key", "other side")]
    review = combined(*votes)
    assert (review.labels[1], review.links[1], review.reasons[1]) == ("error", 0, "near")
    assert combined(one(1.0, "key", "said"), one(0.5, "key")).reasons[1] == "said"


def test_shortest_goes_by_majority() -> None:
    """A step belongs to the shortest path when more than half of the votes say so."""
    votes = [Review((0.0,) * 3, shortest=path) for path in ((0, 1), (0, 2), (0, 1))]
    assert combined(*votes).shortest == (0, 1)
    assert combined(*votes[:2]).shortest == (0,)


def test_failed_votes_are_withheld() -> None:
    """Up to half of the votes may fail; the mean is over those that arrived, and a failure is no zero."""
    assert combined(one(1.0), ReplyError("x"), one(0.5), TransportError("y")).scores == (0.0, 0.75)


def test_more_than_half_failing_fails() -> None:
    """Past half the rollout has no review; the error is of the first failure's kind and says how many failed."""
    error = combine([RefusedError("declined", category="bio"), one(1.0), ReplyError("x")])
    assert isinstance(error, RefusedError)
    assert str(error) == "2 of 3 votes failed, more than half; the first: declined"
    assert error.category == "bio"


def test_votes_must_fit_each_other() -> None:
    """No votes, or votes about different numbers of steps, are a mistake of the caller."""
    for votes in ([], [one(), Review((0.0,))]):
        with pytest.raises(ValueError, match="votes must be about the same steps"):
            combine(votes)
