"""What it would cost to record what is missing: tokens by counting, dollars by the price table. Sends nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dca.backends.prices import PriceTable
from dca.estimate import LISTED, forecast, load_of
from dca.suites.case import Suite
from dca.suites.tape import Standing


@dataclass(frozen=True, slots=True)
class Quote:
    """A forecast for the questions that have no recording.

    Attributes:
        requests: How many.
        tokens_in: About how many tokens they hold, the rubric in each.
        tokens_out: About how many tokens the replies take.
        dollars: By model, with the rubric cached by the provider; None where no price is known.
    """

    requests: int
    tokens_in: int
    tokens_out: int
    dollars: Mapping[str, float | None]


def quote(suite: Suite, standings: Iterable[Standing], prices: PriceTable, models: Iterable[str]) -> Quote:
    """The price of all that the standings want, by `dca.estimate`'s own counting."""
    steps = {case.name: len(case.steps) for case in suite.cases}
    loads = [
        load_of(request, 1, math.ceil(LISTED * steps[standing.case]))
        for standing in standings
        for request in standing.wanted
    ]
    total = forecast(loads, cached=True)
    return Quote(
        requests=len(loads),
        tokens_in=sum(load.rubric + load.question for load in loads),
        tokens_out=sum(load.reply for load in loads),
        dollars={model: total.dollars(prices.price(model)) for model in models},
    )
