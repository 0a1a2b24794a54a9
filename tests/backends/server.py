"""A small server that speaks ``/v1/messages`` over real HTTP, follows a script, and remembers what it was asked.

In a test::

    with Server(error(529), message('{"steps": []}')) as server:
        ...                     # answers 529 once, then the message for ever
    server.requests[0].headers  # what arrived

By itself, for benchmarks: ``python server.py --delay 0.2 --rate 100 --burst 20`` prints its address and, when its
standard input closes, a line of counts as JSON.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Answer:
    """One response: status, body and headers, after a delay; or none at all.

    Attributes:
        delay: Seconds before the first byte.
        drop: Close the connection after this many bytes of the body (0: without a word); None: send it all.
        drip: Seconds between single spaces sent before the body, `drips` of them.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drop: int | None = None
    drip: float = 0.0
    drips: int = 0


@dataclass(frozen=True)
class Seen:
    """One request as it arrived; header names in lower case."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]
    at: float


Behaviour = Answer | Callable[[Seen], Answer]

USAGE = {"input_tokens": 100, "output_tokens": 20, "cache_read_input_tokens": 7, "cache_creation_input_tokens": 3}


def message(text: str = "{}", *, stop_reason: str = "end_turn", blocks: Any = None, **extra: Any) -> Answer:
    """A well-formed message with one text block, or with these blocks; `extra` fields are added or replaced."""
    body = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "served-model",
        "content": [{"type": "text", "text": text}] if blocks is None else blocks,
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": USAGE,
        **extra,
    }
    return Answer(body=json.dumps(body).encode(), headers={"content-type": "application/json"})


def error(
    status: int, said: str = "as scripted", *, kind: str = "api_error", code: str = "", **headers: str
) -> Answer:
    """An error as the provider words them; underscores in header names become hyphens."""
    inner: dict[str, Any] = {"type": kind, "message": said} | ({"details": {"error_code": code}} if code else {})
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = json.dumps({"type": "error", "error": inner}).encode()
    return Answer(status, body, {"content-type": "application/json", **named})


def html(status: int = 200) -> Answer:
    """A page, as a misled proxy sends."""
    return Answer(status, b"<html><body>Welcome</body></html>", {"content-type": "text/html"})


def resolved(behaviour: Behaviour, seen: Seen) -> Answer:
    """What a behaviour answers to a request."""
    return behaviour if isinstance(behaviour, Answer) else behaviour(seen)


class Server:
    """Serves a script: each behaviour once, in order, and the last one for ever after."""

    def __init__(self, *script: Behaviour, port: int = 0) -> None:
        self.script = script or (message(),)
        self.requests: list[Seen] = []
        self.connections = 0
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"scripted": self})
        self._http = _Http(("127.0.0.1", port), handler)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def answer(self, seen: Seen) -> Answer:
        """Note a request and say what it gets."""
        with self._lock:
            behaviour = self.script[min(len(self.requests), len(self.script) - 1)]
            self.requests.append(seen)
        return resolved(behaviour, seen)

    def connected(self) -> None:
        """Count a connection."""
        with self._lock:
            self.connections += 1


class RateLimited:
    """A behaviour: a bucket of `burst` refilled at `rate` per second; 429 with whole seconds when it is empty."""

    def __init__(self, rate: float, burst: float, then: Behaviour, *, stated: bool = False) -> None:
        self.rate, self.burst, self.then = rate, burst, then
        self.refused = 0
        self._limit = {"anthropic-ratelimit-requests-limit": str(round(rate * 60))} if stated else {}
        self._level, self._at = burst, time.monotonic()
        self._lock = threading.Lock()

    def __call__(self, seen: Seen) -> Answer:
        with self._lock:
            now = time.monotonic()
            self._level = min(self.burst, self._level + (now - self._at) * self.rate)
            self._at = now
            if self._level >= 1:
                self._level -= 1
                answer = resolved(self.then, seen)
                return replace(answer, headers={**answer.headers, **self._limit})
            self.refused += 1
            wait = math.ceil((1 - self._level) / self.rate)
        return error(429, "too many requests", kind="rate_limit_error", retry_after=str(wait))


class _Http(ThreadingHTTPServer):
    """Room for many connections at once, and silence about those that break."""

    request_queue_size = 1024
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is part of the script."""


class _Handler(BaseHTTPRequestHandler):
    """Keeps connections alive and sends each response in one piece."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body in one segment: two would wait for a delayed ACK
    disable_nagle_algorithm = True
    scripted: Server

    def setup(self) -> None:
        super().setup()
        self.scripted.connected()

    def do_POST(self) -> None:
        """Read, note, answer."""
        length = int(self.headers.get("content-length") or 0)
        body = json.loads(self.rfile.read(length) or b"{}")
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen = Seen(self.path, headers, body, time.monotonic())
        if self.path.partition("?")[0] == "/v1/messages/count_tokens":
            counted = json.dumps({"input_tokens": length // 4}).encode()
            self._send(Answer(body=counted, headers={"content-type": "application/json"}))
        elif self.path.partition("?")[0] == "/v1/messages":
            self._send(self.scripted.answer(seen))
        else:
            self._send(error(404, f"no such path: {self.path}", kind="not_found_error"))

    def _send(self, answer: Answer) -> None:
        time.sleep(answer.delay)
        if answer.drop == 0:
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(answer.body) + answer.drips))
        self.end_headers()
        for _ in range(answer.drips):
            self.wfile.write(b" ")
            self.wfile.flush()
            time.sleep(answer.drip)
        self.wfile.write(answer.body[: answer.drop])
        self.wfile.flush()
        self.close_connection = self.close_connection or answer.drop is not None

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main(behaviour: Behaviour | None = None) -> None:
    """Serve until standard input closes: a behaviour, or the text that is given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--delay", type=float, default=0.2, help="seconds before an answer")
    parser.add_argument("--rate", type=float, help="requests a second; no limit unless given")
    parser.add_argument("--burst", type=float, default=20.0)
    parser.add_argument("--stated", action="store_true", help="state the rate in the provider's headers")
    parser.add_argument("--text", default="{}", help="the reply")
    options = parser.parse_args()

    def reply(seen: Seen) -> Answer:
        return replace(resolved(behaviour or message(options.text), seen), delay=options.delay)

    limit = RateLimited(options.rate, options.burst, reply, stated=options.stated) if options.rate else None
    with Server(limit or reply) as server:
        print(server.url, flush=True)
        sys.stdin.read()
    counts = {"requests": len(server.requests), "refused": limit.refused if limit else 0}
    print(json.dumps(counts | {"connections": server.connections}), flush=True)


if __name__ == "__main__":
    main()
