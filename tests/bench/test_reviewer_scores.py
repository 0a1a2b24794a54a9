"""Scores by the sets' own definitions, worked out by hand; step accuracy; agreement with values; advice."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from bench.reviews import calling, failed, solution

from dca.bench import location, planted
from dca.bench.advice import Advice, advise, sorted_out
from dca.bench.labelled import Labelled, Truth
from dca.bench.metrics import Estimate
from dca.bench.mistakes import Solution
from dca.bench.rows import Judgement, given_steps
from dca.bench.values import Said, agreement, rank_correlation
from dca.types import Review, Span, Transcript
from dca.usage import NO_USAGE

TEXTS = ["One.", "Two.", "Three."]


def scores(pairs: list[tuple[Solution, Judgement]]) -> dict[str, float]:
    of = location.places([one for one, _ in pairs], [judgement for _, judgement in pairs])
    return {name: one.value for name, one in location.score(of, resamples=0, seed=0).items()}


def test_location_by_the_sets_definitions() -> None:
    """Accuracy, ProcessBench's F1 and MR-Ben's MCC and ACC_step on seven solutions, counted by hand."""
    wrong = [(solution(TEXTS, 1), said) for said in (calling(1), calling(2), calling(None), failed())]
    right = [(solution(TEXTS, None), said) for said in (calling(None), calling(0), failed())]
    found = scores(wrong + right)
    # of 4 wrong ones 1 is placed; of 3 right ones 1 is left alone; tn 2, fp 2, tp 1, fn 2
    assert found["accuracy"] == pytest.approx(2 / 7)
    assert (found["error_accuracy"], found["correct_accuracy"]) == (0.25, pytest.approx(1 / 3))
    assert found["f1"] == pytest.approx(2 * (1 / 4) * (1 / 3) / (1 / 4 + 1 / 3))
    assert found["mcc"] == pytest.approx((1 * 2 - 2 * 2) / math.sqrt(3 * 3 * 4 * 4))
    assert found["mr_score_low"] == pytest.approx(0.3 * 0.25)
    assert found["mr_score_high"] == pytest.approx(0.3 * 0.25 + 0.5 * 0.25)


def test_two_steps_of_one_number_will_both_do() -> None:
    """Where a set's label fits several steps, each of them is right."""
    one = solution(TEXTS, 1)
    either = Solution(one.transcript, one.steps, frozenset({0, 1}), one.problem)
    assert scores([(either, calling(0)), (either, calling(1))])["error_accuracy"] == 1.0


def test_a_place_that_is_not_known_counts_for_mcc_only() -> None:
    """Programs of MR-Ben say that they are wrong, and not where."""
    one = solution(TEXTS, 1)
    unplaced = Solution(one.transcript, one.steps, None, one.problem)
    found = scores([(unplaced, calling(0)), (solution(TEXTS, None), calling(None))])
    assert (found["mcc"], found["correct_accuracy"]) == (1.0, 1.0)
    assert math.isnan(found["accuracy"])
    assert math.isnan(found["error_accuracy"])


@pytest.mark.parametrize(
    ("said", "expected"),
    [((0.5, 0.5, -1.0), 1.0), ((0.5, -1.0, 0.5), 0.25), ((0.0, 0.0, 0.0), 0.5), ((-1.0, -1.0, 0.0), 0.0)],
)
def test_step_accuracy_compares_the_mistake_with_the_steps_before_it(
    said: tuple[float, ...], expected: float
) -> None:
    """A lower score than a step before earns 1, an equal one half, a higher one nothing."""
    judgement = Judgement(Review(said), None, NO_USAGE, None)
    assert location.step_accuracy(solution(TEXTS, 2), judgement) == expected


def test_step_accuracy_of_a_failed_review_is_that_of_no_opinion() -> None:
    """In training a failed review tilts nothing."""
    assert location.step_accuracy(solution(TEXTS, 2), failed()) == 0.5


def test_a_mistake_in_the_first_step_has_nothing_to_be_compared_with() -> None:
    """Such solutions are left out of step accuracy, as are those without a mistake."""
    assert math.isnan(location.step_accuracy(solution(TEXTS, 0), calling(0)))
    assert math.isnan(location.step_accuracy(solution(TEXTS, None), calling(None)))


def test_step_accuracy_is_the_accuracy_of_a_reviewer_that_flips() -> None:
    """A reviewer that says right or wrong of each step and errs with probability 1 - q has step accuracy q."""
    draw, q, one = random.Random(0), 0.8, solution(["Step."] * 6, 5)
    rows = []
    for _ in range(1500):
        said = tuple((1.0 if k < 5 else -1.0) * (1 if draw.random() < q else -1) for k in range(6))
        rows.append(location.step_accuracy(one, Judgement(Review(said), None, NO_USAGE, None)))
    assert sum(rows) / len(rows) == pytest.approx(q, abs=0.03)


def test_prm_score_counts_steps() -> None:
    """The mean of F1 on planted and on other steps; what is off the shortest path is counted apart."""
    text = "".join(f"{word}\n" for word in TEXTS)
    spans = (Span(0, 5, whole=True), Span(5, 10, whole=True), Span(10, 17, whole=True))
    transcript = Transcript("2+2?", text, 1.0, spans=spans)
    truth = (Truth(None, False, None), Truth(None, True, None), Truth(None, True, None))
    case = Labelled(transcript, given_steps(transcript), truth, problem="2+2?")
    said = Review((0.5, -0.5, 0.5), labels=(None, "needless_check", None), shortest=(0,))
    judgement = Judgement(said, None, NO_USAGE, None)
    found = planted.score([case], [judgement], frozenset({"needless_check"}), resamples=0, seed=0)
    assert found["prm_score"].value == pytest.approx((2 / 3 + 2 / 3) / 2)
    assert (found["precision"].value, found["recall"].value, found["path_score"].value) == (1.0, 0.5, 1.0)


def test_agreement_is_counted_within_each_rollout() -> None:
    """Ranks, signs and silence, worked out by hand for two rollouts, one without an opinion."""
    rows = [Said((0.5, 0.0, -1.0), (1.0, 0.0, -1.0)), Said((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))]
    truths = [(0.1, 0.0, -0.6), (0.2, 0.0, 0.3)]
    found = agreement(rows, truths, ["a", "b"], resamples=0, seed=0)
    assert {name: one.value for name, one in found.items()} == {
        "rank": 0.5,
        "sign": 0.5,
        "tilt_sign": 0.5,
        "idle": 1.0,
    }


def test_rank_correlation_gives_ties_their_mean_rank() -> None:
    """Spearman's correlation with ties: ranks 1.5, 1.5, 3 against 1, 2, 3."""
    found = rank_correlation(np.array([0.0, 0.0, 1.0]), np.array([1.0, 2.0, 3.0]))
    assert found == pytest.approx(math.sqrt(3) / 2)


@pytest.mark.parametrize(
    ("value", "low", "coefficient"),
    [(0.85, 0.8, 0.5), (0.75, 0.65, 0.25), (0.65, 0.55, 0.25), (0.6, 0.5, None), (0.5, 0.45, None)],
)
def test_advice_follows_the_measured_thresholds(value: float, low: float, coefficient: float | None) -> None:
    """From 70 % with all of the interval the default; below 70 % a half of it; at 60 % and below none."""
    one = advise("sums", Estimate(value, low, 1.0), 100)
    assert one.credit_coef == coefficient
    assert one.line == ("" if coefficient is None else f"credit_coef={coefficient:g}")


def test_too_few_solutions_advise_nothing() -> None:
    """Thirty solutions are needed before anything is said."""
    one = advise("sums", Estimate(1.0, 1.0, 1.0), 29)
    assert (one.credit_coef, one.words) == (None, "too few to say")
    assert sorted_out([one]) == {}


def test_advice_is_sorted_by_coefficient() -> None:
    """Sets are told apart by what is advised for them, the largest coefficient first."""
    values = (("a", 0.5), ("b", 0.9), ("c", 0.65))
    found: list[Advice] = [advise(name, Estimate(value, value, value), 50) for name, value in values]
    assert list(sorted_out(found)) == [0.5, 0.25, None]
