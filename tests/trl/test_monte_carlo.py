"""Values by trying, where they are known: scripted samplers, a policy that knows a secret once it is told."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from secret import ASK, GOOD, LOOK, PROMPT, TELL, answerer
from tiny import byte_tokenizer

from dca.credit.schemes import Share, ValueDifference
from dca.credit.segment import segment
from dca.errors import InputError, ReviewError, SchemeError
from dca.grading import grade_exact
from dca.pipeline import assign_credit, assign_many
from dca.protocols import GroupReviewer, Reviewer
from dca.review.contribution import as_contribution
from dca.trl.monte_carlo import Estimate, MonteCarloReviewer, estimate
from dca.trl.sampling import PolicySampler, Prefix
from dca.types import Review, Span, Step, Transcript

TEXT = "one\ntwo\nthree\n"


def lines(transcript: Transcript) -> tuple[Step, ...]:
    return segment(transcript, "line")


def right(completion: str, reference: str) -> float:
    """1 where the completion ends on the reference."""
    return float(completion.endswith(reference))


class Script:
    """Continues rightly as often as it is told for the number of lines that it is given."""

    def __init__(self, *rights: int) -> None:
        self.rights, self.asked = rights, list[tuple[str, str, int]]()

    def __call__(self, prompt: str, prefix: str, samples: int) -> list[str]:
        self.asked.append((prompt, prefix, samples))
        good = self.rights[prefix.count("\n")]
        return ["...4"] * good + ["...5"] * (samples - good)


def rollout(reward: float = 1.0, text: str = TEXT) -> Transcript:
    return Transcript("2 + 2?", text, reward, reference="4")


@pytest.mark.parametrize("reward", [0.0, 1.0])
def test_known_values(reward: float) -> None:
    """Each value is the share of continuations that end well; the last is the outcome, and is not sampled."""
    script = Script(2, 4, 8)
    transcript = rollout(reward)
    review = MonteCarloReviewer(script, right, samples=8).review(transcript, lines(transcript))
    assert (review.baseline, *review.scores) == (0.25, 0.5, 1.0, reward)
    assert review.measure == "value"
    assert script.asked == [("2 + 2?", "", 8), ("2 + 2?", "one\n", 8), ("2 + 2?", "one\ntwo\n", 8)]
    assert review.usage.requests == 24
    assert review.reasons == (
        "0.50 ± 0.19 over 8 continuations",
        "1.00 ± 0.00 over 8 continuations",
        f"the outcome, {reward:.0f}",
    )


def test_grades_between_right_and_wrong() -> None:
    """Any grade in [-1, 1] counts as it is; one outside it is an error of the row."""
    transcript = rollout(0.5)
    partly = MonteCarloReviewer(Script(1, 1, 1), lambda text, _: {"4": 0.75, "5": -0.25}[text[-1]], samples=2)
    assert partly.review(transcript, lines(transcript)).scores == (0.25, 0.25, 0.5)
    beyond = MonteCarloReviewer(Script(1, 1, 1), lambda *_: 7.0)
    with pytest.raises(ReviewError, match=r"must be a number in \[-1, 1\], got 7.0"):
        beyond.review(transcript, lines(transcript))


def test_shared_prefixes_are_sampled_once() -> None:
    """Rollouts of one request share the prompt and what they have in common; the first that needs it pays."""
    script = Script(1, 2, 3, 4)
    texts = ["one\ntwo\nthree\n", "one\ntwo\nfour\n", "uno\n"]
    rows = [(rollout(text=text), lines(rollout(text=text))) for text in texts]
    reviews = MonteCarloReviewer(script, right, samples=4).review_group(rows)
    assert [prefix for _, prefix, _ in script.asked] == ["", "one\n", "one\ntwo\n"]
    assert [(r.baseline, *r.scores) for r in reviews if isinstance(r, Review)] == [
        (0.25, 0.5, 0.75, 1.0),
        (0.25, 0.5, 0.75, 1.0),
        (0.25, 1.0),
    ]
    assert [r.usage.requests for r in reviews if isinstance(r, Review)] == [12, 0, 0]


def test_other_references_and_prompts_are_not_shared() -> None:
    """A prefix is the same only for the same prompt and the same expected answer."""
    script = Script(2)
    rows = [rollout(text="x"), replace(rollout(text="x"), reference="5"), replace(rollout(text="x"), prompt="3 + 1?")]
    reviews = MonteCarloReviewer(script, right, samples=8).review_group([(one, lines(one)) for one in rows])
    assert [r.baseline for r in reviews if isinstance(r, Review)] == [0.25, 0.75, 0.25]
    assert len(script.asked) == 3


def test_the_tools_answer_belongs_to_the_call() -> None:
    """It is sampled on from after the tool's answer, never between call and answer."""
    script = Script(2, 0, 6, 0)
    spans = (Span(0, 4), Span(4, 8, "tool"), Span(8, 14))
    transcript = replace(rollout(), spans=spans)
    review = MonteCarloReviewer(script, right, samples=8).review(transcript, lines(transcript))
    assert [prefix for _, prefix, _ in script.asked] == ["", "one\ntwo\n"]
    assert (review.baseline, *review.scores) == (0.25, 0.75, 0.75, 1.0)


def test_nothing_to_value() -> None:
    """A rollout without a step of the policy is an error of its row and costs nothing; its neighbours are valued."""
    script = Script(8)
    empty = replace(rollout(), spans=(Span(0, 14, "tool"),))
    rows = [(empty, lines(empty)), (rollout(text="x"), lines(rollout(text="x")))]
    none, some = MonteCarloReviewer(script, right).review_group(rows)
    assert isinstance(none, ReviewError)
    assert isinstance(some, Review)
    assert len(script.asked) == 1
    with pytest.raises(ReviewError, match="the policy wrote no step"):
        MonteCarloReviewer(script, right).review(empty, lines(empty))


def test_a_sampler_that_gives_too_few() -> None:
    """A sampler that does not give as many continuations as asked for is an error that says so."""
    transcript = rollout()
    with pytest.raises(ReviewError, match="expected 8 continuations of each of 3 prefixes, got \\[1, 1, 1\\]"):
        MonteCarloReviewer(lambda *_: ["4"], right).review(transcript, lines(transcript))


@pytest.mark.parametrize(
    ("grades", "value", "error", "text"),
    [
        ((1.0, 0.0, 0.0, 1.0), 0.5, 0.2887, "0.50 ± 0.29 over 4 continuations"),
        ((1.0,), 1.0, None, "1.00 over 1 continuations"),
        ((0.25, 0.25), 0.25, 0.0, "0.25 ± 0.00 over 2 continuations"),
        ((-1.0, 1.0), 0.0, 1.0, "0.00 ± 1.00 over 2 continuations"),
    ],
)
def test_means_and_their_errors(grades: Sequence[float], value: float, error: float | None, text: str) -> None:
    """The mean of some grades and its standard error, worked out by hand."""
    found = estimate(grades)
    assert found.value == pytest.approx(value)
    assert found.error == (None if error is None else pytest.approx(error, abs=1e-4))
    assert str(found) == text
    assert str(Estimate(0.5)) == "the outcome, 0.5"


def test_under_the_schemes(caplog: pytest.LogCaptureFixture) -> None:
    """With `ValueDifference` credits are what each step changed; `Share` takes differences, never values."""
    reviewer = MonteCarloReviewer(Script(2, 4, 8), right, samples=8)
    assert isinstance(reviewer, Reviewer)
    assert isinstance(reviewer, GroupReviewer)
    with caplog.at_level(logging.WARNING, "dca"):
        (row,) = assign_many([rollout()], reviewer, scheme=ValueDifference(), segmenter=lines)
    assert caplog.text == ""
    assert row.credits.values == (0.25, 0.5, 0.0)
    assert row.credits.unassigned == 0.25
    with pytest.raises(SchemeError, match="measures value"):
        assign_credit(rollout(), reviewer, scheme=Share(), segmenter=lines)
    shared = assign_credit(rollout(), as_contribution(reviewer), segmenter=lines)
    assert shared.review.scores == (0.25, 0.5, 0.0)
    assert shared.usage.requests == 24


def test_names() -> None:
    """A review names who continued and how often."""
    assert MonteCarloReviewer(Script(1), right).identity == "monte_carlo of Script samples=8"
    named = MonteCarloReviewer(PolicySampler(max_new_tokens=5), right, samples=2).identity
    assert named == "monte_carlo of the policy temperature=1.0 max_new_tokens=5 samples=2"


@pytest.mark.parametrize("option", ["samples", "rollouts_per_request"])
def test_bad_options(option: str) -> None:
    """There must be a sample, and a rollout in a request."""
    with pytest.raises(InputError, match="must be at least 1"):
        MonteCarloReviewer(Script(1), right, **{option: 0})


class Answering:
    """Lets the policy answer at once, wherever it is."""

    def __init__(self, sampler: PolicySampler) -> None:
        self.sampler = sampler

    def use_policy(self, model: Any, tokenizer: Any) -> None:
        self.sampler.use_policy(model, tokenizer)

    def complete_all(self, prefixes: Sequence[Prefix], samples: int) -> list[list[str]]:
        asked = [Transcript(one.transcript.prompt, one.text + ASK, 0.0) for one in prefixes]
        return self.sampler.complete_all([Prefix(one, len(one.completion)) for one in asked], samples)


def test_a_policy_that_learns_a_secret() -> None:
    """With a real model: one in ten before the digit is told, always after, never where another is told."""
    tokenizer = byte_tokenizer()
    reviewer = MonteCarloReviewer(
        Answering(PolicySampler(max_new_tokens=1, batch_size=500)), grade_exact, samples=400
    )
    reviewer.use_policy(answerer(tokenizer), tokenizer)
    for told, value in ((4, 1.0), (7, 0.0)):
        transcript = Transcript(PROMPT, LOOK + TELL.format(told) + GOOD, 0.5, reference="4")
        review = reviewer.review(transcript, lines(transcript))
        assert (review.baseline, *review.scores) == pytest.approx((0.1, 0.1, value, 0.5), abs=0.06)
