"""What is asked and how the reply is found, in the three ways of asking for structure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from backends.asking import REPLY, REQUEST, SCHEMA, Make
from backends.server import Server, message

from dca.backends.anthropic import DEFAULT_MODEL
from dca.errors import (
    InputError,
)
from dca.messages import Message, Request


class TestBodies:
    """What is asked, in the three ways of asking for structure."""

    @staticmethod
    def sent(make: Make, model: str = "local-model", request: Request = REQUEST, **options: Any) -> dict[str, Any]:
        answer = message(
            blocks=[{"type": "tool_use", "id": "t", "name": "reply", "input": {}}, {"type": "text", "text": "{}"}]
        )
        with Server(answer) as server:
            make(server, model, **options).complete(request)
        return server.requests[0].body

    def test_native(self, make: Make) -> None:
        """The schema goes into the output format, the rubric into the system text."""
        assert self.sent(make) == {
            "model": "local-model",
            "max_tokens": 500,
            "system": "the rubric",
            "messages": [{"role": "user", "content": "the rollout"}],
            "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
            "thinking": {"type": "disabled"},
            "chat_template_kwargs": {"enable_thinking": False},
        }

    def test_claude(self, make: Make) -> None:
        """A Claude model gets the rubric as a cached block, nothing for chat templates, and no sampling settings."""
        assert self.sent(make, DEFAULT_MODEL) == {
            "model": "claude-haiku-5-5",
            "max_tokens": 500,
            "system": [{"type": "text", "text": "the rubric", "cache_control": {"type": "ephemeral"}}],
            "messages": [{"role": "user", "content": "the rollout"}],
            "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
            "thinking": {"type": "disabled"},
        }

    def test_tool(self, make: Make) -> None:
        """The schema is a forced, strict tool's."""
        body = self.sent(make, structured="tool")
        assert body["tool_choice"] == {"type": "tool", "name": "reply"}
        assert [(tool["input_schema"], tool["strict"]) for tool in body["tools"]] == [(SCHEMA, True)]
        assert "output_config" not in body

    def test_prompt(self, make: Make) -> None:
        """The schema stands below the rubric."""
        body = self.sent(make, structured="prompt")
        assert body["system"].startswith("the rubric\n\nReply with one JSON object")
        assert '"required": ["steps"]' in body["system"]
        assert "output_config" not in body
        assert "tools" not in body

    def test_conversation(self, make: Make) -> None:
        """A repair's turns are all sent."""
        turns = (Message("user", "q"), Message("assistant", "bad"), Message("user", "mend it"))
        body = self.sent(make, request=replace(REQUEST, messages=turns))
        assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]

    def test_lone_surrogates(self, make: Make) -> None:
        """Text that no encoding can carry is sent with question marks in it."""
        body = self.sent(make, request=replace(REQUEST, messages=(Message("user", "a\ud800b – 𝛼"),)))
        assert body["messages"][0]["content"] == "a?b – 𝛼"

    def test_overruled(self, make: Make) -> None:
        """Fields of the caller's own overrule ours and may hold what the SDK does not know."""
        body = self.sent(make, extra_body={"temperature": 0, "thinking": {"type": "adaptive"}, "max_tokens": 7})
        assert (body["temperature"], body["thinking"], body["max_tokens"]) == (0, {"type": "adaptive"}, 7)

    @pytest.mark.parametrize(
        ("model", "effort", "thinking", "level"),
        [
            ("claude-haiku-5-5", "off", {"type": "disabled"}, None),
            ("claude-haiku-5-5", "low", {"type": "adaptive"}, "low"),
            ("anthropic/claude-sonnet-5-5", "off", {"type": "between_tools"}, None),
            ("claude-sonnet-5-5", "high", {"type": "adaptive"}, "high"),
            ("claude-opus-5-5", "off", None, "low"),
            ("claude-fable-5-2", "off", None, "low"),
            ("claude-opus-5", "off", {"type": "disabled"}, None),
            ("claude-haiku-4-5-20251001", "off", {"type": "disabled"}, None),
            ("claude-haiku-4-5", "low", {"type": "enabled", "budget_tokens": 2000}, None),
            ("claude-haiku-4-5", "high", {"type": "enabled", "budget_tokens": 6000}, None),
            ("local-model", "off", {"type": "disabled"}, None),
            ("local-model", "medium", None, "medium"),
        ],
    )
    def test_effort(self, make: Make, model: str, effort: str, thinking: Any, level: str | None) -> None:
        """Each model is told how much to think in the words it accepts."""
        body = self.sent(make, model, replace(REQUEST, effort=effort, max_tokens=8000))
        assert body.get("thinking") == thinking
        assert body["output_config"].get("effort") == level

    def test_effort_without_structure(self, make: Make) -> None:
        """The effort is sent in every mode."""
        body = self.sent(make, "claude-opus-5-5", replace(REQUEST, effort="medium"), structured="prompt")
        assert body["output_config"] == {"effort": "medium"}

    def test_unknown_effort(self, make: Make) -> None:
        """An effort nobody knows is refused before anything is sent."""
        with Server() as server, pytest.raises(InputError, match="off, low, medium, high"):
            make(server).complete(replace(REQUEST, effort="max"))


class TestReading:
    """How the reply is found in a message."""

    @pytest.mark.parametrize("given", [{"steps": [], "ü": "–"}, '{"steps": [], "ü": "–"}'])
    def test_tool(self, make: Make, given: Any) -> None:
        """A tool's input is the reply, as JSON."""
        blocks = [{"type": "text", "text": "Here:"}, {"type": "tool_use", "id": "t", "name": "reply", "input": given}]
        with Server(message(blocks=blocks, stop_reason="tool_use")) as server:
            reply = make(server, structured="tool").complete(REQUEST)
        assert (reply.text, reply.stop_reason) == ('{"steps": [], "ü": "–"}', "end_turn")

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            (REPLY, REPLY),
            (f"```json\n{REPLY}\n```", REPLY),
            (f"Sure! The set {{a}} is small.\n{REPLY}\nAnything else?", REPLY),
            (f'<think>{{"steps": [1, 2, 3, 4]}}</think>{REPLY}', REPLY),
            ('{"a": {"b": "} \\" {"}} and {"c": 1}', '{"a": {"b": "} \\" {"}}'),
            (f'an open {{ and a "quote\n{REPLY}', REPLY),
            ('{"a": 1,}', '{"a": 1,}'),
            ("no object at all", "no object at all"),
            ('{"never": "closed"', '{"never": "closed"'),
        ],
    )
    def test_prompt(self, make: Make, text: str, found: str) -> None:
        """The largest object in the text is the reply, not the talk around it; without one, all of the text is."""
        with Server(message(text)) as server:
            assert make(server, structured="prompt").complete(REQUEST).text == found

    @pytest.mark.parametrize("start", ["{", '{"', "{}}", "\\"])
    def test_hostile(self, make: Make, start: str) -> None:
        """A reply of braces, quotes or backslashes costs one pass: in quadratic time this would not end."""
        text = start * 300_000
        with Server(message(text)) as server:
            found = make(server, structured="prompt").complete(REQUEST).text
        assert found == ("{}" if "}" in text else text)
