"""`dca cases`: suites of transcripts with what a person says their reviews must show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from dca.commands import options as o
from dca.errors import InputError
from dca.transcripts.fields import Fields

cases = typer.Typer(
    help="Cases: transcripts with what a person says a review of them must show.\n\n"
    "`dca cases new cases/tank --from runs.jsonl --id 17`, fill in `expect.json`, `dca cases lint cases`.",
    no_args_is_help=True,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]


@cases.command("list")
def list_cases(
    suite: Annotated[str, typer.Argument(help="A suite that comes with DCA, or a folder of cases.")] = "core",
    skill: Annotated[str | None, typer.Option(help="Only cases that ask for this skill, or of this domain.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the cases of a suite: what each probes, and by how many checks.

    `dca cases list core --skill staged_mistake`
    """
    from dca.report.evaluation import cases_view
    from dca.suites.case import load_suite, records

    rows = [row for row in records(load_suite(suite)) if skill in (None, row["domain"], *row["skills"])]
    if not rows:
        raise InputError(f"--skill: no case of {suite} asks for {skill!r}; `dca cases list {suite}` names the skills")
    if as_json:
        for row in rows:
            typer.echo(json.dumps(row, ensure_ascii=False))
    else:
        o.show(cases_view(rows))


@cases.command()
def lint(
    where: Annotated[list[str] | None, typer.Argument(help="Suites, or folders of cases; none: core.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check cases: files, schema, steps that exist, checks that can all be met and say something. Exit 1 for faults.

    `dca cases lint ./cases`
    """
    from dca.suites.case import case_folders, suite_folder
    from dca.suites.lint import lint as lint_case

    folders = [folder for name in where or ["core"] for folder in case_folders(suite_folder(name))]
    if not folders:
        raise InputError(f"{', '.join(where or [])}: no case there; see `dca cases new --help`")
    faults = [fault for folder in folders for fault in lint_case(folder)]
    for fault in faults:
        row = {"case": fault.case, "what": fault.what, "wrong": fault.wrong}
        said = f"{fault.case}: {'' if fault.wrong else 'perhaps: '}{fault.what}"
        typer.echo(json.dumps(row, ensure_ascii=False) if as_json else said)
    wrong = sum(fault.wrong for fault in faults)
    counts = (("case", len(folders)), ("fault", wrong), ("doubt", len(faults) - wrong))
    typer.echo(", ".join(f"{n} {what}{'' if n == 1 else 's'}" for what, n in counts), err=True)
    if wrong:
        raise typer.Exit(1)


@cases.command()
def new(
    folder: Annotated[Path, typer.Argument(help="The case's folder; its name is the case's name.")],
    source: Annotated[str, typer.Option("--from", help="A file of transcripts, or one that `dca review` wrote.")],
    wanted: Annotated[str | None, typer.Option("--id", help="Which transcript; without it, the first.")] = None,
    prompt_field: o.PromptField = "prompt",
    completion_field: o.CompletionField = "completion",
    reward_field: o.RewardField = "reward",
    id_field: o.IdField = "id",
    reference_field: o.ReferenceField = None,
    reward: o.Reward = None,
    as_json: AsJson = False,
) -> None:
    """Make a case from a transcript: its steps, numbered, and an `expect.json` to fill in.

    Steps that `dca review` cut stay as they are. What a review must show is yours to say.

    `dca cases new cases/tank --from runs.jsonl --id 17`
    """
    from dca.suites.scaffold import cut_as_reviewed, new_case
    from dca.transcripts.fields import to_transcript

    fields = Fields(prompt_field, completion_field, reward_field, id_field, reference_field)
    located = _located(source, wanted, id_field)
    if reference_field is None and isinstance(located.value.get("reference"), str):
        fields = Fields(prompt_field, completion_field, reward_field, id_field, "reference")
    transcript = to_transcript(located, fields, reward=reward)
    if "schema_version" in located.value and isinstance(located.value.get("steps"), list):
        transcript, steps = cut_as_reviewed(located.value, transcript)
        cut = new_case(folder, transcript, steps)
    else:
        cut = new_case(folder, transcript)
    if as_json:
        typer.echo(json.dumps({"folder": str(folder), "steps": [step.text for step in cut]}, ensure_ascii=False))
    else:
        for step in cut:
            typer.echo(f"{step.index:>3}  {' '.join(step.text.split())[:100]}")
    typer.echo(
        f"next: say in {folder / 'expect.json'} what a review must show, then dca cases lint {folder}", err=True
    )


def _located(source: str, wanted: str | None, id_field: str) -> Any:
    """The record that is asked for."""
    from dca.transcripts.fields import lookup
    from dca.transcripts.records import read_records

    for located in read_records(source):
        if wanted is None or wanted in (str(lookup(located.value, id_field)), located.id):
            return located
    raise InputError(f"{source}: no transcript with the id {wanted!r}; leave --id out for the first")
