"""From records to transcripts: dotted paths, conversations, TRL logs, and the one line for whatever is wrong."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transcripts.complaints import complaint, located

from dca.errors import InputError
from dca.transcripts.fields import ABSENT, Fields, lookup, number, read_transcripts, to_transcript
from dca.transcripts.place import BadRecord
from dca.types import Span

ROW: dict[str, Any] = {"prompt": "2+2?", "completion": "4", "reward": 1}
CHAT = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "2+2?"},
    {"role": "assistant", "content": "4"},
]
LOG: dict[str, Any] = {"step": "20", "prompt": "2+2?", "completion": "4", "accuracy": 1.0, "advantage": 0.5}


def test_the_plain_case() -> None:
    """Prompt, completion and reward under their own names; the id from file and line."""
    found = to_transcript(located(ROW))
    assert (found.prompt, found.completion, found.reward, found.id) == ("2+2?", "4", 1.0, "a:7")
    assert (found.reference, found.spans, dict(found.metadata)) == (None, (), {})


def test_dotted_paths_reach_into_records() -> None:
    """Fields may lie deep, in lists too, and carry other names."""
    record = {
        "q": "2+2?",
        "choices": [{"text": "4"}],
        "verifier": {"is_correct": True},
        "meta": {"name": 12},
        "gold": 4,
    }
    fields = Fields("q", "choices.0.text", "verifier.is_correct", "meta.name", "gold")
    found = to_transcript(located(record), fields)
    assert (found.completion, found.reward, found.id, found.reference) == ("4", 1.0, "12", "4")


@pytest.mark.parametrize(
    ("value", "path", "expected"),
    [
        ({"a.b": 1, "a": {"b": 2}}, "a.b", 1),
        ({"a": {"b.c": 1, "b": {"c": 2}}}, "a.b.c", 1),
        ({"a.b": {"c": 1}}, "a.b.c", 1),
        ({"a.b": {}, "a": {"b": {"c": 2}}}, "a.b.c", 2),
        ({"175b_verification": {"solution": "4"}}, "175b_verification.solution", "4"),
        ({"a": [[1, 2], [3]]}, "a.0.1", 2),
        ({"a": {"0": 1}}, "a.0", 1),
        ({"a": None}, "a", None),
        ({"": 1}, "", 1),
        ({"a": [1]}, "a.1", ABSENT),
        ({"a": [1]}, "a.-1", ABSENT),
        ({"a": [1]}, "a.²", ABSENT),
        ({"a": "text"}, "a.0", ABSENT),
        ({"a": 1}, "b", ABSENT),
        ({"a": 1}, ".a", ABSENT),
        ({"a": 1}, "a.", ABSENT),
        ({"a": None}, "a.b", ABSENT),
    ],
)
def test_lookup(value: Any, path: str, expected: Any) -> None:
    """A key that holds the dot wins over the path; what is not there is absent, which is not None."""
    assert lookup(value, path) == expected


@given(keys=st.lists(st.text(st.characters(exclude_characters="."), min_size=1), min_size=1, max_size=6))
def test_any_nesting_is_reached(keys: list[str]) -> None:
    """The keys of nested objects, joined by dots, lead to the innermost value."""
    value: Any = "found"
    for key in reversed(keys):
        value = {key: value}
    assert lookup(value, ".".join(keys)) == "found"


@pytest.mark.parametrize(
    ("reward", "expected"),
    [(True, 1.0), (False, 0.0), (-0.25, -0.25), (3, 3.0), ("0.5", 0.5), (" 1e3 ", 1000.0), (Decimal("0.1"), 0.1)],
)
def test_rewards_that_are_numbers(reward: Any, expected: float) -> None:
    """Numbers, booleans and strings that spell a number are rewards."""
    assert to_transcript(located({**ROW, "reward": reward})).reward == expected


@pytest.mark.parametrize("absent", [{}, {"id": None}, {"id": ""}])
def test_an_id_that_is_not_there_is_derived(absent: dict[str, Any]) -> None:
    """Where the default id is absent, null or empty, file and line name the record."""
    assert to_transcript(located({**ROW, **absent})).id == "a:7"


def test_steps_and_turns_become_spans() -> None:
    """Given steps and chat turns are known before segmentation."""
    assert to_transcript(located({**ROW, "completion": ["2+2", "=4"]})).spans == (
        Span(0, 4, whole=True),
        Span(4, 6, whole=True),
    )
    chat = [*CHAT[2:], {"role": "tool", "content": "ok"}]
    assert to_transcript(located({**ROW, "completion": chat})).spans == (Span(0, 2), Span(2, 4, "tool"))


@pytest.mark.parametrize(
    "record",
    [
        {"messages": CHAT},
        {"messages": CHAT, "prompt": None, "completion": None},
        {"messages": CHAT, "prompt": "something else"},
        {"completion": CHAT},
        {"prompt": None, "completion": CHAT},
    ],
)
def test_a_conversation_holds_prompt_and_completion(record: dict[str, Any]) -> None:
    """One list of messages is cut before the assistant speaks, where no completion stands beside it."""
    found = to_transcript(located({**record, "reward": 1}))
    assert (found.prompt, found.completion) == ("system: Be brief.\n\nuser: 2+2?", "4")


def test_a_prompt_that_was_asked_for_stands_beside_a_conversation() -> None:
    """A prompt field that was named is taken, also where the completion comes from messages."""
    record = {"messages": CHAT, "question": "What is 2+2?", "reward": 1}
    assert to_transcript(located(record), Fields(prompt="question")).prompt == "What is 2+2?"


def test_a_completion_that_was_asked_for_is_not_replaced() -> None:
    """Where a named completion is missing, messages are no substitute."""
    record = {"messages": CHAT, "prompt": "2+2?", "reward": 1}
    assert complaint(record, Fields(completion="answer")).startswith("answer: expected the completion")


def test_a_trl_log_with_one_reward_function() -> None:
    """The one numeric column of a completion log is the reward; the step is kept."""
    found = to_transcript(located({**LOG, "extra": "text"}))
    assert (found.reward, dict(found.metadata)) == (1.0, {"step": "20"})


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"format": 0.5}, "accuracy, format"),
        ({"format": None}, "accuracy, format"),
        ({"accuracy": "high"}, "nothing"),
    ],
)
def test_a_trl_log_that_leaves_a_choice(columns: dict[str, Any], expected: str) -> None:
    """Several reward columns, or none, are told by name; a null may be one that had nothing to say."""
    assert complaint({**LOG, **columns}) == (
        f"reward: expected one reward column in a TRL completion log, got {expected}; name it: --reward-field"
    )


def test_a_trl_log_with_the_reward_named() -> None:
    """A named column settles it."""
    assert to_transcript(located({**LOG, "format": 0.5}), Fields(reward="format")).reward == 0.5


def test_a_given_reward_needs_no_field() -> None:
    """One reward for every record takes the place of the field."""
    assert to_transcript(located({"prompt": "", "completion": "4"}), reward=0.5).reward == 0.5


def test_a_grader_needs_a_reference() -> None:
    """The grader sees the whole completion and the reference, and its verdict is the reward."""
    seen: list[tuple[str, str]] = []

    def grade(completion: str, reference: str) -> float:
        seen.append((completion, reference))
        return 0.25

    record = {"prompt": "2+2?", "completion": ["2+2", "=4"], "gold": 4}
    assert to_transcript(located(record), Fields(reference="gold"), grade=grade).reward == 0.25
    assert seen == [("2+2\n=4", "4")]
    expected = "reference: expected a reference to grade against; name its field: --reference-field"
    assert complaint(record, grade=grade) == expected


def test_reading_transcripts_skips_what_it_is_told_to(tmp_path: Path) -> None:
    """Records that cannot be read and records that hold no transcript go the same way."""
    path, bad = tmp_path / "a.jsonl", list[BadRecord]()
    rows = [json.dumps(ROW), "oops", json.dumps({**ROW, "reward": "high"}), json.dumps(ROW)]
    path.write_text("\n".join(rows))
    assert [t.id for t in read_transcripts(path, on_bad=bad.append)] == ["a:1", "a:4"]
    assert [(b.line, b.raw) for b in bad] == [(2, b"oops\n"), (3, rows[2])]
    assert bad[1].message == f"{path}:3: reward: expected a number, got 'high'; give the outcome as a number"
    with pytest.raises(InputError, match=r"a\.jsonl:2: expected one JSON object"):
        list(read_transcripts(path))


def test_number_reads_no_other_objects() -> None:
    """A reward must be a number of JSON or of a table."""
    with pytest.raises(InputError, match="expected a number, got a bytes"):
        number(b"1")
