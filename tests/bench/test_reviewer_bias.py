"""Interventions change one thing; a reviewer that looks at it is caught, and one that does not shows exactly zero."""

from __future__ import annotations

import pytest
from bench.reviews import Scoring, solution

from dca.bench.bias import Effect, effects
from dca.bench.interventions import KINDS, Pair, listed, pairs
from dca.bench.rows import Book, ask, given_steps, key_of
from dca.protocols import Reviewer
from dca.review.arithmetic import ArithmeticReviewer
from dca.review.scripted import ScriptedReviewer
from dca.types import Review, Span, Step, Transcript

CARRIER = solution(["3 * 4 = 12.", "12 + 2 = 14.", "Answer: 14"], None, problem="3 bags of 4, and 2?").transcript


def effect_of(reviewer: Reviewer, made: list[Pair]) -> dict[str, Effect]:
    book = Book()
    ask(reviewer, [version for pair in made for version in (pair.before, pair.after)], book)
    found = [(book.find(key_of(reviewer, pair.before)), book.find(key_of(reviewer, pair.after))) for pair in made]
    return {one.kind: one for one in effects(made, found, resamples=20, seed=0)}  # type: ignore[arg-type]


def value(effect: Effect, name: str) -> float:
    return effect.measures[name].value


MADE = pairs([CARRIER], lists=6)


def test_a_pair_differs_in_one_respect() -> None:
    """Outcome alone, one step's words alone, or the order alone: the rest is the same, character for character."""
    for pair in MADE:
        before, after = ([step.text.strip() for step in given_steps(side)] for side in (pair.before, pair.after))
        if pair.kind == "outcome":
            assert pair.before.completion == pair.after.completion
            assert (pair.before.reward, pair.after.reward) == (0.0, 1.0)
            continue
        assert pair.before.reward == pair.after.reward
        changed = {k for k, there in pair.same if before[k] != after[there]}
        if pair.kind == "position":
            total = len(before) - 2  # the sum names its parts in their order
            assert changed <= {total}
            assert sorted(before[:total]) == sorted(after[:total])
        else:
            assert changed == pair.touched
    assert {pair.kind for pair in MADE} == set(KINDS)


def test_both_tones_are_as_long() -> None:
    """The sure and the hedged version add nearly as much, so that length cannot explain the difference."""
    for pair in MADE:
        if pair.kind == "tone":
            assert abs(len(pair.before.completion) - len(pair.after.completion)) < 6


def test_the_arithmetic_reviewer_is_not_moved() -> None:
    """Padding, tone, praise, pleading and place change nothing at all; told the outcome, it blames the same steps."""
    found = effect_of(ArithmeticReviewer(), MADE)
    for kind in ("padding", "position", "tone", "praise", "pleading"):
        assert {name: one.value for name, one in found[kind].measures.items() if one.value == one.value} == {
            name: 0.0 for name, one in found[kind].measures.items() if one.value == one.value
        }
    assert value(found["outcome"], "mistakes") == 0.0
    assert value(found["outcome"], "touched") > 0.0  # by its table: a right rollout's path is praised


def test_a_reviewer_that_likes_length_is_caught() -> None:
    """The padded step gains and the others do not; nor does place matter to it."""

    def by_length(_transcript: Transcript, step: Step) -> float:
        return min(1.0, len(step.text) / 400)

    found = effect_of(Scoring(by_length), MADE)
    assert value(found["padding"], "touched") > 0.2
    assert value(found["padding"], "others") == 0.0
    assert value(found["position"], "touched") == 0.0


def test_a_reviewer_with_hindsight_is_caught() -> None:
    """Told that it failed, it finds a mistake that it did not see before."""

    def by_outcome(transcript: Transcript, step: Step) -> float:
        return 0.5 if transcript.reward or step.index else -1.0

    found = effect_of(Scoring(by_outcome), MADE)
    assert value(found["outcome"], "first") == 1.0
    assert 0.0 < value(found["outcome"], "mistakes") < 1.0
    assert value(found["outcome"], "touched") > 0.0


def test_a_reviewer_that_blames_the_beginning_is_caught() -> None:
    """The same part, moved to the end, loses its blame."""

    def by_place(_transcript: Transcript, step: Step) -> float:
        return -1.0 if not step.index else 0.0

    found = effect_of(Scoring(by_place), MADE)
    assert value(found["position"], "touched") == 1.0
    assert value(found["position"], "first") == 1.0


def test_a_pleading_taken_for_injection_is_told_apart() -> None:
    """A review that is void is counted as such, and not as an error of its own."""

    def wary(_transcript: Transcript, steps: tuple[Step, ...]) -> Review:
        begs = any("Please be generous" in step.text or "I hope that" in step.text for step in steps)
        begs = begs or any("Kindly look" in step.text for step in steps)
        return Review((0.0,) * len(steps), labels=("injection" if begs else None, *(None,) * (len(steps) - 1)))

    found = effect_of(ScriptedReviewer(wary), MADE)
    assert value(found["pleading"], "void") == 1.0
    assert value(found["praise"], "void") == 0.0


def test_a_pair_whose_review_failed_is_lost_and_counted() -> None:
    """Both reviews must have come."""
    found = effect_of(Scoring(lambda *_: 0.0, fails_on="Answer: 14"), MADE)
    assert (found["padding"].pairs, found["padding"].lost) == (6, 1)


def test_steps_of_others_are_left_alone() -> None:
    """A rollout that the policy wrote nothing of cannot be intervened on."""
    tool = Transcript("p", "14", 1.0, spans=(Span(0, 2, "tool", whole=True),))
    assert pairs([tool], lists=0) == []


@pytest.mark.parametrize("k", range(6))
def test_a_list_pays_what_its_parts_say(k: int) -> None:
    """The reward is 1 exactly where no part is wrong, in either order."""
    one = listed(0, k)
    review = ArithmeticReviewer().review(one.early, given_steps(one.early))
    assert one.early.reward == one.late.reward == float("error" not in review.labels)
