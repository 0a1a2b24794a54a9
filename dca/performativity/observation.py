"""One rollout as drift sees it: how often it looked again and what came of it, what it got wrong, who was paid.

Reads a record of the output contract. Episodes are found in the text; steps that the record itself marks as
verification count too, so that a reviewer's labels stand in where the text says too little. It judges nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any, Final

from dca.performativity.counts import Counts, added, centred_moments, residuals
from dca.performativity.episodes import Episode, find_episodes
from dca.performativity.reading import Reading, read
from dca.performativity.siblings import final_answer, first_candidate
from dca.types import POLICY, Step, Transcript

NEEDLESS: Final = frozenset({"needless_check", "staged_mistake"})
MISTAKES: Final = frozenset({"error", "staged_mistake"})
FEWEST: Final = 4
"""Rollouts of a group below which nothing is left to correlate once the reward is taken out."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What one rollout adds to the counts, and what a group needs to know of it.

    Attributes:
        step: The optimizer step it was generated at.
        prompt: A digest of its prompt.
        reward: R.
        credit: A_i, or what the scheme split where the trainer's advantage is not known.
        counts: Everything that adds up without the rest of the group.
    """

    step: int
    prompt: str
    reward: float
    credit: float
    counts: Counts


@dataclass(frozen=True, slots=True)
class Again:
    """One episode, wherever it was seen: its steps, and the mistake it put right (-1: none is known)."""

    steps: tuple[int, ...]
    repair: bool
    target: int
    harmful: bool = False


def prompt_key(prompt: str) -> str:
    """A short name for a prompt, the same on every machine."""
    return hashlib.blake2b(prompt.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def observe(record: Mapping[str, Any]) -> Observation:
    """Observe one rollout.

    Args:
        record: A line of the output contract; `train_step` and `advantage` are used where they are there.
    """
    reading = reading_of(record)
    episodes = find_episodes(reading)
    again = [*_from_text(reading, episodes), *_from_marks(record, episodes)]
    amount, tilts = _tilts(record)
    credit = float(record.get("advantage", amount))
    mended, left = _mistakes(record, reading, again)
    length, tilt, length_tilt = _within(record, tilts)
    spoilt = {one.steps[0] for one in again if one.harmful}
    starts, goes = _choices(record, again, min(mended | left | spoilt, default=len(record["steps"])))
    kinds = [finding["kind"] for finding in record.get("findings", ())]
    last = final_answer(reading)
    first = first_candidate(reading, episodes)
    first_right = first == last if reading.right else bool(first) and first == (record.get("reference") or "").strip()
    counts = Counts(
        rollouts=1.0,
        right=float(reading.right),
        first_right=float(first_right),
        length=float(sum(_lengths(record))),
        checks=float(len(again)),
        yielding=float(sum(one.repair and not one.harmful for one in again)),
        harmful=float(sum(one.harmful for one in again)),
        recovered=float(len(mended)),
        unrecovered=float(len(left)),
        flagged=float(bool(kinds)),
        needless=float(kinds.count("needless_check")),
        staged=float(kinds.count("staged_mistake")),
        labelled=float(sum(any(record["steps"][k]["label"] in NEEDLESS for k in one.steps) for one in again)),
        starts=float(len(starts)),
        start_tilt=sum(tilts[k] for k in starts),
        start_amount=credit * len(starts),
        goes=float(len(goes)),
        go_tilt=sum(tilts[k] for k in goes),
        go_amount=credit * len(goes),
        length_square=length,
        tilt_square=tilt,
        length_tilt=length_tilt,
    )
    return Observation(
        int(record.get("train_step", 0)), prompt_key(record["prompt"]), record["reward"], credit, counts
    )


def of_group(group: Sequence[Observation]) -> Counts:
    """The counts of rollouts of one prompt at one step, with what only a group can tell.

    Within a group of G >= 4 the reward is taken out of A_i, of the number of checks and of the number of recoveries
    by a straight line each; what is left is correlated. Where A_i is a function of the reward alone nothing is left.
    """
    total = added(one.counts for one in group)
    group = [one for one in group if one.counts.rollouts]
    if len(group) < FEWEST:
        return total
    rewards = [one.reward for one in group]
    credits = residuals([one.credit for one in group], rewards)
    checks = residuals([one.counts.checks for one in group], rewards)
    recoveries = residuals([one.counts.recovered for one in group], rewards)
    one, two = centred_moments(credits, checks), centred_moments(credits, recoveries)
    return total._replace(
        credit_square=one.xx,
        check_square=one.yy,
        recovery_square=two.yy,
        credit_check=one.xy,
        credit_recovery=two.xy,
    )


def by_prompt(observations: Iterable[Observation]) -> dict[str, Counts]:
    """Counts by prompt; rollouts of one prompt at one step are a group."""
    groups: dict[tuple[str, int], list[Observation]] = {}
    for one in observations:
        groups.setdefault((one.prompt, one.step), []).append(one)
    found: dict[str, list[Counts]] = {}
    for (prompt, _), group in groups.items():
        found.setdefault(prompt, []).append(of_group(group))
    return {prompt: added(cells) for prompt, cells in found.items()}


def reading_of(record: Mapping[str, Any]) -> Reading:
    """A record's rollout, read."""
    steps = tuple(
        Step(step["index"], step["start"], step["stop"], step["text"], step["author"]) for step in record["steps"]
    )
    whole = Transcript(
        record["prompt"], record["completion"], record["reward"], str(record["id"]), record.get("reference")
    )
    return read(whole, steps)


def _from_text(reading: Reading, episodes: Sequence[Episode]) -> list[Again]:
    """Episodes as the text shows them; one that leaves what is certified, in a rollout that ends wrong, did harm."""
    return [
        Again(
            episode.steps,
            episode.kind == "repair",
            episode.target,
            harmful=not reading.right and any(one.differs and one.certified for _, one in episode.revisits),
        )
        for episode in episodes
    ]


def _from_marks(record: Mapping[str, Any], episodes: Sequence[Episode]) -> list[Again]:
    """Runs of steps that the record marks as verification, where the text shows no episode."""
    known = {k for episode in episodes for k in episode.steps}
    marked = sorted(set(record["verification"]) - known)
    runs = [[k for _, k in run] for _, run in groupby(enumerate(marked), key=lambda pair: pair[1] - pair[0])]
    found = []
    for run in runs:
        steps = [record["steps"][k] for k in run]
        repair = any(step["label"] == "recovery" for step in steps)
        links = [step["of"] for step in steps if step.get("of") is not None]
        found.append(Again(tuple(run), repair, links[0] if links else _last_error(record, run[0]) if repair else -1))
    return found


def _last_error(record: Mapping[str, Any], before: int) -> int:
    """The latest step before a place that is labelled a mistake; -1 where there is none."""
    return next((k for k in range(before - 1, -1, -1) if record["steps"][k]["label"] in MISTAKES), -1)


def _mistakes(record: Mapping[str, Any], reading: Reading, again: Sequence[Again]) -> tuple[set[int], set[int]]:
    """The steps of own errors that were put right, and of those that stayed: certified by a program, or labelled.

    A repair of nothing in particular stands for itself.
    """
    repairs = [one for one in again if one.repair and not one.harmful]
    mended = {one.target if one.target >= 0 else one.steps[0] for one in repairs}
    wrong = {claim.step for claim in reading.graph.claims if claim.false}
    wrong |= {k for k, step in enumerate(record["steps"]) if step["label"] in MISTAKES and step["author"] == POLICY}
    looked = {k for one in again for k in one.steps}
    return mended, wrong - mended - looked


def _lengths(record: Mapping[str, Any]) -> list[int]:
    """(K,) characters the policy wrote."""
    return [step["stop"] - step["start"] if step["author"] == POLICY else 0 for step in record["steps"]]


def _tilts(record: Mapping[str, Any]) -> tuple[float, list[float]]:
    """The amount that was split, and what the reviewer added to each step's push.

    tilt_k = c_k T / n_k - R                 c_k = V_k - V_(k-1) against R - V_0 under `value_difference`
    """
    lengths, credits = _lengths(record), [step["credit"] for step in record["steps"]]
    if record["scheme"] == "value_difference":
        amount = record["reward"] - record["unassigned"]
        return amount, [c - amount if n else 0.0 for c, n in zip(credits, lengths, strict=True)]
    amount, total = record["reward"], sum(lengths)
    return amount, [c * total / n - amount if n else 0.0 for c, n in zip(credits, lengths, strict=True)]


def _within(record: Mapping[str, Any], tilts: Sequence[float]) -> tuple[float, float, float]:
    """Moments of length and tilt over the steps of a rollout that the reviewer has a say in."""
    neutral, lengths = set(record["verification"]), _lengths(record)
    kept = [k for k, n in enumerate(lengths) if n and k not in neutral]
    return tuple(centred_moments([float(lengths[k]) for k in kept], [tilts[k] for k in kept]))  # type: ignore[return-value]


def _choices(record: Mapping[str, Any], again: Sequence[Again], error: int) -> tuple[list[int], list[int]]:
    """While all was right: the steps that began to look again, and those that could have and went on.

    The first step has nothing to look at. The last that counts is the first error: to go on, and err, is a choice
    made while all was right.
    """
    own = [k for k, step in enumerate(record["steps"]) if step["author"] == POLICY and k <= error]
    looked = {k for one in again for k in one.steps}
    starts = {one.steps[0] for one in again}
    later = [k for _, k in pairwise(own)]
    return [k for k in later if k in starts], [k for k in later if k not in looked]
