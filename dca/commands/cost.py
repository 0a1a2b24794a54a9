"""`dca estimate`: what a review would cost, before anything is spent."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from dca import config
from dca.commands import evidence as e
from dca.commands import options as o
from dca.errors import InputError
from dca.runs import Source, standard_input_kept
from dca.transcripts.fields import Fields

DEFAULT_MODELS = ("claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5")


def estimate(
    inputs: o.Inputs,
    model: Annotated[
        list[str] | None, typer.Option(help=f"May be given often; default: {', '.join(DEFAULT_MODELS)}.")
    ] = None,
    prompt: o.Prompt = "contribution/v1",
    effort: o.Effort = "off",
    votes: o.Votes = 1,
    rollouts_per_request: o.RolloutsPerRequest = 8,
    segment: o.Segment = "auto",
    max_steps: o.MaxSteps = 64,
    prompt_field: o.PromptField = "prompt",
    completion_field: o.CompletionField = "completion",
    reference_field: o.ReferenceField = None,
    policy: e.Policy = None,
    reference: e.Reference = None,
    policy_samples: e.PolicySamples = 8,
    limit: o.Limit = None,
    sample: Annotated[int, typer.Option(min=1, help="Count the tokens of at most so many, and scale up.")] = 1000,
    as_json: o.AsJson = False,
) -> None:
    """Forecast tokens and dollars of a review by a language model; sends nothing.

    Compares the ways of asking, with and without the provider's prompt cache. Tokens are estimated to within about
    a tenth; what a reply takes is an assumption (30 % of the steps listed, no thinking unless --effort says so).
    With --policy also what `dca review --detect transcript,policy` would ask of that model; its weights are not read.

    `dca estimate runs.jsonl --model claude-haiku-5-5`
    """
    from dca.backends.prices import load_prices
    from dca.backends.scripted import ScriptedBackend
    from dca.estimate import scaled, shapes
    from dca.report.costs import costs, costs_view
    from dca.review.llm import LLMReviewer

    fields = Fields(prompt_field, completion_field, reference=reference_field)
    source = Source(tuple(inputs), fields, reward=0.0, limit=limit)
    cut = config.segmenter(segment, max_steps)
    with standard_input_kept(source) as kept:
        rows = [(transcript, cut(transcript)) for transcript in islice(kept.transcripts(), sample)]
        count = sum(1 for _ in kept.transcripts())
    if not rows:
        raise InputError(f"{', '.join(inputs)}: no transcript to estimate")
    layers = "transcript" if policy is None and reference is None else "transcript,policy"
    detector = config.DetectorChoice(layers, policy, reference, policy_samples).build(weights=False)
    asked = e.foretold(detector, (transcript for transcript, _ in rows), cut, count=count)
    single = LLMReviewer(ScriptedBackend([]), prompt, effort=effort, votes=votes)
    grouped = LLMReviewer(
        ScriptedBackend([]), prompt, effort=effort, votes=votes, rollouts_per_request=rollouts_per_request
    )
    table = load_prices()
    forecasts = scaled(shapes(single, grouped, rows), count / len(rows))
    prices = {name: table.price(name) for name in model or DEFAULT_MODELS}
    if as_json:
        mean_steps = sum(len(steps) for _, steps in rows) / len(rows)
        told = {"rollouts": count, "steps_each": mean_steps, "prices_of": table.date}
        o.say_json({**told, "ways": costs(forecasts, prices), **({"policy": asked} if asked else {})})
        return
    o.show(costs_view(forecasts, prices))
    typer.echo(
        f"{count:,} rollouts, {sum(len(steps) for _, steps in rows) / len(rows):.1f} steps each; "
        f"list prices of {table.date}. Batches, discounts and your own servers cost less; retries cost more.",
        err=True,
    )
    e.say_forecast(asked)
