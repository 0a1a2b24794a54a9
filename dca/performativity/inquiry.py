"""A detector with the policy layer: all that it asks about a rollout is asked side by side, and forgotten after it.

What is asked depends on the text alone, so it is heard first and answered in batches. Sampling begins anew with each
rollout, from a seed that its content gives: one rollout has the same findings in any order, and after any
interruption. A rollout that a model cannot be asked about has the evidence of the other layers; why is counted. It
knows no model and no token.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from dca.credit.segment import segment
from dca.errors import InputError
from dca.performativity.detect import TranscriptDetector
from dca.performativity.policy import SAMPLES, Policy, PolicyEvidence
from dca.performativity.questions import Batched, Listener, Questions
from dca.protocols import Segmenter
from dca.types import Detection, Review, Step, Transcript


class Witness(Batched, Protocol):
    """A policy that is asked about one rollout after another; `dca.trl.probes.ModelPolicy` is one."""

    def know(self, transcripts: Iterable[Transcript], /) -> None:
        """Make prompts known, so that a text that begins with one is read as the policy read it."""
        ...

    def restart(self, seed: int, /) -> None:
        """Forget every answer, and sample from a seed."""
        ...

    def obstacle(self, questions: Questions, /) -> str | None:
        """Why these cannot be answered; None where they can."""
        ...


@dataclass(frozen=True)
class PolicyDetector:
    """A `TranscriptDetector` that also asks the policy, and the reference it was trained from where there is one.

        evidence = `PolicyEvidence` (forced answers, cuts, planted values, learned slips, replays)

    Args:
        detector: The other layers; without a policy of its own.
        policy: Who wrote the rollouts. One without a model takes the trainer's in a `DCAReward`, each rank its own.
        reference: The frozen policy before training; without it nothing is said of learned slips.
        samples: Continuations for each probe; 0 leaves planted values and replays out.

    Attributes:
        skipped: Why rollouts had no policy evidence, and how many.

    Raises:
        InputError: The detector has a policy already, or `samples` is negative.
    """

    detector: TranscriptDetector
    policy: Witness
    reference: Witness | None = None
    samples: int = SAMPLES
    skipped: Counter[str] = field(default_factory=Counter, compare=False)
    name = "performativity"

    def __post_init__(self) -> None:
        if self.detector.policy is not None:
            raise InputError(
                "expected a detector without policy evidence, got one that has it; give it the policy only"
            )
        if self.samples < 0:
            raise InputError(f"expected samples to be at least 0, got {self.samples!r}")

    @property
    def models(self) -> tuple[Witness, ...]:
        """Who is asked: the policy, then the reference where there is one."""
        return (self.policy,) if self.reference is None else (self.policy, self.reference)

    @property
    def wants_group(self) -> bool:
        """As `TranscriptDetector.wants_group`."""
        return self.detector.wants_group

    def for_group(self, transcripts: Iterable[Transcript], /, *, segmenter: Segmenter = segment) -> PolicyDetector:
        """As `TranscriptDetector.for_group`."""
        return replace(self, detector=self.detector.for_group(transcripts, segmenter=segmenter))

    def use_policy(self, model: Any, tokenizer: Any) -> None:
        """Ask this model from now on, where the policy takes what a trainer lends."""
        lend = getattr(self.policy, "use_policy", None)
        if lend is not None:
            lend(model, tokenizer)

    def questions(self, transcript: Transcript, steps: tuple[Step, ...]) -> tuple[Questions, ...]:
        """What each of `models` would be asked about a rollout, each question once."""
        return self._heard(transcript, steps, Review((0.0,) * len(steps)))[1]

    def detect(self, transcript: Transcript, steps: tuple[Step, ...], review: Review, /) -> Detection:
        """Recognise verification, and accuse where the evidence of all layers suffices.

        Raises:
            RunError: There is no model, or it cannot be read.
        """
        nothing_asked, questions = self._heard(transcript, steps, review)
        if not any(one.pairs or one.beginnings for one in questions):
            return nothing_asked
        for model in self.models:
            model.know((transcript,))
        for model, own in zip(self.models, questions, strict=True):
            reason = model.obstacle(own)
            if reason is not None:
                self.skipped[reason] += 1
                return self.detector.detect(transcript, steps, review)
        seed = zlib.crc32(f"{transcript.prompt}\0{transcript.completion}".encode("utf-8", "replace"))
        for model, own in zip(self.models, questions, strict=True):
            model.restart(seed)
            model.ask(own)
        return self._asking(*self.models).detect(transcript, steps, review)

    def _heard(
        self, transcript: Transcript, steps: tuple[Step, ...], review: Review
    ) -> tuple[Detection, tuple[Questions, ...]]:
        """What would be found if the answers meant something, and what would be asked."""
        listeners = [Listener() for _ in self.models]
        found = self._asking(*listeners).detect(transcript, steps, review)
        return found, tuple(one.heard for one in listeners)

    def _asking(self, policy: Policy, reference: Policy | None = None) -> TranscriptDetector:
        return replace(self.detector, policy=PolicyEvidence(policy, reference, self.samples))
