"""Watch it: a tiny model learns to calculate under the real trainer, with GRPO and with DCA, side by side.

    python benchmarks/demo_train.py

The task has ten steps, and only the final value is paid. After each step the model may check it, which takes time and
sometimes spoils what was right. DCA's reviewer knows the sums but is gullible: it praises any check more than a right
step. Both runs start from the same pretrained model and see the same prompts. It takes two to three minutes on two
cores, and writes demo/train.svg and demo/train.png.
"""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Annotated, Any

import matplotlib as mpl
import torch
import typer
from lab.apprentice import UPDATES, pretrained
from lab.chain_trl import GRPO, PROMPTS, ROLLOUTS, TASKS, Progress, Setting, train
from lab.trials import WINDOW
from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress import Progress as Bar
from rich.text import Text

mpl.use("Agg")
import matplotlib.pyplot as plt

WORLD, RATE, LEVEL = "demo", 1e-3, 0.8
ARMS = {GRPO: "GRPO", "dca gullible": "DCA"}
COLOURS = {GRPO: "#8b949e", "dca gullible": "#2f81f7"}
INK = "#808890"
BARS = " ▁▂▃▄▅▆▇█"
CAVEAT = (
    "One seed of a toy task with a tiny model, and a reviewer who knows each sum: this shows the mechanism, not what "
    "you will gain.\nRollouts are counted, the reviewer's work is not. Five seeds, other learning rates, and "
    "conservation alone: docs/trl-confirm.md."
)


@dataclass
class Run:
    """One of the two runs, as far as it is known here."""

    arm: str
    curve: list[Progress] = field(default_factory=list)
    finished: bool = False

    @property
    def rollouts(self) -> int:
        """So far."""
        return len(self.curve) * PROMPTS * ROLLOUTS

    def smooth(self, name: str) -> list[float]:
        """One figure, averaged over the last few updates."""
        values = [getattr(one, name) for one in self.curve]
        return [sum(values[k - WINDOW : k]) / WINDOW for k in range(WINDOW, len(values) + 1)]

    def reached(self) -> int | None:
        """Rollouts until the smoothed accuracy was at the level."""
        there = [k for k, value in enumerate(self.smooth("accuracy")) if value >= LEVEL]
        return (there[0] + WINDOW) * PROMPTS * ROLLOUTS if there else None


def work(arm: str, updates: int, seconds: float, seed: int, cache: Path, news: Any) -> None:
    """Train in a process of its own, and tell about each update; None at the end."""
    torch.set_num_threads(1)
    ends: list[float] = []

    def tell(progress: Progress) -> bool:
        ends[:] = ends or [time.monotonic() + seconds]  # the clock starts with the first rollouts
        news.put((arm, progress))
        return time.monotonic() > ends[0]

    train(Setting(WORLD, arm, RATE, seed, updates), cache=cache, tell=tell)
    news.put((arm, None))


def view(runs: Sequence[Run], began: float) -> RenderableType:
    """Both runs as they stand."""
    head = Text(f"{TASKS[WORLD].about}; the reviewer likes any check.   {time.monotonic() - began:3.0f} s\n", "dim")
    return Group(head, Columns([_panel(run) for run in runs], equal=True), Text(ratio(runs), "bold"))


def _panel(run: Run) -> Panel:
    if len(run.curve) < WINDOW:
        return Panel("\n   starting ...\n\n", title=ARMS[run.arm], width=58)
    accuracy, checks, there = run.smooth("accuracy"), run.smooth("check_right"), run.reached()
    body = Text.assemble(
        f"{run.rollouts:7,} rollouts\n",
        f"accuracy       {accuracy[-1]:4.0%}  ",
        (spark(accuracy) + "\n", "green"),
        f"needless check {checks[-1]:4.0%}  ",
        (spark(checks) + "\n", "yellow"),
        f"{LEVEL:.0%} right after  " + (f"{there:,} rollouts" if there else "..."),
    )
    return Panel(body, title=ARMS[run.arm], width=58)


def spark(values: Sequence[float], width: int = 32) -> str:
    """Values in [0, 1] as a line of bars.

    >>> spark([0.0, 0.5, 1.0])
    ' ▄█'
    """
    chosen = values if len(values) <= width else [values[k * (len(values) - 1) // (width - 1)] for k in range(width)]
    return "".join(BARS[round(value * (len(BARS) - 1))] for value in chosen)


def ratio(runs: Sequence[Run]) -> str:
    """How many times fewer rollouts, once that is known."""
    plain, dense = (run.reached() for run in runs)
    if dense is None:
        return ""
    if plain is not None:
        return f"{LEVEL:.0%} right with {plain / dense:.1f} times fewer rollouts ({dense:,} against {plain:,})"
    so_far = runs[0].rollouts
    return f"{LEVEL:.0%} right with at least {so_far / dense:.1f} times fewer rollouts" if so_far > dense else ""


def draw(runs: Sequence[Run], folder: Path) -> list[Path]:
    """Accuracy and check rate against rollouts, the ratio above, the caveat beneath."""
    figure, axes = plt.subplots(1, 2, figsize=(9.5, 4.4))
    names = ("accuracy", "check_right")
    for axis, name, title in zip(axes, names, ("accuracy", "checks of what was right already"), strict=True):
        for run in runs:
            values = run.smooth(name)
            rollouts = [(k + WINDOW) * PROMPTS * ROLLOUTS / 1000 for k in range(len(values))]
            axis.plot(rollouts, values, color=COLOURS[run.arm], lw=2, label=ARMS[run.arm])
        axis.set_title(title, color=INK, fontsize=11)
        axis.set_xlabel("thousand rollouts", color=INK)
        axis.set_ylim(-0.02, 1.02)
        axis.tick_params(colors=INK)
        axis.grid(color=INK, alpha=0.2)
        for side, spine in axis.spines.items():
            spine.set_visible(side in ("left", "bottom"))
            spine.set_color(INK)
    axes[0].axhline(LEVEL, color=INK, lw=0.8, ls=":")
    axes[0].legend(frameon=False, labelcolor=INK, loc="lower right")
    figure.suptitle(ratio(runs), color=INK, fontsize=12)
    figure.text(0.5, 0.02, CAVEAT, color=INK, fontsize=8, ha="center")
    figure.tight_layout(rect=(0, 0.09, 1, 1))
    folder.mkdir(parents=True, exist_ok=True)
    made = [folder / "train.svg", folder / "train.png"]
    for path in made:
        figure.savefig(path, transparent=path.suffix == ".svg", dpi=150)
    plt.close(figure)
    return made


def follow(runs: dict[str, Run], news: Any, processes: Sequence[BaseProcess], live: Live, began: float) -> None:
    """Take in what the processes tell until both have finished, or one has died."""
    while not all(run.finished for run in runs.values()):
        try:
            arm, progress = news.get(timeout=0.25)
        except queue.Empty:
            if any(process.exitcode for process in processes):
                raise typer.Exit(1) from None  # its traceback stands above
        else:
            run = runs[arm]
            run.finished = progress is None
            run.curve += [progress] if progress is not None else []
        live.update(view(list(runs.values()), began))


def main(
    updates: Annotated[int, typer.Option(min=10, help="Updates of each run, at most.")] = 300,
    seconds: Annotated[float, typer.Option(help="Seconds of training, at most.")] = 150.0,
    seed: Annotated[int, typer.Option(help="Of teacher, model, prompts and sampling.")] = 0,
    out: Annotated[Path, typer.Option(help="Where the picture goes.")] = Path("demo"),
) -> None:
    """Train a tiny model with GRPO and with DCA, side by side, and draw what happened."""
    console = Console()
    os.environ.update(TOKENIZERS_PARALLELISM="false", TRL_EXPERIMENTAL_SILENCE="1", OMP_NUM_THREADS="1")
    torch.set_num_threads(2)
    cache = out / "pupils"
    with Bar(console=console) as bar:
        lessons = bar.add_task("pretraining on a careless teacher", total=UPDATES)
        pretrained(TASKS[WORLD], seed, cache=cache, on_update=lambda: bar.advance(lessons))
        bar.update(lessons, completed=UPDATES)
    context, began = get_context("spawn"), time.monotonic()
    news, runs = context.Queue(), {arm: Run(arm) for arm in ARMS}
    todo = (updates, seconds, seed, cache, news)
    processes = [context.Process(target=work, args=(arm, *todo), daemon=True) for arm in runs]
    for process in processes:
        process.start()
    try:
        with Live(view(list(runs.values()), began), console=console, refresh_per_second=4) as live:
            follow(runs, news, processes, live, began)
    except KeyboardInterrupt:
        console.print("Stopped; the picture shows what there is.")
    finally:
        for process in processes:
            process.terminate()
    if all(len(run.curve) >= WINDOW for run in runs.values()):
        made = draw(list(runs.values()), out)
        console.print("\n" + CAVEAT, style="dim")
        console.print("written: " + ", ".join(map(str, made)), highlight=False)


if __name__ == "__main__":
    typer.run(main)
