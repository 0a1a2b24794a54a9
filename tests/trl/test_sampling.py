"""Continuations from the middle: the policy's own distribution, its own random numbers, no trace in the model."""

from __future__ import annotations

import pickle
from collections import Counter
from typing import Any

import pytest
import torch
from spellers import byte_level
from tiny import byte_tokenizer, model, parameters
from transformers import GenerationConfig

from dca.errors import InputError, RunError
from dca.trl.sampling import PolicySampler, Prefix, Sampler
from dca.types import Transcript

TOKENIZER = byte_tokenizer()


def small() -> Any:
    """A model with generation settings that would bend the distribution."""
    read = model(len(TOKENIZER))
    read.generation_config = GenerationConfig(
        top_k=1, top_p=0.1, repetition_penalty=5.0, temperature=0.1, eos_token_id=[1, 3], pad_token_id=0
    )
    return read


def prefix(text: str, stop: int | None = None, **told: Any) -> Prefix:
    return Prefix(Transcript("1 + 1?", text, 0.0, metadata=told), len(text) if stop is None else stop)


def test_the_policys_own_distribution() -> None:
    """First tokens come as often as the plain softmax says, whatever the model's own generation settings are."""
    read, count = small(), 4000
    with torch.no_grad():
        logits = read(input_ids=torch.tensor([[*TOKENIZER.encode("1 + 1?"), 9, 40]])).logits[0, -1] / 0.5
    expected = logits.softmax(-1)
    sampler = PolicySampler(read, TOKENIZER, max_new_tokens=1, temperature=0.5, batch_size=1000)
    text = TOKENIZER.decode([9, 40])
    begun = prefix(text, prompt_ids=tuple(TOKENIZER.encode("1 + 1?")), completion_ids=(9, 40))
    (completions,) = sampler.complete_all([begun], count)
    counts = Counter(completions)
    assert len(completions) == count
    assert all(completion.startswith(text) for completion in completions)
    likely = [i for i in expected.topk(30).indices.tolist() if TOKENIZER.decode([i]).isalnum()]
    assert len(likely) > 5
    for token in likely:
        chance = float(expected[token])
        share = counts[text + TOKENIZER.decode([token])] / count
        assert share == pytest.approx(chance, abs=5 * (chance / count) ** 0.5)


def test_training_is_left_alone() -> None:
    """Modes, settings, parameters and random numbers are after sampling what they were before it."""
    read = small()
    read.train()
    settings, before, state = read.generation_config, parameters(read), torch.get_rng_state()
    PolicySampler(read, TOKENIZER, max_new_tokens=3).complete_all([prefix("a")], 4)
    assert read.generation_config is settings
    assert all(part.training for part in read.modules())
    assert all(torch.equal(value, before[name]) for name, value in read.named_parameters())
    assert torch.equal(state, torch.get_rng_state())


def test_random_numbers_go_on() -> None:
    """Samples follow from the seed alone, and a second call draws others."""
    read = small()
    first, again, other = (PolicySampler(read, TOKENIZER, max_new_tokens=8, seed=seed) for seed in (0, 0, 1))
    begun = [prefix("a")]
    torch.manual_seed(1)
    once = first.complete_all(begun, 3)
    torch.manual_seed(2)
    assert once == again.complete_all(begun, 3)
    assert once != first.complete_all(begun, 3)
    assert once != other.complete_all(begun, 3)


def test_many_prefixes_at_a_time() -> None:
    """Each prefix gets as many completions as asked for, each beginning with its text, however they share batches."""
    begun = [prefix("So the answer is 14.\n", stop) for stop in (0, 7, 21)]
    for batch_size in (1, 4, 64):
        sampler = PolicySampler(small(), TOKENIZER, max_new_tokens=4, batch_size=batch_size)
        found = sampler.complete_all(begun, 5)
        assert [len(texts) for texts in found] == [5, 5, 5]
        assert all(text.startswith(one.text) for one, texts in zip(begun, found, strict=True) for text in texts)
    assert sampler.complete_all([], 5) == []
    assert isinstance(sampler, Sampler)


def test_continuations_of_a_text() -> None:
    """Called with a prompt and a text it gives what comes after the text, as other samplers do."""
    first, again = (PolicySampler(small(), TOKENIZER, max_new_tokens=4) for _ in range(2))
    (whole,) = first.complete_all([prefix("So")], 3)
    assert [text[2:] for text in whole] == again("1 + 1?", "So", 3)


def test_it_ends_where_the_policy_ends() -> None:
    """After an end of sequence nothing is read, be it the tokenizer's or one of the model's."""
    for stop in (1, 3):

        class Ending(torch.nn.Module):
            """Says "A", ends, and would go on."""

            device = torch.device("cpu")
            generation_config = GenerationConfig(eos_token_id=[3])

            def generate(self, input_ids: Any, **_: Any) -> Any:
                says = torch.tensor([[TOKENIZER.convert_tokens_to_ids("A"), stop, 40]])  # noqa: B023 -- called here
                return torch.cat([input_ids, says.expand(len(input_ids), -1)], dim=1)

        assert PolicySampler(Ending(), TOKENIZER, max_new_tokens=3)("p", "x", 2) == ["A", "A"]


def test_a_prefix_that_ends_inside_a_token_or_a_character() -> None:
    """A token that reaches over the end of a prefix stays whole; the prefix's own text always comes first."""
    tokenizer = byte_level()
    read = model(len(tokenizer))
    sampler = PolicySampler(read, tokenizer, max_new_tokens=2)
    ids = tuple(tokenizer.encode("the answer🙂"))
    words = prefix("the answer🙂", 5, prompt_ids=(5,), completion_ids=ids)
    assert all(text.startswith("the answer") for text in sampler.complete_all([words], 4)[0])
    broken = "the answer\N{REPLACEMENT CHARACTER}"
    cut = prefix(broken, prompt_ids=(5,), completion_ids=ids[:-2])
    assert all(text.startswith(broken) for text in sampler.complete_all([cut], 4)[0])


def test_the_trainers_policy() -> None:
    """Without a model it samples from what it is lent, which does not go along when it is pickled."""
    sampler = PolicySampler(max_new_tokens=2)
    with pytest.raises(RunError, match="none is there"):
        sampler("p", "x", 1)
    sampler.use_policy(small(), TOKENIZER)
    assert len(sampler("p", "x", 3)) == 3
    assert sampler.identity == "the policy temperature=1.0 max_new_tokens=2"
    with pytest.raises(RunError, match="none is there"):
        pickle.loads(pickle.dumps(sampler))("p", "x", 1)


@pytest.mark.parametrize("option", ["max_new_tokens", "temperature", "batch_size"])
def test_bad_options(option: str) -> None:
    """Numbers that make no sense are refused by name."""
    with pytest.raises(InputError, match=f"{option} must be above 0, got 0"):
        PolicySampler(**{"max_new_tokens": 5, option: 0})
