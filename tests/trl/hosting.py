"""A trainer as a reward sees one: its attributes and services, without a model. For tests of the reward alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import tiny

TOKENIZER = tiny.byte_tokenizer()


class GRPOTrainer:
    """Named like TRL's, so that a reward takes it for one of the family."""

    def __init__(
        self, folder: Path, *rewards: Any, step: int = 0, rank: int = 0, world: int = 1, tokenizer: Any = TOKENIZER
    ) -> None:
        self.args = SimpleNamespace(
            output_dir=str(folder),
            gradient_accumulation_steps=2,
            steps_per_generation=2,
            resume_from_checkpoint=None,
        )
        self.state = SimpleNamespace(global_step=step, max_steps=10, stateful_callbacks={})
        self.accelerator = SimpleNamespace(process_index=rank, num_processes=world)
        self.model = SimpleNamespace(training=True)
        self.num_generations, self.num_iterations = 2, 1
        self.processing_class = tokenizer
        self.reward_funcs = list(rewards)
        self.callback_handler = SimpleNamespace(callbacks=[])
        self.metrics: dict[str, list[float]] = defaultdict(list)
        self.columns: dict[str, list[Any]] = defaultdict(list)

    def add_callback(self, callback: Any) -> None:
        self.callback_handler.callbacks.append(callback)

    def _log_metric(self, name: str, value: float) -> None:
        self.metrics[name].append(value)

    def _log_completion_extra(self, column: str, values: list[Any]) -> None:
        self.columns[column].extend(values)

    def services(self) -> dict[str, Any]:
        """What TRL hands to a reward function beside the batch."""
        return {
            "trainer_state": self.state,
            "log_extra": self._log_completion_extra,
            "log_metric": self._log_metric,
        }

    def save(self) -> None:
        """Write a checkpoint, as far as callbacks are told."""
        folder = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
        folder.mkdir(parents=True, exist_ok=True)
        for callback in self.callback_handler.callbacks:
            callback.on_step_end(self.args, self.state, SimpleNamespace(should_save=True))
            callback.on_save(self.args, self.state, None)


def ids_of(texts: Sequence[str]) -> list[list[int]]:
    """Token ids of some texts, each with its end of sequence."""
    return [[*TOKENIZER.encode(text, add_special_tokens=False), TOKENIZER.eos_token_id] for text in texts]
