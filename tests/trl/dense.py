"""Runs of a tiny model with and without dense credit, and trainers that keep what their loss saw."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tiny
import torch
from trl import GRPOConfig, GRPOTrainer

from dca.errors import TransportError
from dca.trl.config import FIELDS, DCAGRPOConfig
from dca.trl.mixin import DenseCreditMixin
from dca.trl.reward import DCAReward
from dca.types import Review, Step, Transcript


def in_pieces(transcript: Transcript) -> tuple[Step, ...]:
    """A step for every two characters: a random model writes no lines."""
    text = transcript.completion
    starts = range(0, max(1, len(text)), 2)
    return tuple(Step(k, at, min(at + 2, len(text)), text[at : at + 2]) for k, at in enumerate(starts))


class Hashed:
    """A reviewer whose scores are a function of a step's place and text, spread over [-1, 1]."""

    name = "hashed"

    def __init__(self, labels: Callable[[int], str | None] = lambda k: None) -> None:
        self.labels = labels
        self.asked = 0

    def review(self, transcript: Transcript, steps: tuple[Step, ...]) -> Review:
        self.asked += 1
        digests = [hashlib.sha256(f"{step.index}{step.text}".encode("utf-8", "replace")).digest() for step in steps]
        return Review(
            scores=tuple(digest[0] / 127.5 - 1.0 for digest in digests),
            labels=tuple(self.labels(k) for k in range(len(steps))),
        )


class Indifferent(Hashed):
    """A reviewer without an opinion, whose equal scores are not even round numbers."""

    def review(self, transcript: Transcript, steps: tuple[Step, ...]) -> Review:
        self.asked += 1
        return Review(scores=(0.1,) * len(steps))


class Failing(Hashed):
    """A reviewer that never answers."""

    def review(self, transcript: Transcript, steps: tuple[Step, ...]) -> Review:
        self.asked += 1
        raise TransportError("nobody is there")


@dataclass
class Seen:
    """What one micro-batch of training looked like to TRL's loss.

    Attributes:
        advantages: (B,) or (B, T) as the loss read them.
        scalars: (B,) A_i.
        mask: (B, T) tokens that are trained on.
        ids: (B, T) completion tokens.
        rows: (B,) pairs of generation and row, with dense credit.
        push: (B, T) minus the gradient of the loss with respect to the log-probabilities.
        kept: (B, T) tokens that an entropy mask left, where there is one.
    """

    advantages: torch.Tensor
    scalars: torch.Tensor
    mask: torch.Tensor
    ids: torch.Tensor
    rows: tuple[tuple[int, int], ...]
    push: torch.Tensor = field(default_factory=lambda: torch.zeros(0))
    kept: torch.Tensor | None = None


class Watched(GRPOTrainer):
    """A stock trainer with completions of unequal length, which keeps what its loss saw."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.seen: list[Seen] = []
        self._grads: list[torch.Tensor] = []
        self._masks: list[torch.Tensor] = []
        super().__init__(*args, **kwargs)

    def _generate_single_turn(self, *args: Any, **kwargs: Any) -> Any:
        completion_ids, logprobs = super()._generate_single_turn(*args, **kwargs)
        cut = [list(ids)[: 6 + sum(ids) % 7] for ids in completion_ids]
        return [[*ids[:-1], 1] if sum(ids) % 4 else ids for ids in cut], logprobs

    def _get_per_token_logps_and_entropies(self, *args: Any, **kwargs: Any) -> Any:
        out = super()._get_per_token_logps_and_entropies(*args, **kwargs)
        if out[0].requires_grad:
            out[0].register_hook(lambda gradient: self._grads.append(gradient.detach().clone()))
        return out

    def get_high_entropy_mask(self, *args: Any, **kwargs: Any) -> Any:
        kept = super().get_high_entropy_mask(*args, **kwargs)
        self._masks.append(kept)
        return kept

    def _compute_loss(self, model: Any, inputs: Any) -> Any:
        scalars = inputs["advantages"].clone()
        self._masks.clear()
        loss = super()._compute_loss(model, inputs)
        if self.model.training:
            mask = inputs["completion_mask"]
            mask = mask if inputs.get("tool_mask") is None else mask * inputs["tool_mask"]
            kept = self._masks[0].clone() if self._masks else None
            self.seen.append(
                Seen(
                    advantages=inputs["advantages"].clone(),
                    scalars=scalars,
                    mask=mask.clone(),
                    ids=inputs["completion_ids"].clone(),
                    rows=tuple(map(tuple, inputs["dca_row"].tolist())) if "dca_row" in inputs else (),
                    kept=kept,
                )
            )
        return loss

    def training_step(self, *args: Any, **kwargs: Any) -> Any:
        self._grads.clear()
        out = super().training_step(*args, **kwargs)
        self.seen[-1].push = -self._grads[-1]
        return out


class WatchedDCA(DenseCreditMixin, Watched):
    """The same with dense credit."""


def reward_of(reviewer: Any, outcome: Any = tiny.length_reward, **options: Any) -> DCAReward:
    """An outcome with a reviewer around it, cut into pieces, one review at a time, and nothing written down."""
    return DCAReward(
        outcome, **{"reviewer": reviewer, "log": None, "max_in_flight": 1, "segmenter": in_pieces, **options}
    )


def run(
    folder: Path,
    *,
    reviewer: Any = None,
    reward: Any = None,
    cls: type | None = None,
    train: bool = True,
    reward_options: dict[str, Any] | None = None,
    trainer_options: dict[str, Any] | None = None,
    **change: Any,
) -> Any:
    """A trained tiny trainer: with dense credit where there is a reviewer, else the stock one.

    Args:
        folder: For its output.
        reviewer: Who judges; None for a stock trainer with the outcome alone.
        reward: The reward functions; the outcome, or a DCAReward around it, unless given.
        cls: The trainer's class.
        train: Whether to train at once.
        reward_options: For DCAReward.
        trainer_options: For the trainer's constructor.
        change: Training arguments, the six of dense credit included.
    """
    dense = reviewer is not None
    tokenizer = tiny.byte_tokenizer()
    if reward is None:
        reward = reward_of(reviewer, **(reward_options or {})) if dense else tiny.length_reward
    model = tiny.model(len(tokenizer))
    if change.get("beta"):  # the reference model is loaded from where the model came from
        model.save_pretrained(folder / "model")
        model.config._name_or_path = str(folder / "model")
    config = DCAGRPOConfig if dense else GRPOConfig
    given = {k: v for k, v in tiny.settings(folder, **change).items() if dense or k not in FIELDS}
    trainer = (cls or (WatchedDCA if dense else Watched))(
        model=model,
        reward_funcs=reward,
        args=config(**given),
        train_dataset=tiny.prompts(),
        processing_class=tokenizer,
        **(trainer_options or {}),
    )
    if hasattr(trainer, "seen"):
        trainer.seen.clear()  # what the canary looked at
    if train:
        trainer.train()
    return trainer


def same_parameters(one: Any, other: Any) -> bool:
    """Whether two trainers ended with the same parameters, bit for bit."""
    mine, theirs = tiny.parameters(one.model), tiny.parameters(other.model)
    return all(torch.equal(mine[name], theirs[name]) for name in mine)
