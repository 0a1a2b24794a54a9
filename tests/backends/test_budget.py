"""Budgets: what is let through, what is not, and how near the limit spending comes."""

from __future__ import annotations

import contextlib
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from dca.backends.budget import Budget
from dca.errors import BudgetError, InputError
from dca.usage import NO_USAGE, Usage

ONE = Usage(requests=1, input_tokens=80, output_tokens=20, cost_usd=0.01)
MOST = Usage(input_tokens=100, output_tokens=4096, cost_usd=0.5)


def spend(budget: Budget, usage: Usage = ONE) -> None:
    """One request."""
    with budget.request(MOST) as charge:
        charge.usage = usage


class TestOneAtATime:
    @pytest.mark.parametrize(("usd", "tokens"), [(0.05, None), (None, 500), (0.05, 10_000), (1.0, 500)])
    def test_stops(self, usd: float | None, tokens: int | None) -> None:
        """Whichever limit is reached first stops the run, exactly there when requests cost what they cost before."""
        budget = Budget(usd=usd, tokens=tokens)
        for _ in range(5):
            spend(budget)
        with pytest.raises(BudgetError):
            spend(budget)
        assert budget.spent.requests == 5

    def test_unlimited(self) -> None:
        """Without a limit everything is let through, and counted."""
        budget = Budget()
        for _ in range(100):
            spend(budget)
        assert budget.spent.input_tokens == 8000

    def test_message(self) -> None:
        """The error says what was set aside, what was spent, and how to go on."""
        budget = Budget(usd=0.01, tokens=5_000_000)
        spend(budget)
        with pytest.raises(BudgetError) as caught:
            spend(budget)
        assert str(caught.value) == (
            "the budget of $0.01 or 5,000,000 tokens is spent: $0.0100 and 100 tokens, requests sent: 1; "
            "reviews that are done are kept, so raise the budget and run again to go on where this stopped"
        )

    def test_failures_are_charged(self) -> None:
        """A request that fails after it was answered costs what it cost, and is in flight no longer."""
        budget = Budget(usd=0.015)
        with contextlib.suppress(KeyError), budget.request(MOST) as charge:
            charge.usage = ONE
            raise KeyError
        spend(budget)
        assert budget.spent.cost_usd == pytest.approx(0.02)

    def test_cautious_guess_stops_nothing(self) -> None:
        """A request that might cost more than is left is still sent: nothing else is in flight."""
        budget = Budget(usd=0.001)
        spend(budget)
        assert budget.spent.requests == 1

    @pytest.mark.parametrize("limits", [{"usd": 0.0}, {"usd": -1.0}, {"tokens": 0}, {"usd": float("nan")}])
    def test_senseless(self, limits: dict[str, float]) -> None:
        """A limit must be above zero."""
        with pytest.raises(InputError, match="above zero"):
            Budget(**limits)  # type: ignore[arg-type]

    def test_pickled(self) -> None:
        """A copy has the limits and counts for itself."""
        budget = Budget(usd=0.01)
        spend(budget)
        copy = pickle.loads(pickle.dumps(budget))
        assert (copy.usd, copy.spent) == (0.01, NO_USAGE)


class TestManyAtATime:
    @pytest.mark.parametrize("limits", [{"usd": 1.0}, {"tokens": 10_000}])
    def test_never_far_over(self, limits: dict[str, float]) -> None:
        """Sixteen threads together pass the limit by no more than one request, and use it up."""
        budget = Budget(**limits)  # type: ignore[arg-type]

        def work(_: int) -> bool:
            try:
                with budget.request(MOST) as charge:
                    time.sleep(0.0005)
                    charge.usage = ONE
            except BudgetError:
                return False
            return True

        with ThreadPoolExecutor(16) as pool:
            sent = sum(pool.map(work, range(300)))
        assert 100 <= sent <= 101
        assert budget.spent.requests == sent

    def test_waits_for_those_in_flight(self) -> None:
        """A request that the guess for another keeps out goes when that one turns out cheap."""
        budget = Budget(usd=0.4)
        sent = threading.Event()

        def second() -> None:
            spend(budget)
            sent.set()

        with budget.request(MOST) as charge:
            thread = threading.Thread(target=second)
            thread.start()
            assert not sent.wait(0.05)
            charge.usage = ONE
        assert sent.wait(5)
        thread.join()

    def test_all_who_wait_are_told(self) -> None:
        """When the last dollar goes, everyone who waited gets the error."""
        budget = Budget(usd=0.4)
        caught: list[BudgetError] = []

        def late() -> None:
            try:
                spend(budget)
            except BudgetError as error:
                caught.append(error)

        threads = [threading.Thread(target=late) for _ in range(4)]
        with budget.request(MOST) as charge:
            for thread in threads:
                thread.start()
            time.sleep(0.02)
            charge.usage = Usage(requests=1, input_tokens=1, cost_usd=0.4)
        for thread in threads:
            thread.join(5)
        assert len(caught) == 4
