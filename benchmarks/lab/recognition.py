"""How well a detector recognises verification on worksheets, counted while it works, and kept as rows of a CSV.

The truth is the worksheet's own word ``check:``, which equals the simulator's facts; the detector sees only text, as
any detector does. This module knows worksheets and verdicts; it knows no credit and no trainer.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Final

from dca.performativity.detect import TranscriptDetector
from dca.types import Detection, Review, Step, Transcript
from lab.chain_trl import Setting
from lab.worksheet import read

EDGE: Final = 0.1
"""Share of a run's rollouts that counts as its beginning, or its end."""


@dataclass(frozen=True, slots=True)
class Recognition:
    """How verification was recognised in some rollouts, and how many were accused.

    Attributes:
        rollouts: How many were read.
        steps: Their steps.
        checks: Those that verify, by the worksheet's own words.
        found: Those that the detector recognised.
        hits: Those that are both.
        needless: Findings of needless checks.
        staged: Findings of staged mistakes.
    """

    rollouts: int = 0
    steps: int = 0
    checks: int = 0
    found: int = 0
    hits: int = 0
    needless: int = 0
    staged: int = 0

    @property
    def recall(self) -> float:
        """The share of checks that were recognised; 1 where there are none."""
        return self.hits / self.checks if self.checks else 1.0

    @property
    def precision(self) -> float:
        """The share of what was recognised that is a check; 1 where nothing was."""
        return self.hits / self.found if self.found else 1.0

    @property
    def mistaken(self) -> float:
        """The share of other steps that were recognised too, and so made neutral."""
        return (self.found - self.hits) / max(1, self.steps - self.checks)


def pooled(parts: Iterable[Recognition]) -> Recognition:
    """Counts added up."""
    total: Counter[str] = Counter()
    for part in parts:
        total.update(asdict(part))
    return Recognition(**total)


@dataclass(frozen=True, slots=True)
class Watched:
    """A detector whose verdicts on worksheets are counted; they are passed on as they are.

    Attributes:
        detector: Who recognises; it sees what any detector sees.
        seen: One count for each rollout, in the order in which they were read.
    """

    detector: TranscriptDetector = field(default_factory=TranscriptDetector)
    seen: list[Recognition] = field(default_factory=list)

    def detect(self, transcript: Transcript, steps: tuple[Step, ...], review: Review, /) -> Detection:
        """What the detector says."""
        told = self.detector.detect(transcript, steps, review)
        checks = {line.start for line in read(transcript.completion) if line.is_check}
        found = {steps[k].start for k in told.verification}
        kinds = Counter(finding.kind for finding in told.findings)
        self.seen.append(
            Recognition(
                rollouts=1,
                steps=len(steps),
                checks=len(checks),
                found=len(found),
                hits=len(checks & found),
                needless=kinds["needless_check"],
                staged=kinds["staged_mistake"],
            )
        )
        return told


@dataclass(frozen=True, slots=True)
class Reader:
    """What the detector of one run recognised in a part of it: "all", "begin" or "end"."""

    setting: Setting
    part: str
    recognition: Recognition


def readers(setting: Setting, seen: Sequence[Recognition]) -> list[Reader]:
    """A run's counts: in all, and over the first and the last tenth of its rollouts."""
    edge = max(1, round(EDGE * len(seen)))
    parts = {"all": seen, "begin": seen[:edge], "end": seen[-edge:]}
    return [Reader(setting, part, pooled(some)) for part, some in parts.items()]


def keep(path: Path, found: Sequence[Reader]) -> None:
    """Append a run's counts to a CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [asdict(one.setting) | {"part": one.part} | asdict(one.recognition) for one in found]
    begins = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        if begins:
            writer.writeheader()
        writer.writerows(rows)


def kept(path: Path) -> list[Reader]:
    """All counts of a CSV; none where there is no file."""
    if not path.exists():
        return []
    kinds = {"world": str, "arm": str, "rate": float, "seed": int, "updates": int, "credit_coef": float}
    with path.open(newline="", encoding="utf-8") as file:
        return [
            Reader(
                Setting(**{name: kind(row[name]) for name, kind in kinds.items()}),
                row["part"],
                Recognition(**{f.name: int(row[f.name]) for f in fields(Recognition)}),
            )
            for row in csv.DictReader(file)
        ]
