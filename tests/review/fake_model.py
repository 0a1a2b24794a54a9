"""A backend, a store and a rollout for the tests of the model reviewer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from dca.errors import ReviewError
from dca.messages import Reply, Request
from dca.review.llm import LLMReviewer
from dca.types import Step, Transcript
from dca.usage import Usage

COST = Usage(requests=1, input_tokens=100, output_tokens=10, cost_usd=0.25)
Script = Callable[[Request], str | Reply | Exception]


def question(request: Request) -> Any:
    return json.loads(request.messages[0].text)


def answer(request: Request, *, score: int = 2, label: str = "key", index: int = 0) -> str:
    """A good reply to any contribution request: one step of each attempt is listed."""
    said = {"index": index, "reason": "It decides.", "label": label, "score": score}
    entries = [
        {"transcript": sheet["transcript"], "steps": [said], "shortest": [0]}
        for sheet in question(request)["attempts"]
    ]
    return json.dumps({"attempts": entries})


class FakeBackend:
    """Answers by a function, or by a list in turn, and remembers what it was asked."""

    identity = "fake:model"

    def __init__(self, script: Script | list[str | Reply | Exception] = answer) -> None:
        self.script, self.requests = script, list[Request]()

    def complete(self, request: Request) -> Reply:
        self.requests.append(request)
        said = self.script.pop(0) if isinstance(self.script, list) else self.script(request)
        if isinstance(said, Exception):
            raise said
        return said if isinstance(said, Reply) else Reply(text=said, usage=COST)


class FakeStore:
    """Keeps replies in a dict."""

    def __init__(self) -> None:
        self.kept: dict[Any, Reply] = {}

    def once(self, request: Request, identity: str, ask: Callable[[], Reply]) -> Reply:
        key = (identity, request.system, request.messages, request.sample)
        if key in self.kept:
            return replace(self.kept[key], usage=Usage(reused=1))
        self.kept[key] = ask()
        return self.kept[key]


def rollout(*texts: str, reward: float = 1.0, **fields: Any) -> tuple[Transcript, tuple[Step, ...]]:
    steps, start = [], 0
    for k, text in enumerate(texts):
        steps.append(Step(k, start, start + len(text), text))
        start += len(text)
    return Transcript(fields.pop("prompt", "1+1?"), "".join(texts), reward, **fields), tuple(steps)


ROW = rollout("one and one", " makes two", id="row")
BAD = '{"attempts": []}'


def failed(reviewer: LLMReviewer, row: tuple[Transcript, tuple[Step, ...]] = ROW) -> ReviewError:
    with pytest.raises(ReviewError) as caught:
        reviewer.review(*row)
    return caught.value


def token_of(request: Request) -> str:
    return str(question(request)["attempts"][0]["transcript"])


def answer_to_row(**fields: Any) -> str:
    backend = FakeBackend()
    LLMReviewer(backend).review(*ROW)
    return answer(backend.requests[0], **fields)
