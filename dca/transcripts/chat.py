"""Prompts and completions as one text each: strings, chat messages and lists of steps.

Spans remember who wrote what; they tile the completion, so that no character is lost. This module knows the shapes
trainers and chat templates use; it does not know files, fields or rewards.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

from dca.errors import InputError
from dca.transcripts.place import kind, names
from dca.types import POLICY, Span

Message = dict[str, Any]
ASSISTANT: Final = "assistant"
_REASONING: Final = ("reasoning_content", "reasoning", "thinking")
_BETWEEN: Final = "\n\n"


@dataclass(frozen=True, slots=True)
class Text:
    """A completion: its text, and the spans that tile it (none: one policy turn)."""

    text: str
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages, cut before the first one of the assistant."""

    before: list[Message]
    after: list[Message]


@dataclass(frozen=True, slots=True)
class _Piece:
    text: str
    author: str = POLICY
    whole: bool = False


def is_chat(value: object) -> TypeGuard[list[Message]]:
    """Whether a value is a list of messages: objects with a role."""
    return isinstance(value, list) and bool(value) and all(isinstance(m, dict) and "role" in m for m in value)


def split(messages: list[Message]) -> Conversation:
    """Everything before the first assistant message is the prompt, the rest the completion.

    Raises:
        InputError: There is no assistant message.

    >>> split([{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}]).after
    [{'role': 'assistant', 'content': '4'}]
    """
    for k, message in enumerate(messages):
        if message["role"] == ASSISTANT:
            return Conversation(messages[:k], messages[k:])
    raise _no_assistant(messages)


def prompt_text(value: object) -> str:
    """A prompt as one readable text: a string as it is, a lone message as its text, several each under its role.

    Raises:
        InputError: It is neither a string nor a list of messages.

    >>> prompt_text([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "2+2?"}])
    'system: Be brief.\\n\\nuser: 2+2?'
    """
    if isinstance(value, str):
        return value
    if not is_chat(value):
        raise InputError(f"expected a string or a list of messages, got {_outline(value)}")
    texts = [_message_text(message) for message in value]
    if len(value) == 1:
        return texts[0]
    return _BETWEEN.join(f"{message['role']}: {text}" for message, text in zip(value, texts, strict=True))


def completion_text(value: object) -> Text:
    """A completion as one text with its known turns or steps.

    A string has none. Messages become one span each, the assistant's under the author "policy"; a list of strings
    becomes one uncuttable span each. A span that is not the last and does not end in white space is closed with a
    line break, which belongs to it.

    Raises:
        InputError: It is of another shape, or empty, or nothing in it is the assistant's.

    >>> completion_text(["2 + 2 = 4", "So 4."]).text
    '2 + 2 = 4\\nSo 4.'
    """
    found = _completion(value)
    if not found.text.strip():
        raise InputError("expected a completion, got an empty one; leave the record out")
    return found


def _completion(value: object) -> Text:
    if isinstance(value, str):
        return Text(value)
    if isinstance(value, list) and all(isinstance(step, str) for step in value):
        return _tiled([_Piece(step, whole=True) for step in value])
    if not is_chat(value):
        raise InputError(f"expected a string, a list of strings or a list of messages, got {_outline(value)}")
    pieces = [_Piece(_message_text(message), _author(message)) for message in value]
    if all(piece.author != POLICY for piece in pieces):
        raise _no_assistant(value)
    return _tiled([piece for piece in pieces if piece.text])


def _tiled(pieces: Sequence[_Piece]) -> Text:
    """Pieces put one after the other; the spans' texts joined are the text."""
    texts, spans, at = [], [], 0
    for k, piece in enumerate(pieces):
        closed = k == len(pieces) - 1 or piece.text[-1:].isspace()
        texts.append(piece.text if closed else piece.text + "\n")
        spans.append(Span(at, at + len(texts[-1]), piece.author, piece.whole))
        at = spans[-1].stop
    return Text("".join(texts), tuple(spans))


def _author(message: Message) -> str:
    return POLICY if message["role"] == ASSISTANT else str(message["role"])


def _message_text(message: Message) -> str:
    """What a message says: an assistant's reasoning, its words and its tool calls, in that order."""
    reasoning = next((message[key] for key in _REASONING if message.get(key)), None)
    parts = [reasoning, _content(message.get("content"))]
    calls = message.get("tool_calls") or []
    parts += [_call(call) for call in (calls if isinstance(calls, list) else [calls])]
    return _BETWEEN.join(part for part in parts if isinstance(part, str) and part)


def _content(content: object) -> str:
    """A message's content: a string, nothing, or a list of parts."""
    match content:
        case None:
            return ""
        case str():
            return content
        case list() if all(isinstance(part, (str, dict)) for part in content):
            return "\n".join(_part(part) for part in content)
    raise InputError(f"expected a message's content to be a string or a list of parts, got {_outline(content)}")


def _part(part: str | dict[str, Any]) -> str:
    """One part of a content; what is not text is named in brackets."""
    if isinstance(part, str):
        return part
    text = part.get("text")
    return text if isinstance(text, str) else f"[{part.get('type', 'part')}]"


def _call(call: object) -> str:
    """A tool call as text: ``name(arguments)``."""
    function = call.get("function", call) if isinstance(call, dict) else call
    if not isinstance(function, dict):
        raise InputError(f"expected a tool call to be an object, got {_outline(call)}")
    arguments = function.get("arguments")
    if not isinstance(arguments, str):
        arguments = "" if arguments is None else _json(arguments)
    return f"{function.get('name', 'tool')}({arguments})"


def _json(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except RecursionError as error:
        raise InputError("expected a tool call nested less deep; flatten its arguments") from error


def _no_assistant(messages: list[Message]) -> InputError:
    roles = sorted({str(message["role"]) for message in messages})
    return InputError(f"expected a message whose role is assistant, got the roles {names(roles)}")


def _outline(value: object) -> str:
    """A value's shape, as a complaint names it."""
    if not isinstance(value, list) or not value:
        return "an empty list" if value == [] else kind(value)
    for k, item in enumerate(value):
        if isinstance(item, dict) and "role" not in item:
            return f"a list whose item {k} has no role but {names(list(item))}"
    kinds = sorted({kind(item) for item in value})
    return f"a list that holds {names(kinds)}"
