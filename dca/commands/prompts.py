"""`dca prompts`: versions of reviewer prompts, from a copy to edit to a release, and how good one is on a suite."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from dca.commands import options as o
from dca.commands.evaluation import evaluate
from dca.errors import InputError

prompts = typer.Typer(
    help="Edit reviewer prompts, and see on recorded cases what got better and what got worse.\n\n"
    "`dca prompts new ./mine.md`, edit, `dca prompts lint ./mine.md`, `dca prompts eval ./mine.md`.",
    no_args_is_help=True,
)
prompts.command("eval")(evaluate)

Name = Annotated[str, typer.Argument(help="A name such as contribution/v1, or a path.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead.")]


@prompts.command("list")
def list_prompts(as_json: AsJson = False) -> None:
    """List the prompts that come with DCA: what their scores mean, and whether they are released.

    `dca prompts list --json`
    """
    from dca.report.evaluation import versions_view
    from dca.suites.versions import versions

    rows = [_row(one) for one in versions()]
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
    else:
        o.show(versions_view(rows))


@prompts.command()
def show(
    name: Name,
    case: Annotated[
        str | None, typer.Option(help="Show what is sent about this case: its folder, or SUITE/CASE.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print a prompt's file, or the whole question it makes of one case.

    `dca prompts show contribution/v1 --case core/arith-printer-pages`
    """
    from dca.backends.manual import rendered
    from dca.backends.scripted import ScriptedBackend
    from dca.review.llm import LLMReviewer
    from dca.suites.versions import prompt_path, version

    found = version(name)
    text = prompt_path(name).read_text(encoding="utf-8")
    if case is not None:
        one = _case(case)
        request = next(LLMReviewer(ScriptedBackend([]), name).requests([(one.transcript, one.steps)]))
        text = rendered(request)
    typer.echo(json.dumps({**_row(found), "text": text}, ensure_ascii=False) if as_json else text.rstrip("\n"))


@prompts.command()
def new(
    name: Annotated[
        str, typer.Argument(help="The next version, such as contribution/v2; or a path, such as ./mine.md.")
    ],
    source: Annotated[str, typer.Option("--from", help="The prompt to begin with.")] = "contribution/v1",
    as_json: AsJson = False,
) -> None:
    """Copy a prompt to a new file, to be edited; nothing is ever overwritten.

    `dca prompts new ./mine.md --from contribution/v1`
    """
    from dca.suites.versions import new_version

    path = new_version(name, source=source)
    typer.echo(json.dumps({"path": str(path), "from": source}) if as_json else path)
    typer.echo(
        f"next: edit it, then dca prompts lint {name} and dca prompts eval {name} --against {source}", err=True
    )


@prompts.command()
def lint(
    names: Annotated[list[str] | None, typer.Argument(help="Names or paths; none: all that come with DCA.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check prompts: slots, parts, examples that fit the schema, labels explained, digests kept. Exit 1 for faults.

    `dca prompts lint ./mine.md`
    """
    from dca.review.prompts import prompt_names
    from dca.suites.versions import lint_prompt

    rows = [
        {"prompt": name, "what": fault.what, "wrong": fault.wrong}
        for name in names or prompt_names()
        for fault in lint_prompt(name)
    ]
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
    for row in () if as_json else rows:
        typer.echo(f"{row['prompt']}: {'' if row['wrong'] else 'perhaps: '}{row['what']}")
    if any(row["wrong"] for row in rows):
        raise typer.Exit(1)
    if not rows and not as_json:
        typer.echo("in order", err=True)


@prompts.command()
def release(name: Name, as_json: AsJson = False) -> None:
    """Release a version: its digest is written down, and it never changes again.

    `dca prompts release contribution/v2`
    """
    from dca.suites.versions import release as release_version

    digest = release_version(name)
    typer.echo(json.dumps({"name": name, "sha256": digest}) if as_json else f"{name} {digest}")


def _row(found: Any) -> dict[str, Any]:
    """A version as plain values."""
    from dca.review.prompts import SLOTS

    prompt = found.prompt
    slots = [slot for slot in sorted(SLOTS) if f"{{{{{slot}}}}}" in prompt.user.replace(" ", "")]
    return {
        "name": prompt.name,
        "measure": prompt.measure,
        "state": found.state,
        "tokens": found.tokens,
        "slots": slots,
        "digest": prompt.digest,
    }


def _case(where: str) -> Any:
    """A case by its folder, or by suite and name."""
    from dca.suites.case import load_case, suite_folder

    if Path(where).is_dir():
        return load_case(Path(where))
    suite, _, name = where.rpartition("/")
    folder = suite_folder(suite or "core") / name
    if not name or not folder.is_dir():
        raise InputError(f"--case: expected the folder of a case, or SUITE/CASE, got {where!r}; see `dca cases list`")
    return load_case(folder)
