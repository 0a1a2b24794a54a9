"""From measured step accuracy to a coefficient: how far a reviewer may be let tilt the advantages.

The thresholds were measured with a simulated reviewer whose every verdict was flipped with a known probability; the
laboratory's page says how. This module knows numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from dca.bench.metrics import Estimate

GOOD: Final = 0.70
"""Step accuracy from which the default coefficient is safe."""

USELESS: Final = 0.60
"""Step accuracy at and below which a reviewer taught nothing."""

DEFAULT: Final = 0.5
CAREFUL: Final = 0.25
FEWEST: Final = 30
"""Solutions with a pair of steps to compare, below which nothing is advised."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What to set `credit_coef` to.

    Attributes:
        dataset: The set it was measured on.
        accuracy: Step accuracy and its interval.
        solutions: How many solutions it was measured on.
        credit_coef: The coefficient; None: do not use this reviewer on such tasks, or too little was measured to say.
        why: In a sentence.
    """

    dataset: str
    accuracy: Estimate
    solutions: int
    credit_coef: float | None
    why: str

    @property
    def words(self) -> str:
        """The advice in a table."""
        return self.line or ("do not use it" if self.solutions >= FEWEST else "too few to say")

    @property
    def line(self) -> str:
        """The line of `DCAGRPOConfig` to write; "" where no coefficient is advised."""
        return "" if self.credit_coef is None else f"credit_coef={self.credit_coef:g}"


def advise(dataset: str, accuracy: Estimate, solutions: int) -> Advice:
    """Advice from the step accuracy on one set.

        accuracy >= 0.70            0.5, the default
        0.60 < accuracy < 0.70      0.25
        accuracy <= 0.60            do not use it

    Where the interval reaches into a worse band, the advice is that band's, one band down at most.

    >>> advise("sums", Estimate(0.82, 0.78, 0.86), 200).line
    'credit_coef=0.5'
    >>> advise("sums", Estimate(0.72, 0.66, 0.78), 200).line
    'credit_coef=0.25'
    """
    said = f"step accuracy {accuracy.value:.0%}"
    if math.isnan(accuracy.value) or solutions < FEWEST:
        why = f"only {solutions} solutions tell a mistake from a step before it; measure on {FEWEST} at least"
        return Advice(dataset, accuracy, solutions, None, why)
    low = accuracy.value if math.isnan(accuracy.low) else accuracy.low
    if accuracy.value <= USELESS:
        why = f"{said}: at {USELESS:.0%} and below a reviewer taught nothing"
        return Advice(dataset, accuracy, solutions, None, why)
    if accuracy.value < GOOD:
        return Advice(dataset, accuracy, solutions, CAREFUL, f"{said}, below {GOOD:.0%}")
    if low < GOOD:
        why = f"{said}, but the interval reaches down to {low:.0%}, below {GOOD:.0%}"
        return Advice(dataset, accuracy, solutions, CAREFUL, why)
    return Advice(dataset, accuracy, solutions, DEFAULT, f"{said}, with all of its interval above {GOOD:.0%}")


def sorted_out(advice: Iterable[Advice]) -> dict[float | None, list[Advice]]:
    """What was measured on enough, by the coefficient advised, the largest first; None, do not use it, is last."""
    measured = [one for one in advice if one.solutions >= FEWEST]
    coefs = sorted({one.credit_coef for one in measured}, key=lambda coef: -(coef or 0.0))
    return {coef: [one for one in measured if one.credit_coef == coef] for coef in coefs}
