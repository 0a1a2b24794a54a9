"""One carrier on the stage: its lines, slips in them, decoys, and the plots that families make of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from planting.carriers import Carrier
from planting.sums import Place, Sum, inherited, places, replaced, shown, slip, tokens, value, verdicts
from planting.writers import Voice


@dataclass(frozen=True, slots=True)
class Line:
    """One step of a planted transcript.

    Attributes:
        text: What it says.
        role: "work", "check", "repair", "slip" or "answer".
        false: It holds an equation that is certified false; no other line may.
        debatable: A check of which careful readers may differ: not scored as needless.
    """

    text: str
    role: str = "work"
    false: bool = False
    debatable: bool = False


@dataclass(frozen=True, slots=True)
class Plot:
    """A whole transcript.

    Attributes:
        lines: Its steps.
        marked: The steps of the episode that is planted, or is its control.
        control: What makes it honest; "" where it is planted.
        demand: What is added to the problem.
        right: Whether the final answer is right.
        also: Steps that are a genuine mistake and its repair beside the episode.
    """

    lines: tuple[Line, ...]
    marked: tuple[int, ...]
    control: str = ""
    demand: str = ""
    right: bool = True
    also: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Pair:
    """A plant and its honest control."""

    planted: Plot
    control: Plot


BARE = 0.5
"""How often a line that shows one sum and no other number is told in the writer's voice."""
ASIDE = 0.25
"""How often an ordinary line begins with an aside."""

Family = Callable[["Scene"], Pair | None]


@dataclass(frozen=True)
class Scene:
    """A carrier, the voice that writes into it, and chance.

    Attributes:
        carrier: The right solution.
        voice: The writer.
        rng: For the choice of places and slips.
        asked: Which of its controls a family should use: where it can, that of a problem which asks for the check.
        steps: The carrier's lines, some in the writer's voice, some begun with an aside.
        places: The carrier's sums, where they stand in these lines.
    """

    carrier: Carrier
    voice: Voice
    rng: random.Random
    asked: bool = False
    steps: tuple[str, ...] = field(init=False)
    places: tuple[Place, ...] = field(init=False)

    def __post_init__(self) -> None:
        steps = tuple(self._told(k, step) for k, step in enumerate(self.carrier.steps))
        moved = (
            next((found for found in places(place.step, steps[place.step]) if found.sum == place.sum), None)
            for place in self.carrier.places
        )
        object.__setattr__(self, "steps", steps)
        object.__setattr__(self, "places", tuple(place for place in moved if place is not None))

    def _told(self, k: int, step: str) -> str:
        """A line of the carrier: as it is, or a bare sum in the writer's voice, as checks are."""
        own = [place.sum for place in self.carrier.places if place.step == k]
        bare = own and tokens(step) <= {own[0].a, own[0].b, own[0].c} and self.rng.random() < BARE
        text = self.voice.say("work", k, eq=self.eq(own[0])) if bare else step
        return (self.voice.say("aside", k) if self.rng.random() < ASIDE else "") + text

    @property
    def whole(self) -> bool:
        """Whether every sum can still be read in the writer's lines."""
        return len(self.places) == len(self.carrier.places)

    @property
    def count(self) -> int:
        """How many steps the carrier has."""
        return len(self.steps)

    def work(self, start: int = 0, stop: int | None = None) -> list[Line]:
        """The carrier's own lines."""
        return [Line(step) for step in self.steps[start:stop]]

    def answer(self, number: Fraction | None = None, nth: int = 0) -> Line:
        """The line that states the answer."""
        said = self.voice.say("answer", nth, answer=shown(self.carrier.answer if number is None else number))
        return Line(said, "answer")

    def boxed(self, number: Fraction, nth: int = 0) -> Line:
        """The line that states an answer, in a box."""
        return Line(self.voice.say("answer", nth, answer=box(number)), "answer")

    def eq(self, one: Sum) -> str:
        """A sum in the writer's notation."""
        return one.text(self.voice.writer.times)

    @property
    def last(self) -> Place | None:
        """The sum that makes the answer, where the last line makes it."""
        place = self.places[-1]
        return place if place.step == self.count - 1 and place.sum.c == self.carrier.answer else None

    def slipped(self, place: Place) -> tuple[Sum, Line] | None:
        """A slip at a place: the wrong sum, and the line that makes it."""
        wrong = slip(place.sum, self.rng, self.carrier.numbers)
        if wrong is None:
            return None
        text = replaced(self.steps[place.step], {place.sum.c: wrong.c}, place.start)
        return (wrong, Line(text, "slip", false=True)) if "false" in verdicts(text) else None

    def recomputed(self, place: Place, *, as_check: bool) -> tuple[Line, Line] | None:
        """A slip at a place, and the line that works it out again: as a check, or after owning to it."""
        slipped = self.slipped(place)
        if slipped is None:
            return None
        right = self.eq(place.sum)
        if as_check:
            return slipped[1], Line(self.voice.say("recompute", eq=right), "repair")
        return slipped[1], Line(self.voice.say("retract", evidence=right, right=shown(place.sum.c)), "repair")

    def dragged(self, place: Place, wrong: Fraction, stop: int) -> tuple[list[Line], dict[Fraction, Fraction]] | None:
        """The lines after a place up to `stop`, reckoned with its wrong result; None unless that changes the last."""
        mapping = {place.sum.c: wrong}
        lines: list[Line] = []
        for step in self.steps[place.step + 1 : stop]:
            text = inherited(step, mapping)
            if text is None:
                return None
            lines.append(Line(text))
        return (lines, mapping) if lines and lines[-1].text != self.steps[stop - 1] else None

    def used(self, place: Place) -> int | None:
        """One past the first later line that works with a place's result."""
        for later in self.places:
            if later.step > place.step and place.sum.c in (later.sum.a, later.sum.b):
                return later.step + 1
        return None

    def decoy(self, place: Place, wrong: Sum) -> tuple[str, bool]:
        """What looks like evidence against a slip and is none; and whether it is false as an equation."""
        kind = self.rng.choice(("quote", "earlier", "pointless"))
        before = [other.sum for other in self.places if other.step < place.step]
        if kind == "earlier" and before:
            return self.eq(self.rng.choice(before)), False
        known = self.carrier.numbers
        more = [k for k in sorted(known) if k.denominator == 1 and k not in (place.sum.a, place.sum.b, place.sum.c)]
        more = [k for k in more if wrong.c + k not in known]
        if kind == "pointless" and more:
            k = self.rng.choice(more)
            return self.eq(Sum(wrong.c, "+", k, value(wrong.c, "+", k))), False
        return self.eq(wrong), wrong.exact != wrong.c


def box(number: Fraction) -> str:
    """A number in a box, as mathematicians mark an answer."""
    return f"\\boxed{{{shown(number)}}}"


def plot(
    lines: Sequence[Line],
    marked: Sequence[Line],
    *,
    control: str = "",
    demand: str = "",
    right: bool = True,
    also: Sequence[Line] = (),
) -> Plot:
    """A plot whose episode is given by its lines, which are found by identity."""

    def where(wanted: Sequence[Line]) -> tuple[int, ...]:
        return tuple(k for k, line in enumerate(lines) if any(line is one for one in wanted))

    return Plot(tuple(lines), where(marked), control, demand, right, where(also))
