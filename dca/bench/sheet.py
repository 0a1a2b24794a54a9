"""What was found of a reviewer, as tables: rows of words for a terminal, Markdown for a page, plain values for JSON.

It knows how numbers are shown; it does not measure, and knows no terminal.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from dca.bench import bias, values
from dca.bench.leaderboard import HEADLINES
from dca.bench.metrics import Estimate
from dca.bench.reviewer import Report, Result
from dca.bench.rows import Spent

_LOCATION: Final = (
    ("accuracy", "place right"),
    ("error_accuracy", "of wrong ones"),
    ("correct_accuracy", "of right ones"),
    ("f1", "F1"),
    ("mcc", "MCC"),
    ("step_accuracy", "step accuracy"),
)
_PLANTED: Final = (
    ("prm_score", "PRMScore"),
    ("precision", "precision"),
    ("recall", "recall"),
    ("auc", "AUC of the tilt"),
    ("path_score", "PRMScore of the path"),
)
_BRIEF_LOCATION: Final = (
    ("step_accuracy", "steps"),
    ("error_accuracy", "wrong"),
    ("correct_accuracy", "right"),
    ("mcc", "MCC"),
)
_BRIEF_PLANTED: Final = (("precision", "prec."), ("recall", "recall"), ("auc", "AUC"))
_SHORT: Final = {"f1": "F1", "accuracy": "acc.", "mr_score_low": "MR", "prm_score": "PRMScore", "score": "mean"}
_EFFECTS: Final = {
    "touched": "score there",
    "others": "elsewhere",
    "mistakes": "mistakes",
    "labels": "labels",
    "first": "first mistake",
    "void": "void",
}
_AGREEMENT: Final = {"rank": "rank", "sign": "sign", "tilt_sign": "sign of z", "idle": "idle"}


@dataclass(frozen=True, slots=True)
class Table:
    """A title, what the columns are called, and rows of words."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables(reports: Sequence[Report], *, brief: bool = False) -> Iterator[Table]:
    """All tables, in the order in which they are best read; a row for each reviewer and set.

    Args:
        reports: One for each reviewer.
        brief: For a narrow page: the measures that matter most, and no intervals but those of the advice.
    """
    several = len(reports) > 1
    rows = [(_who(one, several), result) for one in reports for result in one.results]
    for title, member, shown in (
        ("Where is the first mistake?", "step_accuracy", _BRIEF_LOCATION if brief else _LOCATION),
        ("Which steps were planted?", "prm_score", _BRIEF_PLANTED if brief else _PLANTED[1:]),
        ("Cases with what a person expects", "score", ()),
    ):
        mine = [row for row in rows if member in row[1].measures]
        if mine:
            yield _sets(title, mine, shown, brief=brief)
    if any(one.agreements for one in reports):
        yield _followed(reports, several, brief=brief)
    if any(one.effects for one in reports):
        yield _disturbed(reports, several, brief=brief)
    if any(one.advice for one in reports):
        yield _advised(reports, several)


def _followed(reports: Sequence[Report], several: bool, *, brief: bool) -> Table:
    """How credits follow values: a row for each party and truth."""
    body = tuple(
        (
            _beside(a.party, one, several),
            a.truth,
            f"{a.rollouts:,}",
            *(_shown(a.measures[name], plain=brief) for name in values.MEASURES),
            *(_cost(a.spent) if a.spent else ("-", "-")),
        )
        for one in reports
        for a in one.agreements
    )
    columns = ("credits of", "values", "rollouts", *_AGREEMENT.values(), "$/1k", "s")
    return Table("Do credits follow V_k - V_(k-1)?", columns, body)


def _disturbed(reports: Sequence[Report], several: bool, *, brief: bool) -> Table:
    """What interventions did: a row for each kind."""
    body = tuple(
        (
            _beside(effect.kind, one, several),
            f"{effect.pairs:,}" + (f" ({effect.lost} lost)" if effect.lost else ""),
            *(_shown(effect.measures[name], plain=brief) for name in bias.MEASURES),
        )
        for one in reports
        for effect in one.effects
    )
    return Table("What should not matter: after minus before", ("", "pairs", *_EFFECTS.values()), body)


def _advised(reports: Sequence[Report], several: bool) -> Table:
    """What to set the coefficient to: a row for each set."""
    body = tuple(
        (_beside(a.dataset, one, several), f"{a.solutions:,}", _shown(a.accuracy), a.words)
        for one in reports
        for a in one.advice
    )
    return Table("How far to trust it", ("on tasks like", "solutions", "step accuracy", "advice"), body)


def sources(reports: Sequence[Report]) -> Table:
    """Where each set is from, and its licence."""
    cards = dict.fromkeys(result.card for one in reports for result in one.results if result.card is not None)
    rows = tuple((card.title, card.paper, card.licence, card.home) for card in cards)
    return Table("Sets", ("set", "paper", "licence", "from"), rows)


def markdown(found: Sequence[Table]) -> str:
    """Tables as Markdown."""
    parts = []
    for table in found:
        rule = ["---", *["---:"] * (len(table.columns) - 1)]
        lines = [table.columns, rule, *table.rows]
        parts.append(f"**{table.title}**\n\n" + "\n".join("| " + " | ".join(line) + " |" for line in lines))
    return "\n\n".join(parts) + "\n"


def as_json(reports: Sequence[Report]) -> dict[str, Any]:
    """Plain values; what is not defined is null."""
    plain = [asdict(one) for one in reports]
    for row, one in zip(plain, reports, strict=True):
        for entry, advice in zip(row["advice"], one.advice, strict=True):
            entry["line"] = advice.line
    found: dict[str, Any] = _without_nan({"reviewers": plain})
    return found


def _sets(title: str, rows: Sequence[tuple[str, Result]], shown: Sequence[tuple[str, str]], *, brief: bool) -> Table:
    """A row for each set: the measure its paper leads with, the others, what failed, and what it took."""
    own, lost, usd, seconds = (
        ("own measure", "lost", "$/1k", "s") if brief else ("its own measure", "failed, void", "$/1,000", "s each")
    )
    body = tuple(
        (
            f"{result.dataset}, {who}" if who else result.dataset,
            f"{result.rows}/{result.total}" if result.rows < result.total else f"{result.rows:,}",
            _headline(result, plain=brief),
            *(_shown(result.measures[name], plain=brief) for name, _ in shown),
            f"{result.spent.failed + result.spent.void}" if brief else f"{result.spent.failed}, {result.spent.void}",
            *_cost(result.spent),
        )
        for who, result in rows
    )
    return Table(title, ("set", "rows", own, *(head for _, head in shown), lost, usd, seconds), body)


def _headline(result: Result, *, plain: bool) -> str:
    """The measure by its name; for MR-Ben the range that the reasons leave open."""
    value = result.measures[result.headline]
    if math.isnan(value.value):
        return "-"
    name = _SHORT[result.headline] if plain else HEADLINES[result.headline]
    if result.headline == "mr_score_low":
        high = result.measures["mr_score_high"].value
        return f"MR-Score {_number(value.value, 2)}-{_number(high, 2)}"
    return f"{name} {_shown(value, plain=plain)}"


def _who(one: Report, several: bool) -> str:
    return f"{one.reviewer}{f' at {one.effort}' if one.effort else ''}" if several else ""


def _beside(what: str, one: Report, several: bool) -> str:
    """A row's name, with the reviewer's where there is more than one."""
    return f"{what}, {_who(one, several)}" if several and not what.startswith(one.reviewer) else what


def _cost(spent: Spent) -> tuple[str, str]:
    """Dollars for a thousand reviews, and seconds for one."""
    usd = "-" if spent.usd is None else "0" if not spent.usd else f"{1000 * spent.usd:,.2f}"
    return (
        usd,
        "-" if spent.seconds is None else f"{spent.seconds:.3f}" if spent.seconds < 1 else f"{spent.seconds:.1f}",
    )


def _shown(estimate: Estimate, *, plain: bool = False) -> str:
    """A number with its interval: ".722 (.69 to .75)"."""
    if math.isnan(estimate.value):
        return "-"
    if plain or math.isnan(estimate.low) or estimate.low == estimate.high == estimate.value:
        return _number(estimate.value)
    return f"{_number(estimate.value)} ({_number(estimate.low, 2)} to {_number(estimate.high, 2)})"


def _number(value: float, places: int = 3) -> str:
    """A number without the nought before its point; an exact zero is "0"."""
    if math.isnan(value):
        return "-"
    if value == 0:
        return "0"
    return f"{value:.{places}f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.{places}f}"


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
