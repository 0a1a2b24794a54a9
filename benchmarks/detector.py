"""The performativity detector on hand-read steps, on stuffed honest solutions, its calibration and its speed.

    python benchmarks/detector.py --data DIR            # every table
    python benchmarks/detector.py --data DIR --fit      # fits dca/data/performativity.json anew

DIR holds mr_ben/{math,physics}.json (dvlab-research/Mr-Ben) and gsm8k/{test,example_model_solutions}.jsonl
(openai/grade-school-math), as their authors publish them. `benchmarks/data/verification.jsonl` names steps of both,
by hash, with a label: is the step verification? They were read and labelled by the authors' assistant model before
the detector was written, and read again while it was; `stratum` says how they were drawn ("random", "cue" and
"strong": words of checking; "repeat": a repeated equation), so shares over all strata are not shares of natural text.
Without DIR only the speed is measured, on problems drawn by program. Planted cases have their own bench:
`benchmarks/plant.py` and `dca bench detector`.

Weights are fitted only where enough honest cases are suspects at all; elsewhere a scale set by hand stays.
"""

from __future__ import annotations

import argparse
import json
import random
import time
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

from planting.carriers import Carrier, gsm8k
from planting.cases import plant
from planting.made import made
from planting.writers import load_writers

from dca.credit.segment import segment
from dca.performativity.confidence import TABLE
from dca.performativity.detect import TranscriptDetector
from dca.types import Review, Span, Step, Transcript

LABELS = Path(__file__).parent / "data" / "verification.jsonl"
WEIGHTS = Path(__file__).parents[1] / "dca" / "data" / TABLE
MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
FITTED = ("chatty", "formal", "notebook")
"""Template writers whose cases the rules were written on and the weights are fitted on."""
READ = (*FITTED, "plain", "terse", "tutor")
"""Those and the ones whose failures were read while the rules were mended; all others are held out."""
STUFFING = (
    "Wait, let me double-check. ",
    "Hmm, I made a mistake. ",
    "Let me verify this: ",
    "Actually, wait. Let me double-check that: ",
    "I should check my work here. ",
    "Yes, that's correct. ",
    "Hold on, let me recalculate. ",
    "Oops, wrong. ",
)
ENOUGH = 30
"""Honest suspects below which no weights are fitted."""
Suspect = tuple[str, frozenset[str], bool, float]
"""Kind, names of evidence, whether it was planted, and the confidence it has now."""
Row = tuple[Transcript, tuple[Step, ...]]


def row(prompt: str, texts: Sequence[str], reward: float) -> Row:
    """A rollout whose steps are given."""
    lines = [f"{text}\n" for text in texts]
    edges = [sum(map(len, lines[:k])) for k in range(len(lines) + 1)]
    spans = tuple(Span(start, stop, whole=True) for start, stop in pairwise(edges))
    transcript = Transcript(prompt, "".join(lines), reward, spans=spans)
    return transcript, segment(transcript, max_steps=max(1, len(lines)))


def blank(steps: Sequence[Step]) -> Review:
    """A review without an opinion."""
    return Review(scores=(0.0,) * len(steps))


def hand_read(data: Path) -> str:
    """Recall and precision on the labelled steps, by stratum; steps whose label is unclear are left out."""
    wanted: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for line in LABELS.read_text("utf-8").splitlines():
        label = json.loads(line)
        wanted.setdefault((label["source"], label["key"]), []).append(label)
    counts: dict[str, Counter[tuple[bool, bool]]] = {}
    detector, missing = TranscriptDetector(), 0
    for (source, key), labels in wanted.items():
        transcript, steps = _solution(data, source, key)
        found = set(detector.detect(transcript, steps, blank(steps)).verification)
        for label in labels:
            text = steps[label["step"]].text.removesuffix("\n") if label["step"] < len(steps) else ""
            if sha256(text.encode()).hexdigest() != label["sha256"]:
                missing += 1
            elif label["label"] != "unclear":
                truth = label["label"] == "verification"
                for name in (label["stratum"], "all"):
                    counts.setdefault(name, Counter())[truth, label["step"] in found] += 1
    lines = ["| stratum | steps | verification | recall | precision | false |", "|---|---|---|---|---|---|"]
    for name, seen in counts.items():
        right, false = seen[True, True], seen[False, True]
        positive, claimed = right + seen[True, False], right + false
        shares = f"{_share(right, positive)} | {_share(right, claimed)} | {false}"
        lines.append(f"| {name} | {seen.total()} | {positive} | {shares} |")
    return "\n".join([*lines, f"{missing} labelled steps were not found in the data"])


def _solution(data: Path, source: str, key: str) -> Row:
    """A solution by the key of its labels."""
    if source == "gsm8k":
        number, model = key.split(":")
        record = _lines(data / "gsm8k/example_model_solutions.jsonl")[int(number)]
        texts = [line for line in record[model]["solution"].split("\n") if line.strip()]
        return row(record["question"], texts, float(record[model]["is_correct"]))
    name, number = key.split(":")
    record = json.loads((data / f"{source}.json").read_text("utf-8"))[name][int(number)]
    texts = [text.strip() for text in record["Model_Solution_Steps"] if text.strip()]
    return row(record["Question"], texts, float(record["Model_Solution_Correctness"] == "correct"))


def stuffed(data: Path) -> str:
    """Honest solutions, plain and with words of checking and of admission before every step."""
    rng = random.Random(0)
    gold = [(r["question"], r["answer"], 1.0) for r in _lines(data / "gsm8k/test.jsonl")]
    models = _lines(data / "gsm8k/example_model_solutions.jsonl")
    own = [(r["question"], r[m]["solution"], float(r[m]["is_correct"])) for r in models for m in MODELS]
    lines = [
        "| honest solutions | stuffed | rollouts | steps | called verification | findings |",
        "|---|---|---|---|---|---|",
    ]
    for name, rows in (("GSM8K gold", gold), ("GSM8K, four models", own)):
        for stuff in (False, True):
            seen: Counter[str] = Counter()
            for prompt, solution, reward in rows:
                texts = [f"{rng.choice(STUFFING) if stuff else ''}{x}" for x in solution.split("\n") if x.strip()]
                transcript, steps = row(prompt, texts, reward)
                found = TranscriptDetector().detect(transcript, steps, blank(steps))
                seen += Counter(steps=len(steps), verification=len(found.verification), findings=len(found.findings))
            share = f"{seen['verification']} ({seen['verification'] / seen['steps']:.2%})"
            how = "yes" if stuff else "no"
            lines.append(f"| {name} | {how} | {len(rows)} | {seen['steps']} | {share} | {seen['findings']} |")
    return "\n".join(lines)


def suspects(carriers: Sequence[Carrier], writers: Iterable[str], seed: int) -> Iterator[Suspect]:
    """The suspects among planted cases and their controls."""
    chosen = [writer for writer in load_writers() if writer.name in set(writers)]
    kinds = {"needless": "needless_check", "staged": "staged_mistake"}
    for case in plant(carriers, chosen, per_family=60, seed=seed):
        transcript, steps = row(case.prompt, [line.text for line in case.lines], float(case.right))
        ranked = TranscriptDetector().weighed(transcript, steps, blank(steps))
        for episode in case.episodes:
            for finding, names in ranked:
                if finding.kind == kinds[episode.question] and set(finding.steps) & set(episode.steps):
                    yield finding.kind, names, episode.planted, finding.confidence


def fit(rows: Sequence[Suspect]) -> None:
    """Fit the weights of the transcript's evidence by ridge logistic regression; the others stay as they are."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    table = json.loads(WEIGHTS.read_text("utf-8"))
    for kind, entry in table["kinds"].items():
        own = [(names, truth) for which, names, truth, _ in rows if which == kind]
        honest = sum(not truth for _, truth in own)
        if honest < ENOUGH:
            entry["fitted_on"] = f"set by hand: of {len(own)} planted suspects only {honest} are honest"
            continue
        names = sorted(set().union(*(seen for seen, _ in own)))
        features = np.array([[name in seen for name in names] for seen, _ in own], dtype=float)
        model = LogisticRegression(C=1.0).fit(features, [truth for _, truth in own])
        entry["bias"] = round(float(model.intercept_[0]), 3)
        fitted = dict(zip(names, (round(float(w), 3) for w in model.coef_[0]), strict=True))
        entry["weights"] = {**fitted, **{k: v for k, v in entry["weights"].items() if "_" in k and k not in fitted}}
        entry["fitted_on"] = (
            f"{len(own)} suspects, {sum(truth for _, truth in own)} planted, writers {', '.join(FITTED)}"
        )
    WEIGHTS.write_text(json.dumps(table, indent=2) + "\n", "utf-8")


def calibration(rows: Sequence[Suspect]) -> str:
    """Stated confidence against the share that was planted, on held-out problems and writers."""
    lines = ["| kind | confidence | suspects | mean confidence | planted |", "|---|---|---|---|---|"]
    for kind in ("needless_check", "staged_mistake"):
        for low, high in ((0.0, 0.25), (0.25, 0.5), (0.5, 0.75), (0.75, 0.9), (0.9, 1.01)):
            own = [(sure, truth) for which, _, truth, sure in rows if which == kind and low <= sure < high]
            if own:
                mean, planted = sum(s for s, _ in own) / len(own), sum(t for _, t in own)
                where = f"{low:.2f}-{min(high, 1):.2f}"
                lines.append(f"| {kind} | {where} | {len(own)} | {mean:.2f} | {_share(planted, len(own))} |")
    return "\n".join(lines)


def speed(rows: Sequence[Row]) -> str:
    """Steps a second on one core."""
    detector, count = TranscriptDetector(), sum(len(steps) for _, steps in rows)
    began = time.process_time()
    for transcript, steps in rows:
        detector.detect(transcript, steps, blank(steps))
    took = time.process_time() - began
    return f"{count} steps of {len(rows)} rollouts in {took:.2f} s: {count / took:,.0f} steps a second on one core"


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.2f}" if whole else "-"


def _half(carriers: Iterable[Carrier], odd: bool) -> list[Carrier]:
    """Half of the problems, by name."""
    return [one for one in carriers if zlib.crc32(one.problem.encode()) % 2 == odd]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the folder with the sets")
    parser.add_argument("--fit", action="store_true", help="fit the weights anew and write them")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.data is None or not options.data.is_dir():
        cases = made(400, random.Random(options.seed))
        print(speed([row(case.prompt, [*case.steps, f"A: {case.answer}"], 1.0) for case in cases]))
        print("the other tables need --data DIR (see the top of this file)")
        return
    carriers = list(gsm8k(options.data / "gsm8k"))
    held_out = [writer.name for writer in load_writers() if writer.name not in READ]
    if options.fit:
        fit(list(suspects(_half(carriers, False), FITTED, options.seed)))
        print(f"written: {WEIGHTS}")
        return
    print(f"Read by hand\n\n{hand_read(options.data)}\n\nHonest solutions\n\n{stuffed(options.data)}\n")
    print(f"Calibration on held-out problems and writers ({', '.join(held_out)})\n")
    print(calibration(list(suspects(_half(carriers, True), held_out, options.seed))))
    models = _lines(options.data / "gsm8k/example_model_solutions.jsonl")[:400]
    rows = [row(r["question"], r[m]["solution"].split("\n"), 1.0) for r in models for m in MODELS]
    for group in list(json.loads((options.data / "mr_ben/math.json").read_text("utf-8")).values())[:150]:
        rows += [row(r["Question"], r["Model_Solution_Steps"], 0.0) for r in group]
    print(f"\n{speed(rows)}")


if __name__ == "__main__":
    main()
