"""Are planted steps accused? PRMBench's score over steps, from a reviewer's labels and from its shortest path.

It knows labelled steps and judgements; it knows no file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from dca.bench.labelled import Labelled
from dca.bench.location import tilt_of
from dca.bench.metrics import Estimate, Floats, Ranking, bootstrap, counts
from dca.bench.rows import Judgement

MEASURES: Final = ("prm_score", "precision", "recall", "auc", "path_score")


def score(
    cases: Sequence[Labelled],
    judgements: Sequence[Judgement],
    accuses: frozenset[str],
    *,
    resamples: int,
    seed: int,
) -> dict[str, Estimate]:
    """Measures with intervals, transcripts of one problem drawn together.

        prm_score   the mean of F1 over accused steps and F1 over the others (PRMBench, 2025, arXiv 2501.03124)
        precision   of the accusations
        recall      of them
        auc         the chance that a planted step has a lower tilt than another, ties counting half
        path_score  as prm_score, where what is off the shortest path is accused; NaN where no review names a path

    A transcript whose review failed has no step accused.

    Args:
        cases: Transcripts; their truth says which steps were planted.
        judgements: One for each.
        accuses: The labels that accuse a step.
        resamples: Bootstrap resamples.
        seed: Of them.
    """
    owners, truth, accused, off = list[str](), list[bool](), list[bool](), list[bool]()
    tilt = list[float]()
    for case, judgement in zip(cases, judgements, strict=True):
        opinion = judgement.opinion
        path = frozenset(opinion.shortest)
        for k, known in enumerate(case.truth):
            owners.append(case.problem)
            truth.append(bool(known.needless))
            accused.append(opinion.labels[k] in accuses)
            off.append(bool(path) and k not in path)
        tilt += tilt_of(judgement, case.steps)
    planted, said, strayed = (np.array(side, dtype=np.bool_) for side in (truth, accused, off))
    ranking = Ranking.of(-np.array(tilt, dtype=np.float64), planted)

    def measure(weights: Floats) -> dict[str, float]:
        found, path_found = counts(said, planted, weights), counts(strayed, planted, weights)
        return {
            "prm_score": found.prm_score,
            "precision": found.precision,
            "recall": found.recall,
            "auc": ranking.auc(weights),
            "path_score": path_found.prm_score if strayed.any() else float("nan"),
        }

    return bootstrap(measure, owners, resamples=resamples, seed=seed)
