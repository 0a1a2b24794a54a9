"""The tables of `dca prompts eval` and `dca cases list`: reviewers on a suite, case by case and skill by skill.

It draws the mapping that `--json` prints; it does not know how marks are earned, or how anything was reviewed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dca.report.visible import compact, signed, visible, words

LOST: Final = "dark_orange3"
WON: Final = "dodger_blue1"
MUTED: Final = "dim"

_LONGEST: Final = 200  # characters of a note

Row = Mapping[str, Any]


def evaluation_view(table: Row, *, verbose: bool = False) -> RenderableType:
    """Every case, every skill, and what it comes to.

    Args:
        table: The comparison, as `--json` prints it.
        verbose: Also list, below each case, the checks that earned less than all.
    """
    names = [candidate["name"] for candidate in table["candidates"]]
    if not any(candidate["marked"] for candidate in table["candidates"]):
        return Group(*_summary(table))
    parts: list[RenderableType] = [_cases(table, names, verbose)]
    parts += [_groups("by skill", table["skills"], names), _groups("by domain", table["domains"], names)]
    return Group(*parts, *_summary(table))


def cases_view(rows: Iterable[Row]) -> RenderableType:
    """The cases of a suite: what each probes, by how many checks, and for which skills."""
    table = _table("cases", ("case", "reward", "steps", "checks", "what it probes"), right=(1, 2, 3))
    for row in rows:
        about = Text(visible(row["about"]))
        about.append(f"\n{', '.join(map(words, (row['domain'], *row['skills'])))}", style=MUTED)
        numbers = (f"{row['reward']:g}", str(row["steps"]), str(len(row["checks"])))
        table.add_row(Text(visible(row["id"])), *numbers, about)
    return table


def versions_view(rows: Iterable[Row]) -> RenderableType:
    """Prompts: what their scores mean, whether they are released, and how long they are."""
    table = _table("prompts", ("prompt", "measure", "state", "rubric tokens", "slots", "digest"), right=(3,), fold=4)
    for row in rows:
        look = LOST if row["state"] == "changed" else ""
        state, slots = Text(row["state"], style=look), ", ".join(row["slots"])
        table.add_row(
            Text(visible(row["name"])), row["measure"], state, f"{row['tokens']:,}", slots, row["digest"][:12]
        )
    return table


def _table(title: str, columns: Sequence[str], *, right: Iterable[int] = (), fold: int = -1) -> Table:
    """A plain table in which one column may fold, the last unless told."""
    table = Table(title=title, title_justify="left", header_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    numbers = frozenset(right)
    for k, column in enumerate(columns):
        justify: Literal["left", "right"] = "right" if k in numbers else "left"
        folds = k == fold % len(columns)
        table.add_column(
            Text(visible(column)),
            justify=justify,
            overflow="fold",
            no_wrap=not folds,
            min_width=16 if folds else None,
        )
    return table


def _cases(table: Row, names: Sequence[str], verbose: bool) -> Table:
    """A row for each case; below it why a review failed and, if wanted, the checks not earned in full."""
    columns = ["case", *names, *(["difference"] if len(names) == 2 else [])]
    title = f"suite {table['suite']}: what each review earns"
    view = _table(title, columns, right=range(1, len(columns)), fold=0)
    for row in table["rows"]:
        cells = [_score(score, state) for score, state in zip(row["scores"], row["states"], strict=True)]
        gap = [_difference(row["difference"])] if len(names) == 2 else []
        view.add_row(Text(row["case"]), *cells, *gap)
        for note in filter(None, row["notes"]):
            view.add_row(Text(f"  {visible(note)[:_LONGEST]}", style=MUTED))
        for check in _unmet(row) if verbose else ():
            view.add_row(Text(f"  {check['check']}", style=MUTED), *map(_mark, check["marks"]))
    return view


def _unmet(row: Row) -> Iterator[Row]:
    """The checks that somebody did not earn in full."""
    return (check for check in row["checks"] if any(mark is not None and mark < 1.0 for mark in check["marks"]))


def _mark(mark: float | None) -> Text:
    return Text("–" if mark is None else f"{mark:.2f}", style=MUTED)


def _score(score: float | None, state: str) -> Text:
    """A score, or the word for why there is none; a failed review has both."""
    if score is None:
        return Text("–" if state == "marked" else state, style=MUTED)
    return Text(f"{score:.2f}{'!' if state == 'failed' else ''}", style=LOST if state == "failed" else "")


def _difference(value: float | None) -> Text:
    if value is None:
        return Text("")
    return Text(signed(value), style=WON if value > 0.005 else LOST if value < -0.005 else MUTED)


def _groups(title: str, groups: Sequence[Row], names: Sequence[str]) -> Table:
    """Means by skill or domain."""
    both = len(names) == 2
    columns = [title, "cases", *names, *(["difference"] if both else [])]
    view = _table("", columns, right=range(1, len(columns)), fold=0)
    for group in groups:
        means = group["means"]
        cells = [_score(mean, "") for mean in means]
        gap = means[0] - means[1] if both and None not in means else None
        count = str(group["cases"]) if group["marked"] == group["cases"] else f"{group['marked']} of {group['cases']}"
        view.add_row(words(group["name"]), count, *cells, *([_difference(gap)] if both else []))
    return view


def _summary(table: Row) -> Iterator[Text]:
    """A line for each reviewer, one for no opinion at all, and one for the comparison."""
    for candidate in table["candidates"]:
        yield Text(visible(_of_candidate(candidate, table["cases"])))
    if table["silent"] is not None:
        yield Text(f"a review without any opinion earns {table['silent']:.3f}", style=MUTED)
    comparison = table["comparison"]
    if comparison and comparison["cases"]:
        low, high = comparison["interval"]
        new, old = (visible(candidate["name"]) for candidate in table["candidates"])
        yield Text(
            f"{new} against {old}, on {comparison['cases']} cases: {comparison['wins']} won, "
            f"{comparison['losses']} lost, {comparison['ties']} tied; difference "
            f"{signed(comparison['mean'], 3)} (95 % interval {signed(low, 3)} to {signed(high, 3)}): "
            f"{comparison['verdict']}",
            style="bold",
        )
        if comparison["same_answerers"] is False:
            yield Text("not the same reviewers answered both: the difference is not one of prompts alone", style=LOST)


def _of_answerer(one: Row) -> str:
    """Who gave how many replies, and when."""
    days = one["first"] if one["first"] == one["last"] else f"{one['first']} to {one['last']}"
    return f"{one['by']} ({one['recordings']} recordings, {days})" if days else f"{one['by']} ({one['recordings']})"


def _of_candidate(candidate: Row, cases: int) -> str:
    """The mean and its interval, and what is behind it."""
    parts = [f"{candidate['name']}: {candidate['marked']} of {cases} cases marked"]
    if candidate["mean"] is not None:
        low, high = candidate["interval"]
        parts.append(f"mean {candidate['mean']:.3f} (95 % interval {low:.3f} to {high:.3f})")
        parts.append(f"{candidate['perfect']} in full")
    if candidate["failed"]:
        parts.append(f"{len(candidate['failed'])} without a review, marked as no opinion")
    parts += [f"answered by {answerer}" for answerer in map(_of_answerer, candidate["answerers"])]
    usage = candidate["usage"]
    if usage["requests"]:
        read = usage["input_tokens"] + usage["cache_read_tokens"] + usage["cache_write_tokens"]
        parts.append(
            f"recorded with {usage['requests']} requests, {compact(read)} tokens in, "
            f"{compact(usage['output_tokens'])} out, ${usage['cost_usd']:.4f}"
        )
    return "; ".join(parts)
