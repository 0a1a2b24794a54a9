"""A run that was stopped and goes on from its checkpoint: the same parameters, the same log, the same account."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from dense import Hashed, in_pieces
from transformers import TrainerCallback

from dca import Review, Step, Transcript, Usage
from dca.assignments import read_assignments
from dca.errors import BudgetError
from dca.trl import DCAGRPOConfig, DCAGRPOTrainer, DCAReward

pytestmark = [
    pytest.mark.filterwarnings("ignore:`.*gradient_checkpointing.*` is deprecated:FutureWarning"),  # TRL's default
    pytest.mark.filterwarnings("ignore:'pin_memory' argument is set as true:UserWarning"),  # torch, without a GPU
]


class Paid(Hashed):
    """A reviewer that costs a cent a review."""

    def review(self, transcript: Transcript, steps: tuple[Step, ...]) -> Review:
        return replace(super().review(transcript, steps), usage=Usage(requests=1, cost_usd=0.01))


class Stopped(Exception):
    """Somebody pulled the plug."""


class PullThePlug(TrainerCallback):
    """Ends the process, as far as a test can, in the middle of a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_substep_end(self, *args: Any, **kwargs: Any) -> None:
        self.on_step_end(*args, **kwargs)

    def on_step_end(self, _args: Any, state: Any, *_: Any, **__: Any) -> None:
        if state.global_step == self.step:
            raise Stopped


def trainer(folder: Path, *, budget_usd: float | None = None, **change: Any) -> DCAGRPOTrainer:
    """A run of six steps that saves every second one."""
    tokenizer = tiny.byte_tokenizer()
    asked = {"max_steps": 6, "save_strategy": "steps", "save_steps": 2, **change}
    return DCAGRPOTrainer(
        tiny.model(len(tokenizer)),
        DCAReward(tiny.length_reward, reviewer=Paid(), segmenter=in_pieces, budget_usd=budget_usd),
        args=DCAGRPOConfig(**tiny.settings(folder, **asked)),
        train_dataset=tiny.prompts(),
        processing_class=tokenizer,
    )


def stopped_and_resumed(folder: Path, step: int) -> DCAGRPOTrainer:
    """A run that ended at a step, taken up again by a new trainer at the checkpoint before it."""
    first = trainer(folder)
    first.add_callback(PullThePlug(step))
    with pytest.raises(Stopped):
        first.train()
    second = trainer(folder)
    second.train(resume_from_checkpoint=str(folder / f"checkpoint-{(step - 1) // 2 * 2}"))
    return second


@pytest.mark.parametrize("step", [3, 5])
def test_as_if_nothing_had_happened(tmp_path: Path, step: int) -> None:
    """Parameters, figures and log of the resumed run are those of one that was never stopped."""
    whole = trainer(tmp_path / "whole")
    whole.train()
    again = stopped_and_resumed(tmp_path / "again", step)
    expected, got = tiny.parameters(whole.model), tiny.parameters(again.model)
    assert all(torch.equal(value, got[name]) for name, value in expected.items())
    logged, relogged = (list(read_assignments(str(tmp_path / name / "dca"))) for name in ("whole", "again"))
    assert [row["completion"] for row in relogged] == [row["completion"] for row in logged]
    assert [row["train_step"] for row in relogged] == [row["train_step"] for row in logged]


def test_what_was_spent_stays_spent(tmp_path: Path) -> None:
    """The account goes on where the checkpoint left it, and what the abandoned steps cost is not forgotten."""
    again = stopped_and_resumed(tmp_path, 3)
    paid = len(next(iter((tmp_path / "dca" / "earlier").glob("*.jsonl"))).read_text("utf-8").splitlines())
    kept = len(list(read_assignments(str(tmp_path / "dca"))))
    reused = sum(row["usage"]["reused"] for row in read_assignments(str(tmp_path / "dca")))
    assert paid == 4, "the rollouts of the step that was lost"
    assert again.reward_funcs[0].standing.usage.cost_usd == pytest.approx(0.01 * (kept + paid - reused))


def test_a_budget_holds_across_a_restart(tmp_path: Path) -> None:
    """Starting again does not buy another budget."""
    first = trainer(tmp_path, budget_usd=0.16, max_steps=12)
    with pytest.raises(BudgetError):
        first.train()
    done = first.state.global_step
    second = trainer(tmp_path, budget_usd=0.16, max_steps=12)
    with pytest.raises(BudgetError):
        second.train(resume_from_checkpoint=str(tmp_path / f"checkpoint-{done // 2 * 2}"))
    assert second.state.global_step <= done
