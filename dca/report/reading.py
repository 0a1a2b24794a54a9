"""One reviewed transcript as a terminal shows it: steps, findings, the shortest path, and the ledger.

Arranges a digest for a width that is known only when it is printed. Text from a transcript is never parsed as
markup, and its control characters are spelled out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.rule import Rule
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from dca.report import marks
from dca.report.summary import Digest, StepDigest
from dca.report.visible import percent, plain, signed, visible, words
from dca.types import POLICY

WIDE: Final = 120
"""Columns from which the shortest path stands beside the steps instead of below them."""

READABLE: Final = 100
"""Columns beyond which a line of prose tires the eye."""

EXCERPT: Final = 160

VERBS: Final = {"check": "checks", "needless_check": "checks", "recovery": "repairs"}


@dataclass(frozen=True, slots=True)
class Reading:
    """A rich renderable that decides at print time, when the width is known, where the shortest path stands."""

    item: Digest

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        item = self.item
        reward = Text(f"reward {plain(item.reward)} ({item.outcome})", style=marks.OUTCOME[item.outcome])
        head = Text.assemble((visible(item.id), "bold"), "  ", reward)
        yield Rule(head, align="left", style="dim", characters="─")
        yield from _preface(item)
        if options.max_width < WIDE:
            yield from _steps(item)
            yield from _aside(item)
            return
        left = min(READABLE, options.max_width * 2 // 3)
        beside = Table.grid(padding=(0, 3, 0, 0))
        beside.add_column(width=left)
        beside.add_column(width=min(60, options.max_width - left - 3))
        beside.add_row(Group(*_steps(item)), Group(*_aside(item)))
        yield beside


@dataclass(frozen=True, slots=True)
class _Edged:
    """Any renderable with the same mark to the left of every line, no wider than reads well."""

    inside: RenderableType
    mark: str
    style: str = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = min(READABLE, options.max_width) - len(self.mark)
        style = Style.parse(self.style) if self.style else Style.null()
        for line in console.render_lines(self.inside, options.update(width=max(1, width)), pad=False):
            yield Segment(self.mark, style)
            yield from line
            yield Segment.line()


def _preface(item: Digest) -> Iterable[RenderableType]:
    yield Text(f"{visible(item.reviewer)} · {visible(item.scheme)} · {len(item.steps)} steps", style="dim")
    yield Text("┃ pushed up  ▒ pushed down  │ neither  ╎ neutral: verifies or repairs", style="dim")
    yield Text("")
    yield _Edged(Text(visible(item.prompt).strip()), "  ")
    yield Text("")
    if item.fallback:
        why = f"the review could not be used, so every token got the same share: {visible(item.fallback)}\n"
        yield Text.assemble(("fallback ", f"bold {marks.ALERT}"), why)


def _steps(item: Digest) -> Iterable[RenderableType]:
    for step in item.steps:
        flags = [str(finding["kind"]) for finding in item.findings if step.index in finding["steps"]]
        yield _head(step, flags)
        yield _Edged(_told(step), marks.edge(step), marks.style(step))
        yield Text("")


def _head(step: StepDigest, flags: Iterable[str]) -> Text:
    """Index, z, bar and marks of one step, in one line."""
    line = Text.assemble((f"{step.index:>3}  ", "dim"))
    if step.author != POLICY:
        return line.append(f"{words(step.author)} (not the policy's)", style="italic dim")
    value = "neutral" if step.neutral else "–" if step.z is None else signed(step.z)
    drawn = marks.bar(step.tilt) if step.z is not None or step.tilt else ""
    line.append(f"{value:>7} {drawn} ", style=marks.style(step))
    line.append(f"credit {signed(step.credit, 3)}")
    if step.label:
        line.append("  ").append(words(step.label), style="bold")
    if step.needed:
        line.append("  ").append("needed", style="underline")
    for kind in flags:
        line.append("  ").append(f"! {words(kind)}", style=marks.ALERT)
    return line


def _told(step: StepDigest) -> RenderableType:
    """What the step says, and below it what the reviewer says of it."""
    text = Text(visible(step.text).strip("\n") or "(blank)", style=marks.style(step) if abs(step.heat) > 1 else "")
    link = f"{VERBS.get(step.label or '', 'refers to')} step {step.of}" if step.of is not None else ""
    said = "; ".join(part for part in (visible(step.reason), link) if part)
    return Group(text, Text(f"└ {said}", style="dim")) if said else text


def _aside(item: Digest) -> Iterable[RenderableType]:
    yield from _path(item)
    yield from _findings(item)
    yield _ledger(item)


def _path(item: Digest) -> Iterable[RenderableType]:
    yield Text("How could I have thought that faster?", style="bold")
    if not item.shortest:
        yield Text("The review names no shortest path.\n", style="dim")
        return
    steps = f"{len(item.shortest)} of {len(item.steps)} steps"
    count = f" of what was written: {item.needed:,} of {item.used:,} characters, {steps}"
    yield Text.assemble((percent(item.needed, item.used), "bold"), count)
    rows = Table.grid(padding=(0, 2, 0, 0))
    for k in item.shortest:
        text = " ".join(visible(item.steps[k].text).split())
        rows.add_row(Text(f"{k:>3}", style="dim"), Text(text[:EXCERPT] + ("…" if len(text) > EXCERPT else "")))
    yield rows
    yield Text("")


def _findings(item: Digest) -> Iterable[RenderableType]:
    for finding in item.findings:
        steps = ", ".join(str(k) for k in finding["steps"])
        said = f" in step{'s' * (len(finding['steps']) > 1)} {steps}, {percent(finding['confidence'], 1)} sure"
        yield Text.assemble((f"! {words(str(finding['kind']))}", f"bold {marks.ALERT}"), said)
        for line in finding.get("evidence", ()):
            yield _Edged(Text(visible(str(line))), "  - ")
        yield Text("")


def _ledger(item: Digest) -> Text:
    """The sum that balances (law 3), or by how much it does not."""
    rest = f" and {plain(item.unassigned)} to nobody" if item.unassigned else ""
    sides = f"{plain(item.earned)} to the steps{rest}"
    if item.balanced:
        return Text.assemble(("Ledger  ", "bold"), f"{sides} = reward {plain(item.reward)}")
    return Text.assemble(("Ledger does not balance: ", "bold red"), f"{sides}, reward {plain(item.reward)}")
