"""Checks of a candidate answer spread over several steps, from the one that opens them to the one that closes.

What stands between is in formulas and words that no other form sees. It knows where the candidate was stated, and
whether anything between is used after; it does not know whether the check found anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from dca.equations.showing import show
from dca.performativity.cues import ANSWER
from dca.performativity.reading import Reading
from dca.performativity.revisit import Revisit
from dca.types import POLICY

LONGEST: Final = 8
"""Steps after the opening one in which such a check must close."""


def bracketed(reading: Reading, seen: Mapping[int, Sequence[Revisit]]) -> dict[int, tuple[Revisit, ...]]:
    """The revisits of steps in brackets that were seen to be work, or nothing, so far.

    A step after the candidate was stated opens one by announcing that an answer is to be confirmed; a later one that
    names the candidate (or the answer) again, with a word of checking, closes it; nothing between is used after.
    """
    names = _names(reading)
    candidate = _candidate(reading, names)
    found: dict[int, tuple[Revisit, ...]] = {}
    last = max(seen, default=-1)
    for k in seen:
        if candidate is None or k <= candidate or k in found or not _opens(reading, k):
            continue
        stop = next((j for j in range(min(last, k + LONGEST), k, -1) if _closes(reading, j, names)), None)
        if stop is None or any(reading.concludes[j] or _outlives(reading, j, stop) for j in range(k, stop + 1)):
            continue
        revisit = Revisit("words", candidate, "it goes back over the answer, from announcement to verdict")
        inside = (j for j in range(k, stop + 1) if j in seen and not seen[j] and reading.steps[j].author == POLICY)
        found |= dict.fromkeys(inside, (revisit,))
    return found


def _names(reading: Reading) -> frozenset[str]:
    """What the final answer is called: its number, or the option's name."""
    if reading.graph.answer is not None:
        return frozenset({show(reading.graph.answer.value)})
    last = max((k for k, step in enumerate(reading.steps) if step.author == POLICY), default=-1)
    words = reading.contents[last].words if last >= 0 and reading.concludes[last] else frozenset()
    return frozenset(word for word in words if "_" in word or (len(word) == 1 and word.isupper()))


def _candidate(reading: Reading, names: frozenset[str]) -> int | None:
    """The first step that states the final answer."""
    made = reading.graph.root
    if made is not None and reading.graph.answer is not None:
        return made.step
    for k, content in enumerate(reading.contents):
        if names & content.words and (reading.hinted[k] or ANSWER.search(reading.steps[k].text)):
            return k
    return None


def _opens(reading: Reading, k: int) -> bool:
    """Whether a step announces that an answer is to be confirmed."""
    return reading.checking[k] and ANSWER.search(reading.steps[k].text) is not None


def _closes(reading: Reading, k: int, names: frozenset[str]) -> bool:
    """Whether a step comes back to the answer with a word of checking."""
    if reading.steps[k].author != POLICY or not reading.checking[k]:
        return False
    return bool(names & reading.contents[k].words) or ANSWER.search(reading.steps[k].text) is not None


def _outlives(reading: Reading, k: int, stop: int) -> bool:
    """Whether what a step makes first is used after the bracket closes."""
    return any(reading.is_new(claim) and reading.used_after(claim.made, stop) for claim in reading.own[k])
