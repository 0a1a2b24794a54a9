"""The Anthropic backend when all goes well: the real SDK over real HTTP, against a local server."""

from __future__ import annotations

import contextlib
import pickle
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from backends.asking import ONE, REPLY, REQUEST, Make, failure
from backends.server import Answer, Seen, Server, error, message

from dca.backends.anthropic import DEFAULT_MODEL, AnthropicBackend
from dca.backends.budget import Budget
from dca.backends.pacing import Pacer
from dca.errors import (
    BudgetError,
    InputError,
    TransportError,
)
from dca.messages import Reply
from dca.protocols import Backend
from dca.usage import Usage


class TestSuccess:
    def test_reply(self, make: Make) -> None:
        """A message becomes a reply: its text, its model, one request and its tokens."""
        with Server(message(REPLY)) as server:
            backend = make(server)
            assert backend.complete(REQUEST) == Reply(text=REPLY, usage=ONE, model="served-model")
        assert isinstance(backend, Backend)
        assert [seen.path for seen in server.requests] == ["/v1/messages"]

    def test_cost(self, make: Make) -> None:
        """A model with a known price has a cost: input, output, cache reads and writes each at its rate."""
        with Server(message(REPLY)) as server:
            usage = make(server, "claude-opus-5-5").complete(REQUEST).usage
        assert usage.cost_usd == pytest.approx((100 * 4 + 20 * 20 + 7 * 0.2 + 3 * 5) / 1e6)

    def test_thinking_first(self, make: Make) -> None:
        """Text blocks are chosen by type, wherever they stand."""
        blocks = [
            {"type": "thinking", "thinking": '{"steps": "no"}', "signature": "s"},
            {"type": "text", "text": '{"steps":'},
            {"type": "text", "text": " []}"},
        ]
        with Server(message(blocks=blocks)) as server:
            assert make(server).complete(REQUEST).text == REPLY

    def test_null_usage(self, make: Make) -> None:
        """A local server may leave counts out; the request is counted all the same."""
        with Server(message(REPLY, usage={"input_tokens": None, "output_tokens": 5})) as server:
            assert make(server).complete(REQUEST).usage == Usage(requests=1, output_tokens=5)

    def test_large_max_tokens(self, make: Make) -> None:
        """Room for 100,000 tokens is no reason for the SDK to demand streaming."""
        with Server(message(REPLY)) as server:
            make(server).complete(replace(REQUEST, max_tokens=100_000))
        assert server.requests[0].body["max_tokens"] == 100_000

    def test_threads_share_connections(self, make: Make) -> None:
        """Many threads use one client, and no more connections than may be in flight."""
        with Server(replace(message(REPLY), delay=0.01)) as server:
            backend = make(server, max_in_flight=4)
            with ThreadPoolExecutor(16) as pool:
                replies = list(pool.map(lambda _: backend.complete(REQUEST).text, range(48)))
        assert replies == [REPLY] * 48
        assert server.connections <= 4


class TestWarmUp:
    """The first request of a rubric writes the provider's cache; the others wait for it."""

    @pytest.mark.parametrize("answer", [message(REPLY), error(529)], ids=["answered", "failed"])
    def test_first_goes_alone(self, make: Make, answer: Answer) -> None:
        """While the first request is under way no other arrives; when it is over the others come together."""
        together = threading.Barrier(5, timeout=10)
        alone: list[bool] = []

        def behave(seen: Seen) -> Answer:
            if seen is server.requests[0]:
                time.sleep(0.1)
                alone.append(len(server.requests) == 1)
            else:
                together.wait()
            return answer

        with Server(behave) as server:
            ask_at_once(make(server, DEFAULT_MODEL, max_attempts=1, warm_up=True), ["the rubric"] * 6)
        assert (alone, len(server.requests)) == ([True], 6)

    @pytest.mark.parametrize("options", [{"warm_up": False}, {}])
    def test_off(self, make: Make, options: dict[str, Any]) -> None:
        """Switched off, or for a server of one's own, all go at once."""
        together = threading.Barrier(6, timeout=10)
        with Server(lambda seen: message(REPLY, id=str(together.wait()))) as server:
            ask_at_once(make(server, DEFAULT_MODEL, max_attempts=1, **options), ["the rubric"] * 6)
        assert not together.broken

    def test_each_rubric(self, make: Make) -> None:
        """Another rubric is another cache entry: two first requests go together."""
        together = threading.Barrier(2, timeout=10)
        with Server(lambda seen: message(REPLY, id=str(together.wait()))) as server:
            ask_at_once(make(server, max_attempts=1, warm_up=True), ["one", "two"])
        assert not together.broken


def ask_at_once(backend: AnthropicBackend, rubrics: list[str]) -> None:
    """One thread and one request for each rubric; failures are part of the script."""

    def ask(rubric: str) -> None:
        with contextlib.suppress(TransportError):
            backend.complete(replace(REQUEST, system=rubric))

    with ThreadPoolExecutor(len(rubrics)) as pool:
        list(pool.map(ask, rubrics))


class TestBudgetAndPacing:
    def test_budget_stops(self, make: Make) -> None:
        """When the tokens are spent no request is sent, and the run stops."""
        budget = Budget(tokens=300)
        with Server(message(REPLY)) as server:
            backend = make(server, budget=budget)
            for _ in range(3):
                backend.complete(REQUEST)
            caught = failure(backend)
        assert isinstance(caught, BudgetError)
        assert len(server.requests) == 3
        assert budget.spent == ONE + ONE + ONE

    def test_between_attempts(self, make: Make) -> None:
        """A retry is a request like any other: the budget is asked again."""
        with Server(message("{", stop_reason="max_tokens"), message(REPLY)) as server:
            assert isinstance(failure(make(server, budget=Budget(tokens=100))), BudgetError)
        assert len(server.requests) == 1

    def test_dollars_need_a_price(self, make: Make) -> None:
        """A dollar budget for a model without a known price would hold nothing back, so it is refused."""
        with Server() as server, pytest.raises(InputError, match="no price is known for 'local-model'"):
            make(server, budget=Budget(usd=1.0))

    def test_limits_of_the_headers(self, make: Make) -> None:
        """The limits a response states are the pacer's from then on."""
        pacer = Pacer()
        stated = {"anthropic-ratelimit-requests-limit": "600", "anthropic-ratelimit-input-tokens-limit": "60000"}
        answer = message(REPLY)
        with Server(replace(answer, headers={**answer.headers, **stated})) as server:
            make(server, pacer=pacer).complete(REQUEST)
        assert pacer.requests_per_second == pytest.approx(10)

    def test_429_reaches_the_pacer(self, make: Make) -> None:
        """A refused request slows the others down."""
        pacer = Pacer()
        with Server(error(429, anthropic_ratelimit_requests_limit="60"), message(REPLY)) as server:
            make(server, pacer=pacer).complete(REQUEST)
        assert pacer.requests_per_second == pytest.approx(1)


class TestItself:
    def test_identity(self) -> None:
        """What changes an answer is in the identity; what does not, is not."""
        backend = AnthropicBackend("m", base_url="http://localhost:8000/v1", api_key="secret", structured="tool")
        assert backend.identity == "anthropic m localhost:8000 tool"
        assert backend.identity == replace(backend, max_attempts=1, api_key=None, max_in_flight=3).identity
        assert backend.identity != replace(backend, extra_body={"seed": 1}).identity

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"structured": "yaml"}, "structured: expected one of native, tool, prompt"),
            ({"max_attempts": 0}, "max_attempts"),
            ({"call_timeout": float("nan")}, "call_timeout"),
        ],
    )
    def test_senseless(self, options: dict[str, Any], words: str) -> None:
        """Arguments are checked when the backend is made."""
        with pytest.raises(InputError, match=words):
            AnthropicBackend(**options)

    def test_pickled(self, make: Make) -> None:
        """A copy works, with the same settings and a client of its own."""
        with Server(message(REPLY)) as server:
            backend = make(
                server, sleep=time.sleep, random=default_random, budget=Budget(tokens=1000), pacer=Pacer(50)
            )
            backend.complete(REQUEST)
            copy = pickle.loads(pickle.dumps(backend))
            assert copy.complete(REQUEST).text == REPLY
            copy.close()
        assert copy.identity == backend.identity
        assert copy.budget.spent == ONE

    def test_reopens(self, make: Make) -> None:
        """A closed backend opens new connections when it is asked again."""
        with Server(message(REPLY)) as server:
            backend = make(server)
            for _ in range(2):
                backend.complete(REQUEST)
                backend.close()
        assert server.connections == 2

    def test_no_network_but_loopback(self) -> None:
        """The guard these tests rely on is in force."""
        with pytest.raises(AssertionError, match="reach"), socket.socket() as plug:
            plug.connect(("192.0.2.1", 80))


def default_random() -> float:
    """A random that pickles."""
    return 0.5
