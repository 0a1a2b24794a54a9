"""`dca bench reviewer`: is this reviewer good enough, for what, at what price, and how far may it be trusted?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from dca.commands import options as o
from dca.commands.course import Course
from dca.commands.examiner import FREE, Examiner
from dca.commands.extras import extra, view
from dca.errors import InputError
from dca.reviewers import NAMES, ReviewerChoice

EXAM: Final = "What it is put through"
RESULT: Final = "What becomes of the result"
ROWS: Final = Path("bench-reviewer.jsonl")
TOLD: Final = ("true", "right", "wrong")


def reviewer(
    name: Annotated[
        str, typer.Option("--reviewer", help=f"{', '.join(NAMES)}, silent, or package.module:name of your own.")
    ] = "arithmetic",
    data: Annotated[
        list[str] | None,
        typer.Option(help="Folder, file or hub name (owner/name:split); repeatable.", rich_help_panel=EXAM),
    ] = None,
    suite: Annotated[str, typer.Option(help="A suite, a folder of cases, or none.", rich_help_panel=EXAM)] = "core",
    chains: Annotated[
        int, typer.Option(min=0, help="Rollouts whose values are known exactly.", rich_help_panel=EXAM)
    ] = 60,
    samples: Annotated[
        int, typer.Option(min=0, help="Continuations for each sampled value; 0: exact only.", rich_help_panel=EXAM)
    ] = 256,
    lists: Annotated[
        int, typer.Option(min=0, help="Generated lists to intervene on; 0: no interventions.", rich_help_panel=EXAM)
    ] = 20,
    told: Annotated[
        str,
        typer.Option(help="Outcome the reviewer is told in labelled sets: true, right, wrong.", rich_help_panel=EXAM),
    ] = "true",
    limit: Annotated[
        int | None, typer.Option(min=1, help="Draw so many rows of each labelled set.", rich_help_panel=EXAM)
    ] = None,
    seed: Annotated[int, typer.Option(help="Of what is drawn and generated.", rich_help_panel=EXAM)] = 0,
    resamples: Annotated[
        int, typer.Option(min=0, help="Of the bootstrap; 0: no intervals.", rich_help_panel=EXAM)
    ] = 500,
    rows: Annotated[
        Path | None,
        typer.Option(
            help=f"Keeps reviews as they arrive; models: {ROWS}.", rich_help_panel=RESULT, show_default=False
        ),
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Ask again for kept reviews that failed.", rich_help_panel=RESULT)
    ] = False,
    leaderboard: Annotated[
        Path | None, typer.Option(help="Add to this .json or .csv file.", rich_help_panel=RESULT)
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Quality against cost, of all in the leaderboard.", rich_help_panel=RESULT)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Everything as JSON.", rich_help_panel=RESULT)] = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Tables as Markdown.", rich_help_panel=RESULT)
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be asked and for how much; ask nothing.")
    ] = False,
    model: o.Model = None,
    base_url: o.BaseUrl = None,
    api_key_env: o.ApiKeyEnv = None,
    structured: o.Structured = "native",
    prompt: o.Prompt = "contribution/v1",
    effort: Annotated[
        list[str] | None,
        typer.Option(help="off, low, medium, high; repeat it to compare.", rich_help_panel=o.LLM),
    ] = None,
    votes: o.Votes = 1,
    budget_usd: Annotated[float | None, typer.Option(help="Stop at this cost.", rich_help_panel=o.LLM)] = None,
    budget_tokens: Annotated[int | None, typer.Option(help="The same in tokens.", rich_help_panel=o.LLM)] = None,
    max_in_flight: Annotated[int, typer.Option(min=1, help="Requests at a time.", rich_help_panel=o.LLM)] = 8,
    cache: Annotated[str | None, typer.Option(help="File of replies, or `none`.", rich_help_panel=o.LLM)] = None,
) -> None:
    """Score a reviewer against labelled sets, exact values and its own bias, with cost and seconds beside each score.

    Sets: ProcessBench, MR-Ben, BIG-Bench Mistake (where is the first mistake?), PRMBench (which steps were planted?),
    in the files their authors publish, each by its own measure; and cases with what a person expects. A task with
    exact values tells whether credits follow V_k - V_(k-1). Interventions change one thing that should not matter.
    Reviews are kept as they arrive: after Ctrl-C or a spent budget the same command goes on.

    `dca bench reviewer --reviewer arithmetic --data DIR`

    `dca bench reviewer --reviewer anthropic --model claude-haiku-5-5 --effort off --effort low --data
    Qwen/ProcessBench:gsm8k --limit 100 --budget-usd 1 --leaderboard board.json --plot board.svg`
    """
    if told not in TOLD:
        raise InputError(f"--told: expected one of {', '.join(TOLD)}, got {told!r}")
    if plot is not None and leaderboard is None:
        raise InputError("--plot draws the leaderboard: give --leaderboard too")
    choice = ReviewerChoice(
        name=name,
        model=model,
        base_url=base_url,
        api_key_env=api_key_env,
        structured=structured,
        prompt=prompt,
        votes=votes,
        budget_usd=budget_usd,
        budget_tokens=budget_tokens,
        max_in_flight=max_in_flight,
        cache=cache,
    )
    with extra("bench"):
        exam = Course(tuple(data or ()), suite, chains, samples, lists, told, limit, seed, resamples).exam()
    kept = rows if rows is not None or name in FREE else ROWS
    reports = Examiner(exam, choice, kept, retry_failed, dry_run).reports(effort or ["off"])
    if dry_run:
        return
    if leaderboard is not None:
        _enter(reports, leaderboard, told, plot)
    _say(reports, as_json=as_json, as_markdown=as_markdown)
    if any(one.left for one in reports):
        raise typer.Exit(1)


def _enter(reports: Sequence[Any], path: Path, told: str, plot: Path | None) -> None:
    """Add to the leaderboard what is finished, and draw it."""
    from dca.bench.leaderboard import entries, merged, read_board, write_board

    board = merged(read_board(path), entries(reports, told=told, date=date.today().isoformat()))
    write_board(path, board)
    typer.echo(f"{path}: {len(board)} rows", err=True)
    if plot is not None and not board:
        typer.echo(f"{plot}: nothing is finished yet, so nothing is drawn", err=True)
    elif plot is not None:
        with extra("plots"):
            from dca.bench.frontier import draw
        draw(board, plot)
        typer.echo(f"drawn: {plot}", err=True)


def _say(reports: Sequence[Any], *, as_json: bool, as_markdown: bool) -> None:
    """The tables, the licences, and what to set."""
    from dca.bench.sheet import as_json as plain
    from dca.bench.sheet import markdown, sources, tables

    if as_json:
        typer.echo(json.dumps(plain(reports), indent=1))
        return
    licences = [sources(reports)] if sources(reports).rows else []
    if as_markdown:
        typer.echo(markdown([*tables(reports), *licences]), nl=False)
    else:
        for table in (*tables(reports, brief=True), *licences):
            o.show(view(table.title, table.columns, table.rows, narrow=True))
            typer.echo()
    _advise(reports)


def _advise(reports: Sequence[Any]) -> None:
    """The line to write in the configuration, and the tasks that it was measured for."""
    from dca.bench.advice import USELESS, sorted_out

    for one in reports:
        for coef, sets in sorted_out(one.advice).items():
            tasks = ", ".join(advice.dataset for advice in sets)
            said = (
                f"DCAGRPOConfig({sets[0].line}), or --credit-coef {coef:g}, on tasks like {tasks}"
                if coef is not None
                else f"do not use it on tasks like {tasks}: there it is at {USELESS:.0%} step accuracy or below"
            )
            typer.echo(f"{one.reviewer}: {said}", err=True)
