"""The leaderboard: one file that gathers reviewers over time, a row for each reviewer and set. JSON or CSV.

A reviewer that is benched again on the same rows replaces its own row and no other. It knows reports as they were
found; it measures nothing.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from dca.assignments import whole_file
from dca.bench.reviewer import Report, Result
from dca.errors import InputError

FORMAT: Final = 1
HEADLINES: Final = {
    "f1": "F1",
    "accuracy": "accuracy",
    "mr_score_low": "MR-Score without reasons",
    "prm_score": "PRMScore",
    "score": "mean score",
    "rank": "rank correlation",
}
"""What the measure that a set leads with is called."""
COLUMNS: Final = (
    "reviewer",
    "identity",
    "effort",
    "set",
    "told",
    "measure",
    "value",
    "low",
    "high",
    "step_accuracy",
    "rows",
    "total",
    "failed",
    "void",
    "usd_per_review",
    "seconds_per_review",
    "licence",
    "date",
)
KEY: Final = ("identity", "set", "told", "rows")
_NUMBERS: Final = {"value", "low", "high", "step_accuracy", "usd_per_review", "seconds_per_review"}
_COUNTS: Final = {"rows", "total", "failed", "void"}

Entry = dict[str, Any]


def entries(reports: Iterable[Report], *, told: str, date: str) -> list[Entry]:
    """The rows of some reports; sets that are not finished are left out.

    Args:
        reports: One for each reviewer.
        told: What reviewers were told of the outcome.
        date: The day, as it shall stand there.
    """
    return [
        _entry(one, result, told, date)
        for one in reports
        for result in (*one.results, *_chains(one))
        if result.rows and not one.left and not math.isnan(result.measures[result.headline].value)
    ]


def read_board(path: Path) -> list[Entry]:
    """The rows of a leaderboard; none where there is no file yet.

    Raises:
        InputError: The file is no leaderboard.
    """
    if not path.is_file() or not path.stat().st_size:
        return []
    try:
        text = path.read_text(encoding="utf-8")
        rows = _from_csv(text) if path.suffix == ".csv" else _from_json(text)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: expected a leaderboard of `dca bench reviewer`, got {error}") from error
    return rows


def merged(before: Sequence[Entry], new: Sequence[Entry]) -> list[Entry]:
    """Both, the new in place of an old row of the same reviewer, set and number of rows; best first in each set."""
    rows = {tuple(row[key] for key in KEY): row for row in (*before, *new)}
    return sorted(rows.values(), key=lambda row: (row["set"], row["told"], -row["value"], row["identity"]))


def write_board(path: Path, rows: Sequence[Entry]) -> None:
    """Write a leaderboard; the old one stays until the new one is whole."""
    text = _to_csv(rows) if path.suffix == ".csv" else json.dumps({"format": FORMAT, "rows": rows}, indent=1) + "\n"
    with whole_file(path) as writer:
        writer.write(text.encode())


def _chains(one: Report) -> list[Result]:
    """Agreement with exact values as a set of its own."""
    return [
        Result("exact values", None, a.rollouts, a.rollouts, "rank", a.measures, a.spent)
        for a in one.agreements
        if a.truth == "exact" and a.spent is not None
    ]


def _entry(one: Report, result: Result, told: str, date: str) -> Entry:
    lead, spent = result.measures[result.headline], result.spent
    accuracy = result.measures.get("step_accuracy")
    row = {
        "reviewer": one.reviewer,
        "identity": one.identity,
        "effort": one.effort,
        "set": result.dataset,
        "told": told,
        "measure": result.headline,
        "value": lead.value,
        "low": lead.low,
        "high": lead.high,
        "step_accuracy": accuracy.value if accuracy else None,
        "rows": result.rows,
        "total": result.total,
        "failed": spent.failed,
        "void": spent.void,
        "usd_per_review": spent.usd,
        "seconds_per_review": spent.seconds,
        "licence": result.card.licence if result.card else "",
        "date": date,
    }
    return {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in row.items()}


def _from_json(text: str) -> list[Entry]:
    whole = json.loads(text)
    if not isinstance(whole, dict) or whole.get("format") != FORMAT:
        raise ValueError(f"a file without format {FORMAT}")
    return [{column: row[column] for column in COLUMNS} for row in whole["rows"]]


def _to_csv(rows: Sequence[Entry]) -> str:
    written = io.StringIO()
    writer = csv.DictWriter(written, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue()


def _from_csv(text: str) -> list[Entry]:
    return [_typed(row) for row in csv.DictReader(io.StringIO(text))]


def _typed(row: Mapping[str, str]) -> Entry:
    def value(column: str) -> Any:
        said = row[column]
        if column in _COUNTS:
            return int(said)
        return (float(said) if said else None) if column in _NUMBERS else said

    return {column: value(column) for column in COLUMNS}
