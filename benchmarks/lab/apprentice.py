"""Where the small transformer comes from: supervised pretraining on the rollouts of the school's teacher.

The teacher is that of `lab.school`, with the same misconceptions for the same seed. The pupil learns only the words
the policy writes, never the environment's. Pupils are kept on disk, one for each seed and kind of world.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import Qwen2ForCausalLM

from lab.school import misconceived, taught
from lab.transformer import Written, model, written
from lab.worlds import DONE, NEXT, State, World

UPDATES: Final = 600
POOL: Final = 8192
"""Demonstrations each pupil learns from."""


@dataclass(frozen=True, slots=True)
class Teacher:
    """The school's teacher as an author: a digit table and how often it checks and fills."""

    digits: Tensor
    world: World

    def weights(self, state: State, /) -> Tensor:
        """(N, V) the teacher's probability of each word; it ends by going on, as a policy does."""
        words = taught(self.digits[None], self.world, state)
        words[:, NEXT] += words[:, DONE]
        words[:, DONE] = 0.0
        return words

    def read(self, tokens: Tensor, /) -> None:
        """The state says it all."""


def school_of(world: World) -> World:
    """Where pupils of a world learn: its own length, no slips; worlds that differ in nothing else share a school."""
    return World(f"school{world.steps}x{1 + world.checks}", "no slips", world.steps, checks=world.checks)


def pretrained(
    world: World,
    seed: int,
    *,
    updates: int = UPDATES,
    rows: int = 64,
    rate: float = 3e-3,
    cache: Path | None = None,
    on_update: Callable[[], None] = lambda: None,
) -> Qwen2ForCausalLM:
    """A pupil that writes as its teacher does.

    Args:
        world: Where it will be trained.
        seed: Determines teacher, demonstrations and first parameters.
        updates: Of Adam, at a rate that falls to zero along a cosine.
        rows: Demonstrations of an update.
        rate: The first learning rate.
        cache: Folder in which pupils are kept.
        on_update: Called after each update.
    """
    school = school_of(world)
    kept = cache / f"{school.name}-{seed}-{updates}x{rows}.pt" if cache is not None else None
    network = model(seed)
    if kept is not None and kept.exists():
        network.load_state_dict(torch.load(kept, weights_only=True))
        return network
    generator = torch.Generator().manual_seed(1_000_003 * (seed + 1))
    teacher = Teacher(misconceived(generator), school)
    shown = written(teacher, school, school.start(POOL, generator), generator)
    optimizer = torch.optim.Adam(network.parameters(), lr=rate, betas=(0.9, 0.95))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, updates)
    for _ in range(updates):
        loss = imitation_loss(network, shown, torch.randint(POOL, (rows,), generator=generator))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        on_update()
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        part = kept.with_suffix(f".{os.getpid()}.part")
        torch.save(network.state_dict(), part)
        part.replace(kept)
    return network


def imitation_loss(network: Qwen2ForCausalLM, shown: Written, rows: Tensor) -> Tensor:
    """The mean negative log-probability of the words that the policy would have to write."""
    prompts, tokens, policy = shown.prompts[rows], shown.tokens[rows], shown.policy[rows]
    width = int(shown.lengths[rows].max())
    logits = network(torch.cat([prompts, tokens[:, :width]], 1)).logits[:, prompts.shape[1] - 1 : -1]
    aims = tokens[:, :width].masked_fill(~policy[:, :width], -100)
    return cross_entropy(logits.flatten(0, 1), aims.flatten(), ignore_index=-100)
