"""Benching a reviewer: labelled sets, a suite, exact values and interventions, from one book of reviews.

First everything that is needed is reviewed, the parts taken in turn, so that a run that is stopped has seen of all of
them; then whatever the book holds is scored. This module knows no file format and no table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

import numpy as np

from dca.bench import bias, location, planted, values
from dca.bench.advice import Advice, advise
from dca.bench.chain import Valued, problems_of
from dca.bench.interventions import Pair
from dca.bench.metrics import Estimate, Floats, bootstrap
from dca.bench.mistakes import Solution
from dca.bench.rows import Book, Judgement, Spent, key_of, spent
from dca.bench.sources import Card, Dataset
from dca.protocols import Reviewer
from dca.suites.case import Suite
from dca.types import Transcript


@dataclass(frozen=True, slots=True)
class Exam:
    """What a reviewer is put through.

    Attributes:
        datasets: Labelled sets.
        suite: Cases with what a person expects; None: none.
        chains: Rollouts whose values are known exactly.
        sampled: (samples, changes) as `MonteCarloReviewer` finds them; 0 samples: not asked.
        pairs: Interventions.
        resamples: Bootstrap resamples.
        seed: Of them.
    """

    datasets: tuple[Dataset, ...] = ()
    suite: Suite | None = None
    chains: tuple[Valued, ...] = ()
    sampled: tuple[int, tuple[tuple[float, ...], ...]] = (0, ())
    pairs: tuple[Pair, ...] = ()
    resamples: int = 500
    seed: int = 0

    def transcripts(self) -> list[Transcript]:
        """All that must be reviewed, a row of each part in turn."""
        parts: list[list[Transcript]] = [[row.transcript for row in one.rows] for one in self.datasets]
        parts.append([case.transcript for case in self.suite.cases] if self.suite else [])
        parts.append([row.transcript for row in self.chains])
        parts.append([version for pair in self.pairs for version in (pair.before, pair.after)])
        return [one for together in zip_longest(*parts) for one in together if one is not None]


@dataclass(frozen=True, slots=True)
class Result:
    """One reviewer on one set.

    Attributes:
        dataset: Its name.
        card: Where it is from; None for what comes with DCA.
        rows: How many rows were scored.
        total: How many the set has.
        headline: The measure that its own paper leads with.
        measures: By name.
        spent: What reviewing it took.
    """

    dataset: str
    card: Card | None
    rows: int
    total: int
    headline: str
    measures: Mapping[str, Estimate]
    spent: Spent


@dataclass(frozen=True, slots=True)
class Agreement:
    """How one party's credits follow another's values."""

    party: str
    truth: str
    rollouts: int
    measures: Mapping[str, Estimate]
    spent: Spent | None


@dataclass(frozen=True, slots=True)
class Report:
    """All that was found of one reviewer.

    Attributes:
        reviewer: What it is called.
        identity: Model, prompt and options.
        effort: How much it was let think; "" where that means nothing.
        results: A row for each set.
        agreements: With exact and with sampled values.
        effects: Of the interventions.
        advice: For each set in which first mistakes are known.
        left: Rollouts not reviewed yet: where it is not 0, the figures are of a part only.
    """

    reviewer: str
    identity: str
    effort: str = ""
    results: tuple[Result, ...] = ()
    agreements: tuple[Agreement, ...] = ()
    effects: tuple[bias.Effect, ...] = ()
    advice: tuple[Advice, ...] = ()
    left: int = field(default=0)


def report(exam: Exam, reviewer: Reviewer, book: Book, *, name: str, identity: str, effort: str = "") -> Report:
    """Score whatever the book holds of a reviewer.

    Args:
        exam: What it was put through.
        reviewer: Whose rows are looked up.
        book: The rows.
        name: What it is called in tables.
        identity: What it is called in the leaderboard.
        effort: How much it was let think.
    """

    def find(transcript: Transcript) -> Judgement | None:
        return book.find(key_of(reviewer, transcript))

    located, advice = [], []
    for dataset in exam.datasets:
        result = _scored(dataset, find, exam)
        located.append(result)
        if "step_accuracy" in result.measures:
            comparable = sum(bool(row.first) and min(row.first or [0]) > 0 for row in _done(dataset.solutions, find))
            advice.append(advise(dataset.name, result.measures["step_accuracy"], comparable))
    suite = [_suite(exam.suite, find, exam, getattr(reviewer, "measure", ""))] if exam.suite else []
    return Report(
        reviewer=name,
        identity=identity,
        effort=effort,
        results=(*located, *suite),
        agreements=tuple(_agreements(exam, find, name)) if exam.chains else (),
        effects=tuple(_effects(exam, find)) if exam.pairs else (),
        advice=tuple(one for one in advice if one.solutions or one.accuracy.value == one.accuracy.value),
        left=sum(find(transcript) is None for transcript in exam.transcripts()),
    )


Find = Callable[[Transcript], Judgement | None]


def _done(rows: Sequence[Solution], find: Find) -> list[Solution]:
    return [row for row in rows if find(row.transcript) is not None]


def _scored(dataset: Dataset, find: Find, exam: Exam) -> Result:
    found = [(row, judgement) for row in dataset.rows if (judgement := find(row.transcript)) is not None]
    judgements = [judgement for _, judgement in found]
    options = {"resamples": exam.resamples, "seed": exam.seed}
    if dataset.accuses:
        cases = [row for row in dataset.labelled if find(row.transcript) is not None]
        measures = planted.score(cases, judgements, dataset.accuses, **options)
        headline = "prm_score"
    else:
        measures = location.score(location.places(_done(dataset.solutions, find), judgements), **options)
        headline = location.HEADLINES[dataset.card.title]
    return Result(dataset.name, dataset.card, len(found), dataset.total, headline, measures, spent(judgements))


def _suite(suite: Suite, find: Find, exam: Exam, measure_of: str) -> Result:
    """The mean score of the cases by their expectations, as `dca prompts eval` counts it."""
    found = [(case, judgement) for case in suite.cases if (judgement := find(case.transcript)) is not None]
    marks = [case.expectation.score(judgement.seen(measure_of)) for case, judgement in found]
    scores = np.array([mark for mark in marks if mark is not None], dtype=np.float64)

    def measure(weights: Floats) -> dict[str, float]:
        total = float(weights.sum())
        return {"score": float((scores * weights).sum()) / total if total else float("nan")}

    names = [case.name for (case, _), mark in zip(found, marks, strict=True) if mark is not None]
    measures = bootstrap(measure, names, resamples=exam.resamples, seed=exam.seed)
    taken = spent(judgement for _, judgement in found)
    return Result(f"suite {suite.name}", None, len(found), len(suite.cases), "score", measures, taken)


def _agreements(exam: Exam, find: Find, name: str) -> Iterator[Agreement]:
    """The reviewer against exact and sampled values, and the sampled values against the exact ones."""
    places = [k for k, row in enumerate(exam.chains) if find(row.transcript) is not None]
    rows = [exam.chains[k] for k in places]
    judgements = [judgement for row in rows if (judgement := find(row.transcript)) is not None]
    said = [values.said(judgement, row.steps) for row, judgement in zip(rows, judgements, strict=True)]
    exact = [[float(change) for change in row.changes] for row in rows]
    problems, options = problems_of(rows), {"resamples": exam.resamples, "seed": exam.seed}

    def agreement(
        party: str, sayings: Sequence[values.Said], truth: str, changes: Sequence[Sequence[float]], took: Spent | None
    ) -> Agreement:
        measures = values.agreement(sayings, changes, problems, **options)
        return Agreement(party, truth, len(rows), measures, took)

    yield agreement(name, said, "exact", exact, spent(judgements))
    samples, sampled = exam.sampled
    if samples:
        changes = [sampled[k] for k in places]
        yardstick = f"monte carlo, {samples} samples"
        yield agreement(name, said, yardstick, changes, spent(judgements))
        yield agreement(yardstick, [values.Said(one, one) for one in changes], "exact", exact, None)


def _effects(exam: Exam, find: Find) -> list[bias.Effect]:
    found = [
        (pair, (before, after))
        for pair in exam.pairs
        if (before := find(pair.before)) is not None and (after := find(pair.after)) is not None
    ]
    return bias.effects(
        [pair for pair, _ in found], [both for _, both in found], resamples=exam.resamples, seed=exam.seed
    )
