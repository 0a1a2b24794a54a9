"""The tables of evaluations and differences: everything there is to say, and nothing that acts on a terminal."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console, RenderableType

from dca.report.difference import difference_view
from dca.report.evaluation import cases_view, evaluation_view, versions_view

USAGE = {"requests": 2, "input_tokens": 1200, "cache_read_tokens": 0, "cache_write_tokens": 0, "output_tokens": 90}
HOSTILE = "[red]x[/red]\x1b[31m\u202e"


def drawn(view: RenderableType, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(view)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def candidate(name: str, mean: float | None = 0.75) -> dict[str, Any]:
    interval = None if mean is None else [0.5, 1.0]
    usage = {**USAGE, "cost_usd": 0.0125}
    return {
        "name": name,
        "marked": 2,
        "mean": mean,
        "interval": interval,
        "perfect": 1,
        "failed": ["b"],
        "answerers": [{"by": f"{name}'s model", "recordings": 2, "first": "2026-01-02", "last": "2026-01-03"}],
        "usage": usage,
    }


def table(*names: str) -> dict[str, Any]:
    checks = [
        {"check": "step 1: error", "marks": [0.5, 1.0][: len(names)]},
        {"check": "no step: filler", "marks": [1.0, 1.0][: len(names)]},
    ]
    both = len(names) == 2
    scores = [0.5, 1.0][: len(names)]
    rows = [
        {
            "case": "a",
            "scores": scores,
            "states": ["marked"] * len(names),
            "notes": [""],
            "difference": -0.5 if both else None,
        },
        {
            "case": "b",
            "scores": [1.0, None][: len(names)],
            "states": ["failed", "stale"][: len(names)],
            "notes": [HOSTILE],
            "difference": None,
        },
    ]
    comparison = {
        "cases": 1,
        "wins": 0,
        "losses": 1,
        "ties": 0,
        "mean": -0.5,
        "interval": [-0.5, -0.5],
        "verdict": "worse",
        "same_answerers": False,
    }
    return {
        "suite": "small",
        "cases": 2,
        "silent": 0.25,
        "candidates": [candidate(name) for name in names],
        "rows": [{**row, "checks": checks} for row in rows],
        "skills": [{"name": "key_step", "cases": 2, "marked": 1, "means": scores}],
        "domains": [],
        "comparison": comparison if both else None,
    }


def test_one_reviewer_alone() -> None:
    """Scores by case, a failed review marked as one, means by skill, the cost, and the floor."""
    said = drawn(evaluation_view(table("mine")))
    assert "0.50" in said
    assert "1.00!" in said
    assert "key step 1 of 2" in " ".join(said.split())
    assert "mine: 2 of 2 cases marked; mean 0.750 (95 % interval 0.500 to 1.000); 1 in full" in " ".join(said.split())
    assert "answered by mine's model (2 recordings, 2026-01-02 to 2026-01-03)" in " ".join(said.split())
    assert "recorded with 2 requests, 1.2k tokens in, 90 out, $0.0125" in " ".join(said.split())
    assert "a review without any opinion earns 0.250" in said
    assert "step 1: error" not in said


def test_two_reviewers_and_their_checks() -> None:
    """Differences are signed, why a case has no score is said, and with verbose the checks not earned stand below."""
    said = drawn(evaluation_view(table("new", "old"), verbose=True))
    assert "−0.50" in said
    assert "stale" in said
    assert said.count("step 1: error") == 2
    assert "no step: filler" not in said
    assert "0 won, 1 lost, 0 tied; difference −0.500 (95 % interval −0.500 to −0.500): worse" in " ".join(
        said.split()
    )


def test_different_reviewers_are_no_test_of_prompts() -> None:
    """Where not the same answered for both, the difference is not called one of prompts."""
    two = table("new", "old")
    warned = "not the same reviewers answered both: the difference is not one of prompts alone"
    assert warned in drawn(evaluation_view(two))
    two["comparison"]["same_answerers"] = True
    assert warned not in drawn(evaluation_view(two))


def test_without_a_mark_there_is_no_table() -> None:
    """Where nothing could be marked, rows of nothing are left out."""
    none = table("mine")
    none["candidates"][0] |= {"marked": 0, "mean": None, "interval": None, "answerers": []}
    said = drawn(evaluation_view(none))
    assert "by skill" not in said
    assert "mine: 0 of 2 cases marked" in said


def test_nothing_acts_on_the_terminal() -> None:
    """Names and notes are shown as they are spelled: no markup, no escape, no override."""
    said = drawn(evaluation_view(table(HOSTILE, "old")), 300)
    assert "[red]x[/red]⟨U+001B⟩[31m⟨U+202E⟩" in said
    assert "\x1b" not in said
    step = {"index": 1, "text": HOSTILE, "labels": (None, "error"), "scores": (0.0, -1.0), "links": (None, 0)}
    row = {"id": HOSTILE, "reward": 1.0, "moved": 0.5, "relabelled": 1, "fallbacks": (None, HOSTILE), "steps": [step]}
    other = drawn(difference_view([{**row, "comparable": True}], "All.", steps=3), 300)
    assert other.count("[red]x[/red]⟨U+001B⟩[31m⟨U+202E⟩") == 3
    assert "\x1b" not in other


def test_differences_are_listed_with_their_steps() -> None:
    """A transcript's line, its steps as far as wanted, and what is to be said where there are none."""
    steps = [
        {"index": k, "text": f"Step {k}.", "labels": ("key", "key"), "scores": (1.0, 0.5), "links": (None, None)}
        for k in range(3)
    ]
    row = {"id": "a", "reward": 1.0, "moved": 0.25, "relabelled": 0, "fallbacks": (None, None), "steps": steps}
    lost = {**row, "id": "b", "steps": [], "fallbacks": (None, "ReplyError: no")}
    cut = {**row, "id": "c", "steps": []}
    rows = [{**row, "comparable": True}, {**lost, "comparable": True}, {**cut, "comparable": False}]
    said = drawn(difference_view(rows, "3 of 3 change.", steps=2))
    assert "a  reward 1, scores moved by 0.250, 0 relabelled" in said
    assert "+1.00 → +0.50" in said
    assert "Step 1." in said
    assert "Step 2." not in said
    assert "and 1 more" in said
    assert "no review any more: ReplyError: no" in said
    assert "cut this transcript differently" in said
    assert said.rstrip().endswith("3 of 3 change.")


def test_cases_and_prompts_are_listed() -> None:
    """What a case probes and for which skills; what a prompt's scores mean and whether it is released."""
    case = {
        "id": "sum",
        "domain": "tool_use",
        "skills": ["key_step"],
        "reward": 0.5,
        "steps": 3,
        "checks": ["a", "b"],
    }
    said = drawn(cases_view([{**case, "about": "One thing."}]))
    assert "sum" in said
    assert "One thing." in said
    assert "tool use, key step" in said
    prompt = {"name": "judge/v1", "measure": "value", "state": "draft", "tokens": 1234, "slots": ["problem"]}
    assert "1,234" in drawn(versions_view([{**prompt, "digest": "ab" * 32}]))
