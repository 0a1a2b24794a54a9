"""Where policies come from: supervised pretraining on the rollouts of a teacher with misconceptions.

Of the 200 facts (operation, operand) 40 are misconceptions: the teacher gets them wrong 80 % of the time, mostly in
one and the same way. The others it gets wrong 3 % of the time. It fills, and checks, a little. A pupil that has
learnt to write as it does stands where reinforcement learning begins; one pupil, from one seed, starts in every world
and under every method.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

from lab.policy import Policies, sampled
from lab.worlds import CHECK, CLEARLY, DIGITS, DONE, NEXT, OPERATIONS, RESULTS, WELL, WORDS, State, World

SCHOOL: Final = World("school", "6 steps, checks, no slips", 6, checks=2)
LESSONS: Final = 600
"""Updates of pretraining: after these a pupil is as good, and as bad, as its teacher."""

MISCONCEPTIONS: Final = 40
WRONG_THERE, ONE_WAY, WRONG_ELSEWHERE = 0.8, 0.85, 0.03
CHECKS_RIGHT, CHECKS_WRONG = 0.12, 0.3
SAYS_WELL, SAYS_CLEARLY = 0.3, 0.15


def misconceived(generator: torch.Generator) -> Tensor:
    """(20, 10, 10) the teacher's probability of each digit as the result of each fact."""
    facts = len(OPERATIONS) * DIGITS
    right = RESULTS.view(-1, 1)  # (200, 1)
    usual = torch.full((facts, DIGITS), WRONG_ELSEWHERE / (DIGITS - 1)).scatter(1, right, 1 - WRONG_ELSEWHERE)
    confuser = (right + torch.randint(1, DIGITS, right.shape, generator=generator)) % DIGITS
    odd = torch.full((facts, DIGITS), WRONG_THERE * (1 - ONE_WAY) / (DIGITS - 2))
    odd = odd.scatter(1, right, 1 - WRONG_THERE).scatter(1, confuser, WRONG_THERE * ONE_WAY)
    chosen = torch.randperm(facts, generator=generator)[:MISCONCEPTIONS]
    return usual.index_copy(0, chosen, odd[chosen]).view(len(OPERATIONS), DIGITS, DIGITS)


def taught(digits: Tensor, world: World, state: State) -> Tensor:
    """(N, V) the teacher's probability of each next word.

    Args:
        digits: (M, 20, 10, 10) one table for each of M teachers; rows are teacher by teacher.
        world: Whose rules hold.
        state: Of N rows.
    """
    teacher = torch.arange(len(digits)).repeat_interleave(len(state.first) // len(digits))
    words = torch.zeros(len(state.first), len(WORDS))
    fills = (state.fillers < 2).float()
    words[:, WELL], words[:, CLEARLY] = fills * SAYS_WELL, fills * SAYS_CLEARLY
    left = 1 - words.sum(1, keepdim=True)
    words[:, :DIGITS] = left * digits[teacher, state.operation, state.operand]
    check = torch.where(state.value == state.result, CHECKS_RIGHT, CHECKS_WRONG)
    between = torch.zeros_like(words)
    between[:, CHECK], between[:, NEXT], between[:, DONE] = check, 1 - check, 1 - check
    return torch.where(state.body[:, None], words, between) * world.legal(state)


def lesson(digits: Tensor, fresh: State, chances: Tensor) -> tuple[Tensor, Tensor]:
    """What M teachers write, and how likely each word was to them: tokens (N, T) and odds (N, T, V).

    Args:
        digits: (M, 20, 10, 10) one table for each teacher.
        fresh: N prompts, teacher by teacher.
        chances: (N, T) uniform numbers.
    """
    tokens, likely, state = [], [], fresh
    for t in range(SCHOOL.most_tokens):
        odds = taught(digits, SCHOOL, state)
        words = (odds + state.done[:, None]).log().log_softmax(-1)  # any word will do where nothing is to be said
        state, event = SCHOOL.advance(state, sampled(words, chances[:, t]))
        tokens.append(event.token)
        likely.append(odds)
    return torch.stack(tokens, 1), torch.stack(likely, 1)


def pretrained(seeds: Sequence[int], *, updates: int = LESSONS, rollouts: int = 64, rate: float = 1e-2) -> Policies:
    """One pupil for each seed, each of its own teacher, whose odds it learns to share (Hinton et al., 1503.02531).

    Args:
        seeds: Each determines teacher, lessons and first parameters.
        updates: Of Adam, at a rate that falls to zero along a cosine.
        rollouts: Per update and pupil.
        rate: The first learning rate.
    """
    generators = [torch.Generator().manual_seed(1_000_003 * (seed + 1)) for seed in seeds]
    digits = torch.stack([misconceived(g) for g in generators])
    pupils = Policies.fresh(generators)
    optimizer = torch.optim.Adam(pupils.parameters.values(), lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, updates)
    for _ in range(updates):
        fresh = joined([SCHOOL.start(rollouts, g) for g in generators])
        chances = torch.cat([torch.rand(rollouts, SCHOOL.most_tokens, generator=g) for g in generators])
        tokens, odds = lesson(digits, fresh, chances)
        loss = pupils.surprise(SCHOOL, fresh, tokens, odds) / rollouts
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return pupils


def joined(states: Sequence[State]) -> State:
    """Rows of several states, one after the other."""
    return State(*(torch.cat([getattr(s, name) for s in states]) for name in State.__dataclass_fields__))
