"""`dca review --detect`: findings with their evidence reach the file, the terminal and the page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dca.cli import app
from dca.config import DetectorChoice
from dca.errors import InputError
from dca.performativity.detect import TranscriptDetector

RUN = CliRunner()
STEPS = [
    "7 * 18 = 126 rolls.",
    "126 - 26 = 100 rolls.",
    "Let me double-check: 7 * 18 = 126.",
    "100 / 4 = 25.",
    "A: 25",
]
PROMPT = "7 trays of 18 rolls, 26 kept, bags of 4?"
TRIED = [*STEPS[:2], "100 / 4 = 25.", "25 * 4 = 100.", "A: 25"]


def written(folder: Path, rows: list[list[str]]) -> str:
    """A file of rollouts of one prompt."""
    path = folder / "runs.jsonl"
    lines = [{"id": str(n), "prompt": PROMPT, "completion": row, "reward": 1} for n, row in enumerate(rows)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return str(path)


def reviewed(folder: Path, rows: list[list[str]], *options: str) -> list[dict[str, object]]:
    """The assignments that the command writes."""
    out = folder / "out.jsonl"
    done = RUN.invoke(app, ["review", written(folder, rows), "-o", str(out), "--overwrite", *options])
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in out.read_text("utf-8").splitlines()]


def kinds(row: dict[str, object]) -> list[tuple[str, list[int]]]:
    return [(finding["kind"], finding["steps"]) for finding in row["findings"]]  # type: ignore[attr-defined]


def test_transcript_evidence_is_the_default(tmp_path: Path) -> None:
    """Without the option the text is looked at; `none` looks at nothing."""
    (row,) = reviewed(tmp_path, [STEPS])
    assert kinds(row) == [("needless_check", [2])]
    assert row["options"]["detect"] == "transcript"  # type: ignore[index]
    (row,) = reviewed(tmp_path, [STEPS], "--detect", "none")
    assert kinds(row) == []
    assert "detect" not in row["options"]  # type: ignore[operator]


def test_rows_of_one_prompt_are_siblings(tmp_path: Path) -> None:
    """With siblings, the rows of one prompt settle what one row alone leaves open."""
    rows = [[*STEPS[:2], "100 / 4 = 25.", "A: 25"]] * 8 + [TRIED]
    assert kinds(reviewed(tmp_path, rows)[-1]) == []
    found = reviewed(tmp_path, rows, "--detect", "transcript,siblings")[-1]
    assert kinds(found) == [("needless_check", [3])]


def test_findings_are_shown_beside_the_steps(tmp_path: Path) -> None:
    """The terminal and the page show each finding with its evidence."""
    reviewed(tmp_path, [STEPS])
    out = str(tmp_path / "out.jsonl")
    shown = RUN.invoke(app, ["show", out], env={"COLUMNS": "160"}).output
    assert "! needless check in step 2" in shown
    assert "transcript: " in shown
    assert RUN.invoke(app, ["report", out, "-o", str(tmp_path / "out.html")]).exit_code == 0
    assert "a program certifies what it looks at" in (tmp_path / "out.html").read_text("utf-8")


@pytest.mark.parametrize("layers", ["words", "transcript,words", ""])
def test_unknown_layers_are_refused(layers: str) -> None:
    """A layer that the command line cannot give is refused with what it can."""
    with pytest.raises(InputError, match="--detect: expected none"):
        DetectorChoice(layers).build()


def test_layers_by_name() -> None:
    """The transcript is always looked at."""
    detector = DetectorChoice("siblings, reviewer").build()
    assert isinstance(detector, TranscriptDetector)
    assert detector.layers == ("transcript", "siblings", "reviewer")
