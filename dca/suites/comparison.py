"""Two reviewers on one suite, or one alone, as plain values: case by case, skill by skill, wins and losses.

The mapping made here is what `--json` prints and what tables and pages are drawn from. This module does arithmetic on
results; it reviews nothing and draws nothing.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from dca.suites.bootstrap import Interval, mean_interval
from dca.suites.case import Case, Suite
from dca.suites.evaluation import FAILED, PERFECT, Evaluation, silent_scores
from dca.suites.tape import MISSING, STALE, short_key
from dca.usage import Usage

TIE: Final = 1e-9

Table = dict[str, Any]


def compare(suite: Suite, evaluations: Sequence[Evaluation]) -> Table:
    """What came of one reviewer, or of two: the new one first, the one it is held against second."""
    silent = silent_scores(suite.cases)
    rows = [_row(case, k, silent[k], evaluations) for k, case in enumerate(suite.cases)]
    used = frozenset[Path]().union(*(evaluation.used for evaluation in evaluations))
    return {
        "suite": suite.name,
        "cases": len(suite.cases),
        "silent": _mean(silent),
        "candidates": [_candidate(evaluation, used) for evaluation in evaluations],
        "rows": rows,
        "skills": _grouped(rows, lambda row: row["skills"]),
        "domains": _grouped(rows, lambda row: [row["domain"]]),
        "comparison": _comparison(rows, evaluations) if len(evaluations) == 2 else None,
    }


def regression(table: Mapping[str, Any], *, tolerance: float) -> str:
    """Why the new one is no better than what it is held against may allow; "" where it is.

    A case that cannot be compared counts as a regression: what was not looked at is not known to be as good.
    """
    comparison = table["comparison"]
    uncompared = [row["case"] for row in table["rows"] if row["difference"] is None and row["scores"][1] is not None]
    if uncompared:
        return f"{len(uncompared)} cases cannot be compared, among them {uncompared[0]}: record them first"
    if not comparison["cases"]:
        return "no case can be compared"
    if comparison["mean"] < -tolerance:
        return f"the mean falls by {-comparison['mean']:.3f}, more than the {tolerance:g} allowed"
    return ""


def _candidate(evaluation: Evaluation, used: frozenset[Path]) -> Table:
    scores = [result.score for result in evaluation.results if result.score is not None]
    return {
        "name": evaluation.name,
        "marked": len(scores),
        "mean": _mean(scores),
        "interval": _ends(mean_interval(scores)),
        "perfect": sum(score >= PERFECT for score in scores),
        "failed": list(evaluation.with_state(FAILED)),
        "stale": list(evaluation.with_state(STALE)),
        "missing": list(evaluation.with_state(MISSING)),
        "wanted": [
            {
                "case": standing.case,
                "state": standing.state,
                "changed": list(standing.changed),
                "keys": [short_key(request) for request in standing.wanted],
                "diff": standing.diff,
            }
            for standing in evaluation.stale_or_missing()
        ],
        "orphans": [str(path) for path in evaluation.orphans if path not in used],
        "answerers": [dataclasses.asdict(one) for one in evaluation.answerers],
        "usage": dataclasses.asdict(Usage.total(result.usage for result in evaluation.results)),
    }


def _row(case: Case, k: int, silent: float | None, evaluations: Sequence[Evaluation]) -> Table:
    results = [evaluation.results[k] for evaluation in evaluations]
    scores = [result.score for result in results]
    expectation = case.expectation
    return {
        "case": case.name,
        "about": expectation.about,
        "domain": expectation.domain,
        "skills": list(expectation.skills),
        "silent": silent,
        "scores": scores,
        "states": [result.state for result in results],
        "notes": [result.note for result in results],
        "usage": [dataclasses.asdict(result.usage) for result in results],
        "difference": _difference(scores),
        "checks": [
            {
                "check": str(check),
                "why": check.why,
                "weight": check.weight,
                "steps": sorted(check.steps),
                "marks": [result.marks[n] if result.marks else None for result in results],
            }
            for n, check in enumerate(expectation.checks)
        ],
    }


def _difference(scores: Sequence[float | None]) -> float | None:
    if len(scores) != 2 or scores[0] is None or scores[1] is None:
        return None
    return scores[0] - scores[1]


def _comparison(rows: Iterable[Table], evaluations: Sequence[Evaluation]) -> Table:
    differences = [row["difference"] for row in rows if row["difference"] is not None]
    interval = mean_interval(differences)
    wins = sum(difference > TIE for difference in differences)
    losses = sum(difference < -TIE for difference in differences)
    return {
        "cases": len(differences),
        "wins": wins,
        "losses": losses,
        "ties": len(differences) - wins - losses,
        "mean": interval.mean if interval else None,
        "interval": _ends(interval),
        "verdict": _verdict(interval),
        "same_answerers": _same_answerers(evaluations),
    }


def _same_answerers(evaluations: Sequence[Evaluation]) -> bool | None:
    """Whether the same gave both sides' replies, so that a difference is one of prompts; None without replies."""
    named = [{one.by for one in evaluation.answerers} for evaluation in evaluations]
    return named[0] == named[1] if all(named) else None


def _verdict(interval: Interval | None) -> str:
    if interval is None or not interval.excludes_zero:
        return "not settled"
    return "better" if interval.low > 0.0 else "worse"


def _grouped(rows: Sequence[Table], names: Any) -> list[Table]:
    """Means by skill or domain, over the cases that every reviewer has a score on, so that they can be compared."""
    groups: dict[str, list[Table]] = {}
    for row in rows:
        for name in names(row):
            groups.setdefault(name, []).append(row)
    return [_group(name, members) for name, members in sorted(groups.items())]


def _group(name: str, members: Sequence[Table]) -> Table:
    marked = [row for row in members if None not in row["scores"]]
    columns = zip(*(row["scores"] for row in marked), strict=True)
    means = [_mean(column) for column in columns] or [None] * len(members[0]["scores"])
    return {"name": name, "cases": len(members), "marked": len(marked), "means": means}


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None


def _ends(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [interval.low, interval.high]
