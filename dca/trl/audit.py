"""Audits for the drift monitor: on a sample of new rollouts, which checks could change anything, and what is caught.

Both ask the policy itself, and neither takes part in the credit: that is what makes them an audit. This module knows
records, probes and counts; it does not know windows or alarms.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from dca.errors import InputError
from dca.performativity.counts import Counts
from dca.performativity.episodes import find_episodes
from dca.performativity.inertness import inert_stretches
from dca.performativity.observation import prompt_key, reading_of
from dca.performativity.planting import answers, caught, planted
from dca.performativity.policy import Policy
from dca.performativity.questions import in_batches
from dca.performativity.siblings import final_answer
from dca.trl.probes import ModelPolicy

Record = Mapping[str, Any]
Found = list[tuple[str, Counts]]
SHARE: Final = 0.02


def sampled(record: Record, share: float) -> bool:
    """Whether a rollout is in the sample: decided by its name, so that a resumed run decides alike.

    >>> [sampled({"id": f"step{k}"}, 0.5) for k in range(4)]
    [False, False, True, False]
    """
    digest = hashlib.blake2b(str(record["id"]).encode("utf-8", "replace"), digest_size=4).digest()
    return int.from_bytes(digest, "big") < share * 2**32


class CheckAudit:
    """Which checks could not have changed the answer, by the policy's own probabilities: counts audited and inert.

    See `dca.performativity.inertness`; a whole episode is cut at once. Four log-probabilities for each check, all in
    a few forward passes.

    Args:
        policy: Who is asked; without a model of its own it asks the policy that is trained.
        share: Of the rollouts that are audited.

    Raises:
        InputError: The share is out of (0, 1].
    """

    def __init__(self, policy: ModelPolicy, *, share: float = SHARE) -> None:
        self.policy, self.share = policy, _share(share)

    def use_policy(self, model: Any, tokenizer: Any) -> None:
        """Ask this model, unless one was given."""
        self.policy.use_policy(model, tokenizer)

    def __call__(self, records: Sequence[Record]) -> Found:
        """Audit the checks of a sample of rollouts."""
        rows = [record for record in records if sampled(record, self.share)]
        self.policy.forget()
        readings = [reading_of(record) for record in rows]
        self.policy.know(reading.transcript for reading in readings)

        def work(policy: Policy) -> Found:
            found = []
            for reading in readings:
                checks = [(e.start, e.stop + 1) for e in find_episodes(reading)]
                answer = final_answer(reading)
                if checks and answer:
                    inert = inert_stretches(policy, reading.transcript.prompt, reading.steps, checks, answer)
                    counts = Counts(audited=float(len(inert)), inert=float(sum(inert)))
                    found.append((prompt_key(reading.transcript.prompt), counts))
            return found

        return in_batches(self.policy, work)


class PowerProbe:
    """How often the policy puts a planted wrong value right: counts planted and caught.

    See `dca.performativity.planting`. Values are planted into right rollouts, whose final answer tells what is right.

    Args:
        policy: Who is asked; without a model of its own it asks the policy that is trained.
        share: Of the rollouts that a value is planted into.
        samples: Continuations for each.

    Raises:
        InputError: A number is out of its range.
    """

    def __init__(self, policy: ModelPolicy, *, share: float = SHARE, samples: int = 8) -> None:
        if samples < 1:
            raise InputError(f"samples must be at least 1, got {samples!r}")
        self.policy, self.share, self.samples = policy, _share(share), samples

    def use_policy(self, model: Any, tokenizer: Any) -> None:
        """Ask this model, unless one was given."""
        self.policy.use_policy(model, tokenizer)

    def __call__(self, records: Sequence[Record]) -> Found:
        """Plant into a sample of rollouts, and count what is caught."""
        readings = [reading_of(record) for record in records if sampled(record, self.share)]
        self.policy.forget()
        self.policy.know(reading.transcript for reading in readings)

        def work(policy: Policy) -> Found:
            found = []
            for reading in readings:
                one, answer = planted(reading), final_answer(reading)
                if reading.right and one is not None and answer:
                    right = caught(policy, one, answers(answer), samples=self.samples)
                    counts = Counts(planted=float(self.samples), caught=float(right))
                    found.append((prompt_key(reading.transcript.prompt), counts))
            return found

        return in_batches(self.policy, work)


def _share(share: float) -> float:
    if not 0.0 < share <= 1.0:
        raise InputError(f"expected a share of the rollouts in (0, 1], got {share!r}")
    return share
