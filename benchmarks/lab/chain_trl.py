"""One run under the real trainer: TRL's `GRPOTrainer`, or `DCAGRPOTrainer`, on a world, with the small transformer.

The trainer generates through `rollout_func`, which samples with `lab.transformer` and marks what the environment
wrote (`env_mask`). Strictly on-policy, temperature 1, 8 prompts x 8 rollouts, no KL term, Adam (0.9, 0.95), gradient
norm 1: the trainer's defaults otherwise, its loss included. This module puts pieces together; it knows no credit.
"""

from __future__ import annotations

import logging
import os
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from datasets import Dataset
from transformers.trainer_callback import PrinterCallback, ProgressCallback
from trl import GRPOConfig, GRPOTrainer

from dca.credit.schemes import Share
from dca.performativity.detect import TranscriptDetector
from dca.protocols import Detector
from dca.trl import DCAGRPOConfig, DCAGRPOTrainer, DCAReward
from lab.apprentice import pretrained
from lab.transformer import Written, posed, tokenizer, write
from lab.worksheet import Verifier, WorksheetReviewer, lines
from lab.worlds import WORLDS, World

PROMPTS, ROLLOUTS = 8, 8
DATA: Final = 4096
"""Prompts in the data set: enough for 512 updates."""
GRPO: Final = "grpo"
TASKS: Final = WORLDS | {
    "demo": World(
        "demo", "10 steps, checks harm: the environment spoils 4 % of checks", 10, checks=2, check_slip=0.04
    )
}
"""The laboratory's worlds, and a longer version of D that shows much in little time."""
HOPELESS: Final = 40
ARMS: Final = (GRPO, "dca oracle", "dca gullible", "dca gullible/bare")
"""Plain GRPO; DCA with a reviewer; ``/bare``: verification is not labelled, so that conservation is all there is."""
READ: Final = "dca gullible/read"
WITHHOLD: Final = "dca gullible/read+withhold"
READ_ARMS: Final = (READ, WITHHOLD)
"""No labels either: a detector recognises verification in the text; ``+withhold``: what it accuses earns nothing."""


@dataclass(frozen=True, slots=True)
class Setting:
    """All that determines a run."""

    world: str
    arm: str
    rate: float
    seed: int
    updates: int
    credit_coef: float = 0.5


@dataclass(frozen=True, slots=True)
class Progress:
    """What the rollouts of one update were like.

    Attributes:
        accuracy: Share of rollouts that solved the task.
        check_right: How often the value is right, could be checked, and is.
        needless: Needless checks per operation.
        staged: Own mistakes that a check then fixed, per operation.
        own_wrong: First computations the policy got wrong, per operation.
        tokens: Tokens of the policy, per rollout.
    """

    accuracy: float
    check_right: float
    needless: float
    staged: float
    own_wrong: float
    tokens: float


def progress(world: World, written: Written) -> Progress:
    """Measure one batch of rollouts."""
    facts, rewards = written.rollouts.facts, written.rollouts.rewards
    operations = rewards.numel() * world.steps
    needless = float(facts.needless.sum())
    return Progress(
        accuracy=float(rewards.mean()),
        check_right=needless / max(1.0, float((facts.stands & facts.asks).sum())),
        needless=needless / operations,
        staged=float(facts.staged.sum()) / operations,
        own_wrong=float(facts.own_wrong.sum()) / operations,
        tokens=float(written.policy.sum(1).float().mean()),
    )


class Playground:
    """The trainer's `rollout_func`: samples, and remembers what each batch was like.

    Args:
        world: Whose rules hold.
        seed: Of the sampling.
        tell: Called after each batch; says True when it has seen enough.
        hopeless: Stop after that many updates without one success.
    """

    def __init__(
        self,
        world: World,
        seed: int,
        tell: Callable[[Progress], bool | None] | None = None,
        hopeless: int | None = None,
    ) -> None:
        self.world, self.history = world, list[Progress]()
        self._generator, self._tell = torch.Generator().manual_seed(7_000_003 * (seed + 1)), tell
        self._hopeless = hopeless

    def __call__(self, prompts: Sequence[str], trainer: Any) -> dict[str, Any]:
        """Completions of the prompts, as the trainer wants them."""
        network = trainer.accelerator.unwrap_model(trainer.model)
        written = write(network, self.world, posed(self.world, prompts), self._generator)
        self.history.append(progress(self.world, written))
        enough = self._tell is not None and self._tell(self.history[-1])
        if enough or self._is_hopeless():
            trainer.control.should_training_stop = True  # after this update
        asked, completions, masks = zip(*written.rows(), strict=True)
        return {
            "prompt_ids": list(asked),
            "completion_ids": list(completions),
            "logprobs": None,
            "env_mask": list(masks),
        }

    def _is_hopeless(self) -> bool:
        recent = self.history[-self._hopeless :] if self._hopeless else []
        return len(recent) == self._hopeless and not any(one.accuracy for one in recent)


def prompts(world: World, seed: int) -> Dataset:
    """A data set of prompts; the same for every arm, rate and length of run."""
    state = world.start(DATA, torch.Generator().manual_seed(9_000_011 * (seed + 1)))
    return Dataset.from_dict({"prompt": [world.prompt(state, row) for row in range(DATA)]})


def arguments(kind: type, folder: str, setting: Setting, **more: Any) -> Any:
    """Training arguments: GRPO's defaults but for what the module's docstring names, and `more`."""
    usual = {
        "output_dir": folder,
        "max_steps": setting.updates,
        "learning_rate": setting.rate,
        "lr_scheduler_type": "constant",
        "adam_beta2": 0.95,
        "max_grad_norm": 1.0,
        "per_device_train_batch_size": PROMPTS * ROLLOUTS,
        "num_generations": ROLLOUTS,
        "max_completion_length": 512,
        "temperature": 1.0,
        "beta": 0.0,
        "bf16": False,
        "gradient_checkpointing": False,
        "use_cpu": True,
        "dataloader_pin_memory": False,
        "logging_steps": 10_000,
        "report_to": "none",
        "save_strategy": "no",
        "disable_tqdm": True,
        "seed": setting.seed,
    }
    return kind(**{**usual, **more})


def reward_of(setting: Setting, detector: Detector | None = None) -> DCAReward:
    """The reward of a setting with a reviewer.

    Args:
        setting: Which run.
        detector: Reads the text in `READ_ARMS`; `TranscriptDetector()` unless told.
    """
    world = TASKS[setting.world]
    opinion, _, variant = setting.arm.removeprefix("dca ").partition("/")
    reads = setting.arm in READ_ARMS
    return DCAReward(
        Verifier(world),
        reviewer=WorksheetReviewer(opinion, world, labels=not variant),
        scheme=Share(withhold=setting.arm == WITHHOLD),
        detector=(detector or TranscriptDetector()) if reads else None,
        segmenter=lines,
        log=None,
    )


def trainer_of(
    setting: Setting,
    folder: str,
    playground: Playground,
    cache: Path | None = None,
    detector: Detector | None = None,
) -> Any:
    """The trainer of a setting, ready to train."""
    world = TASKS[setting.world]
    pieces: dict[str, Any] = {
        "model": pretrained(world, setting.seed, cache=cache),
        "processing_class": tokenizer(),
        "train_dataset": prompts(world, setting.seed),
        "rollout_func": playground,
    }
    if setting.arm == GRPO:
        args = arguments(GRPOConfig, folder, setting)
        trainer = GRPOTrainer(reward_funcs=[Verifier(world)], args=args, **pieces)
    else:
        args = arguments(DCAGRPOConfig, folder, setting, credit_coef=setting.credit_coef)
        trainer = DCAGRPOTrainer(reward_funcs=[reward_of(setting, detector)], args=args, **pieces)
    for callback in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(callback)
    return trainer


def train(
    setting: Setting,
    *,
    cache: Path | None = None,
    tell: Callable[[Progress], bool | None] | None = None,
    detector: Detector | None = None,
) -> list[Progress]:
    """Train once.

    Args:
        setting: Which run.
        cache: Where pretrained pupils are kept.
        tell: Called after each batch of rollouts; says True when it has seen enough.
        detector: See `reward_of`.

    Returns:
        What the rollouts of each update were like, those of the first from the pretrained policy. Plain GRPO that
        saw no success in `HOPELESS` updates ends there: all advantages are 0, and nothing changes any more.
    """
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
    log = logging.getLogger("dca")
    level = log.level
    log.setLevel(logging.ERROR)
    hopeless = HOPELESS if setting.arm == GRPO else None
    playground = Playground(TASKS[setting.world], setting.seed, tell, hopeless)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = trainer_of(setting, folder, playground, cache, detector)
        try:
            trainer.train()
        finally:
            log.setLevel(level)
    return playground.history
