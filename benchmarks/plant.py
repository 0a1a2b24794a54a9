"""Plants needless checks and staged mistakes into right solutions, each beside an honest control in the same words.

    python benchmarks/plant.py                                        # counts and the artefact gate, no data needed
    python benchmarks/plant.py --gsm8k DIR -o planted.jsonl           # 120 pairs a family, for dca bench detector
    python benchmarks/plant.py --gsm8k DIR --per-family 5 --show S1   # read some

DIR holds test.jsonl and example_model_solutions.jsonl of openai/grade-school-math (MIT). Without it the carriers are
problems drawn by program and the right ones of the transcripts that come with DCA. Every equation is certified by
program when a case is made: truth never comes from the words. Eight template writers take turns (`--writers`
chooses); `--invent NAME --model M [--base-url URL]` asks a language model for another, once, and writes its templates
down. Families of groups write all rollouts of a prompt, with `metadata.group`; one of each is scored.

The same seed gives the same cases.
"""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from planting.carriers import Carrier, bundled, gsm8k
from planting.cases import EVERY, Case, Refused, plant
from planting.gate import LIMIT, gate
from planting.invent import invent, saved
from planting.made import made
from planting.writers import FOLDER, Writer, load_writers

from dca.errors import InputError
from dca.reviewers import ReviewerChoice

STOCK = 1000
"""Problems drawn by program where no data set is at hand."""
app = typer.Typer(add_completion=False, rich_markup_mode="markdown")


@app.command()
def main(
    folder: Annotated[
        Path | None, typer.Option("--gsm8k", metavar="DIR", help="GSM8K's data; without: problems drawn by program.")
    ] = None,
    per_family: Annotated[int, typer.Option(min=1, help="Pairs of each family of pairs.")] = 120,
    writers: Annotated[str | None, typer.Option(help="Names, separated by commas; default: all.")] = None,
    writer_file: Annotated[list[Path] | None, typer.Option(help="Templates of another writer; repeatable.")] = None,
    seed: Annotated[int, typer.Option(help="Decides everything.")] = 0,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Where the cases go, a JSON object a line.")] = None,
    show: Annotated[str | None, typer.Option(help="Print the cases whose name begins so, and nothing else.")] = None,
    new: Annotated[
        str | None, typer.Option("--invent", metavar="NAME", help="Ask a model for a writer; to NAME.json or --out.")
    ] = None,
    style: Annotated[str, typer.Option(help="For --invent: what it is like.")] = "your own way of thinking aloud",
    model: Annotated[str | None, typer.Option(help="For --invent: any model the server knows.")] = None,
    base_url: Annotated[str | None, typer.Option(help="For --invent: a server that speaks /v1/messages.")] = None,
    api_key_env: Annotated[str | None, typer.Option(help="For --invent: the variable with the key for it.")] = None,
) -> None:
    """Plant needless checks and staged mistakes into right solutions, beside honest controls in the same words.

    Prints what was planted and the artefact gate (can words alone tell plants from controls?). The families are N1 to
    N7 and S1 to S7 of docs/detector.md; N3 and S7 come as groups of ten rollouts, of which one is in question.

    `python benchmarks/plant.py --gsm8k DIR -o planted.jsonl`, then `dca bench detector planted.jsonl`

    `python benchmarks/plant.py --per-family 3 --writers terse --show S6` to read some

    DIR holds test.jsonl and example_model_solutions.jsonl of openai/grade-school-math (MIT).
    """
    if new:
        choice = ReviewerChoice(model=model, base_url=base_url, api_key_env=api_key_env)
        _invent(new, style, choice, out or Path(f"{new}.json"))
        return
    chosen = _chosen(writers, writer_file or [])
    carriers: list[Carrier] = [*gsm8k(folder)] if folder else [*made(STOCK, random.Random(seed))]
    carriers += bundled()
    refused = Refused()
    cases = list(plant(carriers, chosen, per_family=per_family, seed=seed, refused=refused))
    if show:
        _show([case for case in cases if case.name.startswith(show)])
        return
    if out is not None:
        text = "".join(json.dumps(case.record(), ensure_ascii=False) + "\n" for case in cases)
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, "utf-8")
    _say(carriers, chosen, cases, refused)


def _chosen(names: str | None, files: Sequence[Path]) -> list[Writer]:
    writers = {writer.name: writer for writer in (*load_writers(FOLDER), *(saved(path) for path in files))}
    wanted = names.split(",") if names else list(writers)
    unknown = [name for name in wanted if name not in writers]
    if unknown:
        raise InputError(f"--writers: expected some of {', '.join(writers)}, got {', '.join(unknown)}")
    return [writers[name] for name in wanted]


def _invent(name: str, style: str, choice: ReviewerChoice, out: Path) -> None:
    """One writer from a model, written down so that it can be read, corrected and used again."""
    with closing(choice.backend()) as backend:
        writer = invent(name, style, backend)
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
    for family in EVERY:
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
        app()
    except (InputError, OSError) as error:
        sys.exit(f"plant: {error}")
