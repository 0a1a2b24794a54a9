"""A model with its tokenizer, given for good or lent by a trainer, and rollouts as that model's token ids.

This module knows tokens and where in them a text's characters are; it does not know what is asked of the model.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

from dca.credit.align import Rendering, render
from dca.errors import InputError, RunError
from dca.trl.loan import borrowed
from dca.trl.rendering import TokenTable
from dca.types import Transcript


@dataclass(frozen=True, slots=True)
class Tokens:
    """A rollout as token ids.

    Attributes:
        prompt: (P,) token ids.
        completion: (T,) token ids.
        counts: How many of the completion's tokens begin before each place that was asked about.
    """

    prompt: tuple[int, ...]
    completion: tuple[int, ...]
    counts: tuple[int, ...]


class Policy:
    """A causal language model of transformers and its tokenizer: the user's own, or whatever a trainer lends.

    Args:
        model: Given here it stays; None: what `use` says.
        tokenizer: Of that model, or a processor that holds it.

    Raises:
        InputError: Only one of the two is given.
    """

    def __init__(self, model: Any = None, tokenizer: Any = None) -> None:
        if (model is None) != (tokenizer is None):
            raise InputError("expected a model and its tokenizer, or neither for the policy's own; got only one")
        self.frozen = model is not None
        self._take(model, tokenizer)

    def _take(self, model: Any, tokenizer: Any) -> None:
        self._model, self._tokenizer = model, getattr(tokenizer, "tokenizer", tokenizer)
        self._table = None if tokenizer is None else TokenTable(tokenizer)

    def use(self, model: Any, tokenizer: Any) -> bool:
        """Take what a trainer lends, unless a model was given from the start; whether this changed anything."""
        inner = getattr(tokenizer, "tokenizer", tokenizer)
        if self.frozen or (model is self._model and inner is self._tokenizer):
            return False
        self._take(model, tokenizer)
        return True

    def __getstate__(self) -> dict[str, Any]:
        """A lent model is not taken along: whoever unpickles this connects it to theirs."""
        return self.__dict__ if self.frozen else {"frozen": False, "_model": None, "_tokenizer": None, "_table": None}

    def __str__(self) -> str:
        if not self.frozen:
            return "the policy"
        return str(getattr(getattr(self._model, "config", None), "_name_or_path", "") or "a frozen model")

    @property
    def table(self) -> TokenTable:
        """The tokenizer's table.

        Raises:
            RunError: There is no model yet.
        """
        if self._table is None:
            raise RunError(
                "expected a model to read and none is there; give one with its tokenizer, or use the reviewer in a "
                "DCAReward, which connects it to the trainer's policy"
            )
        return self._table

    @property
    def room(self) -> int | None:
        """The most tokens that the model says it reads; None where it does not say."""
        room = getattr(getattr(self._model, "config", None), "max_position_embeddings", None)
        return room if isinstance(room, int) and room > 0 else None

    @property
    def tokenizer(self) -> Any:
        """The tokenizer; raises as `table` does."""
        return self._tokenizer if self.table else None

    @contextmanager
    def borrowed(self) -> Iterator[Any]:
        """The bare model, to be read; see `dca.trl.loan.borrowed`. Raises as `table` does, too."""
        if self.table:
            with borrowed(self._model) as model:
                yield model

    def encode(self, text: str, *, special: bool = False) -> tuple[int, ...]:
        """A text's token ids, with the special tokens a sequence begins with where asked for."""
        return tuple(self.tokenizer(text, add_special_tokens=special)["input_ids"]) if text or special else ()

    def tokens(self, transcript: Transcript, edges: Sequence[int]) -> Tokens:
        """A rollout as token ids, and how many of its tokens begin before some places in its text.

        The sampled ids that came with the transcript, where this tokenizer spells the completion with them; else the
        text is encoded, each part between two places by itself. The tokens before a place do not end in ones that
        stand for nothing (an end of turn).

        Args:
            transcript: With "prompt_ids" and "completion_ids" in its metadata, where known.
            edges: (N,) character offsets into the completion, not decreasing.
        """
        told = transcript.metadata
        ids, prompt = told.get("completion_ids"), told.get("prompt_ids")
        rendering = None if ids is None else self._rendered(ids)
        if ids is not None and rendering is not None and rendering.text == transcript.completion:
            starts = (0, *rendering.ends)[: len(ids)]
            counts = tuple(bisect_left(starts, byte) for byte in rendering.byte_offsets(edges))
        else:
            parts = [self.encode(transcript.completion[a:b]) for a, b in pairwise((0, *edges))]
            ids, prompt = [token for part in parts for token in part], None
            counts = tuple(accumulate(map(len, parts)))
        prompt = self.encode(transcript.prompt, special=True) if prompt is None else prompt
        return Tokens(tuple(prompt), tuple(ids), counts)

    def _rendered(self, ids: Sequence[int]) -> Rendering | None:
        """What ids spell, or None where they are no ids of this tokenizer."""
        try:
            return render(self.table.pieces(ids))
        except InputError:
            return None
