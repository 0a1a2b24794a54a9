"""What a run remembers of its reviews from one checkpoint to the next: rows, fallbacks, and what was spent.

Each rank keeps its own file in the trainer's checkpoint folder, and the main one a copy in the trainer's state, which
is found however the checkpoint was named. This module knows folders and trainer callbacks, not reviews.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from transformers import TrainerCallback
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from dca.errors import InputError
from dca.usage import NO_USAGE, Usage

VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the reviews of one rank have come.

    Attributes:
        batches: Training batches whose rollouts were looked at.
        rows: Rollouts in them.
        reviewed: Those that were sent to the reviewer.
        fallbacks: Those whose review could not be used.
        usage: What all reviews cost, late and abandoned ones included.
    """

    batches: int = 0
    rows: int = 0
    reviewed: int = 0
    fallbacks: int = 0
    usage: Usage = NO_USAGE

    def plus(self, *, batches: int = 0, rows: int = 0, reviewed: int = 0, fallbacks: int = 0) -> Standing:
        """The standing after some more."""
        return Standing(
            self.batches + batches, self.rows + rows, self.reviewed + reviewed, self.fallbacks + fallbacks, self.usage
        )

    def to_record(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {"version": VERSION, **dataclasses.asdict(self)}

    @staticmethod
    def from_record(record: object, source: str) -> Standing:
        """From what JSON held.

        Raises:
            InputError: It is no standing, or another version's.
        """
        if not isinstance(record, Mapping) or "version" not in record:
            raise InputError(f"{source}: expected the state of DCA's reviews, got something else; {_REMEDY}")
        if record["version"] != VERSION:
            raise InputError(f"{source}: version: expected {VERSION}, got {record['version']!r}; {_REMEDY}")
        try:
            counts = {name: int(record[name]) for name in ("batches", "rows", "reviewed", "fallbacks")}
            return Standing(**counts, usage=Usage(**record["usage"]))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{source}: {type(error).__name__}: {error}; {_REMEDY}") from error


_REMEDY: Final = "remove the file to go on with all counts, and the budget, at zero"


def state_file(folder: Path, name: str, rank: int) -> Path:
    """The file of one rank in a checkpoint folder."""
    return folder / f"{name}-rank{rank}.json"


def checkpoint_folder(output_dir: Path, step: int) -> Path:
    """Where a trainer keeps the checkpoint of a step."""
    return output_dir / f"{PREFIX_CHECKPOINT_DIR}-{step}"


def write_standing(path: Path, standing: Standing) -> None:
    """Write a standing so that the file is whole or not there."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(standing.to_record(), indent=1), "utf-8")
    part.replace(path)


def read_standing(path: Path) -> Standing | None:
    """A standing from its file; None where there is no such file.

    Raises:
        InputError: The file holds something else.
    """
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error}); {_REMEDY}") from error
    try:
        return Standing.from_record(json.loads(text), str(path))
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: expected JSON, got {text[:40]!r}; {_REMEDY}") from error


class Kept(Protocol):
    """What a callback looks after: a reward with reviews under way and a count of them."""

    @property
    def name(self) -> str:
        """What the reward is called."""
        ...

    @property
    def standing(self) -> Standing:
        """The counts as they are."""
        ...

    def flush(self) -> None:
        """Settle what is open and write it down."""
        ...

    def begin_run(self) -> None:
        """A run begins, perhaps from a checkpoint."""
        ...

    def save(self, checkpoint: Path) -> None:
        """Leave the counts in a checkpoint folder."""
        ...


class ReviewKeeper(TrainerCallback):
    """Settles reviews at the end and at every checkpoint, and leaves the counts there. It touches nothing else."""

    def __init__(self, reward: Kept) -> None:
        self.reward = reward

    def on_train_begin(self, *_told: Any, **_more: Any) -> None:
        """A run begins."""
        self.reward.begin_run()

    def on_step_end(self, _args: Any, state: Any, control: Any, **_more: Any) -> None:
        """A checkpoint may follow, with the trainer's state in it."""
        if control.should_save:
            self.reward.flush()
            entry = {"step": state.global_step, "standing": self.reward.standing.to_record()}
            state.stateful_callbacks[_key(self.reward.name)] = {"args": {}, "attributes": entry}

    def on_epoch_end(self, _args: Any, state: Any, control: Any, **_more: Any) -> None:
        """The same, where checkpoints are written by epoch."""
        self.on_step_end(_args, state, control)

    def on_save(self, args: Any, state: Any, *_told: Any, **_more: Any) -> None:
        """A checkpoint was written."""
        self.reward.save(checkpoint_folder(Path(args.output_dir), state.global_step))

    def on_train_end(self, *_told: Any, **_more: Any) -> None:
        """The run is over."""
        self.reward.flush()


def _key(name: str) -> str:
    return f"dca.trl:{name}"


def restored(trainer: Any, name: str, rank: int) -> Standing | None:
    """What the checkpoint that a run goes on from says of this rank's reviews; None where it says nothing.

    The main rank trusts the trainer's state first, which is that of the checkpoint however it was named; the others
    look for their file where the checkpoint should lie, and take the main one's counts where there is none.

    Raises:
        InputError: A file that is there cannot be used.
    """
    step, args = trainer.state.global_step, trainer.args
    entry = trainer.state.stateful_callbacks.get(_key(name), {}).get("attributes", {})
    main = Standing.from_record(entry["standing"], "the trainer's state") if entry.get("step") == step else None
    if rank == 0 and main is not None:
        return main
    given = getattr(args, "resume_from_checkpoint", None)
    folders = [Path(given)] if isinstance(given, str) else []
    for folder in (*folders, checkpoint_folder(Path(args.output_dir), step)):
        found = read_standing(state_file(folder, name, rank))
        if found is not None:
            return found
    return main
