"""Plants needless checks and staged mistakes into right solutions, each beside an honest control in the same words.

    python benchmarks/plant.py                                        # counts and the artefact gate, no data needed
    python benchmarks/plant.py --gsm8k DIR -o planted.jsonl           # 120 pairs a family, for dca bench detector
    python benchmarks/plant.py --gsm8k DIR --per-family 5 --show S1   # read some

DIR holds test.jsonl and example_model_solutions.jsonl of openai/grade-school-math (MIT). Without it the carriers are
problems drawn by program and the right ones of the transcripts that come with DCA. Every equation is certified by
program when a case is made: truth never comes from the words. Six template writers take turns (`--writers` chooses);
`--invent NAME --model M [--base-url URL]` asks a language model for a seventh, once, and writes its templates down.

The same seed gives the same cases.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from planting.carriers import Carrier, bundled, gsm8k
from planting.cases import FAMILIES, Case, Refused, plant
from planting.gate import LIMIT, gate
from planting.invent import invent, saved
from planting.made import made
from planting.writers import FOLDER, Writer, load_writers

from dca.errors import InputError
from dca.reviewers import ReviewerChoice

STOCK = 1000
"""Problems drawn by program where no data set is at hand."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Plant, gate, write."""
    asked = _parser().parse_args(arguments)
    if asked.invent:
        _invent(asked)
        return
    writers = _chosen(asked.writers, asked.writer_file)
    rng = random.Random(asked.seed)
    carriers: list[Carrier] = [*gsm8k(asked.gsm8k)] if asked.gsm8k else [*made(STOCK, rng)]
    carriers += bundled()
    refused = Refused()
    cases = list(plant(carriers, writers, per_family=asked.per_family, seed=asked.seed, refused=refused))
    if asked.show:
        _show([case for case in cases if case.name.startswith(asked.show)])
        return
    if asked.out is not None:
        text = "".join(json.dumps(case.record(), ensure_ascii=False) + "\n" for case in cases)
        asked.out.parent.mkdir(parents=True, exist_ok=True)
        asked.out.write_text(text, "utf-8")
    _say(carriers, writers, cases, refused)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gsm8k", type=Path, help="folder of openai/grade-school-math's data")
    parser.add_argument("--per-family", type=int, default=120, help="pairs of each family, twice each honest kind")
    parser.add_argument("--writers", help="names, separated by commas; default: all")
    parser.add_argument("--writer-file", type=Path, action="append", default=[], help="templates of another writer")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--out", type=Path, help="where the cases go, one JSON object a line")
    parser.add_argument("--show", help="print the cases whose name begins so, and nothing else")
    parser.add_argument(
        "--invent", metavar="NAME", help="ask a model for a writer; written to NAME.json, or to --out"
    )
    parser.add_argument("--style", default="your own natural way of thinking aloud", help="what a new writer is like")
    parser.add_argument("--model", help="for --invent: any model the server knows")
    parser.add_argument("--base-url", help="for --invent: a server that speaks /v1/messages")
    parser.add_argument("--api-key-env", help="for --invent: the variable that holds the key for --base-url")
    return parser


def _chosen(names: str | None, files: Sequence[Path]) -> list[Writer]:
    writers = {writer.name: writer for writer in (*load_writers(FOLDER), *(saved(path) for path in files))}
    wanted = names.split(",") if names else list(writers)
    unknown = [name for name in wanted if name not in writers]
    if unknown:
        raise InputError(f"--writers: expected some of {', '.join(writers)}, got {', '.join(unknown)}")
    return [writers[name] for name in wanted]


def _invent(asked: argparse.Namespace) -> None:
    """One writer from a model, written down so that it can be read, corrected and used again."""
    choice = ReviewerChoice(model=asked.model, base_url=asked.base_url, api_key_env=asked.api_key_env)
    with closing(choice.backend()) as backend:
        writer = invent(asked.invent, asked.style, backend)
    out = asked.out or Path(f"{asked.invent}.json")
    moves = {move: list(templates) for move, templates in writer.moves.items()}
    row = {"style": writer.style, "times": writer.times, "moves": moves}
    out.write_text(json.dumps(row, indent=2, ensure_ascii=False) + "\n", "utf-8")
    print(
        f"{out}: {sum(map(len, moves.values()))} templates by {backend.identity}; read them, then --writer-file {out}"
    )


def _say(carriers: Sequence[Carrier], writers: Sequence[Writer], cases: Sequence[Case], refused: Refused) -> None:
    """Counts, then the gate."""
    sources = Counter(carrier.source for carrier in carriers)
    steps = sum(len(case.lines) for case in cases)
    problems = len({case.carrier.problem for case in cases})
    print(f"carriers: {', '.join(f'{count} {source}' for source, count in sources.items())}")
    print(f"writers: {len(writers)} ({', '.join(writer.name for writer in writers)})")
    print(
        f"cases: {len(cases)} transcripts on {problems} problems, {steps} steps; "
        f"{sum(refused.counts.values())} plots were not certified and left out"
    )
    honest = Counter(e.control for case in cases for e in case.episodes if not e.family)
    print(f"honest, without a twin: {', '.join(f'{name} {count}' for name, count in sorted(honest.items()))}")
    print(f"\nartefact gate: words alone, cross-fitted by problem; an episode above {LIMIT:.2f} is reported apart")
    print("family  pairs  AUC episode  AUC whole text  characters  place      gate")
    for family in FAMILIES:
        if not any(e.family == family for case in cases for e in case.episodes):
            print(f"{family:<6}  no carrier serves")
            continue
        found = gate(cases, family)
        lengths, places = "{:.0f}/{:.0f}".format(*found.length), "{:.2f}/{:.2f}".format(*found.position)
        print(
            f"{family:<6}  {found.pairs:5}  {found.episode:11.3f}  {found.whole:14.3f}  {lengths:>10}  {places:>9}  "
            f"{'passed' if found.passed else 'FAILED'}"
        )


def _show(cases: Sequence[Case]) -> None:
    """Cases as a person reads them: role and truth (verification, needless, staged) before each step."""
    signs = {True: "+", False: "-", None: "?"}
    for case in cases:
        print(f"\n{case.name}, {case.writer}, {'right' if case.right else 'wrong'}\n    {case.prompt}")
        for line, truth in zip(case.lines, case.truth, strict=True):
            marks = "".join(signs[answer] for answer in (truth.verification, truth.needless, truth.staged))
            print(f"  {line.role:<6} {marks} {line.text}")


if __name__ == "__main__":
    try:
        main()
    except (InputError, OSError) as error:
        sys.exit(f"plant: {error}")
