"""The guard: stops on a window of reviews, on every rank or on none."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from dca.errors import BudgetError, FallbackRateError, RunError
from dca.trl.guard import FallbackGuard


class Ranks:
    """An accelerator of one process, or one whose reduction adds another rank's counts."""

    device = torch.device("cpu")

    def __init__(self, other: tuple[int, int, int] | None = None) -> None:
        self.num_processes = 1 if other is None else 2
        self.other = other
        self.reduced = 0

    def reduce(self, tensor: Any, reduction: str) -> Any:
        assert reduction == "sum"
        self.reduced += 1
        return tensor + torch.tensor(self.other)


def counted(guard: FallbackGuard, good: int, bad: int) -> FallbackGuard:
    for _ in range(good):
        guard.count(None)
    for row in range(bad):
        guard.count(f"TransportError: row {row}")
    return guard


def test_stops_over_the_limit() -> None:
    """More fallbacks than the limit in a full window stop the run, with counts, reasons and the remedy."""
    guard = counted(FallbackGuard(0.5, window=4), good=1, bad=3)
    with pytest.raises(FallbackRateError, match=r"3 of the last 4 reviews.*limit of 50%.*row 2.*raise max_fallback"):
        guard.check(Ranks())


@pytest.mark.parametrize(("good", "bad"), [(2, 2), (4, 0), (0, 3), (0, 0)])
def test_goes_on(good: int, bad: int) -> None:
    """At the limit, below it, or before the window is full, the run goes on."""
    counted(FallbackGuard(0.5, window=4), good, bad).check(Ranks())


def test_one_never_stops() -> None:
    """With the limit at 1 even a run without any usable review goes on."""
    counted(FallbackGuard(1.0, window=4), good=0, bad=9).check(Ranks())


def test_the_window_holds_whole_generations() -> None:
    """The rate is taken over the latest generations that fill the window; older failures are forgiven."""
    guard = FallbackGuard(0.5, window=4)
    for good, bad in ((2, 2), (4, 0), (2, 2), (2, 2)):
        counted(guard, good, bad).check(Ranks())
    with pytest.raises(FallbackRateError, match="4 of the last 4"):
        counted(guard, good=0, bad=4).check(Ranks())


def test_generations_without_reviews_do_not_count() -> None:
    """A generation in which nothing was reviewed leaves the window as it is."""
    guard = counted(FallbackGuard(0.5, window=4), good=0, bad=3)
    guard.check(Ranks())
    guard.check(Ranks())
    with pytest.raises(FallbackRateError, match="4 of the last 4"):
        counted(guard, good=0, bad=1).check(Ranks())


def test_what_must_stop_the_run_is_raised_here() -> None:
    """An error kept by this rank is raised by the next check, as it was."""
    guard, spent = FallbackGuard(0.5), BudgetError("the budget is spent")
    guard.stop(spent)
    guard.stop(BudgetError("a later one"))
    with pytest.raises(BudgetError, match="the budget is spent"):
        guard.check(Ranks())


def test_another_rank_stops_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rank that has nothing to complain of stops with the one that has, and names its reason."""
    monkeypatch.setattr("dca.trl.guard.gather_object", lambda mine: [*mine, "BudgetError: spent"])
    with pytest.raises(RunError, match=r"another rank had to stop the run.*BudgetError: spent"):
        FallbackGuard(0.5).check(Ranks(other=(0, 0, 1)))


def test_the_rate_is_that_of_all_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fallbacks are added up over ranks: this rank stops for the other one's failures, in one reduction."""
    monkeypatch.setattr("dca.trl.guard.gather_object", lambda mine: [*mine, "TransportError: elsewhere"])
    ranks = Ranks(other=(4, 4, 0))
    with pytest.raises(FallbackRateError, match=r"4 of the last 6 reviews.*elsewhere"):
        counted(FallbackGuard(0.5, window=6), good=2, bad=0).check(ranks)
    assert ranks.reduced == 1
