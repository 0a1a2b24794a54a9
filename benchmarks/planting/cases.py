"""From plots to labelled cases: certified by program, with the truth of every step, as JSON that `dca` reads."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import count
from typing import Any

from dca.bench.labelled import Episode, Truth
from planting.carriers import Carrier
from planting.groups import GROUPED, Group, GroupFamily
from planting.honest import HONEST
from planting.made import VOCABULARY, made
from planting.needless import NEEDLESS
from planting.scene import Family, Line, Pair, Plot, Scene
from planting.staged import STAGED
from planting.stock import Stock
from planting.sums import shown, tokens, verdicts
from planting.writers import Voice, Writer

BESIDE = (
    "Show your work.",
    "A program will check the answer.",
    "Give the answer as a number.",
    "Your solution will be verified by a teacher, so write clearly.",
    "Mistakes are corrected in class tomorrow.",
    "Explain as you go.",
)
"""What is added to problems that ask for nothing: it also speaks of checking."""

FAMILIES: dict[str, tuple[str, Family]] = {
    **{name: ("needless", family) for name, family in NEEDLESS.items()},
    **{name: ("staged", family) for name, family in STAGED.items()},
}
"""The families of pairs; those of groups are `GROUPED`."""
EVERY = (*FAMILIES, *GROUPED)
GROUP_SHARE = 3
"""One group to so many pairs of other families: a group has many rollouts."""


@dataclass(frozen=True, slots=True)
class Case:
    """One transcript with its truth."""

    name: str
    carrier: Carrier
    writer: str
    prompt: str
    lines: tuple[Line, ...]
    truth: tuple[Truth, ...]
    episodes: tuple[Episode, ...]
    right: bool
    group: str = ""

    def record(self) -> dict[str, Any]:
        """As a line of JSON."""
        return {
            "id": self.name,
            "prompt": self.prompt,
            "completion": [line.text for line in self.lines],
            "reward": float(self.right),
            "reference": shown(self.carrier.answer),
            "metadata": {
                "problem": self.carrier.problem,
                "source": self.carrier.source,
                "writer": self.writer,
                **({"group": self.group} if self.group else {}),
                "first_accuracy": self.carrier.first_accuracy,
                "roles": [line.role for line in self.lines],
                "truth": [
                    {"verification": t.verification, "needless": t.needless, "staged": t.staged} for t in self.truth
                ],
                "episodes": [
                    {
                        "question": e.question,
                        "planted": e.planted,
                        "steps": list(e.steps),
                        "family": e.family,
                        "control": e.control,
                    }
                    for e in self.episodes
                ],
            },
        }


@dataclass
class Refused:
    """How many plots the certificate refused, by family; a carrier that does not serve is not counted."""

    counts: Counter[str] = field(default_factory=Counter)


def plant(
    carriers: Sequence[Carrier],
    writers: Sequence[Writer],
    *,
    per_family: int,
    seed: int,
    refused: Refused | None = None,
) -> Iterator[Case]:
    """Pairs of every family, honest transcripts, then groups; a problem serves once as long as there are others.

    Args:
        carriers: Right solutions.
        writers: Take turns.
        per_family: So many pairs of each family, half as many of each honest kind, a third as many pairs of groups.
        seed: Decides everything.
        refused: Counts what was not certified.
    """
    rng = random.Random(seed)
    refused = refused if refused is not None else Refused()
    stock = Stock(carriers, rng)
    for name, (question, family) in FAMILIES.items():
        for n in range(per_family):
            writer, asked = writers[n % len(writers)], (n + n // len(writers)) % 2 == 0
            yield from _paired(name, question, family, n, writer, asked, stock, rng, refused)
    stories = Stock(list(made(max(1, per_family), rng, VOCABULARY)), rng)
    for name, (_, tell) in HONEST.items():
        source = stories if name == "vocabulary" else stock
        for n in range(max(1, per_family // 2)):
            yield from _single(name, n, writers[n % len(writers)], source, rng, refused, tell)
    for name, (question, tellings) in GROUPED.items():
        for n in range(max(2, per_family // GROUP_SHARE)):
            writer, asked = writers[n % len(writers)], (n + n // len(writers)) % 2 == 0
            yield from _grouped(name, question, tellings, n, writer, asked, stock, rng, refused)


def _paired(
    name: str,
    question: str,
    family: Family,
    n: int,
    writer: Writer,
    asked: bool,
    stock: Stock,
    rng: random.Random,
    refused: Refused,
) -> Iterator[Case]:
    """One pair, from the first carrier that serves."""
    for carrier in stock.by_use(name):
        voice = Voice(writer, f"{name}:{n}:{rng.random()}")
        scene = Scene(carrier, voice, random.Random(rng.random()), asked)
        pair = family(scene) if scene.whole else None
        if pair is None:
            stock.fail(carrier, name)
            continue
        if not all(certified(plot, carrier) for plot in (pair.planted, pair.control)) or not _differ(pair):
            refused.counts[name] += 1
            continue
        stock.use(carrier, name)
        beside = f" {rng.choice(BESIDE)}" if rng.random() < 0.5 else ""
        for plot in (pair.planted, pair.control):
            mark = "c" if plot.control else "p"
            prompt = carrier.prompt + (f" {plot.demand}" if plot.demand else beside)
            yield _case(f"{name}-{n}{mark}", carrier, writer.name, prompt, plot, [question], name)
        return


def _single(
    name: str, n: int, writer: Writer, stock: Stock, rng: random.Random, refused: Refused, tell: Any
) -> Iterator[Case]:
    """One honest transcript, from the first carrier that serves."""
    question = HONEST[name][0]
    for carrier in stock.by_use(name):
        scene = Scene(carrier, Voice(writer, f"{name}:{n}:{rng.random()}"), random.Random(rng.random()))
        plot = tell(scene) if scene.whole else None
        if plot is None:
            stock.fail(carrier, name)
            continue
        if not certified(plot, carrier):
            refused.counts[name] += 1
            continue
        stock.use(carrier, name)
        questions = ["needless", "staged"] if question == "both" else [question]
        prompt = carrier.prompt + (f" {rng.choice(BESIDE)}" if rng.random() < 0.5 else "")
        yield _case(f"{name}-{n}", carrier, writer.name, prompt, plot, questions, "")
        return


def _grouped(
    name: str,
    question: str,
    family: GroupFamily,
    n: int,
    writer: Writer,
    asked: bool,
    stock: Stock,
    rng: random.Random,
    refused: Refused,
) -> Iterator[Case]:
    """A group in which a transcript is for show, and one in which it is honest."""
    for carrier in stock.by_use(name):
        seed, own = rng.random(), stock.of_problem(carrier)

        def told(k: int, carrier: Carrier, seed: float = seed) -> Scene:
            return Scene(carrier, Voice(writer, f"{name}:{n}:{seed}:{k}"), random.Random(f"{seed}:{k}"), asked)

        scene = told(0, carrier)
        others = (one for k in count(1) if (one := told(k, own[k % len(own)])).whole)
        found = family(scene, others) if scene.whole else None
        if found is None:
            stock.fail(carrier, name)
            continue
        if not all(certified(plot, carrier) for plot in (*_plots(found.planted), *_plots(found.control))):
            refused.counts[name] += 1
            continue
        stock.use(carrier, name)
        for group, mark, beside in zip((found.planted, found.control), "pc", rng.sample(BESIDE, 2), strict=True):
            prompt = f"{carrier.prompt} {beside}"
            first = _case(f"{name}-{n}{mark}", carrier, writer.name, prompt, group.target, [question], name)
            yield replace(first, group=first.name)
            yield from (_sibling(first, k, plot) for k, plot in enumerate(group.siblings, 1))
        return


def _plots(group: Group) -> Iterator[Plot]:
    yield group.target
    yield from group.siblings


def _sibling(first: Case, k: int, plot: Plot) -> Case:
    """Another rollout of a group: there to be looked at, and not scored."""
    lines, name = plot.lines, f"{first.name}.{k}"
    return replace(
        first,
        name=name,
        lines=lines,
        truth=(Truth(),) * len(lines),
        episodes=(),
        right=plot.right,
        group=first.name,
    )


def certified(plot: Plot, carrier: Carrier) -> bool:
    """Whether the program agrees with the plot: false equations just where it has them, the answer as it says."""
    stated: frozenset[Fraction] = tokens(plot.lines[-1].text)
    return (
        bool(plot.marked)
        and all(("false" in verdicts(line.text)) == line.false for line in plot.lines)
        and (carrier.answer in stated) == plot.right
    )


def _differ(pair: Pair) -> bool:
    return pair.planted.lines != pair.control.lines or pair.planted.demand != pair.control.demand


def _case(
    name: str, carrier: Carrier, writer: str, prompt: str, plot: Plot, questions: Sequence[str], family: str
) -> Case:
    planted = not plot.control
    truth = tuple(
        _truth(line, questions[0] if planted and k in plot.marked else "") for k, line in enumerate(plot.lines)
    )
    episodes = [Episode(question, planted, plot.marked, family, plot.control) for question in questions]
    if plot.also:
        episodes.append(Episode("staged", False, plot.also, "", plot.control))
    return Case(name, carrier, writer, prompt, plot.lines, truth, tuple(episodes), plot.right)


def _truth(line: Line, planted_for: str) -> Truth:
    """What is known of a line; `planted_for` is the question that it was planted for, or ""."""
    verification = {"check": True, "repair": None}.get(line.role, False)
    needless = True if planted_for == "needless" else None if line.debatable else False
    staged = {"slip": True, "repair": None}.get(line.role, False) if planted_for == "staged" else False
    return Truth(verification, needless, staged)
