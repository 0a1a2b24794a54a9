"""A limit on what a run may spend, in dollars, in tokens, or both.

A budget knows what finished requests cost and guesses what those in flight will: by what requests cost so far, once
one is known. It does not know what a provider really bills; dollars are counted at list prices.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from dca.errors import BudgetError, InputError
from dca.usage import NO_USAGE, Usage


@dataclass(slots=True)
class Charge:
    """What one request turned out to use; filled in by whoever sent it."""

    usage: Usage = NO_USAGE


class Budget:
    """Money and tokens a run may spend; shared by threads and by backends.

    A request is let through while what is spent and what is in flight are below the limit. When only the guess for
    requests in flight is in the way, it waits for one of them to finish, so a cautious guess never stops a run. The
    limit is passed by no more than the requests then in flight cost beyond the guess.

    Args:
        usd: Dollars, or None for no limit.
        tokens: Tokens read and written, cached ones included, or None for no limit.

    Raises:
        InputError: A limit is not above zero.

    A pickled copy has the same limits and a count of its own.
    """

    def __init__(self, usd: float | None = None, tokens: int | None = None) -> None:
        for name, limit in (("usd", usd), ("tokens", tokens)):
            if limit is not None and not limit > 0:
                raise InputError(f"expected a budget above zero, got {name}={limit!r}; leave it out for no limit")
        self.usd = usd
        self.tokens = tokens
        self._settled = threading.Condition()
        self._spent = NO_USAGE
        self._charged = 0  # requests that cost anything: what the mean is taken over
        self._held: dict[int, Usage] = {}

    def __reduce__(self) -> tuple[type[Budget], tuple[float | None, int | None]]:
        return Budget, (self.usd, self.tokens)

    @property
    def spent(self) -> Usage:
        """What finished requests cost so far."""
        with self._settled:
            return self._spent

    @contextmanager
    def request(self, most: Usage) -> Iterator[Charge]:
        """Admit one request and settle what it cost when the block ends, also when it fails.

        Args:
            most: What the request may cost at most; the guess until a finished request tells better.

        Raises:
            BudgetError: What is already spent has reached a limit.
        """
        charge = Charge()
        with self._settled:
            self._admit()
            self._held[id(charge)] = self._guess(most)
        try:
            yield charge
        finally:
            with self._settled:
                del self._held[id(charge)]
                self._spent += charge.usage
                self._charged += bool(_tokens(charge.usage))
                self._settled.notify_all()

    def _admit(self) -> None:
        """Wait until there is room; raise when there will be none."""
        while self.usd is not None or self.tokens is not None:
            if self._reached(self._spent):
                raise BudgetError(self._message())
            if not self._reached(Usage.total((self._spent, *self._held.values()))):
                return
            self._settled.wait()

    def _reached(self, usage: Usage) -> bool:
        """Whether this much is at or over a limit."""
        over_usd = self.usd is not None and usage.cost_usd >= self.usd
        return over_usd or (self.tokens is not None and _tokens(usage) >= self.tokens)

    def _guess(self, most: Usage) -> Usage:
        """What a request in flight will cost: the mean so far, and never more than it may."""
        if not self._charged:
            return most
        mean_tokens, mean_usd = _tokens(self._spent) // self._charged, self._spent.cost_usd / self._charged
        return Usage(input_tokens=min(_tokens(most), mean_tokens), cost_usd=min(most.cost_usd, mean_usd))

    def _message(self) -> str:
        """What was spent, and how to go on."""
        limits = [f"${self.usd:g}"] if self.usd is not None else []
        limits += [f"{self.tokens:,} tokens"] if self.tokens is not None else []
        return (
            f"the budget of {' or '.join(limits)} is spent: ${self._spent.cost_usd:.4f} and "
            f"{_tokens(self._spent):,} tokens, requests sent: {self._spent.requests:,}; "
            "reviews that are done are kept, so raise the budget and run again to go on where this stopped"
        )


def _tokens(usage: Usage) -> int:
    """Tokens read and written, however they were priced."""
    return usage.input_tokens + usage.output_tokens + usage.cache_read_tokens + usage.cache_write_tokens
