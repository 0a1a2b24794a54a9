"""Kept prompts and replies as rows for TRL, and how good a reply must be to become one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from scripts import finds_it, load, misses_it, reply, says_nothing, write_suite

from dca.assignments import to_record
from dca.backends.scripted import Answer, ScriptedBackend
from dca.errors import InputError, RefusedError
from dca.messages import Request
from dca.pipeline import assign_credit
from dca.review.llm import LLMReviewer
from dca.suites.case import Suite
from dca.suites.datasets import Kept, kept, preference_rows, sft_rows


@pytest.fixture(name="suite")
def small_suite(tmp_path: Path) -> Suite:
    return load(write_suite(tmp_path / "small", 2))


def lines(suite: Suite, script: Any, **options: Any) -> list[dict[str, Any]]:
    reviewer = LLMReviewer(ScriptedBackend(script), **{"keep_raw": True, **options})
    return [to_record(assign_credit(case.transcript, reviewer)) for case in suite.cases]


def usable(suite: Suite, *runs: list[dict[str, Any]]) -> list[Kept]:
    cases = {case.name: case for case in suite.cases}
    return [one for run in runs for record in run if (one := kept(record, cases)) is not None]


def test_a_kept_reply_becomes_a_row_of_prompt_and_completion(suite: Suite) -> None:
    """The prompt holds the rubric and the question, the completion the raw reply, word for word."""
    run = lines(suite, finds_it)
    rows = list(sft_rows(usable(suite, run)))
    assert [[turn["role"] for turn in row["prompt"]] for row in rows] == [["system", "user"]] * 2
    assert [row["completion"] for row in rows] == [
        [{"role": "assistant", "content": record["raw"][-1][1]}] for record in run
    ]
    assert rows[0]["prompt"][0]["content"] == run[0]["raw"][0][1]


def test_only_replies_that_are_good_enough_become_rows(suite: Suite) -> None:
    """With a least score, replies below it or judged by nobody are left out; the same reply counts once."""
    replies = usable(suite, lines(suite, finds_it), lines(suite, misses_it), lines(suite, finds_it))
    assert sorted(one.score or 0.0 for one in replies) == [0.0, 0.0, 1.0, 1.0, 1.0, 1.0]
    assert len(list(sft_rows(replies, at_least=0.9))) == 2
    assert len(list(sft_rows(replies))) == 4
    unknown = [one for record in lines(suite, finds_it) if (one := kept(record, {})) is not None]
    assert [one.score for one in unknown] == [None, None]
    assert list(sft_rows(unknown, at_least=0.0)) == []


def test_the_better_reply_is_chosen(suite: Suite) -> None:
    """Two replies to the same prompt make a row when they are far enough apart."""
    replies = usable(suite, lines(suite, misses_it), lines(suite, finds_it), lines(suite, says_nothing))
    rows = list(preference_rows(replies, margin=0.5))
    assert len(rows) == 2 * 2  # found against missed, and found against nothing, for each case
    for row in rows:
        assert '"index": 1, "reason": "Scripted.", "label": "error"' in row["chosen"][0]["content"]
        assert row["rejected"][0]["content"] != row["chosen"][0]["content"]
        assert [turn["role"] for turn in row["prompt"]] == ["system", "user"]
    assert len(list(preference_rows(replies, margin=0.2))) == 2 * 3
    assert list(preference_rows(replies, margin=1.01)) == []
    assert list(preference_rows(usable(suite, lines(suite, finds_it)), margin=0.1)) == []


def test_replies_to_different_prompts_are_never_paired(suite: Suite, tmp_path: Path) -> None:
    """Another rubric is another prompt."""
    other = tmp_path / "other.md"
    other.write_text(
        "<!-- measure: contribution -->\nJudge attempts.\n<!-- user -->\n"
        '{"problem": {{problem}}, "attempts": {{attempts}}}\n'
    )
    replies = usable(suite, lines(suite, finds_it), lines(suite, misses_it, prompt=other))
    assert list(preference_rows(replies, margin=0.1)) == []


def test_lines_without_a_usable_reply_are_left_out(suite: Suite) -> None:
    """Nothing kept, a failed review, several votes: no row. A review that is void for an injection is one."""

    def refuses(_: Request) -> Answer:
        return RefusedError("no")

    def void(request: Request) -> str:
        return reply(request, {"index": 0, "label": "injection"})

    assert usable(suite, lines(suite, finds_it, keep_raw=False)) == []
    assert usable(suite, lines(suite, refuses)) == []
    assert usable(suite, lines(suite, finds_it, votes=2)) == []
    assert len(usable(suite, lines(suite, void))) == 2


def test_a_reply_to_several_rollouts_has_no_score_of_its_own(suite: Suite) -> None:
    """Where a reply judges more than one rollout, a row's score says nothing of it."""
    record = lines(suite, finds_it)[0]
    document = json.loads(record["raw"][-1][1])
    document["attempts"] *= 2
    record["raw"][-1][1] = json.dumps(document)
    assert [one.score for one in usable(suite, [record])] == [None]


def test_a_row_about_other_steps_is_refused(suite: Suite) -> None:
    """A line with the id of a case and another text is no review of that case."""
    record = lines(suite, finds_it)[0]
    record["steps"][0]["text"] = "Changed.\n"
    with pytest.raises(InputError, match="case-0: the steps reviewed are not those of the case"):
        usable(suite, [record])
