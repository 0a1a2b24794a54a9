"""Neutral verification without labels, under the real trainer: a detector reads the text that the policy wrote.

Worlds D (checks harm), C (checks help) and E (checks are free), a gullible reviewer, and five arms: GRPO;
conservation alone; the reviewer's own labels; the labels dropped and verification recognised by `TranscriptDetector`;
and the last with what it accuses withheld. How well the detector recognises is counted while it works, on every
rollout of every update. Finished runs are rows of a CSV.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from lab.apprentice import pretrained
from lab.chain_trl import GRPO, READ, READ_ARMS, WITHHOLD, Setting, train
from lab.recognition import Reader, Watched, keep, kept, pooled, readers
from lab.trials import Estimate, Trial, append, difference, load, mean
from lab.worlds import WORLDS

TASKS: Final = ("D", "C", "E")
RATE: Final = 1e-3
UPDATES: Final = 240
LABELS, BARE = "dca gullible", "dca gullible/bare"
CALLED: Final = {
    GRPO: "GRPO",
    BARE: "conservation alone",
    LABELS: "neutral by the reviewer's labels",
    READ: "neutral by the detector",
    WITHHOLD: "the same, findings withheld",
}
"""The arms, in the order of the table; all but GRPO have the gullible reviewer."""
ELSEWHERE: Final = Path("build/trl-confirm/runs.csv")
"""Where runs of the same settings may have been finished already."""
FIGURES: Final = (
    ("final accuracy", "accuracy", 3),
    ("needless checks per operation", "needless", 3),
    ("staged per operation", "staged", 3),
    ("tokens", "tokens", 1),
)
"""Columns: title, the figure's name, digits."""


def settings(seeds: int) -> list[Setting]:
    """All runs, seeds outermost: partial results are then of use."""
    return [
        Setting(world, arm, RATE, seed, UPDATES)
        for seed in range(seeds)
        for world in TASKS
        for arm in (READ, BARE, GRPO, LABELS, WITHHOLD)
    ]


def finished(out: Path, elsewhere: Path | None = ELSEWHERE) -> list[Trial]:
    """The runs that are there, each setting once: this benchmark's, then those of others with the same settings."""
    paths = [out / "runs-read.csv", out / "runs.csv", *([elsewhere] if elsewhere is not None else [])]
    found: dict[Setting, Trial] = {}
    for path in paths:
        for trial in load(path):
            found.setdefault(trial.setting, trial)
    return list(found.values())


def run(setting: Setting, cache: Path) -> tuple[Trial, list[Reader]]:
    """One run, in whatever process."""
    torch.set_num_threads(1)
    watched = Watched()
    began = time.perf_counter()
    curve = train(setting, cache=cache, detector=watched if setting.arm in READ_ARMS else None)
    trial = Trial(setting, tuple(curve), time.perf_counter() - began)
    return trial, readers(setting, watched.seen) if watched.seen else []


def pupil(seed: int, cache: Path) -> None:
    """Pretrain the pupil of a seed, whom all three worlds share, if it is not there."""
    torch.set_num_threads(1)
    pretrained(WORLDS["D"], seed, cache=cache)


def work(todo: Sequence[Setting], out: Path, jobs: int, console: Console) -> None:
    """Run what is left, `jobs` at a time; every finished run is on disk at once.

    Raises:
        KeyboardInterrupt: It was stopped; what was finished is kept.
    """
    cache, seeds = out / "pupils", list(dict.fromkeys(one.seed for one in todo))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        Progress(*columns, TextColumn("left:"), TimeRemainingColumn(compact=True), console=console) as bar,
        ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool,
    ):
        try:
            lessons = bar.add_task("pretraining", total=len(seeds))
            for future in as_completed([pool.submit(pupil, seed, cache) for seed in seeds]):
                future.result()
                bar.advance(lessons)
            training = bar.add_task("training", total=len(todo))
            for done in as_completed([pool.submit(run, one, cache) for one in todo]):
                trial, counted = done.result()
                if counted:
                    keep(out / "recognition-read.csv", counted)
                append(out / "runs-read.csv", trial)
                bar.advance(training)
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            console.print("Stopped. What was finished is kept; the same command goes on from there.")
            raise


def confirm(out: Path, seeds: int, jobs: int, console: Console, *, elsewhere: Path | None = ELSEWHERE) -> str:
    """Train what is not there yet, and say what came of it.

    Args:
        out: Where runs (`runs-read.csv`), counts (`recognition-read.csv`) and pupils go.
        seeds: How many.
        jobs: Processes.
        console: For progress.
        elsewhere: A CSV of runs that may be used too.

    Returns:
        The tables, in Markdown.
    """
    wanted = settings(seeds)
    there = {trial.setting for trial in finished(out, elsewhere)}
    todo = [one for one in wanted if one not in there]
    if todo:
        console.print(f"{len(todo)} runs to do, {len(wanted) - len(todo)} done already", highlight=False)
        work(todo, out, jobs, console)
    asked = set(wanted)
    trials = [trial for trial in finished(out, elsewhere) if trial.setting in asked]
    counts = [one for one in kept(out / "recognition-read.csv") if one.setting in asked]
    return markdown(trials, counts)


def markdown(trials: Sequence[Trial], counts: Sequence[Reader]) -> str:
    """All tables: one for each world, and what was recognised."""
    worlds = [world for world in TASKS if any(trial.setting.world == world for trial in trials)]
    parts = [_outcomes(world, [trial for trial in trials if trial.setting.world == world]) for world in worlds]
    return "\n\n".join([*parts, *([_recognised(counts)] if counts else [])])


def _outcomes(world: str, trials: Sequence[Trial]) -> str:
    """One world: every arm at the end of training, and its difference to GRPO, seed by seed."""
    by_arm = {arm: [trial for trial in trials if trial.setting.arm == arm] for arm in CALLED}
    rows = []
    for arm, own in by_arm.items():
        if own:
            cells = (_cell(_ends(own, name), _ends(by_arm[GRPO], name), digits) for _, name, digits in FIGURES)
            rows.append([CALLED[arm], *(_cells for pair in cells for _cells in pair), str(len(own))])
    titles = [f"task {world}", *(title for one, _, _ in FIGURES for title in (one, "against GRPO")), "seeds"]
    return _table(titles, rows)


def _ends(trials: Sequence[Trial], name: str) -> dict[int, float]:
    """Seed -> a figure at the end."""
    return {trial.setting.seed: trial.last(name) for trial in trials}


def _cell(own: Mapping[int, float], base: Mapping[int, float], digits: int) -> tuple[str, str]:
    """A figure, and its difference to the base over the seeds both have; empty where it is the base."""
    against = difference(base, own) if base.keys() & own.keys() and base != own else None
    return _said(mean(own), digits), "" if against is None else _said(against, digits, sign=True)


def _said(estimate: Estimate, digits: int, *, sign: bool = False) -> str:
    shown = (f"{x:{'+' if sign else ''}.{digits}f}" for x in (estimate.value, estimate.low, estimate.high))
    return "{} [{}, {}]".format(*shown)


def _recognised(counts: Sequence[Reader]) -> str:
    """Recall and precision of recognition on what the policy wrote, and how many findings there were."""
    rows = []
    for arm in READ_ARMS:
        for world in TASKS:
            own = [one for one in counts if (one.setting.arm, one.setting.world) == (arm, world)]
            if not own:
                continue
            all_, begin, end = (
                pooled(one.recognition for one in own if one.part == part) for part in ("all", "begin", "end")
            )
            rows.append(
                [
                    f"{world}, {CALLED[arm]}",
                    f"{all_.steps:,}",
                    f"{all_.checks:,}",
                    f"{all_.recall:.3f} ({begin.recall:.3f} → {end.recall:.3f})",
                    f"{all_.precision:.3f}",
                    f"{all_.mistaken:.2%} ({begin.mistaken:.2%} → {end.mistaken:.2%})",
                    f"{all_.needless / max(1, all_.rollouts):.3f}",
                    f"{all_.staged / max(1, all_.rollouts):.3f}",
                ]
            )
    titles = (
        "recognised in the text",
        "steps",
        "checks",
        "recall (first tenth → last)",
        "precision",
        "other steps made neutral",
        "needless, accused per rollout",
        "staged, accused per rollout",
    )
    return _table(titles, rows)


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])
