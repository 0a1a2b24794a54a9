"""A log that drifts, and a watch over half of it on each of two processes: ``drift_ranks.py FOLDER``."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import tiny
from accelerate import PartialState
from dense import Hashed

from dca import ArithmeticReviewer, Transcript, assign_credit
from dca.assignments import to_record
from dca.performativity.drift import Settings
from dca.trl.drift import DriftCallback
from dca.trl.reward import DCAReward

QUICK = Settings(window=3, patience=2, resamples=50)
CALM, CHECKING = ["plain", "caught", "left", "plain"], ["check", "check", "caught", "left"]
TEXTS = {
    "plain": ("3 + 4 = 7\n7 * 2 = 14\nA: 14", 1.0),
    "check": ("3 + 4 = 7\nLet me check: 3 + 4 = 7\n7 * 2 = 14\nA: 14", 1.0),
    "caught": ("3 + 4 = 8\nWait, that is wrong: 3 + 4 = 7\n7 * 2 = 14\nA: 14", 1.0),
    "left": ("3 + 4 = 8\n8 * 2 = 16\nA: 16", 0.0),
}


def lines(step: int, kinds: list[str], part: slice = slice(None)) -> Iterator[str]:
    """The log of one step: ten prompts, a rollout of each kind."""
    for prompt in range(10):
        for kind in kinds[part]:
            text, reward = TEXTS[kind]
            done = assign_credit(Transcript(f"{step}-{prompt}", text, reward, id=kind), ArithmeticReviewer())
            yield json.dumps({**to_record(done), "train_step": step, "advantage": reward - 0.75}) + "\n"


def told(callback: DriftCallback) -> list[Any]:
    """What a watch came to, as JSON holds it."""
    return json.loads(
        json.dumps([[v.first, v.last, v.standing, [str(alarm) for alarm in v.alarms]] for v in callback.verdicts])
    )


def main(folder: Path) -> None:
    """Watch a log of one's own, together."""
    ranks = PartialState(cpu=True)
    callback = DriftCallback(DCAReward(tiny.length_reward, reviewer=Hashed(), log=folder), settings=QUICK)
    args, state = SimpleNamespace(output_dir=str(folder)), SimpleNamespace(global_step=0)
    callback.on_train_begin(args, state, None)
    half = slice(0, 2) if ranks.process_index == 0 else slice(2, 4)
    for step in range(13):
        with (folder / f"assignments-rank{ranks.process_index}.jsonl").open("a") as log:
            log.writelines(lines(step, CALM if step < 6 else CHECKING, half))
        callback.on_step_end(args, state, None)
    callback.on_train_end(args, state, None)
    (folder / f"said-{ranks.process_index}.json").write_text(json.dumps(told(callback)))
    ranks.wait_for_everyone()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    sys.stdout.flush()
    os._exit(0)  # all is written; gloo's threads now and then abort an interpreter that is going down
