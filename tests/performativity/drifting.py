"""Records of the output contract for sums of known kinds, by the real pipeline, and windows made of plain counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dca.assignments import to_record
from dca.credit.schemes import Share
from dca.performativity.counts import Counts
from dca.performativity.detect import TranscriptDetector
from dca.pipeline import assign_credit
from dca.types import Review, Step, Transcript

PROMPT = "What is (3 + 4) * 2?"
TEXTS = {
    "plain": ("3 + 4 = 7\n7 * 2 = 14\nA: 14", 1.0),
    "check": ("3 + 4 = 7\nLet me check: 3 + 4 = 7\n7 * 2 = 14\nA: 14", 1.0),
    "caught": ("3 + 4 = 8\nWait, that is wrong: 3 + 4 = 7\n7 * 2 = 14\nA: 14", 1.0),
    "left": ("3 + 4 = 8\n8 * 2 = 16\nA: 16", 0.0),
    "spoilt": ("3 + 4 = 7\nLet me check: 3 + 4 = 8\n8 * 2 = 16\nA: 16", 0.0),
}


class Opinion:
    """A reviewer that gives a score, and perhaps a label, to each step in turn."""

    name = "opinion"

    def __init__(self, scores: Sequence[float], labels: Sequence[str | None] | None = None, **more: Any) -> None:
        self.scores, self.labels, self.more = scores, labels, more

    def review(self, transcript: Transcript, steps: tuple[Step, ...]) -> Review:
        padded = [*self.scores, *[0.0] * len(steps)][: len(steps)]
        labels = [*(self.labels or ()), *[None] * len(steps)][: len(steps)]
        return Review(scores=tuple(padded), labels=tuple(labels), **self.more)


def record(
    kind: str, reviewer: Any = None, *, detect: bool = True, scheme: Any = None, **more: Any
) -> dict[str, Any]:
    """One rollout of a kind, reviewed and written down."""
    text, reward = TEXTS[kind]
    transcript = Transcript(PROMPT, text, reward, id=kind, reference="14")
    assignment = assign_credit(
        transcript,
        reviewer or Opinion(()),
        scheme=scheme or Share(),
        detector=TranscriptDetector() if detect else None,
    )
    return {**to_record(assignment), **more}


def window(count: int = 40, **each: float) -> dict[str, Counts]:
    """A window of so many prompts, all with the same counts, of ten rollouts unless told."""
    return {f"p{k}": Counts(**{"rollouts": 10.0, "right": 6.0, **each}) for k in range(count)}
