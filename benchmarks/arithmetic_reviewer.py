"""What the arithmetic reviewer finds in real solutions, how often it cries wolf, and how fast it is.

    python benchmarks/arithmetic_reviewer.py --data DIR [--alarms 50 --seed 0]

DIR holds the public sets as their authors publish them: gsm8k/{test,example_model_solutions}.jsonl
(openai/grade-school-math), big_bench_mistake/multistep_arithmetic.jsonl (WHGTyen/BIG-Bench-Mistake),
mr_ben/math.json (dvlab-research/Mr-Ben), prmbench/*.jsonl (ssmisya/PRMBench). `--alarms` prints equations that were
certified false, those in right solutions first, for a person to read: no figure here says which of them are mistaken.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from dca.credit.segment import segment
from dca.equations.find import Equation, find_equations
from dca.review.arithmetic import ArithmeticReviewer
from dca.types import Span, Step, Transcript

MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")


@dataclass(frozen=True)
class Solution:
    """One solution: where it is from, what it says, and whether it is right (None: not known)."""

    source: str
    text: str
    right: bool | None = None
    prompt: str = ""


@dataclass(frozen=True)
class Alarm:
    """An equation that was certified false."""

    solution: Solution
    equation: Equation


def records(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a JSONL file; nothing where there is no such file."""
    if path.exists():
        yield from map(json.loads, path.read_text("utf-8").splitlines())


def solutions(data: Path) -> Iterator[Solution]:
    """Every solution of the sets that are there."""
    for row in records(data / "gsm8k/example_model_solutions.jsonl"):
        for model in MODELS:
            yield Solution(f"GSM8K, {model}", row[model]["solution"], row[model]["is_correct"], row["question"])
    for row in records(data / "gsm8k/test.jsonl"):
        yield Solution("GSM8K, gold", row["answer"], True, row["question"])
    math = data / "mr_ben/math.json"
    for rows in json.loads(math.read_text("utf-8")).values() if math.exists() else ():
        for row in rows:
            right = row["Model_Solution_Correctness"] == "correct"
            yield Solution("MR-Ben, math", "\n".join(row["Model_Solution_Steps"]), right, row["Question"])
    seen: set[str] = set()
    for path in sorted((data / "prmbench").glob("*.jsonl")):
        for row in records(path):
            text = "\n".join(row["original_process"])
            if text not in seen:
                seen.add(text)
                yield Solution("PRMBench, original", text)


def share(part: int, whole: int) -> str:
    """A share in percent, and what it is of."""
    return f"{100 * part / whole:.1f} % of {whole}" if whole else "-"


def equations_table(found: list[tuple[Solution, tuple[Equation, ...]]]) -> str:
    """One row for each source."""
    heads = "source", "solutions", "equations", "true", "false", "uncertifiable"
    rows = [f"| {' | '.join(heads)} | wrong solutions with a false one | right ones |", "|---" * 8 + "|"]
    for source in dict.fromkeys(solution.source for solution, _ in found):
        own = [pair for pair in found if pair[0].source == source]
        verdicts = Counter(equation.verdict for _, equations in own for equation in equations)
        total = verdicts.total()
        shares = []
        for right in (False, True):
            there = [equations for solution, equations in own if solution.right is right]
            shares.append(share(sum(any(e.verdict == "false" for e in es) for es in there), len(there)))
        false = f"{verdicts['false']} ({100 * verdicts['false'] / max(total, 1):.2f} %)"
        counts = f"{total} | {verdicts['true']} | {false} | {verdicts['uncertifiable']}"
        rows.append(f"| {source} | {len(own)} | {counts} | {shares[0]} | {shares[1]} |")
    return "\n".join(rows)


def given_steps(prompt: str, texts: list[str], reward: float) -> tuple[Transcript, tuple[Step, ...]]:
    """A rollout whose steps are given."""
    lines = [f"{text}\n" for text in texts]
    edges = [sum(map(len, lines[:k])) for k in range(len(lines) + 1)]
    spans = tuple(Span(start, stop, whole=True) for start, stop in pairwise(edges))
    transcript = Transcript(prompt, "".join(lines), reward, spans=spans)
    return transcript, segment(transcript, max_steps=len(lines))


def location_table(data: Path) -> str:
    """The first step labelled an error against the first mistake that people marked."""
    reviewer = ArithmeticReviewer()
    agreed, misread, total = 0, 0, 0
    marked: Counter[bool] = Counter()
    for row in records(data / "big_bench_mistake/multistep_arithmetic.jsonl"):
        transcript, steps = given_steps(row["input"], row["steps"], float(row["answer"] == row["target"]))
        review = reviewer.review(transcript, steps)
        first = next((k for k, label in enumerate(review.labels) if label == "error"), None)
        agreed += first == row["mistake_index"]
        misread += first == 0
        marked[row["mistake_index"] is not None] += first == row["mistake_index"]
        total += 1
    head = "| rows | first mistake agrees | of rows with a mistake | of rows without | our first mistake is step 0 |"
    counts = f"{total} | {share(agreed, total)} | {marked[True]} | {marked[False]} | {misread}"
    return f"{head}\n|---|---|---|---|---|\n| {counts} |"


def speed(found: list[tuple[Solution, tuple[Equation, ...]]]) -> str:
    """Reviews of one model's solutions, in one thread."""
    reviewer = ArithmeticReviewer()
    chosen = [s for s, _ in found if s.source == f"GSM8K, {MODELS[-1]}"]
    rows = [(t := Transcript(s.prompt, s.text, float(bool(s.right))), segment(t)) for s in chosen]
    start = time.process_time()
    for transcript, steps in rows:
        reviewer.review(transcript, steps)
    seconds = time.process_time() - start
    return f"{len(rows)} solutions reviewed in {seconds:.2f} s, {1000 * seconds / max(len(rows), 1):.2f} ms each"


def show_alarms(alarms: list[Alarm], count: int, seed: int) -> None:
    """Print some of them with what stands around them, those in right solutions first."""
    order = random.Random(seed)
    order.shuffle(alarms)
    alarms.sort(key=lambda alarm: alarm.solution.right is not True)
    for number, alarm in enumerate(alarms[:count], 1):
        text, equation = alarm.solution.text, alarm.equation
        before, after = text[max(0, equation.start - 60) : equation.start], text[equation.stop : equation.stop + 30]
        print(f"\n{number}. {alarm.solution.source}, right: {alarm.solution.right}; {equation.reason}")
        print(f"   {before!r} [[ {equation.text!r} ]] {after!r}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the folder with the sets")
    parser.add_argument("--alarms", type=int, default=0, help="print so many equations that were certified false")
    parser.add_argument("--seed", type=int, default=0, help="which of them")
    options = parser.parse_args()
    if options.data is None or not options.data.is_dir():
        print("skipped: give --data DIR, the folder with the public sets (see the top of this file)")
        return
    found = [(solution, find_equations(solution.text)) for solution in solutions(options.data)]
    print(equations_table(found))
    print(f"\n{location_table(options.data)}\n\n{speed(found)}")
    alarms = [Alarm(s, e) for s, es in found for e in es if e.verdict == "false"]
    if options.alarms:
        show_alarms(alarms, options.alarms, options.seed)


if __name__ == "__main__":
    main()
