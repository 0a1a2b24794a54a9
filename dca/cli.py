"""The `dca` command: options in, words and files out. What the commands do lives in the rooms below.

Everything that takes long to import is imported by the command that needs it: `dca --help` answers at once.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from dca import __version__, config
from dca.assignments import LineWriter, read_assignments, recompute, to_line
from dca.errors import DCAError, InputError, RunError, SchemeError
from dca.runs import Judging, Source, check, done_rows, review_to, standard_input_kept
from dca.transcripts.fields import Fields

app = typer.Typer(
    help="Look back over finished reasoning transcripts: which steps did the work, and which were for show?\n\n"
    "A reviewer splits the reward each transcript earned over its steps; the total never changes.\n\n"
    "Start with `dca demo`, then `dca review YOUR.jsonl -o out.jsonl` and `dca report out.jsonl -o out.html`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)

_FIELDS, _REWARD, _CREDIT, _RUN = "Where the fields are", "The reward", "From judgement to credit", "The run"

Scheme = Annotated[
    str,
    typer.Option(
        "--scheme", help=f"How judgement becomes credit: {', '.join(config.SCHEMES)}.", rich_help_panel=_CREDIT
    ),
]
Coefficient = Annotated[
    float,
    typer.Option("--credit-coef", min=0.0, help="How far the reviewer may tilt (share).", rich_help_panel=_CREDIT),
]
SignPreserving = Annotated[
    bool,
    typer.Option(
        "--sign-preserving", help="Never let a step's sign differ from the reward's (share).", rich_help_panel=_CREDIT
    ),
]
Withhold = Annotated[
    bool,
    typer.Option(
        "--withhold", help="Pay flagged steps at most 0; the rest goes to nobody (share).", rich_help_panel=_CREDIT
    ),
]
Reviewed = Annotated[str, typer.Argument(help="A file that `dca review` wrote; `-` reads standard input.")]


def _version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """Options of the command itself."""


@app.command()
def review(
    inputs: Annotated[
        list[str],
        typer.Argument(
            help="JSONL, a JSON array, Parquet or a TRL completion log, gzipped or not; `-` is standard input."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the assignments go, one JSON object a line.")],
    reviewer: Annotated[
        str, typer.Option(help=f"Who judges: {', '.join(config.REVIEWERS)}.", rich_help_panel=_CREDIT)
    ] = "arithmetic",
    scheme: Scheme = "share",
    credit_coef: Coefficient = 0.5,
    sign_preserving: SignPreserving = False,
    withhold: Withhold = False,
    segment: Annotated[
        str,
        typer.Option(
            help="How completions are cut: auto, paragraph, line, sentence, tags, numbered, turns.",
            rich_help_panel=_CREDIT,
        ),
    ] = "auto",
    max_steps: Annotated[
        int, typer.Option(min=1, help="Merge neighbouring steps beyond this many.", rich_help_panel=_CREDIT)
    ] = 64,
    prompt_field: Annotated[
        str, typer.Option(help="Dotted path, as in `175b.solution` or `choices.0.text`.", rich_help_panel=_FIELDS)
    ] = "prompt",
    completion_field: Annotated[
        str, typer.Option(help="A string, chat messages, or a list of steps.", rich_help_panel=_FIELDS)
    ] = "completion",
    reward_field: Annotated[str, typer.Option(help="A number or a boolean.", rich_help_panel=_FIELDS)] = "reward",
    id_field: Annotated[str, typer.Option(help="Left out: file and line.", rich_help_panel=_FIELDS)] = "id",
    reference_field: Annotated[
        str | None, typer.Option(help="The expected answer, for --grade.", rich_help_panel=_FIELDS)
    ] = None,
    reward: Annotated[
        float | None, typer.Option(help="Pay every transcript this.", rich_help_panel=_REWARD, show_default=False)
    ] = None,
    grade: Annotated[
        str | None,
        typer.Option(
            help=f"Pay 1 or 0 by comparing with the reference: {', '.join(config.GRADERS)}.", rich_help_panel=_REWARD
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many.", rich_help_panel=_RUN)] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with OUT.", rich_help_panel=_RUN)] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace OUT if it is there.", rich_help_panel=_RUN)
    ] = False,
    skip_bad: Annotated[
        bool,
        typer.Option(
            "--skip-bad", help="Write records that cannot be used to OUT.bad.jsonl and go on.", rich_help_panel=_RUN
        ),
    ] = False,
    max_fallback_rate: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Stop when more reviews than this fail.", rich_help_panel=_RUN)
    ] = 0.5,
) -> None:
    """Review transcripts and split each one's reward over its steps.

    The whole input is checked before anything is reviewed. Stop with Ctrl-C whenever you like: OUT stays valid, and
    `--resume` goes on where it ended.

    `dca review runs.jsonl -o out.jsonl`

    `dca review gsm8k.jsonl --prompt-field question --completion-field model.solution --reward-field model.is_correct
    -o out.jsonl`
    """
    if reward is not None and grade is not None:
        raise InputError("--reward and --grade both say what to pay; give one of them")
    if grade is not None and reference_field is None:
        raise InputError("--grade compares with the expected answer; say where it is with --reference-field")
    choice = config.SchemeChoice(scheme, credit_coef, sign_preserving, withhold)
    judging = Judging(
        reviewer=config.reviewer(reviewer),
        scheme=choice.build(),
        segmenter=config.segmenter(segment, max_steps),
        options={**choice.options(), "segment": segment, "max_steps": max_steps},
        max_fallback_rate=max_fallback_rate,
    )
    fields = Fields(prompt_field, completion_field, reward_field, id_field, reference_field)
    grader = config.grader(grade) if grade is not None else None
    _refuse_to_replace(out, resume, overwrite)
    with standard_input_kept(Source(tuple(inputs), fields, reward, grader, limit, skip_bad)) as source:
        _review(out, source, judging, resume and out.exists())


def _refuse_to_replace(out: Path, resume: bool, overwrite: bool) -> None:
    """Reviews may have been paid for: an existing file is gone on with, or replaced on request."""
    if out.is_file() and out.stat().st_size and not (resume or overwrite):
        raise InputError(f"{out}: there already; --resume goes on with it, --overwrite replaces it")


def _review(out: Path, source: Source, judging: Judging, resume: bool) -> None:
    """Check, review with a progress bar, and say what came of it."""
    from dca.report.progress import run_bar

    refused = out.with_name(out.name + ".bad.jsonl")
    checked = check(source, refused)
    if checked.bad:
        typer.echo(f"{checked.bad} records cannot be used: see {refused}", err=True)
    done = done_rows(out) if resume else 0
    began = time.monotonic()
    try:
        with run_bar(total=checked.good, done=done) as bar:
            progress = review_to(out, source, judging, resume=resume, on_progress=bar)
    except KeyboardInterrupt:
        typer.echo(f"\nStopped. {out} holds {done_rows(out)} of {checked.good}; --resume goes on with it.", err=True)
        sys.stderr.flush()
        os._exit(130)  # nobody waits for reviews still under way
    took = time.monotonic() - began
    cost = f", ${progress.usage.cost_usd:.4f}" if progress.usage.requests else ""
    typer.echo(
        f"{progress.done:,} reviewed in {took:.1f} s ({progress.done / max(took, 1e-9):,.0f} a second), "
        f"{progress.fallbacks:,} fell back{cost} -> {out}",
        err=True,
    )
    typer.echo(
        f"next: dca show {out}   dca report {out} -o {out.stem}.html   dca whatif {out} --credit-coef 0.25", err=True
    )


@app.command()
def whatif(
    file: Reviewed,
    scheme: Scheme = "share",
    credit_coef: Coefficient = 0.5,
    sign_preserving: SignPreserving = False,
    withhold: Withhold = False,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write the new assignments here.")] = None,
    top: Annotated[int, typer.Option(min=0, help="How many transcripts to list.")] = 20,
) -> None:
    """Split again from the stored reviews, free of charge, and show what moves.

    `dca whatif out.jsonl --credit-coef 0.25`
    """
    from dca.report.changes import changes_view

    choice = config.SchemeChoice(scheme, credit_coef, sign_preserving, withhold)
    rule, writer = choice.build(), None
    if out is not None:
        _refuse_to_replace(out, resume=False, overwrite=False)
        writer = LineWriter(out)

    def pairs() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        for before in read_assignments(file):
            kept = {k: v for k, v in before["options"].items() if k in ("segment", "max_steps")}
            after = recompute(before, rule, name=choice.name, options={**choice.options(), **kept})
            if writer is not None:
                writer.write(to_line(after))
            yield before, after

    _print(changes_view(pairs(), top=top))


@app.command()
def show(
    file: Reviewed,
    wanted: Annotated[str | None, typer.Option("--id", help="Which transcript; without it, the first.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every transcript.")] = False,
    table: Annotated[bool, typer.Option("--list", help="A table of them instead.")] = False,
) -> None:
    """Read one transcript in the terminal, its steps coloured by credit.

    `dca show out.jsonl --id gsm8k:17`
    """
    from dca.report.terminal import summary_view, transcript_view

    records = read_assignments(file)
    if table:
        _print(summary_view(records))
        return
    shown = 0
    for record in records:
        if wanted is None or record["id"] == wanted:
            _print(transcript_view(record))
            shown += 1
            if not every:
                break
    if not shown:
        raise InputError(f"{file}: no transcript with the id {wanted!r}; `dca show {file} --list` names them")
    if wanted is None and not every:
        typer.echo(f"the first of {file}; --id ID shows another, --list names them", err=True)


@app.command()
def report(
    file: Reviewed,
    out: Annotated[Path, typer.Option("--out", "-o", help="The page to write.")],
    title: Annotated[str, typer.Option(help="What the page is called.")] = "",
) -> None:
    """Write one self-contained page: overview, table, and every transcript with its shortest path beside it.

    The page needs no network and works as a mail attachment.

    `dca report out.jsonl -o out.html`
    """
    from dca.report.page import write_page

    write_page(read_assignments(file), out, title=title or Path(file).stem, source=Path(file).name)
    typer.echo(f"{out} ({out.stat().st_size / 1e6:.1f} MB); open it in any browser", err=True)


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="A folder for what the demo writes.")] = Path("demo"),
) -> None:
    """Review the bundled transcripts with the arithmetic reviewer: offline, no key, no model."""
    from dca.report.page import write_page
    from dca.report.terminal import summary_view, transcript_view

    out.mkdir(parents=True, exist_ok=True)
    file, page = out / "assignments.jsonl", out / "report.html"
    choice = config.SchemeChoice()
    options = {**choice.options(), "segment": "auto", "max_steps": 64}
    judging = Judging(config.reviewer("arithmetic"), choice.build(), config.segmenter("auto", 64), options)
    _review(file, Source((str(config.bundled_transcripts()),)), judging, resume=False)
    records = [*read_assignments(str(file))]
    write_page(records, page, title="DCA demo", source=file.name)
    _print(summary_view(records))
    _print(transcript_view(next(r for r in records if r["id"] == config.DEMO_TRANSCRIPT)))
    typer.echo(
        f"\nWrote {file} and {page}. Open the page in a browser; then try your own transcripts:\n"
        f"  dca review YOUR.jsonl --prompt-field F --completion-field F --reward-field F -o out.jsonl\n"
        f"  dca report out.jsonl -o out.html"
    )


def _print(view: object) -> None:
    from rich.console import Console

    Console().print(view)


def main() -> None:
    """Run the command; what went wrong is one line, with exit status 2 for input and 1 for a run that had to stop."""
    try:
        app()
    except (InputError, SchemeError) as error:
        _fail(error, 2)
    except RunError as error:
        _fail(error, 1)
    except DCAError as error:
        _fail(error, 1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader left; say nothing more
        sys.exit(141)
    except OSError as error:
        _fail(f"{error.filename or 'output'}: {error.strerror or error}; nothing half-written was left behind", 2)


def _fail(error: object, status: int) -> None:
    typer.echo(f"dca: {error}", err=True)
    sys.exit(status)
