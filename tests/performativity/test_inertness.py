"""Inert steps, planted values, and questions heard before they are asked, with a policy whose truth is known."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from drifting import PROMPT, record

from dca.performativity.inertness import beginning, inert_by_probability, inert_by_replay, inert_stretches
from dca.performativity.observation import reading_of
from dca.performativity.planting import answers, caught, planted
from dca.performativity.policy import ASK, Policy
from dca.performativity.questions import Listener, Questions, in_batches, questions_of
from dca.types import Step


def steps(*texts: str, author: str = "policy") -> tuple[Step, ...]:
    return tuple(Step(k, 0, 0, text, author) for k, text in enumerate(texts))


class Reader:
    """Knows the answer once a text holds the clue, or holds the answer itself; nothing else matters to it."""

    def __init__(self, *clues: str) -> None:
        self.clues, self.asked, self.foreseen = clues, 0, 0
        self._kept: dict[object, object] = {}

    def log_probabilities(self, pairs: Sequence[tuple[str, str]], /) -> list[float]:
        self.asked += 1
        return [math.log(0.9 if any(clue in prefix for clue in self.clues) else 0.1) for prefix, _ in pairs]

    def continuations(self, prefix: str, count: int, /) -> list[str]:
        knows = any(clue in prefix for clue in self.clues)
        return ["A: 7"] * count if knows else ["A: 7", "A: 8"] * (count // 2)

    def ask(self, questions: Questions, /) -> None:
        self.foreseen += len(questions.pairs) + len(questions.beginnings)


def test_a_step_that_tells_the_answer_is_not_inert() -> None:
    """Only the step with the clue moves the answer; filler and the closing line do not."""
    found = inert_by_probability(Reader("clue"), "?", steps("hm.", "clue.", "hm.", "A: 7"), "7")
    assert found == (True, False, True, True)


def test_a_clue_given_twice_is_not_inert_the_first_time() -> None:
    """What a later step says again cannot be cut to see its use; that nothing was known before it shows it."""
    found = inert_by_probability(Reader("clue"), "?", steps("hm.", "clue.", "clue."), "7")
    assert found == (True, False, True)


def test_the_environments_steps_are_not_judged() -> None:
    """A tool's answer is neither inert nor not."""
    assert inert_by_probability(Reader("clue"), "?", steps("clue.", author="tool"), "7") == (None,)


def test_an_episode_is_cut_at_once() -> None:
    """Two steps of which either suffices are inert each by the later cut, and not together."""
    both = steps("hm.", "clue.", "clue.", "end")
    found = inert_stretches(Reader("clue"), "?", both, [(1, 3), (0, 1), (3, 4)], "7")
    assert found == (False, True, True)


def test_each_text_is_asked_about_once_and_together() -> None:
    """All questions about a rollout go out in one call, 2 K + 1 at most."""
    heard = questions_of(lambda policy: inert_by_probability(policy, "?", steps("a.", "b.", "c."), "7"))
    assert len(heard.pairs) == 6, "leaving the last step out is the prefix before it"
    assert (f"?\n\na.b.{ASK}", "7") in heard.pairs
    policy = Reader("b")
    inert_by_probability(policy, "?", steps("a.", "b.", "c."), "7")
    assert policy.asked == 1


def test_replay_compares_before_with_after() -> None:
    """By replay a step is inert where going on from before it ends right as often as from after it."""
    found = inert_by_replay(Reader("clue"), "?", steps("hm.", "clue.", "hm."), lambda text: "A: 7" in text, samples=4)
    assert found == (True, False, True)


def test_work_is_done_with_its_questions_answered() -> None:
    """A batched policy hears every question before the work is done; a listener's own answers reach nobody."""
    policy = Reader("clue")

    def work(asked: Policy) -> float:
        asked.continuations("? clue", 2)
        return sum(asked.log_probabilities([("clue", "7"), ("hm", "7")]))

    assert in_batches(policy, work) == math.log(0.9) + math.log(0.1)
    assert policy.foreseen == 3
    listener = Listener()
    work(listener)
    assert (listener.heard.samples, len(listener.heard.pairs)) == (2, 2)


@pytest.mark.parametrize("kind", ["plain", "check"])
def test_a_used_result_is_planted_wrong(kind: str) -> None:
    """The first certified result that is used later becomes one more than it was, and the text ends there."""
    one = planted(reading_of(record(kind)))
    assert one is not None
    assert (f"{PROMPT}\n\n3 + 4 = 8\n", "3 + 4 = 8\n", 0, "8", "7") == (
        one.prefix,
        one.text,
        one.step,
        one.wrong,
        one.right,
    )


def test_nothing_certified_is_nothing_planted() -> None:
    """A false equation is no place to plant, nor a result that nobody uses."""
    reading = reading_of({**record("left"), "steps": record("left")["steps"][:1]})
    assert planted(reading) is None


def test_a_planted_error_is_caught_where_the_end_is_right() -> None:
    """Continuations count by their final answer, whatever they say on the way."""

    class Halves:
        def log_probabilities(self, pairs: Sequence[tuple[str, str]], /) -> list[float]:
            raise AssertionError

        def continuations(self, prefix: str, count: int, /) -> list[str]:
            return ["No: 3 + 4 = 7\n7 * 2 = 14\nA: 14", "8 * 2 = 16\nA: 16"] * (count // 2)

    one = planted(reading_of(record("plain")))
    assert one is not None
    assert caught(Halves(), one, answers("14"), samples=6) == 3
    assert not answers("")("A: 14"), "no answer is no right one"


def test_a_beginning_is_prompt_and_steps() -> None:
    """A policy is asked to go on from the prompt, a blank line, and the steps as they stand."""
    assert beginning("x?", steps("a\n", "b")) == "x?\n\na\nb"
