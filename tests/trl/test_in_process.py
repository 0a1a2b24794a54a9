"""Reviewers that run the policy itself, inside real trainers: they read and sample, and leave the training alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from trl import GRPOConfig, GRPOTrainer

from dca.credit.schemes import ValueDifference
from dca.grading import grade_exact
from dca.protocols import Reviewer
from dca.review.contribution import as_contribution
from dca.trl.config import DCAGRPOConfig
from dca.trl.likelihood import LikelihoodReviewer
from dca.trl.monte_carlo import MonteCarloReviewer
from dca.trl.reward import DCAReward
from dca.trl.sampling import PolicySampler
from dca.trl.trainer import DCAGRPOTrainer
from dca.types import Step, Transcript

pytestmark = [  # what transformers says of its own arguments while it builds a trainer
    pytest.mark.filterwarnings("ignore:.*gradient_checkpointing.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*use_reentrant.*:UserWarning"),
]


def sampling() -> MonteCarloReviewer:
    return MonteCarloReviewer(PolicySampler(max_new_tokens=3), grade_exact, samples=2)


REVIEWERS: dict[str, Callable[[], Reviewer]] = {"likelihood": LikelihoodReviewer, "monte_carlo": sampling}


def in_pieces(transcript: Transcript) -> tuple[Step, ...]:
    """A step for every three characters: a random model writes no lines."""
    text = transcript.completion
    starts = range(0, max(1, len(text)), 3)
    return tuple(Step(k, at, min(at + 3, len(text)), text[at : at + 3]) for k, at in enumerate(starts))


def trained(folder: Path, reward: Any, trainer: Any = GRPOTrainer, config: Any = GRPOConfig, **change: Any) -> Any:
    """A tiny policy after two steps."""
    tokenizer = tiny.byte_tokenizer()
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    policy = tiny.model(len(tokenizer))
    for layer in policy.model.layers:
        layer.self_attn.attention_dropout = 0.1  # so that a stray random number, or a mode not put back, would show
    run = trainer(
        model=policy,
        processing_class=tokenizer,
        args=config(**tiny.settings(folder, max_steps=2, **change)),
        train_dataset=tiny.prompts(conversational=True),
        reward_funcs=reward,
    )
    run.train()
    return policy


def lines(folder: Path) -> list[dict[str, Any]]:
    """The log of a run."""
    texts = [path.read_text("utf-8") for path in folder.rglob("assignments-*.jsonl")]
    return [json.loads(line) for text in texts for line in text.split("\n") if line]


@pytest.mark.parametrize("name", sorted(REVIEWERS))
def test_an_audit_changes_nothing(name: str, tmp_path: Path) -> None:
    """A stock trainer's parameters are, bit for bit, those without the reviewer, which valued every rollout."""
    plain = trained(tmp_path / "plain", tiny.length_reward)
    reward = DCAReward(tiny.length_reward, reviewer=REVIEWERS[name](), scheme=ValueDifference(), segmenter=in_pieces)
    audited = trained(tmp_path / "audited", reward)
    before = tiny.parameters(plain)
    assert all(torch.equal(value, before[key]) for key, value in audited.named_parameters())
    found = lines(tmp_path / "audited")
    assert [row["fallback"] for row in found] == [None] * 8
    assert all(row["measure"] == "value" and 0.0 <= row["baseline"] <= 1.0 for row in found)


@pytest.mark.parametrize("name", sorted(REVIEWERS))
@pytest.mark.parametrize("scheme", ["value_difference", "share"])
def test_dense_credit_from_values(name: str, scheme: str, tmp_path: Path) -> None:
    """Values, and their differences as contributions, train a policy; no row falls back."""
    reviewer = REVIEWERS[name]()
    reward = DCAReward(
        tiny.length_reward,
        reviewer=as_contribution(reviewer) if scheme == "share" else reviewer,
        scheme=ValueDifference() if scheme == "value_difference" else None,
        segmenter=in_pieces,
    )
    dense = trained(tmp_path, reward, DCAGRPOTrainer, DCAGRPOConfig, scheme=scheme)
    assert all(torch.isfinite(value).all() for value in dense.parameters())
    found = lines(tmp_path)
    assert [row["fallback"] for row in found] == [None] * 8
    assert {row["scheme"] for row in found} == {scheme}
    assert any(len({step["score"] for step in row["steps"]}) > 1 for row in found) or name == "monte_carlo"
