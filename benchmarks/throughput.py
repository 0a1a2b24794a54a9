"""How near a thousand reviews come to the ideal time, through the whole pipeline: render, ask, check, store, split.

    python benchmarks/throughput.py [--rounds 3]

Three servers on this machine, each in a process of its own: one that answers in 200 ms, and one that limits the rate
to 100 requests a second (burst 20), which says so in its headers or does not. The ideal of the first is
1000/64 * 0.2 s, of the others 1000/100 s. Then the same rows again, from the cache. With two cores the server shares
them with the client, so run this with nothing else running. It does not measure a model: an answer costs the server
only the wait. One review goes before the clock starts: loading certificates and compiling schemas is no throughput.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dca import Transcript, Usage, assign_many
from dca.backends.anthropic import AnthropicBackend
from dca.backends.cache import SqliteStore
from dca.review.llm import LLMReviewer

REVIEWS, IN_FLIGHT, DELAY, RATE, BURST = 1000, 64, 0.2, 100, 20
SERVER = Path(__file__).parents[1] / "tests" / "reviewing_server.py"
LINE = "Step {k}: we have 12 * {k} = {p} of them so far, and go on with the next group of twelve in the list."


@dataclass(frozen=True)
class Figures:
    """What a drive took: seconds, CPU ms a review, reviews lost, 429s; requests and ms a review when warm."""

    seconds: float
    cpu: float
    lost: int
    refused: int
    asked_again: int
    warm: float


def rollouts() -> Iterator[Transcript]:
    """Rollouts of 30 steps and about 3,000 characters, no two alike."""
    steps = "\n\n".join(LINE.format(k=k, p=12 * k) for k in range(30))
    for number in range(REVIEWS):
        yield Transcript(f"Problem {number}?", f"{steps}\n\nA: {number}", float(number % 2), id=str(number))


def drive(reviewer: LLMReviewer) -> tuple[float, float, int, Usage]:
    """Review them all: wall and processor seconds, reviews lost, and usage."""
    wall, cpu = time.perf_counter(), time.process_time()
    done = list(assign_many(rollouts(), reviewer, max_in_flight=IN_FLIGHT))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    reasons = [d.fallback for d in done if d.fallback]
    for reason in reasons[:3]:
        print(f"  lost: {reason}")
    return wall, cpu, len(reasons), Usage.total(d.usage for d in done)


def measure(*arguments: str) -> Figures:
    """One fresh server, one fresh backend and cache, one cold drive and one warm."""
    command = [sys.executable, str(SERVER), "--delay", str(DELAY), *arguments]
    with (
        tempfile.TemporaryDirectory() as folder,
        SqliteStore(Path(folder) / "cache.sqlite3") as store,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process,
    ):
        assert process.stdout is not None
        backend = AnthropicBackend("local-model", base_url=process.stdout.readline().strip(), max_in_flight=IN_FLIGHT)
        reviewer = LLMReviewer(backend, store=store)
        list(assign_many([Transcript("?", "One review first.", 1.0)], reviewer))
        wall, cpu, lost, _ = drive(reviewer)
        warm, _, _, again = drive(reviewer)
        backend.close()
        output, _ = process.communicate("")
    counts = json.loads(output)
    return Figures(wall, cpu / REVIEWS * 1e3, lost, counts["refused"], again.requests, warm / REVIEWS * 1e3)


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
    widths = {"ideal s": 8, "took s": 8, "ratio": 6, "wanted": 7, "429s": 5, "lost": 5, "cpu ms": 7}
    titles = {**widths, "asked again": 11, "warm ms": 8}.items()
    print(f"{'server':26} " + " ".join(title.rjust(width) for title, width in titles))
    good = True
    for name, ideal, wanted, arguments in cases:
        figures = [measure(*arguments) for _ in range(rounds)]
        for one in figures:
            row = f"{name:26} {ideal:8.2f} {one.seconds:8.2f} {one.seconds / ideal:6.2f} {wanted:7.2f}"
            print(f"{row} {one.refused:5} {one.lost:5} {one.cpu:7.2f} {one.asked_again:11} {one.warm:8.2f}")
        good &= min(one.seconds for one in figures) <= wanted * ideal and not any(one.lost for one in figures)
        good &= min(one.warm for one in figures) < 1.0 and not any(one.asked_again for one in figures)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
