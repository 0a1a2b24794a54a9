"""What a run remembers of its reviews survives a checkpoint, and what cannot be read is refused with the remedy."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dca import Usage
from dca.errors import InputError
from dca.trl.checkpoint import ReviewKeeper, Standing, read_standing, restored, state_file, write_standing

STANDING = Standing(batches=3, rows=24, reviewed=20, fallbacks=2, usage=Usage(requests=21, cost_usd=0.125))


class Reward:
    """A reward that notes what its keeper asks of it."""

    name, standing = "dca", STANDING

    def __init__(self) -> None:
        self.asked: list[str] = []

    def flush(self) -> None:
        self.asked.append("flush")

    def begin_run(self) -> None:
        self.asked.append("begin_run")

    def save(self, checkpoint: Path) -> None:
        self.asked.append(f"save {checkpoint.name}")


def trainer(folder: Path, step: int, callbacks: dict[str, Any] | None = None, given: str | None = None) -> Any:
    return SimpleNamespace(
        state=SimpleNamespace(global_step=step, stateful_callbacks=callbacks or {}),
        args=SimpleNamespace(output_dir=str(folder), resume_from_checkpoint=given),
    )


def test_it_comes_back_as_it_was(tmp_path: Path) -> None:
    """A standing that was written reads back equal, and leaves no other file."""
    path = state_file(tmp_path, "dca", 1)
    write_standing(path, STANDING)
    assert read_standing(path) == STANDING
    assert [p.name for p in tmp_path.iterdir()] == ["dca-rank1.json"]
    assert read_standing(tmp_path / "none") is None


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "expected JSON, got ''"),
        ('{"version": 1', "expected JSON"),
        ("[]", "got something else"),
        ("{}", "got something else"),
        ('{"version": 2}', "version: expected 1, got 2"),
        ('{"version": 1, "batches": 1}', "KeyError"),
        ('{"version": 1, "batches": "x", "rows": 1, "reviewed": 1, "fallbacks": 1}', "ValueError"),
        (json.dumps({**STANDING.to_record(), "usage": {"dollars": 1}}), "TypeError"),
    ],
)
def test_a_damaged_file_is_refused_with_the_remedy(tmp_path: Path, text: str, complaint: str) -> None:
    """The message names the file, what is wrong with it, and how to go on without it."""
    path = tmp_path / "dca-rank0.json"
    path.write_text(text)
    with pytest.raises(InputError, match=complaint) as caught:
        read_standing(path)
    assert str(path) in str(caught.value)
    assert "remove the file to go on" in str(caught.value)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    """A file of other bytes is damaged too."""
    path = tmp_path / "dca-rank0.json"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="cannot be read"):
        read_standing(path)


def kept_by(reward: Reward, step: int) -> dict[str, Any]:
    state = SimpleNamespace(global_step=step, stateful_callbacks={})
    ReviewKeeper(reward).on_step_end(None, state, SimpleNamespace(should_save=True))
    return state.stateful_callbacks


def test_the_trainers_state_carries_it(tmp_path: Path) -> None:
    """The main rank finds its counts in the state of the checkpoint, wherever that lay, through JSON and back."""
    carried = json.loads(json.dumps(kept_by(Reward(), 7)))
    assert restored(trainer(tmp_path, 7, carried), "dca", 0) == STANDING
    assert restored(trainer(tmp_path, 8, carried), "dca", 0) is None, "that state is of another step"
    assert restored(trainer(tmp_path, 7, carried), "other", 0) is None


def test_ranks_find_their_own_file(tmp_path: Path) -> None:
    """A rank's file in the checkpoint folder counts for it; without one the main rank's counts do."""
    (tmp_path / "checkpoint-7").mkdir()
    own = Standing(batches=1, rows=2)
    write_standing(tmp_path / "checkpoint-7" / "dca-rank1.json", own)
    carried = kept_by(Reward(), 7)
    assert restored(trainer(tmp_path, 7, carried), "dca", 1) == own
    assert restored(trainer(tmp_path, 7, carried), "dca", 2) == STANDING
    assert restored(trainer(tmp_path, 7), "dca", 2) is None


def test_a_checkpoint_named_in_the_arguments_is_looked_at_first(tmp_path: Path) -> None:
    """A checkpoint of another folder counts where the trainer's arguments name it."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    write_standing(elsewhere / "dca-rank0.json", STANDING)
    assert restored(trainer(tmp_path, 7, given=str(elsewhere)), "dca", 0) == STANDING


def test_the_keeper_settles_before_it_saves(tmp_path: Path) -> None:
    """Reviews are settled when a checkpoint follows and at the end; at other steps nothing is asked."""
    reward = Reward()
    keeper, args = ReviewKeeper(reward), SimpleNamespace(output_dir=str(tmp_path))
    state = SimpleNamespace(global_step=4, stateful_callbacks={})
    keeper.on_train_begin(args, state, None)
    keeper.on_step_end(args, state, SimpleNamespace(should_save=False))
    keeper.on_epoch_end(args, state, SimpleNamespace(should_save=True))
    keeper.on_save(args, state, None)
    keeper.on_train_end(args, state, None)
    assert reward.asked == ["begin_run", "flush", "save checkpoint-4", "flush"]
