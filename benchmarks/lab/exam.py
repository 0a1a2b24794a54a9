"""What each finished policy is examined for, and where the answers are kept: one line a policy, one part at a time.

    conduct      fresh rollouts: accuracy, checks, staged mistakes, length
    recognised   the same told by each writer: how much of the verification the detector recognises
    dissected    staged mistakes, layer by layer (`lab.organism`)
    pushed       where the reviewer's positive push lands (`lab.inert`)

All policies of one seed and world are examined on the same prompts with the same random numbers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from lab.inert import by_replay, pushed, unmoving
from lab.organism import dissect
from lab.policy import Policies
from lab.proof import DOSES, PUPIL, STAGING_WORLDS, Vault, budget, cell, conduct_cells, pupils
from lab.prose import WRITERS
from lab.reader import read
from lab.train import GROUP, Cell
from lab.worlds import WORLDS, Rollouts, World

PROMPTS: Final = {"conduct": 128, "recognised": 16, "dissected": 16, "pushed": 8}
"""Prompts of eight rollouts each, for each policy and part."""

SMALL: Final = {"conduct": 32, "recognised": 4, "dissected": 8, "pushed": 2}
"""The same in the quick form."""

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """One part of one policy's examination."""

    part: str
    cell: Cell
    seed: int
    rollouts: int
    prompts: int

    @property
    def key(self) -> tuple[str, ...]:
        """What makes it the same question."""
        c = self.cell
        return (
            self.part,
            c.world,
            c.arm,
            c.reviewer,
            f"{c.rate:g}",
            *map(str, (self.seed, self.rollouts, self.prompts)),
        )


def questions(worlds: Sequence[str], seeds: Sequence[int], rollouts: int, prompts: dict[str, int]) -> list[Question]:
    """Everything that is asked."""
    found = []
    for world in worlds:
        pupil, trained = cell(world, PUPIL), conduct_cells(world)
        organisms = [cell(world, arm, "oracle" if arm == "grpo" else "gullible") for arm in DOSES]
        asked = {
            "conduct": [pupil, *dict.fromkeys([*trained, *(organisms if world in STAGING_WORLDS else [])])],
            "recognised": [pupil, *(c for c in trained if c.arm != "withhold" and c.reviewer != "gullible/silent")],
            "dissected": [pupil, *organisms] if world in STAGING_WORLDS else [],
            "pushed": [pupil, *(c for c in trained if c.arm == "dca" and c.reviewer != "gullible/silent")],
        }
        for part, cells in asked.items():
            found += [Question(part, c, s, budget(world, rollouts), prompts[part]) for c in cells for s in seeds]
    return found


class Answers:
    """What was answered already: ``exams.jsonl``; what an interrupted write left of a line is passed over."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "exams.jsonl"
        self.known: dict[tuple[str, ...], Answer] = {}
        if self._path.exists():
            for text in self._path.read_text("utf-8").splitlines(keepends=True):
                if text.endswith("\n"):
                    line = json.loads(text)
                    self.known[tuple(line["key"])] = line["answer"]

    def add(self, question: Question, answer: Answer) -> None:
        """Keep an answer."""
        self.known[question.key] = answer
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"key": question.key, "answer": answer}, separators=(",", ":")) + "\n")

    def of(self, part: str, setting: Cell, seeds: Iterable[int], rollouts: int, prompts: int) -> list[Answer]:
        """The answers of one setting, seed by seed; those that are there."""
        keys = (Question(part, setting, seed, rollouts, prompts).key for seed in seeds)
        return [self.known[key] for key in keys if key in self.known]


@dataclass(frozen=True, slots=True)
class Sitting:
    """A question, and what it is asked of."""

    question: Question
    vault: Vault
    world: World
    policy: Policies
    rollouts: Rollouts


def examine(vault: Vault, question: Question) -> Answer:
    """Answer one question."""
    world = WORLDS[question.cell.world]
    policy = vault.policy(question.cell, question.seed, question.rollouts)
    rollouts = played(world, policy, question.prompts, seed=question.seed)
    return PARTS[question.part](Sitting(question, vault, world, policy, rollouts))


def played(world: World, policy: Policies, prompts: int, *, seed: int) -> Rollouts:
    """Fresh rollouts of one policy, groups of G side by side."""
    generator = torch.Generator().manual_seed(104_729 * (seed + 1))
    state = world.start(prompts, generator).repeat(GROUP)
    chances = torch.rand(1, prompts * GROUP, world.most_tokens, 3, generator=generator)
    with torch.no_grad():
        return policy.play(world, state, chances).rollouts


def _conduct(sitting: Sitting) -> Answer:
    rollouts, facts = sitting.rollouts, sitting.rollouts.facts
    operations = len(rollouts.rewards) * sitting.world.steps
    per_operation = {
        "checks": facts.check,
        "needless": facts.needless,
        "catches": facts.catch,
        "staged": facts.staged,
        "own_wrong": facts.own_wrong,
    }
    return {
        "accuracy": float(rollouts.rewards.mean()),
        "tokens": float(rollouts.policy.sum(1).float().mean()),
        **{name: int(marks.sum()) / operations for name, marks in per_operation.items()},
    }


def _recognised(sitting: Sitting) -> Answer:
    found: Answer = {}
    facts = sitting.rollouts.facts
    for writer in WRITERS:
        seen = read(sitting.world, sitting.rollouts, writers=(writer,)).recognised
        found[writer] = [int(marks.sum()) for marks in (seen & facts.check, facts.check, seen, facts.present)]
    return found


def _dissected(sitting: Sitting) -> Answer:
    seed = sitting.question.seed
    reference = pupils(sitting.vault.folder).pick([seed])
    return dissect(sitting.world, sitting.policy, reference, sitting.rollouts, seed=seed).lines()


def _pushed(sitting: Sitting) -> Answer:
    world, rollouts = sitting.world, sitting.rollouts
    replayed = by_replay(world, sitting.policy, rollouts, seed=sitting.question.seed)
    inert = {"unmoving": unmoving(world, rollouts), "replay": replayed}
    return dict(pushed(world, rollouts, read(world, rollouts), inert, "gullible"))


PARTS: Final[dict[str, Callable[[Sitting], Answer]]] = {
    "conduct": _conduct,
    "recognised": _recognised,
    "dissected": _dissected,
    "pushed": _pushed,
}
"""The parts of an examination by name."""
