"""The arithmetic behind both views, by hand-worked tables and against the records it sums."""

from __future__ import annotations

import json
import math
from importlib import resources
from typing import Any

import jsonschema
import pytest
import records
from hypothesis import given
from hypothesis import strategies as st

from dca.errors import InputError
from dca.report.charts import charts, label_rows
from dca.report.summary import digest, outcome, overview, tilt_scores


def test_the_samples_keep_the_contract() -> None:
    """What the views are tested on is what `dca review` writes: each row fits the shipped schema."""
    schema = json.loads((resources.files("dca.data") / "assignment.schema.json").read_text("utf-8"))
    for row in [*records.mixed(), records.shades(), *records.many(2)]:
        jsonschema.validate(json.loads(json.dumps(row)), schema)


def test_a_digest_by_hand() -> None:
    """Lengths, z, the needed share and the first mistake of a wrong solution, worked out by hand."""
    item = digest(records.wrong())
    lengths = [len(step["text"]) for step in records.wrong()["steps"]]
    scores = (0.7, -0.9, 0.5, 0.0, 0.0)
    mean = sum(n * s for n, s in zip(lengths, scores, strict=True)) / sum(lengths)
    assert [step.z for step in item.steps] == pytest.approx([(s - mean) / 0.75 for s in scores])
    assert [step.heat for step in item.steps] == [2, -3, 2, -1, -1]
    assert (item.used, item.needed) == (sum(lengths), sum(lengths[:4]))
    assert item.first_error == pytest.approx(lengths[0] / sum(lengths))
    assert (item.outcome, item.balanced, item.fallback) == ("wrong", True, None)


def test_neutral_and_environment_steps_have_no_tilt() -> None:
    """Checks, repairs and tool output show 0, whatever they were scored."""
    item = digest(records.program())
    assert [(step.neutral, step.length > 0, step.heat) for step in item.steps][2:4] == [
        (True, True, 0),
        (False, False, 0),
    ]


def test_a_staged_mistake_shows_the_z_it_was_paid_by() -> None:
    """Its score counts as at most 0, as in the scheme: z is recovered from the credit."""
    row = records.staged()
    total = sum(step["stop"] - step["start"] for step in row["steps"])
    z = tilt_scores(row)
    assert z is not None
    for step, tilt in zip(row["steps"], z, strict=True):
        share = (step["stop"] - step["start"]) / total
        assert step["credit"] == pytest.approx(share * (row["reward"] + 0.5 * tilt))


@pytest.mark.parametrize("row", [records.fallback(), records.values()])
def test_no_z_where_the_scheme_has_none(row: dict[str, Any]) -> None:
    """A fallback and other schemes have no z; only the other scheme's credits colour the steps."""
    item = digest(row)
    assert {step.z for step in item.steps} == {None}
    assert any(step.heat for step in item.steps) == (row["fallback"] is None)


def test_credit_by_label_adds_up_to_the_total_reward() -> None:
    """The rows of the label table, with what went to nobody, are the rewards."""
    total = overview(map(digest, [*records.mixed(), *records.many(24)]))
    parts = [row.credit for row in total.labels.values()]
    assert math.fsum([*parts, total.unassigned]) == pytest.approx(total.reward)
    assert sum(row.steps for row in total.labels.values()) == total.steps


def test_an_overview_by_hand() -> None:
    """Counts of the nine sample rows."""
    total = overview(map(digest, records.mixed()))
    assert total.count == 9
    assert dict(total.outcomes) == {"right": 6, "partial": 1, "wrong": 2}
    assert list(total.fallbacks.values()) == [1]
    assert (total.findings["needless_check"], total.findings["staged_mistake"], total.flagged) == (1, 1, 3)
    assert (total.usage.requests, total.usage.reused) == (5, 1)
    assert sum(total.shares.values()) == 7  # the fallback and the row without policy steps name no path
    assert sum(total.errors.values()) == 4


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=8), st.integers(1, 40))
def test_every_counted_step_falls_into_a_bin(scores: list[float], size: int) -> None:
    """No z is outside the histogram: law 7 bounds it."""
    row = records.record("r", "p", [("x" * size, None, score) for score in scores], 1.0)
    total = overview([digest(row)])
    assert sum(total.tilts.values()) == len(scores)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_outcomes_are_three(reward: float) -> None:
    """Every reward is right, partial or wrong."""
    assert outcome(reward) == ("right" if reward >= 1 else "partial" if reward > 0 else "wrong")


@pytest.mark.parametrize("rows", [[], records.mixed(), [records.silent()]])
def test_bars_stay_inside_their_picture(rows: list[dict[str, Any]]) -> None:
    """Every bar of every chart lies in the frame, whatever there is to count."""
    total = overview(map(digest, rows))
    for chart in charts(total):
        assert bool(chart.bars) != bool(chart.empty)
        for bar in chart.bars:
            assert 0 <= bar.x <= bar.x + bar.width <= chart.width
            assert -1e-9 <= bar.y <= bar.y + bar.height <= chart.height + 1e-9
    for row in label_rows(total):
        assert -1e-9 <= row.bar.x <= row.bar.x + row.bar.width <= 100 + 1e-9


@pytest.mark.parametrize(
    "broken",
    [
        {"steps": None},
        {"reward": float("nan")},
        {"reward": "1"},
        {"shortest": None},
        {"usage": None},
        {"steps": [{"text": "x"}]},
    ],
)
def test_a_broken_record_is_one_clear_error(broken: dict[str, Any]) -> None:
    """The error names the transcript and says what to do."""
    with pytest.raises(InputError, match=r"'gsm8k-0007' cannot be read .* review it again"):
        digest(records.right() | broken)


def test_something_else_than_a_record_is_refused() -> None:
    """A list is not a record."""
    with pytest.raises(InputError, match="expected a record"):
        digest([])  # type: ignore[arg-type]
