"""`dca diff`: two runs of a review over the same transcripts, step by step, most changed first."""

from __future__ import annotations

import dataclasses
import heapq
import json
import math
from collections.abc import Iterator
from itertools import count
from typing import Annotated, Any

import typer

from dca.assignments import read_assignments
from dca.commands import options as o
from dca.errors import InputError


def diff(
    before: Annotated[str, typer.Argument(help="A file that `dca review` wrote; `-` is standard input.")],
    after: Annotated[str, typer.Argument(help="Another one, of the same transcripts.")],
    top: Annotated[int, typer.Option(min=0, help="How many transcripts to list.")] = 20,
    steps: Annotated[int, typer.Option(min=0, help="How many steps to list below each.")] = 3,
    suite: Annotated[
        str | None, typer.Option(help="Score both runs on the cases of this suite, matched by id.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, one object a changed transcript and one for all.")
    ] = False,
    fail_on_regression: Annotated[
        bool,
        typer.Option("--fail-on-regression", help="Exit 1 for reviews or transcripts lost, or a lower score."),
    ] = False,
) -> None:
    """Compare two review runs step by step, most changed first.

    What counts as a regression needs no model: a transcript that had a review and has none now, one that is not
    there any more, and, with --suite, a lower mean score on its cases.

    `dca diff old.jsonl new.jsonl --fail-on-regression`
    """
    from dca.report.difference import difference_view

    if before == after == "-":
        raise InputError("standard input holds one run; give a file for the other")
    tally = _Tally(suite)
    most: list[tuple[Any, int, Any]] = []
    turn = count()
    for change in tally.watched(before, after):
        if as_json:
            typer.echo(json.dumps(dataclasses.asdict(change), ensure_ascii=False))
        elif top:
            entry = (change.rank, -next(turn), change)
            (heapq.heappush if len(most) < top else heapq.heappushpop)(most, entry)
    regression = tally.regression()
    if as_json:
        typer.echo(json.dumps({**tally.summary(), "regression": regression}, ensure_ascii=False))
    else:
        rows = [dataclasses.asdict(change) for _, _, change in sorted(most, reverse=True)]
        o.show(difference_view(rows, tally.words(), steps=steps))
    if fail_on_regression and regression:
        typer.echo(f"regression: {regression}", err=True)
        raise typer.Exit(1)


class _Tally:
    """Counts what passes by, memory flat."""

    def __init__(self, suite: str | None) -> None:
        self._cases: dict[str, Any] = {}
        if suite is not None:
            from dca.suites.case import load_suite

            self._cases = {case.name: case for case in load_suite(suite).cases}
        self._scores: tuple[dict[str, float], dict[str, float]] = ({}, {})
        self.rows = self.changed = self.lost = self.gained = self.relabelled = 0
        self.missing: list[str] = []
        self.added = 0
        self.moved = 0.0

    def watched(self, before: str, after: str) -> Iterator[Any]:
        """The rows that changed, each counted."""
        from dca.suites.difference import RowChange, changes

        for change in changes(self._scored(before, 0), self._scored(after, 1)):
            if not isinstance(change, RowChange):
                if change.only_in == "before":
                    self.missing.append(change.id)
                else:
                    self.added += 1
                continue
            self.rows += 1
            self.moved += change.moved
            self.relabelled += change.relabelled
            self.lost += change.lost
            self.gained += change.fallbacks[0] is not None and change.fallbacks[1] is None
            self.changed += change.changed
            if change.changed:
                yield change

    def _scored(self, path: str, side: int) -> Iterator[Any]:
        """The lines of a run; what those that are cases earn is kept."""
        from dca.suites.datasets import score_of

        for record in read_assignments(path):
            case = self._cases.get(str(record["id"]))
            score = score_of(record, case) if case is not None else None
            if score is not None:
                self._scores[side][str(record["id"])] = score
            yield record

    def means(self) -> tuple[float, float] | None:
        """What both runs earn on the cases that both hold."""
        old, new = self._scores
        shared = old.keys() & new.keys()
        if not shared:
            return None
        return tuple(math.fsum(run[name] for name in shared) / len(shared) for run in (old, new))  # type: ignore[return-value]

    def regression(self) -> str:
        """Why the second run is no better than it should be; "" where it is."""
        means = self.means()
        if self.lost:
            return f"{self.lost} transcripts had a review and have none now"
        if self.missing:
            return f"{len(self.missing)} transcripts are not there any more, among them {self.missing[0]!r}"
        if self._cases and means is None:
            return "no case of the suite is in both runs"
        if means is not None and means[1] < means[0] - 1e-9:
            return f"the mean score on the suite falls from {means[0]:.3f} to {means[1]:.3f}"
        return ""

    def summary(self) -> dict[str, Any]:
        """Everything counted."""
        means = self.means()
        return {
            "transcripts": self.rows,
            "changed": self.changed,
            "relabelled_steps": self.relabelled,
            "mean_moved": self.moved / self.rows if self.rows else 0.0,
            "reviews_lost": self.lost,
            "reviews_gained": self.gained,
            "only_before": len(self.missing),
            "only_after": self.added,
            "scores": None if means is None else list(means),
        }

    def words(self) -> str:
        """The same in a sentence or two."""
        said = self.summary()
        parts = [
            f"{said['changed']:,} of {said['transcripts']:,} transcripts change; "
            f"{said['relabelled_steps']:,} steps carry another label, and scores move by {said['mean_moved']:.4f} in "
            f"the mean transcript."
        ]
        for name, words in (
            ("reviews_lost", "lost their review"),
            ("reviews_gained", "have one now"),
            ("only_before", "are only in the first run"),
            ("only_after", "are only in the second run"),
        ):
            parts += [f"{said[name]:,} {words}."] if said[name] else []
        if said["scores"]:
            parts.append(f"Mean score on the suite: {said['scores'][0]:.3f}, then {said['scores'][1]:.3f}.")
        return " ".join(parts)
