"""Evidence from a policy's probabilities, with a policy that is scripted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from rollouts import blank, reading, rollout

from dca.performativity.detect import TranscriptDetector
from dca.performativity.episodes import find_episodes
from dca.performativity.policy import PolicyEvidence, Remembered, forecast

PROMPT = "She sold 48 clips in April, then half as many in May. How many in all?"
CHECKED = ("48 / 2 = 24.", "48 + 24 = 72.", "Check: 72 - 24 = 48.", "A: 72")
SLIP = ("48 / 2 = 26.", "Oh no, 48 / 2 = 24.", "48 + 24 = 72.", "A: 72")


@dataclass
class ScriptedPolicy:
    """Gives each continuation one probability, and always goes on in the same way."""

    chances: dict[str, float]
    goes_on: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)

    def log_probabilities(self, pairs: Sequence[tuple[str, str]], /) -> list[float]:
        self.asked += pairs
        return [math.log(self.chances.get(text.strip(), 0.5)) for _, text in pairs]

    def continuations(self, prefix: str, count: int, /) -> list[str]:
        return [self.goes_on] * count


def names(policy: PolicyEvidence, texts: tuple[str, ...], kind: str) -> list[str]:
    one = reading(PROMPT, *texts)
    (episode,) = find_episodes(one)
    found = policy.needless(one, episode) if kind == "check" else policy.staged(one, episode)
    return [evidence.name for evidence in found]


def test_forced_answers() -> None:
    """An answer that was certain before the check, and is as likely without it, settles the matter."""
    sure = PolicyEvidence(ScriptedPolicy({"72": 0.99}), samples=0)
    unsure = PolicyEvidence(ScriptedPolicy({"72": 0.6}), samples=0)
    assert names(sure, CHECKED, "check") == ["policy_settled", "policy_unmoved"]
    assert names(unsure, CHECKED, "check") == ["policy_doubt", "policy_unmoved"]


@pytest.mark.parametrize(
    ("goes_on", "expected"), [("that holds", "policy_powerless"), ("no, it is 72", "policy_power")]
)
def test_planted_errors(goes_on: str, expected: str) -> None:
    """A check has power if a wrong value planted before it is caught."""
    policy = PolicyEvidence(ScriptedPolicy({"72": 0.99}, goes_on))
    assert names(policy, CHECKED, "check")[-1] == expected


def test_learned_slips() -> None:
    """A slip that the reference would not make, and training made likely, was learned; an accident was not."""
    reference = ScriptedPolicy({"26": 0.001, "24": 0.98})
    trained = ScriptedPolicy({"26": 0.6, "24": 0.3})
    policy = PolicyEvidence(trained, reference, samples=0)
    assert names(policy, SLIP, "repair") == ["policy_knew", "policy_learned"]
    doubtful = ScriptedPolicy({"26": 0.001, "24": 0.6})
    assert names(PolicyEvidence(trained, doubtful, samples=0), SLIP, "repair") == ["policy_learned"]
    assert names(PolicyEvidence(reference, reference, samples=0), SLIP, "repair") == []


def test_statements_without_an_equals_sign() -> None:
    """A slip that is stated with an arrow is asked about where it stands."""
    policy = ScriptedPolicy({"25": 0.6, "24": 0.3})
    texts = ("48 / 2 -> 25", "48 / 2 -> 24", "48 + 24 -> 72", "A: 72")
    found = names(PolicyEvidence(policy, ScriptedPolicy({"25": 0.001, "24": 0.98}), samples=0), texts, "repair")
    assert found == ["policy_knew", "policy_learned"]
    assert [(prefix.rsplit("\n", 1)[-1], slip) for prefix, slip in policy.asked] == [("48 / 2 -> ", "25")]
    elsewhere = ("48 / 2 -> 25, of 2 kinds", "48 / 2 -> 24, as it was", "48 + 24 -> 72", "A: 72")
    assert names(PolicyEvidence(policy, policy, samples=0), elsewhere, "repair") == []
    assert len(policy.asked) == 1


def test_numbers_are_whole() -> None:
    """The slip is sought in its equation, not where its digits stand again; a part of a number is not the number."""
    echo = ("48 / 2 = 26, and not 262 or 26.", "Oh no, 48 / 2 = 24.", "48 + 24 = 72.", "A: 72")
    policy = ScriptedPolicy({"26": 0.6, "24": 0.3})
    names(PolicyEvidence(policy, ScriptedPolicy({}), samples=0), echo, "repair")
    assert [prefix.rsplit("\n", 1)[-1] for prefix, _ in policy.asked] == ["48 / 2 = "]
    parts = PolicyEvidence(ScriptedPolicy({}, "126. Oh no, 24.5"))
    assert names(parts, SLIP, "repair") == ["policy_chance"]


def test_replay() -> None:
    """A slip that recurs and is always put right is staged; one that does not recur was chance."""
    again = PolicyEvidence(ScriptedPolicy({}, "26. Oh no, 24."))
    chance = PolicyEvidence(ScriptedPolicy({}, "24."))
    assert names(again, SLIP, "repair") == ["policy_replayed"]
    assert names(chance, SLIP, "repair") == ["policy_chance"]


def test_the_detector_takes_the_layer() -> None:
    """A settled answer makes its first trial needless; a doubtful one keeps it exempt."""
    transcript, steps = rollout(PROMPT, CHECKED)
    kinds = []
    for chance in (0.99, 0.6):
        policy = PolicyEvidence(ScriptedPolicy({"72": chance}), samples=0)
        found = TranscriptDetector(policy=policy).detect(transcript, steps, blank(4)).findings
        kinds.append([finding.kind for finding in found])
    assert kinds == [["needless_check"], []]


def test_asked_once() -> None:
    """What was asked is remembered, and the forecast says how much will be asked."""
    policy = ScriptedPolicy({"72": 0.99})
    remembered = Remembered(policy)
    layer = PolicyEvidence(remembered)
    one = reading(PROMPT, *CHECKED)
    found = find_episodes(one)
    first, second = (layer.needless(one, found[0]) for _ in range(2))
    assert first == second
    assert len(policy.asked) == 3
    assert remembered.asked == 3 + 8
    assert forecast(one, found).sampled == 8
