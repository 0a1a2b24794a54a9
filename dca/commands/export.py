"""`dca export`: kept prompts and replies as data sets that TRL trains on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from dca.assignments import is_stream, read_assignments, to_line, whole_file
from dca.commands import options as o
from dca.errors import InputError

_NO_PAIR: Final = "no two replies to one and the same prompt are {:g} or more apart; give runs of one prompt"


def export(
    files: Annotated[
        list[str], typer.Argument(help="Files that `dca review --keep-raw` wrote; `-` is standard input.")
    ],
    form: Annotated[str, typer.Option("--format", help="sft or preference.")] = "sft",
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Where the rows go, one JSON object a line; `-` is stdout.")
    ] = Path("-"),
    suite: Annotated[
        str | None, typer.Option(help="Cases, matched by id, whose expectations say how good a reply is.")
    ] = None,
    at_least: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="sft: only replies that earn this much on --suite.")
    ] = None,
    margin: Annotated[
        float, typer.Option(min=0.01, max=1.0, help="preference: how much more the chosen reply must earn.")
    ] = 0.2,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT if it is there.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Say what was written as JSON; on stderr where the rows are on stdout.")
    ] = False,
) -> None:
    """Write prompts and replies as rows for TRL, so that a reviewer can be trained.

    `sft` rows hold prompt and completion; `preference` rows a prompt, a chosen and a rejected reply to it, as far
    apart as the expectations of --suite say. Give several runs of the same prompt, by several models or votes.

    `dca export reviews.jsonl --format sft -o sft.jsonl`

    `dca export a.jsonl b.jsonl --format preference --suite ./cases -o pairs.jsonl`
    """
    from dca.suites.case import load_suite
    from dca.suites.datasets import FORMATS, preference_rows, sft_rows

    if form not in FORMATS:
        raise InputError(f"--format: expected one of {', '.join(FORMATS)}, got {form!r}")
    if suite is None and (form == "preference" or at_least is not None):
        wanted = "--format preference" if form == "preference" else "--at-least"
        raise InputError(f"{wanted} must know which reply is better; say what is expected of them with --suite")
    target = Path("/dev/stdout") if str(out) == "-" else out
    o.refuse_to_replace(target, resume=False, overwrite=overwrite)
    cases = {case.name: case for case in load_suite(suite).cases} if suite is not None else {}
    seen: Counter[str] = Counter()
    replies = _replies(files, cases, seen)
    rows = sft_rows(replies, at_least=at_least) if form == "sft" else preference_rows(replies, margin=margin)
    with whole_file(target) as writer:
        for row in rows:
            writer.write(to_line(row))
            seen["written"] += 1
    if not seen["kept"]:
        raise InputError(f"{', '.join(files)}: no prompt and reply kept in any line; review with --keep-raw")
    said = {name: seen[name] for name in ("lines", "kept", "scored", "written")}
    if not seen["written"]:
        lacking = f"no reply earns {at_least:g} or more" if form == "sft" else _NO_PAIR.format(margin)
        typer.echo(f"nothing to train on: {lacking}", err=True)
    words = (
        f"{said['written']:,} {form} rows from {said['lines']:,} lines; {said['kept']:,} of them kept a prompt and "
        f"one reply, and {said['scored']:,} of these are about cases of the suite"
    )
    if as_json:
        o.say_json(said, err=is_stream(target))
    else:
        typer.echo(words, err=True)


def _replies(files: list[str], cases: dict[str, Any], seen: Counter[str]) -> Iterator[Any]:
    """What can be used of the lines, counted as it passes."""
    from dca.suites.datasets import kept

    for file in files:
        for record in read_assignments(file):
            seen["lines"] += 1
            one = kept(record, cases)
            if one is not None:
                seen["kept"] += 1
                seen["scored"] += one.score is not None
                yield one
