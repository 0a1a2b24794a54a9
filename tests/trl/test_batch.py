"""A batch hands out assignments as they are asked for, tells of each row once and in turn, and never stalls."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import count
from typing import Any

import pytest

from dca import Review, ScriptedReviewer, Step, Transcript, Usage, ValueDifference
from dca.errors import BudgetError, RefusedError, SchemeError
from dca.pipeline import assign_ahead
from dca.protocols import Reviewer
from dca.trl.batch import ReviewBatch
from dca.trl.rollouts import to_rollouts
from dca.types import Assignment, Detection

OUTCOMES = (1.0, None, 0.0, 1.0)


def opinion(transcript: Transcript, steps: tuple[Step, ...]) -> Review:
    return Review(tuple(1.0 - k for k in range(len(steps))), usage=Usage(requests=1))


class Told:
    """Keeps what a batch tells."""

    def __init__(self) -> None:
        self.settled: list[int] = []
        self.turns: list[int] = []
        self.advantages: list[float] = []

    def on_settled(self, batch: ReviewBatch, row: int, assignment: Assignment) -> None:
        self.settled.append(row)

    def on_turn(self, batch: ReviewBatch, row: int, assignment: Assignment) -> None:
        self.turns.append(row)
        self.advantages += [] if batch.advantages is None else [batch.advantages[row]]


def begun(
    reviewer: Reviewer, told: Told | None = None, rows: Sequence[int] = (0, 2, 3), clock: Any = None, **how: Any
) -> ReviewBatch:
    """A batch of four, whose second has no outcome."""
    wanted = [outcome if row in rows else None for row, outcome in enumerate(OUTCOMES)]
    texts = [f"One.\nTwo {row}." for row in range(4)]
    rollouts = to_rollouts(["?"] * 4, texts, None, wanted, columns={}, table=None)
    ahead = assign_ahead([r.transcript for r in rollouts if r is not None], reviewer, **how)
    told = told if told is not None else Told()
    clocked = {} if clock is None else {"clock": clock}
    return ReviewBatch(
        OUTCOMES, rollouts, rows=rows, ahead=ahead, on_settled=told.on_settled, on_turn=told.on_turn, **clocked
    )


def test_rows_are_told_apart() -> None:
    """A row that was not sent to the reviewer has no assignment, and asking for it does not wait."""
    batch = begun(ScriptedReviewer(opinion), rows=(0, 3))
    assert len(batch) == 4
    assert [batch.reviewed(row) for row in range(4)] == [True, False, False, True]
    assert batch.done(1)
    assert batch.result(1) is batch.result(2) is None
    first = batch.result(0)
    assert first is not None
    assert first.transcript.reward == 1.0
    assert batch.assignments() == [first, None, None, None]
    assert not batch.settled


def test_a_batch_without_reviews_is_settled() -> None:
    """In evaluation nothing is under way, and nothing is asked for."""
    batch = ReviewBatch(OUTCOMES, [None] * 4)
    batch.settle()
    assert batch.settled
    assert batch.assignments() == [None] * 4


def test_each_row_is_told_of_once_and_in_turn() -> None:
    """However rows are asked for, turns follow the order of the rows, and nothing is told twice."""
    told = Told()
    batch = begun(ScriptedReviewer(opinion), told)
    batch.note_advantages([0.5, 0.0, -1.0, 0.25])
    for row in (3, 2, 3, 0, 0):
        batch.result(row)
    assert told.settled == [3, 2, 0]
    assert told.turns == [0, 2, 3]
    assert told.advantages == [0.5, -1.0, 0.25]


def test_nothing_waits_before_it_is_asked_for() -> None:
    """A finished row can be had while another is under review; the one asked for is waited for."""
    release = threading.Event()

    def slow(transcript: Transcript, steps: tuple[Step, ...]) -> Review:
        if transcript.id == "0":
            release.wait(10)
        return opinion(transcript, steps)

    batch = begun(ScriptedReviewer(slow), max_in_flight=4)
    assert batch.result(3) is not None
    assert not batch.done(0)
    release.set()
    batch.settle()
    assert batch.done(0)
    assert batch.settled


def test_a_late_review_falls_back() -> None:
    """Waiting ends at the deadline, with the reason on the row."""
    release = threading.Event()

    def stuck(transcript: Transcript, steps: tuple[Step, ...]) -> Review:
        release.wait(10)
        return opinion(transcript, steps)

    batch = begun(ScriptedReviewer(stuck), max_in_flight=4, deadline=0.01)
    batch.settle()
    release.set()
    assert {(a.fallback or "")[:8] for a in batch.assignments() if a is not None} == {"deadline"}


def test_a_failed_review_is_an_assignment() -> None:
    """A refusal is a fallback that pays every token alike, and no exception."""
    row = begun(ScriptedReviewer({"0": RefusedError("no")})).result(0)
    assert row is not None
    assert (row.fallback, set(row.push)) == ("RefusedError: no", {1.0})


@pytest.mark.parametrize("part", ["detector", "segmenter"])
def test_foreign_code_that_raises_costs_its_row_only(part: str, caplog: pytest.LogCaptureFixture) -> None:
    """A detector or a segmenter with a fault makes the row fall back; the others keep their reviews."""

    class Faulty:
        def detect(self, transcript: Transcript, steps: tuple[Step, ...], review: Review) -> Detection:
            if transcript.id == "2":
                raise IndexError("regex")
            return Detection()

        def __call__(self, transcript: Transcript) -> tuple[Step, ...]:
            self.detect(transcript, (), Review(()))
            return (Step(0, 0, len(transcript.completion), transcript.completion),)

    batch = begun(ScriptedReviewer(opinion), **{part: Faulty()})
    batch.settle()
    fallbacks = [a and a.fallback for a in batch.assignments()]
    assert fallbacks == [None, None, "IndexError: regex", None]
    assert "falls back" in caplog.text
    row = batch.result(2)
    assert row is not None
    assert set(row.push) == {0.0}


def test_what_must_stop_the_run_does_after_all_else_was_had() -> None:
    """A spent budget is raised by its row; settling raises it too, once every other row is settled and told of."""

    def answer(transcript: Transcript, steps: tuple[Step, ...]) -> Review:
        if transcript.id == "2":
            raise BudgetError("spent")
        return opinion(transcript, steps)

    told = Told()
    batch = begun(ScriptedReviewer(answer), told)
    with pytest.raises(BudgetError):
        batch.result(2)
    with pytest.raises(BudgetError):
        batch.settle()
    assert (told.settled, told.turns) == ([0, 3], [0, 3])


def test_a_scheme_that_does_not_fit_is_an_error() -> None:
    """A scheme that cannot use the review is a mistake in the set-up, not a failed review."""
    batch = begun(ScriptedReviewer(opinion, measure=""), scheme=ValueDifference())
    with pytest.raises(SchemeError):
        batch.result(0)


def test_waiting_is_counted() -> None:
    """The batch knows how long it was waited for, by its clock."""
    ticks = count(0.0, 2.0)
    batch = begun(ScriptedReviewer(opinion), clock=lambda: next(ticks))
    batch.settle()
    batch.settle()
    assert batch.waited == 6.0
