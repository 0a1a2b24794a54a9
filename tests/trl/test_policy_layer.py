"""The policy layer inside real trainers: the policy in training is asked, and the training is left alone."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from trl import GRPOConfig, GRPOTrainer

from dca import ArithmeticReviewer, Transcript
from dca.credit.segment import segment
from dca.performativity.detect import TranscriptDetector
from dca.performativity.inquiry import PolicyDetector
from dca.performativity.questions import Questions
from dca.trl.config import DCAGRPOConfig
from dca.trl.probes import Forecast, ModelPolicy
from dca.trl.reward import DCAReward
from dca.trl.trainer import DCAGRPOTrainer
from dca.types import Step

pytestmark = [  # what transformers says of its own arguments while it builds a trainer
    pytest.mark.filterwarnings("ignore:.*gradient_checkpointing.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*use_reentrant.*:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*rollout_func.*"),  # TRL calls it experimental
]

TOKENIZER = tiny.byte_tokenizer()
TEXTS = (
    "3 + 4 = 7\nCheck: 3 + 4 = 7\n7 * 2 = 14\nA: 14",
    "3 + 4 = 8\nWait, that is wrong: 3 + 4 = 7\n7 * 2 = 14\nA: 14",
    "3 + 4 = 7\n7 * 2 = 14\nA: 14",
    "3 + 4 = 8\n8 * 2 = 16\nA: 16",
)


def by_line(transcript: Transcript) -> tuple[Step, ...]:
    return segment(transcript, "line")


def right(completion_ids: list[list[int]], **_: Any) -> list[float]:
    return [float(TOKENIZER.decode(ids).endswith("A: 14")) for ids in completion_ids]


def told(prompts: list[str], trainer: Any) -> dict[str, Any]:
    """The four rollouts for every prompt, as if the policy had written them."""
    texts = [TEXTS[n % len(TEXTS)] for n in range(len(prompts))]
    return {
        "prompt_ids": [TOKENIZER.encode(prompt) for prompt in prompts],
        "completion_ids": [TOKENIZER.encode(text) for text in texts],
        "logprobs": None,
    }


class Asked(ModelPolicy):
    """Keeps what it is asked, and the weights it was asked with."""

    def __init__(self) -> None:
        super().__init__(max_new_tokens=4)
        self.questions: list[Questions] = []
        self.weights: list[float] = []

    def ask(self, questions: Questions, /) -> None:
        if len(questions.pairs) > len(self._scores):
            self.questions.append(questions)
            with self._lent.borrowed() as model:
                self.weights.append(float(model.lm_head.weight.sum()))
        super().ask(questions)


def asking() -> PolicyDetector:
    return PolicyDetector(TranscriptDetector(), Asked(), samples=2)


def trained(folder: Path, detector: Any, trainer: Any = DCAGRPOTrainer, config: Any = DCAGRPOConfig) -> Any:
    """A tiny policy after two steps on the four rollouts, with dropout, so that a stray random number would show."""
    policy = tiny.model(len(TOKENIZER))
    for layer in policy.model.layers:
        layer.self_attn.attention_dropout = 0.1
    run = trainer(
        model=policy,
        processing_class=TOKENIZER,
        args=config(**tiny.settings(folder, max_steps=2, max_completion_length=128)),
        train_dataset=tiny.prompts(),
        reward_funcs=DCAReward(right, reviewer=ArithmeticReviewer(), detector=detector, segmenter=by_line),
        rollout_func=told,
    )
    run.train()
    return run


@pytest.mark.parametrize(
    ("trainer", "config"), [(DCAGRPOTrainer, DCAGRPOConfig), (GRPOTrainer, GRPOConfig)], ids=["dense", "audit"]
)
@pytest.mark.filterwarnings("ignore:.*audit.*:UserWarning")
def test_asking_leaves_the_training_alone(tmp_path: Path, trainer: Any, config: Any) -> None:
    """Parameters are bit for bit those of a run whose detector asks nobody: no random number or mode is disturbed."""
    detector = asking()
    with_it = trained(tmp_path / "with", detector, trainer, config)
    without = trained(tmp_path / "without", TranscriptDetector(), trainer, config)
    assert len(detector.policy.questions) > 0  # type: ignore[attr-defined]
    assert dict(detector.skipped) == {}
    one, two = (tiny.parameters(run.model) for run in (with_it, without))
    assert [name for name in one if not torch.equal(one[name], two[name])] == []


def test_the_policy_in_training_is_asked(tmp_path: Path) -> None:
    """Each batch is asked of the weights as they are then, and the log holds what came of it."""
    detector = asking()
    run = trained(tmp_path, detector)
    policy: Any = detector.policy
    assert len(set(policy.weights)) == 2, "one for each step"
    assert {len(questions.pairs) for questions in policy.questions} == {3}
    rows = [
        json.loads(line)
        for path in sorted(Path(run.args.output_dir, "dca").glob("assignments*.jsonl"))
        for line in path.read_text("utf-8").splitlines()
    ]
    assert [row["fallback"] for row in rows] == [None] * len(rows)
    assert [row["findings"] for row in rows if row["completion"] == TEXTS[0]] == [[]] * 2, "it was unsure"


def test_what_is_lent_is_not_pickled() -> None:
    """A reward with a policy layer pickles, as TRL's rewards must, without the trainer's model."""
    detector = asking()
    detector.use_policy(tiny.model(len(TOKENIZER)), TOKENIZER)
    reward = DCAReward(tiny.length_reward, reviewer=ArithmeticReviewer(), detector=detector)
    data = pickle.dumps(reward)
    again: Any = pickle.loads(data).told.detector
    assert len(data) < 20_000
    assert (again.samples, again.policy._lent.frozen) == (2, False)
    again.use_policy(tiny.model(len(TOKENIZER)), TOKENIZER)
    assert len(again.policy.log_probabilities([("3 + 4 = ", "7")])) == 1


def model_policy(**options: Any) -> ModelPolicy:
    return ModelPolicy(tiny.model(len(TOKENIZER)), TOKENIZER, **options)


def test_what_a_model_cannot_be_asked_is_known_before() -> None:
    """A text without tokens and one beyond the model's positions are obstacles, each in words; others are none."""
    asked = model_policy(max_new_tokens=12)
    long, empty = "3 + 4 = 7\n" * 400, Questions(pairs=(("", "7"),))
    assert asked.obstacle(Questions(pairs=(("3 + 4 = ", "7"),), beginnings=(("3 + 4", 2),))) is None
    assert asked.obstacle(Questions()) is None
    assert asked.obstacle(empty) == asked.obstacle(Questions(beginnings=(("", 1),))) == "a text without tokens"
    expected = "longer than the 512 tokens that the model reads"
    assert asked.obstacle(Questions(pairs=((long, "7"),))) == expected
    assert asked.obstacle(Questions(beginnings=((long, 1),))) == expected
    assert model_policy(max_new_tokens=510).obstacle(Questions(beginnings=(("3 + 4", 1),))) == expected


def test_sampling_begins_again_from_a_seed() -> None:
    """After `restart` the same seed gives the same continuations, another gives others, and answers are dropped."""
    asked = model_policy(max_new_tokens=8)
    found = []
    for seed in (5, 6, 5):
        asked.restart(seed)
        found.append(asked.continuations("3 + 4", 2))
    assert found[0] == found[2] != found[1]


def test_forecasts_add_up() -> None:
    """Forecasts are added figure by figure, and scaled to whole numbers."""
    both = Forecast(1, 100, 2, 20) + Forecast(2, 50, 0, 0)
    assert both == Forecast(3, 150, 2, 20)
    assert both.times(2.5) == Forecast(8, 375, 5, 50)
