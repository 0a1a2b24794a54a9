"""Figures add up over ranks, and a row of a table shows where credit went."""

from __future__ import annotations

import math

import pytest

from dca import Review, ScriptedReviewer, Step, Transcript, assign_credit
from dca.errors import RefusedError
from dca.trl.metrics import FIGURES, Metrics, credit_text, mean, score_spread
from dca.types import Assignment, Detection, Finding, Span


class Finds:
    """A detector with one finding a rollout."""

    def detect(self, transcript: Transcript, steps: tuple[Step, ...], review: Review) -> Detection:
        return Detection(findings=(Finding("needless_check", (0,), 0.9),))


def assigned(scores: tuple[float, ...], labels: tuple[str | None, ...] = (), tool: bool = False) -> Assignment:
    text = "".join(f"step {k}\n" for k in range(len(scores)))
    spans = tuple(
        Span(7 * k, 7 * k + 7, "tool" if tool and k == 1 else "policy", whole=True) for k in range(len(scores))
    )
    reviewer = ScriptedReviewer(lambda *_: Review(scores, labels))
    return assign_credit(Transcript("?", text, 1.0, spans=spans), reviewer, detector=Finds())


def fallen_back() -> Assignment:
    return assign_credit(Transcript("?", "one", 1.0), ScriptedReviewer({"": RefusedError("no")}))


def test_every_figure_is_there_and_begins_anew() -> None:
    """Trainers line names up over ranks, so a figure without a count is still there."""
    metrics = Metrics(["accuracy"])
    metrics.add_part("accuracy", [1.0, None, 0.0])
    assert set(metrics.pop()) == {*FIGURES, "outcome/accuracy"}
    assert set(metrics.pop().values()) == {(0.0, 0.0)}


def test_what_a_row_adds() -> None:
    """Checks count over the policy's steps, findings and spread over rollouts, a fallback as a fallback only."""
    metrics = Metrics()
    metrics.add_assignment(assigned((1.0, 0.0, 0.0), ("key", None, "check"), tool=True))
    metrics.add_assignment(fallen_back())
    figures = metrics.pop()
    assert figures["fallback_rate"] == (1.0, 2.0)
    assert figures["check_rate"] == (1.0, 2.0)
    assert figures["findings"] == (1.0, 1.0)
    assert figures["steps"] == (2.0, 1.0)
    assert figures["score_spread"] == (0.0, 1.0), "one step counts: there is nothing to tell apart"


def test_spread_is_the_standard_deviation_of_what_counts() -> None:
    """Alike scores have none, opposite ones have 1, and verification is left out."""
    assert score_spread(assigned((0.5, 0.5, 0.5))) == 0.0
    assert score_spread(assigned((1.0, -1.0))) == pytest.approx(1.0)
    assert score_spread(assigned((1.0, -1.0, 1.0), (None, None, "check"))) == pytest.approx(1.0)
    assert score_spread(assigned((1.0,), ("check",))) == 0.0


def test_a_mean_without_a_count_is_nan() -> None:
    """Trainers leave NaN out of what they average."""
    assert mean((3.0, 2.0)) == 1.5
    assert math.isnan(mean((0.0, 0.0)))


def test_a_cell_shows_where_credit_went() -> None:
    """Numbers for the policy's steps, a mark for verification and for others' steps, and why a row fell back."""
    assert credit_text(assigned((1.0, 0.0, 0.0), (None, None, "check"), tool=True)) == "+0.5 · ~+0.5"
    assert credit_text(assigned((1.0, -1.0))) == "+0.833 +0.167"
    assert credit_text(fallen_back()) == "fallback: RefusedError: no"
    assert credit_text(None) == ""
