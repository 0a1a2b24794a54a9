"""Every record that holds no transcript gets its one line, naming the field. Spelled out row by row."""

from __future__ import annotations

from typing import Any

import pytest
from transcripts.complaints import complaint

from dca.transcripts.fields import Fields

ROW: dict[str, Any] = {"prompt": "2+2?", "completion": "4", "reward": 1}
CHAT = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "2+2?"},
    {"role": "assistant", "content": "4"},
]


OUTCOME = "; give the outcome as a number"


@pytest.mark.parametrize(
    ("reward", "expected"),
    [
        (None, "reward: expected a number, got null" + OUTCOME),
        ("good", "reward: expected a number, got 'good'" + OUTCOME),
        ("", "reward: expected a number, got ''" + OUTCOME),
        ("1_0", "reward: expected a number, got '1_0'" + OUTCOME),
        ("\ud800", "reward: expected a number, got '\\ud800'" + OUTCOME),
        ([1.0], "reward: expected a number, got a list" + OUTCOME),
        ({"score": 1}, "reward: expected a number, got an object" + OUTCOME),
        (float("nan"), "reward: expected a finite number, got nan" + OUTCOME),
        (float("inf"), "reward: expected a finite number, got inf" + OUTCOME),
        ("-Infinity", "reward: expected a finite number, got '-Infinity'" + OUTCOME),
        ("NaN", "reward: expected a finite number, got 'NaN'" + OUTCOME),
    ],
)
def test_rewards_that_are_not(reward: Any, expected: str) -> None:
    """Whatever is not a finite number is refused, and quoted."""
    assert complaint({**ROW, "reward": reward}) == expected


def test_a_number_too_large_is_quoted_briefly() -> None:
    """An integer no float can hold is refused in a short line."""
    assert len(complaint({**ROW, "reward": 10**400})) < 120


WITHOUT_PROMPT = {"question": "2+2?", "completion": "4", "reward": 1}


@pytest.mark.parametrize(
    ("record", "fields", "expected"),
    [
        (
            WITHOUT_PROMPT,
            Fields(),
            "prompt: expected the prompt, found no such field; the record has question, completion, reward; "
            "name it: --prompt-field",
        ),
        (
            {"prompt": "2+2?", "reward": 1},
            Fields(),
            "completion: expected the completion, found no such field; the record has prompt, reward; "
            "name it: --completion-field",
        ),
        (
            {"prompt": "2+2?", "completion": "4"},
            Fields(),
            "reward: expected the reward, found no such field; the record has prompt, completion; "
            "name it: --reward-field, or pass --reward or --grade",
        ),
        (
            {**ROW, "big": {"model": {"is_correct": True, "solution": "4"}}},
            Fields(completion="big.model.solutoin"),
            "big.model.solutoin: expected the completion, found no such field; big.model has is_correct, solution; "
            "name it: --completion-field",
        ),
        (
            {**ROW, "choices": []},
            Fields(completion="choices.0.text"),
            "choices.0.text: expected the completion, found no such field; choices has a list; "
            "name it: --completion-field",
        ),
        (
            ROW,
            Fields(id="name"),
            "name: expected an id, found no such field; the record has prompt, completion, reward; "
            "name it: --id-field",
        ),
        (
            ROW,
            Fields(reference="gold"),
            "gold: expected the reference, found no such field; the record has prompt, completion, reward; "
            "name it: --reference-field",
        ),
        (
            {},
            Fields(),
            "prompt: expected the prompt, found no such field; the record has nothing; name it: --prompt-field",
        ),
        (
            {f"k{k}": k for k in range(100)},
            Fields(),
            "prompt: expected the prompt, found no such field; the record has k0, k1, k2, k3, k4, k5, k6, k7, k8, "
            "k9, k10, k11 and 88 more; name it: --prompt-field",
        ),
        (
            {"two\nlines": 1, "\ud800": 2},
            Fields("a\tb"),
            "a\\tb: expected the prompt, found no such field; the record has two\\nlines, \\ud800; "
            "name it: --prompt-field",
        ),
        (
            {**ROW, "completion": ""},
            Fields(),
            "completion: expected a completion, got an empty one; leave the record out",
        ),
        ({**ROW, "prompt": 4}, Fields(), "prompt: expected a string or a list of messages, got a number"),
        ({**ROW, "id": [1]}, Fields(), "id: expected a string or a number, got a list; name another: --id-field"),
        (
            {**ROW, "name": None},
            Fields(id="name"),
            "name: expected a string or a number, got null; name another: --id-field",
        ),
        (
            {**ROW, "gold": ""},
            Fields(reference="gold"),
            "gold: expected a reference answer, got an empty string; leave the record out",
        ),
        (
            {**ROW, "gold": None},
            Fields(reference="gold"),
            "gold: expected a reference answer, got null; leave the record out",
        ),
        (
            {"messages": CHAT[:2], "reward": 1},
            Fields(),
            "messages: expected a message whose role is assistant, got the roles system, user",
        ),
        (
            {"messages": [*CHAT[:2], {"role": "assistant", "content": ""}], "reward": 1},
            Fields(),
            "messages: expected a completion, got an empty one; leave the record out",
        ),
    ],
)
def test_what_is_wrong_with_a_record(record: dict[str, Any], fields: Fields, expected: str) -> None:
    """Each complaint names the field, what was expected, what came, and what to do."""
    assert complaint(record, fields) == expected
