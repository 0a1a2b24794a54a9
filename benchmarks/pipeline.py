"""The whole job with the arithmetic reviewer: transcripts a second, against reading the file, and memory.

Writes a file of N copies-with-changes of the bundled transcripts (so that none is identical to another), reviews it
with `dca review` in a process of its own, and prints rate and peak memory for growing N: memory must not grow.

    python benchmarks/pipeline.py [--rows 200000]
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dca.config import bundled_transcripts

_CHILD = """
import resource, sys
sys.argv = ["dca", *sys.argv[1:]]
from dca.cli import main
try:
    main()
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stdout)
"""


def write_rows(path: Path, count: int) -> None:
    rows = [json.loads(line) for line in bundled_transcripts().read_text("utf-8").splitlines()]
    with path.open("w", encoding="utf-8") as file:
        for k in range(count):
            row = dict(rows[k % len(rows)])
            row["id"] = f"{row['id']}-{k}"
            row["prompt"] = f"{row['prompt']} (variant {k})"
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def measure(source: Path, out: Path) -> tuple[float, float]:
    """Wall seconds and peak megabytes of one `dca review`."""
    began = time.perf_counter()
    command = [sys.executable, "-c", _CHILD, "review", str(source), "-o", str(out), "--overwrite"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return time.perf_counter() - began, int(done.stdout.split()[-1]) / 1024


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=20_000, help="the largest file (default 20,000)")
    most = options.parse_args().rows
    print("| transcripts | seconds | a second | times reading the JSON | peak MB |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for count in (most // 100, most // 10, most):
            source, out = Path(folder) / "in.jsonl", Path(folder) / "out.jsonl"
            write_rows(source, count)
            began = time.perf_counter()
            with source.open(encoding="utf-8") as file:
                for line in file:
                    json.loads(line)
            reading = time.perf_counter() - began
            spent, peak = measure(source, out)
            print(f"| {count:,} | {spent:.1f} | {count / spent:,.0f} | {spent / reading:.0f} | {peak:.0f} |")
    print(f"(this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB)")


if __name__ == "__main__":
    main()
