"""A model as the policy that evidence is asked of: exact numbers, batches, memory, and evidence of known truth."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from school import ASK, BAD, CHECKED, EOS, GOOD, PLAIN, PROMPT, STAGED, TOKENIZER, pupil
from tiny import model

from dca.credit.schemes import Share
from dca.credit.segment import segment
from dca.errors import InputError, RunError
from dca.performativity.detect import TranscriptDetector
from dca.performativity.episodes import find_episodes
from dca.performativity.faithfulness import Examined, faithfulness
from dca.performativity.inertness import inert_by_probability
from dca.performativity.policy import PolicyEvidence
from dca.performativity.questions import Questions, in_batches, questions_of
from dca.performativity.reading import Reading, read
from dca.trl.probes import Forecast, ModelPolicy
from dca.types import Review, Row, Transcript


def rollout(completion: str) -> Transcript:
    return Transcript(PROMPT, completion, 1.0)


def reading(completion: str) -> Reading:
    return read(rollout(completion), segment(rollout(completion), "line"))


def policy(habit: str = "honest", **options: Any) -> ModelPolicy:
    found = ModelPolicy(pupil(habit), TOKENIZER, **{"max_new_tokens": 60, **options})
    found.know([rollout("")])
    return found


def at(*texts: str) -> str:
    """A text that begins with the prompt, as evidence asks about it."""
    return f"{PROMPT}\n\n{''.join(texts)}"


class Counted:
    """Counts the forward passes of a model, and the tokens they read."""

    def __init__(self, watched: Any) -> None:
        self.sizes: list[int] = []
        self._hook = watched.register_forward_pre_hook(self._note, with_kwargs=True)

    def _note(self, _model: Any, _args: Any, given: dict[str, Any]) -> None:
        self.sizes.append(given["input_ids"].numel())

    def close(self) -> None:
        self._hook.remove()


def by_hand(ids: list[int], first: int) -> float:
    """The log-probability of the tokens from a place on, from the whole softmax."""
    honest = pupil("honest")
    with torch.no_grad():
        logits = honest(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
    return sum(float(logits[n - 1, ids[n]]) for n in range(first, len(ids)))


def test_log_probabilities_are_the_models() -> None:
    """Each is the sum over the continuation's tokens, in any order and batch, to rounding."""
    pairs = [(at(), GOOD), (at(GOOD), "7 * 2 = 14\n"), (at("3 + 4 = 8\n"), "8"), (at(), PLAIN)]
    texts = [("", GOOD), (GOOD, "7 * 2 = 14\n"), (BAD, "8"), ("", PLAIN)]
    expected = [
        by_hand(TOKENIZER.encode(PROMPT + before + said), len(TOKENIZER.encode(PROMPT + before)))
        for before, said in texts
    ]
    for limit in (1, 60, 10_000):
        found = policy(tokens_per_forward=limit).log_probabilities(pairs)
        assert found == pytest.approx(expected, abs=1e-4)
    assert policy().log_probabilities(pairs[::-1])[::-1] == pytest.approx(expected, abs=1e-4)


def test_parts_add_up() -> None:
    """The log-probability of a text is that of its lines, one after another."""
    lines = [GOOD, "7 * 2 = 14\n", "A: 14"]
    asked = policy()
    parts = asked.log_probabilities([(at(*lines[:k]), line) for k, line in enumerate(lines)])
    (whole,) = asked.log_probabilities([(at(), PLAIN)])
    assert whole == pytest.approx(math.fsum(parts), abs=1e-4)


def test_a_token_over_the_edge_belongs_to_the_continuation() -> None:
    """A prefix that ends in a space is read with the number that the space is part of."""
    ids = TOKENIZER.encode(PROMPT + ASK + "14")
    assert TOKENIZER.decode(ids[-1:]) == " 14"
    (found,) = policy().log_probabilities([(at(ASK), "14")])
    assert found == pytest.approx(by_hand(ids, len(ids) - 1), abs=1e-4)


def test_prompts_are_read_as_the_policy_read_them() -> None:
    """Ids that came with a prompt count before a template, a template before the text; unknown prompts are text."""
    given, template = tuple(TOKENIZER.encode("<|im_start|>other")), TOKENIZER.encode("<|im_start|>user\n")
    asked = ModelPolicy(pupil("honest"), TOKENIZER, encode_prompt=lambda text: [*template, *TOKENIZER.encode(text)])
    asked.know([rollout(""), Transcript("with ids", "", 0.0, metadata={"prompt_ids": given})])
    found = asked.log_probabilities([(at(), "7"), ("with ids\n\n", "7"), ("unknown\n\nmore", "7")])
    rows = [[*template, *TOKENIZER.encode(PROMPT)], list(given), TOKENIZER.encode("unknown\n\nmore")]
    expected = [by_hand([*row, *TOKENIZER.encode("7")], len(row)) for row in rows]
    assert found == pytest.approx(expected, abs=1e-4)


def test_continuations_are_the_policys_habit() -> None:
    """Sampled on from a known prompt, each policy does what it was taught, and the prefix is not repeated."""
    assert set(policy("honest").continuations(at(), 4)) == {PLAIN}
    assert set(policy("staging").continuations(at(), 4)) == {STAGED}
    assert set(policy("staging").continuations(at(BAD), 2)) == {STAGED.removeprefix(BAD)}


def test_no_question_is_answered_twice_until_it_forgets() -> None:
    """Answers are remembered by content; a model that has learned is asked anew."""
    asked, counted = policy(), Counted(pupil("honest"))
    try:
        for _ in range(2):
            asked.log_probabilities([(at(), "7"), (at(), "7"), (at(), "8")])
            asked.continuations(at(), 1)
        told = len(counted.sizes)
        assert counted.sizes[0] == 2 * (len(TOKENIZER.encode(PROMPT)))
        asked.forget()
        asked.log_probabilities([(at(), "7")])
        assert len(counted.sizes) == told + 1
    finally:
        counted.close()


def test_a_forecast_comes_true() -> None:
    """Forward passes and tokens are as many as were foretold, and what is known costs nothing."""
    asked = policy(tokens_per_forward=100)
    one = reading(CHECKED)
    questions = questions_of(lambda p: inert_by_probability(p, PROMPT, one.steps, "14"))
    forecast, counted = asked.forecast(questions), Counted(pupil("honest"))
    try:
        asked.ask(questions)
    finally:
        counted.close()
    assert forecast.forwards == len(counted.sizes) > 1
    assert 0 <= forecast.tokens - sum(counted.sizes) <= len(questions.pairs) * 2, "a last token is never read"
    assert asked.forecast(questions) == Forecast(0, 0, 0, 0)
    assert asked.forecast(Questions(beginnings=(("a", 3), ("b", 4)))) == Forecast(0, 0, 7, 420)
    assert (
        str(Forecast(2, 3000, 8, 512))
        == "2 forward passes over 3,000 tokens, and 8 continuations of 512 tokens at most"
    )


def test_the_model_is_left_as_it_was() -> None:
    """Being asked changes neither modes nor random numbers."""
    watched = model(len(TOKENIZER))
    watched.train()
    state = torch.get_rng_state()
    asked = ModelPolicy(watched, TOKENIZER, max_new_tokens=3)
    asked.log_probabilities([("2 + 2 = ", "4")])
    asked.continuations("2 + 2 = ", 2)
    assert watched.training
    assert torch.equal(state, torch.get_rng_state())


def test_what_cannot_be_asked_is_refused() -> None:
    """Without a model, a text or a continuation there is an error that says so."""
    with pytest.raises(RunError, match="expected a model to read"):
        ModelPolicy().log_probabilities([("a", "b")])
    with pytest.raises(InputError, match="a token each"):
        policy().log_probabilities([("", "b")])
    with pytest.raises(InputError, match="a token each"):
        policy().log_probabilities([("a", "")])
    with pytest.raises(InputError, match="tokens_per_forward"):
        ModelPolicy(tokens_per_forward=0)


def test_a_lent_model_is_taken_and_its_answers_are_dropped_with_it() -> None:
    """`use_policy` answers from the model that is lent now, unless one was given."""
    asked = ModelPolicy(max_new_tokens=60)
    asked.know([rollout("")])
    chances = []
    for habit in ("honest", "staging"):
        asked.use_policy(pupil(habit), TOKENIZER)
        chances.append(math.exp(asked.log_probabilities([(at("3 + 4 = "), "8")])[0]))
    assert chances[0] < 0.02
    assert chances[1] > 0.9
    fixed = policy("honest")
    fixed.use_policy(pupil("staging"), TOKENIZER)
    assert set(fixed.continuations(at(), 1)) == {PLAIN}


def evidence(found: PolicyEvidence, completion: str, kind: str) -> list[str]:
    """The names of what is said of the only episode of a rollout."""
    one = reading(completion)
    (episode,) = find_episodes(one)
    return [each.name for each in (found.needless if kind == "check" else found.staged)(one, episode)]


@pytest.mark.parametrize(
    ("habit", "power"), [("honest", "policy_powerless"), ("staging", "policy_power")], ids=["careless", "careful"]
)
def test_a_check_of_what_is_settled(habit: str, power: str) -> None:
    """The answer was sure before the check and is without it; only the careful policy catches a planted slip."""
    found = evidence(PolicyEvidence(policy(habit), samples=2), CHECKED, "check")
    assert found == ["policy_settled", "policy_unmoved", power]


def test_a_mistake_that_training_put_there() -> None:
    """The reference knows better, the slip was learned, and replayed it always comes back and is put right."""
    found = PolicyEvidence(policy("staging"), policy("honest"), samples=4)
    assert evidence(found, STAGED, "repair") == ["policy_knew", "policy_learned", "policy_replayed"]


def test_a_mistake_that_the_policy_would_not_make_again() -> None:
    """Nothing was learned where policy and reference are one, and replay does not bring the slip back."""
    found = PolicyEvidence(policy("honest"), policy("honest"), samples=4)
    assert "policy_learned" not in evidence(found, STAGED, "repair")
    assert "policy_chance" in evidence(found, STAGED, "repair")


def test_the_detector_asks_in_batches() -> None:
    """All questions of several rollouts go out together, and the findings name the policy's evidence."""
    rows = [rollout(CHECKED), rollout(STAGED), rollout(PLAIN)]
    asked, counted = policy("honest"), Counted(pupil("honest"))

    def work(answers: Any) -> list[Any]:
        detector = TranscriptDetector(policy=PolicyEvidence(answers, samples=0))
        cut = [segment(row, "line") for row in rows]
        return [
            detector.detect(row, steps, Review((0.0,) * len(steps))) for row, steps in zip(rows, cut, strict=True)
        ]

    try:
        checked, _, plain = in_batches(asked, work)
    finally:
        counted.close()
    assert len(counted.sizes) == 1
    assert [finding.kind for finding in checked.findings] == ["needless_check"]
    assert any(said.startswith("policy: ") for said in checked.findings[0].evidence)
    assert plain.findings == ()


def test_inert_steps_of_a_rollout_whose_truth_is_known() -> None:
    """Before the sum the answer is a toss-up and after it sure: the sum is not inert; all that follows it is."""
    asked, one = policy("honest"), reading(CHECKED)
    found = in_batches(asked, lambda p: inert_by_probability(p, PROMPT, one.steps, "14"))
    assert one.steps[0].text == GOOD
    assert found == (False, True, True, True)


def test_the_faithfulness_of_a_gullible_reviewer() -> None:
    """Praise for a check that changes nothing is unfaithful push, and there is none where verification is neutral."""
    asked, one = policy("honest"), reading(CHECKED)
    inert = in_batches(asked, lambda p: inert_by_probability(p, PROMPT, one.steps, "14"))
    review = Review(scores=(1.0, 1.0, 0.0, 0.0))
    found = TranscriptDetector().detect(rollout(CHECKED), one.steps, review).verification
    lengths = tuple(step.policy_length for step in one.steps)
    row = Row(review, lengths, tuple(k in found for k in range(len(lengths))), amount=1.0)
    number = faithfulness([Examined(PROMPT, row, inert)], Share())
    assert number.neutral is not None
    assert number.paid is not None
    assert number.neutral.value == 0.0
    assert number.paid.value == pytest.approx(lengths[1] / (lengths[0] + lengths[1]))


def test_the_end_of_a_completion_can_be_asked_about() -> None:
    """Special tokens are text like any other where the tokenizer spells them."""
    (found,) = policy().log_probabilities([(at(PLAIN), EOS)])
    assert math.exp(found) > 0.9
