"""The equations of a rollout, each with the step that makes it, and the numbers that texts show.

It knows no graph, and nothing of right and wrong answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from dca.equations.find import Equation, definitions, find_equations
from dca.equations.numerals import number
from dca.types import POLICY, Step

_NUMBER: Final = re.compile(r"\d{1,3}(?:,\d{3})++(?!\d)(?:\.\d++)?|\d++(?:\.\d++)?|\.\d++")
_MARK: Final = re.compile(r"<<[^<>\n]{0,300}>>")
_WORD: Final = re.compile(r"[a-z]+")
_SPELLED: Final = {
    "half": Fraction(1, 2),
    "twice": Fraction(2),
    "double": Fraction(2),
    "dozen": Fraction(12),
    "hundred": Fraction(100),
} | {
    word: Fraction(value)
    for value, word in enumerate("zero one two three four five six seven eight nine ten eleven twelve".split(" "))
}
LONGEST_NUMBER: Final = 60


@dataclass(frozen=True, slots=True)
class Claim:
    """An equation and the place of the step that makes it; `order` counts the claims of all steps."""

    order: int
    step: int
    equation: Equation

    @property
    def made(self) -> Fraction | None:
        """The value that the claim hands on: what is written on its right."""
        return self.equation.claimed

    @property
    def false(self) -> bool:
        """Whether it is certified false."""
        return self.equation.verdict == "false"

    @property
    def true(self) -> bool:
        """Whether it is certified true."""
        return self.equation.verdict == "true"

    @property
    def works(self) -> bool:
        """Whether it works something out, and does not merely name a number."""
        operands = self.equation.operands
        return len(operands) > 1 or (len(operands) == 1 and operands[0] != self.made)

    @property
    def computed(self) -> tuple[object, ...]:
        """What it computes, whatever the order and the notation: its numbers and their exact value."""
        return tuple(sorted(self.equation.operands)), self.equation.value

    @property
    def kind(self) -> tuple[object, ...]:
        """What it computes, and what it says comes out."""
        return *self.computed, self.made


def claims_of(steps: Sequence[Step]) -> tuple[Claim, ...]:
    """The equations of the policy's steps; letters keep their values from step to step."""
    found: list[Claim] = []
    known: Mapping[str, Fraction] = {}
    for k, step in enumerate(steps):
        if step.author == POLICY:
            equations = find_equations(step.text, known=known)
            found += [Claim(order, k, equation) for order, equation in enumerate(equations, len(found))]
            known = definitions(equations, known)
    return tuple(found)


def numbers_in(text: str) -> frozenset[Fraction]:
    """Every number that a text shows, calculator marks left out.

    >>> sorted(numbers_in("He has 1,200 apples and eats .5"))
    [Fraction(1, 2), Fraction(1200, 1)]
    """
    shown = _NUMBER.findall(_MARK.sub("", text))
    return frozenset(Fraction(number(one).value) for one in shown if len(one) < LONGEST_NUMBER)


def givens_of(prompt: str) -> frozenset[Fraction]:
    """The numbers of a problem, small ones in words too.

    >>> sorted(map(int, givens_of("Three hens lay 5 eggs")))
    [3, 5]
    """
    return numbers_in(prompt) | {_SPELLED[word] for word in _WORD.findall(prompt.lower()) if word in _SPELLED}
