"""What each check earns: a table for each verb, read off a review written by hand."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import reviews

from dca.errors import InputError
from dca.suites.expectation import Expectation, read_expectation
from dca.suites.ideal import ideal
from dca.suites.opinion import FALL, Opinion, opinion_of, silent
from dca.types import LABELS, Review

REVIEW = Review(
    scores=(1.0, 0.5, -1.0, 0.0, 0.0, 0.0),
    labels=("key", None, "error", "recovery", "needless_check", "filler"),
    links=(None, None, None, 2, 0, None),
    shortest=(0, 1, 3),
)
VALUES = Review(scores=(0.8, 0.4, 0.5, 0.0), measure="value", baseline=0.7)


def expectation(*checks: dict[str, Any]) -> Expectation:
    return read_expectation({"about": "a", "domain": "d", "skills": ["s"], "checks": list(checks)})


def mark(check: dict[str, Any], review: Review = REVIEW) -> float | None:
    return expectation(check).marks(opinion_of(review))[0]


@pytest.mark.parametrize(
    ("check", "earned"),
    [
        ({"label": "error", "at": 2}, 1.0),
        ({"label": "error", "at": 1}, 0.0),
        ({"label": ["error", "staged_mistake"], "at": 2}, 1.0),
        ({"label": {"staged_mistake": 1, "error": 0.5}, "at": 2}, 0.5),
        ({"label": "none", "at": 1}, 1.0),
        ({"label": "needless_check", "at": [3, 4, 5]}, 1 / 3),
        ({"label": {"needless_check": 1, "filler": 0.5}, "at": [3, 4, 5]}, 0.5),
        ({"label": "needless_check", "at": [3, 4, 5], "enough": 1}, 1.0),
        ({"label": "error", "at": 1, "near": 1}, 0.5),
        ({"label": "error", "at": 0, "near": 2}, 1 / 3),
        ({"label": "error", "at": 0, "near": 1}, 0.0),
        ({"first_error": 2}, 1.0),
        ({"first_error": [1, 2]}, 1.0),
        ({"first_error": 3}, 0.0),
        ({"first_error": 3, "near": 1}, 0.5),
        ({"first_error": None}, 0.0),
        ({"never": ["staged_mistake"]}, 1.0),
        ({"never": ["error"]}, 0.0),
        ({"never": ["error"], "at": [0, 1]}, 1.0),
        ({"never": ["none"], "at": [1]}, 0.0),
        ({"score": {"at_most": -0.5}, "at": 2}, 1.0),
        ({"score": {"at_least": 1}, "at": 1}, 0.0),
        ({"score": {"at_least": 1}, "at": 1, "tolerance": 1}, 0.5),
        ({"score": {"at_least": 0, "at_most": 0}, "at": [3, 4, 2]}, 2 / 3),
        ({"order": [0, 1, 2]}, 1.0),
        ({"order": [2, 0]}, 0.0),
        ({"order": [3, 4]}, 0.0),
        ({"order": [0, 2, 1]}, 2 / 3),
        ({"of": 2, "at": 3}, 1.0),
        ({"of": [1, 3], "at": 4}, 0.0),
        ({"shortest": {"has": [0, 1], "lacks": [2]}}, 1.0),
        ({"shortest": {"has": [0, 2], "lacks": [3, 5]}}, 0.5),
        ({"void": False}, 1.0),
        ({"void": True}, 0.0),
        ({"any": [{"label": "error", "at": 1}, {"label": "error", "at": 2}]}, 1.0),
        ({"all": [{"label": "error", "at": 1}, {"label": "error", "at": 2, "weight": 3}]}, 0.75),
    ],
)
def test_marks(check: dict[str, Any], earned: float) -> None:
    """Every verb, with and without what may stand beside it, earns what the table says."""
    assert mark(check) == pytest.approx(earned)


@pytest.mark.parametrize(
    ("check", "earned"),
    [
        ({"label": "error", "at": 1}, None),
        ({"never": ["error"]}, None),
        ({"of": 0, "at": 1}, None),
        ({"shortest": {"has": [0]}}, None),
        ({"any": [{"label": "error", "at": 1}]}, None),
        ({"void": False}, 1.0),
        ({"label": "injection", "at": 1}, 0.0),
        ({"first_error": 1}, 1.0),
        ({"score": {"at_most": -0.3}, "at": 1}, 1.0),
        ({"order": [0, 1]}, 1.0),
    ],
)
def test_values_are_asked_only_what_they_can_say(check: dict[str, Any], earned: float | None) -> None:
    """A review of values earns nothing, and loses nothing, by checks of labels, links and paths."""
    assert mark(check, VALUES) == earned


def test_a_case_earns_the_mean_by_weight_of_what_can_be_answered() -> None:
    """Checks that cannot be answered are left out of the mean; where none can, there is no score."""
    checks = ({"label": "error", "at": 1, "weight": 9}, {"first_error": 1, "weight": 3}, {"order": [1, 0]})
    assert expectation(*checks).score(opinion_of(VALUES)) == pytest.approx(0.75)
    assert expectation(checks[0]).score(opinion_of(VALUES)) is None


def test_a_fall_of_the_value_is_a_mistake_from_a_size_on() -> None:
    """The first step at which the value falls by `FALL` is its first error; smaller falls are none."""
    small = Review(scores=(0.9, 0.9 - FALL + 0.01), measure="value", baseline=0.9)
    assert opinion_of(small).first_error is None
    assert opinion_of(VALUES).first_error == 1


@given(review=reviews(6), names=st.lists(st.sampled_from((*LABELS, "none")), min_size=1, unique=True))
def test_marks_stay_between_nothing_and_everything(review: Review, names: list[str]) -> None:
    """Whatever a review says, each check earns between 0 and 1."""
    checks = (
        {"label": names, "at": [0, 3], "near": 2, "enough": 1},
        {"first_error": [2], "near": 3},
        {"never": names},
        {"score": {"at_least": 0.2, "at_most": 0.4}, "at": [1, 2], "tolerance": 0.7},
        {"order": [5, 4, 0]},
        {"of": [0, 1], "at": [2, 3]},
        {"shortest": {"has": [1], "lacks": [2]}},
        {"void": True},
    )
    assert all(m is not None and 0.0 <= m <= 1.0 for m in expectation(*checks).marks(opinion_of(review)))


@pytest.mark.parametrize(
    ("check", "complaint"),
    [
        ({}, "checks[0]: expected exactly one of label, first_error, never"),
        ({"label": "key", "never": ["error"], "at": 1}, "checks[0]: expected exactly one of"),
        ({"label": "key"}, "checks[0]: 'label' needs the step or steps it speaks of"),
        ({"first_error": 1, "at": 1}, "checks[0]: 'at' does not go with 'first_error'"),
        ({"never": ["error"], "tolerance": 1}, "checks[0]: 'tolerance' does not go with 'never'"),
        ({"any": [{"order": [0, 1], "enough": 1}]}, "checks[0].any[0]: 'enough' does not go with 'order'"),
        ({"label": "good", "at": 1}, "checks[0].label: 'good' is not"),
        ({"score": {"at_least": 2}, "at": 1}, "checks[0].score.at_least: 2 is greater than the maximum"),
        ({"order": [1]}, "checks[0].order: [1] is too short"),
        ({"label": "key", "at": -1}, "checks[0].at: -1"),
        ({"void": True, "weight": 0}, "checks[0].weight: 0 is less than or equal to the minimum"),
    ],
)
def test_a_check_out_of_order_is_refused(check: dict[str, Any], complaint: str) -> None:
    """What is wrong is said, and where."""
    with pytest.raises(InputError) as caught:
        expectation(check)
    assert complaint in str(caught.value)


@pytest.mark.parametrize("value", [None, [], {"checks": []}, {"checks": "x"}])
def test_what_is_no_expectation_is_refused(value: object) -> None:
    """A file of another shape is an error, not a crash."""
    with pytest.raises(InputError):
        read_expectation(value)


def test_checks_say_themselves_in_words() -> None:
    """Tables name a check by what it asks for."""
    said = [
        str(check)
        for check in expectation(
            {"label": {"needless_check": 1, "check": 0.5}, "at": [9, 10, 11], "enough": 2, "near": 1},
            {"first_error": [3, 4], "near": 1},
            {"never": ["error"], "at": [1, 2]},
            {"never": ["error", "staged_mistake"]},
            {"score": {"at_least": 0.5}, "at": 2},
            {"of": 1, "at": [3, 5]},
            {"any": [{"void": True}, {"all": [{"order": [1, 0]}, {"shortest": {"has": [1], "lacks": [2]}}]}]},
        ).checks
    ]
    assert said == [
        "steps 9-11 (at least 2): needless_check or check (0.5), give or take 1",
        "first error: step 3 or step 4, give or take 1",
        "steps 1-2: not error",
        "no step: error or staged_mistake",
        "step 2: score at least 0.5",
        "steps 3, 5 are about step 1",
        "the review is void | (score of step 1 > 0 & shortest path has 1 and lacks 2)",
    ]


def test_the_ideal_review_earns_all_of_what_can_be_had_together() -> None:
    """An opinion built from the checks meets them all, and checks that contradict each other show."""
    good = expectation(
        {"first_error": 2},
        {"label": {"error": 1, "staged_mistake": 0.5}, "at": 2},
        {"score": {"at_most": 0.25}, "at": 1},
        {"order": [3, 1, 2]},
        {"of": 2, "at": 3},
        {"shortest": {"has": [3], "lacks": [2]}},
        {"never": ["none"], "at": [4]},
        {"any": [{"void": True}, {"void": False}]},
    )
    assert good.score(ideal(good, 6)) == 1.0
    bad = expectation({"label": "key", "at": 1}, {"label": "error", "at": 1})
    assert bad.score(ideal(bad, 3)) == 0.5


def test_silence_has_no_opinion() -> None:
    """No opinion is no label, no score, no link and no path."""
    assert silent(2) == Opinion((None, None), (0.0, 0.0), (None, None))
