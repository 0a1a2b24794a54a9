"""Reviews begun now and collected later: any order, a deadline, failures as data, and what must stop a run."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dca import Review, ScriptedReviewer, Step, Transcript, Usage, assign_many
from dca.credit.schemes import ValueDifference
from dca.errors import BudgetError, RefusedError, SchemeError
from dca.pipeline import assign_ahead
from dca.types import Assignment

PAID = Usage(requests=1, cost_usd=0.1)


def line(name: str) -> Transcript:
    return Transcript("?", f"One step.\nAnother step.\n{name}", 1.0, id=name)


def opinion(transcript: Transcript, steps: tuple[Step, ...]) -> Review:
    return Review(scores=tuple(1.0 if k == 0 else 0.0 for k in range(len(steps))), usage=PAID)


@given(names=st.lists(st.sampled_from("abcde"), max_size=6), in_flight=st.integers(1, 4))
def test_the_same_as_assign_many(names: list[str], in_flight: int) -> None:
    """What is collected, in whatever order, is what `assign_many` gives; identical rows are paid for once."""
    rows = [line(name) for name in names]
    ahead = assign_ahead(rows, ScriptedReviewer(opinion), max_in_flight=in_flight)
    backwards = [ahead.result(k) for k in reversed(range(len(ahead)))]
    assert list(assign_many(rows, ScriptedReviewer(opinion))) == backwards[::-1]


def test_nothing_waits_until_it_is_asked_for() -> None:
    """A row that is finished can be had while another one is still under review."""
    release = threading.Event()

    def slow_on_a(transcript: Transcript, steps: tuple[Step, ...]) -> Review:
        if transcript.id == "a":
            release.wait(10)
        return opinion(transcript, steps)

    ahead = assign_ahead([line("a"), line("b")], ScriptedReviewer(slow_on_a), max_in_flight=2)
    assert ahead.result(1).fallback is None
    assert not ahead.done(0)
    release.set()
    assert ahead.result(0).fallback is None
    assert ahead.done(0)


def test_the_deadline_makes_a_fallback() -> None:
    """A review that does not arrive in time is a fallback with the reason, with the uniform credit of plain GRPO."""
    release = threading.Event()

    def stuck(transcript: Transcript, steps: tuple[Step, ...]) -> Review:
        release.wait(10)
        return opinion(transcript, steps)

    ahead = assign_ahead([line("a"), line("b")], ScriptedReviewer(stuck), max_in_flight=2, deadline=0.05)
    late: list[Assignment] = [ahead.result(k) for k in range(2)]
    release.set()
    assert [row.fallback for row in late] == ["deadline: the review was not finished in time"] * 2
    assert [set(row.push) for row in late] == [{1.0}, {1.0}]
    assert late == [ahead.result(k) for k in range(2)], "a row is settled once"


def test_a_failed_review_is_data_and_a_spent_budget_is_not() -> None:
    """A refusal falls back; what must stop a run is raised when its row is collected, and not before."""

    def answer(transcript: Transcript, steps: tuple[Step, ...]) -> Review:
        raise RefusedError("no", usage=PAID) if transcript.id == "a" else BudgetError("spent")

    ahead = assign_ahead([line("a"), line("b")], ScriptedReviewer(answer), max_in_flight=2)
    assert (ahead.result(0).fallback, ahead.result(0).usage) == ("RefusedError: no", PAID)
    with pytest.raises(BudgetError):
        ahead.result(1)


def test_what_cannot_work_is_refused_first() -> None:
    """A scheme that needs another measure, or no place in flight, is refused before anything is asked."""
    reviewer = ScriptedReviewer(opinion)
    with pytest.raises(ValueError, match="at least 1"):
        assign_ahead([line("a")], reviewer, max_in_flight=0)
    reviewer_of_contribution = type("R", (), {"measure": "contribution", "review": reviewer.review})()
    with pytest.raises(SchemeError):
        assign_ahead([line("a")], reviewer_of_contribution, scheme=ValueDifference())
