"""Episodes: runs of steps that look at one earlier target again, and mistakes that were repaired, from text alone.

This is the structural question, and it needs recall: the steps of an episode become neutral in the credit, all but
the mistake itself. It does not know whether an episode was needed; `dca.performativity.evidence` asks that.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from dca.arithmetic.claims import Claim
from dca.performativity.confirmations import bracketed
from dca.performativity.corrections import corrections, restorations
from dca.performativity.formulas import revisits_of_formulas
from dca.performativity.reading import PROMPT, Reading
from dca.performativity.recomputation import is_circular, named, revisit_of_claim
from dca.performativity.restatement import is_slight, revisit_of_words
from dca.performativity.revisit import Revisit
from dca.types import POLICY

REACH: Final = 8
"""Equations back to which a correction may reach."""
LONGEST: Final = 12
"""Steps that a check may be spread over."""


@dataclass(frozen=True, slots=True)
class Episode:
    """One stretch of looking again.

    Attributes:
        kind: "check", or "repair" where what it looked at was put right.
        steps: Its steps, increasing; they are what is neutral. A mistake that is repaired is not among them.
        target: The step it looks at; `PROMPT` (-1) for what was given.
        revisits: What was seen, by step.
    """

    kind: str
    steps: tuple[int, ...]
    target: int
    revisits: tuple[tuple[int, Revisit], ...]

    @property
    def start(self) -> int:
        """Its first step."""
        return self.steps[0]

    @property
    def stop(self) -> int:
        """Its last step."""
        return self.steps[-1]


def find_episodes(reading: Reading) -> tuple[Episode, ...]:
    """All episodes of a rollout, in order; no step is in two of them.

    >>> from dca.performativity.reading import read
    >>> from dca.types import Step, Transcript
    >>> texts = ("7 * 18 = 126 rolls.", "126 - 26 = 100 left.", "Let me check: 7 * 10 + 7 * 8 = 126.", "100 / 4 = 25")
    >>> steps = tuple(Step(k, 0, 0, text) for k, text in enumerate(texts))
    >>> [(found.kind, found.steps, found.target) for found in find_episodes(read(Transcript("", "", 1.0), steps))]
    [('check', (2,), 0)]
    """
    seen = {k: _genuine(reading, k) for k, step in enumerate(reading.steps) if step.author == POLICY}
    passed = frozenset(k for k, own in seen.items() if own)
    if passed:  # what only these steps use is not used: others may now be seen to look again too
        reading = replace(reading, passed=passed)
        seen = {k: own or _genuine(reading, k) for k, own in seen.items()}
    seen |= bracketed(reading, seen)
    found: list[Episode] = []
    taken: set[int] = set()
    for k, own in seen.items():
        if own and k not in taken:
            episode = _grown(reading, k, own, seen, taken)
            found.append(episode)
            taken.update(episode.steps)
    return tuple(_merged(found))


def _genuine(reading: Reading, k: int) -> tuple[Revisit, ...]:
    """The revisits of a step that only looks again, or puts something right; empty for one that also works."""
    found = restorations(reading, k) or revisits(reading, k) or corrections(reading, k)
    found = tuple(revisit for revisit in found if revisit.target != k)
    if not found or _repairs(reading, k, found):
        return found
    return () if _works(reading, k, found) else found


def revisits(reading: Reading, k: int) -> tuple[Revisit, ...]:
    """Every way in which step `k` looks at an earlier one again; empty for new work.

    Each is structure: the same operation, the same value by another way, a result that leads back to what was given,
    a formula with the candidate put in, words that say again who did what. Cue words tip what structure leaves open,
    and never suffice.
    """
    found = [revisit for claim in reading.own[k] if (revisit := revisit_of_claim(reading, claim)) is not None]
    if is_circular(reading, k) and (reading.hinted[k] or not named(reading, k)):
        start = max((revisit.target for revisit in found), default=max(0, k - 1))
        found.append(Revisit("circular", start, "it sets out from what it comes back to", computes=False))
    found += revisits_of_formulas(reading, k)
    if not found and (revisit := revisit_of_words(reading, k)) is not None:
        found.append(revisit)
    return tuple(found)


def _works(reading: Reading, k: int, found: Sequence[Revisit]) -> bool:
    """Whether the step makes something first that is used later, or is the answer: then it is work."""
    if any(revisit.form == "redo" for revisit in found):
        return False
    answer = reading.graph.answer
    for claim in reading.own[k]:
        if reading.is_new(claim) and (
            (reading.used_after(claim.made, k) and not _only_within(reading, claim, k))
            or (answer is not None and answer.value == claim.made)
        ):
            return True
    new = [one for one in reading.contents[k].statements if reading.stated[one.left][0].step == k]
    return any(_leans_on(reading, k, one.first) for one in new if one.names and one.last) and not reading.checking[k]


def _only_within(reading: Reading, claim: Claim, k: int) -> bool:
    """Whether what a step makes is used by steps that look again themselves, and by no other."""
    later = [step for step in reading.uses.get(claim.made, ()) if step > k] if claim.made is not None else []
    return bool(later) and all(reading.checking[step] and not _has_news(reading, step) for step in later)


def _has_news(reading: Reading, k: int) -> bool:
    return any(reading.is_new(claim) and reading.used_after(claim.made, k) for claim in reading.own[k])


def _leans_on(reading: Reading, k: int, name: Sequence[str]) -> bool:
    """Whether later steps use a name that was given its value here."""
    return any(name[0] in reading.contents[j].words for j in range(k + 1, len(reading.steps)))


def _repairs(reading: Reading, k: int, found: Sequence[Revisit]) -> bool:
    """Whether a step puts something right: it takes back what no program certifies, and is not certified false."""
    redone = [revisit for revisit in found if revisit.form == "redo" and revisit.differs and not revisit.certified]
    if any(revisit.right is not None for revisit in redone):
        return True
    return bool(redone) and not any(claim.false for claim in reading.own[k])


def _grown(
    reading: Reading, k: int, own: Sequence[Revisit], seen: Mapping[int, Sequence[Revisit]], taken: Collection[int]
) -> Episode:
    """The episode around a step: what leads up to it, what it announces, and what it comes to."""
    repair = _repairs(reading, k, own)
    steps, found = [k], [(k, revisit) for revisit in own]
    first = own[0].target
    while steps[0] - 1 > first and k - steps[0] < LONGEST and steps[0] - 1 not in taken:
        before = steps[0] - 1
        if before not in seen or seen[before] or not (_announces(reading, before) or _serves(reading, before, steps)):
            break
        steps.insert(0, before)
    after = steps[-1] + 1
    if after in seen and _pronounces(reading, after, repair or any(revisit.differs for revisit in own), seen[after]):
        steps.append(after)
    return Episode("repair" if repair else "check", tuple(steps), first, tuple(found))


def _announces(reading: Reading, k: int) -> bool:
    """Whether a step only says that something is to be looked at again."""
    return is_slight(reading, k) and (reading.checking[k] or reading.doubted[k] or not reading.contents[k].words)


def _serves(reading: Reading, k: int, steps: Sequence[int]) -> bool:
    """Whether all that a step works out is used by the given later steps, and by no other."""
    new = [claim for claim in reading.own[k] if reading.is_new(claim)]
    if not new or len(new) < len(reading.own[k]) or any(map(reading.on_path, new)):
        return False
    return all(
        (later := [step for step in reading.uses.get(claim.made, ()) if step > k]) and set(later) <= set(steps)
        for claim in new
        if claim.made is not None
    )


def _pronounces(reading: Reading, k: int, found: bool, own: Sequence[Revisit]) -> bool:
    """Whether a step only says what a check came to; after one that found something, even as a revisit of its own."""
    if own and not (found and not any(revisit.computes for revisit in own)):
        return False
    return is_slight(reading, k) and (bool(own) or reading.pronounced[k] or (reading.doubted[k] and not found))


def _merged(found: Sequence[Episode]) -> list[Episode]:
    """Neighbouring checks of one target are one episode."""
    merged: list[Episode] = []
    for episode in found:
        last = merged[-1] if merged else None
        if (
            last is not None
            and last.kind == episode.kind == "check"
            and last.target == episode.target != PROMPT
            and last.stop + 1 == episode.start
            and not reading_again(last, episode)
        ):
            merged[-1] = Episode("check", last.steps + episode.steps, last.target, last.revisits + episode.revisits)
        else:
            merged.append(episode)
    return merged


def reading_again(first: Episode, second: Episode) -> bool:
    """Whether both work out what they look at, so that the second is a check of its own."""
    return all(any(revisit.computes for _, revisit in one.revisits) for one in (first, second))
