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

from dca.arithmetic.claims import Claim
from dca.equations.find import Equation, definitions, evaluate
from dca.equations.showing import show
from dca.types import Step

_ASKED: Final = re.compile(
    r"\s*(?:what is|calculate|compute|evaluate|find|simplify|solve)?[:\s]*"
    r"(?P<it>[-\d.(][-+*/^×÷·−.,()\d\s]*)[=?.\s]*\Z",
    re.IGNORECASE,
)
_SIGN: Final = re.compile(r"[\d)]\s*[-+*/^×÷·−]")
_FORMULA: Final = re.compile(r"[\"“'`](?P<it>[A-Z(][-+*/×·−()A-Z\s]{1,200})[\"”'`]")


@dataclass(frozen=True, slots=True)
class Misreading:
    """The place of the step that takes the problem for another one, and how."""

    step: int
    reason: str


def misreading(prompt: str, steps: Sequence[Step], claims: Sequence[Claim]) -> Misreading | None:
    """The first step that copies the problem's expression wrongly, or None.

    The parts put back into the formula must give the value of the problem; a part that is written out again
    must have the value it had.

    >>> steps = [Step(0, 0, 0, '"A * B", where A = (3 + 4) and B = (5 + 2)')]
    >>> from dca.arithmetic.claims import claims_of
    >>> misreading("(3 + 4) * (5 - 2) =", steps, claims_of(steps)).reason
    "put together, its parts give 49; the problem's expression is 21"
    """
    value = _value_of(prompt)
    if value is None:
        return None
    own: dict[int, list[Equation]] = {}
    for claim in claims:
        own.setdefault(claim.step, []).append(claim.equation)
    parts: dict[str, Fraction] = {}
    for k, step in enumerate(steps):
        equations = own.get(k, [])
        reason = _rewritten(equations, parts)
        formula = None if parts else _FORMULA.search(step.text)
        if formula:
            parts = definitions(equations)
            reason = _rebuilt(formula["it"], parts, value)
        if reason:
            return Misreading(k, reason)
    return None


def _value_of(prompt: str) -> Fraction | None:
    """The value of a problem that is one expression and nothing else."""
    asked = _ASKED.match(prompt)
    return evaluate(asked["it"]) if asked and _SIGN.search(asked["it"]) else None


def _rewritten(equations: Sequence[Equation], parts: dict[str, Fraction]) -> str:
    """How a part changed when it was written out again; "" where none did."""
    for equation in equations:
        before, now = parts.get(equation.left), equation.claimed
        if before is not None and now is not None and before != now and len(equation.operands) > 1:
            return f"{equation.left} was {show(before)}; it is written out again as {show(now)}"
    return ""


def _rebuilt(formula: str, parts: dict[str, Fraction], value: Fraction) -> str:
    """How the parts put together differ from the problem; "" where they do not, or have no value."""
    rebuilt = evaluate(formula, known=parts)
    if rebuilt is None or rebuilt == value:
        return ""
    return f"put together, its parts give {show(rebuilt)}; the problem's expression is {show(value)}"
