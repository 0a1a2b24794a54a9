"""What was measured, as tables: rows of words for a terminal, Markdown for a page, plain values for JSON.

It knows how numbers are shown; it does not measure, and knows no terminal.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, TypeVar

from dca.bench.detector import MEASURES, Bench, Part, Score
from dca.bench.metrics import Estimate

T = TypeVar("T")

_TITLES: Final = {
    "verification": "is this step verification?",
    "needless": "is this check needless?",
    "staged": "is this mistake staged?",
}
_HEADS: Final = {
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "auc": "AUC",
    "ap": "AP",
    "balance": "TPR*TNR",
    "prm_score": "PRMScore",
    "recall_at_1pct": "recall at 1 % FP",
}


@dataclass(frozen=True, slots=True)
class Table:
    """A title, what the columns are called, and rows of words."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables(found: Bench) -> Iterator[Table]:
    """All tables, in the order in which they are best read."""
    for dataset, question in _distinct((s.dataset, s.question) for s in found.scores):
        yield _scores([s for s in found.scores if (s.dataset, s.question) == (dataset, question)])
        mine = [p for p in found.parts if (p.dataset, p.question) == (dataset, question)]
        for by in ("family", "writer"):
            if any(p.by == by for p in mine):
                yield _groups([p for p in mine if p.by == by])
        if any(p.by == "kind" for p in mine):
            yield _honest([p for p in mine if p.by == "kind"])
    for dataset in _distinct(one.dataset for one in found.left_out):
        rows = [one for one in found.left_out if one.dataset == dataset]
        yield Table(
            f"{dataset}: the 13-feature model on what it was not fitted on (AUC)",
            ("question", "left out", "name", "fitted without it", "fitted with it"),
            tuple((one.question, one.left_out, one.name, _number(one.auc), _number(one.seen)) for one in rows),
        )


def markdown(found: Bench) -> str:
    """The tables as Markdown."""
    parts = []
    for table in tables(found):
        rule = ["---", *["---:"] * (len(table.columns) - 1)]
        lines = [table.columns, rule, *table.rows]
        parts.append(f"**{table.title}**\n\n" + "\n".join("| " + " | ".join(line) + " |" for line in lines))
    return "\n\n".join(parts) + "\n"


def as_json(found: Bench) -> dict[str, Any]:
    """Plain values; what is not defined is null."""
    plain: dict[str, Any] = _without_nan(asdict(found))
    return plain


def _scores(rows: Sequence[Score]) -> Table:
    """One set and question: a row for each judge."""
    first = rows[0]
    names = [name for name in MEASURES if any(_known(row.measures.get(name)) for row in rows)]
    beside = any(not math.isnan(row.beside) for row in rows)
    what = {"step": "steps", "episode": "episodes"}[first.level]
    total = first.positives + first.negatives
    title = f"{first.dataset}: {_TITLES[first.question]} ({first.positives} of {total} {what})"
    columns = ("", *(_HEADS[name] for name in names), *(("accused beside",) if beside else ()))
    body = tuple(
        (
            row.judge,
            *(_interval(row.measures.get(name)) for name in names),
            *((_percent(row.beside),) if beside else ()),
        )
        for row in rows
    )
    return Table(title, columns, body)


def _groups(parts: Sequence[Part]) -> Table:
    """Family by family, or writer by writer: the share found, the share of honest ones accused, and AUC."""
    judges = list(_distinct(p.judge for p in parts))
    names = list(_distinct(p.name for p in parts if p.plants))
    of = {(p.name, p.judge): p for p in parts}
    rows = tuple(
        (f"{name} ({of[name, judges[0]].plants})", *(_part(of[name, judge]) for judge in judges)) for name in names
    )
    title = f"{parts[0].dataset}: {parts[0].question}, by {parts[0].by} (found / honest accused / AUC)"
    return Table(title, (parts[0].by, *judges), rows)


def _honest(parts: Sequence[Part]) -> Table:
    """Kind by kind of what is honest: the share accused."""
    judges = list(_distinct(p.judge for p in parts))
    of = {(p.name, p.judge): p for p in parts}
    rows = tuple(
        (f"{name} ({of[name, judges[0]].controls})", *(_percent(of[name, judge].false_alarms) for judge in judges))
        for name in _distinct(p.name for p in parts)
    )
    title = f"{parts[0].dataset}: {parts[0].question}, honest transcripts accused"
    return Table(title, ("kind", *judges), rows)


def _part(part: Part) -> str:
    return f"{_percent(part.recall)} / {_percent(part.false_alarms)} / {_number(part.auc)}"


def _known(estimate: Estimate | None) -> bool:
    return estimate is not None and not math.isnan(estimate.value)


def _interval(estimate: Estimate | None) -> str:
    """A number with its interval: ".722 (.69-.75)"."""
    if estimate is None or math.isnan(estimate.value):
        return "-"
    if math.isnan(estimate.low):
        return _number(estimate.value)
    return f"{_number(estimate.value)} ({_number(estimate.low, 2)}-{_number(estimate.high, 2)})"


def _number(value: float, places: int = 3) -> str:
    return (
        "-"
        if math.isnan(value)
        else f"{value:.{places}f}".replace("0.", ".", 1)
        if value < 1
        else f"{value:.{places}f}"
    )


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.0%}" if value >= 0.1 or not value else f"{value:.1%}"


def _distinct(values: Iterable[T]) -> Iterator[T]:
    """Each value once, in order of appearance."""
    yield from dict.fromkeys(values)


def _without_nan(value: Any) -> Any:
    """The same with None for NaN."""
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
