"""Problems that are one expression: was it taken apart into the parts it has?

    (3 + 4) * (5 - 2) =          "A * B", where A = (3 + 4) and B = (5 - 2)

It knows only such problems, and parts that are named by capital letters; a problem in words it leaves alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from dca.equations.certify import show
from dca.equations.find import definitions, evaluate
from dca.review.dependence import Claim
from dca.types import Step

_ASKED: Final = re.compile(
    r"\s*(?:what is|calculate|compute|evaluate|find|simplify|solve)?[:\s]*(?P<it>[-\d.(][-+*/^×÷·−.,()\d\s]*)[=?.\s]*\Z",
    re.IGNORECASE,
)
_FORMULA: Final = re.compile(r"[\"“'`](?P<it>[A-Z(][-+*/×·−()A-Z\s]{1,200})[\"”'`]")


@dataclass(frozen=True, slots=True)
class Misreading:
    """The step that takes the problem for another one, and how."""

    step: int
    reason: str


def misreading(prompt: str, steps: Sequence[Step], claims: Sequence[Claim]) -> Misreading | None:
    """The first step that copies the problem's expression wrongly, or None.

    The parts put back into the formula must give the value of the problem; a part that is written out again
    must have the value it had.
    """
    asked = _ASKED.match(prompt)
    value = evaluate(asked["it"]) if asked else None
    if value is None or (asked and asked["it"].strip(" -.").isdigit()):
        return None
    parts: dict[str, Fraction] = {}
    for step in steps:
        own = [claim.equation for claim in claims if claim.step == step.index]
        for equation in own:
            before = parts.get(equation.left)
            if before is not None and len(equation.operands) > 1 and equation.claimed not in (None, before):
                reason = f"{equation.left} was {show(before)}; it is written out again as {show(equation.claimed)}"
                return Misreading(step.index, reason)
        formula = _FORMULA.search(step.text)
        if formula and not parts:
            parts = definitions(own)
            rebuilt = evaluate(formula["it"], known=parts)
            if rebuilt not in (None, value):
                reason = f"put together, its parts give {show(rebuilt)}; the problem's expression is {show(value)}"
                return Misreading(step.index, reason)
    return None
