"""Values turned into what each step changed, for schemes that need contributions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import SCORES

from dca.credit.schemes import Share, ValueDifference
from dca.errors import InputError, ReviewError
from dca.pipeline import assign_credit, assign_many
from dca.protocols import GroupReviewer, Reviewer
from dca.review.contribution import as_contribution
from dca.review.scripted import ScriptedReviewer
from dca.types import Review, Row, Step, Transcript
from dca.usage import Usage


def rollout(count: int, authors: str = "") -> tuple[Transcript, tuple[Step, ...]]:
    """A rollout of one-letter steps; `t` marks a tool's."""
    names = {"t": "tool"}
    steps = tuple(Step(k, k, k + 1, "x", names.get(authors[k : k + 1], "policy")) for k in range(count))
    return Transcript("p", "x" * count, 1.0, id="a"), steps


def valued(*scores: float, baseline: float | None = 0.25, **told: object) -> ScriptedReviewer:
    review = Review(scores=scores, measure="value", baseline=baseline, **told)  # type: ignore[arg-type]
    return ScriptedReviewer(lambda *_: review, measure="value")


@pytest.mark.parametrize(
    ("scores", "authors", "baseline", "changes"),
    [
        ((0.5, 0.25, 1.0), "ppp", 0.5, (0.0, -0.25, 0.75)),
        ((0.5, 0.75, 1.0), "ptp", 0.25, (0.25, 0.0, 0.5)),
        ((0.75, 0.75, 1.0), "ptp", 0.25, (0.5, 0.0, 0.25)),
        ((0.5, 1.0), "tp", 0.25, (0.0, 0.75)),
        ((-1.0, 1.0), "pp", 1.0, (-1.0, 1.0)),
    ],
)
def test_by_hand(scores: tuple[float, ...], authors: str, baseline: float, changes: tuple[float, ...]) -> None:
    """Each step of the policy gets what it changed, limited to [-1, 1]; the environment gets nothing."""
    review = as_contribution(valued(*scores, baseline=baseline)).review(*rollout(len(scores), authors))
    assert review.scores == changes
    assert review.measure == "contribution"
    assert review.baseline is None


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=12), st.floats(0.0, 1.0))
def test_the_differences_of_value_difference(scores: list[float], baseline: float) -> None:
    """The contributions are the credits of `ValueDifference`, where the last value is the outcome."""
    transcript, steps = rollout(len(scores))
    reviewer = valued(*scores, baseline=baseline)
    found = as_contribution(reviewer).review(transcript, steps)
    row = Row(reviewer.review(transcript, steps), (1,) * len(steps), (False,) * len(steps), amount=scores[-1])
    assert found.scores == pytest.approx(ValueDifference()(row).credits.values)


@given(st.lists(SCORES, min_size=1, max_size=12), SCORES)
def test_any_values_give_a_review(scores: list[float], baseline: float) -> None:
    """Whatever the values, the contributions are a review that `Share` can split by."""
    transcript, steps = rollout(len(scores))
    assignment = assign_credit(
        transcript, as_contribution(valued(*scores, baseline=baseline)), segmenter=lambda _: steps
    )
    assert assignment.fallback is None
    assert assignment.scheme == Share().name


def test_what_else_the_review_says_stays() -> None:
    """Labels, links, reasons, the shortest path and the cost are those of the reviewer asked."""
    told = {
        "labels": ("key", "check"),
        "links": (None, 0),
        "reasons": ("a", "b"),
        "shortest": (0,),
        "usage": Usage(requests=3),
        "reviewer": "somebody",
    }
    review = as_contribution(valued(0.5, 1.0, **told)).review(*rollout(2))
    kept = {name: getattr(review, name) for name in told}
    assert kept == {**told, "reviewer": "somebody as contribution"}


@pytest.mark.parametrize(
    "review",
    [
        Review(scores=(0.5,), measure="value"),
        Review(scores=(0.5,), measure="contribution", baseline=0.5),
        Review(scores=(0.5, 0.5), measure="value", baseline=0.5),
    ],
)
def test_reviews_without_values(review: Review) -> None:
    """A review without a baseline, of another measure or of other steps is an error of its row."""
    with pytest.raises(ReviewError, match="expected 1 values and a baseline"):
        as_contribution(ScriptedReviewer(lambda *_: review, measure="value")).review(*rollout(1))


def test_other_measures_are_refused_at_once() -> None:
    """A reviewer that measures contributions already is used as it is."""
    with pytest.raises(InputError, match="one that measures contribution"):
        as_contribution(ScriptedReviewer({}))


class Pairs:
    """Values rollouts two at a time, fails on one of them, and reads a model."""

    measure = "value"
    in_process = True
    rollouts_per_request = 2
    identity = "pairs/1"

    def __init__(self) -> None:
        self.lent: object = None

    def use_policy(self, model: object, tokenizer: object) -> None:
        self.lent = (model, tokenizer)

    def review(self, transcript: Transcript, steps: tuple[Step, ...]) -> Review:
        raise AssertionError("groups are asked for as groups")

    def review_group(self, rows: list[tuple[Transcript, tuple[Step, ...]]]) -> list[Review | Exception]:
        reviews: list[Review | Exception] = [
            Review(scores=(0.5,) * len(steps), measure="value", baseline=0.0) for _, steps in rows
        ]
        return [*reviews[:-1], ReviewError("not this one")]


def test_groups_stay_groups() -> None:
    """A reviewer of groups is asked for groups, and a failure stays with its row."""
    reviewer = as_contribution(Pairs())
    rows = [Transcript("p", text, 1.0) for text in ("ab", "cd")]
    first, second = assign_many(rows, reviewer, max_fallback_rate=None)
    assert isinstance(reviewer, GroupReviewer)
    assert first.review.scores == (0.5,)
    assert first.review.reviewer == "pairs/1 as contribution"
    assert second.fallback == "ReviewError: not this one"


def test_single_reviewers_stay_single() -> None:
    """A reviewer of single rollouts is asked one by one, also where rows come as a group."""
    script = {"a": Review(scores=(1.0,), measure="value", baseline=0.0), "b": ReviewError("no"), "c": Review((1.0,))}
    reviewer = as_contribution(ScriptedReviewer(script, measure="value"))
    rows = [(Transcript("p", "x", 1.0, id=name), rollout(1)[1]) for name in script]
    good, *bad = reviewer.review_group(rows)
    assert reviewer.rollouts_per_request == 1
    assert isinstance(good, Review)
    assert good.scores == (1.0,)
    assert [type(error) for error in bad] == [ReviewError, ReviewError]


def test_what_is_handed_on() -> None:
    """A policy that is lent reaches the reviewer asked, which may not want one."""
    pairs, plain = Pairs(), as_contribution(valued(0.5))
    reviewer = as_contribution(pairs)
    reviewer.use_policy("model", "tokenizer")
    plain.use_policy("model", "tokenizer")
    assert pairs.lent == ("model", "tokenizer")
    assert (reviewer.in_process, plain.in_process) == (True, False)
    assert plain.name == "scripted differences"
    assert isinstance(plain, Reviewer)
