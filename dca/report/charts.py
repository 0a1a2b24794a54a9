"""The page's four pictures as plain geometry: bars in numbers and words, no HTML and no colours.

A bar's `look` names a class of the stylesheet. Where the numbers come from is `summary`'s business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from dca.report.summary import HEATS, SHARE_BINS, TILT_BINS, TILT_BOUND, LabelTotal, Overview
from dca.report.visible import percent, plain, signed

SLOT = 10
"""Width of one bar's slot in the units of its picture."""
HEIGHT = 48

Layer = tuple[Sequence[str], Sequence[int]]
"""Looks and counts, one of each for every bin."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One rectangle, what it looks like, and what it says when pointed at."""

    x: float
    y: float
    width: float
    height: float
    look: str
    title: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A histogram: its heading, the one number worth reading first, its bars, and the words along its foot."""

    title: str
    headline: str
    note: str
    bars: tuple[Bar, ...]
    ticks: tuple[str, ...]
    width: int
    empty: str = ""
    height: int = HEIGHT


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One label's line: what its steps got in all, drawn from the common zero."""

    label: str
    steps: int
    credit: str
    z: str
    bar: Bar
    zero: float


def charts(total: Overview) -> tuple[Chart, ...]:
    """The three histograms, in reading order."""
    return _tilts(total), _shares(total), _errors(total)


def label_rows(total: Overview) -> tuple[LabelRow, ...]:
    """Credit by label, largest first; with what went to nobody, the rows add up to the total reward."""
    rows = sorted(total.labels.items(), key=lambda item: (-item[1].credit, item[0]))
    if total.unassigned:
        rows.append(("unassigned", LabelTotal(credit=total.unassigned)))
    low = min(0.0, *(row.credit for _, row in rows)) if rows else 0.0
    high = max(0.0, *(row.credit for _, row in rows)) if rows else 0.0
    span = (high - low) or 1.0
    return tuple(_label_row(label, row, low, span) for label, row in rows)


def _label_row(label: str, row: LabelTotal, low: float, span: float) -> LabelRow:
    zero, end = -low / span * 100, (row.credit - low) / span * 100
    credit = signed(row.credit, 2)
    return LabelRow(
        label=label,
        steps=row.steps,
        credit=credit,
        z=signed(row.tilt / row.tilted) if row.tilted else "",
        bar=Bar(min(zero, end), 1, abs(end - zero), 8, "pos" if row.credit >= 0 else "neg", f"{label}: {credit}"),
        zero=zero,
    )


def _stack(layers: Sequence[Layer], names: Sequence[str], unit: str) -> tuple[Bar, ...]:
    """Bars of one or more layers on top of each other, the first at the foot."""
    tops = [0.0] * len(names)
    peak = max((sum(column) for column in zip(*(counts for _, counts in layers), strict=True)), default=0) or 1
    bars = []
    for looks, counts in layers:
        for k, count in enumerate(counts):
            if count:
                tall = max(count / peak * HEIGHT, 0.8)
                tops[k] += tall
                title = f"{names[k]}: {count} {unit}"
                bars.append(Bar(k * SLOT + 0.6, HEIGHT - tops[k], SLOT - 1.2, tall, looks[k], title))
    return tuple(bars)


def _tilts(total: Overview) -> Chart:
    edges = [TILT_BOUND * (2 * k / TILT_BINS - 1) for k in range(TILT_BINS + 1)]
    names = [f"z {signed(low, 1)} to {signed(high, 1)}" for low, high in pairwise(edges)]
    looks = [_heat_look((low + high) / 2) for low, high in pairwise(edges)]
    counts = [total.tilts[k] for k in range(TILT_BINS)]
    counted, middle = sum(counts), TILT_BINS // 2
    return Chart(
        title="How far the reviewer tilted",
        headline=percent(counted - counts[middle], counted),
        note=f"of {counted:,} steps were pushed up or down by more than |z| {edges[middle + 1]:.2f}",
        bars=_stack([(looks, counts)], names, "steps"),
        ticks=("−2.7", "z", "+2.7"),
        width=TILT_BINS * SLOT,
        empty="" if counted else "No step has a z here: nothing was reviewed under the scheme “share”.",
    )


def _heat_look(z: float) -> str:
    """The class of the tint that a step of this z wears."""
    level = sum(abs(z) >= edge for edge in HEATS)
    return "b0" if not level else f"b{'p' if z > 0 else 'n'}{level}"


def _shares(total: Overview) -> Chart:
    names = [f"{10 * k} to {10 * (k + 1)} % needed" for k in range(SHARE_BINS)]
    named = sum(total.shares.values())
    return Chart(
        title="Needed against used",
        headline=percent(total.needed, total.used),
        note=f"of the characters written were on the shortest path, which {named:,} of {total.count:,} reviews name",
        bars=_stack([(["ink"] * SHARE_BINS, [total.shares[k] for k in range(SHARE_BINS)])], names, "transcripts"),
        ticks=("0 %", "needed share", "100 %"),
        width=SHARE_BINS * SLOT,
        empty="" if named else "No transcript names a shortest path.",
    )


def _errors(total: Overview) -> Chart:
    names = [f"{10 * k} to {10 * (k + 1)} % into the completion" for k in range(SHARE_BINS)]
    found = sum(total.errors.values())
    layers = [
        ([look] * SHARE_BINS, [sum(total.errors[name, k] for name in outcomes) for k in range(SHARE_BINS)])
        for look, outcomes in (("neg", ("wrong",)), ("soft", ("right", "partial")))
    ]
    wrong = sum(layers[0][1])
    return Chart(
        title="Where the first mistake falls",
        headline=plain(found),
        note=f"transcripts hold a marked mistake: {wrong:,} ended wrong (dark), {found - wrong:,} did not (pale)",
        bars=_stack(layers, names, "transcripts"),
        ticks=("start", "", "end"),
        width=SHARE_BINS * SLOT,
        empty="" if found else "No step is marked as a mistake.",
    )
