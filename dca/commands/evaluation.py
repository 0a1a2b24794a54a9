"""`dca prompts eval`: a prompt, or a reviewer, on a suite of cases, from recordings; and new recordings."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from dca.commands import options as o
from dca.commands.candidates import NEEDS_NO_MODEL, Asking, Order, Player, record
from dca.commands.review import STOPPED
from dca.commands.shortfall import Again, loose, quoted, tell
from dca.errors import BudgetError, InputError
from dca.reviewers import ReviewerChoice

RECORD: Final = "Recording what is missing"
RESULT: Final = "What becomes of the result"


def evaluate(
    prompt: Annotated[
        str | None, typer.Argument(help="A name such as contribution/v1, a path, `arithmetic` or `silent`.")
    ] = None,
    suite: Annotated[str, typer.Option(help="A suite that comes with DCA, or a folder of cases.")] = "core",
    against: Annotated[str | None, typer.Option(help="What it is held against, given like PROMPT.")] = None,
    recordings: Annotated[Path, typer.Option(help="Where recordings are, and go: a folder of your project.")] = Path(
        "recordings"
    ),
    against_recordings: Annotated[
        Path | None, typer.Option(help="The same for --against; default: as --recordings.")
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="List the checks not earned in full.", rich_help_panel=RESULT)
    ] = False,
    html: Annotated[
        Path | None, typer.Option(help="Write a page to read the reviews side by side.", rich_help_panel=RESULT)
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Write the reviews as `dca review` does.", rich_help_panel=RESULT),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.", rich_help_panel=RESULT)] = False,
    fail_on_regression: Annotated[
        bool, typer.Option("--fail-on-regression", help="Exit 1 if --against is better.", rich_help_panel=RESULT)
    ] = False,
    tolerance: Annotated[
        float, typer.Option(min=0.0, help="How far the mean may fall before that.", rich_help_panel=RESULT)
    ] = 0.0,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit 1 if recordings do not fit exactly.", rich_help_panel=RESULT)
    ] = False,
    recording: Annotated[
        str | None, typer.Option("--record", help="`missing` (stale ones too) or `all`.", rich_help_panel=RECORD)
    ] = None,
    reviewer: Annotated[
        str | None,
        typer.Option(help="Who is asked: anthropic, manual:DIR; or `arithmetic` for PROMPT.", rich_help_panel=RECORD),
    ] = None,
    answered_by: Annotated[
        str, typer.Option(help="Who answers, for the record; for replies got by hand.", rich_help_panel=RECORD)
    ] = "",
    every: Annotated[
        bool, typer.Option("--every", help="Go on when the verdict is clear.", rich_help_panel=RECORD)
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many cases.", rich_help_panel=RECORD)] = None,
    budget_usd: Annotated[float | None, typer.Option(help="Stop at this cost.", rich_help_panel=RECORD)] = None,
    budget_tokens: Annotated[int | None, typer.Option(help="The same in tokens.", rich_help_panel=RECORD)] = None,
    max_in_flight: Annotated[int, typer.Option(min=1, help="Requests at a time.", rich_help_panel=RECORD)] = 8,
    model: o.Model = None,
    base_url: o.BaseUrl = None,
    api_key_env: o.ApiKeyEnv = None,
    structured: o.Structured = "native",
    effort: o.Effort = "off",
    votes: o.Votes = 1,
    redact: Annotated[
        str | None, typer.Option(help="package.module:function that rewrites texts.", rich_help_panel=o.LLM)
    ] = None,
) -> None:
    """Score a prompt on a suite of cases from recordings; offline, unless --record is given.

    Says which recordings an edit has made stale, what was edited, and what new ones would cost. `--record missing`
    asks for just those, the most telling cases first, and stops when it is clear which prompt is better.

    `dca prompts eval contribution/v1 --suite core --record missing --reviewer anthropic --budget-usd 1`

    `dca prompts eval ./mine.md --against contribution/v1 --html sides.html`

    `dca prompts eval --reviewer arithmetic --json`
    """
    from dca.suites.case import load_suite
    from dca.suites.comparison import compare, regression

    name = _named(prompt, reviewer, recording)
    if fail_on_regression and against is None:
        raise InputError("--fail-on-regression needs something to fall behind: give --against")
    if as_json and str(out) == "-":
        raise InputError("--json and --out - both want standard output; give --out a file")
    cases, asking = load_suite(suite), Asking(effort, votes, redact)
    again = Again(suite, recordings, against_recordings, asking)
    new = Player(name, cases, recordings, asking)
    other = Player(against, cases, against_recordings or recordings, asking) if against else None
    session: Any = None
    if recording is not None:
        choice = ReviewerChoice(
            name=reviewer or "none",
            model=model,
            base_url=base_url,
            api_key_env=api_key_env,
            structured=structured,
            budget_usd=budget_usd,
            budget_tokens=budget_tokens,
            max_in_flight=max_in_flight,
        )
        session = _record(Order(recording, choice, every, limit, answered_by), new, other)
    evaluations = [player.evaluation() for player in (new, other) if player]
    quotes = [quoted(cases, one, model) for one in evaluations]
    commands = again.commands(evaluations, quotes) if recording is None else []
    table = compare(cases, evaluations) | {"quotes": quotes, "commands": commands}
    _write(table, cases, evaluations, html=html, out=out)
    if as_json:
        typer.echo(json.dumps(table, ensure_ascii=False))
    else:
        _show(table, verbose=verbose)
        tell(table, again.places, waiting=session is not None and bool(session.awaited))
    if session is not None and session.awaited:
        typer.echo(
            f"{len(session.awaited)} replies are awaited in {(reviewer or '').partition(':')[2]}: save each answer "
            f"beside its NAME.prompt.md as NAME.reply.txt, and run the same command again.",
            err=True,
        )
        raise typer.Exit(3)
    worse = regression(table, tolerance=tolerance) if fail_on_regression else ""
    untidy = loose(table) if strict else ""
    for reason in filter(None, (worse and f"regression: {worse}", untidy)):
        typer.echo(reason, err=True)
    if worse or untidy:
        raise typer.Exit(1)


def _named(prompt: str | None, reviewer: str | None, recording: str | None) -> str:
    """Who is evaluated."""
    if prompt is None and reviewer in NEEDS_NO_MODEL:
        return str(reviewer)
    if prompt is None:
        raise InputError("say what to evaluate: a prompt such as contribution/v1, or --reviewer arithmetic")
    if reviewer in NEEDS_NO_MODEL:
        raise InputError(f"--reviewer {reviewer} uses no prompt; leave {prompt} out, or hold it --against {reviewer}")
    if reviewer is not None and recording is None:
        raise InputError("--reviewer asks only what is to be recorded: say --record missing, or --record all")
    return prompt


def _record(order: Order, new: Player, other: Player | None) -> Any:
    """Record, and say what came of it; a budget that is spent ends the recording, not the evaluation."""
    try:
        session = record(order, new, other)
    except BudgetError as error:
        typer.echo(f"recording stopped: {error}", err=True)
        return None
    except KeyboardInterrupt:
        typer.echo("\nStopped. What was answered is recorded; the same command goes on with the rest.", err=True)
        raise typer.Exit(STOPPED) from None
    usage = session.usage
    typer.echo(
        f"{len(session.recorded)} cases recorded with {usage.requests} requests, ${usage.cost_usd:.4f}"
        + (f"; {len(session.left)} left out, the verdict is clear without them" if session.left else ""),
        err=True,
    )
    for case, reason in session.failed:
        typer.echo(f"no answer for {case}: {reason}", err=True)
    return session


def _write(table: Any, suite: Any, evaluations: Any, *, html: Path | None, out: Path | None) -> None:
    """The page and the lines, where they are asked for."""
    from dca.assignments import to_line, whole_file

    if out is not None:
        with whole_file(Path("/dev/stdout") if str(out) == "-" else out) as writer:
            for result in evaluations[0].results:
                if result.record is not None:
                    writer.write(to_line(result.record))
    if html is not None:
        from dca.report.sides import write_sides

        sides = zip(*(evaluation.results for evaluation in evaluations), strict=True)
        cases = [
            {
                "prompt": case.transcript.prompt,
                "reward": case.transcript.reward,
                "reference": case.transcript.reference,
                "steps": [dataclasses.asdict(step) for step in case.steps],
                "records": [result.record for result in results],
            }
            for case, results in zip(suite.cases, sides, strict=True)
        ]
        write_sides(table, cases, html, title=" against ".join(one["name"] for one in table["candidates"]))
        typer.echo(f"{html}; open it in any browser", err=True)


def _show(table: Any, *, verbose: bool) -> None:
    """Tables on standard output."""
    from dca.report.evaluation import evaluation_view

    o.show(evaluation_view(table, verbose=verbose))
