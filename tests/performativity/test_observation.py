"""What drift sees of a rollout: episodes, errors, decisions and pay, from records that the pipeline wrote."""

from __future__ import annotations

import math

import pytest
from drifting import Opinion, record

from dca.credit.schemes import Share, ValueDifference
from dca.performativity.counts import Counts
from dca.performativity.observation import by_prompt, observe, of_group, prompt_key
from dca.performativity.statistics import STATISTICS

SEEN = ("right", "first_right", "checks", "yielding", "harmful", "recovered", "unrecovered")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("plain", (1, 1, 0, 0, 0, 0, 0)),
        ("check", (1, 1, 1, 0, 0, 0, 0)),
        ("caught", (1, 1, 1, 1, 0, 1, 0)),
        ("left", (0, 0, 0, 0, 0, 0, 1)),
        ("spoilt", (0, 0, 1, 0, 1, 0, 0)),
    ],
)
def test_each_kind_is_seen_for_what_it_is(kind: str, expected: tuple[int, ...]) -> None:
    """Checks, what they yield or spoil, and own errors put right or left are told apart from the text alone."""
    counts = observe(record(kind, detect=False)).counts
    assert expected == tuple(getattr(counts, name) for name in SEEN)


def test_labels_stand_in_where_the_text_shows_nothing() -> None:
    """Steps that a reviewer labels a check or a recovery count, with the mistake that the recovery links to."""
    labels = ["error", "check", "recovery"]
    row = record("plain", Opinion((-1.0, 0.0, 0.0), labels, links=(None, None, 0)), detect=False)
    for step in row["steps"]:
        step["text"] = "no sums"  # nothing for the reader to see
    row["completion"] = "no sums" * 3
    counts = observe(row).counts
    assert (counts.checks, counts.yielding, counts.recovered, counts.unrecovered) == (1.0, 1.0, 1.0, 0.0)


def test_a_labelled_error_that_nobody_mends_is_left() -> None:
    """An error that only the reviewer sees counts as one that stayed."""
    counts = observe(record("plain", Opinion((0.0, -1.0), [None, "error"]))).counts
    assert (counts.recovered, counts.unrecovered) == (0.0, 1.0)


def test_the_tilt_is_what_the_reviewer_added() -> None:
    """Push less A_i comes back from the stored credits as coefficient times z, step by step."""
    reviewer = Opinion((1.0, -1.0, 0.0))
    row = record("plain", reviewer, scheme=Share(credit_coef=0.5))
    counts = observe(row).counts
    lengths, scores = (10, 11, 5), (1.0, -1.0, 0.0)
    mean = math.fsum(n * s for n, s in zip(lengths, scores, strict=True)) / sum(lengths)
    assert counts.goes == 2.0
    assert counts.go_tilt == pytest.approx(sum(0.5 * (s - mean) / 0.75 for s in scores[1:]))


def test_neutral_checks_have_no_contrast_beyond_grpos() -> None:
    """A check is pushed exactly A_i where verification is neutral, more where it is praised and not recognised."""
    praised = Opinion((0.0, 1.0, 0.0, 0.0))
    neutral = observe(record("check", praised, advantage=0.5)).counts
    paid = observe({**record("check", praised, detect=False), "advantage": 0.5}).counts
    assert (neutral.starts, neutral.start_tilt) == (1.0, 0.0)
    assert STATISTICS["excess_contrast"].of(neutral) == pytest.approx(0.0)
    assert (STATISTICS["excess_contrast"].of(paid) or 0.0) > 0.5
    assert STATISTICS["grpo_contrast"].of(paid) == 0.0


def test_decisions_end_with_the_first_error() -> None:
    """To go on and err is a decision made while all was right; what comes after the error is not."""
    assert observe(record("left")).counts.goes == 0.0
    assert observe(record("caught")).counts.starts == 0.0
    assert observe(record("spoilt")).counts.starts == 1.0


def test_value_differences_are_compared_with_the_outcome_less_the_start() -> None:
    """Under value_difference the amount is R - V_0, and a step's push its difference."""
    reviewer = Opinion((0.5, 0.75, 1.0), measure="value", baseline=0.25)
    seen = observe(record("plain", reviewer, scheme=ValueDifference()))
    assert seen.credit == 0.75
    assert seen.counts.go_tilt == pytest.approx((0.25 - 0.75) + (0.25 - 0.75))


def test_findings_and_needless_labels_are_counted() -> None:
    """A finding flags its rollout, and a reviewer's own label of needlessness is kept beside it."""
    counts = observe(record("check", Opinion((), [None, "needless_check"]))).counts
    assert (counts.flagged, counts.needless, counts.staged, counts.labelled) == (1.0, 1.0, 0.0, 1.0)


def group(credits: list[float], kinds: list[str]) -> Counts:
    """A group of rollouts whose advantages are told."""
    seen = [observe(record(kind, advantage=credit)) for kind, credit in zip(kinds, credits, strict=True)]
    return of_group(seen)


def test_credit_that_is_a_function_of_the_reward_leaks_nothing() -> None:
    """In plain GRPO nothing is left to correlate with checks, to the last bit of a 32-bit advantage."""
    kinds = ["plain", "check", "check", "left", "left", "spoilt"]
    plain = group([1 / 3, 1 / 3 + 1e-8, 1 / 3, -1 / 3, -1 / 3, -1 / 3], kinds)
    assert STATISTICS["credit_checks"].of(plain) is None
    leaking = group([0.3, 0.5, 0.5, -0.3, -0.3, -0.1], kinds)
    assert STATISTICS["credit_checks"].of(leaking) == pytest.approx(1.0)


def test_prompts_are_kept_apart_and_steps_are_groups() -> None:
    """Counts are by prompt; rollouts of one prompt at two steps are two groups."""
    rows = [observe(record("check", train_step=step, advantage=a)) for step in (0, 1) for a in (0.1, 0.2)]
    other = observe({**record("plain"), "prompt": "another"})
    found = by_prompt([*rows, other])
    assert {prompt_key(record("plain")["prompt"]): 4.0, prompt_key("another"): 1.0} == {
        prompt: counts.rollouts for prompt, counts in found.items()
    }
    assert all(counts.check_square == 0.0 for counts in found.values()), "groups of two tell nothing"
