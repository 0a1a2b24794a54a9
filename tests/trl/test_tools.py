"""Completions that hold tool calls and their results: credit for what the policy wrote, and none for the tools'."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny
import transformers
from datasets import Dataset
from dense import Hashed, WatchedDCA
from transformers import PreTrainedTokenizerFast
from trl import chat_template_utils

from dca.assignments import read_assignments
from dca.trl import DCAGRPOConfig, DCAReward

pytestmark = [
    pytest.mark.skipif(int(transformers.__version__.split(".")[0]) < 5, reason="TRL's tools need transformers 5"),
    pytest.mark.filterwarnings("ignore:`.*gradient_checkpointing.*` is deprecated:FutureWarning"),  # TRL's default
    pytest.mark.filterwarnings("ignore:'pin_memory' argument is set as true:UserWarning"),  # torch, without a GPU
]

CALL = '<tool_call>\n{{"name": "{name}", "arguments": {{"a": {a}, "b": {b}}}}}\n</tool_call><|im_end|>'
SPECIAL = ("<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>", "<think>", "</think>")


def add(a: int, b: int) -> int:
    """Add two numbers.

    Args:
        a: One number.
        b: The other.

    Returns:
        Their sum.
    """
    return a + b


class Counter:
    """An environment that counts."""

    def reset(self, **_: Any) -> None:
        """Begin anew."""
        self.value = 0

    def count(self, a: int, b: int) -> str:
        """Add to the counter.

        Args:
            a: So much.
            b: And so much.

        Returns:
            What it holds now.
        """
        self.value += a + b
        return f"counted to {self.value}"


class Scripted(WatchedDCA):
    """First the policy calls a tool, then it answers; every rollout says something else."""

    tool = "add"
    turns = 0

    def _generate_single_turn(self, prompt_ids: list[list[int]], *args: Any, **kwargs: Any) -> Any:
        said = [self._said(row) for row in range(len(prompt_ids))]
        self.turns += 1
        return [self.processing_class(text)["input_ids"] for text in said], None

    def _said(self, row: int) -> str:
        if self.turns % 2 == 0:
            return f"I add {row} first.\nThen I ask." + CALL.format(name=self.tool, a=row, b=self.turns)
        return f"The tool spoke.\nSo it is {row + self.turns}.<|im_end|>"


def tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer that can speak to tools, as Qwen3's does."""
    made = tiny.byte_tokenizer()
    made.add_special_tokens({"additional_special_tokens": list(SPECIAL[:2])})
    made.add_tokens(list(SPECIAL[2:]))
    made.eos_token = "<|im_end|>"
    made.chat_template = chat_template_utils.qwen3_chat_template
    return made


def trained(folder: Path, **tools: Any) -> Scripted:
    """A run of two steps."""
    speaker = tokenizer()
    asked = [[{"role": "user", "content": f"What is {k} and {k}?"}] for k in range(8)]
    model = tiny.model(len(speaker))
    model.config.max_position_embeddings = 4096  # else there is no room for a tool's answer
    trainer = Scripted(
        model,
        DCAReward(tiny.length_reward, reviewer=Hashed()),
        args=DCAGRPOConfig(**tiny.settings(folder, max_completion_length=400)),
        train_dataset=Dataset.from_dict({"prompt": asked}),
        processing_class=speaker,
        **tools,
    )
    trainer.tool = "count" if "environment_factory" in tools else "add"
    trainer.train()
    return trainer


@pytest.mark.parametrize("kind", ["tools", "environment"])
def test_tools_and_environments(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens of tools and templates get no push; over the policy's own tokens the mean advantage is A_i."""
    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")
    run = trained(tmp_path, **({"tools": [add]} if kind == "tools" else {"environment_factory": Counter}))
    trained_on = run.seen[-2:]  # before them, the canary looked at the loss
    for seen in trained_on:
        assert (seen.mask.sum(1) < (seen.ids != 0).sum(1)).all(), "every rollout holds tokens of its tool"
        mean = (seen.advantages * seen.mask).sum(1) / seen.mask.sum(1)
        assert (mean - seen.scalars).abs().max() <= 1e-6
        assert (seen.push * (1 - seen.mask)).abs().max() == 0.0
        assert seen.push.std(1).min() > 0.0
    assert run.state.global_step == len(trained_on)


def test_the_log_tells_who_wrote_what(tmp_path: Path) -> None:
    """In the log the tool's turn is a step of the tool's, paid nothing, between the policy's steps."""
    trained(tmp_path, tools=[add])
    for row in read_assignments(str(tmp_path / "dca")):
        authors = [step["author"] for step in row["steps"]]
        assert authors[0] == authors[-1] == "policy"
        assert "tool" in authors
        assert all(step["credit"] == 0.0 for step in row["steps"] if step["author"] == "tool")
        assert "".join(step["text"] for step in row["steps"]) == row["completion"]
