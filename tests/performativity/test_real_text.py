"""On the public sets: honest solutions, plain and stuffed, yield no finding."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest
from rollouts import blank, rollout
from test_detect import CUES

from dca.performativity.detect import TranscriptDetector

DATA = os.environ.get("DCA_DATA")


@pytest.mark.skipif(not DATA, reason="set DCA_DATA to the folder with the public sets")
@pytest.mark.parametrize("stuffed", [False, True])
def test_gold_solutions(stuffed: bool) -> None:
    """GSM8K's gold solutions hold no finding, and next to nothing is called verification."""
    rng = random.Random(0)
    verification = count = 0
    for line in (Path(DATA or "") / "gsm8k/test.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        texts = tuple(f"{rng.choice(CUES) if stuffed else ''}{x}" for x in row["answer"].split("\n") if x.strip())
        transcript, steps = rollout(row["question"], texts)
        found = TranscriptDetector().detect(transcript, steps, blank(len(steps)))
        assert found.findings == (), row["question"]
        verification, count = verification + len(found.verification), count + len(steps)
    assert verification < 0.01 * count
