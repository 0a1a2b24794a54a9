"""The decision contrast: what a method pays for beginning a check, against going on, where the value is right.

    contrast = mean push of "check" - mean push of "next" or "done",  over places where the value is right

taken before any training, over many rollouts of the policies that training starts from. Outcome-only GRPO has a
contrast of its own: what the check is worth. What a method adds to it is pressure that no outcome justifies; over
many updates it is what moves the rate of needless checks where the outcome does not mind.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lab.arms import ARMS, Batch
from lab.plan import CHECKED
from lab.policy import Policies
from lab.results import mean_of
from lab.reviewers import CHANCES, REVIEWERS
from lab.tables import interval, table
from lab.train import GROUP
from lab.worlds import WORLDS, Facts, Rollouts, World

PROMPTS = 256
"""Prompts of eight rollouts each, for every policy."""

SHOWN = (
    ("grpo", "oracle"),
    ("dca", "oracle"),
    ("dca", "gullible"),
    ("dca", "gullible/recall90"),
    ("dca", "gullible/bare"),
    ("draco", "gullible"),
    ("capo", "gullible"),
    ("process", "gullible"),
    ("pure", "gullible"),
    ("bonus", "gullible"),
)


def contrasts(pupils: Policies, seeds: Sequence[int]) -> str:
    """The table of contrasts in every world with checks."""
    torch.set_num_threads(1)
    rows: list[list[str]] = [[f"`{arm}`", "none" if arm == "grpo" else reviewer] for arm, reviewer in SHOWN]
    for name in CHECKED:
        played = [_played(WORLDS[name], pupils.pick([seed]), seed) for seed in seeds]
        base: Tensor | None = None
        for row, (arm, reviewer) in zip(rows, SHOWN, strict=True):
            gaps = torch.stack([_contrast(WORLDS[name], rollouts, arm, reviewer) for rollouts in played])
            base = gaps if base is None else base
            beyond = "" if arm == "grpo" else interval(mean_of((gaps - base).tolist()), "+.3f")
            row += [f"{float(gaps.mean()):+.3f}", beyond]
    head = ["method", "reviewer", *(text for w in CHECKED for text in (f"{w}", f"{w}, beyond GRPO's"))]
    return table(head, rows)


def _played(world: World, pupil: Policies, seed: int) -> Rollouts:
    generator = torch.Generator().manual_seed(104_729 * (seed + 1))
    state = world.start(PROMPTS, generator).repeat(GROUP)
    chances = torch.rand(1, PROMPTS * GROUP, world.most_tokens, 3, generator=generator)
    with torch.no_grad():
        return pupil.play(world, state, chances).rollouts


def _contrast(world: World, rollouts: Rollouts, arm: str, reviewer: str) -> Tensor:
    """One policy's contrast, a number."""
    facts = rollouts.facts
    doubts = torch.rand(*facts.present.shape, CHANCES, generator=torch.Generator().manual_seed(1))
    judgement = REVIEWERS[reviewer](world, rollouts, GROUP, doubts)
    push = ARMS[arm].push(Batch(judgement, facts.lengths, facts.present, rollouts.rewards, GROUP))
    return difference_at_right(facts, push)


def difference_at_right(facts: Facts, push: Tensor) -> Tensor:
    """Mean push of what begins a check less that of what goes on, where the value is right and may be checked.

    Args:
        facts: Of N rollouts.
        push: (N, S) the advantage of each step's tokens; ``done`` belongs to the step before it.
    """
    ahead = torch.cat([facts.present[:, 1:], torch.zeros_like(facts.present[:, :1])], 1)
    checks = torch.cat([facts.check[:, 1:], torch.zeros_like(facts.check[:, :1])], 1)
    following = torch.cat([push[:, 1:], push[:, :1]], 1)
    decided = torch.where(ahead, following, push)  # the push of the word that follows step k
    asked = facts.stands & facts.asks
    return decided[asked & checks].mean() - decided[asked & ~checks].mean()
