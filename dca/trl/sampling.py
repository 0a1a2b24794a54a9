"""Continuations of a rollout from the middle, sampled from the policy without touching its training.

This module knows token ids and `generate`; it does not know steps, grades or values.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from transformers import GenerationConfig

from dca.credit.align import render
from dca.errors import InputError
from dca.trl.loan import own_randomness
from dca.trl.policy import Policy
from dca.types import Transcript


@dataclass(frozen=True, slots=True)
class Prefix:
    """The beginning of a rollout: its prompt, and `stop` characters of its completion."""

    transcript: Transcript
    stop: int

    @property
    def text(self) -> str:
        """The completion so far."""
        return self.transcript.completion[: self.stop]


@runtime_checkable
class Sampler(Protocol):
    """Whoever completes many prefixes at a time."""

    def complete_all(self, prefixes: Sequence[Prefix], samples: int, /) -> Sequence[Sequence[str]]:
        """For each prefix `samples` completions, the prefix's own text included."""
        ...


class PolicySampler:
    """Samples continuations with transformers' `generate`: ``PolicySampler(max_new_tokens=512)``.

    They are drawn from the plain softmax at `temperature`, whatever the model's own generation settings say, and so
    are the policy's. Meanwhile the model is in evaluation mode; afterwards it, and every generator of random numbers,
    is as it was.

    Args:
        model: A causal language model of transformers; None: the policy of the trainer it is used in.
        tokenizer: Of that model.
        max_new_tokens: The longest continuation.
        temperature: Of sampling; give the trainer's, so that values are those of the policy that is trained.
        batch_size: Continuations sampled side by side.
        seed: Where its random numbers start; they go on from call to call.

    Raises:
        InputError: A number is not positive, or only one of model and tokenizer is given.
    """

    def __init__(
        self,
        model: Any = None,
        tokenizer: Any = None,
        *,
        max_new_tokens: int,
        temperature: float = 1.0,
        batch_size: int = 64,
        seed: int = 0,
    ) -> None:
        options = {"max_new_tokens": max_new_tokens, "temperature": temperature, "batch_size": batch_size}
        for option, value in options.items():
            if not value > 0:
                raise InputError(f"{option} must be above 0, got {value!r}")
        self.max_new_tokens, self.temperature, self.batch_size = max_new_tokens, temperature, batch_size
        self._policy = Policy(model, tokenizer)
        self._seed, self._calls = seed, 0

    def use_policy(self, model: Any, tokenizer: Any) -> None:
        """Sample from this model from now on, unless one was given from the start."""
        self._policy.use(model, tokenizer)

    def restart(self, seed: int) -> None:
        """Begin the random numbers again, from this seed."""
        self._seed, self._calls = seed, 0

    @property
    def identity(self) -> str:
        """Whose continuations, and how they are sampled."""
        return f"{self._policy} temperature={self.temperature} max_new_tokens={self.max_new_tokens}"

    def __call__(self, prompt: str, prefix: str, samples: int) -> list[str]:
        """Continuations of one text, without the text itself."""
        (completions,) = self.complete_all([Prefix(Transcript(prompt, prefix, 0.0), len(prefix))], samples)
        return [text[len(prefix) :] for text in completions]

    def complete_all(self, prefixes: Sequence[Prefix], samples: int, /) -> list[list[str]]:
        """For each prefix `samples` completions, the prefix's own text included.

        A prefix goes on from the sampled token ids where they are known, else from its encoded text. A token that
        reaches over the end of the prefix belongs to it.

        Raises:
            RunError: There is no model, or it cannot be read.
        """
        begun = [self._begun(prefix) for prefix in prefixes]
        places = [n for n in range(len(prefixes)) for _ in range(samples)]
        places.sort(key=lambda n: sum(map(len, begun[n])))  # those of like length share a batch
        found: list[list[str]] = [[] for _ in prefixes]
        with self._policy.borrowed() as model, own_randomness(model.device, self._seed + self._calls):
            self._calls += 1
            for start in range(0, len(places), self.batch_size):
                batch = places[start : start + self.batch_size]
                written = self._generate(model, [[*begun[n][0], *begun[n][1]] for n in batch])
                for n, new in zip(batch, written, strict=True):
                    found[n].append(self._text(prefixes[n].text, begun[n][1], new))
        return found

    def _begun(self, prefix: Prefix) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The tokens of the prompt and of the completion so far."""
        tokens = self._policy.tokens(prefix.transcript, [prefix.stop])
        return tokens.prompt, tokens.completion[: tokens.counts[0]]

    def _text(self, text: str, ids: Sequence[int], new: Sequence[int]) -> str:
        """A whole completion: the prefix's text as it stands, then what the tokens spell beyond it."""
        table = self._policy.table
        whole = render(table.pieces([*ids, *new])).text
        return whole if whole.startswith(text) else text + whole[len(render(table.pieces(ids)).text) :]

    def _generate(self, model: Any, rows: Sequence[Sequence[int]]) -> list[list[int]]:
        """The new tokens of each row, up to and with the first end of sequence."""
        width, tokenizer = max(map(len, rows)), self._policy.tokenizer
        stops = _stops(getattr(model.generation_config, "eos_token_id", None)) | _stops(tokenizer.eos_token_id)
        pad = next((i for i in (tokenizer.pad_token_id, *sorted(stops)) if i is not None), 0)
        ids = [[pad] * (width - len(row)) + list(row) for row in rows]  # (B, L), padded on the left
        mask = [[0] * (width - len(row)) + [1] * len(row) for row in rows]
        settings = GenerationConfig(
            max_new_tokens=self.max_new_tokens,
            do_sample=True,
            temperature=self.temperature,
            top_k=0,
            top_p=1.0,
            pad_token_id=pad,
            eos_token_id=sorted(stops) or None,
            bos_token_id=tokenizer.bos_token_id,
            use_cache=True,
        )
        with _plain_settings(model):
            out = model.generate(
                input_ids=torch.tensor(ids, device=model.device),
                attention_mask=torch.tensor(mask, device=model.device),
                generation_config=settings,
            )
        return [_until(row, stops) for row in out[:, width:].tolist()]


@contextmanager
def _plain_settings(model: Any) -> Iterator[None]:
    """The model without generation settings of its own: `generate` would mix them into what it is told."""
    holders = [model, model.get_base_model()] if hasattr(model, "get_base_model") else [model]
    before = [holder.generation_config for holder in holders]
    try:
        for holder in holders:
            holder.generation_config = GenerationConfig()
        yield
    finally:
        for holder, settings in zip(holders, before, strict=True):
            holder.generation_config = settings


def _stops(ids: int | Sequence[int] | None) -> frozenset[int]:
    """End-of-sequence tokens, however many there are."""
    if ids is None:
        return frozenset()
    return frozenset((ids,) if isinstance(ids, int) else ids)


def _until(row: Sequence[int], stops: frozenset[int]) -> list[int]:
    """A row up to and with its first end of sequence; what comes after is padding."""
    end = next((at for at, token in enumerate(row) if token in stops), len(row) - 1)
    return list(row[: end + 1])
