"""`dca drift` as a user meets it: folders of a run, panels, probes, what it writes, and what it refuses."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dca import ArithmeticReviewer, Transcript, assign_credit
from dca.assignments import to_record
from dca.cli import main
from dca.performativity.observation import prompt_key

PLAIN = ("3 + 4 = 7\n7 * 2 = 14\nA: 14", 1.0)
CHECK = ("3 + 4 = 7\nLet me check: 3 + 4 = 7\n7 * 2 = 14\nA: 14", 1.0)
CAUGHT = ("3 + 4 = 8\nWait, that is wrong: 3 + 4 = 7\n7 * 2 = 14\nA: 14", 1.0)

Dca = Callable[..., tuple[int, str, str]]


@pytest.fixture
def dca(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Dca:
    """Call the command in this process, in an empty folder: status, output, errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["dca", *arguments])
        status = 0
        try:
            main()
        except SystemExit as stop:
            status = int(stop.code or 0)
        return status, *capfd.readouterr()

    return call


def row(text: tuple[str, float], step: int | None, prompt: str) -> str:
    done = assign_credit(Transcript(prompt, text[0], text[1], id="x"), ArithmeticReviewer())
    return json.dumps({**to_record(done), **({} if step is None else {"train_step": step})}) + "\n"


def log(folder: str, *, steps: int = 6, name: str = "assignments-rank0.jsonl") -> Path:
    """A run that checks once a rollout from its fifth step on, and never before."""
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    texts = [(CAUGHT, PLAIN) if step < 4 else (CHECK, CAUGHT) for step in range(steps)]
    rows = [row(text, step, f"{step}-{p}") for step in range(steps) for p in range(8) for text in texts[step]]
    (path / name).write_text("".join(rows))
    return path


def test_a_runs_folder_is_judged_and_drawn(dca: Dca) -> None:
    """The table, the page and the alarm come from the folder that a run logs to."""
    log("run/dca")
    status, out, err = dca("drift", "run/dca", "--window", "2", "--patience", "1", "-o", "drift.html")
    assert status == 0, err
    assert "96 rollouts of 48 prompts, training steps 0 to 5" in out
    assert "checks a rollout" in out
    assert "steps 4 to 5: needless checks" in out
    assert "drawn: drift.html" in err
    assert "Drift of run" in Path("drift.html").read_text("utf-8")
    assert dca("drift", "run/dca", "-o", "drift.svg")[0] == 0
    assert Path("drift.svg").read_text("utf-8").startswith("<svg")


def test_json_holds_everything(dca: Dca) -> None:
    """Points, changes and alarms can be read by another program, the same on every call."""
    log("run/dca")
    status, out, _ = dca("drift", "run/dca", "--window", "2", "--json")
    assert status == 0
    found = json.loads(out)
    checks = next(one for one in found["statistics"] if one["name"] == "check_rate")
    assert [point["value"] for point in checks["points"]] == [0.5] * 4 + [1.0] * 2
    assert [window["first"] for window in found["windows"]] == [2, 4]
    assert dca("drift", "run/dca", "--window", "2", "--json")[1] == out


def test_a_panel_takes_evaluations_too(dca: Dca) -> None:
    """With a panel only its prompts count, in training and in evaluation; prompts may be rows or bare strings."""
    folder = log("run/dca")
    log("run/dca", steps=2, name="evaluation-rank0.jsonl")
    assert json.loads(dca("drift", "run/dca", "--json")[1])["rollouts"] == 96
    Path("panel.jsonl").write_text('{"prompt": "0-0"}\n\n"5-1"\n')
    status, out, err = dca("drift", str(folder), "--panel", "panel.jsonl", "--json")
    assert status == 0, err
    assert json.loads(out)["rollouts"] == 2 * 2 + 2


def test_probes_beside_the_log_are_counted(dca: Dca) -> None:
    """What audits left is joined by step; a line that is still being written waits."""
    folder = log("run/dca")
    said = {"train_step": 5, "prompt_key": prompt_key("5-0"), "counts": {"planted": 8.0, "caught": 2.0}}
    (folder / "probes-rank0.jsonl").write_text(json.dumps(said) + '\n{"train_step": 5')
    found = json.loads(dca("drift", "run/dca", "--json")[1])
    power = next(one for one in found["statistics"] if one["name"] == "power")
    assert [point["value"] for point in power["points"]][-1] == 0.25
    assert found["prompts"] == 48
    (folder / "probes-rank0.jsonl").write_text('{"train_step": 5}\n')
    status, _, err = dca("drift", "run/dca")
    assert status == 2
    assert "probes-rank0.jsonl:1: expected counts of a probe" in err


@pytest.mark.parametrize(
    ("panel", "complaint"),
    [
        ("", "expected prompts, got an empty file"),
        ("{", "panel.jsonl:1: expected JSON"),
        ('{"question": "?"}', "panel.jsonl:1: prompt: expected a string"),
        ('{"prompt": "unknown"}', "expected rollouts of several training steps, got 0"),
    ],
)
def test_a_panel_that_cannot_be_used_is_refused(dca: Dca, panel: str, complaint: str) -> None:
    """The message names file and line."""
    log("run/dca")
    Path("panel.jsonl").write_text(panel)
    status, _, err = dca("drift", "run/dca", "--panel", "panel.jsonl")
    assert status == 2
    assert complaint in err


def test_a_file_without_training_steps_is_refused(dca: Dca) -> None:
    """What `dca review` wrote has no time in it, and the message says what does."""
    Path("out.jsonl").write_text(row(PLAIN, None, "?"))
    status, _, err = dca("drift", "out.jsonl")
    assert status == 2
    assert "got 1; give the folder `dca` in the output folder of a training run" in err


def test_help_teaches_with_an_example(dca: Dca) -> None:
    """The help shows a command that can be typed."""
    status, out, _ = dca("drift", "--help")
    assert status == 0
    assert "dca drift OUTPUT_DIR/dca -o drift.html" in out


def test_a_single_file_of_a_run_will_do(dca: Dca) -> None:
    """One rank's file is read by itself."""
    folder = log("run/dca")
    found: dict[str, Any] = json.loads(dca("drift", str(folder / "assignments-rank0.jsonl"), "--json")[1])
    assert found["steps"] == [0, 5]
