"""What a review cost: requests, tokens and dollars, as a record that adds up.

This module knows nothing of prices or providers; whoever talks to a provider fills the record in.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Resources spent, over every attempt, successful or not.

    Attributes:
        requests: Requests sent (each transport retry and each re-ask counts).
        input_tokens: Tokens read at full price.
        output_tokens: Tokens written, thinking included.
        cache_read_tokens: Tokens the provider read from its prompt cache.
        cache_write_tokens: Tokens the provider wrote to its prompt cache.
        cost_usd: Dollars, by the price table in force; 0.0 where no price is known.
        reused: Reviews answered from a cache or a recording instead of a request.

    >>> (Usage(requests=1, input_tokens=10) + Usage(requests=2)).requests
    3
    """

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cost_usd: float = 0.0
    reused: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage.total((self, other))

    @staticmethod
    def total(usages: Iterable[Usage]) -> Usage:
        """The exact sum; dollars are added without rounding drift (`math.fsum`)."""
        rows = list(usages)
        return Usage(
            requests=sum(u.requests for u in rows),
            input_tokens=sum(u.input_tokens for u in rows),
            output_tokens=sum(u.output_tokens for u in rows),
            cache_read_tokens=sum(u.cache_read_tokens for u in rows),
            cache_write_tokens=sum(u.cache_write_tokens for u in rows),
            cost_usd=math.fsum(u.cost_usd for u in rows),
            reused=sum(u.reused for u in rows),
        )


NO_USAGE: Final = Usage()


class Tally:
    """A running total that stays exact however many small sums of dollars are added.

    >>> tally = Tally()
    >>> for _ in range(10):
    ...     tally.add(Usage(requests=1, cost_usd=0.1))
    >>> tally.total.requests, tally.total.cost_usd
    (10, 1.0)
    """

    def __init__(self) -> None:
        self._counts, self._dollars = NO_USAGE, Fraction(0)

    def add(self, usage: Usage) -> None:
        """Add what one review cost."""
        self._counts += usage
        self._dollars += Fraction(usage.cost_usd)

    @property
    def total(self) -> Usage:
        """Everything added so far."""
        return replace(self._counts, cost_usd=float(self._dollars))
