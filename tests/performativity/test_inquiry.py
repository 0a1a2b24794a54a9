"""A detector that asks a policy: all at once, each rollout for itself, and none where it cannot be asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest
from rollouts import blank, rollout

from dca.errors import InputError
from dca.performativity.detect import TranscriptDetector
from dca.performativity.inquiry import PolicyDetector
from dca.performativity.policy import PolicyEvidence
from dca.performativity.questions import Questions
from dca.types import Transcript

PROMPT = "(3 + 4) * 2?"
PLAIN = ("3 + 4 = 7", "7 * 2 = 14", "A: 14")
CHECKED = ("3 + 4 = 7", "Check: 3 + 4 = 7", "7 * 2 = 14", "A: 14")
STAGED = ("3 + 4 = 8", "Wait, that is wrong: 3 + 4 = 7", "7 * 2 = 14", "A: 14")


class Sworn:
    """A witness who always says the same, and remembers in which order it was called."""

    def __init__(self, log: float = 0.0, obstacle: str | None = None, *, strict: bool = True) -> None:
        self.log, self.refuses, self.strict = log, obstacle, strict
        self.calls: list[str] = []
        self.seeds: list[int] = []
        self.batches: list[Questions] = []

    def know(self, transcripts: Iterable[Transcript]) -> None:
        self.calls += [f"know {transcript.prompt}" for transcript in transcripts]

    def restart(self, seed: int) -> None:
        self.calls.append("restart")
        self.seeds.append(seed)

    def obstacle(self, questions: Questions) -> str | None:
        return self.refuses

    def ask(self, questions: Questions) -> None:
        self.calls.append("ask")
        self.batches.append(questions)

    def log_probabilities(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        assert not self.strict or set(pairs) <= set(self.batches[-1].pairs), "a question that was not foreseen"
        return [self.log] * len(pairs)

    def continuations(self, prefix: str, count: int) -> list[str]:
        assert not self.strict or (prefix, count) in self.batches[-1].beginnings, "a question that was not foreseen"
        return [""] * count


def detector(policy: Sworn, reference: Sworn | None = None, samples: int = 2) -> PolicyDetector:
    return PolicyDetector(TranscriptDetector(), policy, reference, samples=samples)


def test_all_is_asked_side_by_side() -> None:
    """A rollout's questions reach the policy in one batch, after its prompt, and answers from before are dropped."""
    policy = Sworn()
    transcript, steps = rollout(PROMPT, CHECKED)
    detector(policy).detect(transcript, steps, blank(4))
    assert policy.calls == [f"know {PROMPT}", "restart", "ask"]
    (asked,) = policy.batches
    assert (len(asked.pairs), asked.samples) == (3, 2)


def test_the_evidence_is_that_of_the_policy_layer() -> None:
    """What is found is what a detector with that evidence finds, in a check and in a repair."""
    for texts in (CHECKED, STAGED, PLAIN):
        transcript, steps = rollout(PROMPT, texts)
        evidence = PolicyEvidence(Sworn(strict=False), Sworn(log=-9.0, strict=False), 2)
        expected = TranscriptDetector(policy=evidence).detect(transcript, steps, blank(len(steps)))
        assert detector(Sworn(), Sworn(log=-9.0)).detect(transcript, steps, blank(len(steps))) == expected


def test_nothing_is_asked_of_a_rollout_without_episodes() -> None:
    """A rollout that never looks back costs nothing."""
    policy = Sworn()
    transcript, steps = rollout(PROMPT, PLAIN)
    assert detector(policy).questions(transcript, steps) == (Questions(),)
    assert detector(policy).detect(transcript, steps, blank(3)).verification == ()
    assert policy.calls == []


def test_each_rollout_has_a_seed_of_its_own() -> None:
    """The seed is a function of the rollout alone: neither order nor interruption changes what is sampled."""
    rows = [rollout(PROMPT, texts) for texts in (CHECKED, STAGED)]
    there, back = Sworn(), Sworn()
    for policy, order in ((there, rows), (back, rows[::-1])):
        for transcript, steps in order:
            detector(policy).detect(transcript, steps, blank(len(steps)))
    assert there.seeds == back.seeds[::-1]
    assert len(set(there.seeds)) == 2


def test_a_rollout_that_cannot_be_asked_about_keeps_the_other_layers() -> None:
    """Where one of the models cannot answer, neither is asked, the text decides, and the reason is counted."""
    transcript, steps = rollout(PROMPT, CHECKED)
    policy, reference = Sworn(), Sworn(obstacle="too long")
    asking = detector(policy, reference)
    found = [asking.detect(transcript, steps, blank(4)) for _ in range(2)]
    assert found == [TranscriptDetector().detect(transcript, steps, blank(4))] * 2
    assert dict(asking.skipped) == {"too long": 2}
    assert policy.batches == []


def test_groups_are_passed_on() -> None:
    """Siblings are learned by the detector inside, and the models stay."""
    asking = PolicyDetector(TranscriptDetector(("transcript", "siblings")), Sworn())
    assert asking.wants_group
    known = asking.for_group([rollout(PROMPT, CHECKED)[0]])
    assert not known.wants_group
    assert known.policy is asking.policy
    assert known.skipped is asking.skipped


def test_what_cannot_be_is_refused() -> None:
    """A detector that asks a policy already, and less than no samples, are refused."""
    with pytest.raises(InputError, match="without policy evidence"):
        PolicyDetector(TranscriptDetector(policy=PolicyEvidence(Sworn())), Sworn())
    with pytest.raises(InputError, match="at least 0"):
        detector(Sworn(), samples=-1)
