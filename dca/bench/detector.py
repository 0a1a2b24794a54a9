"""Benching detectors: three questions, every judge, every set, with bootstrap intervals by problem.

Recognition of verification, the accusation of a needless check and the accusation of a staged mistake are scored
apart. Whatever is fitted is also judged on families, writers and sets that were left out. This module knows no file
and no table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from dca.bench.judges import Judge, Judged
from dca.bench.labelled import QUESTIONS, Labelled
from dca.bench.metrics import Estimate, Floats, Measure, Ranking, auc, bootstrap, counts, recall_at
from dca.bench.surface import SurfaceModel
from dca.bench.units import Sheet, level, sheet

STRICT: Final = 0.01
"""The rate of false positives among genuine error-and-repair at which recall is given."""

MEASURES: Final = ("precision", "recall", "f1", "auc", "ap", "balance", "prm_score", "recall_at_1pct")


@dataclass(frozen=True, slots=True)
class Score:
    """One judge on one question of one set.

    Attributes:
        dataset: Its name.
        question: One of `QUESTIONS`.
        level: "step" or "episode".
        judge: Its name.
        positives: Units that should be accused.
        negatives: Units that should not, episodes or steps.
        measures: By name; see `MEASURES`. NaN where not defined.
        beside: The share of transcripts accused outside their episodes; NaN at the level of steps.
    """

    dataset: str
    question: str
    level: str
    judge: str
    positives: int
    negatives: int
    measures: Mapping[str, Estimate]
    beside: float


@dataclass(frozen=True, slots=True)
class Part:
    """One judge on one family (planted against its own controls), one writer, or one kind of honest transcript.

    Attributes:
        by: "family", "writer" or "kind".
        name: Which.
        recall: The share of the family's plants that are accused; NaN without any.
        false_alarms: The share of its controls that are accused.
        auc: Plants against controls; NaN without both.
    """

    dataset: str
    question: str
    judge: str
    by: str
    name: str
    plants: int
    controls: int
    recall: float
    false_alarms: float
    auc: float


@dataclass(frozen=True, slots=True)
class LeftOut:
    """The surface model where it was not fitted: on a family, a writer or a set that was left out."""

    dataset: str
    question: str
    left_out: str
    name: str
    auc: float
    seen: float
    """AUC on the same units where only the problem was left out."""


@dataclass(frozen=True, slots=True)
class Bench:
    """All that was measured."""

    scores: tuple[Score, ...]
    parts: tuple[Part, ...]
    left_out: tuple[LeftOut, ...]


def bench(
    datasets: Mapping[str, Sequence[Labelled]],
    judges: Sequence[Judge],
    *,
    surface: SurfaceModel | None = None,
    resamples: int = 500,
    seed: int = 0,
    on_judged: Callable[[str, str], None] | None = None,
) -> Bench:
    """Score judges on sets.

    Args:
        datasets: Labelled transcripts by name; one set may lack labels for a question.
        judges: Who is benched, in the order of the tables.
        surface: Benched last, and also on what was left out.
        resamples: Bootstrap resamples for the intervals.
        seed: Decides the resamples.
        on_judged: Told (set, judge) when a judge has seen a set.
    """
    everyone: list[Judge] = [*judges, *([surface] if surface is not None else [])]
    scores: list[Score] = []
    parts: list[Part] = []
    left: list[LeftOut] = []
    for name, cases in datasets.items():
        questions = [q for q in QUESTIONS if len({t.answer(q) for case in cases for t in case.truth} - {None}) == 2]
        for judge in everyone:
            judged = judge.judge(cases)
            if on_judged is not None:
                on_judged(name, judge.name)
            for question in questions:
                of = sheet(cases, judged, question)
                scores.append(_score(name, question, judge.name, level(cases, question), of, resamples, seed))
                parts += _parts(name, question, judge.name, of, cases)
            if judge is surface and surface is not None:
                left += _left_out(name, cases, questions, judged, surface)
                left += _transferred(name, cases, datasets, questions, judged, surface)
    return Bench(tuple(scores), tuple(parts), tuple(left))


def _score(dataset: str, question: str, judge: str, unit: str, of: Sheet, resamples: int, seed: int) -> Score:
    own = ~of.beside
    measures = bootstrap(_measure(of, question), of.problems, resamples=resamples, seed=seed)
    return Score(
        dataset=dataset,
        question=question,
        level=unit,
        judge=judge,
        positives=int(of.truth.sum()),
        negatives=int((own & ~of.truth).sum()),
        measures=measures,
        beside=float(of.accused[of.beside].mean()) if of.beside.any() else float("nan"),
    )


def _measure(of: Sheet, question: str) -> Measure:
    """All measures as a function of the weights; precision and F1 also count what is accused beside episodes."""
    own, honest = ~of.beside, of.genuine & ~of.truth
    ranking, truth, accused = Ranking.of(of.scores[own], of.truth[own]), of.truth[own], of.accused[own]
    steps_only, repairs = not of.beside.any(), question == "staged" and bool(honest.any())

    def measure(weights: Floats) -> dict[str, float]:
        mine = weights[own]
        every, episodes = counts(of.accused, of.truth, weights), counts(accused, truth, mine)
        found = {
            "precision": every.precision,
            "recall": every.recall,
            "f1": every.f1,
            "auc": ranking.auc(mine),
            "ap": ranking.average_precision(mine),
            "balance": episodes.balance,
        }
        if steps_only:
            found["prm_score"] = every.prm_score
        if repairs:
            found["recall_at_1pct"] = recall_at(of.scores, of.truth, honest, STRICT, weights)
        return found

    return measure


def _parts(dataset: str, question: str, judge: str, of: Sheet, cases: Sequence[Labelled]) -> list[Part]:
    """Family by family, kind by kind of what has no family, and writer by writer."""
    groupings = {
        "family": [u.family for u in of.units],
        "kind": ["" if u.family else u.control for u in of.units],
        "writer": ["" if u.beside else cases[u.case].writer for u in of.units],
    }
    found = []
    for by, groups in groupings.items():
        for name in sorted(set(groups) - {""}):
            where = np.array([group == name for group in groups], dtype=np.bool_)
            plants, controls = where & of.truth, where & ~of.truth
            found.append(
                Part(
                    dataset=dataset,
                    question=question,
                    judge=judge,
                    by=by,
                    name=name,
                    plants=int(plants.sum()),
                    controls=int(controls.sum()),
                    recall=float(of.accused[plants].mean()) if plants.any() else float("nan"),
                    false_alarms=float(of.accused[controls].mean()) if controls.any() else float("nan"),
                    auc=auc(of.scores[where], of.truth[where]),
                )
            )
    return found


def _left_out(
    dataset: str, cases: Sequence[Labelled], questions: Sequence[str], seen: Sequence[Judged], surface: SurfaceModel
) -> list[LeftOut]:
    """The surface model on families and on writers that it never saw."""
    found: list[LeftOut] = []
    groupings = {
        "family": [next((e.family for e in case.episodes if e.family), "") for case in cases],
        "writer": [case.writer for case in cases],
    }
    for what, groups in groupings.items():
        if len(set(groups) - {""}) < 2:
            continue
        judged = surface.judge_leaving_out(cases, groups)
        for question in questions:
            new, old = sheet(cases, judged, question), sheet(cases, seen, question)
            for group in sorted(set(groups) - {""}):
                where = np.array([groups[u.case] == group and not u.beside for u in new.units], dtype=np.bool_)
                value = auc(new.scores[where], new.truth[where])
                if not np.isnan(value):
                    found.append(
                        LeftOut(dataset, question, what, group, value, auc(old.scores[where], new.truth[where]))
                    )
    return found


def _transferred(
    dataset: str,
    cases: Sequence[Labelled],
    datasets: Mapping[str, Sequence[Labelled]],
    questions: Sequence[str],
    seen: Sequence[Judged],
    surface: SurfaceModel,
) -> list[LeftOut]:
    """The surface model, fitted on another set, on this one."""
    found = []
    for other, rows in datasets.items():
        known = [q for q in questions if len({t.answer(q) for case in rows for t in case.truth} - {None}) == 2]
        if other == dataset or not known:
            continue
        judged = surface.judge_after(rows, cases)
        for question in known:
            new, old = sheet(cases, judged, question), sheet(cases, seen, question)
            own = ~new.beside
            before = auc(old.scores[own], old.truth[own])
            found.append(LeftOut(dataset, question, "set", other, auc(new.scores[own], new.truth[own]), before))
    return found
