"""How much of what a reviewer adds lands on steps that could not have changed the answer, in the simulator.

Two kinds of inertness, both asked of the world and not of text:

    unmoving   the step left the running value as it was: a check that wrote the digit that stood there, or one that
               does not count; leaving it out changes nothing that follows. Exact.
    replay     the policy, going on from before the step and from after it, ends right equally often, up to 0.1: the
               rule of `dca.performativity.inertness.inert_by_replay`, all prefixes played side by side.

The push is the package's own, `dca.performativity.faithfulness.positive_push`, under three rules of neutrality.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from dca.credit.schemes import Share, verification_mask
from dca.performativity.faithfulness import positive_push
from dca.performativity.inertness import TOLERANCE
from dca.types import LABELS, Review, Row
from lab.arms import standardised
from lab.policy import Policies
from lab.reader import Read
from lab.reviewers import CHANCES, NO_LABEL, REVIEWERS
from lab.spoken import padded
from lab.train import GROUP
from lab.worlds import DONE, PAD, Rollouts, State, World

SAMPLES: Final = 64
"""Continuations of each prefix."""

RULES: Final = ("nothing neutral", "labels", "detector")
KINDS: Final = ("unmoving", "replay")
ROWS: Final = 16_384
"""Rows played side by side."""

Pushed = dict[str, list[tuple[float, float]]]
"""For each rule and kind, prompt by prompt: positive push on inert steps, and on all."""


def unmoving(world: World, rollouts: Rollouts) -> Tensor:
    """(N, S) checks that left the value as it was."""
    facts = rollouts.facts
    if not world.check_counts:
        return facts.check
    stood = torch.cat([rollouts.first[:, None], facts.digit[:, :-1]], 1)
    return facts.check & (facts.digit == stood)


@dataclass(frozen=True, slots=True)
class _Begun:
    """Beginnings of rollouts: whose, up to which step, and their words."""

    rows: tuple[int, ...]
    places: tuple[int, ...]
    words: Tensor


def by_replay(world: World, policy: Policies, rollouts: Rollouts, *, seed: int, samples: int = SAMPLES) -> Tensor:
    """(N, S) steps from before and from after which the policy ends right equally often.

    Args:
        world: Whose rules hold.
        policy: Who goes on, one member.
        rollouts: N rows.
        seed: Of the continuations.
        samples: For each beginning.
    """
    begun = _beginnings(rollouts)
    generator = torch.Generator().manual_seed(seed)
    rights = []
    per = max(1, ROWS // samples)
    for at in range(0, len(begun.rows), per):
        some = list(begun.rows[at : at + per])
        state = _again(world.pose(rollouts.first[some], rollouts.operations[some]), samples)
        given = begun.words[at : at + per].repeat_interleave(samples, 0)
        chances = torch.rand(1, len(given), world.most_tokens, 3, generator=generator)
        with torch.no_grad():
            rights.append(policy.play(world, state, chances, given=given).rollouts.rewards.view(-1, samples).mean(1))
    table = torch.zeros(len(rollouts.rewards), rollouts.facts.present.shape[1] + 1)
    table[list(begun.rows), list(begun.places)] = torch.cat(rights)
    return ((table.diff(dim=1)).abs() <= TOLERANCE + 1e-6) & rollouts.facts.present


def _again(state: State, samples: int) -> State:
    return state.repeat(samples)


def _beginnings(rollouts: Rollouts) -> _Begun:
    """Every rollout up to each of its steps, none and all included."""
    rows, places, words = [], [], []
    steps = rollouts.facts.present.sum(1).tolist()
    for i, (tokens, owners) in enumerate(zip(rollouts.tokens.tolist(), rollouts.owners.tolist(), strict=True)):
        said = [(t, o) for t, o in zip(tokens, owners, strict=True) if t not in (DONE, PAD)]
        for k in range(steps[i] + 1):
            rows.append(i)
            places.append(k)
            words.append([t for t, o in said if o < k])
    return _Begun(tuple(rows), tuple(places), padded(words))


def pushed(world: World, rollouts: Rollouts, read: Read, inert: Mapping[str, Tensor], reviewer: str) -> Pushed:
    """Where the positive push of a reviewer lands, under each rule of neutrality and by each kind of inertness.

    Args:
        world: Where they were played.
        rollouts: N rows, groups of G side by side.
        read: What the detector recognised.
        inert: For each kind (N, S) which steps are inert.
        reviewer: Whose labels are there to be heeded or not.
    """
    facts = rollouts.facts
    said = REVIEWERS[reviewer](world, rollouts, GROUP, torch.zeros(*facts.present.shape, CHANCES))
    amounts = standardised(rollouts.rewards, GROUP).double().tolist()
    counts, lengths = facts.present.sum(1).tolist(), facts.lengths.tolist()
    scores, codes, recognised = said.scores.double().tolist(), said.labels.tolist(), read.recognised.tolist()
    found: Pushed = {f"{rule}/{kind}": [] for rule in RULES for kind in KINDS}
    for i, amount in enumerate(amounts):
        k = counts[i]
        labels = tuple(LABELS[c] if c != NO_LABEL else None for c in codes[i][:k])
        review = Review(tuple(scores[i][:k]), labels)
        bare = Review(review.scores)
        masks = {
            "nothing neutral": (False,) * k,
            "labels": verification_mask(review),
            "detector": verification_mask(bare, [j for j in range(k) if recognised[i][j]]),
        }
        for rule, mask in masks.items():
            row = Row(bare, tuple(lengths[i][:k]), mask, amount=amount)
            for kind in KINDS:
                one = positive_push(row, inert[kind][i, :k].tolist(), Share())
                _added(found[f"{rule}/{kind}"], i // GROUP, one)
    return found


def _added(prompts: list[tuple[float, float]], at: int, one: tuple[float, float]) -> None:
    """Add a rollout's push to its prompt's."""
    if at == len(prompts):
        prompts.append((0.0, 0.0))
    prompts[at] = prompts[at][0] + one[0], prompts[at][1] + one[1]
