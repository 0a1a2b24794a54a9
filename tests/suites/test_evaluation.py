"""A suite marked as a whole: who earns what, wins and losses, intervals, and what counts as a regression."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripts import (
    as_expected,
    candidate,
    finds_it,
    load,
    misses_it,
    recorded,
    says_nothing,
    write_prompt,
    write_suite,
)

from dca.backends.scripted import ScriptedBackend
from dca.review.arithmetic import ArithmeticReviewer
from dca.review.llm import LLMReviewer
from dca.review.scripted import ScriptedReviewer
from dca.suites.bootstrap import FEWEST, Interval, is_clear, mean_interval
from dca.suites.case import Suite, load_suite
from dca.suites.comparison import compare, regression
from dca.suites.evaluation import FAILED, MARKED, Candidate, SilentReviewer, evaluate
from dca.types import Review


@pytest.fixture(autouse=True)
def not_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recording is part of what is tested; in CI a recorder only replays."""
    monkeypatch.delenv("CI", raising=False)


@pytest.fixture(name="suite")
def small_suite(tmp_path: Path) -> Suite:
    return load(write_suite(tmp_path / "small", 4))


def test_a_reviewer_without_a_prompt_is_marked_at_once(suite: Suite) -> None:
    """The arithmetic reviewer needs no recording; it finds the false product of each case."""
    found = evaluate(Candidate("arithmetic", ArithmeticReviewer()), suite)
    assert [(result.state, result.score) for result in found.results] == [(MARKED, 1.0)] * 4
    assert found.standings == ()


def test_the_expectations_themselves_earn_everything() -> None:
    """A reviewer scripted from the expectations of the shipped suite earns 1 on every case."""
    core = load_suite("core")
    script = as_expected(core)
    found = evaluate(Candidate("ideal", LLMReviewer(ScriptedBackend(script))), core)
    assert {result.case: result.score for result in found.results if result.score != 1.0} == {}


def test_silence_earns_the_floor(suite: Suite) -> None:
    """A reviewer without an opinion earns what the table calls no opinion."""
    table = compare(suite, [evaluate(Candidate("silent", SilentReviewer()), suite)])
    assert table["candidates"][0]["mean"] == table["silent"] == 0.25


def test_a_review_that_fails_is_no_opinion_and_counted(suite: Suite) -> None:
    """A failure earns the floor, whatever kind of review was wanted, and is listed with its reason."""
    broken = ScriptedReviewer({})
    found = evaluate(Candidate("broken", broken), suite)
    assert [(result.state, result.score) for result in found.results] == [(FAILED, 0.25)] * 4
    assert "the script says nothing" in found.results[0].note
    values = ScriptedReviewer({}, measure="value")
    assert [result.score for result in evaluate(Candidate("values", values), suite).results] == [0.0] * 4


def test_a_review_of_values_is_marked_by_what_it_changes(suite: Suite) -> None:
    """Where the value falls is where the error is; checks of labels are not asked."""
    values = ScriptedReviewer(lambda _t, _s: Review((0.8, 0.1, 0.1), measure="value", baseline=0.8), measure="value")
    assert [result.score for result in evaluate(Candidate("values", values), suite).results] == [1.0] * 4


def test_two_are_compared_case_by_case(tmp_path: Path, suite: Suite) -> None:
    """Wins, losses and ties, means by skill, and an interval that says which is better."""
    good, bad = (
        write_prompt(tmp_path / "good.md"),
        write_prompt(tmp_path / "bad.md", "Other `attempts`, `transcript`."),
    )
    recorded(tmp_path / "rec", good, suite, finds_it)
    recorded(tmp_path / "rec", bad, suite, misses_it, only=["case-0", "case-1", "case-2"])
    recorded(tmp_path / "rec", bad, suite, finds_it, only=["case-3"])
    both = [evaluate(candidate(tmp_path / "rec", prompt, suite), suite) for prompt in (good, bad)]
    table = compare(suite, both)
    assert [row["difference"] for row in table["rows"]] == [1.0, 1.0, 1.0, 0.0]
    found = table["comparison"]
    assert (found["cases"], found["wins"], found["losses"], found["ties"]) == (4, 3, 0, 1)
    assert found["mean"] == 0.75
    assert found["interval"] == [0.25, 1.0]
    assert found["verdict"] == "better"
    assert found["same_answerers"] is True
    assert {group["name"]: group["means"] for group in table["skills"]} == {
        "even": [1.0, 0.0],
        "locate_error": [1.0, 0.25],
        "odd": [1.0, 0.5],
    }
    assert regression(table, tolerance=0.0) == ""
    worse = compare(suite, both[::-1])
    assert worse["comparison"]["verdict"] == "worse"
    assert regression(worse, tolerance=0.0) == "the mean falls by 0.750, more than the 0 allowed"
    assert regression(worse, tolerance=0.8) == ""
    json.dumps(table)  # what is printed with --json


def test_what_cannot_be_compared_is_a_regression(tmp_path: Path, suite: Suite) -> None:
    """A case the new one has no recording of is not known to be as good."""
    new, old = write_prompt(tmp_path / "new.md"), write_prompt(tmp_path / "old.md", "Old `attempts`, `transcript`.")
    recorded(tmp_path / "rec", new, suite, finds_it, only=["case-0"])
    recorded(tmp_path / "rec", old, suite, says_nothing, only=["case-0", "case-1"])
    table = compare(suite, [evaluate(candidate(tmp_path / "rec", one, suite), suite) for one in (new, old)])
    assert table["comparison"]["cases"] == 1
    assert regression(table, tolerance=1.0).startswith("1 cases cannot be compared, among them case-1")
    nothing = compare(
        suite,
        [
            evaluate(
                candidate(tmp_path / "rec", write_prompt(tmp_path / f"{n}.md", f"{n} attempts transcript"), suite),
                suite,
            )
            for n in "ab"
        ],
    )
    assert nothing["comparison"]["verdict"] == "not settled"
    assert regression(nothing, tolerance=1.0) == "no case can be compared"
    assert nothing["candidates"][0]["mean"] is None


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=30), st.integers(0, 5))
def test_an_interval_holds_the_mean_and_repeats(values: list[float], seed: int) -> None:
    """The interval lies within the values, around their mean, and the same seed gives the same one."""
    found = mean_interval(values, resamples=200, seed=seed)
    assert found is not None
    assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9
    assert found == mean_interval(values, resamples=200, seed=seed)


def test_the_interval_is_the_textbook_one() -> None:
    """For many cases it comes to mean +- 1.96 standard errors; for none there is none."""
    values = [k % 2 for k in range(400)]
    found = mean_interval(values)
    assert found is not None
    assert found.mean == 0.5
    assert found.high - found.low == pytest.approx(2 * 1.96 * 0.5 / 20, rel=0.05)
    assert mean_interval([]) is None


def test_a_verdict_needs_cases_and_pays_for_every_look() -> None:
    """Few cases never settle anything, and what one look settles may not be settled by the first of many."""
    assert not is_clear([1.0] * (FEWEST - 1), looks=1)
    assert is_clear([1.0] * FEWEST, looks=50)
    assert is_clear([-0.5] * 10, looks=5)
    assert not is_clear([0.5, -0.5] * 8, looks=1)
    close = [0.6, -0.4, 0.5, 0.4, -0.3, 0.5, 0.6, -0.2, 0.5, 0.3]
    assert is_clear(close, looks=1)
    assert not is_clear(close, looks=500)
    assert Interval(0.1, -0.1, 0.3).excludes_zero is False


def test_the_figures_in_the_docs_are_these() -> None:
    """What the page on prompts says of the arithmetic reviewer and of silence is what comes out today."""
    core = load_suite("core")
    both = [Candidate("arithmetic", ArithmeticReviewer()), Candidate("silent", SilentReviewer())]
    table = compare(core, [evaluate(one, core) for one in both])
    page = (Path(__file__).parents[2] / "docs" / "prompts.md").read_text("utf-8")
    for row in table["candidates"]:
        low, high = row["interval"]
        assert f"| {row['mean']:.3f} ({low:.3f} to {high:.3f}) |" in page
    found = table["comparison"]
    assert f"| {found['mean']:+.3f} ({found['interval'][0]:+.3f} to {found['interval'][1]:+.3f}): " in page
    assert f": {found['wins']} won, {found['losses']} lost, {found['ties']} tied |" in page
