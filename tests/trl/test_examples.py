"""The example that wants a real model and a real reviewer, with a tiny one of each: all else is as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import tiny
from backends.server import Server
from reviewing_server import good

from dca.assignments import read_assignments

ROOT = Path(__file__).parents[2]


def test_train_grpo(tmp_path: Path) -> None:
    """It trains, asks the reviewer about every rollout, and names a folder that the readers can read."""
    tokenizer = tiny.byte_tokenizer()
    tokenizer.save_pretrained(tmp_path / "model")
    tiny.model(len(tokenizer)).save_pretrained(tmp_path / "model")
    rows = [
        {"prompt": [{"role": "user", "content": f"What is {k} + 1?"}], "solution": f"${k + 1}$"} for k in range(8)
    ]
    (tmp_path / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    with Server(good) as server:
        command = [sys.executable, ROOT / "examples" / "train_grpo.py", "--model", tmp_path / "model"]
        command += ["--dataset", tmp_path / "sums.jsonl", "--reviewer-url", server.url, "--max-steps", "1"]
        done = subprocess.run(
            [*command, "--output", tmp_path / "out"],
            env={**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        asked = len(server.requests)
    assert "trained 1 steps" in done.stdout
    logged = list(read_assignments(str(tmp_path / "out" / "dca")))
    assert len(logged) == 8
    assert asked == sum(row["usage"]["requests"] for row in logged) > 0
    assert [row["fallback"] for row in logged] == [None] * 8
