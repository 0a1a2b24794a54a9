"""The command as a user meets it: what it writes, what it says, its exit status, and what it leaves behind."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from dca import __version__
from dca.cli import main
from dca.config import bundled_transcripts

SCHEMA = json.loads((Path(__file__).parents[1] / "dca" / "data" / "assignment.schema.json").read_text("utf-8"))
RIGHT = {"id": "jars", "prompt": "12 jars a crate, 9 crates?", "completion": "12 * 9 = 108\nA: 108", "reward": 1}
WRONG = {"id": "cats", "prompt": "3 cats, 4 legs?", "completion": "3 * 4 = 13\nA: 13", "reward": 0}


@dataclass(frozen=True)
class Ran:
    """What one call of the command did."""

    status: int
    out: str
    err: str


Dca = Callable[..., Ran]


@pytest.fixture
def dca(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Dca:
    """Call the command in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")

    def call(*arguments: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["dca", *arguments])
        status = 0
        try:
            main()
        except SystemExit as stop:
            status = int(stop.code or 0)
        said = capfd.readouterr()
        return Ran(status, said.out, said.err)

    return call


def write(path: str, *rows: Any) -> str:
    Path(path).write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def lines(path: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text("utf-8").splitlines()]


def test_review_keeps_the_contract(dca: Dca) -> None:
    """Each line fits the schema that is shipped; errors are blamed and the totals stay what was paid."""
    ran = dca("review", write("in.jsonl", RIGHT, WRONG), "-o", "out.jsonl")
    assert ran.status == 0, ran.err
    right, wrong = lines("out.jsonl")
    for line in (right, wrong):
        jsonschema.Draft202012Validator(SCHEMA).validate(line)
    assert sum(s["credit"] for s in right["steps"]) == pytest.approx(1.0)
    assert wrong["steps"][0]["label"] == "error"
    assert wrong["steps"][0]["credit"] < 0 < wrong["steps"][1]["credit"]
    assert "2 reviewed" in ran.err
    assert "next: dca show out.jsonl" in ran.err


def test_nested_fields_lists_of_steps_and_several_files(dca: Dca) -> None:
    """Dotted paths reach into records, lists of steps are steps as given, and files are read one after the other."""
    row = {"q": "?", "runs": [{"text": ["1 + 1 = 2", "A: 2"], "ok": True}], "key": 7}
    write("one.jsonl", row)
    Path("two.json.gz").write_bytes(gzip.compress(json.dumps([row, row]).encode()))
    paths = ("--prompt-field", "q", "--completion-field", "runs.0.text", "--reward-field", "runs.0.ok")
    ran = dca("review", "one.jsonl", "two.json.gz", "-o", "out.jsonl", *paths, "--id-field", "key")
    assert ran.status == 0, ran.err
    assert [[s["text"] for s in line["steps"]] for line in lines("out.jsonl")] == [["1 + 1 = 2\n", "A: 2"]] * 3
    assert [line["id"] for line in lines("out.jsonl")] == ["7"] * 3


def test_rewards_can_be_given_or_graded(dca: Dca) -> None:
    """Transcripts without a recorded reward are paid a fixed one, or by comparing with a reference."""
    rows = [{**row, "reward": None, "gold": {"answer": "108"}} for row in (RIGHT, WRONG)]
    write("in.jsonl", *rows)
    assert dca("review", "in.jsonl", "-o", "a.jsonl", "--reward", "-0.5").status == 0
    assert [line["reward"] for line in lines("a.jsonl")] == [-0.5, -0.5]
    for grade in ("exact", "math"):
        out = f"{grade}.jsonl"
        ran = dca("review", "in.jsonl", "-o", out, "--grade", grade, "--reference-field", "gold.answer")
        assert ran.status == 0, ran.err
        assert [(line["reward"], line["reference"]) for line in lines(out)] == [(1.0, "108"), (0.0, "108")]


def test_whatif_show_and_report(dca: Dca) -> None:
    """The stored reviews can be split anew, read in the terminal, and made into a page."""
    dca("review", write("in.jsonl", RIGHT, WRONG), "-o", "out.jsonl")
    ran = dca("whatif", "out.jsonl", "--credit-coef", "0", "-o", "flat.jsonl")
    assert ran.status == 0, ran.err
    assert "2 of 2 transcripts change" in ran.out
    assert {s["credit"] for s in lines("flat.jsonl")[1]["steps"]} == {0.0}
    assert lines("flat.jsonl")[0]["options"] == {
        "credit_coef": 0.0,
        "sign_preserving": False,
        "withhold": False,
        "segment": "auto",
        "max_steps": 64,
    }
    assert "0 of 2 transcripts change" in dca("whatif", "out.jsonl").out
    assert "3 * 4 = 13" in dca("show", "out.jsonl", "--id", "cats").out
    assert "cats" in dca("show", "out.jsonl", "--list").out
    ran = dca("report", "out.jsonl", "-o", "page.html")
    assert ran.status == 0, ran.err
    assert Path("page.html").read_text("utf-8").startswith("<!doctype html>")


def test_whatif_refuses_a_scheme_that_needs_another_measure(dca: Dca) -> None:
    """Contribution scores cannot be read as values, and the message says so."""
    dca("review", write("in.jsonl", RIGHT), "-o", "out.jsonl")
    ran = dca("whatif", "out.jsonl", "--scheme", "value_difference")
    assert ran.status == 2
    assert "needs scores that measure value, the review measures contribution" in ran.err


def test_standard_input_and_output(dca: Dca, tmp_path: Path) -> None:
    """`-` reads standard input; a device takes the output."""
    command = [sys.executable, "-m", "dca.cli"]
    text = (json.dumps(RIGHT) + "\n").encode()
    code = "import sys; from dca.cli import main; main()"
    done = subprocess.run(
        [command[0], "-c", code, "review", "-", "-o", "/dev/stdout"], input=text, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["id"] == "jars"
    ran = dca("review", write("in.jsonl", RIGHT), "-o", "-")
    assert json.loads(ran.out)["id"] == "jars"
    assert "next:" not in ran.err
    assert os.listdir() == ["in.jsonl"]


BAD = [
    # what is in the file, what the one line must say
    (b"{not json}\n", "in.jsonl:1"),
    (b'{"prompt": "p", "reward": 1}\n', "completion"),
    (b'{"prompt": "p", "completion": "", "reward": 1}\n', "completion"),
    (b'{"prompt": "p", "completion": "c", "reward": "lots"}\n', "reward"),
    (b'{"prompt": "p", "completion": "c", "reward": NaN}\n', "reward"),
    (b'{"prompt": "p", "completion": "c", "reward": 1e999}\n', "reward"),
    (b'{"prompt": "p", "completion": "c", "reward": null}\n', "reward"),
    (b"[1, 2]\n", "in.jsonl:1"),
    (b'{"prompt": "caf\xe9", "completion": "c", "reward": 1}\n', "in.jsonl:1"),
    (b"", "in.jsonl"),
]


@pytest.mark.parametrize(("content", "named"), BAD, ids=range(len(BAD)))
def test_bad_input_is_one_line_and_leaves_nothing(dca: Dca, content: bytes, named: str) -> None:
    """A bad record gives exit status 2 and one line that names file, line and field; nothing is written."""
    Path("in.jsonl").write_bytes((json.dumps(RIGHT) + "\n").encode() * bool(content) + content)
    ran = dca("review", "in.jsonl", "-o", "out.jsonl")
    assert ran.status == 2
    assert ran.out == ""
    assert ran.err.count("\n") == 1, ran.err
    assert named.replace(":1", ":2") in ran.err
    assert os.listdir() == ["in.jsonl"]


def test_a_50_mb_line_is_refused_without_being_read(dca: Dca) -> None:
    """A line past the limit gives the same kind of message."""
    with open("in.jsonl", "wb") as file:
        file.write(b'{"prompt": "')
        for _ in range(50):
            file.write(b"x" * 1_000_000)
        file.write(b'", "completion": "c", "reward": 1}\n')
    ran = dca("review", "in.jsonl", "-o", "out.jsonl")
    assert ran.status == 2
    assert re.search(r"in\.jsonl:1: .*32 MB", ran.err), ran.err
    assert not Path("out.jsonl").exists()


def test_bad_paths(dca: Dca) -> None:
    """A folder, a missing file and an output that cannot be made give one clear line and status 2."""
    write("in.jsonl", RIGHT)
    Path("folder").mkdir()
    for arguments, named in (
        (("folder", "-o", "out.jsonl"), "folder"),
        (("none.jsonl", "-o", "out.jsonl"), "none.jsonl"),
        (("in.jsonl", "-o", "no/such/out.jsonl"), "no/such/out.jsonl"),
        (("in.jsonl", "-o", "folder"), "folder"),
    ):
        ran = dca("review", *arguments)
        assert (ran.status, ran.err.count("\n")) == (2, 1), ran.err
        assert named in ran.err
    assert sorted(os.listdir()) == ["folder", "in.jsonl"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full to stand for a full disk")
def test_a_full_disk(dca: Dca) -> None:
    """A full disk gives one line and status 2."""
    ran = dca("review", write("in.jsonl", RIGHT), "-o", "/dev/full")
    assert (ran.status, ran.err.count("\n")) == (2, 1), ran.err
    assert "No space left" in ran.err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--reviewer", "oracle"), "--reviewer: expected one of arithmetic"),
        (("--scheme", "fair"), "--scheme: expected one of share, value_difference, got 'fair'"),
        (("--scheme", "value_difference"), "needs a reviewer that measures value; arithmetic measures contribution"),
        (("--segment", "words"), "--segment: expected one of auto"),
        (("--grade", "exact"), "--reference-field"),
        (("--grade", "vibes", "--reference-field", "prompt"), "--grade: expected a grader, one of exact, math"),
        (("--grade", "exact", "--reward", "1", "--reference-field", "prompt"), "give one of them"),
        (("--reward", "nan"), "--reward: expected a finite number, got nan"),
        (("--credit-coef", "nan"), "coef"),
    ],
)
def test_bad_options(dca: Dca, arguments: tuple[str, ...], named: str) -> None:
    """An option that makes no sense gives one line that says what would, and status 2."""
    ran = dca("review", write("in.jsonl", RIGHT), "-o", "out.jsonl", *arguments)
    assert ran.status == 2
    assert named in ran.err
    assert not Path("out.jsonl").exists()


def test_skip_bad_keeps_what_was_refused(dca: Dca) -> None:
    """With --skip-bad the refused records go to a side file with the reason, and the rest is reviewed."""
    Path("in.jsonl").write_text(
        json.dumps(RIGHT) + "\n{broken\n" + json.dumps({**WRONG, "reward": "?"}) + "\n" + json.dumps(WRONG) + "\n"
    )
    ran = dca("review", "in.jsonl", "-o", "out.jsonl", "--skip-bad")
    assert ran.status == 0, ran.err
    assert [line["id"] for line in lines("out.jsonl")] == ["jars", "cats"]
    refused = lines("out.jsonl.bad.jsonl")
    assert [(r["source"], r["line"]) for r in refused] == [("in.jsonl", 2), ("in.jsonl", 3)]
    assert refused[0]["record"].strip() == "{broken"
    assert "reward" in refused[1]["error"]
    assert "2 records cannot be used: see out.jsonl.bad.jsonl" in ran.err


def test_an_existing_file_is_never_replaced_unasked(dca: Dca) -> None:
    """Reviews may have been paid for: replacing them takes --overwrite."""
    write("in.jsonl", RIGHT)
    write("out.jsonl", {"precious": True})
    ran = dca("review", "in.jsonl", "-o", "out.jsonl")
    assert ran.status == 2
    assert "--resume goes on with it, --overwrite replaces it" in ran.err
    assert lines("out.jsonl") == [{"precious": True}]
    assert dca("review", "in.jsonl", "-o", "out.jsonl", "--overwrite").status == 0


def test_resume_goes_on_behind_the_last_whole_line(dca: Dca) -> None:
    """A file that was cut off anywhere is completed to exactly what one run would have written."""
    rows = [{**RIGHT, "id": str(k), "completion": f"{k} + 1 = {k + 1}\nA: {k + 1}"} for k in range(6)]
    write("in.jsonl", *rows)
    dca("review", "in.jsonl", "-o", "whole.jsonl")
    whole = Path("whole.jsonl").read_bytes()
    for cut in (0, 1, len(whole) // 3, len(whole) // 2, len(whole) - 1, len(whole)):
        Path("out.jsonl").write_bytes(whole[:cut])
        ran = dca("review", "in.jsonl", "-o", "out.jsonl", "--resume")
        assert ran.status == 0, ran.err
        assert Path("out.jsonl").read_bytes() == whole


def test_resume_refuses_another_input_or_other_settings(dca: Dca) -> None:
    """Going on with another input, scheme or segmentation would mix two runs in one file."""
    dca("review", write("in.jsonl", RIGHT, WRONG), "-o", "out.jsonl", "--limit", "1")
    before = Path("out.jsonl").read_bytes()
    for arguments in (
        ("in.jsonl", "--credit-coef", "0.1"),
        ("in.jsonl", "--segment", "line"),
        (write("b.jsonl", WRONG),),
    ):
        ran = dca("review", *arguments, "-o", "out.jsonl", "--resume")
        assert ran.status == 2
        assert "write to another file" in ran.err
        assert Path("out.jsonl").read_bytes() == before


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_run_can_be_gone_on_with(dca: Dca, how: signal.Signals) -> None:
    """Ctrl-C and kill -9 leave a file that --resume completes; no row is lost or doubled."""
    rows = [{**RIGHT, "id": str(k), "prompt": str(k)} for k in range(3000)]
    write("in.jsonl", *rows)
    code = "import sys; from dca.cli import main; main()"
    command = [sys.executable, "-c", code, "review", "in.jsonl", "-o", "out.jsonl"]
    running = subprocess.Popen(command, stderr=subprocess.PIPE)
    out = Path("out.jsonl")
    while not (out.exists() and out.stat().st_size > 20_000):
        assert running.poll() is None
        time.sleep(0.005)
    running.send_signal(how)
    _, said = running.communicate(timeout=30)
    assert running.returncode == (130 if how == signal.SIGINT else -9)
    if how == signal.SIGINT:
        assert re.search(rb"out.jsonl holds \d+ of 3000; --resume goes on with it", said)
    assert 0 < len(out.read_bytes().splitlines()) < 3000
    assert dca("review", "in.jsonl", "-o", "out.jsonl", "--resume").status == 0
    assert [line["id"] for line in lines("out.jsonl")] == [str(k) for k in range(3000)]


def test_demo(dca: Dca) -> None:
    """The demo reviews the bundled transcripts, shows them, writes a page, and says what to do next."""
    ran = dca("demo")
    assert ran.status == 0, ran.err
    count = len(bundled_transcripts().read_text("utf-8").splitlines())
    assert len(lines("demo/assignments.jsonl")) == count
    assert Path("demo/report.html").stat().st_size > 20_000
    assert "dca review YOUR.jsonl" in ran.out
    assert dca("demo").status == 0


def test_every_command_explains_itself(dca: Dca) -> None:
    """--help names every command and option with a sentence each."""
    for command in ("review", "whatif", "show", "report", "demo"):
        assert command in dca("--help").out
        assert dca(command, "--help").status == 0
    assert "--resume" in dca("review", "--help").out
    assert dca("--version").out.strip() == __version__


def test_show_of_an_unknown_id(dca: Dca) -> None:
    """An id that is not there gives one line that says how to list the ids."""
    dca("review", write("in.jsonl", RIGHT), "-o", "out.jsonl")
    ran = dca("show", "out.jsonl", "--id", "nobody")
    assert ran.status == 2
    assert "no transcript with the id 'nobody'; `dca show out.jsonl --list` names them" in ran.err
