"""What the laboratory says: tables of medians and intervals, in Markdown."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from lab.plan import CHECKED, MATCHED
from lab.results import Estimate, Run, average, difference, median, speed_up
from lab.train import Cell

Groups = dict[Cell, list[Run]]
LEARNERS: Final = ("grpo", "dca", "dca.25")


def grouped(runs: Iterable[Run]) -> Groups:
    """Runs by setting, seeds in order; of each setting those with the largest budget."""
    found: Groups = {}
    for run in sorted(runs, key=lambda r: (r.cell, -r.rollouts, r.seed)):
        mine = found.setdefault(run.cell, [])
        if (not mine or mine[0].rollouts == run.rollouts) and run.seed not in {r.seed for r in mine}:
            mine.append(run)
    return found


def report(runs: Iterable[Run]) -> str:
    """All tables of what there is, and the claims first."""
    groups = grouped(runs)
    parts = [("Claims", claims(groups))]
    parts += [(f"Speed in {world}", speed(groups, world)) for world in ("B16", "A", *CHECKED)]
    parts += [(f"Conduct in {world}", conduct(groups, world)) for world in CHECKED]
    return "\n\n".join(f"### {title}\n\n{text}" for title, text in parts if text)


def best(groups: Groups, world: str, arm: str, reviewer: str = "oracle", level: str = "to80") -> Cell | None:
    """The setting whose learning rate gives a method its smallest median; None where none reaches the level."""
    mine = [c for c in groups if (c.world, c.arm, c.reviewer) == (world, arm, reviewer)]
    found = min(mine, key=lambda c: median([getattr(r, level) for r in groups[c]]), default=None)
    if found is None or math.isinf(median([getattr(r, level) for r in groups[found]])):
        return None
    return found


def claims(groups: Groups) -> str:
    """What was asked for, and what came."""
    rows = []
    for level in ("to80", "to90"):
        name = f"B16, rollouts to {level[2:]} %"
        for arm in ("dca", "dca.25"):
            base, other = Cell("B16", "grpo", "oracle", MATCHED), Cell("B16", arm, "oracle", MATCHED)
            if base in groups and other in groups:
                fewer = times(speed_up(groups[base], groups[other], level))
                rows.append([name, f"`{arm}` against `grpo`, both at {MATCHED:g}", fewer])
        one, two = best(groups, "B16", "grpo", level=level), best(groups, "B16", "dca", level=level)
        if one and two:
            fewer = times(speed_up(groups[one], groups[two], level))
            rows.append([name, f"`dca` at its best rate {two.rate:g} against `grpo` at its, {one.rate:g}", fewer])
    for world in CHECKED:
        base = Cell(world, "grpo", "oracle", MATCHED)
        for reviewer in ("gullible", "gullible/bare"):
            cell = Cell(world, "dca", reviewer, MATCHED)
            if base in groups and cell in groups:
                gap, checks = difference(groups[base], groups[cell]), average(groups[cell], "needless")
                rows.append([f"{world}, accuracy over GRPO's", f"`dca`, {reviewer}", interval(gap, "+.3f")])
                rows.append([f"{world}, needless checks an operation", f"`dca`, {reviewer}", interval(checks, ".3f")])
    return table(["measure", "of", "estimate [95 % interval]"], rows)


def speed(groups: Groups, world: str) -> str:
    """Rollouts to 80 % and 90 %, and how many times fewer than GRPO at the same learning rate."""
    rows = []
    for cell in ordered(groups, world):
        runs = groups[cell]
        base = groups.get(Cell(world, "grpo", "oracle", cell.rate))
        rows.append(
            [
                f"`{cell.arm}`",
                heard(cell),
                f"{cell.rate:g}",
                needed(runs, "to80"),
                times(speed_up(base, runs, "to80")) if base and cell.arm != "grpo" else "",
                needed(runs, "to90"),
                times(speed_up(base, runs, "to90")) if base and cell.arm != "grpo" else "",
                interval(average(runs, "final"), ".3f"),
                f"{average(runs, 'auc').value:.3f}",
            ]
        )
    head = ["method", "reviewer", "rate", "to 80 % (reached)", "times fewer", "to 90 %", "times fewer"]
    return table([*head, "final accuracy", "AUC"], rows)


def conduct(groups: Groups, world: str) -> str:
    """Checks, staged mistakes and words, at the matched learning rate."""
    rows = []
    for cell in ordered(groups, world):
        if cell.rate == MATCHED:
            mean = {m: average(groups[cell], m) for m in ("needless", "staged", "own_wrong", "tokens", "fillers")}
            start = average(groups[cell], "check_right_start").value
            end = average(groups[cell], "check_right_end").value
            rows.append(
                [
                    f"`{cell.arm}`",
                    heard(cell),
                    interval(average(groups[cell], "final"), ".3f"),
                    f"{start:.2f} → {end:.3f}",
                    interval(mean["needless"], ".3f"),
                    interval(mean["staged"], ".3f"),
                    *(f"{mean[m].value:{form}}" for m, form in (("own_wrong", ".3f"), ("tokens", ".1f"))),
                    f"{mean['fillers'].value:.2f}",
                ]
            )
    head = ["method", "reviewer", "final accuracy", "P(check, right)", "needless an operation", "staged an operation"]
    return table([*head, "own wrong first", "tokens", "fillers a step"], rows)


def ordered(groups: Groups, world: str) -> list[Cell]:
    """A world's settings: by rate and method, the unlabelled reviewer after the labelled."""
    order: Callable[[Cell], tuple[float, bool, str, str]] = lambda c: (  # noqa: E731 - a key, used once
        c.rate,
        c.arm not in LEARNERS,
        c.arm,
        c.reviewer,
    )
    return sorted((c for c in groups if c.world == world), key=order)


def heard(cell: Cell) -> str:
    """The reviewer in a table; none where the method does not listen."""
    return "none" if cell.arm == "grpo" else cell.reviewer


def needed(runs: Sequence[Run], level: str) -> str:
    """Median rollouts to a level, and how many seeds got there."""
    values = [getattr(run, level) for run in runs]
    middle, there = median(values), sum(v is not None for v in values)
    return f"{f'> {runs[0].rollouts}' if math.isinf(middle) else f'{middle:.0f}'} ({there}/{len(values)})"


def times(estimate: Estimate | None) -> str:
    """A ratio: ``2.4 [2.1, 2.6]``, ``≥ 3.1 [2.9, ∞]``."""
    if estimate is None:
        return "neither reached"
    high = "∞" if math.isinf(estimate.high) else f"{estimate.high:.2f}"
    return f"{estimate.sign} {estimate.value:.2f} [{estimate.low:.2f}, {high}]".strip()


def interval(estimate: Estimate, form: str) -> str:
    """A mean: ``0.97 [0.96, 0.98]``."""
    return f"{estimate.value:{form}} [{estimate.low:{form}}, {estimate.high:{form}}]"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; nothing where there are no rows."""
    if not rows:
        return ""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
