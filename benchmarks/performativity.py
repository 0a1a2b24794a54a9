"""Does training on reviewer credit teach a model to perform? Needless checks and staged mistakes, read from text.

    python benchmarks/performativity.py --quick                 three minutes: one world, two seeds, short runs
    python benchmarks/performativity.py --full --jobs 2         everything docs/performativity.md reports
    python benchmarks/performativity.py --full --report         the tables of what is finished, nothing new

Small policies of the credit laboratory are trained under a reviewer that likes visible care. Their rollouts are told
as text by several writers, some of whom never use a word of checking, and `TranscriptDetector` reads that text: what
it recognises is neutral, what it accuses may be withheld. A second set of policies is paid outright for checks and
catches, and learns to stage mistakes; the detector is asked to find them. Finished runs and examinations are kept in
the output folder, and the same command goes on where it was stopped.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated

import torch
import typer
from lab.exam import PROMPTS, SMALL, Answers, Question, examine, questions
from lab.performance import draw
from lab.proof import Block, Vault, budget, cells, pupils, run, to_do
from lab.prose import WRITERS
from lab.school import LESSONS
from lab.train import ROLLOUTS
from lab.verdicts import NAMES, Results, report, write_csv
from lab.worlds import WORLDS
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

QUICK_ROLLOUTS = 2560
"""Rollouts of a run in the quick form: a quarter of the full one's."""

CHECKED = ("D", "C", "E")

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")

TEACHES = "\n\n".join(
    [
        "**Worlds.** " + " ".join(f"`{name}`: {WORLDS[name].about}." for name in CHECKED),
        "**Rules.** " + ", ".join(dict.fromkeys(NAMES.values())) + ".",
        "**Writers.** " + " ".join(f"`{w.name}`: {w.about}." for w in WRITERS.values()),
        "**Reading.** Brackets are 95 % bootstrap intervals: over seeds for how a policy ends, over prompts for "
        "shares. A mistake counts as staged where the policy's own first result was wrong and a check put it right; "
        "in a policy that was never paid for it the same is a genuine slip, and an accusation is a false alarm.",
    ]
)


@app.command(epilog=TEACHES)
def main(
    full: Annotated[bool, typer.Option("--full/--quick", help="Everything, or a form of three minutes.")] = False,
    worlds: Annotated[str, typer.Option(help="Worlds, by commas; all three, or D in the quick form.")] = "",
    seeds: Annotated[int, typer.Option(min=0, help="How many seeds; 0: five, or two in the quick form.")] = 0,
    rollouts: Annotated[int, typer.Option(min=0, help="Budget of a run; 0: the form's own.")] = 0,
    lessons: Annotated[int, typer.Option(min=1, help="Updates of supervised pretraining.")] = LESSONS,
    out: Annotated[Path, typer.Option(help="Where runs, policies, tables and plots are kept.")] = Path(
        "build/performativity"
    ),
    jobs: Annotated[int, typer.Option(min=1, help="Processes that train.")] = 1,
    prompts: Annotated[
        int, typer.Option(min=0, help="Prompts, of eight rollouts each, of every examination; 0: the form's own.")
    ] = 0,
    trl: Annotated[
        bool,
        typer.Option(
            "--trl",
            help="Also the small transformer under TRL's trainer: 5 seeds take 50 minutes of one core, 25 of them "
            "where trl_confirm.py has run.",
        ),
    ] = False,
    report_only: Annotated[bool, typer.Option("--report", help="Run nothing; tables of what is finished.")] = False,
) -> None:
    """Train policies under a reviewer that likes visible care, read what they write, and say whether they perform."""
    torch.set_num_threads(1)
    console, started = Console(), time.monotonic()
    chosen = _worlds(worlds) or (list(CHECKED) if full else ["D"])
    asked, spent = range(seeds or (5 if full else 2)), rollouts or (0 if full else QUICK_ROLLOUTS)
    sizes = {part: prompts or size for part, size in (PROMPTS if full else SMALL).items()}
    vault, stopped = Vault(out), False
    if not report_only:
        try:
            _train(vault, chosen, asked, spent, lessons, jobs, console)
            _examine(vault, questions(chosen, asked, spent, sizes), console)
        except KeyboardInterrupt:
            stopped = True
            console.print("Stopped. What was finished is kept; the same command goes on from there.")
    results = Results(Answers(out), asked, spent, sizes)
    text = report(results, chosen)
    if trl and not (stopped or report_only):
        text += "\n\n### Under the real trainer\n\n" + _under_trl(out / "trl", len(asked), jobs, console)
    out.mkdir(parents=True, exist_ok=True)
    (out / "tables.md").write_text(text + "\n", "utf-8")
    write_csv(results, chosen, out)
    curves = [c for c in vault.shelf.curves() if len(c.accuracy) * ROLLOUTS == budget(c.cell.world, spent)]
    draw(results, curves, chosen, out)
    print(text)
    used = os.times()
    processor = used.user + used.system + used.children_user + used.children_system
    console.print(f"\n{time.monotonic() - started:.0f} s, {processor:.0f} s of processor. Tables, plots, runs: {out}")
    raise typer.Exit(130 if stopped else 0)


def _worlds(given: str) -> list[str]:
    names = [name for name in given.split(",") if name]
    for name in names:
        if name not in CHECKED:
            raise typer.BadParameter(f"expected one of {', '.join(CHECKED)}, got {name!r}")
    return names


def _train(
    vault: Vault, worlds: Sequence[str], seeds: range, rollouts: int, lessons: int, jobs: int, console: Console
) -> None:
    """Pretrain and train what is not finished yet."""
    with console.status("pretraining"):
        pupils(vault.folder, seeds, lessons=lessons)
    todo = [b for world in worlds for b in to_do(vault, cells([world]), seeds, budget(world, rollouts))]
    with _bar(console) as bar:
        task, done = bar.add_task("updates", total=sum(block.work for block in todo)), 0

        def one_update(block: Block) -> Callable[[], None]:
            return lambda: bar.advance(task, block.work / block.updates)

        for block in run(vault, todo, jobs, one_update):
            done += block.work
            bar.update(task, completed=done)


def _examine(vault: Vault, asked: Sequence[Question], console: Console) -> None:
    """Answer what is not answered yet."""
    answers = Answers(vault.folder)
    todo = [question for question in asked if question.key not in answers.known]
    with _bar(console) as bar:
        for question in bar.track(todo, description="examinations"):
            answers.add(question, examine(vault, question))


def _under_trl(out: Path, seeds: int, jobs: int, console: Console) -> str:
    """The same question to a transformer that TRL trains; nothing else here needs TRL."""
    confirmed: str = import_module("lab.read_trl").confirm(out, seeds, jobs, console)
    return confirmed


def _bar(console: Console) -> Progress:
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
    return Progress(TextColumn("{task.description}"), *columns, console=console, speed_estimate_period=600.0)


if __name__ == "__main__":
    app()
