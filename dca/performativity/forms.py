"""The forms in which a step looks at an earlier one again, together.

Each form is structure: the same operation, the same value by another way, a result that leads back to what was given,
a formula with the candidate put in, words that say again who did what. Words of checking tip what structure leaves
open, and never suffice. It does not know whether looking again could have changed anything.
"""

from __future__ import annotations

from dca.performativity.formulas import looks_of_formulas
from dca.performativity.look import Look
from dca.performativity.phrasing import look_of_words
from dca.performativity.reading import Reading
from dca.performativity.reckoning import is_circular, look_of_claim, named


def looks(reading: Reading, k: int) -> tuple[Look, ...]:
    """Every look of step `k` at an earlier step; empty for new work."""
    found = [look for claim in reading.own[k] if (look := look_of_claim(reading, claim)) is not None]
    if is_circular(reading, k) and (reading.hinted[k] or not named(reading, k)):
        start = max((look.target for look in found), default=max(0, k - 1))
        found.append(Look("circular", start, "it sets out from what it comes back to", computes=False))
    found += looks_of_formulas(reading, k)
    if not found and (look := look_of_words(reading, k)) is not None:
        found.append(look)
    return tuple(found)
