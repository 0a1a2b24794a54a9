"""Requests into message bodies, and message bodies into answers, in three ways of asking for structure.

``native``: the server enforces the schema (`output_config.format`: Claude, vLLM from 0.22 on). ``tool``: a forced
tool whose input is the reply (SGLang, llama.cpp; current Claude models refuse a forced tool). ``prompt``: the schema
is written below the rubric and the reply is found in the text (Ollama, and everything else).
Nothing here knows whether a reply fits the schema; whoever reads it checks.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final, Literal

from dca.backends.effort import is_claude, thinking
from dca.messages import Request
from dca.usage import NO_USAGE, Usage

Structured = Literal["native", "tool", "prompt"]
STRUCTURED: Final = ("native", "tool", "prompt")

_TOOL: Final = "reply"
_MARKS: Final = re.compile(r'\\.|["{}\n]')


class GarbledError(Exception):
    """A response said 200 and held no message. Never leaves this package.

    Attributes:
        usage: What it reported to have used, if anything.
    """

    def __init__(self, message: str, usage: Usage = NO_USAGE) -> None:
        super().__init__(message)
        self.usage = usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a message said.

    Attributes:
        text: The reply: its text blocks joined, or the tool's input as JSON.
        stop_reason: The server's word for why it stopped.
        usage: Tokens, without a price.
        model: Who answered, as the server names it.
        category: Why it refused, if it did and said so.
        thought: Whether there was a thinking block.
    """

    text: str
    stop_reason: str
    usage: Usage
    model: str = ""
    category: str | None = None
    thought: bool = False


def body(request: Request, model: str, structured: str, max_tokens: int) -> dict[str, Any]:
    """The arguments of ``messages.create``, fields the SDK does not know under ``extra_body``."""
    think = thinking(model, request.effort, max_tokens)
    system = (
        _sendable(request.system) if structured != "prompt" else _sendable(f"{request.system}\n\n{_asked(request)}")
    )
    config: dict[str, Any] = {"effort": think["effort"]} if "effort" in think else {}
    if structured == "native":
        config["format"] = {"type": "json_schema", "schema": dict(request.schema)}
    made: dict[str, Any] = {
        "model": model,
        "max_tokens": max_tokens,
        "messages": [{"role": message.role, "content": _sendable(message.text)} for message in request.messages],
        "system": _cached(system) if is_claude(model) else system,
        "extra_body": {name: think[name] for name in ("thinking", "chat_template_kwargs") if name in think},
    }
    if structured == "tool":
        tool = {"name": _TOOL, "description": "Give the reply.", "input_schema": dict(request.schema), "strict": True}
        made |= {"tools": [tool], "tool_choice": {"type": "tool", "name": _TOOL}}
    return made | ({"output_config": config} if config else {})


def _sendable(text: str) -> str:
    """The text with lone surrogates, which no encoding can carry, as question marks."""
    return text.encode(errors="replace").decode()


def _cached(system: str) -> list[dict[str, Any]]:
    """The rubric as a block that the provider keeps between requests."""
    return [{"type": "text", "text": system, "cache_control": {"type": "ephemeral"}}]


def _asked(request: Request) -> str:
    """The schema in words, for servers that enforce none."""
    schema = json.dumps(dict(request.schema))
    return f"Reply with one JSON object and nothing else. It must fit this JSON schema:\n{schema}"


def read(content: bytes, structured: str) -> Answer:
    """The answer in the body of a response that said 200.

    Raises:
        GarbledError: It is not JSON, or not a message.
    """
    try:
        message = json.loads(content)
    except (ValueError, RecursionError):
        raise GarbledError(f"200 with a body that is not JSON: {_excerpt(content)}") from None
    usage = _usage(message.get("usage")) if isinstance(message, dict) else NO_USAGE
    blocks = message.get("content") if isinstance(message, dict) else None
    if not isinstance(blocks, list) or not isinstance(message.get("stop_reason"), str):
        raise GarbledError(f"200 with JSON that is not a message: {_excerpt(content)}", usage)
    details = message.get("stop_details")
    return Answer(
        text=_text([block for block in blocks if isinstance(block, dict)], structured),
        stop_reason=message["stop_reason"],
        usage=usage,
        model=str(message.get("model") or ""),
        category=details.get("category") if isinstance(details, dict) else None,
        thought=any(isinstance(block, dict) and "thinking" in str(block.get("type")) for block in blocks),
    )


def _text(blocks: list[dict[str, Any]], structured: str) -> str:
    """The reply in a message's blocks, chosen by type: thinking may come first."""
    if structured == "tool":
        calls = (block.get("input") for block in blocks if block.get("type") == "tool_use")
        given = next(calls, "")
        return given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
    text = "".join(str(block.get("text", "")) for block in blocks if block.get("type") == "text")
    return largest_object(text.rpartition("</think>")[2]) if structured == "prompt" else text


def largest_object(text: str) -> str:
    """The longest stretch of balanced braces, or all of the text where there is none.

    Braces inside JSON strings do not count. One pass, so no reply can make it slow.

    >>> largest_object('Here it is, {as asked}: ```json\\n{"a": {"b": "}"}}\\n```')
    '{"a": {"b": "}"}}'
    """
    best, starts, quoted = (0, 0), list[int](), False
    for mark in _MARKS.finditer(text):
        sign = mark[0]
        if sign == "\n":
            quoted = False  # JSON strings end on their line: a stray quote cannot swallow the rest
        elif sign == '"':
            quoted = bool(starts) and not quoted
        elif sign == "{" and not quoted:
            starts.append(mark.start())
        elif sign == "}" and not quoted and starts:
            best = max(best, (starts.pop(), mark.end()), key=lambda span: span[1] - span[0])
    return text[slice(*best)] or text


def _usage(reported: object) -> Usage:
    """Token counts as far as they were reported; a server may leave any of them out."""
    if not isinstance(reported, dict):
        return NO_USAGE

    def count(name: str) -> int:
        value = reported.get(name)
        return value if isinstance(value, int) and value >= 0 else 0

    return Usage(
        input_tokens=count("input_tokens"),
        output_tokens=count("output_tokens"),
        cache_read_tokens=count("cache_read_input_tokens"),
        cache_write_tokens=count("cache_creation_input_tokens"),
    )


def _excerpt(content: bytes) -> str:
    """The beginning of a body, on one line."""
    text = " ".join(content[:400].decode("utf-8", errors="replace").split())
    return repr(text if len(text) <= 120 else f"{text[:120]}...")
