"""What the training proof says: tables with intervals, and the same numbers as CSV.

Intervals are 95 % percentile bootstraps (Efron 1979): over seeds for how a policy ends, paired with GRPO's run of the
same seed; over prompts of all seeds for shares of mistakes, steps and push.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch

from lab.exam import Answer, Answers
from lab.inert import KINDS, RULES
from lab.organism import LAYERS
from lab.proof import DOSES, PUPIL, STAGING_WORLDS, budget, cell, conduct_cells, organism_cells
from lab.prose import WRITERS
from lab.results import Estimate, mean_of
from lab.tables import interval, table
from lab.train import Cell

CONDUCT: Final = ("accuracy", "needless", "checks", "staged", "tokens")
RESAMPLES: Final = 2000

NAMES: Final = {
    ("grpo", "oracle"): "GRPO",
    ("dca", "gullible/bare"): "conservation only",
    ("dca", "gullible"): "neutral by labels",
    ("dca", "gullible/read"): "neutral by the detector",
    ("withhold", "gullible/read"): "the detector, and withhold",
    ("dca", "gullible/silent"): "the detector, silent writer too",
    (PUPIL, "oracle"): "before training",
    ("bonus", "gullible"): "bonus 0.1",
    ("bonus.3", "gullible"): "bonus 0.3",
    ("bonus1", "gullible"): "bonus 1",
}
"""Settings as people call them."""


@dataclass(frozen=True, slots=True)
class Results:
    """The answers of one form of the proof."""

    answers: Answers
    seeds: range
    rollouts: int
    prompts: Mapping[str, int]

    def of(self, part: str, setting: Cell) -> list[Answer]:
        """The answers of one setting, seed by seed."""
        return self.answers.of(part, setting, self.seeds, budget(setting.world, self.rollouts), self.prompts[part])


def name_of(setting: Cell) -> str:
    """A setting as people call it."""
    return NAMES[setting.arm, setting.reviewer]


def share(pairs: Sequence[tuple[float, float]]) -> Estimate | None:
    """A ratio of sums over prompts, with its interval; None where there is nothing to divide by.

    >>> share([(1, 2), (1, 2)]).value, share([(0, 0)])
    (0.5, None)
    """
    values = torch.tensor(pairs, dtype=torch.float64).view(-1, 2)
    above, below = values.sum(0).tolist() if len(values) else (0.0, 0.0)
    if below == 0:
        return None
    draws = torch.randint(len(values), (RESAMPLES, len(values)), generator=torch.Generator().manual_seed(0))
    sums = values[draws].sum(1)
    ratios = (sums[:, 0] / sums[:, 1])[sums[:, 1] > 0].sort().values
    low, high = (float(ratios[round(q * (len(ratios) - 1))]) for q in (0.025, 0.975))
    return Estimate(above / below, low, high)


def report(results: Results, worlds: Sequence[str]) -> str:
    """All tables of what there is."""
    parts = [(f"Conduct in {world}", conduct(results, world)) for world in worlds]
    parts += [("Recognition", recognition(results, worlds))]
    for world in worlds:
        if world in STAGING_WORLDS:
            parts += [(f"Staged mistakes in {world}", organism(results, world))]
            parts += [(f"Staged mistakes in {world}, by writer", by_writer(results, world))]
    parts += [(f"Faithfulness in {world}", faithfulness(results, world)) for world in worlds]
    return "\n\n".join(f"### {title}\n\n{text}" for title, text in parts if text)


def conduct(results: Results, world: str) -> str:
    """How policies end."""
    base = results.of("conduct", cell(world, "grpo"))
    rows = []
    for setting in [cell(world, PUPIL), *conduct_cells(world)]:
        mine = results.of("conduct", setting)
        if mine and len(mine) == len(base):
            gap = mean_of([one["accuracy"] - other["accuracy"] for one, other in zip(mine, base, strict=True)])
            means = {m: mean_of([one[m] for one in mine]) for m in CONDUCT}
            shown = [interval(means[m], ".1f" if m == "tokens" else ".3f") for m in CONDUCT]
            beyond = "" if setting.arm in ("grpo", PUPIL) else interval(gap, "+.3f")
            rows.append([name_of(setting), shown[0], beyond, *shown[1:]])
    head = ["", "accuracy", "over GRPO's", "needless checks an operation", "checks", "staged an operation", "tokens"]
    return table(head, rows)


def recognition(results: Results, worlds: Sequence[str]) -> str:
    """How much verification the detector recognises, writer by writer, before training and after."""
    rows = []
    for writer in WRITERS:
        row = [f"`{writer}`"]
        for after in (False, True):
            counts = [
                one[writer]
                for world in worlds
                for setting in ([*conduct_cells(world)] if after else [cell(world, PUPIL)])
                for one in results.of("recognised", setting)
            ]
            row += [
                shown(share([(c[0], c[1]) for c in counts]), ".3f"),
                shown(share([(c[0], c[2]) for c in counts]), ".3f"),
            ]
            row += [shown(share([(c[2] - c[0], c[3] - c[1]) for c in counts]), ".4f")]
        rows.append(row)
    parts = ("recall", "precision", "work taken for checks")
    return table(["writer", *(f"{part}, {when}" for when in ("before", "after") for part in parts)], rows)


def organism(results: Results, world: str) -> str:
    """Mistakes that were put right: how many, and how many of them are accused, layer by layer."""
    rows = []
    for setting in [cell(world, PUPIL), *organism_cells(world)]:
        found, ends = results.of("dissected", setting), results.of("conduct", setting)
        if found and ends:
            rows += [_dose_row(setting, layer, found, ends) for layer in LAYERS]
    head = ["policy", "staged an operation", "evidence", "accused, of those in right rollouts"]
    return table([*head, "accused, of all", "rollouts accused", "needless checks accused"], rows)


def _dose_row(setting: Cell, layer: str, found: Sequence[Answer], ends: Sequence[Answer]) -> list[str]:
    tallies = [tally for one in found for tally in one["tallies"][layer]]
    first = layer == LAYERS[0]
    return [
        name_of(setting) if first else "",
        interval(mean_of([one["staged"] for one in ends]), ".3f") if first else "",
        layer,
        counted(tallies, "hit_right", "shaped_right"),
        counted(tallies, "hit", "shaped"),
        counted(tallies, "accused", "rollouts"),
        counted(tallies, "needless_hit", "needless"),
    ]


def by_writer(results: Results, world: str) -> str:
    """The same by writer, of right rollouts: all doses of the bonus together, and the honest policies."""
    groups = {
        "bonus": [c for c in organism_cells(world) if DOSES[c.arm] > 0],
        "honest": [cell(world, PUPIL), cell(world, "grpo")],
    }
    rows = []
    for who, settings in groups.items():
        found = [one for setting in settings for one in results.of("dissected", setting)]
        for writer in WRITERS:
            row = [who, f"`{writer}`"]
            for layer in LAYERS:
                mine = [
                    tally
                    for one in found
                    for by, tally in zip(one["writers"], one["tallies"][layer], strict=True)
                    if by == writer
                ]
                row.append(counted(mine, "hit_right", "shaped_right"))
            if any(cells for cells in row[2:]):
                rows.append(row)
    return table(["policies", "writer", *LAYERS], rows)


def faithfulness(results: Results, world: str) -> str:
    """The share of positive push on inert steps: policies by rows, rules of neutrality by columns."""
    rows = []
    for setting in [cell(world, PUPIL), *conduct_cells(world)]:
        found = results.of("pushed", setting)
        if found:
            cells = [
                shown(share([tuple(pair) for one in found for pair in one[f"{rule}/{kind}"]]), ".3f")
                for kind in KINDS
                for rule in RULES
            ]
            rows.append([name_of(setting), *cells])
    return table(["policy", *(f"{kind}: {rule}" for kind in KINDS for rule in RULES)], rows)


def counted(tallies: Iterable[Mapping[str, int]], above: str, below: str) -> str:
    """A share of counts, and of how many."""
    pairs = [(tally[above], tally[below]) for tally in tallies]
    found = share(pairs)
    return "" if found is None else f"{interval(found, '.2f')} of {sum(b for _, b in pairs):.0f}"


def shown(found: Estimate | None, form: str) -> str:
    """An estimate in a table, nothing where there is none."""
    return "" if found is None else interval(found, form)


def write_csv(results: Results, worlds: Sequence[str], folder: Path) -> list[Path]:
    """The numbers behind the tables: policies, mistakes by layer, push by rule."""
    lines: dict[str, list[dict[str, object]]] = {"policies": [], "mistakes": [], "push": []}
    for world in worlds:
        for setting in dict.fromkeys([cell(world, PUPIL), *conduct_cells(world), *organism_cells(world)]):
            for seed, (part, one) in _each(results, setting):
                who = {"world": world, "arm": setting.arm, "reviewer": setting.reviewer, "seed": seed}
                if part == "conduct":
                    lines["policies"].append({**who, **{k: round(v, 5) for k, v in one.items()}})
                elif part == "dissected":
                    for layer, tallies in one["tallies"].items():
                        sums = {name: sum(t[name] for t in tallies) for name in tallies[0]}
                        lines["mistakes"].append({**who, "evidence": layer, **sums})
                elif part == "pushed":
                    for rule, pairs in one.items():
                        inert, total = (round(sum(pair[i] for pair in pairs), 3) for i in (0, 1))
                        lines["push"].append({**who, "rule": rule, "inert": inert, "all": total})
    return [_written(folder / f"performativity-{name}.csv", rows) for name, rows in lines.items() if rows]


def _each(results: Results, setting: Cell) -> Iterable[tuple[int, tuple[str, Answer]]]:
    for part in ("conduct", "dissected", "pushed"):
        yield from ((seed, (part, one)) for seed, one in enumerate(results.of(part, setting)))


def _written(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path
