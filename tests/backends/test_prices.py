"""List prices: one dated table, a tier by prompt length, and honesty about models it does not list."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from dca.backends.prices import Price, Rates, load_prices
from dca.errors import InputError
from dca.usage import Usage

MILLION = Usage(input_tokens=1_000_000)


class TestTable:
    def test_dated_and_sourced(self) -> None:
        """The table says when and where its prices were read."""
        table = load_prices()
        assert datetime.date.fromisoformat(table.date) <= datetime.date(2100, 1, 1)
        assert table.source.startswith("https://")

    def test_every_price_makes_sense(self) -> None:
        """Output costs more than input, a cache read less, and a five-minute cache write a quarter more."""
        for name, price in load_prices().models.items():
            for rates in filter(None, (price.rates, price.long_rates)):
                assert rates.cache_read < rates.input < rates.output, name
                assert rates.cache_write == pytest.approx(1.25 * rates.input), name

    @pytest.mark.parametrize(
        ("name", "dollars"),
        [
            ("claude-sonnet-5-5", 2.0),
            ("claude-haiku-4-5", 1.0),
            ("claude-haiku-4-5-20251001", 1.0),
            ("anthropic/claude-opus-5-5", 4.0),
            ("Qwen/Qwen3-8B", None),
            ("claude-of-tomorrow", None),
        ],
    )
    def test_names(self, name: str, dollars: float | None) -> None:
        """A gateway's prefix and a snapshot's date do not matter; an unknown model has no price."""
        price = load_prices().price(name)
        assert (price and price.rates.input) == dollars

    def test_unknown_says_so(self) -> None:
        """A model without a known price costs 0.0, and the note says why."""
        table = load_prices()
        assert table.priced("my-model", MILLION) == MILLION
        assert "no price is known for 'my-model'" in table.note("my-model")
        assert table.date in table.note("claude-haiku-5-5")

    def test_priced_once(self) -> None:
        """The cost is filled in from the tokens; the rest of the usage stays."""
        priced = load_prices().priced("claude-opus-5-5", Usage(requests=1, output_tokens=1000))
        assert priced == Usage(requests=1, output_tokens=1000, cost_usd=0.02)


class TestTiers:
    @pytest.mark.parametrize(
        ("usage", "dollars"),
        [
            (Usage(input_tokens=100_000), 0.01),
            (Usage(input_tokens=100_001), 0.0500005),
            (Usage(input_tokens=50_000, cache_read_tokens=50_001), 0.0275),
            (Usage(input_tokens=1000, output_tokens=200_000), 0.1001),
        ],
    )
    def test_by_the_prompt(self, usage: Usage, dollars: float) -> None:
        """Above 100,000 prompt tokens, cached ones included, every token of the request costs five times as much."""
        price = load_prices().price("claude-haiku-5-5")
        assert price is not None
        assert price.cost(usage) == pytest.approx(dollars, rel=1e-4)

    def test_every_kind_of_token(self) -> None:
        """Each kind has a rate of its own."""
        price = Price(rates=Rates(input=1, output=10, cache_read=100, cache_write=1000))
        usage = Usage(input_tokens=1, output_tokens=1, cache_read_tokens=1, cache_write_tokens=1)
        assert price.cost(usage) == pytest.approx(1111e-6)


class TestFile:
    @pytest.mark.parametrize(
        "text", ["", "[]", '{"date": "2026-01-01", "source": "x", "models": {"m": {"input": 1}}}']
    )
    def test_broken(self, tmp_path: Path, text: str) -> None:
        """A file that is no price table is named in the error."""
        path = tmp_path / "prices.json"
        path.write_text(text)
        with pytest.raises(InputError, match=r"prices\.json: expected a price table"):
            load_prices(path)
