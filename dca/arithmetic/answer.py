"""The final answer of a rollout, as a number. It does not know whether the answer is right."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from dca.arithmetic.claims import Claim
from dca.equations.find import evaluate
from dca.types import POLICY, Step

_STATED: Final = re.compile(
    r"(?:####|\bA:|\b[Aa]nswer(?: is|:)|\\boxed\{|\b[Ff]inal answer\b[^\d\n]{0,20}?)"
    r"[\s*_$€£:=\\({]{0,20}(?:text\{)?\s*"
    r"(?P<value>[-−]?\s?[$€£]?\s?(?:\\[dt]?frac\{\d{1,20}\}\{\d{1,20}\}"
    r"|\.?\d[\d,]{0,30}(?:\.\d{1,20})?(?:\s?/\s?\d{1,20})?))"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """The final answer, and the place of the step that states it."""

    value: Fraction
    step: int


def stated_answer(steps: Sequence[Step]) -> Answer | None:
    r"""The last number that is stated as the answer: "A: 18", "#### 18", \boxed{18}, "the answer is 18".

    >>> stated_answer([Step(0, 0, 18, "So the answer is 5")])
    Answer(value=Fraction(5, 1), step=0)
    """
    for k in range(len(steps) - 1, -1, -1):
        step = steps[k]
        found = list(_STATED.finditer(step.text)) if step.author == POLICY else []
        for match in reversed(found):
            value = evaluate(match["value"].replace(" ", ""))
            if value is not None:
                return Answer(value, k)
    return None


def repeated_result(
    steps: Sequence[Step], claims: Sequence[Claim], numbers: Sequence[frozenset[Fraction]]
) -> Answer | None:
    """A result that the last words repeat ("The fence costs 225 dollars."), where no answer is marked."""
    last = max((k for k, step in enumerate(steps) if step.author == POLICY), default=-1)
    if last < 0 or any(claim.step == last for claim in claims):
        return None
    made = (claim.made for claim in reversed(claims))
    value = next((value for value in made if value is not None and value in numbers[last]), None)
    return None if value is None else Answer(value, last)
