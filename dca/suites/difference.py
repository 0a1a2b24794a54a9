"""Two runs of a review over the same transcripts, step by step: what the second says that the first did not.

It reads lines of the output contract; who reviewed, and which run is right, it does not know.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

Record = Mapping[str, Any]

UNREVIEWED: Final = "fell back"


@dataclass(frozen=True, slots=True)
class StepChange:
    """One step that the two runs judge differently."""

    index: int
    text: str
    scores: tuple[float, float]
    labels: tuple[str | None, str | None]
    links: tuple[int | None, int | None]
    credits: tuple[float, float]

    @property
    def size(self) -> float:
        """|difference of the scores| / 2, plus 1/2 where the label differs: from 0 to 1.5."""
        return abs(self.scores[1] - self.scores[0]) / 2 + (self.labels[0] != self.labels[1]) / 2


@dataclass(frozen=True, slots=True)
class RowChange:
    """One transcript, in both runs.

    Attributes:
        moved: sum_k n_k * |score difference of step k| / sum_k n_k, over what the policy wrote: from 0 to 2.
        relabelled: How many steps carry another label.
        fallbacks: Why each run has no review, or None; a review that is void for an injection is one.
        steps: The steps that differ, most changed first.
        comparable: False where the two runs cut the transcript differently, so that steps cannot be compared.
    """

    id: str
    reward: float
    moved: float
    relabelled: int
    fallbacks: tuple[str | None, str | None]
    steps: tuple[StepChange, ...]
    comparable: bool = True

    @property
    def changed(self) -> bool:
        """Whether the runs differ at all."""
        return bool(self.steps) or not self.comparable or (self.fallbacks[0] is None) != (self.fallbacks[1] is None)

    @property
    def lost(self) -> bool:
        """Whether there was a review and is none now."""
        return self.fallbacks[0] is None and self.fallbacks[1] is not None

    @property
    def rank(self) -> tuple[float, float, float]:
        """For an order by how much changed: reviews lost and found, then labels, then scores."""
        gained = (self.fallbacks[0] is None) != (self.fallbacks[1] is None)
        return (float(gained or not self.comparable), self.moved + self.relabelled / 2, self.moved)


@dataclass(frozen=True, slots=True)
class Unpaired:
    """A transcript that only one of the runs holds: the first ("before") or the second ("after")."""

    id: str
    only_in: str


def row_change(before: Record, after: Record) -> RowChange:
    """Compare two lines about one transcript."""
    fallbacks = (_failure(before), _failure(after))
    edges = [[(step["start"], step["stop"]) for step in record["steps"]] for record in (before, after)]
    if edges[0] != edges[1] or before["completion"] != after["completion"]:
        return RowChange(str(after["id"]), after["reward"], 0.0, 0, fallbacks, (), comparable=False)
    pairs = list(zip(before["steps"], after["steps"], strict=True))
    lengths = [a["stop"] - a["start"] if a["author"] == "policy" else 0 for a, _ in pairs]
    apart = [abs(b["score"] - a["score"]) for a, b in pairs]
    whole = sum(lengths)
    moved = math.fsum(n * d for n, d in zip(lengths, apart, strict=True)) / whole if whole else 0.0
    steps = [_step_change(a, b) for a, b in pairs if _said(a) != _said(b)]
    return RowChange(
        id=str(after["id"]),
        reward=after["reward"],
        moved=moved,
        relabelled=sum(a["label"] != b["label"] for a, b in pairs),
        fallbacks=fallbacks,
        steps=tuple(sorted(steps, key=lambda step: (-step.size, step.index))),
    )


def changes(before: Iterable[Record], after: Iterable[Record]) -> Iterator[RowChange | Unpaired]:
    """Pair two runs by id and compare each pair; the n-th line of an id goes with the n-th.

    Runs in the same order are read side by side, memory flat; lines that wait for their partner are kept.
    """
    waiting: tuple[dict[str, list[Record]], dict[str, list[Record]]] = (defaultdict(list), defaultdict(list))
    for side, record in _alternately(before, after):
        name, other = str(record["id"]), waiting[1 - side]
        if other.get(name):
            partner = other[name].pop(0)
            yield row_change(*((partner, record) if side else (record, partner)))
        else:
            waiting[side][name].append(record)
    for side, where in enumerate(("before", "after")):
        for name, records in waiting[side].items():
            yield from (Unpaired(name, where) for _ in records)


def _alternately(before: Iterable[Record], after: Iterable[Record]) -> Iterator[tuple[int, Record]]:
    """The lines of both runs, one from each in turn, until both have ended."""
    sides = [(0, iter(before)), (1, iter(after))]
    while sides:
        for side, records in list(sides):
            record = next(records, None)
            if record is None:
                sides.remove((side, records))
            else:
                yield side, record


def _failure(record: Record) -> str | None:
    """Why a line has no review; one that is void for an injection is a review."""
    reason = record.get("fallback")
    void = any(step["label"] == "injection" for step in record["steps"])
    return None if reason is None or void else str(reason)


def _said(step: Record) -> tuple[Any, ...]:
    return step["score"], step["label"], step.get("of")


def _step_change(before: Record, after: Record) -> StepChange:
    return StepChange(
        index=after["index"],
        text=after["text"],
        scores=(before["score"], after["score"]),
        labels=(before["label"], after["label"]),
        links=(before.get("of"), after.get("of")),
        credits=(before["credit"], after["credit"]),
    )
