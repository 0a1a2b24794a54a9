"""`dca prompts` and `dca cases` as a user meets them: from an edit to a verdict, over real HTTP and by hand."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from backends.server import Seen, Server, message
from reviewing_server import asked
from test_cli import RIGHT, Dca, Ran, dca, lines, write
from test_cli_llm import impatient

from dca.reviewers import ReviewerChoice

__all__ = ["dca"]  # a fixture, used by its name

QUESTION = (
    '{\n"problem": {{problem}},\n'
    '{{#reference}}"reference": {{reference}},\n{{/reference}}'
    '"attempts": {{attempts}}\n}\n'
)
STEPS = ["Boxes first.", "3 * 4 = 13.", "13 + 2 = 15."]


@pytest.fixture(autouse=True)
def a_quiet_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Recording is what is tested, so this is no CI; waits take no time, and the cache is the test's own."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("ANTHROPIC_BASE_URL", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(ReviewerChoice, "backend", impatient)


def suite(count: int = 3, checks: Any = ({"first_error": 1},)) -> None:
    """A suite in ./cases; every second case has a reference."""
    for k in range(count):
        folder = Path("cases") / f"case-{k:02}"
        folder.mkdir(parents=True, exist_ok=True)
        transcript = {"prompt": f"Problem {k}?", "steps": STEPS, "reward": 0, "reference": "14" if k % 2 else None}
        (folder / "transcript.json").write_text(json.dumps(transcript), "utf-8")
        expect = {"about": "A slip.", "domain": "sums", "skills": ["locate_error"], "checks": list(checks)}
        (folder / "expect.json").write_text(json.dumps(expect), "utf-8")


def prompt(name: str = "mine.md", rubric: str = "Judge the attempts.", question: str = QUESTION) -> str:
    Path(name).write_text(f"<!-- measure: contribution -->\n{rubric}\n\n<!-- user -->\n{question}", "utf-8")
    return name


def blames(step: int) -> Callable[[Seen], Any]:
    """A scripted server: it blames this step of every attempt."""

    def answer(seen: Seen) -> Any:
        said = [{"index": step, "reason": "Scripted.", "label": "error", "score": -2}]
        attempts = [{"transcript": a["transcript"], "steps": said, "shortest": [0]} for a in asked(seen)["attempts"]]
        return message(json.dumps({"attempts": attempts}))

    return answer


def record(dca: Dca, server: Server, name: str, *arguments: str) -> Ran:
    where = ("--reviewer", "anthropic", "--base-url", server.url, "--model", "local")
    return dca("prompts", "eval", name, "--suite", "cases", "--record", "missing", *where, *arguments)


def evaluated(dca: Dca, name: str, *arguments: str) -> Any:
    ran = dca("prompts", "eval", name, "--suite", "cases", "--json", *arguments)
    assert ran.status == 0, ran.err
    return json.loads(ran.out)


def test_the_arithmetic_reviewer_needs_no_recording(dca: Dca) -> None:
    """It is scored on the shipped suite at once, and beats no opinion on it."""
    ran = dca("prompts", "eval", "--reviewer", "arithmetic", "--against", "silent", "--json")
    assert ran.status == 0, ran.err
    table = json.loads(ran.out)
    assert table["candidates"][0]["marked"] == table["cases"] == 50
    assert table["comparison"]["verdict"] == "better"
    assert table["comparison"]["losses"] == 0
    assert all(quote["requests"] == 0 for quote in table["quotes"])


def test_without_recordings_the_price_is_named(dca: Dca) -> None:
    """A shipped prompt that was never recorded here: all cases are missing, and what they would cost is said."""
    ran = dca("prompts", "eval", "contribution/v1")
    assert ran.status == 0, ran.err
    assert "contribution/v1: all 50 missing in recordings\n" in ran.err
    assert re.search(
        r"50 new recordings would take about [\d,]+ tokens in and [\d,]+ out: claude-haiku-5-5 \$0\.\d+", ran.err
    )
    assert "0 of 50 cases marked" in ran.out
    assert dca("prompts", "eval", "contribution/v1", "--strict").status == 1


def test_without_recordings_the_commands_to_get_them_are_named(dca: Dca) -> None:
    """The other prompt comes first, options that change the question are kept, and the commands can be called."""
    suite()
    prompt()
    call = ("prompts", "eval", "mine.md", "--against", "contribution/v1", "--suite", "cases", "--votes", "2")
    ran = dca(*call)
    assert ran.status == 0, ran.err
    commands = [line.split()[1:] for line in ran.err.splitlines() if line.startswith("  dca ")]
    assert [command[:4] for command in commands] == [
        ["prompts", "eval", "contribution/v1", "--suite"],
        ["prompts", "eval", "mine.md", "--against"],
    ]
    assert json.loads(dca(*call, "--json").out)["commands"] == [" ".join(("dca", *command)) for command in commands]
    with Server(blames(1)) as server:
        for command in commands:
            assert command[-2:] == ["--budget-usd", "1"]
            assert dca(*command[:-2], "--base-url", server.url, "--model", "local").status == 0
        assert len(server.requests) == 12
    assert json.loads(dca(*call, "--json").out)["commands"] == []


def test_the_page_shows_what_is_said_without_recordings(dca: Dca) -> None:
    """What docs/prompts.md shows of a call without recordings is what that call prints, its last line shortened."""
    page = (Path(__file__).parents[1] / "docs" / "prompts.md").read_text("utf-8")
    block = re.search(r"^\$ (dca prompts eval [^#\n]*--suite core)\n(.*?)\n```", page, re.MULTILINE | re.DOTALL)
    assert block
    ran = dca(*block[1].split()[1:])
    shown, said = block[2].splitlines(), [*ran.out.splitlines(), *ran.err.splitlines()]
    assert shown[:-1] == said[:-1]
    assert said[-1].startswith(shown[-1].removesuffix("..."))


def test_the_loop_from_an_edit_to_a_verdict(dca: Dca) -> None:
    """Record, edit an expectation, edit a slot, edit the rubric: each costs what it must, and no more."""
    suite()
    prompt()
    with Server(blames(1)) as server:
        ran = record(dca, server, "mine.md")
        assert ran.status == 0, ran.err
        assert "3 cases recorded with 3 requests" in ran.err
        assert len(server.requests) == 3
        assert "1.000" in ran.out
        assert record(dca, server, "mine.md").status == 0
        assert len(server.requests) == 3
    suite(checks=[{"first_error": 2}])
    assert evaluated(dca, "mine.md")["candidates"][0]["mean"] == 0.0
    suite()
    prompt(question=QUESTION.replace('"reference": {', '"answer": {'))
    table = evaluated(dca, "mine.md")
    assert table["candidates"][0]["stale"] == ["case-01"]
    assert table["candidates"][0]["wanted"][0]["changed"] == ["template"]
    prompt(rubric="Judge the attempts anew.")
    ran = dca("prompts", "eval", "mine.md", "--suite", "cases")
    assert "mine.md: all 3 stale (rubric changed): case-00, case-01, case-02" in ran.err
    assert "-  Judge the attempts." in ran.err
    assert "+  Judge the attempts anew." in ran.err
    assert "3 new recordings would take about" in ran.err
    assert "mine.md: 3 left over, nothing here asks for recordings/mine/cases/case-00/" in ran.err
    with Server(blames(2)) as server:
        assert record(dca, server, "mine.md").status == 0
        assert len(server.requests) == 3
    assert evaluated(dca, "mine.md")["candidates"][0]["mean"] == 0.0


def test_two_prompts_are_compared_and_a_regression_fails(dca: Dca) -> None:
    """The better one wins, the page and the lines are written, and the worse one exits with 1."""
    suite()
    prompt("good.md")
    prompt("bad.md", "Judge them otherwise, these attempts.")
    with Server(blames(1)) as server:
        record(dca, server, "good.md", "--every")
    with Server(blames(2)) as server:
        record(dca, server, "bad.md", "--every")
    ran = dca(
        *("prompts", "eval", "good.md", "--against", "bad.md", "--suite", "cases", "-v"),
        *("--html", "sides.html", "-o", "good.jsonl", "--fail-on-regression"),
    )
    assert ran.status == 0, ran.err
    assert "3 won, 0 lost, 0 tied; difference +1.000" in ran.out
    assert "first error: step 1" in ran.out
    page = Path("sides.html").read_text("utf-8")
    assert "good.md against bad.md" in page
    assert page.count('<details class="case"') == 3
    assert [line["id"] for line in lines("good.jsonl")] == ["case-00", "case-01", "case-02"]
    assert lines("good.jsonl")[0]["raw"][-1][0] == "assistant"
    ran = dca("prompts", "eval", "bad.md", "--against", "good.md", "--suite", "cases", "--fail-on-regression")
    assert ran.status == 1
    assert "regression: the mean falls by 1.000" in ran.err
    ran = dca(
        "prompts",
        "eval",
        "bad.md",
        "--against",
        "good.md",
        "--suite",
        "cases",
        "--fail-on-regression",
        "--tolerance",
        "1",
    )
    assert ran.status == 0, ran.err


def test_recording_stops_when_the_verdict_is_clear(dca: Dca) -> None:
    """With an opponent that misses everything, one batch settles it; --every goes on."""
    suite(20)
    prompt("good.md")
    prompt("bad.md", "Judge them otherwise, these attempts.")
    with Server(blames(2)) as server:
        record(dca, server, "bad.md")
    with Server(blames(1)) as server:
        ran = record(dca, server, "good.md", "--against", "bad.md")
        assert len(server.requests) == 8
        assert "8 cases recorded with 8 requests, $0.0000; 12 left out, the verdict is clear without them" in ran.err
        ran = record(dca, server, "good.md", "--against", "bad.md", "--every", "--limit", "5")
        assert len(server.requests) == 13
        record(dca, server, "good.md", "--against", "bad.md", "--every")
        assert len(server.requests) == 20


def test_a_budget_ends_the_recording_and_not_the_evaluation(dca: Dca) -> None:
    """What was recorded until then is marked."""
    suite(6)
    prompt()
    with Server(blames(1)) as server:
        ran = record(dca, server, "mine.md", "--budget-tokens", "300", "--max-in-flight", "1")
    assert ran.status == 0, ran.err
    assert "recording stopped: " in ran.err
    assert re.search(r"mine\.md: [1-5] of 6 cases marked", ran.out)


def test_everything_can_be_asked_anew(dca: Dca) -> None:
    """With --record all the recordings are written over, one request a case; their number stays."""
    suite()
    prompt()
    with Server(blames(2)) as server:
        record(dca, server, "mine.md")
    assert evaluated(dca, "mine.md")["candidates"][0]["mean"] == 0.0
    with Server(blames(1)) as server:
        where = ("--reviewer", "anthropic", "--base-url", server.url, "--model", "local")
        ran = dca("prompts", "eval", "mine.md", "--suite", "cases", "--record", "all", *where)
        assert ran.status == 0, ran.err
        assert len(server.requests) == 3
    assert evaluated(dca, "mine.md")["candidates"][0]["mean"] == 1.0
    assert len(list(Path("recordings/mine/cases").glob("*/*.json"))) == 3


def test_ctrl_c_keeps_what_was_answered(dca: Dca) -> None:
    """Stopped by Ctrl-C it says how to go on, and the same command asks for the rest alone."""
    suite()
    prompt()
    runs: list[subprocess.Popen[str]] = []

    def answer(seen: Seen) -> Any:
        if len(server.requests) == 3:
            runs[0].send_signal(signal.SIGINT)
            runs[0].wait()
        return blames(1)(seen)

    with Server(answer) as server:
        call = [sys.executable, "-c", "from dca.cli import main; main()", "prompts", "eval", "mine.md"]
        call += ["--suite", "cases", "--record", "missing", "--max-in-flight", "1"]
        call += ["--reviewer", "anthropic", "--base-url", server.url, "--model", "local"]
        runs.append(subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True))
        said: str = runs[0].communicate()[1]
    assert runs[0].returncode == 130
    assert "Stopped. What was answered is recorded; the same command goes on with the rest." in said
    with Server(blames(1)) as server:
        assert record(dca, server, "mine.md").status == 0
        assert len(server.requests) == 1


def test_by_hand(dca: Dca) -> None:
    """The first call writes the questions, the next one reads the answers."""
    suite(2)
    prompt()
    hand = ("prompts", "eval", "mine.md", "--suite", "cases", "--record", "missing", "--reviewer", "manual:replies")
    ran = dca(*hand)
    assert ran.status == 3
    assert "2 replies are awaited in replies" in ran.err
    for file in Path("replies").glob("*.prompt.md"):
        token = re.search(r'"transcript": "([0-9a-f]{8})"', file.read_text("utf-8"))
        assert token
        said: dict[str, Any] = {"transcript": token[1], "steps": [], "shortest": []}
        file.with_name(file.name.replace(".prompt.md", ".reply.txt")).write_text(json.dumps({"attempts": [said]}))
    ran = dca(*hand, "--answered-by", "a person, in a test")
    assert ran.status == 0, ran.err
    assert "2 cases recorded" in ran.err
    assert "answered by a person, in a test (2 recordings, " in " ".join(ran.out.split())
    Path("recordings").rename("before")
    assert dca(*hand).status == 0
    found = next(Path("recordings/mine/cases/case-00").glob("*.json")).read_text("utf-8")
    assert "obtained outside, by whom unknown" in found
    ran = dca("prompts", "eval", "mine.md", "--against", "mine.md", "--suite", "cases", "--against-recordings=before")
    assert "the difference is not one of prompts alone" in " ".join(ran.out.split())


def test_in_ci_nothing_is_asked(dca: Dca, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where CI is set, --record replays, and says so where it cannot."""
    suite(2)
    prompt()
    monkeypatch.setenv("CI", "true")
    with Server(blames(1)) as server:
        ran = record(dca, server, "mine.md")
        assert ran.status == 1
        assert "CI is set, so nothing is asked and nothing recorded" in ran.err
        assert server.requests == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "say what to evaluate: a prompt such as contribution/v1, or --reviewer arithmetic"),
        (("contribution/v1", "--reviewer", "arithmetic"), "--reviewer arithmetic uses no prompt"),
        (("contribution/v1", "--reviewer", "anthropic"), "--reviewer asks only what is to be recorded"),
        (
            ("contribution/v1", "--record", "missing"),
            "--record asks a model: expected --reviewer anthropic or manual:DIR",
        ),
        (
            ("contribution/v1", "--record", "some", "--reviewer", "anthropic"),
            "--record: expected one of missing, all",
        ),
        (("contribution/v1", "--fail-on-regression"), "give --against"),
        (("contribution/v1", "--json", "-o", "-"), "both want standard output"),
        (("contribution/v9",), "cannot read the prompt 'contribution/v9'"),
        (("contribution/v1", "--suite", "nowhere"), "no suite 'nowhere'"),
        (("silent", "--record", "missing", "--reviewer", "manual:x"), "asks no model, so there is nothing to record"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(dca: Dca, arguments: tuple[str, ...], complaint: str) -> None:
    """Each misuse is one line that says what to do, and exit status 2."""
    ran = dca("prompts", "eval", *arguments)
    assert ran.status == 2
    assert complaint in ran.err
    assert ran.out == ""


def test_prompts_are_listed_shown_copied_and_linted(dca: Dca) -> None:
    """From the list to a draft of one's own, by pipe and by table."""
    assert "contribution/v1" in dca("prompts", "list").out
    listed = json.loads(dca("prompts", "list", "--json").out)
    assert {"name": "value/v1", "measure": "value"}.items() <= listed[-1].items()
    assert dca("prompts", "show", "contribution/v1").out.startswith("<!-- measure: contribution -->")
    question = dca("prompts", "show", "contribution/v1", "--case", "core/alg-two-factors").out
    assert "(x + 3)(x - 2)" in question
    assert "Reply with one JSON object" in question
    shown = json.loads(dca("prompts", "show", "value/v1", "--case", "alg-two-factors", "--json").out)
    assert shown["slots"] == ["attempts", "problem", "reference"]
    assert dca("prompts", "show", "contribution/v1", "--case", "core/none").status == 2
    ran = dca("prompts", "new", "mine.md")
    assert (ran.status, ran.out) == (0, "mine.md\n")
    assert dca("prompts", "new", "mine.md").status == 2
    assert dca("prompts", "lint", "mine.md").status == 0
    Path("mine.md").write_text("Judge.", "utf-8")
    ran = dca("prompts", "lint", "mine.md", "--json")
    assert ran.status == 1
    assert json.loads(ran.out)[0]["wrong"] is True
    assert dca("prompts", "lint").status == 0
    assert dca("prompts", "release", "mine.md").status == 2
    assert json.loads(dca("prompts", "release", "contribution/v1", "--json").out)["name"] == "contribution/v1"


def test_cases_are_listed_made_and_linted(dca: Dca) -> None:
    """From a transcript to a case that is in order, by pipe and by table."""
    assert "alg-two-factors" in dca("cases", "list").out
    staged = [
        json.loads(line) for line in dca("cases", "list", "--skill", "staged_mistake", "--json").out.splitlines()
    ]
    assert {row["id"] for row in staged} >= {"alg-two-factors", "code-slice-start"}
    assert dca("cases", "list", "core", "--skill", "flying").status == 2
    write("in.jsonl", RIGHT, {**RIGHT, "id": "second", "completion": ["1 + 1 = 2", "A: 2"]})
    ran = dca("cases", "new", "own/jars", "--from", "in.jsonl", "--id", "jars")
    assert ran.status == 0, ran.err
    assert ran.out == "  0  12 * 9 = 108\n  1  A: 108\n"
    ran = dca("cases", "lint", "own")
    assert ran.status == 1
    assert "jars: no check: say what a review must show" in ran.out
    expect = json.loads(Path("own/jars/expect.json").read_text("utf-8"))
    expect |= {"about": "Fine.", "skills": ["key_step"], "checks": [{"label": "key", "at": 0}]}
    Path("own/jars/expect.json").write_text(json.dumps(expect), "utf-8")
    ran = dca("cases", "lint", "own", "--json")
    assert (ran.status, ran.out) == (0, "")
    assert dca("cases", "new", "own/jars", "--from", "in.jsonl").status == 2
    assert dca("cases", "new", "own/none", "--from", "in.jsonl", "--id", "third").status == 2
    assert json.loads(dca("cases", "new", "own/second", "--from", "in.jsonl", "--id", "second", "--json").out)[
        "steps"
    ] == ["1 + 1 = 2\n", "A: 2"]


def test_a_case_keeps_the_steps_of_a_review(dca: Dca) -> None:
    """Made from a line of `dca review`, a case has the very steps that were reviewed."""
    row = {**RIGHT, "completion": "First.\nSecond.\nThird.\nFourth.", "reference": "108"}
    dca("review", write("in.jsonl", row), "-o", "out.jsonl", "--segment", "line", "--max-steps", "2")
    cut = [step["text"] for step in lines("out.jsonl")[0]["steps"]]
    assert len(cut) == 2
    ran = dca("cases", "new", "own/jars", "--from", "out.jsonl", "--json")
    assert ran.status == 0, ran.err
    assert json.loads(ran.out)["steps"] == cut
