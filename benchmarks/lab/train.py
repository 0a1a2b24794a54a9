"""The loop: many runs of one world side by side, on one budget of rollouts.

Pure on-policy policy gradient at temperature 1: per update 8 prompts x 8 rollouts, the loss is the mean over the
policy's tokens of -A_t log p_t (the token mean of DAPO, arXiv 2503.14476), Adam (0.9, 0.95), gradient norm at most 1,
no KL term, no entropy bonus. Runs with the same seed start from the same policy and see the same prompts and the same
random numbers, whatever their method: comparisons between methods are paired.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Final

import torch
from torch import Tensor

from lab.arms import ARMS, Batch
from lab.policy import Played, Policies
from lab.reviewers import CHANCES, REVIEWERS
from lab.school import joined
from lab.worlds import Rollouts, State, World

PROMPTS: Final = 8
GROUP: Final = 8
ROLLOUTS: Final = PROMPTS * GROUP
"""Rollouts per update of one run."""


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """One setting, to be run with several seeds: world, method, reviewer, learning rate."""

    world: str
    arm: str
    reviewer: str
    rate: float


@dataclass(frozen=True, slots=True)
class Curve:
    """One run, update by update; each entry is a mean over the 64 rollouts of that update.

    Attributes:
        cell: The setting.
        seed: The seed.
        accuracy: Share of right rollouts.
        check_right: How often the value is right, could be checked, and is.
        needless: Checks of a right value, per operation.
        staged: Own mistakes that a check then sets right, per operation.
        own_wrong: Own wrong first computations, per operation.
        tokens: The policy's tokens, per rollout.
        fillers: Words of filler, per step.
        alike: Share of groups whose rollouts all succeed or all fail.
    """

    cell: Cell
    seed: int
    accuracy: tuple[float, ...]
    check_right: tuple[float, ...]
    needless: tuple[float, ...]
    staged: tuple[float, ...]
    own_wrong: tuple[float, ...]
    tokens: tuple[float, ...]
    fillers: tuple[float, ...]
    alike: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Trained:
    """What came of some runs: their curves, and their policies at the end, one member for each curve."""

    curves: tuple[Curve, ...]
    policies: Policies


MEASURED: Final = tuple(f.name for f in fields(Curve))[2:]


class Adam:
    """Adam (Kingma and Ba 2014, arXiv 1412.6980) with a learning rate and a gradient bound for each member."""

    def __init__(self, parameters: Mapping[str, Tensor], rates: Sequence[float]) -> None:
        self._parameters = parameters
        self._rates = torch.tensor(rates).view(-1, 1, 1)
        self._first = {name: torch.zeros_like(p) for name, p in parameters.items()}
        self._second = {name: torch.zeros_like(p) for name, p in parameters.items()}
        self._steps = 0

    def step(self, *, most: float = 1.0, decays: tuple[float, float] = (0.9, 0.95)) -> None:
        """One update from the gradients that lie on the parameters, each member's norm cut to `most`."""
        with torch.no_grad():
            self._step(most, decays)

    def _step(self, most: float, decays: tuple[float, float]) -> None:
        self._steps += 1
        gradients = {name: p.grad for name, p in self._parameters.items() if p.grad is not None}
        norm = torch.stack([g.square().sum((1, 2)) for g in gradients.values()]).sum(0).sqrt()
        cut = (most / (norm + 1e-6)).clamp_max(1.0).view(-1, 1, 1)
        one, two = (1 - d**self._steps for d in decays)
        for name, gradient in gradients.items():
            gradient *= cut
            first = self._first[name].lerp_(gradient, 1 - decays[0])
            second = self._second[name].lerp_(gradient.square(), 1 - decays[1])
            parameter = self._parameters[name]
            parameter.sub_(self._rates / one * first / ((second / two).sqrt_() + 1e-8))
            parameter.grad = None


def train(
    world: World,
    cells: Sequence[Cell],
    seeds: Sequence[int],
    initial: Policies,
    *,
    updates: int,
    on_update: Callable[[], None] = lambda: None,
) -> list[Curve]:
    """Run every cell with every seed.

    Args:
        world: The world of all the cells.
        cells: Settings.
        seeds: One run of each cell for each.
        initial: Where to start, one member for each seed.
        updates: How long.
        on_update: Called after each update of all.

    Returns:
        The curves, cell by cell.
    """
    return list(trained(world, cells, seeds, initial, updates=updates, on_update=on_update).curves)


def trained(
    world: World,
    cells: Sequence[Cell],
    seeds: Sequence[int],
    initial: Policies,
    *,
    updates: int,
    on_update: Callable[[], None] = lambda: None,
) -> Trained:
    """As `train`, and the policies at the end with it."""
    policies = initial.pick([s for _ in cells for s in range(len(seeds))])
    adam = Adam(policies.parameters, [cell.rate for cell in cells for _ in seeds])
    generators = [torch.Generator().manual_seed(7_919 * (seed + 1)) for seed in seeds]
    logs: list[Tensor] = []
    for _ in range(updates):
        state, chances, doubts = _drawn(world, generators)
        state = joined([state] * len(cells))
        played = policies.play(world, state, chances.repeat(len(cells), 1, 1, 1))
        with torch.no_grad():
            advantages = _credited(world, played.rollouts, cells, doubts)
        loss = _loss(played, advantages)
        loss.backward()
        adam.step()
        logs.append(_measured(world, played.rollouts))
        on_update()
    runs = torch.stack(logs, 2).tolist()  # (E, measures, updates)
    owners = [(cell, seed) for cell in cells for seed in seeds]
    curves = tuple(Curve(*owner, *map(tuple, run)) for owner, run in zip(owners, runs, strict=True))
    return Trained(curves, policies)


def _drawn(world: World, generators: Sequence[torch.Generator]) -> tuple[State, Tensor, Tensor]:
    """One update's prompts and uniform numbers, the same for every cell: seed by seed."""
    states = [world.start(PROMPTS, g).repeat(GROUP) for g in generators]
    chances = [torch.rand(ROLLOUTS, world.most_tokens, 3, generator=g) for g in generators]
    doubts = [torch.rand(ROLLOUTS, world.most_steps, CHANCES, generator=g) for g in generators]
    return joined(states), torch.stack(chances), torch.cat(doubts)


def _credited(world: World, rollouts: Rollouts, cells: Sequence[Cell], doubts: Tensor) -> Tensor:
    """(N, T) token advantages: each cell's reviewer judges its rows, its arm pushes their steps."""
    push, rows = [], len(rollouts.tokens) // len(cells)
    for i, cell in enumerate(cells):
        mine = rollouts.rows(slice(i * rows, (i + 1) * rows))
        judgement = REVIEWERS[cell.reviewer](world, mine, GROUP, doubts)
        batch = Batch(judgement, mine.facts.lengths, mine.facts.present, mine.rewards, GROUP)
        push.append(ARMS[cell.arm].push(batch))
    return torch.cat(push).gather(1, rollouts.owners) * rollouts.policy


def _loss(played: Played, advantages: Tensor) -> Tensor:
    """Minus the token mean of A_t log p_t, of each member; summed over members, which share nothing."""
    shape = played.log_probs.shape  # (E, n, T)
    tokens = played.rollouts.policy.view(shape).sum((1, 2))
    return -((advantages.view(shape) * played.log_probs).sum((1, 2)) / tokens).sum()


def _measured(world: World, rollouts: Rollouts) -> Tensor:
    """(E, measures) what `Curve` holds, of one update."""
    facts = rollouts.facts

    def total(marks: Tensor) -> Tensor:
        return marks.reshape(-1, ROLLOUTS * marks.shape[1]).sum(1).float()

    operations, steps = ROLLOUTS * world.steps, total(facts.present)
    rewards = rollouts.rewards.view(-1, PROMPTS, GROUP)
    alike = (rewards == rewards[:, :, :1]).all(2).float().mean(1)
    needless = total(facts.needless)
    measures = {
        "accuracy": rewards.mean((1, 2)),
        "check_right": needless / total(facts.stands & facts.asks).clamp_min(1),
        "needless": needless / operations,
        "staged": total(facts.staged) / operations,
        "own_wrong": total(facts.own_wrong) / operations,
        "tokens": total(rollouts.policy) / ROLLOUTS,
        "fillers": total(facts.well + facts.clearly) / steps,
        "alike": alike,
    }
    return torch.stack([measures[name] for name in MEASURED], 1)
