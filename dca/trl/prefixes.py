"""How likely a continuation is after each of many prefixes of one sequence, without reading the sequence many times.

    l_n = mean over scored tokens j of  log p(suffix_j | ids[:end_n], suffix_<j)

Two ways that give the same numbers: `packed` reads the sequence once and all suffixes in a second pass over its
cache, each seeing its own prefix only; `one_by_one` reads every prefix anew, with any causal model. This module knows
token ids and models; it does not know steps, answers or credit.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from dca.types import POLICY, Step


@dataclass(frozen=True, slots=True)
class Probe:
    """One sequence, its prefixes, and the continuation whose likelihood is asked after each.

    Attributes:
        ids: (L,) token ids.
        ends: (N,) lengths of prefixes, each from 1 to L.
        suffix: (S,) token ids, the last of them scored.
        first: The first scored token of the suffix.
    """

    ids: tuple[int, ...]
    ends: tuple[int, ...]
    suffix: tuple[int, ...]
    first: int = 0

    def __post_init__(self) -> None:
        if not all(1 <= end <= len(self.ids) for end in self.ends):
            raise ValueError(f"prefixes must hold 1 to {len(self.ids)} tokens, got {self.ends}")
        if not 0 <= self.first < len(self.suffix):
            raise ValueError(f"a suffix of {len(self.suffix)} tokens must score one, got first={self.first}")


def horizons(steps: Sequence[Step]) -> list[int]:
    """How many steps lie behind the baseline and behind each step, what the environment answered to it included.

    A tool's answer is the consequence of the step that asked for it, so a value is taken after it.

    Returns:
        (K+1,) counts of steps, not decreasing.

    >>> authors = ("policy", "tool", "policy")
    >>> horizons([Step(k, k, k + 1, "x", author) for k, author in enumerate(authors)])
    [0, 2, 2, 3]
    """
    counts = [len(steps)]
    for k in range(len(steps) - 1, -1, -1):
        counts.append(k if steps[k].author == POLICY else counts[-1])
    return counts[::-1]


def one_by_one(model: Any, probes: Sequence[Probe], tokens_per_forward: int) -> list[list[float]]:
    """Score every prefix by reading it anew: sum over n of end_n tokens, right for any causal model.

    Args:
        model: A causal language model of transformers, in evaluation mode.
        probes: B sequences.
        tokens_per_forward: Prefixes share a forward pass while they hold no more tokens than this.

    Returns:
        For each probe (N,) mean log-probabilities.
    """
    rows = [(b, end) for b, probe in enumerate(probes) for end in sorted(set(probe.ends))]
    found: dict[tuple[int, int], float] = {}
    for chunk in _chunks([end + len(probes[b].suffix) for b, end in rows], tokens_per_forward):
        places = [rows[n] for n in chunk]
        held = [probes[b] for b, _ in places]
        read = [probe.ids[:end] + probe.suffix[:-1] for probe, (_, end) in zip(held, places, strict=True)]
        width = max(map(len, read))
        mask = _tensor([(0,) * (width - len(row)) + (1,) * len(row) for row in read], model.device)  # (n, W)
        keep = max(len(probe.suffix) - probe.first for probe in held)
        logits = _logits(
            model,
            keep=torch.arange(width - keep, width, device=model.device),
            input_ids=_tensor([(0,) * (width - len(row)) + row for row in read], model.device),  # (n, W)
            attention_mask=mask,
            position_ids=(mask.cumsum(1) - 1).clamp(min=0),
            use_cache=False,
        )  # (n, keep, V)
        for row, probe, place in zip(logits, held, places, strict=True):
            scored = probe.suffix[probe.first :]
            (found[place],) = _mean_logprobs(row[None, -len(scored) :], scored)
    return [[found[b, end] for end in probe.ends] for b, probe in enumerate(probes)]


def packed(model: Any, probes: Sequence[Probe], tokens_per_forward: int) -> list[list[float]]:
    """Score all prefixes in two passes: the sequence once, then every suffix over its own part of the cache.

    A suffix is read as a block behind the sequence: the prefix's last token again, then the suffix but for its last
    token, at the positions that follow the prefix. A mask lets it see the cache before that token, and itself. That
    takes L + N S tokens instead of N L.

    Args:
        model: A causal language model of transformers, in evaluation mode, for which `packs` is true.
        probes: B sequences.
        tokens_per_forward: Sequences, and then suffixes, share a pass while they hold no more tokens than this.

    Returns:
        For each probe (N,) mean log-probabilities, equal to those of `one_by_one` to rounding.
    """
    found: list[dict[int, float]] = [{} for _ in probes]
    for rows in _chunks([max(probe.ends) for probe in probes], tokens_per_forward):
        held = [probes[b] for b in rows]
        ends = [sorted(set(probe.ends)) for probe in held]
        width, size = max(last[-1] for last in ends), max(len(probe.suffix) for probe in held)  # L, S
        cache = _cache(model, [probe.ids[: last[-1]] for probe, last in zip(held, ends, strict=True)], width)
        count = max(1, tokens_per_forward // (size * len(held)))
        for start in range(0, max(map(len, ends)), count):
            blocks = [last[start : start + count] for last in ends]
            scores = _block_scores(model, held, blocks, cache, width)
            for b, row, told in zip(rows, blocks, scores, strict=True):
                found[b].update(zip(row, told, strict=True))
            cache.crop(-size * max(map(len, blocks)))
    return [[told[end] for end in probe.ends] for told, probe in zip(found, probes, strict=True)]


def packs(model: Any) -> bool:
    """Whether `packed` may be used: full attention in every layer, by an implementation that takes a mask."""
    config = model.config.get_text_config()
    layers = getattr(config, "layer_types", None)
    full = set(layers) == {"full_attention"} if layers else not getattr(config, "sliding_window", None)
    return full and getattr(config, "_attn_implementation", None) in ("sdpa", "eager")


def _cache(model: Any, read: Sequence[tuple[int, ...]], width: int) -> Any:
    """The keys and values of B sequences, padded on the right to `width` tokens."""
    return model(
        **_keep(model, torch.arange(1, device=model.device)),
        input_ids=_tensor([row + (0,) * (width - len(row)) for row in read], model.device),  # (B, L)
        attention_mask=_tensor([(1,) * len(row) + (0,) * (width - len(row)) for row in read], model.device),
        use_cache=True,
    ).past_key_values


def _block_scores(
    model: Any, probes: Sequence[Probe], blocks: Sequence[Sequence[int]], cache: Any, width: int
) -> list[list[float]]:
    """Read one block for each prefix behind a cache of `width` tokens: for each probe, a score for each block."""
    device = model.device
    size, count = max(len(probe.suffix) for probe in probes), max(map(len, blocks))  # S, N
    read = []
    for probe, row in zip(probes, blocks, strict=True):
        tail = (*probe.suffix[:-1], *(0,) * (size - len(probe.suffix)))
        ids = [token for end in row for token in (probe.ids[end - 1], *tail)]
        read.append(ids + [0] * (count * size - len(ids)))
    ends = _tensor([[*row, *[1] * (count - len(row))] for row in blocks], device)  # (B, N)
    steps = torch.arange(size, device=device)  # (S,)
    first = min(probe.first for probe in probes)
    logits = _logits(
        model,
        keep=(torch.arange(count, device=device)[:, None] * size + steps[first:]).flatten(),
        input_ids=_tensor(read, device),  # (B, N S)
        attention_mask=_block_mask(ends, size, width, model.dtype),
        position_ids=((ends - 1)[:, :, None] + steps).flatten(1),  # (B, N S)
        past_key_values=cache,
        use_cache=True,
    ).unflatten(1, (count, size - first))  # (B, N, S - first, V)
    return [
        _mean_logprobs(told[: len(row), probe.first - first : len(probe.suffix) - first], probe.suffix[probe.first :])
        for told, row, probe in zip(logits, blocks, probes, strict=True)
    ]


def _block_mask(ends: torch.Tensor, size: int, width: int, dtype: torch.dtype) -> torch.Tensor:
    """(B, 1, N S, L + N S) what is added to attention scores: 0 where a block looks, the least number elsewhere.

    Every token sees itself, those of padding too, so that no row is without anything to look at.
    """
    rows, count = ends.shape
    place = torch.arange(width, device=ends.device)  # (L,)
    seen = (place < (ends - 1)[:, :, None]).repeat_interleave(size, dim=1)  # (B, N S, L)
    own = torch.arange(count * size, device=ends.device)  # (N S,)
    same = (own[:, None] // size == own // size) & (own <= own[:, None])  # (N S, N S)
    looks = torch.cat([seen, same.expand(rows, -1, -1)], dim=2)[:, None]
    return torch.zeros(looks.shape, dtype=dtype, device=ends.device).masked_fill_(~looks, torch.finfo(dtype).min)


def _logits(model: Any, *, keep: torch.Tensor, **told: Any) -> torch.Tensor:
    """(B, len(keep), V) the logits at some positions."""
    options = _keep(model, keep)
    logits: torch.Tensor = model(**options, **told).logits
    return logits if options else logits[:, keep]


def _keep(model: Any, positions: torch.Tensor) -> dict[str, torch.Tensor]:
    """How to tell the model to compute few logits, where it can be told."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    takes = "logits_to_keep" in inspect.signature(inner.forward).parameters
    return {"logits_to_keep": positions} if takes else {}


def _mean_logprobs(logits: torch.Tensor, tokens: Sequence[int]) -> list[float]:
    """(N,) the mean log-probability of some tokens; logits (N, S, V) are those that predict them."""
    scores = logits.float()
    index = torch.tensor(tokens, device=scores.device).expand(len(scores), -1)[:, :, None]  # (N, S, 1)
    means: list[float] = (scores.gather(2, index)[:, :, 0] - scores.logsumexp(2)).mean(1).tolist()
    return means


def _tensor(rows: Sequence[Sequence[int]], device: torch.device) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.long, device=device)


def _chunks(sizes: Sequence[int], limit: int) -> Iterator[list[int]]:
    """Places in order of size, as many together as keep their number times the largest within the limit."""
    chunk: list[int] = []
    for place in sorted(range(len(sizes)), key=sizes.__getitem__):
        if chunk and sizes[place] * (len(chunk) + 1) > limit:
            yield chunk
            chunk = []
        chunk.append(place)
    if chunk:
        yield chunk
