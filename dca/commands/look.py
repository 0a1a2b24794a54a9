"""`dca show`, `dca report` and `dca whatif`: look at what was reviewed, and split it anew."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from dca import config
from dca.assignments import LineWriter, read_assignments, recompute, to_line, whole_file
from dca.commands import options as o
from dca.errors import InputError


def whatif(
    file: o.Reviewed,
    scheme: o.Scheme = "share",
    credit_coef: o.Coefficient = 0.5,
    sign_preserving: o.SignPreserving = False,
    withhold: o.Withhold = False,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write the new assignments here.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT if it is there.")] = False,
    top: Annotated[int, typer.Option(min=0, help="How many transcripts to list.")] = 20,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, one object a transcript that moves and one for all.")
    ] = False,
) -> None:
    """Split again from the stored reviews, free of charge, and show what moves.

    `dca whatif out.jsonl --credit-coef 0.25`
    """

    choice = config.SchemeChoice(scheme, credit_coef, sign_preserving, withhold)
    rule = choice.build()

    def pairs(writer: LineWriter | None) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        for before in read_assignments(file):
            kept = {k: v for k, v in before["options"].items() if k in ("segment", "max_steps")}
            after = recompute(before, rule, name=choice.name, options={**choice.options(), **kept})
            if writer is not None:
                writer.write(to_line(after))
            yield before, after

    if out is None:
        _moves(pairs(None), top=top, as_json=as_json)
        return
    o.refuse_to_replace(out, resume=False, overwrite=overwrite)
    with whole_file(out) as writer:
        _moves(pairs(writer), top=top, as_json=as_json)


def _moves(pairs: Iterator[tuple[Any, Any]], *, top: int, as_json: bool) -> None:
    """What moves, as a table or as lines of JSON."""
    from dca.report.changes import STILL, change, changes_view

    if not as_json:
        o.show(changes_view(pairs, top=top))
        return
    count, changed, total = 0, 0, 0.0
    for before, after in pairs:
        one = change(before, after)
        count, changed, total = count + 1, changed + (one.moved > STILL), total + one.moved
        if one.moved > STILL:
            o.say_json(dataclasses.asdict(one))
    o.say_json({"transcripts": count, "changed": changed, "mean_moved": total / count if count else 0.0})


def show(
    file: o.Reviewed,
    wanted: Annotated[str | None, typer.Option("--id", help="Which transcript; without it, the first.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every transcript.")] = False,
    table: Annotated[bool, typer.Option("--list", help="A table of them instead.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the lines themselves; with --list, their ids and rewards.")
    ] = False,
) -> None:
    """Read one transcript in the terminal, its steps coloured by credit.

    `dca show out.jsonl --id gsm8k:17`
    """
    from dca.report.terminal import summary_view, transcript_view

    records = read_assignments(file)
    if table and as_json:
        for record in records:
            o.say_json(
                {name: record[name] for name in ("id", "reward", "fallback")} | {"steps": len(record["steps"])}
            )
        return
    if table:
        o.show(summary_view(records))
        return
    shown = 0
    for record in records:
        if wanted is None or record["id"] == wanted:
            if as_json:
                o.say_json(record)
            else:
                o.show(transcript_view(record))
            shown += 1
            if not every:
                break
    if not shown:
        raise InputError(f"{file}: no transcript with the id {wanted!r}; `dca show {file} --list` names them")
    if wanted is None and not every:
        typer.echo(f"the first of {file}; --id ID shows another, --list names them", err=True)


def report(
    file: o.Reviewed,
    out: Annotated[Path, typer.Option("--out", "-o", help="The page to write.")],
    title: Annotated[str, typer.Option(help="What the page is called.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Say what was written as JSON.")] = False,
) -> None:
    """Write one self-contained page: overview, table, every transcript with its shortest path beside it.

    The page needs no network and works as a mail attachment.

    `dca report out.jsonl -o out.html`
    """
    from dca.report.page import write_page

    write_page(read_assignments(file), out, title=title or _title(Path(file)), source=Path(file).name)
    if as_json:
        o.say_json({"page": str(out), "bytes": out.stat().st_size})
    else:
        typer.echo(f"{out} ({out.stat().st_size / 1e6:.1f} MB); open it in any browser", err=True)


def _title(source: Path) -> str:
    """What a page is called unless told: after the file, or after the run that logs to the folder ``dca``."""
    if not source.is_dir():
        return source.stem
    folder = source.resolve()
    return folder.parent.name if folder.name == "dca" else folder.name
