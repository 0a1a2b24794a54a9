"""A reviewer that counts says what the reviewer says, and knows what it cost."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import count

import pytest

from dca import Review, ScriptedReviewer, Step, Transcript, Usage, assign_many
from dca.errors import BudgetError, RefusedError, ReviewError
from dca.pipeline import assign_ahead
from dca.trl.meter import GroupMeter, Meter, metered

PAID = Usage(requests=1, input_tokens=10, cost_usd=0.25)
ROW = Transcript("?", "one\ntwo", 1.0, id="a")


def paid(_transcript: Transcript, steps: tuple[Step, ...]) -> Review:
    return Review((0.0,) * len(steps), usage=PAID)


class Pairs:
    """A reviewer of two rollouts a request; the second one always fails."""

    name, identity, measure, rollouts_per_request = "pairs", "pairs v1", "contribution", 2

    def review(self, transcript: Transcript, steps: tuple[Step, ...]) -> Review:
        return paid(transcript, steps)

    def review_group(self, rows: Sequence[tuple[Transcript, tuple[Step, ...]]]) -> Sequence[Review | Exception]:
        (first, steps), *_ = rows
        if first.completion == "boom":
            raise RefusedError("both", usage=PAID)
        return [paid(first, steps), RefusedError("no", usage=PAID)]


def test_reviews_and_failures_pass_through() -> None:
    """What the reviewer gives or raises is what comes, and both are paid for."""
    meter = metered(ScriptedReviewer(paid))
    assert meter.review(ROW, (Step(0, 0, 7, "one\ntwo"),)).scores == (0.0,)
    refusing = metered(ScriptedReviewer({"a": RefusedError("no", usage=PAID)}))
    with pytest.raises(RefusedError, match="no"):
        refusing.review(ROW, ())
    assert (meter.spent, refusing.spent) == (PAID, PAID)


def test_it_is_called_what_the_reviewer_is_called() -> None:
    """Records name the reviewer, not its meter, and its measure is known."""
    meter = metered(Pairs())
    assert (meter.name, meter.identity, meter.measure) == ("pairs", "pairs v1", "contribution")
    (row,) = assign_many([ROW], metered(ScriptedReviewer(paid)))
    assert row.review.reviewer == "scripted"


def test_groups_stay_groups() -> None:
    """A reviewer of several rollouts a request stays one, and each member's cost is counted."""
    meter = metered(Pairs())
    assert isinstance(meter, GroupMeter)
    rows = [Transcript("?", text, 1.0) for text in ("x", "y")]
    assert [row.fallback for row in assign_many(rows, meter)] == [None, "RefusedError: no"]
    assert meter.spent == PAID + PAID
    rows = [Transcript("?", text, 1.0) for text in ("boom", "z")]
    assert [row.fallback for row in assign_many(rows, meter)] == ["RefusedError: both"] * 2
    assert meter.spent == PAID + PAID + PAID
    assert not isinstance(metered(ScriptedReviewer(paid)), GroupMeter)


def test_a_late_review_is_paid_for() -> None:
    """A review that misses its deadline falls back, and its cost is counted when it arrives."""
    release, arrived = threading.Event(), threading.Event()

    class Slow(Meter):
        def review(self, transcript: Transcript, steps: tuple[Step, ...], /) -> Review:
            review = super().review(transcript, steps)
            arrived.set()
            return review

    def late(transcript: Transcript, steps: tuple[Step, ...]) -> Review:
        release.wait(10)
        return paid(transcript, steps)

    meter = Slow(ScriptedReviewer(late))
    ahead = assign_ahead([ROW], meter, max_in_flight=2, deadline=0.01)
    assert (ahead.result(0).fallback or "").startswith("deadline")
    assert meter.spent == Usage()
    release.set()
    assert arrived.wait(10)
    assert meter.spent == PAID


def test_a_spent_budget_stops_the_run() -> None:
    """The review that finds the money spent is not sent, and what stops the run is no review error."""
    meter = metered(ScriptedReviewer(paid), budget_usd=0.5)
    for _ in range(2):
        meter.review(ROW, ())
    with pytest.raises(BudgetError, match=r"the budget of \$0.5 is spent") as caught:
        meter.review(ROW, ())
    assert not isinstance(caught.value, ReviewError)
    assert meter.spent.cost_usd == 0.5


def test_what_was_spent_before_counts() -> None:
    """A run that goes on has what it spent before, towards its budget too."""
    meter = metered(ScriptedReviewer(paid), budget_usd=1.0)
    meter.carry_over(Usage(cost_usd=1.0, requests=4))
    assert meter.spent == Usage(cost_usd=1.0, requests=4)
    with pytest.raises(BudgetError):
        meter.review(ROW, ())


def test_time_is_counted_once() -> None:
    """Seconds and reviews are had once, then counted anew."""
    ticks = count(0.0, 0.5)
    meter = Meter(ScriptedReviewer(paid), clock=lambda: next(ticks))
    for _ in range(3):
        meter.review(ROW, ())
    assert meter.pop_seconds() == (1.5, 3.0)
    assert meter.pop_seconds() == (0.0, 0.0)
