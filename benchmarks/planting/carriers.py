"""Right solutions to plant into: GSM8K gold, right model solutions, and the transcripts that come with DCA.

A carrier is kept only where a program certifies it: no equation is false, and some sums of two numbers are simple
enough to be redone, run backwards and got wrong. It knows nothing of what is planted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

from dca.arithmetic.claims import givens_of
from dca.config import bundled_transcripts
from planting.sums import Place, places, read, tokens, verdicts

MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
_MARK = re.compile(r"<<[^<>\n]*>>")
_END = re.compile(r"^\s*(?:####|A:)\s*(?P<answer>.+?)\s*$")
_STATED = re.compile(r"\d[\d,]*(?:\.\d+)?")
MOST_STEPS = 12


@dataclass(frozen=True, slots=True)
class Carrier:
    """A right solution.

    Attributes:
        problem: What all solutions of one problem share.
        source: "gold", "model" or "bundled".
        prompt: The problem.
        steps: The reasoning, without the line that states the answer.
        answer: The right answer.
        places: The certified sums, in order; their results are first seen where they are made.
        first_accuracy: The share of four models that solved this problem; None where that is not known.
    """

    problem: str
    source: str
    prompt: str
    steps: tuple[str, ...]
    answer: Fraction
    places: tuple[Place, ...]
    first_accuracy: float | None = None

    @property
    def givens(self) -> set[Fraction]:
        """The numbers of the problem."""
        return set(_givens(self.prompt))

    @property
    def numbers(self) -> set[Fraction]:
        """Every number that the problem or the solution shows."""
        return self.givens.union(*map(tokens, self.steps))


@lru_cache(maxsize=1 << 13)
def _givens(prompt: str) -> frozenset[Fraction]:
    return givens_of(prompt)


def carrier(
    problem: str, source: str, prompt: str, lines: list[str], answer: str, first_accuracy: float | None = None
) -> Carrier | None:
    """A solution as a carrier, or None where it does not serve."""
    steps = [_MARK.sub("", line).strip() for line in lines]
    steps = [step for step in steps if step]
    match = _STATED.search(answer)
    if match is None or not 2 <= len(steps) <= MOST_STEPS or any("false" in verdicts(step) for step in steps):
        return None
    found: list[Place] = []
    seen = set(givens_of(prompt))
    for k, step in enumerate(steps):
        shown = tokens(step)
        own = [
            place
            for place in places(k, step)
            if place.sum.c not in seen and place.sum.c not in tokens(step[: place.start])
        ]
        found += own[:1] if len(places(k, step)) == 1 else []
        seen |= shown
    if len(found) < 2:
        return None
    return Carrier(problem, source, prompt, tuple(steps), read(match[0]), tuple(found), first_accuracy)


def gsm8k(folder: Path) -> Iterator[Carrier]:
    """Gold solutions and right model solutions; the share of right models says how doubtful a problem is."""
    solved: dict[str, float] = {}
    rows = _lines(folder / "example_model_solutions.jsonl")
    for row in rows:
        solved[row["question"]] = sum(bool(row[model]["is_correct"]) for model in MODELS) / len(MODELS)
    for n, row in enumerate(_lines(folder / "test.jsonl")):
        yield from _kept(f"gsm8k:{n}", "gold", row["question"], row["answer"], solved.get(row["question"]))
    for n, row in enumerate(rows):
        for model in MODELS:
            if row[model]["is_correct"]:
                name = f"gsm8k:{n}"
                yield from _kept(name, "model", row["question"], row[model]["solution"], solved[row["question"]])


def bundled() -> Iterator[Carrier]:
    """The right ones among the transcripts that come with DCA, their needless parts left out."""
    for row in _lines(bundled_transcripts()):
        text = row["completion"]
        lines = text.split("\n\n") if "\n\n" in text else text.split("\n")
        out = {int(k) for k, entry in row["metadata"]["truth"].items() if entry["label"] not in ("key", "progress")}
        if row["reward"] == 1.0 and not {"lucky", "hostile_text"} & set(row["metadata"]["kinds"]):
            kept = [line for k, line in enumerate(lines[:-1]) if k not in out]
            found = carrier(f"bundled:{row['id']}", "bundled", row["prompt"], kept, row["reference"])
            yield from [found] if found else []


def _kept(problem: str, source: str, prompt: str, solution: str, first_accuracy: float | None) -> Iterator[Carrier]:
    *lines, last = solution.strip().split("\n")
    end = _END.match(last)
    found = carrier(problem, source, prompt, lines, end["answer"], first_accuracy) if end else None
    yield from [found] if found else []


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
