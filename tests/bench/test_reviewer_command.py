"""`dca bench reviewer` as a user meets it: tables, JSON, a leaderboard, a budget, Ctrl-C, and complaints."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from backends.server import Seen, Server, message
from reviewing_server import asked
from test_cli import Dca, dca, write
from test_cli_llm import impatient

from dca.reviewers import ReviewerChoice

__all__ = ["dca"]  # a fixture, used by its name

SMALL = ("--samples", "0", "--chains", "2", "--lists", "1", "--suite", "none", "--resamples", "10")
NONE = ("--samples", "0", "--chains", "0", "--lists", "0", "--suite", "none", "--resamples", "10")


def solved(k: int) -> dict[str, Any]:
    """A record of ProcessBench; every second one has a false sum."""
    total = 2 * k + (10 if k % 2 else 0)
    return {
        "id": f"gsm8k-{k}",
        "problem": f"{k} twos?",
        "steps": [f"{k} twos.", f"{k} * 2 = {total}.", f"A: {total}"],
        "label": 1 if k % 2 else -1,
        "final_answer_correct": not k % 2,
    }


def a_set(count: int = 6) -> str:
    return write("set.jsonl", *(solved(k + 20) for k in range(count)))


def blaming(step: int) -> Any:
    """A scripted server: it blames this step of every attempt."""

    def answer(seen: Seen) -> Any:
        said = [{"index": step, "reason": "Scripted.", "label": "error", "score": -2}]
        attempts = [{"transcript": a["transcript"], "steps": said, "shortest": [0]} for a in asked(seen)["attempts"]]
        return message(json.dumps({"attempts": attempts}))

    return answer


@pytest.fixture(autouse=True)
def a_quiet_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Waits take no time, and the cache is the test's own."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("ANTHROPIC_BASE_URL", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(ReviewerChoice, "backend", impatient)


def test_the_arithmetic_reviewer_finds_false_sums(dca: Dca) -> None:
    """It scores 1 on false sums, says what to set, and leaves no file behind."""
    ran = dca("bench", "reviewer", "--data", a_set(60), *SMALL)
    assert ran.status == 0, ran.err
    assert "F1 1.000" in ran.out
    assert "Apache-2.0" in ran.out
    assert "DCAGRPOConfig(credit_coef=0.5), or --credit-coef 0.5, on tasks like processbench gsm8k" in ran.err
    assert [path.name for path in Path().iterdir()] == ["set.jsonl"]


def test_json_holds_everything(dca: Dca) -> None:
    """Results, agreements, effects and advice, each with its numbers, and cost and seconds beside the results."""
    ran = dca("bench", "reviewer", "--data", a_set(), *SMALL, "--json")
    (one,) = json.loads(ran.out)["reviewers"]
    (result,) = one["results"]
    assert (result["dataset"], result["rows"], result["measures"]["f1"]["value"]) == ("processbench gsm8k", 6, 1.0)
    assert result["spent"].keys() == {"usd", "seconds", "reviews", "failed", "void"}
    assert [agreement["truth"] for agreement in one["agreements"]] == ["exact"]
    assert {effect["kind"]: effect["measures"]["touched"]["value"] for effect in one["effects"]}["padding"] == 0.0
    assert one["advice"][0]["line"] == ""
    assert one["left"] == 0


def test_markdown_and_silence(dca: Dca) -> None:
    """No opinion at all is a reviewer too, and Markdown has the tables in full."""
    ran = dca("bench", "reviewer", "--reviewer", "silent", "--data", a_set(), *NONE, "--markdown")
    assert "| processbench gsm8k | 6 | F1 0 |" in ran.out
    assert "| ProcessBench | arXiv 2412.06559 | Apache-2.0 | Qwen/ProcessBench |" in ran.out


def test_the_suite_counts_as_prompts_eval_does(dca: Dca) -> None:
    """The mean over the cases that come with DCA is the one that `dca prompts eval` prints."""
    options = [*SMALL, "--json"]
    options[options.index("none")] = "core"
    (one,) = json.loads(dca("bench", "reviewer", *options).out)["reviewers"]
    evaluated = json.loads(dca("prompts", "eval", "--reviewer", "arithmetic", "--json").out)
    mean = evaluated["candidates"][0]["mean"]
    assert one["results"][-1]["measures"]["score"]["value"] == pytest.approx(mean)


def test_a_leaderboard_accumulates_and_is_drawn(dca: Dca) -> None:
    """A second reviewer joins the first, as JSON or CSV, and the picture is of both."""
    pytest.importorskip("matplotlib")
    data = a_set()
    for name in ("arithmetic", "silent", "silent"):
        ran = dca("bench", "reviewer", "--reviewer", name, "--data", data, *NONE, "--leaderboard", "board.csv")
        assert ran.status == 0, ran.err
    with open("board.csv", encoding="utf-8") as file:
        assert [(row["reviewer"], row["value"]) for row in csv.DictReader(file)] == [
            ("arithmetic", "1.0"),
            ("silent", "0.0"),
        ]
    dca("bench", "reviewer", "--data", data, *NONE, "--leaderboard", "board.csv", "--plot", "board.svg")
    assert Path("board.svg").read_text("utf-8").startswith("<?xml")


def test_a_model_is_asked_once_and_compared_by_effort(dca: Dca) -> None:
    """Two efforts are two rows; the forecast comes first, and a second run asks nothing."""
    with Server(blaming(1)) as server:
        call = ("bench", "reviewer", "--reviewer", "anthropic", "--base-url", server.url, "--model", "local")
        call += ("--data", a_set(4), *NONE, "--cache", "none", "--effort", "off", "--effort", "low")
        first = dca(*call, "--json")
        sent = len(server.requests)
        again = dca(*call, "--json")
    assert (sent, len(server.requests)) == (8, 8)
    assert "4 reviews to come: about" in first.err
    assert "0 reviews to come" in again.err
    assert [one["effort"] for one in json.loads(first.out)["reviewers"]] == ["off", "low"]
    assert json.loads(first.out) == json.loads(again.out)
    assert len(Path("bench-reviewer.jsonl").read_text("utf-8").splitlines()) == 8


def test_a_budget_stops_it_and_the_same_command_goes_on(dca: Dca) -> None:
    """What was paid for is kept and scored, the rest is counted, and the exit status says that it is not all."""
    with Server(blaming(1)) as server:
        call = ("bench", "reviewer", "--reviewer", "anthropic", "--base-url", server.url, "--model", "local")
        call += ("--data", a_set(6), *NONE, "--cache", "none", "--max-in-flight", "1", "--json")
        stopped = dca(*call, "--budget-tokens", "1", "--leaderboard", "board.json")
        finished = dca(*call)
    assert stopped.status == 1
    assert "5 of 6 reviews are left: the same command goes on with bench-reviewer.jsonl" in stopped.err
    assert json.loads(stopped.out)["reviewers"][0]["left"] == 5
    assert json.loads(Path("board.json").read_text("utf-8"))["rows"] == []
    assert (finished.status, len(server.requests)) == (0, 6)


def test_a_dry_run_asks_nothing(dca: Dca) -> None:
    """It says how much is to come and for how much, and leaves no file."""
    with Server(blaming(1)) as server:
        call = ("bench", "reviewer", "--reviewer", "anthropic", "--base-url", server.url)
        call += ("--model", "claude-haiku-5-5")
        ran = dca(*call, "--data", a_set(4), *NONE, "--dry-run")
    assert (ran.status, server.requests, ran.out) == (0, [], "")
    assert "4 reviews to come: about" in ran.err
    assert "about $0.0" in ran.err
    assert not Path("bench-reviewer.jsonl").exists()


def test_ctrl_c_loses_nothing(tmp_path: Path) -> None:
    """Stopped by Ctrl-C, it says how to go on; the same command then asks one's own reviewer for the rest."""
    (tmp_path / "mine.py").write_text(
        "import os\n"
        "from dca.types import Review\n"
        "class Mine:\n"
        "    in_process = True\n"
        "    asked = 0\n"
        "    def review(self, transcript, steps):\n"
        "        Mine.asked += 1\n"
        "        if Mine.asked > int(os.environ['STOP']):\n"
        "            raise KeyboardInterrupt\n"
        "        return Review((0.0,) * len(steps))\n",
        "utf-8",
    )
    (tmp_path / "set.jsonl").write_text("".join(json.dumps(solved(k)) + "\n" for k in range(5)), "utf-8")
    command = [
        sys.executable,
        "-c",
        "from dca.cli import main; main()",
        "bench",
        "reviewer",
        "--reviewer",
        "mine:Mine",
    ]
    command += ["--data", "set.jsonl", *NONE]

    def run(stop: int) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "PYTHONPATH": str(tmp_path), "STOP": str(stop)}
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)

    first, second = run(3), run(2)
    assert first.returncode == 130
    assert "2 of 5 reviews are left: the same command goes on with bench-reviewer.jsonl" in first.stderr
    assert (second.returncode, second.stderr.count("2 reviews to come")) == (0, 1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--told", "perhaps"), "--told: expected one of true, right, wrong"),
        (("--plot", "x.svg"), "give --leaderboard too"),
        (("--data", "nowhere"), "nowhere: expected a file or folder"),
        (("--reviewer", "no.such:Thing"), "--reviewer: expected package.module:name"),
        (("--reviewer", "json:dumps"), "'json:dumps' cannot be made without arguments"),
        (("--reviewer", "json:JSONEncoder"), "'json:JSONEncoder' has no method `review`"),
        (("--reviewer", "nobody"), "--reviewer: expected one of arithmetic"),
    ],
)
def test_complaints_say_what_to_do(dca: Dca, options: tuple[str, ...], said: str) -> None:
    """An option that cannot be used ends with status 2 and one line."""
    ran = dca("bench", "reviewer", *NONE, *options)
    assert ran.status == 2, ran.err
    assert said in ran.err


def test_help_has_examples(dca: Dca) -> None:
    """The help shows a command for a folder and one for a model."""
    ran = dca("bench", "reviewer", "--help")
    assert "dca bench reviewer --reviewer arithmetic --data DIR" in ran.out
    assert "Qwen/ProcessBench:gsm8k" in ran.out
