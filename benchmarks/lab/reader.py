"""What the package's detector makes of rollouts told as text: which steps it recognises, and whom it accuses.

The detector is given prompt, text and outcome, and nothing of what the simulator knows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dca.performativity.detect import TranscriptDetector
from dca.types import Detection, Finding, Review, Step, Transcript
from lab.prose import USUAL, tell
from lab.worlds import Rollouts, World

Told = tuple[Transcript, tuple[Step, ...]]
Detect = Callable[[Transcript, tuple[Step, ...]], Detection]


@dataclass(frozen=True, slots=True)
class Read:
    """What was found in N rollouts.

    Attributes:
        recognised: (N, S) True where a step is recognised as verification.
        findings: (N,) the accusations of each rollout.
    """

    recognised: Tensor
    findings: tuple[tuple[Finding, ...], ...]

    def accused(self, kind: str) -> Tensor:
        """(N, S) True where a step is in a finding of a kind."""
        marks = torch.zeros_like(self.recognised)
        for i, findings in enumerate(self.findings):
            for k in (k for one in findings if one.kind == kind for k in one.steps):
                if k < marks.shape[1]:  # the closing line is no step of the policy's
                    marks[i, k] = True
        return marks


def by_text(transcript: Transcript, steps: tuple[Step, ...]) -> Detection:
    """What the text of one rollout alone shows."""
    return TranscriptDetector().detect(transcript, steps, unjudged(steps))


def unjudged(steps: Sequence[Step]) -> Review:
    """A review that says nothing: the detector is not told what the reviewer thinks."""
    return Review((0.0,) * len(steps))


def read(world: World, rollouts: Rollouts, *, detect: Detect = by_text, writers: Sequence[str] = USUAL) -> Read:
    """Tell N rollouts and have them read; the same text with the same outcome is read once."""
    return read_told(tell(world, rollouts, writers), rollouts.facts.present.shape[1], detect)


def read_told(told: Sequence[Told], most_steps: int, detect: Detect = by_text) -> Read:
    """Read rollouts that are told already.

    Args:
        told: N transcripts with their steps.
        most_steps: S.
        detect: Whoever reads.
    """
    recognised = torch.zeros(len(told), most_steps + 1, dtype=torch.bool)
    known: dict[tuple[str, str, float], Detection] = {}
    findings = []
    for i, (transcript, steps) in enumerate(told):
        key = transcript.prompt, transcript.completion, transcript.reward
        if key not in known:
            known[key] = detect(transcript, steps)
        recognised[i, list(known[key].verification)] = True
        findings.append(known[key].findings)
    return Read(recognised[:, :-1].clone(), tuple(findings))
