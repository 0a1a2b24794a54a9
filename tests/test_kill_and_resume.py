"""Killed in the middle of paid work: four processes on one cache lose nothing; the rerun asks for the rest only."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from backends.server import Server
from reviewing_server import good

REVIEWS, PROCESSES = 2000, 4


def start(folder: Path, url: str, part: int, *more: str) -> subprocess.Popen[bytes]:
    """One `dca review` of one quarter of the rows, on the cache that all share."""
    command = [sys.executable, "-c", "from dca.cli import main; main()", "review", f"in{part}.jsonl", *more]
    command += ["-o", f"out{part}.jsonl", "--reviewer", "anthropic", "--base-url", url, "--model", "local"]
    command += ["--cache", "shared.sqlite3", "--max-in-flight", "16"]
    env = {k: v for k, v in os.environ.items() if k != "CI"}
    return subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, env=env)


def remembered(cache: Path) -> int:
    with closing(sqlite3.connect(cache)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return max(connection.execute(f"SELECT COUNT(*) FROM {name}").fetchone()[0] for name in tables)


def test_kill_and_resume(tmp_path: Path) -> None:
    """After `kill -9` of four processes the rerun sends exactly what was not stored; every row is there once."""
    for part in range(PROCESSES):
        with (tmp_path / f"in{part}.jsonl").open("w") as file:
            for k in range(part, REVIEWS, PROCESSES):
                row = {
                    "id": str(k),
                    "prompt": f"{k} + 1?",
                    "completion": f"{k} + 1 = {k + 1}\nA: {k + 1}",
                    "reward": 1,
                }
                file.write(json.dumps(row) + "\n")
    with Server(good) as server:
        running = [start(tmp_path, server.url, part) for part in range(PROCESSES)]
        while len(server.requests) < REVIEWS // 3:
            assert all(process.poll() is None for process in running)
            time.sleep(0.01)
        for process in running:
            process.send_signal(signal.SIGKILL)
        for process in running:
            process.communicate(timeout=30)
        time.sleep(0.3)  # what was on its way to the server arrives and is answered in vain
        stored, asked = remembered(tmp_path / "shared.sqlite3"), len(server.requests)
        assert 0 < stored <= asked < REVIEWS
        again = [start(tmp_path, server.url, part, "--resume") for part in range(PROCESSES)]
        for process in again:
            _, said = process.communicate(timeout=120)
            assert process.returncode == 0, said.decode()
        assert len(server.requests) - asked == REVIEWS - stored
    written = "".join((tmp_path / f"out{part}.jsonl").read_text("utf-8") for part in range(PROCESSES))
    rows = [json.loads(line) for line in written.splitlines()]
    assert sorted(int(row["id"]) for row in rows) == list(range(REVIEWS))
    assert [row["fallback"] for row in rows] == [None] * REVIEWS
