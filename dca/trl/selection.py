"""Which rollouts of a batch are worth a review: strategies as values, applied one after another.

They see outcomes and groups, which are known before any review is paid for. A rollout that is left out trains as
under plain GRPO. Nothing here draws random numbers, and this module does not know who reviews or what it costs.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from dca.errors import InputError
from dca.trl.host import Host


@dataclass(frozen=True, slots=True)
class Candidate:
    """A rollout that could be reviewed: its row, its outcome R_i, and the group (one prompt) it belongs to."""

    row: int
    outcome: float
    group: int


@dataclass(frozen=True, slots=True)
class Candidates:
    """What a strategy chooses from: the scorable rollouts of this rank's part of the batch.

    Attributes:
        rollouts: In the order of the batch.
        cut: Groups that go on at another rank, so that only some of their rollouts are here.
        rank: Which part of the batch this is, of `world` parts.
        world: How many ranks there are.
    """

    rollouts: tuple[Candidate, ...]
    cut: Collection[int] = field(default=frozenset())
    rank: int = 0
    world: int = 1

    def groups(self) -> dict[int, list[Candidate]]:
        """The rollouts of each group, in order."""
        found: dict[int, list[Candidate]] = {}
        for one in self.rollouts:
            found.setdefault(one.group, []).append(one)
        return found

    def share(self, count: int) -> int:
        """This rank's part of a number that counts over all ranks; the parts add up to it."""
        return count // self.world + (self.rank < count % self.world)

    def only(self, rows: Collection[int]) -> Candidates:
        """The same with these rows alone."""
        kept = tuple(one for one in self.rollouts if one.row in rows)
        return Candidates(kept, self.cut, self.rank, self.world)


Selection = Callable[[Candidates], Collection[int]]
"""A strategy: the rows to keep, of those it is shown. Any callable will do."""


@dataclass(frozen=True, slots=True)
class AtMost:
    """A cap on the reviews of one batch, over all ranks, spread evenly over the groups.

    >>> rows = tuple(Candidate(row, 1.0, row // 4) for row in range(8))
    >>> sorted(AtMost(4)(Candidates(rows)))
    [0, 1, 4, 5]
    """

    count: int

    def __post_init__(self) -> None:
        _counted(self.count)

    def __call__(self, candidates: Candidates) -> Collection[int]:
        """The first rollout of every group, then the second of every group, until the cap is reached."""
        order = [(place, one.row) for group in candidates.groups().values() for place, one in enumerate(group)]
        return {row for _, row in sorted(order)[: candidates.share(self.count)]}


@dataclass(frozen=True, slots=True)
class MixedGroups:
    """Only groups whose outcomes differ.

    This gives up the groups that are all wrong, where most of what a reviewer adds is found. A group that goes on at
    another rank counts as mixed.

    >>> rows = (Candidate(0, 1.0, 0), Candidate(1, 0.0, 0), Candidate(2, 0.0, 1), Candidate(3, 0.0, 1))
    >>> sorted(MixedGroups()(Candidates(rows)))
    [0, 1]
    """

    def __call__(self, candidates: Candidates) -> Collection[int]:
        """Every rollout of a mixed group."""
        return {
            one.row
            for number, group in candidates.groups().items()
            if number in candidates.cut or len({other.outcome for other in group}) > 1
            for one in group
        }


@dataclass(frozen=True, slots=True)
class LargestAdvantage:
    """The `count` rollouts (over all ranks) whose group-relative advantage is largest in size.

        |A_i| = |R_i - mean_G R| / (std_G R + 1e-4)          (Shao et al. 2024, arXiv 2402.03300)

    taken over the rollouts of the group that are on this rank; without `scaled`, undivided.

    >>> rows = tuple(Candidate(row, float(row == 2), 0) for row in range(4))
    >>> sorted(LargestAdvantage(1)(Candidates(rows)))
    [2]
    """

    count: int
    scaled: bool = True

    def __post_init__(self) -> None:
        _counted(self.count)

    def __call__(self, candidates: Candidates) -> Collection[int]:
        """The rows that stand out most; earlier ones first where they tie."""
        sizes: list[tuple[float, int]] = []
        for group in candidates.groups().values():
            outcomes = [one.outcome for one in group]
            mean = math.fsum(outcomes) / len(outcomes)
            spread = statistics.stdev(outcomes) + 1e-4 if self.scaled and len(outcomes) > 1 else 1.0
            sizes += [(-abs(one.outcome - mean) / spread, one.row) for one in group]
        return {row for _, row in sorted(sizes)[: candidates.share(self.count)]}


def candidates_of(prompts: Sequence[Any], outcomes: Sequence[float | None], host: Host) -> Candidates:
    """The rows of this rank that have an outcome, and their groups.

    Groups are counted off, as trainers lay them out over the ranks; where no trainer says how large they are,
    neighbours with the same prompt are one.
    """
    count, size = len(prompts), host.group_size
    first = host.rank * count  # of this rank's rows, in the whole batch
    if size is None:
        numbers = _runs(prompts)
        cut: frozenset[int] = frozenset()
    else:
        numbers = [(first + row) // size for row in range(count)]
        cut = frozenset(n for n in numbers if n * size < first or (n + 1) * size > first + count)
    rollouts = tuple(
        Candidate(row, outcome, number)
        for row, (outcome, number) in enumerate(zip(outcomes, numbers, strict=True))
        if outcome is not None and math.isfinite(outcome)
    )
    return Candidates(rollouts, cut, host.rank, host.world)


def _runs(prompts: Sequence[Any]) -> list[int]:
    """A number for each prompt, the same one for neighbours that are equal."""
    numbers: list[int] = []
    for row, prompt in enumerate(prompts):
        fresh = row > 0 and prompt != prompts[row - 1]
        numbers.append((numbers[-1] if row else 0) + fresh)
    return numbers


def chosen(candidates: Candidates, strategies: Sequence[Selection]) -> tuple[int, ...]:
    """The rows left when each strategy has chosen from what the one before it left, increasing.

    Raises:
        InputError: A strategy named a row that it was not shown.
    """
    for strategy in strategies:
        rows = frozenset(strategy(candidates))
        unknown = rows - {one.row for one in candidates.rollouts}
        if unknown:
            raise InputError(
                f"{strategy!r} chose rows it was not shown: {sorted(unknown)}; return rows of candidates"
            )
        candidates = candidates.only(rows)
    return tuple(sorted(one.row for one in candidates.rollouts))


def _counted(count: int) -> None:
    if count < 0:
        raise InputError(f"expected a number of rollouts, 0 or more, got {count!r}")
