"""What dense credit adds to a training step, and how much of a slow reviewer's time it hides.

    python benchmarks/overhead.py [--pairs 40] [--quick]

Two real trainers live in one process and take turns, step by step: TRL's GRPOTrainer and DCAGRPOTrainer. The
learning rate is 0, so both work on the same rollouts for ever, and a pair of steps differs in nothing but the credit.
The clock runs from the beginning of one step to the beginning of the next: generation, rewards, loss, backward,
optimizer, and the log that DCA writes. The reviewer answers at once, with a score for each step.

Three cases. A model of four layers gets 16 ready-made rollouts of about 250 tokens: no generation, which usually is
most of a step, so this is the least favourable way to look at it. They are cut into steps of ordinary length (some 20
tokens, 11 steps a rollout) and, once more, at every line (4 tokens, 64 steps). The tiny model of `trl_confirm.py`
generates its 64 rollouts of 16 steps; its whole step takes a quarter of a second, so there every millisecond shows.
It fails when the ratio of processor time with ordinary steps is over 1.03.

Then a reviewer that takes its time. What of its latency does not show in the step was hidden behind other work: the
reference model's log-probabilities, the forward, and the micro-batches that need other rows.
"""

from __future__ import annotations

import logging
import os
import random
import statistics
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from lab.apprentice import Teacher, pretrained
from lab.chain_trl import PROMPTS, ROLLOUTS, Playground, Setting, arguments, prompts
from lab.school import misconceived
from lab.transformer import model, tokenizer, written
from lab.worksheet import Verifier, lines
from lab.worlds import WORLDS, World
from transformers import TrainerCallback
from transformers.trainer_callback import PrinterCallback, ProgressCallback
from transformers.utils.logging import disable_progress_bar
from trl import GRPOConfig, GRPOTrainer

from dca import Review, Step, Transcript
from dca.trl import DCAGRPOConfig, DCAGRPOTrainer, DCAReward

LIMIT = 1.03
PUPILS = Path("build/trl-confirm/pupils")
LONG = World("long", "64 steps", 64)
ROWS, GROUP = 16, 8
WARM = 3
"""Pairs that do not count: first steps build tables and caches."""


@dataclass(frozen=True)
class Case:
    """What both trainers work on: the world, rows of a step, who makes networks and rollouts, arguments."""

    name: str
    world: World
    rows: int
    network: Callable[[], Any]
    rollouts: Callable[[], Callable[..., Any]]
    segmenter: Callable[[Transcript], tuple[Step, ...]] = lines
    more: dict[str, Any] = field(default_factory=dict)


class Scorer:
    """A reviewer with an opinion on every step, given at once."""

    in_process = True
    measure = "contribution"
    name = "scorer"

    def review(self, transcript: Transcript, steps: tuple[Step, ...], /) -> Review:
        """Scores that depend on the text alone."""
        del transcript
        return Review(tuple((hash(step.text) % 201 - 100) / 100 for step in steps))


class SlowScorer(Scorer):
    """The same, after a while.

    Args:
        seconds: From which latencies are drawn: the same for all rows, or evenly between none and twice as much.
        unequal: Which of the two.
    """

    in_process = False

    def __init__(self, seconds: float, *, unequal: bool = False) -> None:
        self._seconds, self._unequal, self._chance = seconds, unequal, random.Random(0)

    def review(self, transcript: Transcript, steps: tuple[Step, ...], /) -> Review:
        """Wait, then score."""
        time.sleep(self._seconds * (2 * self._chance.random() if self._unequal else 1.0))
        return super().review(transcript, steps)


def paragraphs(transcript: Transcript, *, size: int = 6) -> tuple[Step, ...]:
    """Six lines a step."""
    some = lines(transcript)
    groups = [some[k : k + size] for k in range(0, len(some), size)]
    return tuple(
        Step(k, group[0].start, group[-1].stop, transcript.completion[group[0].start : group[-1].stop])
        for k, group in enumerate(groups)
    )


class ReadyMade:
    """A `rollout_func` that generates nothing: it hands out worksheets that a teacher wrote beforehand."""

    def __init__(self, world: World, rows: int) -> None:
        generator = torch.Generator().manual_seed(0)
        teacher = Teacher(misconceived(generator), world)
        made = written(teacher, world, world.start(rows // GROUP, generator).repeat(GROUP), generator)
        asked, completions, masks = (list(part) for part in zip(*made.rows(), strict=True))
        self._made = {"prompt_ids": asked, "completion_ids": completions, "logprobs": None, "env_mask": masks}

    def __call__(self, asked: Sequence[str], trainer: Any) -> dict[str, Any]:
        """The same for ever."""
        del asked, trainer
        return dict(self._made)


class Turns:
    """Two threads take turns; each measures its own."""

    def __init__(self, players: int) -> None:
        self._turn, self._players, self._change = 0, players, threading.Condition()

    def wait(self, player: int) -> None:
        """Until it is this player's turn."""
        with self._change:
            self._change.wait_for(lambda: self._turn % self._players == player or self._turn < 0)

    def give(self) -> None:
        """The next one's turn."""
        with self._change:
            self._turn += 1
            self._change.notify_all()

    def end(self) -> None:
        """Nobody waits any more."""
        with self._change:
            self._turn = -(10**9)
            self._change.notify_all()


class Stopwatch(TrainerCallback):  # type: ignore[misc, unused-ignore]
    """Measures from the beginning of one step to the beginning of the next, while it is this trainer's turn."""

    def __init__(self, turns: Turns, player: int) -> None:
        self._turns, self._player, self._began = turns, player, (0.0, 0.0)
        self.wall, self.processor = list[float](), list[float]()

    def _lap(self) -> None:
        wall, processor = self._began
        self.wall.append(time.perf_counter() - wall)
        self.processor.append(time.process_time() - processor)
        self._turns.give()

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """Wait for one's turn."""
        self._turns.wait(self._player)
        self._began = time.perf_counter(), time.process_time()

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        """One lap is over; the next begins when it is one's turn again."""
        self._lap()
        self._turns.wait(self._player)
        self._began = time.perf_counter(), time.process_time()

    def on_train_end(self, *_: Any, **__: Any) -> None:
        """Let the other one finish."""
        self._turns.end()


def trainer_of(case: Case, reviewer: Scorer | None, folder: str, updates: int) -> Any:
    """A trainer of one kind; plain GRPO where there is no reviewer."""
    setting = Setting(case.name, "", 0.0, 0, updates)
    more = {"per_device_train_batch_size": case.rows, "logging_steps": 1} | case.more
    network = case.network()
    if case.more.get("beta"):  # the reference model is loaded from where the model came from
        network.save_pretrained(Path(folder) / "model")
        network.config._name_or_path = str(Path(folder) / "model")
    pieces = {
        "model": network,
        "processing_class": tokenizer(),
        "train_dataset": prompts(case.world, 0),
        "rollout_func": case.rollouts(),
    }
    if reviewer is None:
        args = arguments(GRPOConfig, folder, setting, **more)
        return GRPOTrainer(reward_funcs=[Verifier(case.world)], args=args, **pieces)
    args = arguments(DCAGRPOConfig, folder, setting, **more)
    reward = DCAReward(Verifier(case.world), reviewer=reviewer, segmenter=case.segmenter)
    return DCAGRPOTrainer(reward_funcs=[reward], args=args, **pieces)


def side_by_side(case: Case, reviewers: Sequence[Scorer | None], pairs: int) -> list[Stopwatch]:
    """Train once with each reviewer (None: plain), taking turns; their stopwatches."""
    turns = Turns(len(reviewers))
    watches = [Stopwatch(turns, player) for player in range(len(reviewers))]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        threads = []
        for player, (reviewer, watch) in enumerate(zip(reviewers, watches, strict=True)):
            trainer = trainer_of(case, reviewer, str(Path(folder) / str(player)), pairs + WARM)
            trainer.add_callback(watch)
            for callback in (PrinterCallback, ProgressCallback):
                trainer.remove_callback(callback)
            threads.append(threading.Thread(target=trainer.train))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return watches


@dataclass(frozen=True)
class Pairs:
    """Laps of two trainers, pair by pair, the first ones left out."""

    plain: list[float]
    dense: list[float]

    @classmethod
    def of(cls, watches: Sequence[Stopwatch], clock: str) -> Pairs:
        """From two stopwatches."""
        laps = [getattr(watch, clock)[1 + WARM :] for watch in watches]
        count = min(map(len, laps))
        return cls(laps[0][:count], laps[1][:count])

    def median(self, figure: Callable[[float, float], float]) -> tuple[float, float, float]:
        """The median over pairs, with its 95 % bootstrap interval."""
        found, chance = [figure(p, d) for p, d in zip(self.plain, self.dense, strict=True)], random.Random(0)
        draws = sorted(statistics.median(chance.choices(found, k=len(found))) for _ in range(4000))
        return statistics.median(found), draws[100], draws[3900]


def added(case: Case, pairs: int) -> float:
    """Print what an instant reviewer adds, and return the ratio of processor time."""
    watches = side_by_side(case, (None, Scorer()), pairs)
    ratios = {}
    for clock in ("wall", "processor"):
        laps = Pairs.of(watches, clock)
        ratios[clock], low, high = laps.median(lambda p, d: d / p)
        times = f"{statistics.median(laps.plain) * 1e3:8.1f} {statistics.median(laps.dense) * 1e3:8.1f}"
        print(f"{case.name:34} {clock:10} {times} {ratios[clock]:7.3f}  [{low:.3f}, {high:.3f}]  {len(laps.plain)}")
    return ratios["processor"]


def hidden(case: Case, pairs: int, seconds: float, *, unequal: bool = False) -> None:
    """Print how much of a slow reviewer's time does not show in the step."""
    watches = side_by_side(case, (None, SlowScorer(seconds, unequal=unequal)), pairs)
    laps = Pairs.of(watches, "wall")
    slowest = seconds * 2 * case.rows / (case.rows + 1) if unequal else seconds  # the expected maximum of even draws
    extra, low, high = laps.median(lambda p, d: d - p)
    share = [max(0.0, 1 - one / slowest) for one in (extra, high, low)]
    step = statistics.median(laps.plain)
    print(
        f"{case.name:50} {step:7.2f} {slowest:8.2f} {extra:8.2f} {share[0]:7.0%}  [{share[1]:.0%}, {share[2]:.0%}]",
        flush=True,
    )


def main(
    pairs: Annotated[int, typer.Option(min=5, help="Pairs of steps in each comparison.")] = 40,
    quick: Annotated[bool, typer.Option("--quick", help="Eight pairs, and no slow reviewer.")] = False,
) -> None:
    """Measure what dense credit adds to a step, and how much of a reviewer's latency is hidden."""
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
    disable_progress_bar()
    logging.getLogger("dca").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    pairs = 8 if quick else pairs
    sparse, network, ready = WORLDS["B16"], partial(model, 0, hidden=256, layers=4), ReadyMade(LONG, ROWS)
    usual = Case("4 layers, ready-made, 11 steps", LONG, ROWS, network, lambda: ready, paragraphs)
    pupil = partial(pretrained, sparse, 0, cache=PUPILS)
    tiny = Case("tiny model, generates, 16 steps", sparse, PROMPTS * ROLLOUTS, pupil, lambda: Playground(sparse, 0))
    print(f"load of the machine {os.getloadavg()[0]:.2f}\n")
    print(f"{'an instant reviewer':34} time       plain ms   DCA ms   ratio  interval        pairs", flush=True)
    ratio = added(usual, pairs)
    added(replace(usual, name="4 layers, ready-made, 64 steps", segmenter=lines), pairs)
    added(tiny, pairs)
    if not quick:
        _slow(usual, max(8, pairs // 4))
    sys.exit(0 if ratio <= LIMIT else 1)


def _slow(case: Case, pairs: int) -> None:
    """The reviewer that takes its time, in four ways to train."""
    step = statistics.median(Pairs.of(side_by_side(case, (None, Scorer()), 5), "wall").plain)
    parts = {"per_device_train_batch_size": ROWS // 4, "gradient_accumulation_steps": 4}
    print(f"\n{'a reviewer that takes its time':50} plain s review s  extra s  hidden  interval")
    for name, more, unequal in (
        ("one micro-batch", {}, False),
        ("one micro-batch, reference model", {"beta": 0.05}, False),
        ("four micro-batches", parts, False),
        ("four micro-batches, unequal reviews", parts, True),
        ("four micro-batches, unequal, reference model", parts | {"beta": 0.05}, True),
    ):
        hidden(replace(case, name=name, more=more), pairs, step / 2, unequal=unequal)


if __name__ == "__main__":
    typer.run(main)
