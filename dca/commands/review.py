"""`dca review`: check the input, review it with a progress bar, and say what came of it."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from dca import config
from dca.commands import options as o
from dca.pipeline import Progress
from dca.runs import Judging, Source, check, done_rows, review_to, standard_input_kept
from dca.transcripts.fields import Fields


def review(
    inputs: o.Inputs,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the assignments go, one JSON object a line.")],
    reviewer: Annotated[
        str, typer.Option(help=f"Who judges: {', '.join(config.REVIEWERS)}.", rich_help_panel=o.CREDIT)
    ] = "arithmetic",
    scheme: o.Scheme = "share",
    credit_coef: o.Coefficient = 0.5,
    sign_preserving: o.SignPreserving = False,
    withhold: o.Withhold = False,
    segment: o.Segment = "auto",
    max_steps: o.MaxSteps = 64,
    prompt_field: o.PromptField = "prompt",
    completion_field: o.CompletionField = "completion",
    reward_field: o.RewardField = "reward",
    id_field: o.IdField = "id",
    reference_field: o.ReferenceField = None,
    reward: o.Reward = None,
    grade: o.Grade = None,
    limit: o.Limit = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with OUT.", rich_help_panel=o.RUN)] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace OUT if it is there.", rich_help_panel=o.RUN)
    ] = False,
    skip_bad: Annotated[
        bool,
        typer.Option("--skip-bad", help="Set bad records aside in OUT.bad.jsonl, go on.", rich_help_panel=o.RUN),
    ] = False,
    max_fallback_rate: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Stop when more reviews than this fail.", rich_help_panel=o.RUN)
    ] = 0.5,
) -> None:
    """Review transcripts and split each one's reward over its steps.

    The whole input is checked before anything is reviewed. Stop with Ctrl-C whenever you like: OUT stays valid, and
    `--resume` goes on where it ended.

    `dca review runs.jsonl -o out.jsonl`

    `dca review gsm8k.jsonl --prompt-field question --completion-field model.solution --reward-field model.is_correct
    -o out.jsonl`
    """
    fields = Fields(prompt_field, completion_field, reward_field, id_field, reference_field)
    chosen = o.source(inputs, fields=fields, reward=reward, grade=grade, limit=limit, skip_bad=skip_bad)
    rule = config.SchemeChoice(scheme, credit_coef, sign_preserving, withhold)
    judging = Judging(
        reviewer=config.reviewer(reviewer),
        scheme=rule.build(),
        segmenter=config.segmenter(segment, max_steps),
        options={**rule.options(), "segment": segment, "max_steps": max_steps},
        max_fallback_rate=max_fallback_rate,
    )
    o.refuse_to_replace(out, resume=resume, overwrite=overwrite)
    run(out, chosen, judging, resume=resume and out.exists())


def run(out: Path, source: Source, judging: Judging, *, resume: bool) -> Progress:
    """Check, review with a progress bar, and say what came of it."""
    from dca.report.progress import run_bar

    with standard_input_kept(source) as kept:
        refused = out.with_name(out.name + ".bad.jsonl")
        checked = check(kept, refused)
        if checked.bad:
            typer.echo(f"{checked.bad} records cannot be used: see {refused}", err=True)
        done = done_rows(out) if resume else 0
        began = time.monotonic()
        try:
            with run_bar(total=checked.good, done=done) as bar:
                progress = review_to(out, kept, judging, resume=resume, on_progress=bar)
        except KeyboardInterrupt:
            typer.echo(
                f"\nStopped. {out} holds {done_rows(out)} of {checked.good}; --resume goes on with it.", err=True
            )
            sys.stderr.flush()
            os._exit(130)  # nobody waits for reviews still under way
    _say(out, progress, time.monotonic() - began)
    return progress


def _say(out: Path, progress: Progress, took: float) -> None:
    """What was done, what it cost, and what to do next."""
    cost = f", ${progress.usage.cost_usd:.4f}" if progress.usage.requests else ""
    rate = f"{progress.done / max(took, 1e-9):,.0f} a second"
    typer.echo(
        f"{progress.done:,} reviewed in {took:.1f} s ({rate}), {progress.fallbacks:,} fell back{cost} -> {out}",
        err=True,
    )
    page = out.with_suffix(".html")
    typer.echo(f"next: dca show {out}   dca report {out} -o {page}   dca whatif {out} --credit-coef 0.25", err=True)
