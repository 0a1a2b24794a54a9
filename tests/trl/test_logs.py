"""What all ranks log together: means over ranks, and a table's column that is never out of step."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from dca.trl.logs import CreditColumn, Sums, gathered


class TwoRanks:
    """An accelerator whose reduction adds what the other rank has."""

    device = torch.device("cpu")
    num_processes = 2

    def __init__(self, other: list[list[float]]) -> None:
        self.other = other

    def reduce(self, tensor: Any, reduction: str) -> Any:
        assert reduction == "sum"
        return tensor + torch.tensor(self.other)


def test_means_over_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums and counts of all ranks are added before they are divided, in one order, whatever each rank has."""
    monkeypatch.setattr("dca.trl.logs.gather_object", lambda mine: [*mine, "dca/findings", "dca/tilt_rms"])
    sums = Sums()
    sums.add("dca/tilt_rms", 6.0, 1.0)
    sums.add("dca/nothing", 0.0, 0.0)
    ranks = TwoRanks(other=[[3.0, 2.0], [0.0, 0.0], [2.0, 1.0]])
    assert sums.reduced(ranks) == {"dca/findings": 1.5, "dca/tilt_rms": 2.0}
    assert sums.local() == {}


def test_figures_add_up() -> None:
    """Several additions to a figure make one mean, and taking it begins anew."""
    sums = Sums()
    sums.update({"a": (1.0, 1.0), "b": (0.0, 4.0)})
    sums.update({"a": (0.0, 1.0)})
    assert sums.local() == {"a": 0.5, "b": 0.0}
    assert sums.local() == {}


def test_a_running_total_is_not_added_up() -> None:
    """What a run has cost so far is the latest figure, however often it was taken."""
    sums = Sums()
    for spent in (1.0, 2.0, 5.0):
        sums.update({"dca/cost_usd": (spent, 1.0)})
    assert sums.local() == {"dca/cost_usd": 5.0}


def test_a_cell_may_come_late() -> None:
    """A cell is empty until it is filled, wherever its row has moved to."""
    column = CreditColumn()
    column.announce("one", 2)
    column.announce("two", 2)
    assert column.cells(4) == ["", "", "", ""]
    column.fill("one", ["a", "b"])
    column.fill("two", ["c", ""])
    assert column.cells(4) == ["a", "b", "c", ""]


def test_the_column_is_as_long_as_the_others() -> None:
    """Rows that were there before the column have empty cells, and rows that fell out of the table are forgotten."""
    column = CreditColumn()
    column.announce("one", 2)
    column.fill("one", ["a", "b"])
    assert column.cells(4) == ["", "", "a", "b"]
    assert column.cells(1) == ["b"]
    assert column.cells(2) == ["", "b"]


def test_one_rank_gathers_nothing() -> None:
    """Alone, the cells are one's own."""
    assert gathered(["a"], type("One", (), {"num_processes": 1})) == ["a"]
