"""Is the first mistake found? Scores by the sets' own definitions, and the step accuracy that training depends on.

It knows solutions and judgements; it knows no file, and does not say what a score is good for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from dca.bench.metrics import Bools, Estimate, Floats, bootstrap
from dca.bench.mistakes import Solution
from dca.bench.rows import Judgement
from dca.credit.advantage import centred_scores
from dca.credit.schemes import counted_scores, verification_mask
from dca.types import Review, Step

MEASURES: Final = ("f1", "accuracy", "error_accuracy", "correct_accuracy", "mcc", "mr_score_low", "step_accuracy")
HEADLINES: Final = {"ProcessBench": "f1", "BIG-Bench Mistake": "accuracy", "MR-Ben": "mr_score_low"}
"""What a set's own paper leads with."""


@dataclass(frozen=True, slots=True)
class Places:
    """One reviewer on one set, a row for each solution.

    Attributes:
        wrong: (n,) whether there is a mistake.
        located: (n,) whether the set says where in a way that can be compared.
        answered: (n,) whether there was a review that counts; one that failed or is void is wrong by the sets' rules.
        said_wrong: (n,) whether the review calls any step a mistake.
        hit: (n,) whether the first step it calls one is the right one, or it rightly calls none so.
        accuracy: (n,) the step accuracy within the solution; NaN where it has no pair of steps to compare.
        problems: (n,) the problem of each.
    """

    wrong: Bools
    located: Bools
    answered: Bools
    said_wrong: Bools
    hit: Bools
    accuracy: Floats
    problems: tuple[str, ...]


def places(solutions: Sequence[Solution], judgements: Sequence[Judgement]) -> Places:
    """What a reviewer said, beside what is so."""
    firsts = [judgement.opinion.first_error for judgement in judgements]
    answered = [judgement.fallback is None for judgement in judgements]
    hits = [
        ok and (first in solution.first if solution.first else solution.first is not None and first is None)
        for solution, first, ok in zip(solutions, firsts, answered, strict=True)
    ]
    return Places(
        wrong=np.array([one.wrong for one in solutions], dtype=np.bool_),
        located=np.array([one.first is not None for one in solutions], dtype=np.bool_),
        answered=np.array(answered, dtype=np.bool_),
        said_wrong=np.array([first is not None for first in firsts], dtype=np.bool_),
        hit=np.array(hits, dtype=np.bool_),
        accuracy=np.array([step_accuracy(*pair) for pair in zip(solutions, judgements, strict=True)], dtype=float),
        problems=tuple(one.problem for one in solutions),
    )


def tilt_of(judgement: Judgement, steps: Sequence[Step]) -> tuple[float, ...]:
    """z_k, the tilt that training would give each step; all 0 where there is no review that counts.

    A review of values is taken for what each step changed.
    """
    opinion = judgement.opinion
    if judgement.fallback is not None:
        return (0.0,) * len(steps)
    scores = [max(-1.0, min(1.0, score)) for score in counted_scores(opinion.scores, opinion.labels)]
    mask = verification_mask(Review(tuple(scores), labels=opinion.labels))
    return centred_scores(scores, [step.policy_length for step in steps], mask)


def step_accuracy(solution: Solution, judgement: Judgement) -> float:
    """The chance that the first mistake has a lower tilt than a step before it, ties counting half.

        mean over j < e of  [z_e < z_j] + [z_e = z_j] / 2        e the first mistake

    It is what the tilt within a rollout turns on, and no score for all steps alike can raise it: no opinion has 0.5.
    A reviewer that says right or wrong of each step and errs with probability 1 - q has exactly q.

    Returns:
        NaN where there is no mistake, or no step before it.
    """
    if not solution.first or not (before := min(solution.first)):
        return float("nan")
    tilt = tilt_of(judgement, solution.steps)
    own = tilt[before]
    return math.fsum((own < other) + 0.5 * (own == other) for other in tilt[:before]) / before


def score(of: Places, *, resamples: int, seed: int) -> dict[str, Estimate]:
    """All measures with intervals, solutions of one problem drawn together.

    accuracy             the place is right, or rightly none is named (BIG-Bench Mistake)
    error_accuracy       the same among solutions with a mistake (MR-Ben's ACC_step)
    correct_accuracy     the same among those without
    f1                   their harmonic mean (ProcessBench)
    mcc                  of calling a solution wrong at all, by MR-Ben's counts: no answer is a wrong one
    mr_score_low, _high  0.2 max(0, mcc) + 0.3 ACC_step + 0.5 ACC_reason with ACC_reason 0, and at most ACC_step:
                         whether a reason is right takes a judge, and none is asked
    step_accuracy        see `step_accuracy`
    """

    def measure(weights: Floats) -> dict[str, float]:
        placed = weights * of.located
        wrong = _share(of.hit, placed * of.wrong)
        right = _share(of.hit, placed * ~of.wrong)
        mcc = _mcc(of, weights)
        low = 0.2 * max(0.0, mcc) + 0.3 * wrong
        known = ~np.isnan(of.accuracy)
        return {
            "accuracy": _share(of.hit, placed) if of.located.all() else float("nan"),
            "error_accuracy": wrong,
            "correct_accuracy": right,
            "f1": 2 * wrong * right / (wrong + right) if wrong + right else wrong + right,
            "mcc": mcc,
            "mr_score_low": low,
            "mr_score_high": low + 0.5 * wrong,
            "step_accuracy": _mean(of.accuracy[known], weights[known]),
        }

    return bootstrap(measure, of.problems, resamples=resamples, seed=seed)


def _mcc(of: Places, weights: Floats) -> float:
    """Matthews' coefficient; 0 where it has no value, as MR-Ben's own script says."""
    right, wrong = (float((weights * side).sum()) for side in (~of.wrong, of.wrong))
    if not right or not wrong:
        return float("nan")
    tp = float((weights * (~of.wrong & of.answered & ~of.said_wrong)).sum())
    tn = float((weights * (of.wrong & of.answered & of.said_wrong)).sum())
    fp, fn = wrong - tn, right - tp
    below = math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return (tp * tn - fp * fn) / below if below else 0.0


def _share(hit: Bools, weights: Floats) -> float:
    total = float(weights.sum())
    return float((weights * hit).sum()) / total if total else float("nan")


def _mean(values: Floats, weights: Floats) -> float:
    total = float(weights.sum())
    return float((values * weights).sum()) / total if total else float("nan")
