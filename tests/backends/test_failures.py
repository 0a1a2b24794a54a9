"""Requests and answers that are no reply: how many requests were sent, what the user sees, what was counted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from backends.asking import ONE, REPLY, REQUEST, Make, failure
from backends.server import USAGE, Answer, Server, error, html, message

from dca.backends.pacing import Pacer
from dca.errors import (
    CredentialError,
    DCAError,
    RefusedError,
    ReplyError,
    ReviewError,
    TransportError,
    TruncatedError,
)
from dca.usage import Usage


class TestRejected:
    """Requests that no repetition would make good: sent once."""

    @pytest.mark.parametrize(
        ("status", "kind", "words"),
        [
            (400, TransportError, "does not accept the request for 'local-model' (400: the server's words)"),
            (404, TransportError, "check the model's name and base_url"),
            (413, TransportError, "the transcript is too long for one request"),
            (422, TransportError, "try structured='tool' or structured='prompt'"),
            (401, CredentialError, "no key was sent: one in the environment goes to the provider's own host alone"),
            (402, CredentialError, "refused the key or the account (402: the server's words)"),
            (403, CredentialError, "give this server's key as api_key"),
        ],
    )
    def test_once(self, make: Make, naps: list[float], status: int, kind: type[DCAError], words: str) -> None:
        """One request, the server's words, and what to do; a key or an account that was refused stops the run."""
        with Server(error(status, "the server's words")) as server:
            caught = failure(make(server))
        assert type(caught) is kind
        assert words in str(caught)
        assert "the server's words" in str(caught)
        assert (len(server.requests), naps) == (1, [])
        if isinstance(caught, ReviewError):
            assert caught.usage == Usage(requests=1)

    @pytest.mark.parametrize(
        "answer",
        [
            error(400, "Your credit balance is too low to access the API", kind="invalid_request_error"),
            error(429, kind="rate_limit_error", code="enforced_spend_limit_reached", retry_after="60"),
            error(429, kind="rate_limit_error", code="contract_spend_limit_reached"),
            error(400, kind="invalid_request_error", code="organization_on_hold"),
            error(500, kind="billing_error"),
        ],
    )
    def test_account_in_disguise(self, make: Make, answer: Answer) -> None:
        """An account that cannot pay stops the run at once, whatever status it comes as."""
        with Server(answer) as server:
            assert isinstance(failure(make(server)), CredentialError)
        assert len(server.requests) == 1

    def test_redirect(self, make: Make) -> None:
        """A transcript goes where the user said and nowhere else; the error names the other address."""
        with Server(message(REPLY)) as other, Server(error(307, location=f"{other.url}/v1/messages")) as server:
            caught = failure(make(server))
        assert f"give base_url the address it names: {other.url}/v1/messages" in str(caught)
        assert (len(server.requests), len(other.requests)) == (1, 0)


class TestSlow:
    def test_times_out(self, make: Make) -> None:
        """An attempt ends when its time is up, and is made again."""
        with Server(replace(message(REPLY), delay=1.0), message(REPLY)) as server:
            assert make(server, attempt_timeout=0.1).complete(REQUEST).usage.requests == 2

    def test_always(self, make: Make) -> None:
        """A server that is always too slow: the error says how long was waited, and what to change."""
        with Server(replace(message(REPLY), delay=0.5)) as server:
            caught = failure(make(server, attempt_timeout=0.05, max_attempts=2))
        assert type(caught) is TransportError
        assert "after 2 requests (timed out after 0.05 s); raise attempt_timeout or lower max_tokens" in str(caught)

    def test_dripping(self, make: Make) -> None:
        """A body that trickles in, each byte in time, does not hold an attempt beyond its time."""
        with Server(replace(message(REPLY), drip=0.05, drips=100), message(REPLY)) as server:
            assert make(server, attempt_timeout=0.2).complete(REQUEST).usage.requests == 2

    def test_keep_alive_spaces(self, make: Make) -> None:
        """Spaces before the JSON, as some servers send while the model works, are no error."""
        with Server(replace(message(REPLY), drip=0.01, drips=5)) as server:
            assert make(server).complete(REQUEST).text == REPLY

    def test_no_turn_in_time(self, make: Make) -> None:
        """A rate limit that leaves no turn in time is an error, and no request."""
        pacer = Pacer(0.001)
        with Server(message(REPLY)) as server:
            backend = make(server, pacer=pacer)
            backend.complete(REQUEST)
            caught = failure(backend)
        assert type(caught) is TransportError
        assert "the rate limit leaves no turn" in str(caught)
        assert caught.usage == Usage()
        assert len(server.requests) == 1

    def test_in_flight(self, make: Make) -> None:
        """No more requests are under way than may be; who finds no connection in time is told so."""
        with Server(message(REPLY)) as server:
            backend = make(server, max_in_flight=1, call_timeout=0.05)
            with backend._live.slots:  # as another thread's request would
                caught = failure(backend)
        assert isinstance(caught, TransportError)
        assert "could be sent within the call's 0.05 s: all connections were busy" in str(caught)
        assert (server.requests, caught.usage) == ([], Usage())


class TestAnswers:
    """200, and yet no reply."""

    @pytest.mark.parametrize(
        ("details", "category"),
        [
            ({"type": "refusal", "category": "frontier_llm", "explanation": "words"}, "frontier_llm"),
            ({"type": "refusal", "category": None}, "unspecified"),
            (None, "unspecified"),
        ],
    )
    def test_refusal(self, make: Make, details: Any, category: str) -> None:
        """A refusal is asked for once, paid for, and counted by category."""
        with Server(message(blocks=[], stop_reason="refusal", stop_details=details)) as server:
            backend = make(server)
            assert dict(backend.refusals) == {}
            caught = [failure(backend) for _ in range(2)]
        assert isinstance(caught[0], RefusedError)
        assert (caught[0].category, caught[0].usage) == (category, ONE)
        assert f"declined to review (category: {category})" in str(caught[0])
        assert dict(backend.refusals) == {category: 2}
        assert len(server.requests) == 2

    def test_max_tokens_once(self, make: Make) -> None:
        """A reply that was cut off is asked for once more, with twice the room; both are paid for."""
        with Server(message('{"st', stop_reason="max_tokens"), message(REPLY)) as server:
            reply = make(server).complete(REQUEST)
        assert (reply.text, reply.usage) == (REPLY, ONE + ONE)
        assert [seen.body["max_tokens"] for seen in server.requests] == [500, 1000]

    def test_max_tokens_twice(self, make: Make) -> None:
        """Cut off twice is an error that says how much room there was."""
        with Server(message('{"st', stop_reason="max_tokens")) as server:
            caught = failure(make(server))
        assert isinstance(caught, TruncatedError)
        assert "cut off at 500 tokens and again at 1,000; raise max_tokens" in str(caught)
        assert caught.usage == ONE + ONE
        assert len(server.requests) == 2

    def test_context_window(self, make: Make) -> None:
        """More room does not help a transcript that does not fit."""
        with Server(message("", stop_reason="model_context_window_exceeded")) as server:
            caught = failure(make(server))
        assert isinstance(caught, TruncatedError)
        assert (len(server.requests), caught.usage) == (1, ONE)

    @pytest.mark.parametrize(
        ("options", "answer", "words"),
        [
            ({}, message(""), "sent an empty reply"),
            ({}, message(blocks=[{"type": "thinking", "thinking": "hm"}]), "sent thinking and no reply"),
            ({"structured": "tool"}, message(REPLY), "did not call the tool"),
            ({}, message(REPLY, stop_reason="pause_turn"), "stopped for 'pause_turn'"),
        ],
    )
    def test_no_reply(self, make: Make, options: dict[str, Any], answer: Answer, words: str) -> None:
        """A message without a reply is an error of the review, sent once and paid for."""
        with Server(answer) as server:
            caught = failure(make(server, **options))
        assert isinstance(caught, ReplyError)
        assert words in str(caught)
        assert (len(server.requests), caught.usage) == (1, ONE)

    def test_usage_over_every_attempt(self, make: Make) -> None:
        """Failed attempts, a cut-off reply and the last word are one sum."""
        script = (
            error(529),
            message("{", stop_reason="max_tokens"),
            html(),
            message(blocks=[], stop_reason="refusal"),
        )
        with Server(*script) as server:
            caught = failure(make(server))
        assert isinstance(caught, RefusedError)
        assert caught.usage == replace(ONE + ONE, requests=4)
        assert USAGE["input_tokens"] * 2 == caught.usage.input_tokens
