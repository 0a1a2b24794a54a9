"""`dca diff` and `dca export` as a user meets them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from backends.server import Server
from reviewing_server import good
from test_cli import RIGHT, WRONG, Dca, dca, lines, write
from test_cli_llm import impatient
from test_cli_prompts import blames, prompt, record, suite

from dca.reviewers import ReviewerChoice

__all__ = ["dca"]  # a fixture, used by its name


@pytest.fixture(autouse=True)
def a_quiet_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No CI, no waits, a cache of the test's own."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("ANTHROPIC_BASE_URL", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(ReviewerChoice, "backend", impatient)


def changed(row: dict[str, Any], **step: Any) -> dict[str, Any]:
    """A line whose first step is judged otherwise; the credits stay, so that the ledger balances."""
    return {**row, "steps": [{**row["steps"][0], **step}, *row["steps"][1:]]}


def two_runs(dca: Dca) -> list[dict[str, Any]]:
    dca("review", write("in.jsonl", RIGHT, WRONG), "-o", "a.jsonl")
    return lines("a.jsonl")


def test_what_changed_is_listed_most_changed_first(dca: Dca) -> None:
    """Two runs of the same reviewer are the same; an edited one shows its steps, by table and by pipe."""
    right, wrong = two_runs(dca)
    ran = dca("diff", "a.jsonl", "a.jsonl", "--fail-on-regression")
    assert ran.status == 0, ran.err
    assert "0 of 2 transcripts change" in ran.out
    write("b.jsonl", changed(right, score=0.5), changed(wrong, label="filler", score=0.5))
    ran = dca("diff", "a.jsonl", "b.jsonl")
    assert "2 of 2 transcripts change; 1 steps carry another label" in ran.out
    assert ran.out.index("cats") < ran.out.index("jars")
    assert "error → filler" in ran.out
    rows = [json.loads(line) for line in dca("diff", "a.jsonl", "b.jsonl", "--json").out.splitlines()]
    assert {row["id"] for row in rows[:-1]} == {"jars", "cats"}
    assert rows[-1]["transcripts"] == 2
    assert rows[-1]["regression"] == ""
    assert dca("diff", "a.jsonl", "b.jsonl", "--fail-on-regression").status == 0


@pytest.mark.parametrize("kind", ["lost", "missing"])
def test_a_review_or_a_row_that_is_lost_fails(dca: Dca, kind: str) -> None:
    """A row that fell back, and one that is not there any more, are regressions."""
    right, wrong = two_runs(dca)
    write("b.jsonl", *([{**right, "fallback": "ReplyError: no"}, wrong] if kind == "lost" else [right]))
    assert dca("diff", "a.jsonl", "b.jsonl").status == 0
    ran = dca("diff", "a.jsonl", "b.jsonl", "--fail-on-regression")
    assert ran.status == 1
    assert "regression: 1 transcripts" in ran.err
    assert dca("diff", "b.jsonl", "a.jsonl", "--fail-on-regression").status == 0


def test_runs_over_a_suite_are_held_against_its_expectations(dca: Dca) -> None:
    """With --suite the mean scores of both runs are told, and a lower one fails."""
    suite()
    for name, step in (("good", 1), ("bad", 2)):
        prompt(f"{name}.md", f"Judge {name} attempts.")
        with Server(blames(step)) as server:
            record(dca, server, f"{name}.md", "-o", f"{name}.jsonl")
    ran = dca("diff", "good.jsonl", "bad.jsonl", "--suite", "cases", "--fail-on-regression")
    assert ran.status == 1
    assert "Mean score on the suite: 1.000, then 0.000." in " ".join(ran.out.split())
    assert "the mean score on the suite falls from 1.000 to 0.000" in ran.err
    assert dca("diff", "bad.jsonl", "good.jsonl", "--suite", "cases", "--fail-on-regression").status == 0
    two_runs(dca)
    ran = dca("diff", "a.jsonl", "a.jsonl", "--suite", "cases", "--fail-on-regression")
    assert "no case of the suite is in both runs" in ran.err


def test_two_standard_inputs_are_refused(dca: Dca) -> None:
    """There is one standard input."""
    assert dca("diff", "-", "-").status == 2


def test_kept_replies_are_exported(dca: Dca) -> None:
    """Rows for TRL from what --keep-raw kept, to a file and to a pipe."""
    with Server(good) as server:
        where = ("--reviewer", "anthropic", "--base-url", server.url, "--model", "local", "--keep-raw")
        assert dca("review", write("in.jsonl", RIGHT, WRONG), "-o", "raw.jsonl", *where).status == 0
    ran = dca("export", "raw.jsonl", "-o", "sft.jsonl", "--json")
    assert ran.status == 0, ran.err
    assert json.loads(ran.out) == {"lines": 2, "kept": 2, "scored": 0, "written": 2}
    assert [list(row) for row in lines("sft.jsonl")] == [["prompt", "completion"]] * 2
    assert dca("export", "raw.jsonl", "-o", "sft.jsonl").status == 2
    assert dca("export", "raw.jsonl", "-o", "sft.jsonl", "--overwrite").status == 0
    piped = dca("export", "raw.jsonl")
    assert [json.loads(line) for line in piped.out.splitlines()] == lines("sft.jsonl")
    assert "2 sft rows from 2 lines" in piped.err


def test_better_and_worse_replies_are_exported_as_pairs(dca: Dca) -> None:
    """Two runs of one prompt over a suite, by two models, make preference rows; so does a least score for sft."""
    suite()
    prompt()
    for name, step in (("good", 1), ("bad", 2)):
        with Server(blames(step)) as server:
            record(dca, server, "mine.md", "-o", f"{name}.jsonl", "--recordings", name)
    ran = dca("export", "good.jsonl", "bad.jsonl", "--format", "preference", "--suite", "cases", "-o", "pairs.jsonl")
    assert ran.status == 0, ran.err
    pairs = lines("pairs.jsonl")
    assert [list(row) for row in pairs] == [["prompt", "chosen", "rejected"]] * 3
    assert all('"index": 1' in row["chosen"][0]["content"] for row in pairs)
    assert all('"index": 2' in row["rejected"][0]["content"] for row in pairs)
    ran = dca("export", "good.jsonl", "bad.jsonl", "--suite", "cases", "--at-least", "0.9")
    assert len(ran.out.splitlines()) == 3
    ran = dca("export", "good.jsonl", "--format", "preference", "--suite", "cases")
    assert (ran.status, ran.out) == (0, "")
    assert "nothing to train on: no two replies to one and the same prompt are 0.2 or more apart" in ran.err
    assert "no reply earns 0.9 or more" in dca("export", "bad.jsonl", "--suite", "cases", "--at-least", "0.9").err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--format", "dpo"), "--format: expected one of sft, preference, got 'dpo'"),
        (("--format", "preference"), "--format preference must know which reply is better"),
        (("--at-least", "0.5"), "--at-least must know which reply is better"),
        ((), "no prompt and reply kept in any line; review with --keep-raw"),
    ],
)
def test_what_cannot_be_exported_is_refused(dca: Dca, arguments: tuple[str, ...], complaint: str) -> None:
    """Each misuse says what to do."""
    two_runs(dca)
    ran = dca("export", "a.jsonl", *arguments)
    assert ran.status == 2
    assert complaint in ran.err
