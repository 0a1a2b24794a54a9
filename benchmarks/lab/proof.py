"""The training proof: its settings, the runs that are still to be done, and what is kept of each policy.

It knows how policies are trained and where they lie; it does not know what they are examined for.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

import torch

from lab.plan import BUDGETS, MATCHED, blocks
from lab.policy import SHAPES, Policies
from lab.results import Shelf
from lab.school import LESSONS, pretrained
from lab.train import ROLLOUTS, Cell, Curve, trained
from lab.worlds import WORLDS

MEMBERS: Final = 20
"""Runs trained side by side."""

PUPIL: Final = "pretrained"
"""The method of a policy that was not trained any further."""

DOSES: Final = {"grpo": 0.0, "bonus": 0.1, "bonus.3": 0.3, "bonus1": 1.0}
"""Methods of the organism: what each check and each catch is paid."""

STAGING_WORLDS: Final = ("D", "C")
"""Where a check can put a mistake right, so that there is something to stage."""


def cell(world: str, arm: str, reviewer: str = "oracle") -> Cell:
    """A setting at the matched rate."""
    return Cell(world, arm, reviewer, MATCHED)


def conduct_cells(world: str) -> list[Cell]:
    """What is compared in a world: outcome only, and a gullible reviewer under four rules of neutrality."""
    heard = [("dca", "gullible/bare"), ("dca", "gullible"), ("dca", "gullible/read"), ("withhold", "gullible/read")]
    hard = [("dca", "gullible/silent")] if world == "D" else []
    return [cell(world, "grpo"), *(cell(world, arm, reviewer) for arm, reviewer in heard + hard)]


def organism_cells(world: str) -> list[Cell]:
    """Policies that are paid for visible care, from dose 0 on."""
    return [cell(world, arm, "oracle" if arm == "grpo" else "gullible") for arm in DOSES]


def cells(worlds: Sequence[str]) -> list[Cell]:
    """All settings of some worlds."""
    found = [c for w in worlds for c in [*conduct_cells(w), *(organism_cells(w) if w in STAGING_WORLDS else [])]]
    return list(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class Vault:
    """Finished runs on disk: the shelf of their curves, and each policy's parameters at the end."""

    folder: Path

    @property
    def shelf(self) -> Shelf:
        return Shelf(self.folder)

    def path(self, setting: Cell, seed: int, rollouts: int) -> Path:
        """Where a policy lies."""
        name = f"{setting.world}-{setting.arm}-{setting.reviewer.replace('/', '_')}-{setting.rate:g}"
        return self.folder / "policies" / f"{name}-{rollouts}-{seed}.pt"

    def add(self, curves: Sequence[Curve], policies: Policies) -> None:
        """Keep finished runs: first what they became, then that they are finished."""
        (self.folder / "policies").mkdir(parents=True, exist_ok=True)
        for i, curve in enumerate(curves):
            kept = {name: p[i : i + 1].detach().clone() for name, p in policies.parameters.items()}
            torch.save(kept, self.path(curve.cell, curve.seed, len(curve.accuracy) * ROLLOUTS))
        self.shelf.add(curves)

    def policy(self, setting: Cell, seed: int, rollouts: int) -> Policies:
        """A policy at the end of its run, or the pretrained one."""
        if setting.arm == PUPIL:
            return pupils(self.folder).pick([seed])
        return Policies(torch.load(self.path(setting, seed, rollouts), weights_only=True))

    def missing(self, settings: Sequence[Cell], seeds: Sequence[int], rollouts: int) -> list[tuple[Cell, int]]:
        """Runs that are not finished yet."""
        finished = {run.key for run in self.shelf.runs()}
        return [
            (c, s)
            for c in settings
            for s in seeds
            if (c, s, rollouts) not in finished or not self.path(c, s, rollouts).exists()
        ]


def pupils(folder: Path, seeds: Sequence[int] = (), *, lessons: int = LESSONS) -> Policies:
    """The policies that training starts from; seeds that are not there yet are pretrained and kept."""
    path = folder / "pupils.pt"
    there: dict[str, torch.Tensor] = torch.load(path, weights_only=True) if path.exists() else {}
    have = len(there["recurrent"]) if there else 0
    if have < len(seeds):
        new = pretrained(seeds[have:], updates=lessons).parameters
        there = {name: torch.cat([*([there[name]] if have else []), new[name].detach()]) for name in SHAPES}
        folder.mkdir(parents=True, exist_ok=True)
        torch.save(there, path)
    return Policies(there)


@dataclass(frozen=True, slots=True)
class Block:
    """Settings of one world that are trained side by side with the same seeds."""

    cells: tuple[Cell, ...]
    seeds: tuple[int, ...]
    updates: int

    @property
    def work(self) -> int:
        return self.updates * len(self.cells) * len(self.seeds)


def to_do(vault: Vault, settings: Sequence[Cell], seeds: Sequence[int], rollouts: int) -> list[Block]:
    """What is not finished yet, in blocks; world by world, in the order given."""
    missing = vault.missing(settings, seeds, rollouts)
    wanted: dict[tuple[int, ...], list[Cell]] = {}
    for setting, pairs in groupby(missing, key=lambda pair: pair[0]):
        wanted.setdefault(tuple(seed for _, seed in pairs), []).append(setting)
    return [
        Block(tuple(some), mine, rollouts // ROLLOUTS)
        for mine, settings in wanted.items()
        for some in blocks(settings, max(1, MEMBERS // len(mine)))
    ]


Finished = tuple[Block, tuple[Curve, ...], dict[str, torch.Tensor]]


def _train(block: Block, folder: Path, on_update: Callable[[], None] = lambda: None) -> Finished:
    """One block, in whatever process."""
    torch.set_num_threads(1)
    start = pupils(folder).pick(block.seeds)
    world = WORLDS[block.cells[0].world]
    done = trained(world, block.cells, block.seeds, start, updates=block.updates, on_update=on_update)
    return block, done.curves, {name: p.detach() for name, p in done.policies.parameters.items()}


def run(
    vault: Vault, blocks: Sequence[Block], jobs: int, watch: Callable[[Block], Callable[[], None]]
) -> Iterator[Block]:
    """Train blocks and keep what is finished; blocks come as they are done.

    Args:
        vault: Where to keep it.
        blocks: What to do.
        jobs: Processes; with one, `watch` is called for each block and what it returns after every update.
        watch: Told of a block that begins.
    """
    for block, curves, parameters in _finished(vault.folder, blocks, jobs, watch):
        vault.add(curves, Policies(parameters))
        yield block


def _finished(
    folder: Path, blocks: Sequence[Block], jobs: int, watch: Callable[[Block], Callable[[], None]]
) -> Iterator[Finished]:
    if jobs == 1:
        yield from (_train(block, folder, watch(block)) for block in blocks)
        return
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        pending = [pool.submit(_train, block, folder) for block in blocks]
        try:
            for future in as_completed(pending):
                yield future.result()
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def budget(world: str, rollouts: int) -> int:
    """Rollouts of a run, whole updates: as asked for, or the world's own."""
    return (rollouts or BUDGETS[world]) // ROLLOUTS * ROLLOUTS
