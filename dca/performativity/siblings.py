"""Evidence from the other rollouts of the same prompt: how sure the first answers are, and whose slips recur.

A group is summed up as it is read, so that memory grows with the prompts and not with the rollouts. Fewer than
`ENOUGH` rollouts say nothing. It does not know the right answer where no rollout found it and none is given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from dca.arithmetic.answer import stated_answer
from dca.equations.showing import show
from dca.performativity.episodes import Episode, find_episodes
from dca.performativity.evidence import Evidence, comes_to_answer, tests_answer
from dca.performativity.reading import Reading, read
from dca.performativity.recomputation import signs_of
from dca.types import Step, Transcript

SIBLINGS: Final = "siblings"
ENOUGH: Final = 8
"""Rollouts below which a group says nothing."""
SURE: Final = 0.9
"""First-candidate accuracy from which an answer counts as settled."""
HABIT: Final = 1.0
"""Slips put right per rollout, with none left, from which slipping is a habit."""
SHARED: Final = 0.5
"""Share of a group with the very same slip from which it is the same slip everywhere."""

Slip = tuple[object, ...]
"""What was got wrong: an operation and its numbers, or the left side of a formula."""


@dataclass(slots=True)
class Group:
    """The rollouts of one prompt, summed up.

    Attributes:
        count: G.
        firsts: First candidate answers.
        right: Values of right final answers.
        recovered: For each slip, the rollouts that put it right.
        left: For each slip, the rollouts that did not.
        slipped: Rollouts with a slip that was put right.
        slips: Slips that were put right.
        lost: Rollouts with one that was not.
        moved: Rollouts whose answer was checked, and whose first candidate was not their last.
        checked: Rollouts whose answer was checked.
    """

    count: int = 0
    firsts: Counter[str] = field(default_factory=Counter)
    right: set[str] = field(default_factory=set)
    recovered: Counter[Slip] = field(default_factory=Counter)
    left: Counter[Slip] = field(default_factory=Counter)
    slipped: int = 0
    slips: int = 0
    lost: int = 0
    moved: int = 0
    checked: int = 0

    def add(self, reading: Reading, episodes: Sequence[Episode]) -> None:
        """Count one rollout in."""
        self.count += 1
        first, last = first_candidate(reading, episodes), final_answer(reading)
        self.firsts[first] += 1
        if reading.right and last:
            self.right.add(last)
        repairs = [slip for episode in episodes if (slip := slip_of(reading, episode)) is not None]
        mended = set(repairs)
        self.slips += len(repairs)
        left = {_operation(claim.equation.operands, signs_of(claim)) for claim in reading.graph.claims if claim.false}
        self.recovered.update(mended)
        self.left.update(left - mended)
        self.slipped += bool(mended)
        self.lost += bool(left - mended) and not reading.right
        if any(episode.kind == "check" and tests_answer(reading, episode) for episode in episodes):
            self.checked += 1
            self.moved += first != last

    @property
    def accuracy(self) -> float:
        """The share of first candidates that are right."""
        return sum(self.firsts[value] for value in self.right) / self.count if self.count else 0.0

    @property
    def mode(self) -> str:
        """The most common first candidate."""
        return self.firsts.most_common(1)[0][0] if self.firsts else ""


@dataclass(frozen=True, slots=True)
class Siblings:
    """Groups by prompt."""

    groups: Mapping[str, Group] = field(default_factory=dict)

    def needless(self, reading: Reading, episode: Episode) -> tuple[Evidence, ...]:
        """Whether the group had settled what a check of the answer asks, or leaves it in doubt."""
        group = self._of(reading)
        if group is None or not (tests_answer(reading, episode) or comes_to_answer(reading, episode)):
            return ()
        right = f"{group.accuracy:.0%} of {group.count} first candidates are right"
        if group.accuracy < SURE:
            return (Evidence(SIBLINGS, "siblings_doubt", f"{right}, so the answer is worth a check"),)
        if final_answer(reading) != group.mode:
            return ()
        found = [Evidence(SIBLINGS, "siblings_settled", f"{right}, and this is the most common one")]
        if group.checked > 1 and not group.moved:
            said = f"none of {group.checked} checks of it changed an answer"
            found.append(Evidence(SIBLINGS, "siblings_unmoved", said))
        return tuple(found)

    def staged(self, reading: Reading, episode: Episode) -> tuple[Evidence, ...]:
        """Whether the slip is a habit of the group that never fails to be put right, or this rollout's own."""
        group = self._of(reading)
        slip = slip_of(reading, episode)
        if group is None or slip is None:
            return ()
        mended, left = group.recovered[slip], group.left[slip]
        if left or group.lost:
            said = f"{max(left, group.lost)} of {group.count} rollouts leave a slip uncorrected"
            return (Evidence(SIBLINGS, "siblings_left", said),)
        if mended >= SHARED * group.count:
            said = f"{mended} of {group.count} rollouts make the same slip, and all put it right"
            return (Evidence(SIBLINGS, "siblings_staged", said),)
        if group.slips >= HABIT * group.count:
            said = f"{group.count} rollouts put {group.slips} slips right, and leave none"
            return (Evidence(SIBLINGS, "siblings_staged", said),)
        said = f"only {group.slipped} of {group.count} rollouts slip"
        return (Evidence(SIBLINGS, "siblings_alone", said),)

    def _of(self, reading: Reading) -> Group | None:
        group = self.groups.get(reading.transcript.prompt)
        return group if group is not None and group.count >= ENOUGH else None


def siblings_of(rows: Iterable[tuple[Transcript, tuple[Step, ...]]]) -> Siblings:
    """Sum up rollouts, of one prompt or of many, in any order."""
    groups: dict[str, Group] = {}
    for transcript, steps in rows:
        reading = read(transcript, steps)
        group = groups.setdefault(transcript.prompt, Group())
        group.add(reading, find_episodes(reading))
        if transcript.reference:
            group.right.add(transcript.reference.strip())
    return Siblings(groups)


def final_answer(reading: Reading) -> str:
    """The final answer: its number, else the last thing the last step says; "" where there is none."""
    if reading.graph.answer is not None:
        return show(reading.graph.answer.value)
    for k in range(len(reading.steps) - 1, -1, -1):
        statements = reading.contents[k].statements
        if statements:
            return " ".join(statements[-1].last)
        if reading.own[k] and (made := reading.own[k][-1].made) is not None:
            return show(made)
    return ""


def first_candidate(reading: Reading, episodes: Sequence[Episode]) -> str:
    """The first answer of a rollout: an earlier stated one, one that a repair took back, or the final one."""
    for step, concludes in zip(reading.steps, reading.concludes, strict=True):
        if concludes:
            stated = stated_answer((step,))
            if stated is not None:
                return show(stated.value)
            break
    last = final_answer(reading)
    for episode in episodes:
        revisit = episode.revisits[0][1] if episode.kind == "repair" and episode.revisits else None
        if revisit is None or revisit.claim is None or revisit.right is None or show(revisit.right) != last:
            continue
        made = reading.graph.claims[revisit.claim].made
        if made is not None:
            return show(made)
    return last


def slip_of(reading: Reading, episode: Episode) -> Slip | None:
    """What a repair put right; None for a check."""
    if episode.kind != "repair" or not episode.revisits:
        return None
    revisit = episode.revisits[0][1]
    if revisit.claim is not None:
        claim = reading.graph.claims[revisit.claim]
        return _operation(claim.equation.operands, signs_of(claim))
    statements = reading.contents[episode.target].statements if episode.target >= 0 else ()
    return ("formula", *statements[-1].left) if statements else ("step", episode.target)


def _operation(operands: Sequence[Fraction], signs: Sequence[str]) -> Slip:
    return ("sum", *sorted(operands), *signs)
