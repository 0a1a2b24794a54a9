"""`dca drift`: has training changed how the policy checks, errs and is paid?"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from dca.assignments import read_assignments
from dca.commands import options as o
from dca.errors import InputError


def drift(
    file: Annotated[
        str, typer.Argument(metavar="LOGS", help="The folder a training run logs to, or a file of its assignments.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Draw it: a page (.html) or a picture (.svg).")
    ] = None,
    panel: Annotated[
        Path | None,
        typer.Option(
            help="JSONL with the prompts of a fixed panel: only their rollouts count, evaluations included."
        ),
    ] = None,
    window: Annotated[int, typer.Option(min=1, help="Training steps to a window; the first is the baseline.")] = 20,
    level: Annotated[float, typer.Option(min=0.5, max=0.9999, help="Coverage of the intervals.")] = 0.99,
    patience: Annotated[
        int, typer.Option(min=1, help="Windows in a row that must show a pattern before it is an alarm.")
    ] = 2,
    seed: Annotated[int, typer.Option(help="Draws the resamples.")] = 0,
    title: Annotated[str, typer.Option(help="What the page is called.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Everything as JSON on standard output.")] = False,
) -> None:
    """Has training changed how the policy checks, errs and is paid? Every figure by training step, and alarms.

    Windows of training steps are compared with the first: how often the policy looks again and what comes of it, its
    own errors put right and left, findings, and whether credit favours starting a check. Intervals are bootstrapped
    by prompt. A pattern that shows in several windows in a row is an alarm; `DriftCallback` raises the same ones
    while training runs.

    `dca drift OUTPUT_DIR/dca -o drift.html`

    `dca drift OUTPUT_DIR/dca --panel panel.jsonl --window 10 --json > drift.json`
    """
    from dca.performativity.drift import Settings
    from dca.performativity.timeline import account

    steps = _steps(file, None if panel is None else _prompts(panel))
    if len(steps) < 2:
        raise InputError(
            f"{file}: expected rollouts of several training steps, got {len(steps)}; give the folder `dca` in the "
            f"output folder of a training run" + ("" if panel is None else ", and prompts as its log has them")
        )
    found = account(steps, Settings(window=window, level=level, patience=patience, seed=seed))
    if as_json:
        json.dump(found, sys.stdout, indent=1, allow_nan=False)
        typer.echo()
    else:
        from dca.report.course import course_view

        o.show(course_view(found))
    if out is not None:
        from dca.report.trend import write_trend

        write_trend(found, out, title=title or f"Drift of {_name(Path(file))}", source=Path(file).name)
        typer.echo(f"drawn: {out}", err=True)


def _steps(file: str, panel: frozenset[str] | None) -> Mapping[int, Mapping[str, Any]]:
    """Counts by prompt and training step, from all files that belong."""
    from dca.performativity.counts import Counts
    from dca.performativity.observation import prompt_key
    from dca.performativity.timeline import add_counts, counted

    folder = Path(file)

    def wanted(source: str) -> Iterator[dict[str, Any]]:
        for record in read_assignments(source):
            if panel is None or prompt_key(record["prompt"]) in panel:
                yield record

    steps = counted(wanted(file))
    if not folder.is_dir():
        return steps
    for path in sorted(folder.glob("evaluation-rank*.jsonl")) if panel is not None else ():
        counted(wanted(str(path)), steps)
    for row in _rows(sorted(folder.glob("probes-rank*.jsonl"))):
        if panel is None or row["prompt_key"] in panel:
            add_counts(steps, int(row["train_step"]), {row["prompt_key"]: Counts(**row["counts"])})
    return steps


def _rows(paths: list[Path]) -> Iterator[dict[str, Any]]:
    """What probes left beside the log; a last line may be cut off."""
    for path in paths:
        for number, line in enumerate(path.read_bytes().split(b"\n")[:-1], 1):
            try:
                row = json.loads(line)
                yield {name: row[name] for name in ("train_step", "prompt_key", "counts")}
            except (KeyError, TypeError, ValueError) as error:
                raise InputError(f"{path}:{number}: expected counts of a probe ({error}); remove the file") from error


def _prompts(path: Path) -> frozenset[str]:
    """The prompts of a panel: rows with a `prompt`, or bare strings."""
    from dca.performativity.observation import prompt_key

    found = set()
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if line.strip():
            row = _parsed(path, number, line)
            prompt = row.get("prompt") if isinstance(row, dict) else row
            if not isinstance(prompt, str):
                raise InputError(f"{path}:{number}: prompt: expected a string, as the run's log has it")
            found.add(prompt_key(prompt))
    if not found:
        raise InputError(f"{path}: expected prompts, got an empty file")
    return frozenset(found)


def _parsed(path: Path, number: int, line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise InputError(f"{path}:{number}: expected JSON ({error})") from error


def _name(source: Path) -> str:
    """After the run that logs to the folder ``dca``, or after the file."""
    resolved = source.resolve()
    return resolved.parent.name if source.is_dir() and resolved.name == "dca" else source.stem
