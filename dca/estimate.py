"""What a review would cost, before anything is spent: tokens by counting, dollars by the price table.

Tokens are estimated, not asked for. The weights were fitted to the last tokenizer that Anthropic published (Claude 2,
in the package anthropic 0.30.0) on prose, mathematics, code, JSON and Chinese (see `benchmarks/token_estimate.py`);
newer models' tokenizers are counted as 30 % more. What a reply takes is an assumption, stated below. Nothing is sent.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from types import MappingProxyType
from typing import Final

from dca.backends.prices import Price
from dca.messages import Request
from dca.review.llm import LLMReviewer, Sheet
from dca.usage import Usage

NEWER_TOKENIZER: Final = 1.3
"""Tokens of current models for one of the published tokenizer (the provider's documentation says about 30 % more)."""

LISTED: Final = 0.3
"""Share of steps that a sparse reply lists: an assumption; a rubric that asks for every step makes it 1."""

_PIECES: Final = re.compile(
    r"(?P<word>[A-Za-z]+)|(?P<digits>[0-9]+)|(?P<blank>\s+)|(?P<marks>[!-/:-@\[-`{-~]+)|(?P<other>\S)"
)
_WORD, _DIGIT, _BREAK, _MARKS, _MARK, _OTHER = 1.08, 0.51, 0.86, 1.03, 0.20, 1.07
THINKING: Final = MappingProxyType({"off": 0, "low": 400, "medium": 1_500, "high": 5_000})
"""Tokens of thinking in a request, by effort: an assumption."""

_ENTRY: Final = {"index": 17, "reason": "word " * 15, "label": "progress", "score": 1, "of": 12}
_SENTENCE: Final = (
    "This step does something of note, which the reviewer says in a whole sentence of ordinary length. " * 2
)


def count_tokens(text: str) -> int:
    """About how many tokens a current model reads in a text.

    >>> count_tokens("So the total is 54 + 18 = 72 clips.")
    16
    """
    count = 0.0
    for piece in _PIECES.finditer(text):
        size = piece.end() - piece.start()
        match piece.lastgroup:
            case "word":
                count += _WORD
            case "digits":
                count += _DIGIT * size
            case "blank":
                count += _BREAK if "\n" in piece.group() else 0.0
            case "marks":
                count += _MARKS + _MARK * (size - 1)
            case _:
                count += _OTHER
    return math.ceil(count * NEWER_TOKENIZER)


@dataclass(frozen=True, slots=True)
class Load:
    """The tokens of one request, by what happens to them."""

    rubric: int
    question: int
    reply: int
    rollouts: int = 1


def load_of(request: Request, rollouts: int, listed: int) -> Load:
    """Count one request of a reviewer and the reply it will likely get."""
    rubric = count_tokens(request.system) + count_tokens(json.dumps(dict(request.schema)))
    question = sum(count_tokens(message.text) for message in request.messages)
    reply = 30 * rollouts + count_tokens(json.dumps(_ENTRY)) * listed + THINKING[request.effort]
    return Load(rubric, question, reply, rollouts)


@dataclass(frozen=True, slots=True)
class Forecast:
    """What all requests together would use.

    Attributes:
        rollouts: How many rollouts they review.
        requests: One usage for each request; prices depend on the length of single requests.
        factor: How many times these requests there are, where only a sample was counted.
    """

    rollouts: int
    requests: tuple[Usage, ...]
    factor: float = 1.0

    def per_rollout(self, tokens: Callable[[Usage], int]) -> float:
        """The mean of some count of tokens over the rollouts."""
        return sum(map(tokens, self.requests)) / max(1, self.rollouts)

    def dollars(self, price: Price | None) -> float | None:
        """What they cost at a price; None where no price is known."""
        return None if price is None else self.factor * math.fsum(price.cost(usage) for usage in self.requests)


def forecast(loads: Iterable[Load], *, cached: bool) -> Forecast:
    """Add loads up, with the rubric read from the provider's prompt cache or not (the first request writes it)."""
    usages, rollouts = [], 0
    for k, load in enumerate(loads):
        rollouts += load.rollouts
        usage = Usage(requests=1, input_tokens=load.question, output_tokens=load.reply)
        if not cached:
            usage = replace(usage, input_tokens=load.question + load.rubric)
        elif k == 0:
            usage = replace(usage, cache_write_tokens=load.rubric)
        else:
            usage = replace(usage, cache_read_tokens=load.rubric)
        usages.append(usage)
    return Forecast(rollouts, tuple(usages))


def scaled(forecasts: Mapping[str, Forecast], factor: float) -> dict[str, Forecast]:
    """The same forecasts for `factor` times as many rollouts."""
    return {name: replace(one, factor=factor) for name, one in forecasts.items()}


def loads(reviewer: LLMReviewer, rows: Iterable[Sheet]) -> Iterator[Load]:
    """The requests that a reviewer would send for rows in this order, counted one at a time."""
    for _, alike in groupby(rows, key=lambda row: row[0].prompt):
        batch: list[Sheet] = []
        for row in alike:
            batch.append(row)
            if len(batch) == reviewer.rollouts_per_request:
                yield from _batch_loads(reviewer, batch)
                batch = []
        yield from _batch_loads(reviewer, batch)


def _batch_loads(reviewer: LLMReviewer, batch: list[Sheet]) -> Iterator[Load]:
    listed = math.ceil(LISTED * sum(len(steps) for _, steps in batch))
    for k, request in enumerate(reviewer.requests(batch)):
        load = load_of(request, len(batch), listed)
        yield load if k % reviewer.votes == 0 else replace(load, rollouts=0)  # further votes on the same rollouts


def shapes(single: LLMReviewer, grouped: LLMReviewer, rows: list[Sheet]) -> Mapping[str, Forecast]:
    """The same rollouts reviewed in the ways that people review, for comparison.

    Args:
        single: A reviewer that sends one rollout a request.
        grouped: The same with several rollouts of one prompt a request.
        rows: The rollouts.
    """
    sentence = count_tokens(_SENTENCE)
    alone, prose, each = list[Load](), list[Load](), list[Load]()
    for row in rows:
        steps = len(row[1])
        for load in loads(single, [row]):  # one for each vote; none where the policy wrote nothing
            alone.append(load)
            prose.append(replace(load, reply=sentence * steps))
            each.append(replace(load, reply=sentence + 12))
            each.extend([replace(each[-1], rollouts=0)] * (steps - 1))
    together = list(loads(grouped, rows))
    return {
        "a call a step": forecast(each, cached=False),
        "one pass, prose": forecast(prose, cached=False),
        "one pass, sparse": forecast(alone, cached=False),
        "sparse, rubric cached": forecast(alone, cached=True),
        f"{grouped.rollouts_per_request} rollouts a request": forecast(together, cached=True),
    }
