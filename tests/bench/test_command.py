"""`dca bench detector` as a user meets it: tables, JSON, Markdown, a picture, and complaints that say what to do."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from dca.cli import main
from dca.config import bundled_transcripts
from dca.types import Detection, Finding, Review, Step, Transcript


@dataclass(frozen=True)
class Ran:
    """What one call of the command did."""

    status: int
    out: str
    err: str


Dca = Callable[..., Ran]


class LastStep:
    """A detector for the tests: the last step but one is a needless check."""

    def detect(self, transcript: Transcript, steps: tuple[Step, ...], review: Review, /) -> Detection:
        k = max(0, len(steps) - 2)
        return Detection((k,), (Finding("needless_check", (k,), 0.9),))


@pytest.fixture
def dca(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Dca:
    """Call the command in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setitem(sys.modules, "bench_test_detector", sys.modules[__name__])

    def call(*arguments: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["dca", "bench", "detector", *arguments])
        status = 0
        try:
            main()
        except SystemExit as stop:
            status = int(stop.code or 0)
        said = capfd.readouterr()
        return Ran(status, said.out, said.err)

    return call


BUNDLED = str(bundled_transcripts())
QUICK = ("--resamples", "0", "--no-baselines")


def test_siblings_stand_beside_the_text_where_there_are_groups(dca: Dca, tmp_path: Path) -> None:
    """Rows that name their group bring the layer of siblings to the tables, and other rows do not."""
    steps = ["48 / 2 = 24.", "48 + 24 = 72.", "Check: 72 - 24 = 48.", "A: 72"]
    truth = [{"verification": k == 2, "needless": k == 2} for k in range(4)]
    row = {"prompt": "48 clips, then half?", "completion": steps, "reward": 1, "truth": truth, "group": "g"}
    path = tmp_path / "groups.jsonl"
    path.write_text((json.dumps(row) + "\n") * 9, "utf-8")
    found = json.loads(dca(str(path), *QUICK, "--json").out)
    recalls = {s["judge"]: s["measures"]["recall"]["value"] for s in found["scores"] if s["question"] == "needless"}
    assert recalls == {"transcript": 0.0, "transcript,siblings": 1.0}
    assert "siblings" not in dca(BUNDLED, *QUICK).out


def test_the_bundled_transcripts_can_be_benched(dca: Dca) -> None:
    """Tables for all three questions, with the default detector and the rules of thumb."""
    ran = dca(BUNDLED, "--resamples", "5")
    assert ran.status == 0, ran.err
    for question in ("is this step verification?", "is this check needless?", "is this mistake staged?"):
        assert question in ran.out
    for judge in ("transcript", "regex", "no new number", "after first candidate", "13 features"):
        assert judge in ran.out


def test_several_detectors_and_json(dca: Dca) -> None:
    """Detectors by name and by dotted path stand side by side; JSON holds every figure."""
    ran = dca(BUNDLED, "-d", "arithmetic", "-d", "bench_test_detector:LastStep", "--json", *QUICK)
    assert ran.status == 0, ran.err
    data = json.loads(ran.out)
    assert {s["judge"] for s in data["scores"]} == {"arithmetic labels", "bench_test_detector:LastStep"}
    assert {s["question"] for s in data["scores"]} == {"verification", "needless", "staged"}


def test_markdown_and_a_picture(dca: Dca, tmp_path: Path) -> None:
    """Markdown goes to standard output and the picture to its file."""
    ran = dca(BUNDLED, "-d", "arithmetic", "--markdown", "--plot", "a.svg", *QUICK)
    assert ran.status == 0, ran.err
    assert ran.out.startswith("**transcripts: is this step verification?")
    assert "<svg" in (tmp_path / "a.svg").read_text("utf-8")


def test_an_empty_call_says_what_to_give(dca: Dca) -> None:
    """Without files and without --data there is nothing to score: one line says so."""
    ran = dca()
    assert ran.status == 2
    assert "expected labelled files, or --data" in ran.err


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nobody", "expected none, or some of transcript, siblings, reviewer"),
        ("none", "expected a detector, got 'none'"),
        ("no.such.module:X", "expected package.module:name"),
        ("bench_test_detector:QUICK", "has no method `detect`"),
    ],
)
def test_a_detector_that_is_none_is_refused(dca: Dca, name: str, said: str) -> None:
    """A name that leads to no detector is refused with what was expected."""
    ran = dca(BUNDLED, "-d", name, *QUICK)
    assert ran.status == 2
    assert said in ran.err


def test_a_row_without_truth_is_refused(dca: Dca, tmp_path: Path) -> None:
    """An unlabelled file is refused with file, line and field."""
    (tmp_path / "runs.jsonl").write_text(json.dumps({"prompt": "p", "completion": "c", "reward": 1}) + "\n", "utf-8")
    ran = dca("runs.jsonl", *QUICK)
    assert ran.status == 2
    assert "runs.jsonl:1: truth: expected" in ran.err


def test_help_shows_an_example(dca: Dca) -> None:
    """Help teaches the form of a labelled row and a call."""
    ran = dca("--help")
    assert ran.status == 0
    assert "dca bench detector planted.jsonl" in ran.out
    assert "needless" in ran.out
