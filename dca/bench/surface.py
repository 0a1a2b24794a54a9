"""The surface model: gradient-boosted trees over thirteen features, never fitted on the problem they judge.

It is the strongest cheap baseline and the measure of artefact: where it does well, a set can be told apart without
following the reasoning. It knows no equation and no target.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from dca.bench.features import matrix
from dca.bench.judges import Judged
from dca.bench.labelled import QUESTIONS, Labelled
from dca.bench.metrics import Bools, Floats

FOLDS: Final = 5


@dataclass(frozen=True, slots=True)
class Table:
    """The steps of a set as rows.

    Attributes:
        features: (n, 13).
        case: (n,) the transcript of each step.
        fold: (n,) the fold of its problem.
    """

    features: Floats
    case: np.ndarray[tuple[int], np.dtype[np.int64]]
    fold: np.ndarray[tuple[int], np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class SurfaceModel:
    """Fitted anew for each fold of problems and each question; a yes where it is likelier than not.

    Attributes:
        name: What tables call it.
        seed: Deals the problems into folds.
    """

    name: str = "13 features"
    seed: int = 0

    def judge(self, cases: Sequence[Labelled], /) -> list[Judged]:
        """Cross-fit by problem."""
        table = _table(cases, self.seed)
        scores = {question: np.zeros(len(table.case)) for question in QUESTIONS}
        for question in QUESTIONS:
            truth = _truths(cases, question)
            for fold in range(FOLDS):
                test, train = table.fold == fold, (table.fold != fold) & (truth >= 0)
                if test.any():
                    scores[question][test] = fitted(table.features[train], truth[train] == 1)(table.features[test])
        return _split(scores, table)

    def judge_leaving_out(self, cases: Sequence[Labelled], groups: Sequence[str]) -> list[Judged]:
        """Judge each transcript by a model that saw neither its group nor any problem of its group.

        Args:
            cases: One set.
            groups: For each transcript its group, such as the family or the writer; "": it has none and scores 0.
        """
        table = _table(cases, self.seed)
        scores = {question: np.zeros(len(table.case)) for question in QUESTIONS}
        for group in sorted(set(groups) - {""}):
            inside = {case.problem for case, own in zip(cases, groups, strict=True) if own == group}
            test = np.array([own == group for own in groups], dtype=np.bool_)[table.case]
            apart = np.array([case.problem not in inside for case in cases], dtype=np.bool_)[table.case] & ~test
            for question in QUESTIONS:
                truth = _truths(cases, question)
                train = apart & (truth >= 0)
                scores[question][test] = fitted(table.features[train], truth[train] == 1)(table.features[test])
        return _split(scores, table)

    def judge_after(self, fitted_on: Sequence[Labelled], cases: Sequence[Labelled]) -> list[Judged]:
        """Judge one set by a model fitted on another."""
        table, features = _table(cases, self.seed), matrix(fitted_on)
        scores = {}
        for question in QUESTIONS:
            truth = _truths(fitted_on, question)
            known = truth >= 0
            scores[question] = fitted(features[known], truth[known] == 1)(table.features)
        return _split(scores, table)


def fitted(features: Floats, truth: Bools) -> Callable[[Floats], Floats]:
    """The fitted model as a function from features to the chance of a yes; constant where only one class was seen."""
    if len(set(truth.tolist())) < 2:
        return lambda rows: np.full(len(rows), float(truth.mean()) if len(truth) else 0.0)
    model = HistGradientBoostingClassifier(max_iter=80, learning_rate=0.1, max_leaf_nodes=15, random_state=0)
    with threadpool_limits(limits=1, user_api="openmp"):  # the trees are small: threads only wait for each other
        model.fit(features, truth)

    def chance(rows: Floats) -> Floats:
        with threadpool_limits(limits=1, user_api="openmp"):
            return np.asarray(model.predict_proba(rows)[:, 1], dtype=np.float64)

    return chance


def _table(cases: Sequence[Labelled], seed: int) -> Table:
    problems = sorted({case.problem for case in cases})
    dealt = np.random.default_rng(seed).permutation(len(problems)) % FOLDS
    fold_of = dict(zip(problems, dealt.tolist(), strict=True))
    owner = np.repeat(np.arange(len(cases)), [len(case.steps) for case in cases])
    folds = np.array([fold_of[case.problem] for case in cases], dtype=np.int64)
    return Table(matrix(cases), owner, folds[owner] if len(owner) else owner)


def _truths(cases: Sequence[Labelled], question: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """(n,) 1 for yes, 0 for no, -1 for not known."""
    answers = (truth.answer(question) for case in cases for truth in case.truth)
    return np.array([-1 if answer is None else int(answer) for answer in answers], dtype=np.int64)


def _split(scores: dict[str, Floats], table: Table) -> list[Judged]:
    """Rows back into transcripts."""
    edges = np.flatnonzero(np.diff(table.case)) + 1
    parts = {question: np.split(values, edges) for question, values in scores.items()}
    count = len(edges) + 1 if len(table.case) else 0
    return [
        Judged(
            {question: parts[question][k] for question in QUESTIONS},
            {question: parts[question][k] >= 0.5 for question in QUESTIONS},
        )
        for k in range(count)
    ]
