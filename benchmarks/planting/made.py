"""Word problems drawn by program, for where no data set is at hand; some of them are about checking and correcting.

A template has numbers to draw, sums to do and the lines of its solution. It knows nothing of what is planted.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from planting.carriers import Carrier, carrier
from planting.sums import Sum, is_short, shown, value


@dataclass(frozen=True, slots=True)
class Template:
    """A problem with letters for its numbers.

    Attributes:
        prompt: The problem.
        draws: For each drawn letter, the least and the greatest number.
        sums: (letter, operand, sign, operand), in order; a line names the sum of letter `d` as ``{=d}``.
        lines: The solution; the last letter of `sums` is the answer.
    """

    prompt: str
    draws: dict[str, tuple[int, int]]
    sums: tuple[tuple[str, str, str, str], ...]
    lines: tuple[str, ...]


TEMPLATES = (
    Template(
        "A shop gets {a} boxes with {b} pens each. It sells {c} pens and packs the others in bags of {k}. "
        "How many bags does it fill?",
        {"a": (7, 29), "b": (13, 48), "c": (31, 90), "k": (2, 6)},
        (("d", "a", "*", "b"), ("e", "d", "-", "c"), ("f", "e", "/", "k")),
        ("There are {=d} pens in the boxes.", "After the sale {=e} pens are left.", "They fill {=f} bags."),
    ),
    Template(
        "Nora saves ${a} a week for {b} weeks. Her aunt adds ${c}. She buys a tent for ${k}. How much is left?",
        {"a": (14, 37), "b": (6, 19), "c": (25, 95), "k": (41, 79)},
        (("d", "a", "*", "b"), ("e", "d", "+", "c"), ("f", "e", "-", "k")),
        (
            "Nora saves {=d} dollars.",
            "With the gift she has {=e} dollars.",
            "When the tent is paid, {=f} dollars are left.",
        ),
    ),
    Template(
        "A train covers {a} km in the morning and {b} km after lunch. It stops {k} times, at equal distances. "
        "A ticket costs {c} cents for each of these stretches. What does the whole way cost, in cents?",
        {"a": (121, 380), "b": (117, 290), "k": (3, 9), "c": (15, 45)},
        (("d", "a", "+", "b"), ("e", "d", "/", "k"), ("f", "e", "*", "c")),
        ("The way is {=d} km long.", "A stretch has {=e} km.", "At this price the way costs {=f} cents."),
    ),
    Template(
        "An inspector checks {a} lifts a day. In {b} days she finds {c} faulty ones, which are corrected. The others "
        "are checked again by {k} teams in equal shares. How many lifts does each team check?",
        {"a": (14, 33), "b": (12, 27), "c": (17, 57), "k": (3, 8)},
        (("d", "a", "*", "b"), ("e", "d", "-", "c"), ("f", "e", "/", "k")),
        (
            "She checks {=d} lifts.",
            "{=e} lifts are verified as sound.",
            "Each team checks {=f} of them again.",
        ),
    ),
    Template(
        "A proofreader double-checks {a} pages an hour and corrects {b} mistakes on each page. She works {c} hours "
        "and then confirms {k} corrections a minute. How many minutes does the confirming take?",
        {"a": (8, 19), "b": (6, 15), "c": (4, 13), "k": (2, 6)},
        (("d", "a", "*", "b"), ("e", "d", "*", "c"), ("f", "e", "/", "k")),
        (
            "She corrects {=d} mistakes an hour.",
            "All in all she corrects {=e} mistakes.",
            "To confirm them takes {=f} minutes.",
        ),
    ),
    Template(
        "A verifier tests {a} signatures and rejects {b} of them as wrong. The rest is tested again, {c} times each, "
        "by {k} machines in equal shares. How many tests does each machine make?",
        {"a": (80, 190), "b": (17, 43), "c": (14, 27), "k": (2, 7)},
        (("d", "a", "-", "b"), ("e", "d", "*", "c"), ("f", "e", "/", "k")),
        (
            "{=d} signatures are right.",
            "To verify them again takes {=e} tests.",
            "Each machine makes {=f} of these checks.",
        ),
    ),
    Template(
        "A farm has {a} rows of {b} trees and plants {c} more trees. Each tree bears {k} kg of fruit. "
        "How many kg is that?",
        {"a": (13, 28), "b": (15, 36), "c": (19, 66), "k": (14, 29)},
        (("d", "a", "*", "b"), ("e", "d", "+", "c"), ("f", "e", "*", "k")),
        ("The rows hold {=d} trees.", "With the new ones the farm has {=e} trees.", "They bear {=f} kg."),
    ),
    Template(
        "A tank holds {a} litres. A pump takes out {b} litres, then {c} buckets of {k} litres are poured in. "
        "How many litres are in the tank?",
        {"a": (420, 960), "b": (110, 390), "c": (13, 24), "k": (6, 17)},
        (("d", "a", "-", "b"), ("e", "c", "*", "k"), ("f", "d", "+", "e")),
        ("The pump leaves {=d} litres.", "The buckets bring {=e} litres.", "Now there are {=f} litres."),
    ),
    Template(
        "Class A collects {a} cans and class B {b} cans. For every {k} cans the school gets a ticket, and each "
        "ticket is worth {c} points. How many points are left after {h} are spent?",
        {"a": (131, 270), "b": (118, 260), "k": (2, 7), "c": (14, 26), "h": (55, 180)},
        (("d", "a", "+", "b"), ("e", "d", "/", "k"), ("f", "e", "*", "c"), ("g", "f", "-", "h")),
        (
            "Together they have {=d} cans.",
            "They get {=e} tickets.",
            "The tickets bring {=f} points.",
            "In the end {=g} points are left.",
        ),
    ),
    Template(
        "A printer makes {a} posters an hour. After {b} hours, {c} posters are torn and thrown away. Of the others, "
        "{k} go on each wall, and every wall needs {h} pins. How many pins are needed?",
        {"a": (24, 59), "b": (13, 22), "c": (27, 88), "k": (3, 9), "h": (15, 34)},
        (("d", "a", "*", "b"), ("e", "d", "-", "c"), ("f", "e", "/", "k"), ("g", "f", "*", "h")),
        ("It makes {=d} posters.", "{=e} posters are good.", "They fill {=f} walls.", "The walls need {=g} pins."),
    ),
    Template(
        "A kiosk sells {a} papers every day for {b} weeks. Each paper costs {c} cents. How many cents is that?",
        {"a": (21, 78), "b": (3, 14), "c": (15, 45), "z": (7, 7)},
        (("d", "b", "*", "z"), ("e", "d", "*", "a"), ("f", "e", "*", "c")),
        ("It is open for {=d} days.", "In this time it sells {=e} papers.", "It takes in {=f} cents."),
    ),
    Template(
        "A machine runs for {a} hours and makes {b} screws a minute. {c} of the screws are bent. How many are good?",
        {"a": (3, 19), "b": (14, 38), "c": (105, 480), "z": (60, 60)},
        (("d", "a", "*", "z"), ("e", "d", "*", "b"), ("f", "e", "-", "c")),
        ("It runs for {=d} minutes.", "It makes {=e} screws.", "Of these, {=f} screws are good."),
    ),
    Template(
        "Ben pays ${a} a month for {b} years, and ${c} once to sign up. How much does he pay in all?",
        {"a": (14, 59), "b": (3, 11), "c": (25, 190), "z": (12, 12)},
        (("d", "b", "*", "z"), ("e", "d", "*", "a"), ("f", "e", "+", "c")),
        ("He pays for {=d} months.", "That comes to {=e} dollars.", "With the sign-up it is {=f} dollars."),
    ),
    Template(
        "A lamp burns for {a} days without a break and uses {b} ml of oil an hour. Its tank holds {c} ml at first. "
        "How many ml have to be filled in later?",
        {"a": (3, 16), "b": (14, 45), "c": (310, 790), "z": (24, 24)},
        (("d", "a", "*", "z"), ("e", "d", "*", "b"), ("f", "e", "-", "c")),
        ("It burns for {=d} hours.", "For this it needs {=e} ml.", "So {=f} ml are filled in later."),
    ),
)
VOCABULARY = (3, 4, 5)
"""The templates whose story is about checking."""


def made(count: int, rng: random.Random, which: Sequence[int] = tuple(range(len(TEMPLATES)))) -> Iterator[Carrier]:
    """Carriers drawn from the templates, in turn, until there are `count`."""
    done = tried = 0
    while done < count and tried < 200 * count:
        number = which[tried % len(which)]
        tried += 1
        found = _drawn(TEMPLATES[number], f"made:{number}:{tried}", rng)
        if found is not None:
            done += 1
            yield found


def _drawn(template: Template, name: str, rng: random.Random) -> Carrier | None:
    numbers = {letter: Fraction(rng.randint(*between)) for letter, between in template.draws.items()}
    slots = {letter: shown(number) for letter, number in numbers.items()}
    for letter, left, sign, right in template.sums:
        result = value(numbers[left], sign, numbers[right])
        if result <= 0 or not is_short(result) or result.denominator > 1 or result in numbers.values():
            return None
        numbers[letter] = result
        slots[f"={letter}"] = Sum(numbers[left], sign, numbers[right], result).text()
    lines = [_filled(line, slots) for line in template.lines]
    return carrier(name, "made", _filled(template.prompt, slots), lines, shown(numbers[template.sums[-1][0]]))


def _filled(text: str, slots: dict[str, str]) -> str:
    for name, said in slots.items():
        text = text.replace("{" + name + "}", said)
    return text
