"""The credit laboratory's main claims, once more, under the real trainer with a small transformer.

    python benchmarks/trl_confirm.py --quick           # a few minutes: two seeds, the sparse chain and task D
    python benchmarks/trl_confirm.py --jobs 2          # the full form: about an hour on two cores
    python benchmarks/trl_confirm.py --report          # only the table and the plots, from the runs that are there

TRL's GRPOTrainer against DCAGRPOTrainer, on the worlds of the laboratory: the sparse chain B16 with a reviewer who
knows, over five learning rates for both; D (checks harm), C (checks help) and E (checks are free) with a gullible
reviewer, once with DCA's neutral verification and once with conservation alone. Finished runs are rows of a CSV and
are not run again; an interrupted command goes on where it was. The pretrained pupils are kept beside it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

import torch
import typer
from lab.apprentice import pretrained
from lab.chain_trl import ARMS, GRPO, Setting, train
from lab.trial_report import draw, markdown
from lab.trials import Trial, append, load
from lab.worlds import WORLDS
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

OUT = Path("build/trl-confirm")
RATES = (1e-3, 5e-4, 2e-3, 2.5e-4, 4e-3)
GULLIBLE_RATE = 1e-3
UPDATES = 240
PLAN = (
    *(("B16", arm, rate) for rate in RATES[:3] for arm in (GRPO, "dca oracle")),
    *((world, arm, GULLIBLE_RATE) for world in "DCE" for arm in (GRPO, "dca gullible", "dca gullible/bare")),
    *(("B16", arm, rate) for rate in RATES[3:] for arm in (GRPO, "dca oracle")),
)
"""World, arm, learning rate of the full form, the most wanted first."""


def settings(quick: bool, seeds: int, worlds: Sequence[str], arms: Sequence[str]) -> list[Setting]:
    """The runs of a form, seeds outermost: partial results are then of use."""
    found = [Setting(world, arm, rate, seed, UPDATES) for seed in range(seeds) for world, arm, rate in PLAN]
    if quick:
        found = [
            replace(one, updates=160)
            for one in found
            if one.seed < 2 and one.world in ("B16", "D") and one.rate == GULLIBLE_RATE
        ]
    return [one for one in found if one.world in worlds and one.arm in arms]


def run(setting: Setting, cache: Path) -> Trial:
    """One run, in whatever process."""
    torch.set_num_threads(1)
    began = time.perf_counter()
    curve = train(setting, cache=cache)
    return Trial(setting, tuple(curve), time.perf_counter() - began)


def pupil(world: str, seed: int, cache: Path) -> None:
    """Pretrain one pupil, if it is not there."""
    torch.set_num_threads(1)
    pretrained(WORLDS[world], seed, cache=cache)


def work(todo: Sequence[Setting], out: Path, jobs: int, console: Console) -> None:
    """Run what is left, `jobs` at a time; every finished run is on disk at once."""
    cache = out / "pupils"
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    schools = list(dict.fromkeys(("B16" if one.world == "B16" else "D", one.seed) for one in todo))
    with (
        Progress(*columns, TextColumn("left:"), TimeRemainingColumn(compact=True), console=console) as bar,
        ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool,
    ):
        try:
            lessons = bar.add_task("pretraining", total=len(schools))
            for _ in as_completed([pool.submit(pupil, *school, cache) for school in schools]):
                bar.advance(lessons)
            training = bar.add_task("training", total=len(todo))
            for future in as_completed([pool.submit(run, one, cache) for one in todo]):
                append(out / "runs.csv", future.result())
                bar.advance(training)
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            console.print("Stopped. What was finished is kept; the same command goes on from there.")
            raise typer.Exit(130) from None


def main(
    quick: Annotated[bool, typer.Option(help="Two seeds, 160 updates, the sparse chain and D at one rate.")] = False,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds 0, 1, ...; each has its own teacher and prompts.")] = 5,
    worlds: Annotated[str, typer.Option(help="Which, comma-separated.")] = "B16,D,C,E",
    arms: Annotated[str, typer.Option(help="Which, comma-separated.")] = ",".join(ARMS),
    jobs: Annotated[int, typer.Option(min=1, help="Processes; each uses one core.")] = 1,
    out: Annotated[Path, typer.Option(help="Where runs, pupils and plots go.")] = OUT,
    report: Annotated[bool, typer.Option("--report", help="Run nothing; show what is there.")] = False,
) -> None:
    """Train with GRPO and with DCA under the real trainer, and compare.

    Writes runs.csv (a row per finished run, with its curves), the tables and the plots to the output folder. A second
    call runs only what is missing.
    """
    console = Console()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    out = out / "quick" if quick else out
    wanted = settings(quick, seeds, worlds.split(","), arms.split(","))
    done = {trial.setting for trial in load(out / "runs.csv")}
    todo = [one for one in wanted if one not in done]
    if todo and not report:
        console.print(f"{len(todo)} runs to do, {len(wanted) - len(todo)} done already, in {out}")
        work(todo, out, jobs, console)
    trials = [trial for trial in load(out / "runs.csv") if trial.setting in wanted]
    if not trials:
        console.print(f"No finished runs in {out}.")
        raise typer.Exit(1)
    text = markdown(trials)
    (out / "tables.md").write_text(text + "\n", encoding="utf-8")
    made = draw(trials, out)
    console.print(text, soft_wrap=True, markup=False, highlight=False)
    console.print("\nwritten: " + ", ".join(map(str, (out / "runs.csv", out / "tables.md", *made))), highlight=False)


if __name__ == "__main__":
    typer.run(main)
