"""What is sent again, how often, and after what wait; no test waits, sleeps are recorded."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from email.utils import formatdate

import pytest
from backends.asking import ONE, REPLY, REQUEST, Make, failure
from backends.server import Answer, Server, error, html, message

from dca.errors import (
    TransportError,
)
from dca.usage import Usage


class TestRetried:
    """Requests that may succeed later: sent again, by one layer only."""

    @pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
    def test_until_attempts_end(self, make: Make, naps: list[float], status: int) -> None:
        """Five requests, four waits that grow, and an error that counts them."""
        with Server(error(status, "busy")) as server:
            caught = failure(make(server))
        assert type(caught) is TransportError
        assert f"after 5 requests ({status}: busy)" in str(caught)
        assert caught.usage == Usage(requests=5)
        assert len(server.requests) == 5
        assert naps == [0.75, 1.25, 2.25, 4.25]

    @pytest.mark.parametrize(
        "broken",
        [
            error(429),
            error(500),
            error(529),
            Answer(drop=0),
            replace(message(REPLY), drop=40),
            html(),
            replace(message(REPLY), body=message(REPLY).body[:-20]),
            replace(message(REPLY), body=b""),
            replace(message(REPLY), body=b"null"),
            replace(message(REPLY), body=b"[" * 100_000),
            replace(message(REPLY), body=b'{"type": "message", "content": "text"}'),
            replace(message(REPLY), body=b'{"error": {"message": "upstream failed"}}'),
        ],
        ids=lambda answer: f"{answer.status}-{answer.drop}-{len(answer.body)}",
    )
    def test_recovers(self, make: Make, broken: Answer) -> None:
        """What broke once is asked once more, and both requests are counted."""
        with Server(broken, message(REPLY)) as server:
            reply = make(server).complete(REQUEST)
        assert (reply.text, reply.usage) == (REPLY, replace(ONE, requests=2))
        assert len(server.requests) == 2

    @pytest.mark.parametrize(
        ("broken", "words"),
        [
            (html(), "200 with a body that is not JSON: '<html><body>Welcome"),
            (replace(message(REPLY), body=b'{"id": 1}'), "200 with JSON that is not a message: '{\"id\": 1}'"),
            (Answer(drop=0), "Server disconnected without sending a response"),
        ],
    )
    def test_keeps_failing(self, make: Make, broken: Answer, words: str) -> None:
        """The error quotes what came instead of a message."""
        with Server(broken) as server:
            caught = failure(make(server, max_attempts=2))
        assert type(caught) is TransportError
        assert words in str(caught)
        assert "base_url" in str(caught)
        assert len(server.requests) == 2

    def test_wrong_shape_with_usage(self, make: Make) -> None:
        """Tokens of an answer that was no message were paid for, and are counted."""
        broken = replace(message(REPLY), body=message(REPLY, stop_reason=None).body)  # type: ignore[arg-type]
        with Server(broken, message(REPLY)) as server:
            assert make(server).complete(REQUEST).usage == ONE + ONE

    def test_nobody_listens(self, make: Make) -> None:
        """An address without a server is an error that says so."""
        with Server() as server:
            backend = make(server, max_attempts=2)
        caught = failure(backend)
        assert "Connection refused" in str(caught)
        assert "check that the server runs" in str(caught)
        assert isinstance(caught, TransportError)
        assert caught.usage == Usage(requests=2)

    @pytest.mark.parametrize(("status", "hint", "requests"), [(400, "true", 2), (529, "false", 1), (429, "maybe", 2)])
    def test_hint(self, make: Make, status: int, hint: str, requests: int) -> None:
        """The server's own word on whether to retry is obeyed."""
        with Server(error(status, x_should_retry=hint)) as server:
            failure(make(server, max_attempts=2))
        assert len(server.requests) == requests


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("headers", "nap"),
        [
            ({}, 0.75),
            ({"retry_after": "3"}, 3.375),
            ({"retry_after": "0.5"}, 0.5625),
            ({"retry_after_ms": "700", "retry_after": "30"}, 0.7875),
            ({"retry_after_ms": "soon", "retry_after": "2"}, 2.25),
            *(({"retry_after": text}, 0.75) for text in ("soon", "", "0", "-5", "nan", "inf", "Wed, 99 Foo 2026")),
            ({"retry_after": formatdate(0, usegmt=True)}, 0.75),
        ],
    )
    def test_wait(self, make: Make, naps: list[float], headers: dict[str, str], nap: float) -> None:
        """A stated wait is kept, with up to a quarter added; anything else is as good as silence."""
        with Server(error(429, **headers), message(REPLY)) as server:
            assert make(server).complete(REQUEST).usage.requests == 2
        assert naps == pytest.approx([nap])

    def test_date(self, make: Make, naps: list[float]) -> None:
        """A date ahead is a wait until then."""
        with Server(error(429, retry_after=formatdate(time.time() + 10, usegmt=True)), message(REPLY)) as server:
            make(server).complete(REQUEST)
        assert 8 * 1.125 < naps[0] < 10 * 1.125

    @pytest.mark.parametrize("as_date", [False, True])
    def test_too_long(self, make: Make, naps: list[float], as_date: bool) -> None:
        """A wait that does not fit into the call's time is not begun."""
        text = formatdate(time.time() + 3601, usegmt=True) if as_date else "3600"
        with Server(error(429, "come back later", retry_after=text)) as server:
            caught = failure(make(server))
        assert (len(server.requests), naps) == (1, [])
        assert type(caught) is TransportError
        assert "(429: come back later)" in str(caught)
        assert re.search(r"it asks to wait 3,60[01] s and 180 s of this call's 180 s are left", str(caught))
        assert caught.usage == Usage(requests=1)

    def test_time_is_up(self, make: Make, naps: list[float]) -> None:
        """Waits and attempts together stay within the call's time."""
        now = [0.0]

        def sleep(seconds: float) -> None:
            naps.append(seconds)
            now[0] += seconds

        with Server(error(529, retry_after="4")) as server:
            caught = failure(make(server, max_attempts=50, call_timeout=20.0, clock=lambda: now[0], sleep=sleep))
        assert sum(naps) < 20
        assert len(server.requests) == 5
        assert "it asks to wait 4 s and 2 s of this call's 20 s are left" in str(caught)
