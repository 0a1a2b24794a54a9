"""What a reward can know of the trainer that calls it: step, rank, groups and folders, or that there is none.

It reads attributes every TRL trainer with reward functions has had since 1.0. It changes nothing in a trainer.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch

LOG: Final = logging.getLogger("dca")
_AUDIT: Final = (
    "%s: this is an audit: %s keeps one advantage for each completion, so reviews are paid for and logged, and the "
    "update is that of the outcome alone. %s"
)
_ATTACH: Final = "For dense credit use dca.trl.DCAGRPOTrainer, or dca.trl.attach(trainer) before trainer.train()."
_SWITCH: Final = "Dense credit needs dca.trl.DCAGRPOTrainer, or a trainer made from GRPOTrainer."
_ALONE: Final = (
    "%s: this is an audit: whoever calls gave no way to find the trainer, so figures are not logged, and assignments "
    "only where log= says. %s"
)


class Host:
    """The trainer behind a call, or none.

    Args:
        trainer: A live trainer; None where the call gives no way to find it.

    Attributes:
        told_state: The trainer's state, where a call passes that along and nothing else.
    """

    def __init__(self, trainer: Any | None = None) -> None:
        self.trainer = trainer
        self.args: Any = getattr(trainer, "args", None)
        self.told_state: Any = None

    @property
    def state(self) -> Any:
        """The trainer's state, as far as it is known."""
        return getattr(self.trainer, "state", self.told_state)

    @property
    def training(self) -> bool:
        """Whether the batch is for training, as TRL's trainers tell it; True where nothing is known."""
        return bool(getattr(getattr(self.trainer, "model", None), "training", True))

    @property
    def step(self) -> int:
        """Optimizer steps done."""
        return int(getattr(self.state, "global_step", 0))

    @property
    def rank(self) -> int:
        """This process, of `world` processes."""
        accelerator = getattr(self.trainer, "accelerator", None)
        if accelerator is not None:
            return int(accelerator.process_index)
        return torch.distributed.get_rank() if _distributed() else 0

    @property
    def world(self) -> int:
        """How many processes train together."""
        accelerator = getattr(self.trainer, "accelerator", None)
        if accelerator is not None:
            return int(accelerator.num_processes)
        return torch.distributed.get_world_size() if _distributed() else 1

    @property
    def output_dir(self) -> Path | None:
        """Where the run puts its files."""
        folder = getattr(self.args, "output_dir", None)
        return None if folder is None else Path(folder)

    @property
    def processing_class(self) -> Any | None:
        """The policy's tokenizer or processor."""
        return getattr(self.trainer, "processing_class", None)

    @property
    def group_size(self) -> int | None:
        """Rollouts of one prompt, in the batch at hand."""
        size = getattr(self.trainer, "num_generations", None)
        if not self.training:
            size = getattr(self.trainer, "num_generations_eval", None) or size
        return None if size is None else int(size)

    def masks(self, completion_ids: Sequence[int]) -> bool:
        """Whether the trainer leaves a completion out of its loss, because it was cut off at the length limit."""
        if not (getattr(self.trainer, "mask_truncated_completions", False) and len(completion_ids)):
            return False
        return int(completion_ids[-1]) not in self._ends

    @property
    def _ends(self) -> frozenset[int]:
        """Every token that may end a completion, wherever a version of TRL keeps it."""
        places = (self.trainer, getattr(self.trainer, "_tokenizer", None), self.processing_class)
        found = (
            getattr(at, name, None) for at in places for name in ("eos_token_ids", "eos_token_id", "pad_token_id")
        )
        return frozenset(end for ids in found for end in (ids if isinstance(ids, (list, tuple)) else (ids,)))

    @property
    def batches(self) -> int | None:
        """How many batches of rollouts the run generates in all."""
        steps = getattr(self.state, "max_steps", 0)
        each = getattr(self.args, "gradient_accumulation_steps", None)
        per_generation = getattr(self.args, "steps_per_generation", None)
        if not (steps and each and per_generation):
            return None
        return math.ceil(steps * each / (per_generation * getattr(self.trainer, "num_iterations", 1)))

    def warn_of_audit(self, name: str) -> None:
        """Say that the reward called `name` changes nothing here, and what to do about it."""
        family = [cls.__name__ for cls in type(self.trainer).__mro__]
        remedy = _ATTACH if "GRPOTrainer" in family else _SWITCH
        if self.trainer is None:
            LOG.warning(_ALONE, name, remedy)
        elif self.rank == 0:
            LOG.warning(_AUDIT, name, family[0], remedy)


def host_of(columns: Mapping[str, Any]) -> Any | None:
    """The trainer that calls a reward function, found through the logging functions it passes along; or None."""
    for name in ("log_metric", "log_extra"):
        trainer = getattr(columns.get(name), "__self__", None)
        if trainer is not None:
            return trainer
    return None


def _distributed() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()
