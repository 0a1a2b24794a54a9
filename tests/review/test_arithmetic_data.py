"""The offline reviewer on the public sets, where they are: what the README claims, as bounds."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from dca.equations.find import find_equations
from dca.review.arithmetic import ArithmeticReviewer
from dca.types import Step, Transcript

DATA = os.environ.get("DCA_DATA", "")
pytestmark = pytest.mark.skipif(not DATA, reason="set DCA_DATA to the folder with the public sets")


def records(name: str) -> list[dict[str, Any]]:
    path = Path(DATA) / name
    if not path.exists():
        pytest.skip(f"{name} is not in DCA_DATA")
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_gold_solutions_hold_almost_nothing_false() -> None:
    """At most one equation in two hundred of the gold solutions is certified false."""
    found = [e.verdict for row in records("gsm8k/test.jsonl") for e in find_equations(row["answer"])]
    assert len(found) > 4000
    assert found.count("false") <= 0.005 * len(found)
    assert found.count("true") >= 0.9 * len(found)


@pytest.mark.parametrize("model", ["6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification"])
def test_false_equations_tell_wrong_solutions(model: str) -> None:
    """A false equation is at least five times as common in wrong solutions as in right ones."""
    false: dict[bool, list[bool]] = {True: [], False: []}
    for row in records("gsm8k/example_model_solutions.jsonl"):
        solution = row[model]
        verdicts = [equation.verdict for equation in find_equations(solution["solution"])]
        false[solution["is_correct"]].append("false" in verdicts)
    wrong, right = (sum(false[kind]) / len(false[kind]) for kind in (False, True))
    assert wrong >= 5 * right


def test_the_first_mistake_is_located() -> None:
    """On multistep arithmetic the first error agrees with people on nine rows in ten, "no mistake" counted."""
    rows = records("big_bench_mistake/multistep_arithmetic.jsonl")
    agreed = 0
    for row in rows:
        steps = tuple(Step(k, 0, 0, text) for k, text in enumerate(row["steps"]))
        transcript = Transcript(row["input"], "", float(row["answer"] == row["target"]))
        labels = ArithmeticReviewer().review(transcript, steps).labels
        agreed += next((k for k, label in enumerate(labels) if label == "error"), None) == row["mistake_index"]
    assert agreed >= 0.9 * len(rows)
