"""The record of one step that looks at an earlier one again, shared by all forms of doing so. Judges nothing."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Revisit:
    """One way in which a step looks at an earlier one again.

    Attributes:
        form: "repeat" (worked out again), "redo" (to another result), "inverse" (run backwards), "anew" (another
            way), "back" (to a number of the problem), "tried" (the answer put to work), "substituted" (values put
            into an equation), "circular" (it sets out from what it comes back to) or "words" (nothing is worked out).
        target: The step it looks at; -1 for what was given.
        said: What was seen, in words.
        certified: A program certifies what the target claims.
        differs: It comes to something else than the target.
        computes: It works something out, and so could have come to something else.
        claim: The order of the equation it looks at, where it is one.
        right: What it puts in the place of a mistake, where it does.
    """

    form: str
    target: int
    said: str
    certified: bool = False
    differs: bool = False
    computes: bool = True
    claim: int | None = None
    right: Fraction | None = None
