"""Options that several commands share, each written once, and what they come to together.

It knows names and help texts; parts are built by `dca.config`.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Any

import typer

from dca import config
from dca.assignments import is_stream
from dca.errors import InputError
from dca.runs import Source
from dca.transcripts.fields import Fields

FIELDS, REWARD, CREDIT, LLM, RUN = (
    "Where the fields are",
    "The reward",
    "From judgement to credit",
    "A language model as the reviewer",
    "The run",
)

Inputs = Annotated[
    list[str],
    typer.Argument(
        help="JSONL, a JSON array, Parquet or a TRL completion log, gzipped or not; `-` is standard input."
    ),
]
Reviewed = Annotated[
    str,
    typer.Argument(
        help="A file that `dca review` wrote, or the folder a training run logs to; `-` is standard input."
    ),
]

PromptField = Annotated[
    str, typer.Option(help="Dotted path, as in `175b.solution` or `choices.0.text`.", rich_help_panel=FIELDS)
]
CompletionField = Annotated[
    str, typer.Option(help="A string, chat messages, or a list of steps.", rich_help_panel=FIELDS)
]
RewardField = Annotated[str, typer.Option(help="A number or a boolean.", rich_help_panel=FIELDS)]
IdField = Annotated[str, typer.Option(help="Where there is none: file and line.", rich_help_panel=FIELDS)]
ReferenceField = Annotated[
    str | None, typer.Option(help="The expected answer; shown to reviewers.", rich_help_panel=FIELDS)
]
Reward = Annotated[
    float | None, typer.Option(help="Pay every transcript this.", rich_help_panel=REWARD, show_default=False)
]
Grade = Annotated[
    str | None,
    typer.Option(
        help=f"Compare with the reference, pay 1 or 0: {', '.join(config.GRADERS)}.", rich_help_panel=REWARD
    ),
]
Limit = Annotated[int | None, typer.Option(min=1, help="Only the first so many.", rich_help_panel=RUN)]

Scheme = Annotated[
    str,
    typer.Option(
        "--scheme", help=f"How judgement becomes credit: {', '.join(config.SCHEMES)}.", rich_help_panel=CREDIT
    ),
]
Coefficient = Annotated[
    float,
    typer.Option("--credit-coef", min=0.0, help="How far the reviewer may tilt (share).", rich_help_panel=CREDIT),
]
SignPreserving = Annotated[
    bool,
    typer.Option("--sign-preserving", help="Never turn a step against the reward (share).", rich_help_panel=CREDIT),
]
Withhold = Annotated[
    bool,
    typer.Option("--withhold", help="Pay flagged steps at most 0; the rest goes to nobody.", rich_help_panel=CREDIT),
]
Detect = Annotated[
    str,
    typer.Option(
        help=f"Recognise verification and show, with evidence from {', '.join(config.LAYERS)} (commas between), "
        f"or {config.NO_DETECTOR}.",
        rich_help_panel=CREDIT,
    ),
]
Segment = Annotated[
    str,
    typer.Option(help="Cut by: auto, paragraph, line, sentence, tags, numbered, turns.", rich_help_panel=CREDIT),
]
MaxSteps = Annotated[
    int, typer.Option(min=1, help="Merge neighbouring steps beyond this many.", rich_help_panel=CREDIT)
]

Model = Annotated[str | None, typer.Option(help="Any model the server knows.", rich_help_panel=LLM)]
BaseUrl = Annotated[
    str | None,
    typer.Option(help="A server that speaks /v1/messages (vLLM, SGLang, llama.cpp, ...).", rich_help_panel=LLM),
]
Structured = Annotated[
    str, typer.Option(help="How the reply's form is asked for: native, tool, prompt.", rich_help_panel=LLM)
]
Prompt = Annotated[str, typer.Option(help="A name such as contribution/v1, or a path.", rich_help_panel=LLM)]
Effort = Annotated[str, typer.Option(help="How much to think: off, low, medium, high.", rich_help_panel=LLM)]
Votes = Annotated[int, typer.Option(min=1, help="Independent reviews to combine.", rich_help_panel=LLM)]
RolloutsPerRequest = Annotated[
    int, typer.Option(min=1, help="Rollouts of one prompt in a request.", rich_help_panel=LLM)
]


ApiKeyEnv = Annotated[
    str | None,
    typer.Option(help="Variable that holds the key for --base-url (never the provider's).", rich_help_panel=LLM),
]

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output, and nothing else there.")]


def source(
    inputs: list[str],
    *,
    fields: Fields,
    reward: float | None,
    grade: str | None,
    limit: int | None,
    skip_bad: bool = False,
) -> Source:
    """The transcripts that the options name."""
    if reward is not None and not math.isfinite(reward):
        raise InputError(f"--reward: expected a finite number, got {reward}")
    if reward is not None and grade is not None:
        raise InputError("--reward and --grade both say what to pay; give one of them")
    if grade is not None and fields.reference is None:
        raise InputError("--grade compares with the expected answer; say where it is with --reference-field")
    grader = config.grader(grade) if grade is not None else None
    return Source(tuple(inputs), fields, reward, grader, limit, skip_bad)


def refuse_to_replace(out: Path, *, resume: bool, overwrite: bool) -> None:
    """Reviews may have been paid for: an existing file is gone on with, or replaced on request."""
    if not is_stream(out) and out.is_file() and out.stat().st_size and not (resume or overwrite):
        raise InputError(f"{out}: there already; --resume goes on with it, --overwrite replaces it")


def say_json(value: Any, *, err: bool = False) -> None:
    """One JSON value on a line of its own: what `--json` prints."""
    typer.echo(json.dumps(value, ensure_ascii=False), err=err)


def show(view: object) -> None:
    """Draw what rich can draw, on standard output."""
    from rich.console import Console

    Console().print(view)
