"""`dca bench`: how good is a detector on labelled data, and how much better than rules of thumb?"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from dca import config
from dca.commands import options as o
from dca.commands.examination import reviewer
from dca.commands.extras import extra, view
from dca.errors import InputError
from dca.protocols import Detector

bench = typer.Typer(
    help="Score what judges transcripts against labelled data: a reviewer, or a detector of show.\n\n"
    "`dca bench reviewer --reviewer arithmetic`",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


@bench.callback()
def _bench() -> None:
    """Score what judges transcripts against labelled data."""


bench.command()(reviewer)


@bench.command()
def detector(
    files: Annotated[list[str] | None, typer.Argument(help="Labelled JSONL; see below.", show_default=False)] = None,
    data: Annotated[
        Path | None, typer.Option(help="A folder with PRMBench's redundancy and circularity files.")
    ] = None,
    detectors: Annotated[
        list[str] | None,
        typer.Option(
            "--detector",
            "-d",
            help=f"Layers ({','.join(config.LAYERS)}), `arithmetic`, or package.module:name; repeatable. Default: "
            "`transcript`, and `transcript,siblings` beside it where rows name their group.",
        ),
    ] = None,
    baselines: Annotated[bool, typer.Option(help="Score the four cheap rules beside it.")] = True,
    reviewed: Annotated[
        bool, typer.Option("--reviewed", help="Give detectors the arithmetic reviewer's reviews to look at.")
    ] = False,
    resamples: Annotated[int, typer.Option(min=0, help="Bootstrap resamples, by problem; 0: no intervals.")] = 500,
    seed: Annotated[int, typer.Option(help="Deals the folds and draws the resamples.")] = 0,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many of each set.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Everything as JSON on standard output.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="The tables as Markdown.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw AUC with intervals (.svg, .png, .pdf).")] = None,
) -> None:
    """Score detectors of show: precision, recall, F1, AUC, AP and TPR*TNR, with intervals by problem.

    Three questions are scored apart: is this step verification (recall matters), is this check needless, is this
    mistake staged (precision matters)? Four cheap baselines stand beside each detector; one of them is fitted, and is
    also scored on families, writers and sets that it never saw.

    A labelled row is a transcript with its steps, and what is known of each; null is not scored:

    `{"prompt": "6 * 7?", "completion": ["6 * 7 = 42", "Again: 6 * 7 = 42", "42"], "reward": 1, "metadata": {"truth":
    [{"verification": false, "needless": false}, {"verification": true, "needless": true}, {"verification": false}]}}`

    `python benchmarks/plant.py --gsm8k DIR -o planted.jsonl` writes such a file.

    `dca bench detector planted.jsonl --data DIR --plot detector.svg`

    `dca bench detector planted.jsonl -d my.module:MyDetector --json > mine.json`
    """
    from dca.bench.labelled import labelled_files
    from dca.bench.prmbench import prmbench

    if not files and data is None:
        raise InputError(
            "expected labelled files, or --data with the folder of PRMBench; see dca bench detector --help"
        )
    with extra():
        from dca.bench.detector import bench as measure
        from dca.bench.judges import RULES
        from dca.bench.surface import SurfaceModel
        from dca.bench.tables import as_json as plain
        from dca.bench.tables import markdown, tables
    datasets = {**labelled_files(files or []), **(prmbench(data) if data is not None else {})}
    grouped = any(row.group for rows in datasets.values() for row in rows)
    names = detectors or ["transcript", *(["transcript,siblings"] if grouped else [])]
    judges: list[Any] = [_judge(name, reviewed=reviewed) for name in names]
    found = measure(
        {name: rows[:limit] for name, rows in datasets.items()},
        judges + list(RULES if baselines else ()),
        surface=SurfaceModel(seed=seed) if baselines else None,
        resamples=resamples,
        seed=seed,
        on_judged=lambda name, judge: typer.echo(f"{name}: {judge}", err=True),
    )
    if as_json:
        json.dump(plain(found), sys.stdout, indent=1)
        typer.echo()
    elif as_markdown:
        typer.echo(markdown(found), nl=False)
    else:
        for table in tables(found):
            o.show(view(table.title, table.columns, table.rows))
    if plot is not None:
        with extra("plots"):
            from dca.bench.plot import plot as draw
        draw(found, plot)
        typer.echo(f"drawn: {plot}", err=True)


def _judge(name: str, *, reviewed: bool) -> Any:
    """A detector by name or by dotted path, ready to be benched."""
    from dca.bench.judges import DetectorJudge, Labels
    from dca.review.arithmetic import ArithmeticReviewer

    reviewer = ArithmeticReviewer() if reviewed else None
    if name == "arithmetic":
        return DetectorJudge("arithmetic labels", Labels(ArithmeticReviewer()))
    if ":" in name:
        return DetectorJudge(name, _loaded(name), reviewer)
    built = config.DetectorChoice(name).build()
    if built is None:
        raise InputError(f"--detector: expected a detector, got {name!r}; leave the option out for `transcript`")
    return DetectorJudge(name, built, reviewer)


def _loaded(path: str) -> Detector:
    """What stands at ``package.module:name``: a detector, or a class or function that makes one."""
    module, _, attribute = path.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(f"--detector: expected package.module:name, got {path!r} ({error})") from error
    made = found() if isinstance(found, type) or (callable(found) and not hasattr(found, "detect")) else found
    if not hasattr(made, "detect"):
        raise InputError(f"--detector: {path!r} has no method `detect`; see dca.protocols.Detector")
    return cast(Detector, made)
