"""What tokens cost: one dated table of list prices, and the sum for one request.

The table (`dca/data/prices.json`) says when and where its prices were read. It does not know discounts, batches,
gateways that charge their own prices, or what a model you serve yourself costs to run: a model it does not list
has no known price, its cost counts as 0.0, and `PriceTable.note` says so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from dca.errors import InputError
from dca.usage import Usage

_FILE: Final = Path(__file__).parents[1] / "data" / "prices.json"
_DATED: Final = re.compile(r"-\d{8}$")
_MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """US dollars per million tokens, by what happens to the token."""

    input: float
    output: float
    cache_read: float
    cache_write: float

    def cost(self, usage: Usage) -> float:
        """Dollars for the tokens of `usage` at these rates."""
        return (
            usage.input_tokens * self.input
            + usage.output_tokens * self.output
            + usage.cache_read_tokens * self.cache_read
            + usage.cache_write_tokens * self.cache_write
        ) / _MILLION


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """The price of one model.

    Attributes:
        rates: What a request costs.
        above: Prompt tokens (cached ones included) above which the whole request costs `long_rates`, or None.
        long_rates: What such a long request costs.
    """

    rates: Rates
    above: int | None = None
    long_rates: Rates | None = None

    def cost(self, usage: Usage) -> float:
        """Dollars for *one* request: the tier depends on the length of its prompt, so sums must be priced apart.

        >>> rates = Rates(input=1.0, output=5.0, cache_read=0.1, cache_write=1.25)
        >>> Price(rates=rates).cost(Usage(input_tokens=1_000_000))
        1.0
        """
        prompt = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens
        if self.long_rates is not None and self.above is not None and prompt > self.above:
            return self.long_rates.cost(usage)
        return self.rates.cost(usage)


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTable:
    """List prices by model name, with the day and the page they were read from."""

    date: str
    source: str
    models: Mapping[str, Price]

    def price(self, model: str) -> Price | None:
        """The price of a model, or None where none is known.

        A gateway's prefix and a snapshot's date are left aside: ``anthropic/claude-haiku-4-5-20251001`` costs what
        ``claude-haiku-4-5`` costs.
        """
        name = model.rpartition("/")[2]
        return self.models.get(name) or self.models.get(_DATED.sub("", name))

    def priced(self, model: str, usage: Usage) -> Usage:
        """`usage` of one request with its cost filled in; 0.0 where no price is known."""
        price = self.price(model)
        return usage if price is None else replace(usage, cost_usd=price.cost(usage))

    def note(self, model: str) -> str:
        """One sentence for whoever reads a cost: where the price comes from, or that there is none."""
        if self.price(model) is None:
            return f"no price is known for {model!r} (table of {self.date}): its cost is counted as $0"
        return f"{model}: list prices of {self.date} from {self.source}"


@cache
def load_prices(path: Path = _FILE) -> PriceTable:
    """Read the price table; once per path.

    Raises:
        InputError: The file cannot be read as a price table.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        models = {name: _price(entry) for name, entry in data["models"].items()}
        return PriceTable(date=data["date"], source=data["source"], models=MappingProxyType(models))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: expected a price table with date, source and models; {error!r}") from error


def _price(entry: Mapping[str, Any]) -> Price:
    """One model's entry."""
    tier = entry.get("long_prompt")
    if tier is None:
        return Price(rates=_rates(entry))
    return Price(rates=_rates(entry), above=int(tier["above"]), long_rates=_rates(tier))


def _rates(entry: Mapping[str, Any]) -> Rates:
    """The four rates of an entry or of its tier."""
    return Rates(**{name: float(entry[name]) for name in ("input", "output", "cache_read", "cache_write")})
