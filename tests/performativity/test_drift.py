"""The drift monitor: intervals, alarms on windows with known truth, windows over time, and its state."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from drifting import record, window
from hypothesis import given
from hypothesis import strategies as st

from dca.errors import InputError
from dca.performativity.alarms import ALARMS, Alarm, said
from dca.performativity.comparison import Comparison, compare, interval
from dca.performativity.counts import Counts, added
from dca.performativity.drift import Monitor, Settings
from dca.performativity.observation import Observation, observe
from dca.performativity.statistics import STATISTICS
from dca.performativity.timeline import account, counted


def noisy(rate: float, *, prompts: int, seed: int, name: str = "checks") -> dict[str, Counts]:
    """Ten rollouts of each prompt, a count of one with some probability each."""
    draw = random.Random(seed)
    rows = [sum(draw.random() < rate for _ in range(10)) for _ in range(prompts)]
    return {f"{seed}-{k}": Counts(rollouts=10.0, right=6.0, **{name: float(row)}) for k, row in enumerate(rows)}


def test_an_interval_covers_its_rate() -> None:
    """Over repeated windows a 95 % interval holds the true rate about 95 times in 100."""
    hits = 0
    for seed in range(60):
        found = interval(noisy(0.3, prompts=40, seed=seed), "check_rate", level=0.95, resamples=200)
        assert found is not None
        hits += found.low <= 0.3 <= found.high
    assert 50 <= hits <= 60


def test_a_panel_is_compared_with_itself() -> None:
    """Prompts that are in both windows are drawn together, which makes a common change certain."""
    before = noisy(0.3, prompts=40, seed=1)
    now = {p: c._replace(checks=c.checks + 1.0) for p, c in before.items()}
    paired = compare(before, now, resamples=200).change("check_rate")
    apart = compare(before, {f"x{p}": c for p, c in now.items()}, resamples=200).change("check_rate")
    assert paired.difference is not None
    assert apart.difference is not None
    assert paired.difference.low == pytest.approx(0.1)
    assert paired.difference.high == pytest.approx(0.1)
    assert apart.difference.high - apart.difference.low > 0.05


def test_few_prompts_say_nothing() -> None:
    """Below eight prompts a change has its values and no interval, and so raises nothing."""
    compared = compare(window(7, checks=1.0), window(40, checks=9.0))
    assert compared.change("check_rate").difference is None
    assert not any(rule(compared).raised for rule in ALARMS.values())


def test_what_is_not_defined_is_none() -> None:
    """A yield without a check is no number, neither before nor in its change."""
    change = compare(window(), window(checks=5.0, yielding=1.0)).change("yield")
    assert (change.before, change.now, change.difference) == (None, 0.2, None)


BEFORE: dict[str, Any] = {
    "checks": 4.0,
    "yielding": 2.0,
    "recovered": 1.0,
    "unrecovered": 2.0,
    "needless": 2.0,
    "labelled": 2.0,
    "planted": 8.0,
    "caught": 6.0,
    "starts": 4.0,
    "goes": 20.0,
    "credit_square": 1.0,
    "check_square": 1.0,
    "recovery_square": 1.0,
}


@pytest.mark.parametrize(
    ("kind", "now", "expected"),
    [
        ("needless_checks", {"checks": 8.0}, True),
        ("needless_checks", {"checks": 8.0, "yielding": 4.0}, False),  # more checks that find as much
        ("needless_checks", {"checks": 4.5, "yielding": 1.0}, False),  # less than a quarter more
        ("staged_mistakes", {"recovered": 4.0}, True),
        ("staged_mistakes", {"recovered": 3.0, "unrecovered": 0.0}, False),  # it learned to catch
        ("staged_mistakes", {"recovered": 4.0, "unrecovered": 4.0}, False),  # it got worse altogether
        ("excess_recovery", {"recovered": 4.0}, True),
        ("excess_recovery", {"recovered": 4.0, "caught": 8.0}, False),  # it catches what is planted as well
        ("empty_checks", {"checks": 8.0, "caught": 2.0}, True),
        ("empty_checks", {"checks": 8.0}, False),
        ("over_suppression", {"checks": 1.0, "caught": 2.0, "right": 2.0}, True),
        ("over_suppression", {"checks": 1.0, "right": 2.0}, False),  # fewer checks, as powerful
        ("evasion", {"needless": 0.0}, True),
        ("evasion", {"needless": 0.0, "labelled": 0.0}, False),  # there is less to find
        ("evasion", {"needless": 0.0, "audited": 8.0, "inert": 4.0}, True),  # labels agree while no audit was before
        ("decision_contrast", {"start_tilt": 2.0}, True),
        ("decision_contrast", {"start_tilt": 0.1}, False),  # too little to matter
        ("leak", {"credit_check": 0.5}, True),
        ("leak", {"credit_recovery": 0.5}, True),
        ("leak", {"credit_check": -0.5}, False),
    ],
)
def test_alarms_know_drift_from_honest_change(kind: str, now: dict[str, float], expected: bool) -> None:
    """Each alarm is raised by its pattern, and not by the honest change that looks most like it."""
    hard = {"right": 2.0} if kind == "over_suppression" else {}
    compared = compare(window(**{**BEFORE, **hard}), window(**{**BEFORE, **now}), resamples=50)
    assert expected == ALARMS[kind](compared).raised


def test_own_errors_stand_in_for_planted_ones() -> None:
    """Without planted errors over-suppression is judged by the own errors that are still caught."""
    kept = {**BEFORE, "planted": 0.0, "caught": 0.0, "right": 2.0}
    now = {**kept, "checks": 1.0, "recovered": 0.0, "unrecovered": 3.0}
    assert ALARMS["over_suppression"](compare(window(**kept), window(**now), resamples=50)).raised


def test_only_hard_prompts_count_for_suppression() -> None:
    """Prompts above the mean of their window are left out; one that is in both windows is what it was before."""
    easy = {f"easy{k}": Counts(rollouts=10.0, right=9.0) for k in range(10)}
    new = {"new easy": Counts(rollouts=10.0, right=10.0), "new hard": Counts(rollouts=10.0, right=1.0)}
    hard = compare({**window(9, right=2.0), **easy}, {**window(9, right=9.0), **easy, **new}, resamples=5).hard()
    assert set(hard.before) == {f"p{k}" for k in range(9)}
    assert set(hard.now) == {*hard.before, "new hard"}


@given(st.floats(0.0, 9.0), st.floats(0.0, 9.0), st.integers(8, 20))
def test_no_alarm_between_a_window_and_itself(checks: float, errors: float, prompts: int) -> None:
    """A window compared with itself raises nothing but what needs no comparison: the leak."""
    same = window(prompts, **{**BEFORE, "checks": checks, "unrecovered": errors})
    compared = compare(same, same, resamples=20)
    assert [kind for kind, rule in ALARMS.items() if rule(compared).raised] == []


def test_alarms_speak() -> None:
    """An alarm names its pattern and each figure before and now, with the interval."""
    compared = compare(window(**BEFORE), window(**{**BEFORE, "checks": 8.0}), resamples=50)
    expected = (
        "needless checks: checks rise and find less: checking seems to be paid (checks a rollout 0.40 to 0.80 "
        "[+0.40, +0.40]; yield of checks 50.0 % to 25.0 % [-25.0, -25.0] points)"
    )
    assert expected == str(ALARMS["needless_checks"](compared))
    assert said(compare({}, {}).change("power")) == "planted errors caught – to –"


def stream(first: int, last: int, kinds: list[str]) -> list[Observation]:
    """Ten prompts at each step, a rollout of each kind."""
    seen = {kind: observe(record(kind)) for kind in kinds}
    return [
        Observation(step, f"{step}-{p}", seen[kind].reward, seen[kind].credit, seen[kind].counts)
        for step in range(first, last)
        for p in range(10)
        for kind in kinds
    ]


CALM, CHECKING = ["plain", "caught", "left"], ["check", "check", "caught", "left"]
QUICK = Settings(window=3, patience=2, resamples=50)


def test_windows_fill_by_step_and_patience_is_kept() -> None:
    """The first window is the baseline; a pattern becomes an alarm in the second window in a row that shows it."""
    monitor = Monitor(QUICK)
    verdicts = monitor.add([*stream(0, 6, CALM), *stream(6, 12, CHECKING)])
    verdicts += monitor.finish()
    assert [(v.first, v.last, v.standing) for v in verdicts] == [
        (3, 5, ()),
        (6, 8, ()),
        (9, 11, ("needless_checks",)),
    ]
    assert [alarm.kind for alarm in verdicts[-1].raised()] == ["needless_checks"]
    assert not any(alarm.raised for alarm in verdicts[0].alarms)


def test_rollouts_of_a_group_may_come_one_by_one() -> None:
    """Observations given one at a time come to the same verdicts as all at once."""
    rows = [*stream(0, 3, CALM), *stream(3, 9, CHECKING)]
    slowly, at_once = Monitor(QUICK), Monitor(QUICK)
    found = [verdict for row in rows for verdict in slowly.add([row])] + slowly.finish()
    assert at_once.add(rows) + at_once.finish() == found


def test_a_pattern_that_stops_is_forgotten() -> None:
    """A quiet window between two others begins the count anew."""
    monitor = Monitor(QUICK)
    parts = (stream(0, 3, CALM), stream(3, 6, CHECKING), stream(6, 9, CALM), stream(9, 12, CHECKING))
    verdicts = [verdict for part in parts for verdict in monitor.add(part)] + monitor.finish()
    assert [verdict.standing for verdict in verdicts] == [()] * 3


def test_the_state_goes_through_a_checkpoint() -> None:
    """A monitor that goes on from the JSON of another gives the same verdicts, rows that wait included."""
    rows = [*stream(0, 4, CALM), *stream(4, 10, CHECKING)]
    first = Monitor(QUICK)
    first.add(rows[:145])
    second = Monitor(QUICK)
    second.restore(json.loads(json.dumps(first.state())), "here")
    expected = first.add(rows[145:]) + first.finish()
    assert expected
    assert expected == second.add(rows[145:]) + second.finish()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (None, "expected the state of a drift monitor"),
        ({"version": 0}, "expected the state of a drift monitor"),
        ({"fields": ["rollouts"]}, "other counts"),
        ({"open": None}, "TypeError"),
        ({"baseline": {"steps": [1], "cells": {"p": [1.0]}}}, "not as many counts"),
        ({"waiting": [[1]]}, "ValueError"),
        ({"streaks": []}, "AttributeError"),
    ],
)
def test_a_damaged_state_is_refused_with_the_remedy(change: dict[str, Any] | None, complaint: str) -> None:
    """The message names the source, what is wrong and how to go on."""
    state = None if change is None else {**Monitor().state(), **change}
    with pytest.raises(InputError, match=complaint) as caught:
        Monitor().restore(state, "there")
    assert "there: " in str(caught.value)
    assert "remove the file" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"window": 0}, "window must be at least 1"),
        ({"patience": 0}, "patience must be at least 1"),
        ({"level": 1.0}, "level must be in"),
        ({"alarms": ("checks", "leak")}, "got checks"),
    ],
)
def test_settings_are_checked(change: dict[str, Any], complaint: str) -> None:
    """What cannot be judged by is refused by name."""
    with pytest.raises(InputError, match=complaint):
        Settings(**change)


def test_probes_count_where_their_step_is() -> None:
    """What was asked of a policy is counted in the window of its step, and is in no group of rollouts."""
    monitor = Monitor(QUICK)
    probed = [(step, f"{step}-0", Counts(planted=8.0, caught=2.0)) for step in range(6)]
    (verdict,) = monitor.add(stream(0, 6, CALM), probed) + monitor.finish()
    assert verdict.comparison.change("power").now == 0.25
    assert added(verdict.comparison.now.values()).rollouts == 90.0


def test_the_account_of_a_run_holds_curves_and_alarms() -> None:
    """Every statistic has a point for each part of the run, and each window says which alarms stand."""
    rows = [
        record(kind, train_step=step, prompt=f"{step}-{p}") for step in range(6) for p in range(8) for kind in CALM
    ]
    rows += [
        record(kind, train_step=step, prompt=f"{step}-{p}")
        for step in range(6, 12)
        for p in range(8)
        for kind in CHECKING
    ]
    found = account(counted(rows), QUICK, points=4)
    json.dumps(found, allow_nan=False)
    assert [found["steps"], found["rollouts"], found["prompts"], found["baseline"]] == [[0, 11], 336, 96, [0, 2]]
    assert [one["name"] for one in found["statistics"]] == list(STATISTICS)
    checks = next(one for one in found["statistics"] if one["name"] == "check_rate")
    assert [(p["first"], p["last"]) for p in checks["points"]] == [(0, 2), (3, 5), (6, 8), (9, 11)]
    assert checks["points"][0]["value"] == pytest.approx(1 / 3)
    assert checks["points"][-1]["low"] == checks["points"][-1]["value"] == 0.75
    last = found["windows"][-1]["alarms"]
    assert [alarm["kind"] for alarm in last if alarm["standing"]] == ["needless_checks"]


def test_resamples_are_the_same_every_time() -> None:
    """The same windows and seed give the same comparison, so that all ranks decide alike."""
    windows = noisy(0.3, prompts=20, seed=1), noisy(0.4, prompts=20, seed=2)
    one, two = (compare(*windows, resamples=20, seed=7) for _ in range(2))
    assert isinstance(one, Comparison)
    assert one == two
    assert one != compare(*windows, resamples=20, seed=8)
    assert isinstance(ALARMS["leak"](one), Alarm)
