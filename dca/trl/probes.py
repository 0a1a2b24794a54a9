"""A model as the policy that evidence is asked of: log-probabilities and continuations, batched and remembered.

It fits `dca.performativity.policy.Policy`. This module knows texts, tokens and models; it does not know what the
questions are about.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from dca.credit.align import render
from dca.errors import InputError
from dca.performativity.inertness import SEPARATOR
from dca.performativity.questions import Questions
from dca.trl.policy import Policy as Lent
from dca.trl.prefixes import Probe, one_by_one
from dca.trl.sampling import PolicySampler, Prefix
from dca.types import Transcript


@dataclass(frozen=True, slots=True)
class Forecast:
    """What answering would cost, before anything is asked.

    Attributes:
        forwards: Forward passes that score continuations.
        tokens: Tokens they read, padding included.
        samples: Continuations sampled.
        sampled_tokens: The most tokens these can have.
    """

    forwards: int
    tokens: int
    samples: int
    sampled_tokens: int

    def __add__(self, other: Forecast) -> Forecast:
        """Both together."""
        pairs = zip(astuple(self), astuple(other), strict=True)
        return Forecast(*(one + two for one, two in pairs))

    def times(self, factor: float) -> Forecast:
        """So many times this, where only a sample was counted."""
        return Forecast(*(round(factor * one) for one in astuple(self)))

    def __str__(self) -> str:
        return (
            f"{self.forwards:,} forward passes over {self.tokens:,} tokens, and {self.samples:,} continuations of "
            f"{self.sampled_tokens:,} tokens at most"
        )


class ModelPolicy:
    """A causal language model of transformers, asked about texts.

    Answers are remembered by content, so that no question is answered twice; `forget` them once the model has learned
    more.
    The model is put in evaluation mode to be read, and random numbers and modes are afterwards as they were.

    Args:
        model: Given here it stays; None: what `use_policy` says, as a trainer does.
        tokenizer: Of that model, or a processor that holds it.
        encode_prompt: The token ids of a prompt that is known (see `know`), where its text alone does not give what
            the policy read: a chat template. Unless told, the text's own ids.
        max_new_tokens: The longest continuation.
        temperature: Of sampling; give the trainer's.
        tokens_per_forward: The most tokens a forward pass holds (one text may be longer).
        batch_size: Continuations sampled side by side.
        seed: Of sampling.

    Raises:
        InputError: A number is not positive, or only one of model and tokenizer is given.
    """

    def __init__(
        self,
        model: Any = None,
        tokenizer: Any = None,
        *,
        encode_prompt: Callable[[str], Sequence[int]] | None = None,
        max_new_tokens: int = 256,
        temperature: float = 1.0,
        tokens_per_forward: int = 16_384,
        batch_size: int = 64,
        seed: int = 0,
    ) -> None:
        if tokens_per_forward < 1:
            raise InputError(f"tokens_per_forward must be above 0, got {tokens_per_forward!r}")
        self.encode_prompt, self.tokens_per_forward = encode_prompt, tokens_per_forward
        self._lent = Lent(model, tokenizer)
        self._sampler = PolicySampler(
            model,
            tokenizer,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            batch_size=batch_size,
            seed=seed,
        )
        self._prompts: dict[str, tuple[int, ...] | None] = {}
        self.forget()

    def forget(self) -> None:
        """Drop every answer: the model is another, or has learned."""
        self._scores: dict[tuple[str, str], float] = {}
        self._texts: dict[tuple[str, int], tuple[str, ...]] = {}

    def restart(self, seed: int, /) -> None:
        """Drop every answer, and sample from this seed."""
        self.forget()
        self._sampler.restart(seed)

    def use_policy(self, model: Any, tokenizer: Any) -> None:
        """Ask this model from now on, unless one was given from the start."""
        self._sampler.use_policy(model, tokenizer)
        if self._lent.use(model, tokenizer):
            self.forget()

    def know(self, transcripts: Iterable[Transcript]) -> None:
        """Make prompts known, so that a text that begins with one is read as the policy read it.

        The ids that came with a transcript count, then `encode_prompt`, then the text's own.
        """
        for transcript in transcripts:
            told = transcript.metadata.get("prompt_ids")
            if told is not None or transcript.prompt not in self._prompts:
                self._prompts[transcript.prompt] = None if told is None else tuple(told)

    def log_probabilities(self, pairs: Sequence[tuple[str, str]], /) -> list[float]:
        """For each (prefix, continuation) the log-probability of the continuation, in nat.

            log P = sum over the continuation's tokens j of  log p(token_j | prefix, tokens before j)

        A token that reaches over the end of the prefix belongs to the continuation.

        Raises:
            InputError: A prefix or a continuation has no token.
            RunError: There is no model, or it cannot be read.
        """
        self.ask(Questions(pairs=tuple(pairs)))
        return [self._scores[pair] for pair in pairs]

    def continuations(self, prefix: str, count: int, /) -> tuple[str, ...]:
        """So many continuations of a prefix, without the prefix itself.

        Raises:
            RunError: There is no model, or it cannot be read.
        """
        self.ask(Questions(beginnings=((prefix, count),)))
        return self._texts[prefix, count]

    def ask(self, questions: Questions, /) -> None:
        """Answer what is not known yet, side by side, and remember it."""
        pairs, probes = self._open(questions)
        with self._lent.borrowed() as model:
            for rows in self._batches(probes):
                told = one_by_one(model, [probes[n] for n in rows], self.tokens_per_forward)
                for n, (mean,) in zip(rows, told, strict=True):
                    self._scores[pairs[n]] = mean * (len(probes[n].suffix) - probes[n].first)
        counts = sorted({count for key in questions.beginnings if key not in self._texts for count in key[1:]})
        for count in counts:
            new = [prefix for prefix, n in questions.beginnings if n == count and (prefix, n) not in self._texts]
            texts = self._sampler.complete_all([self._begun(prefix) for prefix in new], count)
            for prefix, told_texts in zip(new, texts, strict=True):
                rest = len(self._begun(prefix).text)
                self._texts[prefix, count] = tuple(text[rest:] for text in told_texts)

    def obstacle(self, questions: Questions, /) -> str | None:
        """Why the model cannot answer: a text without tokens, or one longer than it reads; None where it can."""
        try:
            _, probes = self._open(questions)
        except InputError:
            return "a text without tokens"
        begun = [self._parted(prefix) for prefix, _ in questions.beginnings]
        sizes = [len(lead) + len(self._lent.encode(rest)) for lead, _, rest in begun]
        if not all(sizes):
            return "a text without tokens"
        room = self._lent.room
        longest = max((*map(_size, probes), *(size + self._sampler.max_new_tokens for size in sizes)), default=0)
        if room is not None and longest > room:
            return f"longer than the {room:,} tokens that the model reads"
        return None

    def forecast(self, questions: Questions) -> Forecast:
        """What answering would cost; what is remembered costs nothing."""
        _, probes = self._open(questions)
        sizes = [[_size(probes[n]) for n in rows] for rows in self._batches(probes)]
        samples = sum(count for prefix, count in questions.beginnings if (prefix, count) not in self._texts)
        return Forecast(
            forwards=len(sizes),
            tokens=sum(len(rows) * max(rows) for rows in sizes),
            samples=samples,
            sampled_tokens=samples * self._sampler.max_new_tokens,
        )

    def _open(self, questions: Questions) -> tuple[list[tuple[str, str]], list[Probe]]:
        """The pairs that have no answer yet, and how the model is asked about them."""
        pairs = [pair for pair in dict.fromkeys(questions.pairs) if pair not in self._scores]
        return pairs, [self._probe(*pair) for pair in pairs]

    def _batches(self, probes: Sequence[Probe]) -> Iterator[list[int]]:
        """Places of probes, those of like size together, as many as a forward pass holds."""
        rows: list[int] = []
        for n in sorted(range(len(probes)), key=lambda n: _size(probes[n])):
            if rows and (len(rows) + 1) * _size(probes[n]) > self.tokens_per_forward:
                yield rows
                rows = []
            rows.append(n)
        if rows:
            yield rows

    def _parted(self, prefix: str) -> tuple[tuple[int, ...], str, str]:
        """A text that begins with a known prompt: the prompt's ids and text, and what follows it."""
        at = prefix.find(SEPARATOR)
        while at >= 0:
            prompt, rest = prefix[:at], prefix[at + len(SEPARATOR) :]
            if prompt in self._prompts:
                return self._ids_of(prompt), prompt, rest
            at = prefix.find(SEPARATOR, at + 1)
        return self._lent.encode("", special=True), "", prefix

    def _ids_of(self, prompt: str) -> tuple[int, ...]:
        """A known prompt's token ids."""
        told = self._prompts[prompt]
        if told is not None:
            return told
        return (
            self._lent.encode(prompt, special=True)
            if self.encode_prompt is None
            else tuple(self.encode_prompt(prompt))
        )

    def _probe(self, prefix: str, continuation: str) -> Probe:
        """Where in its tokens a text is scored."""
        lead, _, rest = self._parted(prefix)
        ids = self._lent.encode(rest + continuation)
        rendering = render(self._lent.table.pieces(ids))
        if rendering.text == rest + continuation:
            (start,) = rendering.byte_offsets([len(rest)])
            first = bisect_right(rendering.ends, start)
        else:  # a tokenizer that changes text: keep the two apart
            before = self._lent.encode(rest)
            ids, first = (*before, *self._lent.encode(continuation)), len(before)
        whole, first = (*lead, *ids), len(lead) + first
        if not first or first >= len(whole):
            raise InputError(
                f"expected a text, and a continuation of it, of a token each at least; got {prefix[-40:]!r} and "
                f"{continuation!r}"
            )
        return Probe(whole[:first], (first,), whole[first:])

    def _begun(self, prefix: str) -> Prefix:
        """A text to go on from."""
        lead, prompt, rest = self._parted(prefix)
        told = {"prompt_ids": lead, "completion_ids": self._lent.encode(rest)}
        return Prefix(Transcript(prompt, rest, 0.0, metadata=told), len(rest))


def _size(probe: Probe) -> int:
    """The tokens a forward pass reads of a probe."""
    return probe.ends[0] + len(probe.suffix)
