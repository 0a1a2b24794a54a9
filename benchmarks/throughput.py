"""How near a thousand reviews come to the ideal time, on a server that only waits, and on one that limits the rate.

    python benchmarks/throughput.py [--rounds 3]

The server runs in a process of its own on this machine; with two cores it shares them with the client, so run this
with nothing else running. The ideal of the plain server is 1000/64 * 0.2 s, of the limited one 1000/100 s.
It does not measure a model: an answer costs the server nothing but the wait.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from dca.backends.anthropic import AnthropicBackend
from dca.errors import ReviewError
from dca.messages import Message, Request

REVIEWS, IN_FLIGHT, DELAY, RATE, BURST = 1000, 64, 0.2, 100, 20
SERVER = Path(__file__).parents[1] / "tests" / "backends" / "server.py"
REPLY = json.dumps({"steps": [{"i": 3, "why": "it decides", "label": "key", "score": 2}], "shortest": [3]})
SCHEMA = {"type": "object", "properties": {"steps": {"type": "array"}, "shortest": {"type": "array"}}}


@dataclass(frozen=True)
class Figures:
    """What one drive took: wall and processor seconds, requests that got no answer, answers and 429s."""

    seconds: float
    cpu: float
    lost: int
    requests: int
    refused: int


def drive(backend: AnthropicBackend) -> int:
    """Ask a thousand questions, 64 at a time; the number that got no answer."""

    def ask(number: int) -> int:
        try:
            question = f"rollout {number}: " + "a step of ordinary length, with 12 * 3 = 36 in it. " * 270  # 14 kB
            backend.complete(Request(system="r" * 3500, messages=(Message("user", question),), schema=SCHEMA))
        except ReviewError as error:
            print(f"  lost: {error}")
            return 1
        return 0

    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        return sum(pool.map(ask, range(REVIEWS)))


def measure(*arguments: str, drive: Callable[[AnthropicBackend], int] = drive) -> Figures:
    """One fresh server, one fresh backend, one drive."""
    command = [sys.executable, str(SERVER), "--delay", str(DELAY), "--text", REPLY, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        backend = AnthropicBackend("local-model", base_url=process.stdout.readline().strip(), max_in_flight=IN_FLIGHT)
        wall, cpu = time.perf_counter(), time.process_time()
        lost = drive(backend)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        backend.close()
        output, _ = process.communicate("")
    counts = json.loads(output)
    return Figures(wall, cpu, lost, counts["requests"], counts["refused"])


def main() -> int:
    """Print the table; fail when the best of the rounds misses a bound."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    limit = ("--rate", str(RATE), "--burst", str(BURST))
    cases = (
        ("answers in 200 ms", REVIEWS / IN_FLIGHT * DELAY, 1.20, ()),
        ("100/s, retry-after only", REVIEWS / RATE, 1.10, limit),
        ("100/s, stated in headers", REVIEWS / RATE, 1.10, (*limit, "--stated")),
    )
    print(f"{REVIEWS} reviews, {IN_FLIGHT} in flight; load of the machine {os.getloadavg()[0]:.2f}\n")
    titles = ("ideal s", 8), ("took s", 8), ("ratio", 6), ("wanted", 7), ("429s", 5), ("lost", 5), ("cpu ms each", 12)
    print(f"{'server':26} " + " ".join(title.rjust(width) for title, width in titles))
    good = True
    for name, ideal, wanted, arguments in cases:
        figures = [measure(*arguments) for _ in range(rounds)]
        for one in figures:
            row = f"{name:26} {ideal:8.2f} {one.seconds:8.2f} {one.seconds / ideal:6.2f} {wanted:7.2f}"
            print(f"{row} {one.refused:5} {one.lost:5} {one.cpu:12.2f}")
        good &= min(one.seconds for one in figures) <= wanted * ideal and not any(one.lost for one in figures)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
