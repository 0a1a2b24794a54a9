"""The artefact gate: can words alone tell a plant from its honest control?

A logistic regression on bags of words (one and two words, numbers one token) is cross-fitted by problem. A family
that it tells apart above AUC 0.60 says more about its writers than about detectors, and is reported apart.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline

from dca.bench.metrics import auc
from planting.cases import Case

LIMIT = 0.60
_NUMBER = re.compile(r"\d[\d,.]*")


@dataclass(frozen=True, slots=True)
class Gate:
    """What the words of one family give away.

    Attributes:
        family: Its name.
        pairs: How many pairs.
        episode: AUC of the words of the episode.
        whole: AUC of the words of the whole transcript.
        length: Median characters of the episode, planted and control.
        position: Median place of its first step, 0 to 1, planted and control.
    """

    family: str
    pairs: int
    episode: float
    whole: float
    length: tuple[float, float]
    position: tuple[float, float]

    @property
    def passed(self) -> bool:
        """Whether the words of the episode stay at the limit or below it."""
        return self.episode <= LIMIT


def gate(cases: Sequence[Case], family: str) -> Gate:
    """The gate for one family."""
    rows = [(case, e) for case in cases for e in case.episodes if e.family == family and _of(family, e.question)]
    texts = [" ".join(case.lines[k].text for k in e.steps) for case, e in rows]
    wholes = [" ".join(line.text for line in case.lines) for case, _ in rows]
    planted = np.array([e.planted for _, e in rows])
    problems = [case.carrier.problem for case, _ in rows]
    places = [e.steps[0] / max(1, len(case.lines) - 1) for case, e in rows]

    def medians(values: Sequence[float]) -> tuple[float, float]:
        split = ([v for v, p in zip(values, planted, strict=True) if p == side] for side in (True, False))
        first, second = (statistics.median(side) for side in split)
        return first, second

    return Gate(
        family,
        int(planted.sum()),
        word_auc(texts, planted, problems),
        word_auc(wholes, planted, problems),
        medians([float(len(text)) for text in texts]),
        medians(places),
    )


def word_auc(texts: Sequence[str], planted: np.ndarray, problems: Sequence[str], folds: int = 5) -> float:
    """AUC of a bag-of-words model, cross-fitted by problem."""
    clean = np.array([_NUMBER.sub(" somenumber ", text) for text in texts], dtype=object)
    scores = np.zeros(len(texts))
    for train, test in GroupKFold(min(folds, len(set(problems)))).split(clean, planted, problems):
        model = make_pipeline(CountVectorizer(ngram_range=(1, 2), min_df=2), LogisticRegression(solver="liblinear"))
        model.fit(clean[train], planted[train])
        scores[test] = model.predict_proba(clean[test])[:, 1]
    return auc(scores, planted)


def _of(family: str, question: str) -> bool:
    return question == ("needless" if family.startswith("N") else "staged")
