"""One training run with scripted completions, to be launched on one process or several: ``ranks.py FOLDER MODE``.

Every process writes what it saw into FOLDER; the first one also writes the parameters. What a rollout says depends on
its prompt, its place in the global batch and the step, and on nothing a process could know alone.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import tiny
import torch
from dense import Hashed, in_pieces

from dca.errors import DCAError, TransportError
from dca.trl.config import DCAGRPOConfig
from dca.trl.reward import DCAReward
from dca.trl.trainer import DCAGRPOTrainer
from dca.types import Review, Step, Transcript

ROWS = 12  # of a global batch: three groups of four, the second of which straddles two processes


class FailingOnFirstRank(Hashed):
    """A reviewer that fails on the process it is told to."""

    def __init__(self, rank: int) -> None:
        super().__init__()
        self.rank = rank

    def review(self, transcript: Transcript, steps: tuple[Step, ...]) -> Review:
        if self.rank == 0:
            raise TransportError("nobody is there")
        return super().review(transcript, steps)


def scripted(prompts: list[Any], trainer: Any) -> dict[str, Any]:
    """Completions by prompt, place and step; the third token of each is the environment's."""
    first = trainer.accelerator.process_index * len(prompts)
    generator = torch.Generator()
    completions, masks = [], []
    for row, prompt in enumerate(prompts):
        generator.manual_seed(1000 * trainer.state.global_step + 100 * (first + row) + len(str(prompt)))
        length = int(torch.randint(4, 12, (), generator=generator))
        completions.append([*torch.randint(6, 200, (length,), generator=generator).tolist(), 1])
        masks.append([int(place != 2) for place in range(length + 1)])
    prompt_ids = trainer.processing_class(text=list(prompts))["input_ids"]
    return {
        "prompt_ids": prompt_ids,
        "completion_ids": completions,
        "logprobs": [[0.0] * len(ids) for ids in completions],
        "env_mask": masks,
    }


def main(folder: Path, mode: str) -> None:
    """Train, and write down what came of it."""
    tokenizer = tiny.byte_tokenizer()
    model = tiny.model(len(tokenizer)).double()  # so that what differs is what was computed, not how it was rounded
    args = DCAGRPOConfig(
        **tiny.settings(
            folder / "run",
            max_steps=40 if mode else 4,
            num_generations=4,
            per_device_train_batch_size=ROWS // _world(),
            learning_rate=0.5,
            optim="sgd",  # Adam divides a gradient of nearly 0 by itself, and so magnifies rounding
            max_grad_norm=0.5,
            max_fallback_rate=0.4,
            save_strategy="no" if mode else "steps",
            save_steps=2,
            log_completions=not mode,
        )
    )
    reviewer = FailingOnFirstRank(_rank()) if mode == "failing on one" else Hashed()
    reward = DCAReward(tiny.length_reward, reviewer=reviewer, segmenter=in_pieces, max_in_flight=2)
    trainer = DCAGRPOTrainer(
        model, reward, args=args, train_dataset=tiny.prompts(), processing_class=tokenizer, rollout_func=scripted
    )
    ended = ""
    try:
        trainer.train()
    except DCAError as error:
        ended = f"{type(error).__name__}: {error}"
    figures = [{k: v for k, v in line.items() if k.startswith("dca/")} for line in trainer.state.log_history]
    said = {"ended": ended, "steps": trainer.state.global_step, "figures": figures}
    (folder / f"said-{_rank()}.json").write_text(json.dumps(said), "utf-8")
    if _rank() == 0:
        torch.save(tiny.parameters(trainer.accelerator.unwrap_model(trainer.model)), folder / "parameters.pt")
    trainer.accelerator.wait_for_everyone()
    trainer.accelerator.end_training()


def _world() -> int:
    return int(os.environ.get("WORLD_SIZE", "1"))


def _rank() -> int:
    return int(os.environ.get("RANK", "0"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
    os._exit(0)  # all is written; gloo's threads now and then abort an interpreter that is going down
