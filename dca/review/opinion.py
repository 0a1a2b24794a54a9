"""What the offline reviewer says of one step, and the scores it may give. It knows no graph and no rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dca.arithmetic.claims import Claim

KEY: Final = 1.0
PROGRESS: Final = 0.75
UNCERTIFIED: Final = 0.5
UNUSED: Final = -0.25
SLIP: Final = -0.25
ERROR: Final = -0.5
FATAL: Final = -1.0

LONGEST: Final = 80
"""Characters of an equation that a reason quotes."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """A score, a label, the earlier step it is about, and why; all empty for a step not judged."""

    score: float = 0.0
    label: str | None = None
    link: int | None = None
    reason: str = ""


def quoted(claim: Claim) -> str:
    """An equation as a reason quotes it: on one line, its calculator marks left out."""
    left, right = (" ".join(side.split()) for side in (claim.equation.left, claim.equation.right))
    text = f"{left or '…'} = {right or '…'}"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
