"""The credit laboratory: which way of giving steps credit learns fastest, and which can be fooled.

    python benchmarks/credit_lab.py                                 the quick form, under ten minutes
    python benchmarks/credit_lab.py --full --jobs 2 --contrast      everything docs/credit-lab.md reports
    python benchmarks/credit_lab.py --arms grpo,dca --tasks D --reviewers gullible,gullible/bare --lrs 0.004

A small policy learns chains of arithmetic by reinforcement. Methods differ only in how they turn a reviewer's scores
and the outcome into token advantages; DCA's own arms call the package's schemes. Finished runs are kept in the output
folder, and the same command goes on where it was stopped. See docs/credit-lab.md for how to read the tables, and
`lab.arms` for how to add a method of your own.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
import typer
from lab import plan, plots
from lab.arms import ARMS
from lab.contrast import contrasts
from lab.policy import Policies
from lab.results import Shelf
from lab.reviewers import REVIEWERS
from lab.school import LESSONS, pretrained
from lab.tables import report
from lab.train import ROLLOUTS, Cell, Curve, train
from lab.worlds import WORLDS
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

MEMBERS = 20
"""Runs trained side by side: enough to make one batched product worth its call, few enough to stay in the cache."""


@dataclass(frozen=True)
class Block:
    """Settings trained side by side, with the seeds that are still to be run."""

    cells: tuple[Cell, ...]
    seeds: tuple[int, ...]
    rollouts: int

    @property
    def updates(self) -> int:
        return self.rollouts // ROLLOUTS

    @property
    def work(self) -> int:
        return self.updates * len(self.cells) * len(self.seeds)


app = typer.Typer(add_completion=False, rich_markup_mode="markdown")

TEACHES = "\n\n".join(
    [
        "**Worlds.** " + " ".join(f"`{w.name}`: {w.about}." for w in WORLDS.values()),
        "**Methods.** " + " ".join(f"`{name}`: {arm.about}." for name, arm in ARMS.items()),
        "**Reading.** A run that never reaches a level is censored: it counts as needing more than its budget, and "
        "is shown as such. Ratios are against `grpo` at the same learning rate; brackets are 95 % bootstrap "
        "intervals over seeds.",
        "**A method of your own** is one function from a `Batch` to the push of every step: add it to `ARMS` in "
        "`benchmarks/lab/arms.py` and name it with `--arms`.",
    ]
)


@app.command(epilog=TEACHES)
def main(
    full: Annotated[bool, typer.Option("--full/--quick", help="Everything, or the claims only.")] = False,
    tasks: Annotated[str, typer.Option(help=f"Worlds, by commas: {', '.join(WORLDS)}.")] = "",
    arms: Annotated[str, typer.Option(help=f"Methods: {', '.join(ARMS)}.")] = "",
    reviewers: Annotated[
        str,
        typer.Option(
            help="Reviewers: oracle, noisy20, noisy40, gullible, flattered; with /bare their labels of verification "
            "are dropped (conservation only), with /recall95, /recall90 and /recall70 some are."
        ),
    ] = "",
    lrs: Annotated[str, typer.Option(help="Learning rates.")] = "",
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds.")] = 5,
    rollouts: Annotated[int, typer.Option(min=0, help="Budget of a run; 0: the world's own.")] = 0,
    lessons: Annotated[int, typer.Option(min=1, help="Updates of supervised pretraining.")] = LESSONS,
    out: Annotated[Path, typer.Option(help="Where runs, tables and plots are kept.")] = Path("build/credit-lab"),
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    contrast: Annotated[bool, typer.Option("--contrast", help="Also measure the decision contrast; 10 s.")] = False,
) -> None:
    """Train small policies with different ways of giving credit, and compare them.

    With --arms, --reviewers or --lrs every combination is run (what is not named: grpo and dca, oracle, 0.004);
    otherwise the quick or the full form, narrowed by --tasks. Runs that are finished already are not run again.
    """
    torch.set_num_threads(1)
    console, started, shelf = Console(), time.monotonic(), Shelf(out)
    cells = _chosen(full, _listed(tasks, WORLDS), _listed(arms, ARMS), _listed(reviewers, REVIEWERS), _rates(lrs))
    blocks = _left(cells, range(seeds), rollouts, shelf)
    console.print(
        f"{len(set(cells)) * seeds} runs, {sum(len(b.cells) * len(b.seeds) for b in blocks)} of them to do."
    )
    stopped = False
    if blocks:
        try:
            _run(blocks, _school(range(seeds), lessons, out, console), jobs, shelf, console)
        except KeyboardInterrupt:
            stopped = True
            console.print("Stopped. What was finished is kept; the same command goes on from there.")
    asked = set(cells)
    runs = [run for run in shelf.runs() if run.cell in asked and run.seed < seeds]
    text = report(runs)
    if contrast and not stopped:
        pupils = Policies(torch.load(_school(range(seeds), lessons, out, console), weights_only=True))
        text += "\n\n### Decision contrast before training\n\n" + contrasts(pupils, range(seeds))
    (out / "tables.md").write_text(text + "\n", "utf-8")
    plots.draw([curve for curve in shelf.curves() if curve.cell in asked and curve.seed < seeds], runs, out)
    print(text)
    spent = os.times()
    processor = spent.user + spent.system + spent.children_user + spent.children_system
    console.print(f"\n{time.monotonic() - started:.0f} s, {processor:.0f} s of processor. Tables, plots, runs: {out}")
    raise typer.Exit(130 if stopped else 0)


def _listed(given: str, known: Collection[str]) -> list[str]:
    names = [name for name in given.split(",") if name]
    for name in names:
        if name not in known:
            raise typer.BadParameter(f"expected one of {', '.join(known)}, got {name!r}")
    return names


def _rates(given: str) -> list[float]:
    try:
        return [float(rate) for rate in given.split(",") if rate]
    except ValueError as error:
        raise typer.BadParameter(f"expected numbers by commas, got {given!r}") from error


def _chosen(full: bool, worlds: list[str], arms: list[str], reviewers: list[str], rates: list[float]) -> list[Cell]:
    if arms or reviewers or rates:
        return plan.crossed(
            worlds or list(WORLDS), arms or ["grpo", "dca"], reviewers or ["oracle"], rates or [plan.MATCHED]
        )
    return [cell for cell in (plan.full() if full else plan.quick()) if not worlds or cell.world in worlds]


def _left(cells: Sequence[Cell], seeds: Sequence[int], rollouts: int, shelf: Shelf) -> list[Block]:
    """What is not finished yet, in blocks; settings with the same seeds to do go together."""
    finished = {run.key for run in shelf.runs()}
    missing: dict[tuple[int, ...], list[Cell]] = {}
    for cell in dict.fromkeys(cells):
        budget = rollouts or plan.BUDGETS[cell.world]
        open_seeds = tuple(s for s in seeds if (cell, s, budget // ROLLOUTS * ROLLOUTS) not in finished)
        if open_seeds:
            missing.setdefault(open_seeds, []).append(cell)
    return [
        Block(tuple(cells), some, rollouts or plan.BUDGETS[cells[0].world])
        for some, mine in missing.items()
        for cells in plan.blocks(mine, max(1, MEMBERS // len(some)))
    ]


def _school(seeds: Sequence[int], lessons: int, out: Path, console: Console) -> Path:
    """The policies that every run starts from; pretrained, unless they are there."""
    path = out / f"pupils-{lessons}.pt"
    there = torch.load(path, weights_only=True) if path.exists() else {}
    have = len(there["recurrent"]) if there else 0
    if have < len(seeds):
        with console.status(f"pretraining {len(seeds) - have} policies"):
            pupils = pretrained(seeds[have:], updates=lessons).parameters
        parts = {name: [there[name], p] if there else [p] for name, p in pupils.items()}
        torch.save({name: torch.cat(both).detach() for name, both in parts.items()}, path)
    return path


def _train(block: Block, pupils: Path, on_update: Callable[[], None] = lambda: None) -> list[Curve]:
    """One block, in whatever process."""
    torch.set_num_threads(1)
    initial = Policies(torch.load(pupils, weights_only=True)).pick(block.seeds)
    world = WORLDS[block.cells[0].world]
    return train(world, block.cells, block.seeds, initial, updates=block.updates, on_update=on_update)


def _run(blocks: Sequence[Block], pupils: Path, jobs: int, shelf: Shelf, console: Console) -> None:
    """Train all blocks; each is kept as soon as it is finished."""
    columns = (
        TextColumn("{task.description}"),
        *(BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn()),
    )
    with Progress(*columns, console=console, speed_estimate_period=600.0) as bar:
        task = bar.add_task("updates", total=sum(block.work for block in blocks))
        done = 0

        def one_update(block: Block) -> Callable[[], None]:
            return lambda: bar.advance(task, block.work / block.updates)

        for block, curves in _finished(blocks, pupils, jobs, one_update):
            shelf.add(curves)
            done += block.work
            bar.update(task, completed=done)


def _finished(
    blocks: Sequence[Block], pupils: Path, jobs: int, watch: Callable[[Block], Callable[[], None]]
) -> Iterator[tuple[Block, list[Curve]]]:
    """Blocks and their curves as they come."""
    if jobs == 1:
        for block in blocks:
            yield block, _train(block, pupils, watch(block))
        return
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        pending = {pool.submit(_train, block, pupils): block for block in blocks}
        try:
            for future in as_completed(pending):
                yield pending[future], future.result()
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


if __name__ == "__main__":
    app()
