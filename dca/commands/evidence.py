"""What `--detect policy` needs on a command line: its options, and the forecast of what asking a model will cost.

It knows names, help texts and counts; the models are loaded by `dca.config`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from itertools import islice
from typing import Annotated, Any, Final

import typer

from dca.protocols import Detector, Segmenter
from dca.types import Transcript

PANEL: Final = "The policy's own probabilities"
SAMPLE: Final = 200
"""Rollouts that a forecast counts; what they need is scaled up."""

Policy = Annotated[
    str | None,
    typer.Option(
        help="With --detect policy: the model that wrote the transcripts, a folder or a name on the hub.",
        rich_help_panel=PANEL,
    ),
]
Reference = Annotated[
    str | None,
    typer.Option(help="The model it was trained from: knows which slips were learned.", rich_help_panel=PANEL),
]
PolicySamples = Annotated[
    int,
    typer.Option(min=0, help="Continuations for each probe; 0 asks for probabilities only.", rich_help_panel=PANEL),
]


def foretold(
    detector: Detector | None, transcripts: Iterable[Transcript], cut: Segmenter, *, count: int, sample: int = SAMPLE
) -> list[dict[str, Any]]:
    """What a detector will ask of its models, one entry a model; empty where it asks none.

    Args:
        detector: Any.
        transcripts: The first `sample` are counted.
        cut: How they are cut into steps.
        count: How many there are.
        sample: How many are counted.
    """
    models = getattr(detector, "models", ())
    if not models or count < 1:
        return []
    totals: list[Any] = [None] * len(models)
    seen = 0
    for transcript in islice(transcripts, min(sample, count)):
        seen += 1
        for n, (model, asked) in enumerate(_asked(detector, transcript, cut)):
            own = model.forecast(asked)
            totals[n] = own if totals[n] is None else totals[n] + own
    if not seen:
        return []
    names = ("policy", "reference")
    found = [total.times(count / seen) for total in totals]
    return [
        {"model": name, "rollouts": count, "counted": seen, **asdict(one), "said": str(one)}
        for name, one in zip(names, found, strict=False)
    ]


def _asked(detector: Any, transcript: Transcript, cut: Segmenter) -> list[tuple[Any, Any]]:
    """Each model with the questions it can answer about a rollout; one that some model cannot read is left out."""
    for model in detector.models:
        model.know((transcript,))
    pairs = list(zip(detector.models, detector.questions(transcript, cut(transcript)), strict=True))
    return pairs if not any(model.obstacle(asked) for model, asked in pairs) else []


def say_forecast(found: Iterable[dict[str, Any]]) -> None:
    """A forecast in words, on standard error."""
    for one in found:
        basis = "" if one["counted"] == one["rollouts"] else f", counted on the first {one['counted']:,}"
        typer.echo(f"asking the {one['model']} about {one['rollouts']:,} rollouts: {one['said']}{basis}", err=True)


def say_skipped(detector: Detector | None) -> None:
    """How many rollouts had no policy evidence, and why; nothing where all had."""
    for reason, count in sorted(getattr(detector, "skipped", {}).items()):
        typer.echo(f"no policy evidence for {count:,} rollouts: {reason}", err=True)
