"""Which rollouts are worth a review: each strategy keeps what it says, on one rank and on several."""

from __future__ import annotations

from collections.abc import Collection
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dca.errors import InputError
from dca.trl.host import Host
from dca.trl.selection import AtMost, Candidate, Candidates, LargestAdvantage, MixedGroups, candidates_of, chosen


def trainer(*, rank: int = 0, world: int = 1, group: int = 4, training: bool = True) -> Any:
    return SimpleNamespace(
        accelerator=SimpleNamespace(process_index=rank, num_processes=world),
        num_generations=group,
        num_generations_eval=2,
        model=SimpleNamespace(training=training),
    )


def batch(*groups: tuple[float, ...]) -> Candidates:
    rows = [(outcome, number) for number, group in enumerate(groups) for outcome in group]
    return Candidates(tuple(Candidate(row, outcome, number) for row, (outcome, number) in enumerate(rows)))


def test_without_a_strategy_all_are_kept() -> None:
    """Every scorable rollout is reviewed unless told otherwise."""
    found = candidates_of(["a"] * 4, [1.0, None, 0.0, float("inf")], Host())
    assert chosen(found, ()) == (0, 2)


def test_a_cap_is_spread_over_the_groups() -> None:
    """The first of every group comes before the second of any."""
    assert chosen(batch((1, 1, 1, 1), (0, 0, 0, 0), (1, 0, 1, 0)), [AtMost(4)]) == (0, 1, 4, 8)


def test_mixed_groups_only() -> None:
    """A group whose outcomes are all alike is left out."""
    assert chosen(batch((1, 1), (1, 0), (0, 0)), [MixedGroups()]) == (2, 3)


def test_largest_advantages_first() -> None:
    """The lone right answer among wrong ones stands out most, by the trainer's scaling; undivided, size counts."""
    groups = batch((0, 0, 0, 1), (1, 0, 1, 0), (0, 9, 0, 9))
    assert chosen(groups, [LargestAdvantage(1)]) == (3,)
    assert chosen(groups, [LargestAdvantage(2, scaled=False)]) == (8, 9)


def test_strategies_apply_one_after_another() -> None:
    """Mixed groups first, then a cap on what they leave."""
    assert chosen(batch((1, 1), (1, 0), (0, 0), (0, 1)), [MixedGroups(), AtMost(2)]) == (2, 6)


@given(count=st.integers(0, 40), world=st.integers(1, 9))
def test_a_cap_counts_over_all_ranks(count: int, world: int) -> None:
    """The ranks' shares of a cap add up to it."""
    assert sum(Candidates((), rank=rank, world=world).share(count) for rank in range(world)) == count


def test_groups_are_counted_off_over_the_ranks() -> None:
    """A group that goes on at another rank is known to be cut, and counts as mixed."""
    found = candidates_of(["p"] * 6, [0.0] * 6, Host(trainer(rank=1, world=2)))
    assert [one.group for one in found.rollouts] == [1, 1, 2, 2, 2, 2]
    assert found.cut == {1}
    assert chosen(found, [MixedGroups()]) == (0, 1)


def test_evaluation_has_groups_of_its_own_size() -> None:
    """In evaluation groups are as large as the trainer makes them there."""
    found = candidates_of(["p"] * 4, [0.0] * 4, Host(trainer(training=False)))
    assert [one.group for one in found.rollouts] == [0, 0, 1, 1]


def test_without_a_trainer_neighbours_with_one_prompt_are_a_group() -> None:
    """Where nobody says how large groups are, equal prompts side by side make one."""
    found = candidates_of(["a", "a", "b", "a"], [0.0, 1.0, None, 0.0], Host())
    assert [(one.row, one.group) for one in found.rollouts] == [(0, 0), (1, 0), (3, 2)]


def test_any_callable_is_a_strategy() -> None:
    """A function of one's own chooses too, and is held to what it was shown."""

    def right_ones(candidates: Candidates) -> Collection[int]:
        return [one.row for one in candidates.rollouts if one.outcome > 0]

    assert chosen(batch((1, 0), (0, 1)), [right_ones]) == (0, 3)
    with pytest.raises(InputError, match=r"chose rows it was not shown: \[7\]"):
        chosen(batch((1, 0)), [lambda _: [0, 7]])


@pytest.mark.parametrize("strategy", [AtMost, LargestAdvantage])
def test_a_negative_cap_is_refused(strategy: Any) -> None:
    """A cap below zero is an error; zero reviews nothing."""
    assert chosen(batch((1, 0)), [strategy(0)]) == ()
    with pytest.raises(InputError, match="0 or more, got -1"):
        strategy(-1)
