"""`dca demo`: the main job on the transcripts that come with DCA, offline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dca import config
from dca.assignments import read_assignments
from dca.commands import options as o
from dca.commands.review import run
from dca.reviewers import ReviewerChoice
from dca.runs import Judging, Source


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="A folder for what the demo writes.")] = Path("demo"),
    as_json: Annotated[bool, typer.Option("--json", help="Say what was written as JSON.")] = False,
) -> None:
    """Review the bundled transcripts with the arithmetic reviewer: offline, no key, no model.

    `dca demo -o demo`
    """
    from dca.report.page import write_page
    from dca.report.terminal import summary_view, transcript_view

    out.mkdir(parents=True, exist_ok=True)
    file, page = out / "assignments.jsonl", out / "report.html"
    rule = config.SchemeChoice()
    detector = config.DetectorChoice()
    settings = {**rule.options(), **detector.options(), "segment": "auto", "max_steps": 64}
    with ReviewerChoice().open() as opened:
        judging = Judging(
            opened.reviewer, rule.build(), config.segmenter("auto", 64), settings, detector=detector.build()
        )
        run(file, Source((str(config.bundled_transcripts()),)), judging, opened, resume=False)
    records = list(read_assignments(str(file)))
    write_page(records, page, title="DCA demo", source=file.name)
    if as_json:
        o.say_json({"transcripts": len(records), "assignments": str(file), "page": str(page)})
        return
    o.show(summary_view(records))
    o.show(transcript_view(next(r for r in records if r["id"] == config.DEMO_TRANSCRIPT)))
    typer.echo(
        f"\nWrote {file} and {page}. Open the page in a browser; then try your own transcripts:\n"
        f"  dca review YOUR.jsonl --prompt-field F --completion-field F --reward-field F -o out.jsonl\n"
        f"  dca report out.jsonl -o out.html"
    )
