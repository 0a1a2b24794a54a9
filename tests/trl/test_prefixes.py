"""Likelihoods after many prefixes: the quick way, the plain way, and what they must both equal."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from tiny import model
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM

from dca.trl.prefixes import Probe, horizons, one_by_one, packed, packs
from dca.types import Step

VOCABULARY = 60


def qwen2() -> Any:
    return model(VOCABULARY, layers=2)


def llama() -> Any:
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    return LlamaForCausalLM(LlamaConfig(vocab_size=VOCABULARY, num_key_value_heads=2, **sizes))


def gpt2() -> Any:
    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config(vocab_size=VOCABULARY, n_embd=32, n_layer=2, n_head=2, n_positions=128))


def mistral() -> Any:
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 4}
    return MistralForCausalLM(MistralConfig(vocab_size=VOCABULARY, num_key_value_heads=2, sliding_window=8, **sizes))


def probes(count: int = 6) -> list[Probe]:
    """Sequences of different lengths with prefixes in any order, some of them twice, and suffixes scored in part."""
    dice = random.Random(3)
    found = []
    for _ in range(count):
        length, size = dice.randint(1, 50), dice.randint(1, 7)
        ids = tuple(dice.randrange(VOCABULARY) for _ in range(length))
        ends = tuple(dice.randint(1, length) for _ in range(dice.randint(1, 9)))
        found.append(Probe(ids, ends, tuple(dice.randrange(VOCABULARY) for _ in range(size)), dice.randrange(size)))
    return found


def plainly(read: Any, probe: Probe, end: int) -> float:
    """One prefix, one forward pass, one token after the other."""
    ids = probe.ids[:end] + probe.suffix
    logprobs = read(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
    scored = range(probe.first, len(probe.suffix))
    return sum(float(logprobs[end + j - 1, probe.suffix[j]]) for j in scored) / len(scored)


def close(expected: list[list[float]], found: list[list[float]]) -> bool:
    pairs = [pair for a, b in zip(expected, found, strict=True) for pair in zip(a, b, strict=True)]
    return all(abs(a - b) <= 1e-5 for a, b in pairs)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("build", [qwen2, llama, gpt2])
@torch.no_grad()
def test_both_ways_equal_plain_forward_passes(build: Any, attention: str) -> None:
    """Packed suffixes and prefixes read anew give the likelihoods of one pass for each prefix, however they share."""
    read = build().eval()
    read.set_attn_implementation(attention)
    asked = probes()
    expected = [[plainly(read, probe, end) for end in probe.ends] for probe in asked]
    assert packs(read)
    for limit in (100_000, 90, 1):
        assert close(expected, packed(read, asked, limit))
        assert close(expected, one_by_one(read, asked, limit))


@torch.no_grad()
def test_a_sliding_window_is_read_prefix_by_prefix() -> None:
    """A model that does not see the whole prefix is not packed, and is right all the same."""
    read = mistral().eval()
    asked = probes()
    assert not packs(read)
    assert close([[plainly(read, probe, end) for end in probe.ends] for probe in asked], one_by_one(read, asked, 500))


@torch.no_grad()
def test_flash_attention_is_read_prefix_by_prefix() -> None:
    """An attention that takes no mask is not packed."""
    read = qwen2()
    read.config._attn_implementation = "flash_attention_2"
    assert not packs(read)


class AllLogits(torch.nn.Module):
    """A model that cannot be told to compute few logits."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner, self.config, self.device, self.dtype = inner, inner.config, inner.device, inner.dtype

    def forward(self, input_ids: Any, attention_mask: Any = None, position_ids: Any = None, **rest: Any) -> Any:
        return self.inner(input_ids=input_ids, attention_mask=attention_mask, position_ids=position_ids, **rest)


@torch.no_grad()
def test_models_that_always_give_all_logits() -> None:
    """Where a model takes no `logits_to_keep`, the logits that are needed are picked out."""
    read = qwen2().eval()
    asked = probes(3)
    expected = [[plainly(read, probe, end) for end in probe.ends] for probe in asked]
    assert close(expected, packed(AllLogits(read), asked, 1000))
    assert close(expected, one_by_one(AllLogits(read), asked, 1000))


class Reading(torch.nn.Module):
    """Counts the tokens a model reads."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner, self.tokens, self.passes = inner, 0, 0
        self.config, self.device, self.dtype = inner.config, inner.device, inner.dtype

    def forward(self, input_ids: Any, logits_to_keep: Any = 0, **rest: Any) -> Any:
        self.tokens, self.passes = self.tokens + input_ids.numel(), self.passes + 1
        return self.inner(input_ids=input_ids, logits_to_keep=logits_to_keep, **rest)


@torch.no_grad()
def test_what_packing_saves() -> None:
    """Twenty prefixes of 100 tokens take two passes over 180 tokens instead of 1,100 tokens."""
    asked = [Probe(tuple(range(50)) * 2, tuple(range(5, 105, 5)), (1, 2, 3, 4))]
    quick, slow = Reading(qwen2().eval()), Reading(qwen2().eval())
    packed(quick, asked, 10_000)
    one_by_one(slow, asked, 1)
    assert (quick.passes, quick.tokens) == (2, 180)
    assert (slow.passes, slow.tokens) == (20, sum(range(5, 105, 5)) + 20 * 3)


@pytest.mark.parametrize(
    ("authors", "counts"),
    [
        ("p", [0, 1]),
        ("ppp", [0, 1, 2, 3]),
        ("ptp", [0, 2, 2, 3]),
        ("pttpt", [0, 3, 3, 3, 5, 5]),
        ("tp", [1, 1, 2]),
        ("tt", [2, 2, 2]),
        ("", [0]),
    ],
)
def test_the_environments_answer_belongs_to_the_step_it_answers(authors: str, counts: list[int]) -> None:
    """A value is taken after what the environment said to a step, and V_0 after what it said before the first."""
    names = {"p": "policy", "t": "tool"}
    assert counts == horizons([Step(k, k, k + 1, "x", names[author]) for k, author in enumerate(authors)])


@pytest.mark.parametrize(("ends", "first"), [((0,), 0), ((4,), 0), ((1,), 2), ((1,), -1)])
def test_impossible_probes(ends: tuple[int, ...], first: int) -> None:
    """A prefix must hold a token of the sequence, and a suffix must score one of its own."""
    with pytest.raises(ValueError, match="must"):
        Probe((1, 2, 3), ends, (4, 5), first)
