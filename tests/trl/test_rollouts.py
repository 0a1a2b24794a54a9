"""What a trainer hands over, as transcripts: the text, who wrote it, the answer, and the way back to every token."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from spellers import byte_level, llama

from dca.credit.advantage import token_counts
from dca.credit.segment import segment
from dca.errors import InputError
from dca.trl.rendering import TokenTable
from dca.trl.rollouts import Rollout, to_rollouts
from dca.types import Span

BYTES = byte_level()
TABLE = TokenTable(BYTES)
LLAMA = llama()


def ids_of(text: str) -> list[int]:
    return list(BYTES.encode(text, add_special_tokens=False))


def one(completion: Any, ids: list[int] | None = None, prompt: Any = "1 + 2 = ?", **told: Any) -> Rollout:
    """The rollout of a call with a single row."""
    told = {"columns": {}, "table": TABLE, **told}
    (rollout,) = to_rollouts([prompt], [completion], None if ids is None else [ids], [1.0], **told)
    assert rollout is not None
    return rollout


def test_text_comes_from_tokens() -> None:
    """The completion is what the tokens spell, not what the message says, and each token has its step."""
    ids = [*ids_of(" 1 + 2 = 3.\nSo <think>3"), BYTES.eos_token_id]
    rollout = one([{"role": "assistant", "content": "stripped and parsed"}], ids)
    steps = segment(rollout.transcript, "line")
    owners = rollout.owners(steps)
    assert rollout.transcript.completion == " 1 + 2 = 3.\nSo <think>3"
    assert [step.text for step in steps] == [" 1 + 2 = 3.\n", "So <think>3"]
    assert rollout.mask == (1,) * len(ids)
    assert len(owners) == len(ids)
    assert sum(token_counts(owners, rollout.mask, len(steps))) == len(ids)
    assert owners[0] == 0
    assert owners[-1] == 1


def test_what_a_row_carries() -> None:
    """A transcript has the prompt, the outcome, its name, the reference and the ids that a model needs."""
    rollouts = to_rollouts(
        ["a?", "b?"],
        ["x", "y"],
        [ids_of("x"), ids_of("y")],
        [0.25, -1],
        columns={"solution": ["1", 2], "trainer_state": object(), "n": [1, 2]},
        table=TABLE,
        prompt_ids=[[5, 6], [7]],
        first_id="s3-r0-",
    )
    told = [
        (r.transcript.prompt, r.transcript.completion, r.transcript.reward, r.transcript.id, r.transcript.reference)
        for r in rollouts
        if r is not None
    ]
    assert told == [("a?", "x", 0.25, "s3-r0-0", "1"), ("b?", "y", -1.0, "s3-r0-1", "2")]
    assert rollouts[0] is not None
    assert dict(rollouts[0].transcript.metadata) == {"prompt_ids": (5, 6), "completion_ids": tuple(ids_of("x"))}


@pytest.mark.parametrize("outcome", [None, float("nan"), float("inf")])
def test_rows_without_an_outcome_are_none(outcome: float | None) -> None:
    """A row the task cannot score is no rollout, and the others keep their places."""
    first, second = to_rollouts(["p"] * 2, ["x", "y"], None, [outcome, 0.0], columns={}, table=None)
    assert first is None
    assert second is not None
    assert second.transcript.id == "1"


@pytest.mark.parametrize(
    ("columns", "field", "reference"),
    [
        ({"answer": ["4"], "solution": ["3"]}, None, "3"),
        ({"ground_truth": [None]}, None, None),
        ({"answer": ["4"], "solution": ["3"]}, "answer", "4"),
        ({"solution": "3"}, None, None),
        ({"solution": 7, "reference": [0.5]}, None, "0.5"),
        ({}, None, None),
    ],
)
def test_references(columns: dict[str, Any], field: str | None, reference: str | None) -> None:
    """The expected answer is the named column's, or that of the first known column there is."""
    assert one("x", columns=columns, reference_field=field).transcript.reference == reference


@pytest.mark.parametrize("columns", [{"solution": ["3"]}, {"target": "abc"}])
def test_a_missing_reference_field(columns: dict[str, Any]) -> None:
    """A reference field that is no column is an error that names the columns."""
    with pytest.raises(InputError, match=f"a column 'target' .* got {next(iter(columns))}"):
        one("x", columns=columns, reference_field="target")


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("2+2?", "2+2?"),
        ([{"role": "user", "content": "2+2?"}], "2+2?"),
        (
            [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": [{"type": "text", "text": "2+2?"}]},
            ],
            "system: Be brief.\n\nuser: 2+2?",
        ),
    ],
)
def test_prompts(prompt: Any, text: str) -> None:
    """A prompt is readable text; several messages are named by their roles."""
    assert one("x", prompt=prompt).transcript.prompt == text


def test_tool_tokens_are_the_environments() -> None:
    """Tokens the mask leaves out are turns of the tool; no step mixes authors, and a tool owns no trained token."""
    parts = [("Let me add.\nadd(1, 2)", 1), ("<tool>3\n", 0), ("So the sum is 3.\nA: 3", 1)]
    ids = [i for text, _ in parts for i in ids_of(text)]
    mask = [m for text, m in parts for _ in ids_of(text)]
    rollout = one([{"role": "assistant", "content": ""}, {"role": "tool", "content": "3"}], ids, masks=[mask])
    steps = segment(rollout.transcript, "line")
    counts = token_counts(rollout.owners(steps), rollout.mask or (), len(steps))
    assert rollout.transcript.completion == "Let me add.\nadd(1, 2)3\nSo the sum is 3.\nA: 3"
    assert rollout.transcript.spans == (Span(0, 21), Span(21, 23, "tool"), Span(23, 44))
    assert [step.author for step in steps] == ["policy", "policy", "tool", "policy", "policy"]
    assert counts[2] == 0
    assert sum(counts) == sum(mask)


SURROGATE = [BYTES.convert_tokens_to_ids(token) for token in "í¡"]
"""Bytes ED A1: they begin no character, which shows only at the second of them."""


@example([(SURROGATE[0], 0), (SURROGATE[1], 0)])
@example([(SURROGATE[0], 1), (SURROGATE[1], 0), (SURROGATE[0], 1)])
@given(st.lists(st.tuples(st.integers(0, len(BYTES) - 1), st.integers(0, 1)), max_size=30))
def test_any_mask_tiles_the_text(tokens: list[tuple[int, int]]) -> None:
    """Whatever the tokens spell and wherever the authors change, spans tile the text and every token has an owner."""
    ids, mask = [i for i, _ in tokens], [m for _, m in tokens]
    rollout = one("unread", ids, masks=[mask])
    text = rollout.transcript.completion
    assert text == BYTES.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    assert all(span.stop > span.start for span in rollout.transcript.spans)
    steps = segment(rollout.transcript)
    owners = rollout.owners(steps)
    assert "".join(step.text for step in steps) == text
    assert len(owners) == len(ids)
    assert owners == sorted(owners)


def test_a_character_between_two_authors() -> None:
    """A character that one author began and another finished belongs to the one who began it."""
    ids = ids_of("a🙂b")
    rollout = one("unread", ids, masks=[[1, 1, 1, 0, 0, 0]])
    assert len(ids) == 6
    assert rollout.transcript.spans == (Span(0, 2), Span(2, 3, "tool"))


def test_messages_without_a_mask_are_read_as_messages() -> None:
    """A run with tools and no mask is read from its messages, and no token is aligned."""
    said = [
        {
            "role": "assistant",
            "content": "I add.",
            "tool_calls": [{"function": {"name": "add", "arguments": {"a": 1}}}],
        },
        {"role": "tool", "content": "3"},
        {"role": "assistant", "content": "A: 3"},
    ]
    rollout = one(said, ids_of("whatever the template made of it"))
    assert rollout.transcript.completion == 'I add.\n\nadd({"a": 1})\n3\nA: 3'
    assert [span.author for span in rollout.transcript.spans] == ["policy", "tool", "policy"]
    assert rollout.rendering is None
    assert rollout.mask is None
    with pytest.raises(InputError, match="its tokens are not known"):
        rollout.owners(segment(rollout.transcript))


@pytest.mark.parametrize(
    ("completion", "text"),
    [
        ("plain", "plain"),
        ("", ""),
        ([{"role": "assistant", "content": "said"}], "said"),
        ([{"role": "assistant", "content": ""}], ""),
        ([{"role": "assistant", "content": None}], ""),
    ],
)
def test_without_ids_or_table(completion: Any, text: str) -> None:
    """Without token ids, or without a table, the completion is read as it is said; an empty one is a rollout too."""
    for rollout in (one(completion), one(completion, ids_of("other"), table=None)):
        assert rollout.transcript.completion == text
        assert rollout.rendering is None


def test_an_empty_completion_has_one_owner_for_its_end() -> None:
    """A completion that is only an end token is empty text, and the token still has an owner."""
    rollout = one("", [BYTES.eos_token_id])
    steps = segment(rollout.transcript)
    assert rollout.transcript.completion == ""
    assert rollout.owners(steps) == [0]


def test_llama_text_is_what_the_tokenizer_shows() -> None:
    """With a tokenizer that strips a leading space, the text is the tokenizer's own."""
    ids = list(LLAMA.encode("So 3é🙂", add_special_tokens=False))
    assert one("unread", ids, table=TokenTable(LLAMA)).transcript.completion == "So 3é🙂"


def test_rollouts_survive_pickling() -> None:
    """A rollout can be sent to another process."""
    rollout = one("x", ids_of("x y"))
    assert pickle.loads(pickle.dumps(rollout)) == rollout


@pytest.mark.parametrize(
    ("told", "complaint"),
    [
        ({"masks": [[1, 0]]}, "a mask of 1 numbers, one for each token, got 2"),
        ({"masks": []}, "expected 1 masks, one for each prompt, got 0"),
        ({"prompt_ids": [[1], [2]]}, "expected 1 prompt_ids, one for each prompt, got 2"),
    ],
)
def test_rows_that_do_not_fit(told: dict[str, Any], complaint: str) -> None:
    """Arguments of different lengths are refused with both numbers."""
    with pytest.raises(InputError, match=complaint):
        one("x", [5], **told)
