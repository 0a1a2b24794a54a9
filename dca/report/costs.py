"""The table of `dca estimate`: ways of asking by what they take and cost.

It knows forecasts by their numbers and prices as a function from usage to dollars.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from rich.console import RenderableType
from rich.table import Table

from dca.usage import Usage


class Forecast(Protocol):
    """What one way of asking would use (`dca.estimate.Forecast`)."""

    def per_rollout(self, tokens: Callable[[Usage], int], /) -> float:
        """The mean of some count of tokens over the rollouts."""
        ...

    def dollars(self, price: Any, /) -> float | None:
        """What all of it costs; None where no price is known."""
        ...


def costs_view(forecasts: Mapping[str, Any], prices: Mapping[str, Any]) -> RenderableType:
    """A row for each way of asking, a column for each model.

    Args:
        forecasts: Name to forecast.
        prices: Model to its price, or None.
    """
    table = Table(title="tokens a rollout, and dollars in all", title_justify="left", header_style="bold")
    table.add_column("how it is asked", overflow="fold")
    for column in ("in", "cached", "out", *(model.removeprefix("claude-") for model in prices)):
        table.add_column(column, justify="right", overflow="fold")
    for name, one in forecasts.items():
        table.add_row(name, *_tokens(one), *(_dollars(one.dollars(price)) for price in prices.values()))
    return table


def costs(forecasts: Mapping[str, Any], prices: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The same as plain values: tokens a rollout for each way of asking, and dollars in all by model."""
    return [
        {
            "asked": name,
            "tokens_in": one.per_rollout(_read),
            "tokens_cached": one.per_rollout(lambda usage: usage.cache_read_tokens),
            "tokens_out": one.per_rollout(lambda usage: usage.output_tokens),
            "dollars": {model: one.dollars(price) for model, price in prices.items()},
        }
        for name, one in forecasts.items()
    ]


def _read(usage: Usage) -> int:
    return usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens


def _tokens(one: Forecast) -> tuple[str, str, str]:
    read = one.per_rollout(_read)
    cached = one.per_rollout(lambda u: u.cache_read_tokens)
    return f"{read:,.0f}", f"{cached:,.0f}", f"{one.per_rollout(lambda u: u.output_tokens):,.0f}"


def _dollars(amount: float | None) -> str:
    return "no price" if amount is None else f"${amount:,.2f}" if amount >= 0.1 else f"${amount:.4f}"
