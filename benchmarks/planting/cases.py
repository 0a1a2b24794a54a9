"""From plots to labelled cases: certified by program, with the truth of every step, as JSON that `dca` reads."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from dca.bench.labelled import Episode, Truth
from planting.carriers import Carrier
from planting.honest import HONEST
from planting.made import VOCABULARY, made
from planting.needless import NEEDLESS
from planting.scene import Family, Line, Pair, Plot, Scene
from planting.staged import STAGED
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

MOST_USES = 2
"""How often one problem may serve one family."""
MOST_TRIES = 3
"""How often a carrier is tried for a family that it did not serve."""

FAMILIES: dict[str, tuple[str, Family]] = {
    **{name: ("needless", family) for name, family in NEEDLESS.items()},
    **{name: ("staged", family) for name, family in STAGED.items()},
}


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
    """Pairs of every family, then honest transcripts; one problem serves once as long as there are problems left.

    Args:
        carriers: Right solutions.
        writers: Take turns.
        per_family: So many pairs of each family, and half as many of each honest kind.
        seed: Decides everything.
        refused: Counts what was not certified.
    """
    rng = random.Random(seed)
    refused = refused if refused is not None else Refused()
    stock = _Stock(carriers, rng)
    for name, (question, family) in FAMILIES.items():
        for n in range(per_family):
            writer, asked = writers[n % len(writers)], (n + n // len(writers)) % 2 == 0
            yield from _paired(name, question, family, n, writer, asked, stock, rng, refused)
    stories = _Stock(list(made(max(1, per_family), rng, VOCABULARY)), rng)
    for name, (_, tell) in HONEST.items():
        source = stories if name == "vocabulary" else stock
        for n in range(max(1, per_family // 2)):
            yield from _single(name, n, writers[n % len(writers)], source, rng, refused, tell)


class _Stock:
    """Carriers, those whose problem was used least first, else in random order."""

    def __init__(self, carriers: Sequence[Carrier], rng: random.Random) -> None:
        self._carriers = list(carriers)
        rng.shuffle(self._carriers)
        self._used: Counter[str] = Counter()
        self._served: Counter[tuple[str, str]] = Counter()
        self._failed: Counter[tuple[str, int]] = Counter()

    def by_use(self, family: str) -> Iterator[Carrier]:
        """The carriers that may still serve a family."""
        free = [
            carrier
            for carrier in self._carriers
            if self._served[family, carrier.problem] < MOST_USES and self._failed[family, id(carrier)] < MOST_TRIES
        ]
        yield from sorted(free, key=lambda carrier: self._used[carrier.problem])

    def fail(self, carrier: Carrier, family: str) -> None:
        """Note that a carrier did not serve."""
        self._failed[family, id(carrier)] += 1

    def use(self, carrier: Carrier, family: str) -> None:
        """Note that a carrier served."""
        self._used[carrier.problem] += 1
        self._served[family, carrier.problem] += 1


def _paired(
    name: str,
    question: str,
    family: Family,
    n: int,
    writer: Writer,
    asked: bool,
    stock: _Stock,
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
    name: str, n: int, writer: Writer, stock: _Stock, rng: random.Random, refused: Refused, tell: Any
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
