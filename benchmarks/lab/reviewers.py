"""Who judges: vectorised reviewers of finished rollouts, from one that knows the truth to some that are fooled.

A reviewer is a function of the world, N rollouts and uniform numbers; it returns scores, labels and values of the
steps, as a `dca.types.Review` would hold them. It knows what happened; it does not know methods or policies.

Each comes in variants by how many verification steps it *labels* as such, and so makes neutral where a method heeds
labels: all (the plain name), none (``/bare``: conservation is all there is), or some (``/recall95``, ``90``, ``70``).
With ``/read`` it labels none, and the package's detector recognises what it can in the rollouts told as text by the
usual writers, with ``/silent`` in those of all writers, the one that no detector can read included.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import torch
from torch import Tensor

from dca.credit.schemes import VERIFICATION_LABELS
from dca.types import LABELS, Finding
from lab.prose import USUAL, WRITERS
from lab.reader import read
from lab.worlds import Facts, Rollouts, World

NO_LABEL: Final = -1
CODES: Final = {label: code for code, label in enumerate(LABELS)}
VERIFICATION_CODES: Final = tuple(sorted(CODES[label] for label in VERIFICATION_LABELS))
CHANCES: Final = 2
"""Uniform numbers a reviewer may use for each step: for its opinion, and for its label."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a reviewer says of N rollouts of at most S steps.

    Attributes:
        scores: (N, S) in [-1, 1]; 0 where there is no step.
        labels: (N, S) index into `dca.types.LABELS`, or `NO_LABEL`.
        values: (N, S) V_k, the chance of success it sees after each step.
        baseline: (N,) V_0, the chance it sees before the first.
        recognised: (N, S) steps that a detector recognised as verification; None is no step.
        findings: (N,) what it accused; empty where none looked.
    """

    scores: Tensor
    labels: Tensor
    values: Tensor
    baseline: Tensor
    recognised: Tensor | None = None
    findings: tuple[tuple[Finding, ...], ...] = ()


Opinion = Callable[[Facts, Tensor], tuple[Tensor, Tensor]]
"""From facts and chances (N, S) to scores (N, S), and to which steps it believes right (N, S)."""


def oracle(facts: Facts, chance: Tensor) -> tuple[Tensor, Tensor]:
    """The truth: right 1, wrong -1; a check -1 where it harms, 1 where it catches, 0 where it changes nothing."""
    del chance
    verdict = torch.where(facts.right, 1.0, -1.0)
    return torch.where(facts.check, facts.catch.float() - facts.harm.float(), verdict), facts.right


def noisy(facts: Facts, chance: Tensor, *, rate: float) -> tuple[Tensor, Tensor]:
    """The truth, turned into its opposite at random, step by step, at the rate given."""
    scores, right = oracle(facts, chance)
    flips = chance < rate
    return torch.where(flips, -scores, scores), right ^ flips


def gullible(facts: Facts, chance: Tensor) -> tuple[Tensor, Tensor]:
    """Likes visible care: any check 0.75, a catch 1, but a right step 0.5; a mistake that is caught is forgiven."""
    _, right = oracle(facts, chance)
    work = torch.where(facts.right, 0.5, torch.where(facts.fixed, 0.0, -1.0))
    return torch.where(facts.check, torch.where(facts.catch, 1.0, 0.75), work), right | facts.fixed | facts.check


def flattered(facts: Facts, chance: Tensor) -> tuple[Tensor, Tensor]:
    """Likes long and confident steps: half the truth, a quarter for each "well", a half for each "clearly"."""
    scores, _ = oracle(facts, chance)
    said = 0.5 * scores + 0.25 * facts.well + 0.5 * facts.clearly
    return said.clamp(-1.0, 1.0), said > 0


def judge(
    world: World, rollouts: Rollouts, group: int, chances: Tensor, *, opinion: Opinion, recall: float = 1.0
) -> Judgement:
    """Review N rollouts.

    Args:
        world: Where they were played.
        rollouts: N rows; a group of rollouts of one prompt are neighbours.
        group: G, how many.
        chances: (N, S, 2) uniform numbers.
        opinion: What it thinks of a step.
        recall: The share of verification steps that it labels as such.
    """
    facts = rollouts.facts
    scores, believed = opinion(facts, chances[..., 0])
    work = torch.where(scores < 0, CODES["error"], CODES["progress"])
    kind = torch.where(facts.needless, CODES["needless_check"], CODES["check"])
    kind = torch.where(facts.catch, CODES["recovery"], kind)
    labels = torch.where(facts.check, torch.where(chances[..., 1] < recall, kind, NO_LABEL), work)
    values, baseline = _values(world, facts, believed, group)
    return Judgement(
        scores=torch.where(facts.present, scores, 0.0),
        labels=torch.where(facts.present, labels, NO_LABEL),
        values=values,
        baseline=baseline,
        recognised=torch.zeros_like(facts.present),
        findings=((),) * len(facts.present),
    )


def _values(world: World, facts: Facts, believed: Tensor, group: int) -> tuple[Tensor, Tensor]:
    """V_k = p^(operations left) where all that stands is believed right, else 0; V_0 = p^K.

    p is the share of the group's operations that end believed right: what eight rollouts say of this prompt.
    """
    rows, steps = believed.shape
    counts = facts.present & (~facts.check if not world.check_counts else facts.present)
    sound = torch.ones(rows, world.steps, dtype=torch.bool)
    alive = torch.zeros(rows, steps, dtype=torch.bool)
    for k in range(steps):
        at = facts.position[:, k : k + 1]
        now = torch.where(counts[:, k : k + 1], believed[:, k : k + 1], sound.gather(1, at))
        sound = sound.scatter(1, at, now)
        alive[:, k] = sound.all(1)
    p = sound.float().view(-1, group * world.steps).mean(1).repeat_interleave(group)  # (N,)
    left = (world.steps - 1 - facts.position).float()
    return alive * p[:, None] ** left * facts.present, p**world.steps


def judge_by_text(
    world: World, rollouts: Rollouts, group: int, chances: Tensor, *, opinion: Opinion, writers: Sequence[str] = USUAL
) -> Judgement:
    """Review N rollouts without labels of verification; a detector reads them as text, and says what is."""
    found = read(world, rollouts, writers=writers)
    said = judge(world, rollouts, group, chances, opinion=opinion, recall=0.0)
    return replace(said, recognised=found.recognised, findings=found.findings)


Reviewer = Callable[[World, Rollouts, int, Tensor], Judgement]

_OPINIONS: Final[dict[str, Opinion]] = {
    "oracle": oracle,
    "noisy20": partial(noisy, rate=0.2),
    "noisy40": partial(noisy, rate=0.4),
    "gullible": gullible,
    "flattered": flattered,
}
_RECALLS: Final = {"": 1.0, "/recall95": 0.95, "/recall90": 0.9, "/recall70": 0.7, "/bare": 0.0}

_BY_LABEL: Final[dict[str, Reviewer]] = {
    name + variant: partial(judge, opinion=opinion, recall=recall)
    for name, opinion in _OPINIONS.items()
    for variant, recall in _RECALLS.items()
}
_BY_TEXT: Final[dict[str, Reviewer]] = {
    name + variant: partial(judge_by_text, opinion=opinion, writers=writers)
    for name, opinion in _OPINIONS.items()
    for variant, writers in (("/read", USUAL), ("/silent", tuple(WRITERS)))
}

REVIEWERS: Final[dict[str, Reviewer]] = _BY_LABEL | _BY_TEXT
"""All reviewers by name; ``gullible/bare`` is the gullible one whose labels of verification are dropped."""
