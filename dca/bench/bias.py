"""What the interventions did: how far scores and labels moved that should have stayed, with intervals.

It knows pairs and judgements; it does not know how a pair was made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from dca.bench.interventions import KINDS, Pair
from dca.bench.metrics import Estimate, Floats, bootstrap
from dca.bench.rows import Judgement
from dca.suites.opinion import FALL, MISTAKES, Opinion

MEASURES: Final = ("touched", "others", "mistakes", "labels", "first", "void")


@dataclass(frozen=True, slots=True)
class Effect:
    """What one kind of intervention did.

    Attributes:
        kind: Which.
        pairs: How many pairs both of whose reviews came.
        lost: Pairs left out, since a review failed.
        measures: By name; see `effects`.
    """

    kind: str
    pairs: int
    lost: int
    measures: dict[str, Estimate]


def effects(
    pairs: Sequence[Pair], judgements: Sequence[tuple[Judgement, Judgement]], *, resamples: int, seed: int
) -> list[Effect]:
    """The mean effect of each kind of intervention, over pairs; pairs of one rollout are drawn together.

        touched   the score of the steps that were changed, after minus before
        others    the same for the steps that were not
        mistakes  the share of all steps that are called a mistake in one version and not in the other
        labels    the share of all steps with another label
        first     the share of pairs in which the first mistake is another step
        void      the share of pairs void after, minus the share void before

    A void review has no opinion, as in training, and counts as such in all but the last.

    Args:
        pairs: Two versions each.
        judgements: Of both versions, in this order.
        resamples: Bootstrap resamples.
        seed: Of them.
    """
    return [
        _effect(kind, [one for one in zip(pairs, judgements, strict=True) if one[0].kind == kind], resamples, seed)
        for kind in KINDS
        if any(pair.kind == kind for pair in pairs)
    ]


def _effect(kind: str, rows: Sequence[tuple[Pair, tuple[Judgement, Judgement]]], resamples: int, seed: int) -> Effect:
    kept = [(pair, both) for pair, both in rows if not any(one.failed for one in both)]
    table = np.array([_measured(pair, *both) for pair, both in kept], dtype=np.float64).reshape(-1, len(MEASURES))
    known = ~np.isnan(table)

    def measure(weights: Floats) -> dict[str, float]:
        found = {}
        for k, name in enumerate(MEASURES):
            total = float(weights[known[:, k]].sum())
            found[name] = (
                float((table[known[:, k], k] * weights[known[:, k]]).sum()) / total if total else float("nan")
            )
        return found

    measures = bootstrap(measure, [pair.problem for pair, _ in kept], resamples=resamples, seed=seed)
    return Effect(kind, len(kept), len(rows) - len(kept), measures)


def _measured(pair: Pair, before: Judgement, after: Judgement) -> tuple[float, ...]:
    one, other = before.opinion, after.opinion
    moved = [(k in pair.touched, other.scores[there] - one.scores[k]) for k, there in pair.same]
    mistakes = [(_mistaken(one, k), _mistaken(other, there)) for k, there in pair.same]
    places = dict(pair.same)
    first = None if one.first_error is None else places.get(one.first_error)
    return (
        _mean([change for touched, change in moved if touched]),
        _mean([change for touched, change in moved if not touched]),
        _mean([float(a != b) for a, b in mistakes]),
        _mean([float(one.labels[k] != other.labels[there]) for k, there in pair.same]),
        float(first != other.first_error),
        float(after.void) - float(before.void),
    )


def _mistaken(opinion: Opinion, k: int) -> bool:
    """Whether a step is called a mistake; of values, whether it lets the value fall far."""
    return opinion.scores[k] <= -FALL if opinion.is_value else opinion.labels[k] in MISTAKES


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else float("nan")
