"""The laws of design section 4 that bind schemes, as properties, with hand-worked tables beside them."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import AMOUNTS, COEFFICIENTS, SCORES, rows

from dca.credit.schemes import VERIFICATION_LABELS, Share, ValueDifference, uniform, verification_mask
from dca.errors import LedgerError, ReviewError, SchemeError
from dca.types import Credits, Finding, Review, Row, balances

CLOSE = 1e-9


def excess(row: Row, scheme: Share) -> list[float]:
    """What each step's tokens get beyond the plain amount."""
    return [p - row.amount for p in scheme(row).push]


def without_staging(row: Row) -> Row:
    """The row with no staged mistake among its labels (their cap is absolute, so it does not move with praise)."""
    labels = tuple(None if label == "staged_mistake" else label for label in row.review.labels)
    return replace(row, review=replace(row.review, labels=labels))


class TestLedger:
    """Law 3."""

    @given(rows(), COEFFICIENTS, st.booleans(), st.booleans())
    def test_share_balances(self, row: Row, coef: float, sign_preserving: bool, withhold: bool) -> None:
        """The credits of `Share` and what is unassigned add up to the amount, whatever the review and options."""
        credits = Share(coef, sign_preserving, withhold)(row).credits
        assert balances(credits.values, credits.unassigned, row.amount)

    @given(rows(measure="value"))
    def test_value_difference_balances(self, row: Row) -> None:
        """The credits of `ValueDifference` and what is unassigned add up to the amount."""
        credits = ValueDifference()(row).credits
        assert balances(credits.values, credits.unassigned, row.amount)

    @given(rows())
    def test_fallback_balances(self, row: Row) -> None:
        """A row that fell back balances too."""
        credits = uniform(row).credits
        assert balances(credits.values, credits.unassigned, row.amount)

    @pytest.mark.parametrize(
        ("values", "amount", "unassigned"),
        [((0.5,), 1.0, 0.0), ((0.5, 0.6), 1.0, 0.0), ((), 1.0, 0.0), ((1.0,), 1.0, 2e-9), ((1e9,), 1e9 + 2, 0.0)],
    )
    def test_unbalanced_is_refused(self, values: tuple[float, ...], amount: float, unassigned: float) -> None:
        """A ledger that does not add up cannot be made."""
        with pytest.raises(LedgerError, match="add up"):
            Credits(values, amount, unassigned)

    @pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
    def test_not_finite_is_refused(self, bad: float) -> None:
        """A ledger holds finite numbers only."""
        with pytest.raises(LedgerError, match="finite"):
            Credits((bad,), 1.0)


class TestConservation:
    """Laws 4, 5 and 11."""

    @given(rows(), COEFFICIENTS, st.booleans())
    def test_mean_push_is_the_amount(self, row: Row, coef: float, sign_preserving: bool) -> None:
        """Law 4: the token mean of the push is the scalar advantage."""
        total = sum(row.lengths)
        assume(total > 0)
        push = Share(coef, sign_preserving)(row).push
        mean = math.fsum(n * p for n, p in zip(row.lengths, push, strict=True)) / total
        assert mean == pytest.approx(row.amount, rel=1e-9, abs=1e-9)

    @given(rows(), SCORES)
    def test_no_opinion_is_grpo(self, row: Row, score: float) -> None:
        """Law 5: equal scores give exactly the plain advantage, bit for bit."""
        review = Review(scores=(score,) * len(row.lengths))
        assert Share()(replace(row, review=review)).push == (row.amount,) * len(row.lengths)

    @given(rows(), rows(), AMOUNTS)
    def test_no_review_changes_the_total(self, row: Row, other: Row, amount: float) -> None:
        """Law 11: two reviews of one rollout pay the same total."""
        steps = min(len(row.lengths), len(other.lengths))
        lengths = row.lengths[:steps]
        paid = []
        for source in (row, other):
            review = Review(scores=source.review.scores[:steps], labels=source.review.labels[:steps])
            credits = Share()(Row(review, lengths, verification_mask(review), amount=amount)).credits
            paid.append(math.fsum((*credits.values, credits.unassigned)))
        assert paid[0] == pytest.approx(paid[1], rel=1e-9, abs=1e-9)


class TestShape:
    """Laws 6, 7 and 8."""

    @given(rows(max_steps=40), COEFFICIENTS, st.data())
    def test_splitting_changes_nothing(self, row: Row, coef: float, data: st.DataObject) -> None:
        """Law 6: cutting a step in two with the same score leaves every token's advantage as it was."""
        k = data.draw(st.integers(0, len(row.lengths) - 1))
        part = data.draw(st.integers(0, row.lengths[k]))

        def twice(values: tuple[object, ...]) -> tuple[object, ...]:
            return (*values[: k + 1], *values[k:])

        review = Review(scores=twice(row.review.scores), labels=twice(row.review.labels))  # type: ignore[arg-type]
        lengths = (*row.lengths[:k], part, row.lengths[k] - part, *row.lengths[k + 1 :])
        cut = Row(review, lengths, twice(row.verification), amount=row.amount)  # type: ignore[arg-type]
        before, after = Share(coef)(row).push, Share(coef)(cut).push
        kept = [p for p, n in zip(twice(before), lengths, strict=True) if n]
        assert [p for p, n in zip(after, lengths, strict=True) if n] == pytest.approx(kept, rel=1e-9, abs=1e-9)

    @given(rows(), COEFFICIENTS)
    def test_bounded(self, row: Row, coef: float) -> None:
        """Law 7: no token moves further from the plain advantage than credit_coef * 2 / 0.75."""
        slack = 1e-12 * max(1.0, abs(row.amount))
        assert all(abs(e) <= coef * 2 / 0.75 + slack for e in excess(row, Share(coef)))

    @given(rows(), st.floats(-0.5, 0.5))
    def test_praise_inflation_changes_nothing(self, row: Row, praise: float) -> None:
        """Law 7: adding a constant to all scores changes nothing."""
        row = without_staging(row)
        halved = replace(row, review=replace(row.review, scores=tuple(s / 2 for s in row.review.scores)))
        praised = tuple(s + praise for s in halved.review.scores)
        inflated = replace(halved, review=replace(halved.review, scores=praised))
        assert Share()(inflated).push == pytest.approx(Share()(halved).push, rel=1e-9, abs=1e-9)

    @given(rows(max_steps=40), SCORES, st.data())
    def test_monotone(self, row: Row, score: float, data: st.DataObject) -> None:
        """Law 8: raising one step's score never lowers its own advantage."""
        k = data.draw(st.integers(0, len(row.lengths) - 1))
        raised = tuple(max(s, score) if j == k else s for j, s in enumerate(row.review.scores))
        after = replace(row, review=replace(row.review, scores=raised))
        slack = 1e-12 * max(1.0, abs(row.amount))
        assert Share()(after).push[k] >= Share()(row).push[k] - slack

    @given(rows())
    def test_sign_preserving(self, row: Row) -> None:
        """With `sign_preserving` no token's advantage has another sign than the row's; zero rows are inert."""
        push = Share(sign_preserving=True)(row).push
        assert all(p * row.amount >= 0.0 for p in push)
        assert row.amount != 0.0 or not any(push)


class TestShow:
    """Laws 9 and 10."""

    @given(rows())
    def test_verification_gets_exactly_the_amount(self, row: Row) -> None:
        """Law 9: a verification step gets A_i exactly, whatever score it was given."""
        push = Share()(row).push
        assert all(p == row.amount for p, neutral in zip(push, row.verification, strict=True) if neutral)

    @given(rows(max_steps=40), SCORES, st.integers(0, 500), st.data())
    def test_inserting_verification_changes_no_other(
        self, row: Row, score: float, length: int, data: st.DataObject
    ) -> None:
        """Law 9: a check put in anywhere, with any score, leaves every other step's advantage as it was."""
        at = data.draw(st.integers(0, len(row.lengths)))

        def put(values: tuple[object, ...], value: object) -> tuple[object, ...]:
            return (*values[:at], value, *values[at:])

        review = Review(scores=put(row.review.scores, score), labels=put(row.review.labels, "check"))  # type: ignore[arg-type]
        longer = Row(review, put(row.lengths, length), put(row.verification, True), amount=row.amount)  # type: ignore[arg-type]
        after = list(Share()(longer).push)
        del after[at]
        assert after == pytest.approx(list(Share()(row).push), rel=1e-12, abs=1e-12)

    @given(rows())
    def test_a_flag_never_raises(self, row: Row) -> None:
        """Law 9: findings change nothing by default, and never raise a push when credit is withheld."""
        plain = Share()(replace(row, findings=()))
        assert Share()(row).push == plain.push
        assert all(a <= b for a, b in zip(Share(withhold=True)(row).push, plain.push, strict=True))

    @given(rows(), st.data())
    def test_a_staged_mistake_gets_at_most_an_unlisted_step(self, row: Row, data: st.DataObject) -> None:
        """Law 9: a staged mistake is paid at most what a step with score 0 is paid, however it was praised."""
        k = data.draw(st.integers(0, len(row.lengths) - 1))
        labels = (*row.review.labels[:k], "staged_mistake", *row.review.labels[k + 1 :], None)
        lengths = (*row.lengths[:k], max(1, row.lengths[k]), *row.lengths[k + 1 :], 1)
        mask = (*row.verification[:k], False, *row.verification[k + 1 :], False)
        grown = Row(Review((*row.review.scores, 0.0), labels), lengths, mask, amount=row.amount)
        push = Share()(grown).push
        assert push[k] <= push[-1]

    @given(SCORES, SCORES, SCORES, st.integers(1, 99), st.integers(1, 99), AMOUNTS)
    def test_round_trip(
        self, mistake: float, repair: float, right: float, mistaken: int, repaired: int, amount: float
    ) -> None:
        """Law 10: a mistake and its repair together earn no more than a right step in the mistake's place."""
        assume(mistake <= right)
        labels = ("progress", "error", "recovery", "progress")
        review = Review(scores=(right, mistake, repair, right), labels=labels)
        row = Row(review, (20, mistaken, repaired, 20), verification_mask(review), amount=amount)
        gained = excess(row, Share())
        pair = mistaken * gained[1] + repaired * gained[2]
        assert pair <= mistaken * gained[0] + 1e-9 * max(1.0, abs(amount))

    @given(SCORES, SCORES, SCORES, SCORES, SCORES)
    def test_round_trip_of_values(self, start: float, fall: float, repair: float, back: float, end: float) -> None:
        """Law 10 under `ValueDifference`: a repair is not paid for the fall, so the pair earns the fall alone."""
        assume(fall <= start)
        review = Review(
            scores=(start, fall, repair, end),
            labels=(None, "error", "recovery", None),
            measure="value",
            baseline=back,
        )
        credits = ValueDifference()(Row(review, (5, 5, 5, 5), verification_mask(review), amount=1.0)).credits
        assert credits.values[1] + credits.values[2] == pytest.approx(fall - start)
        assert credits.values[1] + credits.values[2] <= 0.0

    def test_verification_is_decided_by_labels_and_recognition(self) -> None:
        """The mask holds the labels check, needless_check and recovery, and what a detector recognised."""
        labels = ("key", "check", "needless_check", "recovery", "error", None, "staged_mistake")
        review = Review(scores=(0.0,) * 7, labels=labels)
        assert verification_mask(review) == (False, True, True, True, False, False, False)
        assert verification_mask(review, recognised=[5]) == (False, True, True, True, False, True, False)
        assert frozenset({"check", "needless_check", "recovery"}) == VERIFICATION_LABELS


class TestTelescoping:
    """Law 13."""

    @given(rows(measure="value"))
    def test_differences_sum_to_the_gain(self, row: Row) -> None:
        """Law 13: value differences sum to R - V_0, and V_0 is what stays unassigned."""
        assume(any(n and not m for n, m in zip(row.lengths, row.verification, strict=True)))
        credits = ValueDifference()(row).credits
        assert row.review.baseline is not None
        assert math.fsum(credits.values) == pytest.approx(row.amount - row.review.baseline, rel=1e-9, abs=1e-9)
        assert credits.unassigned == row.review.baseline

    @given(rows(measure="value"))
    def test_push_is_the_scaled_difference(self, row: Row) -> None:
        """The push is the trainer's own scaling of the reward times the difference, and 0 on verification."""
        split = ValueDifference()(row)
        assert split.push == tuple(row.scale * v for v in split.credits.values)
        assert not any(v for v, m in zip(split.credits.values, row.verification, strict=True) if m)


HAND_WORKED = [
    # scores, lengths, neutral, amount, expected push
    ((1.0, 0.0, -1.0), (10, 10, 10), "...", 1.0, (1 + 0.5 / 0.75, 1.0, 1 - 0.5 / 0.75)),
    ((1.0, 0.0), (30, 10), "..", 0.0, (0.5 * 0.25 / 0.75, -0.5 * 0.75 / 0.75)),
    ((0.5, 1.0, 0.5), (5, 9, 5), ".n.", -1.0, (-1.0, -1.0, -1.0)),
    ((1.0, 1.0, 0.0), (10, 70, 30), ".n.", 0.0, (0.5, 0.0, -0.5 / 3)),
    ((0.3, 0.9), (4, 4), "nn", 0.7, (0.7, 0.7)),
    ((0.9, -0.9), (0, 8), "..", 1.0, (1.0, 1.0)),
    ((0.4,), (12,), ".", 1.0, (1.0,)),
    ((0.4,), (0,), ".", 1.0, (1.0,)),
]


@pytest.mark.parametrize(("scores", "lengths", "marks", "amount", "expected"), HAND_WORKED)
def test_share_by_hand(
    scores: tuple[float, ...], lengths: tuple[int, ...], marks: str, amount: float, expected: tuple[float, ...]
) -> None:
    """`Share` gives what the equation gives when it is worked with a pencil."""
    row = Row(Review(scores=scores), lengths, tuple(m == "n" for m in marks), amount=amount)
    assert Share()(row).push == pytest.approx(expected, abs=1e-12)


def test_values_by_hand() -> None:
    """`ValueDifference` pays each step its change in value, and skips verification and the environment."""
    review = Review(scores=(0.6, 0.2, 0.7, 0.9, 0.1), measure="value", baseline=0.5)
    row = Row(review, (3, 3, 3, 0, 3), (False, False, True, False, False), amount=1.0, scale=2.0)
    split = ValueDifference()(row)
    assert split.credits.values == pytest.approx((0.1, -0.4, 0.0, 0.0, 0.8))
    assert split.push == pytest.approx((0.2, -0.8, 0.0, 0.0, 1.6))


def test_withheld_credit_is_in_the_ledger() -> None:
    """What a flagged step may not have is written to `unassigned`."""
    finding = Finding("needless_check", (1,), 0.95, ("already certain",))
    row = Row(Review(scores=(0.0, 0.0)), (5, 5), (False, False), (finding,), amount=1.0)
    assert Share(withhold=True)(row).credits == Credits((0.5, 0.0), 1.0, unassigned=0.5)
    losing = replace(row, amount=-1.0)
    assert Share(withhold=True)(losing).credits == Credits((-0.5, -0.5), -1.0)


@pytest.mark.parametrize("scores", [(math.nan,), (math.inf,), (-math.inf,), (1.0000001,), (-7.0,)])
def test_impossible_scores_are_refused(scores: tuple[float, ...]) -> None:
    """A score that is no number in [-1, 1] gives an error that names the step."""
    with pytest.raises(ReviewError, match=r"score of step 0 must be a number in \[-1, 1\]"):
        Review(scores=scores)


def test_too_many_scores_are_refused() -> None:
    """A review with more scores than steps gives an error with both numbers."""
    with pytest.raises(SchemeError, match="3 scores for 2 step lengths"):
        Row(Review(scores=(0.0, 0.0, 0.0)), (1, 1), (False, False))


def test_a_scheme_refuses_scores_that_mean_something_else() -> None:
    """Contribution scores are not values, and the error says what to do."""
    row = Row(Review(scores=(0.0,)), (1,), (False,))
    with pytest.raises(SchemeError, match="measure value, the review measures contribution; choose another"):
        ValueDifference()(row)
    with pytest.raises(SchemeError, match="baseline=V_0"):
        ValueDifference()(replace(row, review=Review(scores=(0.0,), measure="value")))


@given(rows())
@settings(max_examples=50)
def test_arguments_are_not_mutated(row: Row) -> None:
    """A scheme is a pure function: the same row gives the same split, twice."""
    assert Share()(row) == Share()(row)
