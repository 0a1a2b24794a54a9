"""What the runs under the real trainer say: the tables of the documentation page, and its pictures.

Everything is computed from the rows of the CSV. Colours and greys are chosen to be legible on white and on black.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import MultipleLocator

from lab.chain_trl import GRPO
from lab.trials import BATCH, WINDOW, Estimate, Trial, difference, mean, speed_up

SPARSE: Final = "B16"
ORACLE: Final = "dca oracle"
GULLIBLE: Final = "dca gullible"
BARE: Final = "dca gullible/bare"
CALLED: Final = {
    GRPO: "GRPO",
    ORACLE: "DCA, reviewer who knows",
    GULLIBLE: "DCA, gullible reviewer",
    BARE: "conservation only, gullible reviewer",
}
COLOURS: Final = {GRPO: "#8b949e", ORACLE: "#2f81f7", GULLIBLE: "#2f81f7", BARE: "#e3742f"}
INK: Final = "#808890"


class Trials:
    """The finished runs, to be asked."""

    def __init__(self, trials: Iterable[Trial]) -> None:
        self._trials = list(trials)

    def of(self, world: str, arm: str, rate: float | None = None) -> list[Trial]:
        """The runs of one setting, by seed."""
        found = [t for t in self._trials if (t.setting.world, t.setting.arm) == (world, arm)]
        return sorted((t for t in found if rate in (None, t.setting.rate)), key=lambda t: t.setting.seed)

    def worlds(self) -> list[str]:
        """Worlds with runs, the sparse chain first."""
        return sorted({t.setting.world for t in self._trials}, key=lambda w: (w != SPARSE, "DCE".find(w)))

    def cells(self, world: str) -> list[tuple[str, float]]:
        """Arms and rates with runs, arms in their usual order."""
        found = {(t.setting.arm, t.setting.rate) for t in self._trials if t.setting.world == world}
        return sorted(found, key=lambda cell: (cell[1], list(CALLED).index(cell[0])))

    def reach(self, world: str, arm: str, rate: float, level: float) -> dict[int, float]:
        """Seed -> rollouts to a level."""
        return {t.setting.seed: t.rollouts_to(level) for t in self.of(world, arm, rate)}

    def end(self, world: str, arm: str, name: str, rate: float | None = None) -> dict[int, float]:
        """Seed -> a figure at the end."""
        return {t.setting.seed: t.last(name) for t in self.of(world, arm, rate)}

    def budget(self, world: str) -> float:
        """The fewest rollouts a run of this world had."""
        return min(t.setting.updates for t in self._trials if t.setting.world == world) * BATCH

    def best(self, world: str, arm: str) -> float | None:
        """The learning rate with the smallest median number of rollouts to 80 %; then the most area."""
        rates = {rate for one, rate in self.cells(world) if one == arm}

        def rank(rate: float) -> tuple[float, float]:
            area = statistics.fmean(statistics.fmean(t.values("accuracy")) for t in self.of(world, arm, rate))
            return statistics.median(self.reach(world, arm, rate, 0.8).values()), -area

        return min(rates, key=rank, default=None)


def markdown(trials: Iterable[Trial]) -> str:
    """All tables."""
    asked = Trials(trials)
    parts = []
    if SPARSE in asked.worlds():
        parts += [_sparse_claims(asked), _sparse_table(asked)]
    parts += [_checks_table(asked, world) for world in asked.worlds() if world != SPARSE]
    return "\n\n".join(parts)


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _sparse_claims(asked: Trials) -> str:
    """How many times fewer rollouts, at each rate and at the best of each."""
    rows = []
    shared = {rate for arm, rate in asked.cells(SPARSE) if arm == GRPO} & {
        rate for arm, rate in asked.cells(SPARSE) if arm == ORACLE
    }
    pairs = [(f"both at {rate:g}", rate, rate) for rate in sorted(shared)]
    one, two = asked.best(SPARSE, GRPO), asked.best(SPARSE, ORACLE)
    if one is not None and two is not None:
        pairs.append((f"best of each: GRPO {one:g}, DCA {two:g}", one, two))
    for name, one, two in pairs:
        seeds = min(len(asked.of(SPARSE, GRPO, one)), len(asked.of(SPARSE, ORACLE, two)))
        cells = [
            _said(
                speed_up(
                    asked.reach(SPARSE, GRPO, one, level),
                    asked.reach(SPARSE, ORACLE, two, level),
                    asked.budget(SPARSE),
                )
            )
            for level in (0.8, 0.9)
        ]
        rows.append((name, *cells, str(seeds)))
    return _table(("learning rate", "fewer rollouts to 80 %", "to 90 %", "seeds"), rows)


def _said(estimate: Estimate | None) -> str:
    return "DCA did not get there in half of its runs" if estimate is None else estimate.text()


def _sparse_table(asked: Trials) -> str:
    """Every setting of the sparse chain."""
    rows = []
    for arm, rate in asked.cells(SPARSE):
        runs = asked.of(SPARSE, arm, rate)
        area = mean({t.setting.seed: statistics.fmean(t.values("accuracy")) for t in runs})
        rows.append(
            (
                CALLED[arm],
                f"{rate:g}",
                _reached(asked, arm, rate, 0.8),
                _reached(asked, arm, rate, 0.9),
                area.text(),
                mean(asked.end(SPARSE, arm, "accuracy", rate)).text(),
                str(sum(t.collapsed for t in runs)),
            )
        )
    reach = ("rollouts to 80 % (seeds)", "to 90 %")
    titles = ("method", "learning rate", *reach, "mean accuracy", "final accuracy", "collapsed")
    return _table(titles, rows)


def _reached(asked: Trials, arm: str, rate: float, level: float) -> str:
    found = list(asked.reach(SPARSE, arm, rate, level).values())
    middle, there = statistics.median(found), sum(map(math.isfinite, found))
    said = f"> {asked.budget(SPARSE):.0f}" if math.isinf(middle) else f"{middle:.0f}"
    return f"{said} ({there} of {len(found)})"


def _checks_table(asked: Trials, world: str) -> str:
    """What became of accuracy and of checks in a world that has them."""
    rows = []
    base = asked.end(world, GRPO, "accuracy")
    for arm, _ in asked.cells(world):
        runs = asked.of(world, arm)
        by_seed = {t.setting.seed: t for t in runs}
        against = "" if arm == GRPO or not base else difference(base, asked.end(world, arm, "accuracy")).text(3)
        start = statistics.fmean(t.first("check_right") for t in runs)
        rows.append(
            (
                CALLED[arm],
                mean({s: t.last("accuracy") for s, t in by_seed.items()}).text(3),
                against,
                f"{start:.2f} → " + mean({s: t.last("check_right") for s, t in by_seed.items()}).text(3),
                mean({s: t.last("needless") for s, t in by_seed.items()}).text(3),
                mean({s: t.last("staged") for s, t in by_seed.items()}).text(3),
                f"{statistics.fmean(t.last('tokens') for t in runs):.1f}",
                str(len(runs)),
            )
        )
    titles = (
        f"task {world}",
        "final accuracy",
        "against GRPO",
        "P(check, value right)",
        "needless checks per step",
        "staged per step",
        "tokens",
        "seeds",
    )
    return _table(titles, rows)


def draw(trials: Iterable[Trial], folder: Path) -> list[Path]:
    """The pictures: the sparse chain, and what became of checks."""
    asked = Trials(trials)
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    if SPARSE in asked.worlds():
        made.append(_draw_sparse(asked, folder / "confirm-sparse.svg"))
    checking = [world for world in "DCE" if asked.of(world, GRPO)]
    if checking:
        made.append(_draw_checks(asked, checking, folder / "confirm-checks.svg"))
    return made


def _draw_sparse(asked: Trials, path: Path) -> Path:
    """Accuracy against rollouts at each learning rate."""
    rates = sorted({rate for _, rate in asked.cells(SPARSE)})
    figure, axes = plt.subplots(1, len(rates), figsize=(3.1 * len(rates), 3.0), sharey=True, squeeze=False)
    for axis, rate in zip(axes[0], rates, strict=True):
        for arm in (GRPO, ORACLE):
            _band(axis, asked.of(SPARSE, arm, rate), "accuracy", arm)
        axis.axhline(0.8, color=INK, lw=0.8, ls=":")
        _dress(axis, f"learning rate {rate:g}")
    axes[0][0].set_ylabel("accuracy", color=INK)
    return _save(figure, axes[0][0], path)


def _draw_checks(asked: Trials, worlds: Sequence[str], path: Path) -> Path:
    """Accuracy and check rate in the worlds with checks."""
    titles = {"D": "D: checks harm", "C": "C: checks help", "E": "E: checks are free"}
    shape = (2, len(worlds))
    figure, axes = plt.subplots(*shape, figsize=(3.4 * len(worlds), 5.0), sharex="col", sharey="row", squeeze=False)
    for column, world in zip(axes.T, worlds, strict=True):
        for axis, name in zip(column, ("accuracy", "check_right"), strict=True):
            for arm in (GRPO, BARE, GULLIBLE):
                _band(axis, asked.of(world, arm), name, arm)
            _dress(axis, titles[world] if name == "accuracy" else "", bottom=name != "accuracy")
    axes[0][0].set_ylabel("accuracy", color=INK)
    axes[1][0].set_ylabel("P(check | value right)", color=INK)
    return _save(figure, axes[0][0], path)


def _band(axis: Any, runs: Sequence[Trial], name: str, arm: str) -> None:
    """The median over seeds, and their range."""
    if not runs:
        return
    length = min(t.setting.updates for t in runs)
    curves = [_smooth(t.values(name)[:length]) for t in runs]
    across = [sorted(values) for values in zip(*curves, strict=True)]
    rollouts = [(k + WINDOW) * BATCH / 1000 for k in range(len(across))]
    axis.fill_between(rollouts, [v[0] for v in across], [v[-1] for v in across], color=COLOURS[arm], alpha=0.18, lw=0)
    axis.plot(rollouts, [statistics.median(v) for v in across], color=COLOURS[arm], lw=1.8, label=CALLED[arm])


def _smooth(values: Sequence[float]) -> list[float]:
    return [statistics.fmean(values[k : k + WINDOW]) for k in range(len(values) - WINDOW + 1)]


def _dress(axis: Any, title: str, *, bottom: bool = True) -> None:
    axis.set_title(title, color=INK, fontsize=10)
    axis.set_ylim(-0.02, 1.02)
    if bottom:
        axis.set_xlabel("thousand rollouts", color=INK)
    axis.xaxis.set_major_locator(MultipleLocator(5))
    axis.tick_params(colors=INK, labelsize=8)
    axis.grid(color=INK, alpha=0.2, lw=0.6)
    for side, spine in axis.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(INK)


def _save(figure: Any, first: Any, path: Path) -> Path:
    handles, labels = first.get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=len(labels), frameon=False, labelcolor=INK, fontsize=9)
    figure.tight_layout(rect=(0, 0.08 if figure.get_figheight() < 4 else 0.05, 1, 1))
    figure.savefig(path, transparent=True, metadata={"Date": None})
    plt.close(figure)
    return path
