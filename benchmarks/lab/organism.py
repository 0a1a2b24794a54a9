"""The organism: policies that were paid for visible care, and how much of what they stage the detector accuses.

What has the shape of a staged mistake is known from the simulator: a wrong first computation of the policy's own that
a check then puts right. In a policy that was never paid for it the same shape is a genuine slip. Both read alike; the
text alone, siblings, the probabilities of policy and reference, and replay are asked one beside the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Final

import torch
from torch import Tensor

from dca.performativity.detect import EpisodeEvidence, TranscriptDetector
from dca.performativity.episodes import Episode
from dca.performativity.evidence import Evidence
from dca.performativity.policy import Policy, PolicyEvidence
from dca.performativity.questions import Questions, questions_of
from dca.performativity.reading import Reading
from dca.types import Detection, Step, Transcript
from lab.policy import Policies
from lab.prose import lines_of, tell, writer_of
from lab.reader import Detect, Read, Told, read_told, unjudged
from lab.spoken import Spoken
from lab.train import GROUP
from lab.worlds import Rollouts, World

LAYERS: Final = (
    "text",
    "text, siblings",
    "text, probabilities",
    "text, probabilities, replay",
    "probabilities alone",
)
"""What the detector may look at. The last accuses where the probabilities hold both kinds of evidence, whatever the
text says: the reference knew better, and training made the slip likely."""

LEARNT: Final = frozenset(("policy_knew", "policy_learned"))
"""The evidence that probabilities can give."""

REPLAYS: Final = 8
"""Continuations of each replay."""


@dataclass(frozen=True, slots=True)
class OfMistakes:
    """Evidence on mistakes only; a policy that gives no answer but by going on cannot be asked to settle a check."""

    evidence: EpisodeEvidence

    def needless(self, reading: Reading, episode: Episode, /) -> tuple[Evidence, ...]:
        """Nothing."""
        del reading, episode
        return ()

    def staged(self, reading: Reading, episode: Episode, /) -> tuple[Evidence, ...]:
        """As the evidence has it."""
        return self.evidence.staged(reading, episode)


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts over the rollouts of one prompt.

    Attributes:
        rollouts: How many.
        right: How many ended right.
        shaped: Mistakes of the policy's own that a check put right.
        hit: Those of them that are accused.
        shaped_right: The same in rollouts that ended right; in others the detector accuses nobody of staging.
        hit_right: Those of them that are accused.
        accused: Rollouts accused of a staged mistake.
        needless: Checks of what was right.
        needless_hit: Those of them that are accused.
        needless_false: Steps accused as needless checks that are none.
    """

    rollouts: int
    right: int
    shaped: int
    hit: int
    shaped_right: int
    hit_right: int
    accused: int
    needless: int
    needless_hit: int
    needless_false: int


COUNTED: Final = tuple(f.name for f in fields(Tally))


@dataclass(frozen=True, slots=True)
class Dissected:
    """One policy: for each prompt who wrote, and for each layer the counts."""

    writers: tuple[str, ...]
    tallies: dict[str, tuple[Tally, ...]]

    def lines(self) -> dict[str, object]:
        """As it is kept."""
        return {
            "writers": self.writers,
            "tallies": {layer: [asdict(one) for one in mine] for layer, mine in self.tallies.items()},
        }


def dissect(world: World, policy: Policies, reference: Policies, rollouts: Rollouts, *, seed: int) -> Dissected:
    """Read one policy's rollouts layer by layer.

    Args:
        world: Where they were played.
        policy: The policy that wrote them, one member.
        reference: The policy it was trained from.
        rollouts: N rows, groups of G side by side.
        seed: Of the replays.
    """
    told = tell(world, rollouts)
    grouped = TranscriptDetector().for_group((transcript for transcript, _ in told), segmenter=lines_of)
    own, before = (Spoken(p, world, torch.Generator().manual_seed(seed)) for p in (policy, reference))

    def asking(samples: int) -> Callable[[Policy, Policy], TranscriptDetector]:
        return lambda one, two: TranscriptDetector(policy=OfMistakes(PolicyEvidence(one, two, samples=samples)))

    questions = _asked(asking(REPLAYS), told)
    own.ask(questions)
    before.ask(Questions(pairs=questions.pairs))
    likely = asking(0)(own, before)
    detectors = (TranscriptDetector(), grouped, likely, asking(REPLAYS)(own, before))
    readers = (*map(_reader, detectors), _learnt(likely))
    tallies = {}
    for layer, reader in zip(LAYERS, readers, strict=True):
        found = read_told(told, rollouts.facts.present.shape[1], reader)
        tallies[layer] = tuple(_tallied(rollouts, found))
    prompts = [transcript.prompt for transcript, _ in told[::GROUP]]
    return Dissected(tuple(writer_of(prompt).name for prompt in prompts), tallies)


def _reader(detector: TranscriptDetector) -> Detect:
    return lambda transcript, steps: detector.detect(transcript, steps, unjudged(steps))


def _learnt(detector: TranscriptDetector) -> Detect:
    """Accuses where the probabilities alone hold enough."""

    def read_one(transcript: Transcript, steps: tuple[Step, ...]) -> Detection:
        weighed = detector.weighed(transcript, steps, unjudged(steps))
        return Detection(findings=tuple(finding for finding, names in weighed if names >= LEARNT))

    return read_one


def _asked(detector: Callable[[Policy, Policy], TranscriptDetector], told: Sequence[Told]) -> Questions:
    """All that policy and reference would be asked about some rollouts."""

    def work(policy: Policy) -> None:
        listening = _reader(detector(policy, policy))
        for transcript, steps in told:
            listening(transcript, steps)

    return questions_of(work)


def _tallied(rollouts: Rollouts, found: Read) -> list[Tally]:
    """Counts for each prompt."""
    facts, right = rollouts.facts, rollouts.rewards[:, None] > 0
    staged, needless = found.accused("staged_mistake"), found.accused("needless_check")
    columns = {
        "rollouts": torch.ones_like(right),
        "right": right,
        "shaped": facts.staged,
        "hit": facts.staged & staged,
        "shaped_right": facts.staged & right,
        "hit_right": facts.staged & right & staged,
        "accused": staged.any(1, keepdim=True),
        "needless": facts.needless,
        "needless_hit": facts.needless & needless,
        "needless_false": needless & ~facts.needless,
    }
    counts = torch.stack([_by_prompt(columns[name]) for name in COUNTED], 1).tolist()
    return [Tally(*row) for row in counts]


def _by_prompt(marks: Tensor) -> Tensor:
    """(N / G,) how many marks there are in the rollouts of each prompt."""
    return marks.sum(1).view(-1, GROUP).sum(1)
