"""`dca review`: check the input, review it with a progress bar, and say what came of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from dca import config
from dca.assignments import is_stream
from dca.commands import evidence as e
from dca.commands import options as o
from dca.errors import RunError
from dca.pipeline import Progress
from dca.reviewers import NAMES, Opened, ReviewerChoice
from dca.runs import Checked, Judging, Source, awaited, check, done_rows, review_to, standard_input_kept
from dca.transcripts.fields import Fields

STOPPED = 130
"""The exit status of a run that Ctrl-C stopped."""


def review(
    inputs: o.Inputs,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Where the assignments go, one JSON object a line; `-` is stdout.")
    ],
    reviewer: Annotated[
        str, typer.Option(help=f"Who judges: {', '.join(NAMES)}.", rich_help_panel=o.CREDIT)
    ] = "arithmetic",
    scheme: o.Scheme = "share",
    credit_coef: o.Coefficient = 0.5,
    sign_preserving: o.SignPreserving = False,
    withhold: o.Withhold = False,
    detect: o.Detect = "transcript",
    policy: e.Policy = None,
    reference: e.Reference = None,
    policy_samples: e.PolicySamples = 8,
    segment: o.Segment = "auto",
    max_steps: o.MaxSteps = 64,
    prompt_field: o.PromptField = "prompt",
    completion_field: o.CompletionField = "completion",
    reward_field: o.RewardField = "reward",
    id_field: o.IdField = "id",
    reference_field: o.ReferenceField = None,
    reward: o.Reward = None,
    grade: o.Grade = None,
    model: o.Model = None,
    base_url: o.BaseUrl = None,
    api_key_env: o.ApiKeyEnv = None,
    structured: o.Structured = "native",
    prompt: o.Prompt = "contribution/v1",
    effort: o.Effort = "off",
    votes: o.Votes = 1,
    rollouts_per_request: o.RolloutsPerRequest = 1,
    budget_usd: Annotated[
        float | None, typer.Option(help="Stop cleanly when so much is spent.", rich_help_panel=o.LLM)
    ] = None,
    budget_tokens: Annotated[int | None, typer.Option(help="The same in tokens.", rich_help_panel=o.LLM)] = None,
    max_in_flight: Annotated[int, typer.Option(min=1, help="Requests at a time.", rich_help_panel=o.LLM)] = 32,
    cache: Annotated[
        str | None,
        typer.Option(
            help="File that remembers replies, or `none`; default: in your cache folder.", rich_help_panel=o.LLM
        ),
    ] = None,
    record: Annotated[
        Path | None, typer.Option(help="Write requests and replies down here, for replay.", rich_help_panel=o.LLM)
    ] = None,
    redact: Annotated[
        str | None, typer.Option(help="package.module:function that rewrites texts first.", rich_help_panel=o.LLM)
    ] = None,
    keep_raw: Annotated[
        bool, typer.Option("--keep-raw", help="Keep prompt and raw reply in OUT.", rich_help_panel=o.LLM)
    ] = False,
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
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Say as JSON what was done; on stderr if OUT is stdout.", rich_help_panel=o.RUN),
    ] = False,
) -> None:
    """Review transcripts and split each one's reward over its steps.

    The whole input is checked before anything is reviewed. Stop with Ctrl-C whenever you like: OUT stays valid, and
    `--resume` goes on where it ended.

    `dca review runs.jsonl -o out.jsonl`

    `dca review gsm8k.jsonl --prompt-field question --completion-field model.solution --reward-field model.is_correct
    -o out.jsonl`
    """
    out = Path("/dev/stdout") if str(out) == "-" else out
    o.refuse_to_replace(out, resume=resume, overwrite=overwrite)
    fields = Fields(prompt_field, completion_field, reward_field, id_field, reference_field)
    chosen = o.source(inputs, fields=fields, reward=reward, grade=grade, limit=limit, skip_bad=skip_bad)
    rule = config.SchemeChoice(scheme, credit_coef, sign_preserving, withhold)
    detector = config.DetectorChoice(detect, policy, reference, policy_samples)
    detector.check()
    choice = ReviewerChoice(
        name=reviewer,
        model=model,
        base_url=base_url,
        api_key_env=api_key_env,
        structured=structured,
        prompt=prompt,
        effort=effort,
        votes=votes,
        rollouts_per_request=rollouts_per_request,
        budget_usd=budget_usd,
        budget_tokens=budget_tokens,
        max_in_flight=max_in_flight,
        cache=cache,
        record=record,
        redact=redact,
        keep_raw=keep_raw,
    )
    with choice.open() as opened:
        judging = Judging(
            reviewer=opened.reviewer,
            scheme=rule.build(),
            segmenter=config.segmenter(segment, max_steps),
            options={**rule.options(), **detector.options(), "segment": segment, "max_steps": max_steps},
            detector=detector.build(),
            max_in_flight=max_in_flight if opened.waits else 1,
            max_fallback_rate=max_fallback_rate,
        )
        going_on = resume and not is_stream(out) and out.exists()
        run(out, chosen, judging, opened, resume=going_on, as_json=as_json)
    if is_stream(out) or as_json:
        return
    page = out.with_suffix(".html")
    typer.echo(f"next: dca show {out}   dca report {out} -o {page}   dca whatif {out} --credit-coef 0.25", err=True)


def run(out: Path, source: Source, judging: Judging, opened: Opened, *, resume: bool, as_json: bool = False) -> None:
    """Check, review with a progress bar, and say what came of it."""
    with standard_input_kept(source) as kept:
        checked = _check(out, kept)
        if opened.prompts is not None:
            _wait_for_replies(kept, judging, opened.prompts)
        if opened.notice:
            typer.echo(opened.notice, err=True)
        left = checked.good - (done_rows(out) if resume else 0)
        e.say_forecast(e.foretold(judging.detector, kept.transcripts(grade=False), judging.segmenter, count=left))
        began = time.monotonic()
        progress = _with_bar(out, kept, judging, total=checked.good, resume=resume)
    took = time.monotonic() - began
    if as_json:
        o.say_json(_summary(out, progress, opened.refusals(), took), err=is_stream(out))
    else:
        _say(out, progress, opened.refusals(), took)
    e.say_skipped(judging.detector)


def _check(out: Path, source: Source) -> Checked:
    """Read the whole input before anything is spent."""
    refused = Path(f"{out.name if is_stream(out) else out}.bad.jsonl")  # beside OUT, but not among the devices
    checked = check(source, refused)
    if checked.bad:
        typer.echo(f"{checked.bad} records cannot be used: see {refused}", err=True)
    return checked


def _wait_for_replies(source: Source, judging: Judging, prompts: Path) -> None:
    """Stop, with what to do, while a person still has prompts to answer."""
    waiting = awaited(source, judging)
    if waiting:
        typer.echo(
            f"{waiting} replies are awaited. For each NAME.prompt.md in {prompts}, give the text to whoever shall "
            f"review, save the answer beside it as NAME.reply.txt, and run the same command again.",
            err=True,
        )
        raise typer.Exit(3)


def _with_bar(out: Path, source: Source, judging: Judging, *, total: int, resume: bool) -> Progress:
    """Review; Ctrl-C leaves a file that can be gone on with."""
    from dca.report.progress import run_bar

    try:
        with run_bar(total=total, done=done_rows(out) if resume else 0) as bar:
            return review_to(out, source, judging, resume=resume, on_progress=bar)
    except RunError:
        if not is_stream(out) and 0 < done_rows(out) < total:
            typer.echo(f"{out} holds {done_rows(out)} of {total} rows; --resume goes on with it.", err=True)
        raise
    except KeyboardInterrupt:
        typer.echo(f"\nStopped. {out} holds {done_rows(out)} of {total}; --resume goes on with it.", err=True)
        raise typer.Exit(STOPPED) from None


def _summary(out: Path, progress: Progress, refusals: Mapping[str, int], took: float) -> dict[str, Any]:
    """What `_say` says, as plain values."""
    counts = {"reviewed": progress.done, "fallbacks": progress.fallbacks, "seconds": took}
    return {"out": str(out), **counts, "usage": asdict(progress.usage), "refused": dict(refusals)}


def _say(out: Path, progress: Progress, refusals: Mapping[str, int], took: float) -> None:
    """What was done, and what it cost."""
    usage = progress.usage
    rate = f"{progress.done / max(took, 1e-9):,.0f} a second"
    typer.echo(
        f"{progress.done:,} reviewed in {took:.1f} s ({rate}), {progress.fallbacks:,} fell back -> {out}", err=True
    )
    if usage.requests or usage.reused:
        read = f"{usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens:,} tokens in"
        typer.echo(
            f"{usage.requests:,} requests, {usage.reused:,} answers reused, {read} "
            f"({usage.cache_read_tokens:,} from its cache), {usage.output_tokens:,} out, ${usage.cost_usd:.4f}",
            err=True,
        )
    if refusals:
        typer.echo("refused: " + ", ".join(f"{kind} {n}" for kind, n in sorted(refusals.items())), err=True)
