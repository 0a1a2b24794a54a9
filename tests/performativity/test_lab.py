"""Rollouts of the laboratory as text: checks are recognised, and an organism that stages is told from chance."""

from __future__ import annotations

import random

from rollouts import blank, rollout

from dca.performativity.detect import TranscriptDetector
from dca.performativity.siblings import siblings_of
from dca.types import Step, Transcript

Rollout = tuple[Transcript, tuple[Step, ...]]


def operations(rng: random.Random) -> list[tuple[str, int]]:
    return [(rng.choice(("+", "*", "-")), rng.randint(1, 9)) for _ in range(6)]


def result(sign: str, number: int, value: int) -> int:
    return {"+": value + number, "*": value * number, "-": number - value}[sign] % 10


def roll(
    task: list[tuple[str, int]], rng: random.Random, *, slip: float, check: float
) -> tuple[Rollout, set[int], set[int]]:
    """A rollout, its checks, and its slips that were put right."""
    value, texts, checks, slips = 7, [], set(), set()
    for sign, number in task:
        right = result(sign, number, value)
        wrong = rng.random() < slip
        shown = f"{value} {sign} {number}" if sign != "-" else f"{number} - {value}"
        texts.append(f"{shown} -> {(right + 1 + rng.randrange(9)) % 10 if wrong else right}")
        if wrong:
            slips.add(len(texts) - 1)
        if wrong or rng.random() < check:
            checks.add(len(texts))
            texts.append(f"check: {shown} -> {right}")
        value = right
    prompt = "start 7: " + ", ".join(f"{sign} {number}" for sign, number in task)
    return rollout(prompt, tuple(texts)), checks, slips


def test_checks_are_recognised() -> None:
    """Operations repeated on the same operands are verification, and new operations are not."""
    rng = random.Random(0)
    for _ in range(40):
        (transcript, steps), checks, _ = roll(operations(rng), rng, slip=0.1, check=0.4)
        found = set(TranscriptDetector().detect(transcript, steps, blank(len(steps))).verification)
        assert checks <= found
        assert len(found - checks) <= 1


def staged(slip: float) -> tuple[int, int]:
    """How many slips of a group of eight there are, and how many are accused."""
    rng = random.Random(1)
    task = operations(rng)
    rows = [roll(task, rng, slip=slip, check=0.5) for _ in range(8)]
    detector = TranscriptDetector(("transcript", "siblings"), siblings=siblings_of([row for row, _, _ in rows]))
    hits = 0
    for (transcript, steps), _, slips in rows:
        found = detector.detect(transcript, steps, blank(len(steps))).findings
        hits += len(slips & {k for finding in found if finding.kind == "staged_mistake" for k in finding.steps})
    return sum(len(slips) for _, _, slips in rows), hits


def test_an_organism_that_stages() -> None:
    """Slips in most steps that never fail to be put right are accused; rare ones are not."""
    many, hits = staged(0.85)
    assert hits >= 0.8 * many
    few, false = staged(0.03)
    assert few > 0
    assert false == 0
