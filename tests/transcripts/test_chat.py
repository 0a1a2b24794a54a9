"""Prompts and completions in every shape: nothing is lost, and each turn keeps its author."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import UNICODE

from dca.errors import InputError
from dca.transcripts.chat import Text, completion_text, prompt_text, split
from dca.types import Span

PIECES = st.lists(UNICODE, min_size=1, max_size=6).filter(lambda pieces: any(p.strip() for p in pieces))
ROLES = st.sampled_from(("assistant", "tool", "user", "system"))


def texts(found: Text) -> list[str]:
    return [found.text[span.start : span.stop] for span in found.spans]


def tiles(found: Text) -> bool:
    """Whether the spans lie side by side over the whole text."""
    edges = [0, *(span.stop for span in found.spans)]
    return [s.start for s in found.spans] == edges[:-1] and edges[-1] == len(found.text)


@given(steps=PIECES)
def test_steps_tile_the_completion(steps: list[str]) -> None:
    """Each step is one uncuttable span of the policy; only a missing line break is added, between steps."""
    found = completion_text(steps)
    assert tiles(found)
    assert all(span.whole and span.author == "policy" for span in found.spans)
    for k, (step, text) in enumerate(zip(steps, texts(found), strict=True)):
        closed = k == len(steps) - 1 or step[-1:].isspace()
        assert text == (step if closed else step + "\n")


@given(pieces=PIECES, roles=st.lists(ROLES, min_size=6, max_size=6))
def test_messages_tile_the_completion(pieces: list[str], roles: list[str]) -> None:
    """Each message with words is one span under its author; the assistant is the policy."""
    chat = [{"role": role, "content": text} for role, text in zip(roles, pieces, strict=False)]
    chat.append({"role": "assistant", "content": "So 4."})
    found = completion_text(chat)
    said = [message for message in chat if message["content"]]
    assert tiles(found)
    assert [span.author for span in found.spans] == [m["role"].replace("assistant", "policy") for m in said]
    assert [t.removesuffix("\n") for t in texts(found)] == [m["content"].removesuffix("\n") for m in said]


@given(text=UNICODE.filter(str.strip))
def test_a_string_is_itself(text: str) -> None:
    """A string completion has no spans and loses nothing, lone surrogates included."""
    assert completion_text(text) == Text(text)


def test_an_assistant_says_what_it_thought_and_called() -> None:
    """Reasoning, words and tool calls of one assistant message are one span of the policy."""
    chat = [
        {
            "role": "assistant",
            "reasoning_content": "Hmm.",
            "content": "Let me compute.",
            "tool_calls": [
                {"type": "function", "function": {"name": "add", "arguments": {"a": 2, "é": [1]}}},
                {"name": "stop", "arguments": '{"x": 1}'},
                {"name": "now"},
            ],
        },
        {"role": "tool", "content": [{"type": "text", "text": "4"}, {"type": "image_url"}, "done"]},
        {"role": "assistant", "content": None, "tool_calls": None},
        {"role": "assistant", "content": "4", "reasoning_content": None},
    ]
    found = completion_text(chat)
    assert texts(found) == [
        'Hmm.\n\nLet me compute.\n\nadd({"a": 2, "é": [1]})\n\nstop({"x": 1})\n\nnow()\n',
        "4\n[image_url]\ndone\n",
        "4",
    ]
    assert [span.author for span in found.spans] == ["policy", "tool", "policy"]


def test_empty_steps_keep_their_place() -> None:
    """An empty step is still a step, so that labels by number stay right."""
    assert completion_text(["a", "", "b", ""]).spans == (
        Span(0, 2, whole=True),
        Span(2, 3, whole=True),
        Span(3, 5, whole=True),
        Span(5, 5, whole=True),
    )


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("2+2?", "2+2?"),
        ("", ""),
        ([{"role": "user", "content": "2+2?"}], "2+2?"),
        ([{"role": "user", "content": [{"type": "text", "text": "2+2"}, {"type": "text", "text": "?"}]}], "2+2\n?"),
        (
            [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "2+2?"}],
            "system: Be brief.\n\nuser: 2+2?",
        ),
    ],
)
def test_prompts_read_well(prompt: Any, expected: str) -> None:
    """A prompt is one text; several messages stand under their roles."""
    assert prompt_text(prompt) == expected


def test_a_conversation_is_cut_before_the_assistant() -> None:
    """What comes before the first assistant message is the prompt; later user turns stay in the completion."""
    chat = [{"role": role, "content": role} for role in ("system", "user", "assistant", "user", "assistant")]
    both = split(chat)
    assert (both.before, both.after) == (chat[:2], chat[2:])


EMPTY = "expected a completion, got an empty one; leave the record out"
SHAPE = "expected a string, a list of strings or a list of messages, got "


@pytest.mark.parametrize(
    ("completion", "expected"),
    [
        ("", EMPTY),
        (" \n", EMPTY),
        ([], EMPTY),
        (["", " "], EMPTY),
        ([{"role": "assistant", "content": ""}], EMPTY),
        (None, SHAPE + "null"),
        (3, SHAPE + "a number"),
        (True, SHAPE + "a boolean"),
        ({"text": "4"}, SHAPE + "an object"),
        (b"4", SHAPE + "a bytes"),
        ([1, "a"], SHAPE + "a list that holds a number, a string"),
        ([{"from": "gpt", "value": "4"}], SHAPE + "a list whose item 0 has no role but from, value"),
        (
            [{"role": "user", "content": "?"}, {"role": "tool", "content": "4"}],
            "expected a message whose role is assistant, got the roles tool, user",
        ),
        (
            [{"role": "assistant", "content": 4}],
            "expected a message's content to be a string or a list of parts, got a number",
        ),
        (
            [{"role": "assistant", "tool_calls": 4}],
            "expected a tool call to be an object, got a number",
        ),
    ],
)
def test_other_completions_are_refused(completion: Any, expected: str) -> None:
    """Every other shape is told by what was expected and what came."""
    with pytest.raises(InputError) as caught:
        completion_text(completion)
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("prompt", "got"),
    [(None, "null"), (["2+2?"], "a list that holds a string"), ([], "an empty list"), ({}, "an object")],
)
def test_other_prompts_are_refused(prompt: Any, got: str) -> None:
    """A prompt is a string or messages, nothing else."""
    with pytest.raises(InputError) as caught:
        prompt_text(prompt)
    assert str(caught.value) == f"expected a string or a list of messages, got {got}"


def test_a_conversation_without_an_assistant_is_refused() -> None:
    """There is nothing to review where the assistant never spoke."""
    with pytest.raises(InputError, match="expected a message whose role is assistant, got the roles user"):
        split([{"role": "user", "content": "2+2?"}])
