"""A rollout as a model's token ids: the sampled ones where they are this tokenizer's, else the text encoded."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spellers import byte_level, llama
from tiny import model

from dca.credit.align import render
from dca.credit.segment import segment
from dca.errors import InputError, RunError
from dca.trl.policy import Policy
from dca.trl.rendering import TokenTable
from dca.types import Transcript

BYTES = byte_level()
MODEL = model(len(BYTES))
POLICY = Policy(MODEL, BYTES)


def rollout(ids: list[int], prompt_ids: tuple[int, ...] | None = (7, 8)) -> Transcript:
    """A transcript of sampled ids."""
    told = {} if prompt_ids is None else {"prompt_ids": prompt_ids}
    text = render(TokenTable(BYTES).pieces(ids)).text
    return Transcript("1 + 1?", text, 1.0, metadata={**told, "completion_ids": tuple(ids)})


@given(st.lists(st.integers(0, len(BYTES) - 1), max_size=30), st.lists(st.integers(0, 60), max_size=6))
def test_sampled_ids_are_kept(ids: list[int], cuts: list[int]) -> None:
    """The prompt's and the completion's ids stay as sampled; counts are of the tokens that begin before a place."""
    transcript = rollout(ids)
    edges = sorted(min(cut, len(transcript.completion)) for cut in cuts)
    tokens = POLICY.tokens(transcript, edges)
    assert tokens.prompt == (7, 8)
    assert tokens.completion == tuple(ids)
    table = TokenTable(BYTES)
    for edge, count in zip(edges, tokens.counts, strict=True):
        before = render(table.pieces(ids[:count])).text
        assert len(before) >= edge
        assert count == 0 or len(render(table.pieces(ids[: count - 1])).text) <= edge
        assert count == 0 or table.pieces(ids)[count - 1] != b""


def test_an_end_of_turn_is_left_out() -> None:
    """Tokens that stand for nothing at the end of a prefix are not counted; in the middle they are."""
    ids = [*BYTES.encode("ab"), BYTES.eos_token_id, *BYTES.encode("cd"), BYTES.eos_token_id]
    transcript = rollout(ids)
    assert transcript.completion == "abcd"
    assert POLICY.tokens(transcript, [0, 2, 4]).counts == (0, 2, 5)


def test_ids_of_another_tokenizer_are_not_believed() -> None:
    """Where the ids do not spell the completion, the text is encoded, each part by itself."""
    other = llama()
    sampled = list(other.encode("So 3.\nA: 3", add_special_tokens=False))
    transcript = Transcript("1 + 1?", "So 3.\nA: 3", 1.0, metadata={"prompt_ids": (1,), "completion_ids": sampled})
    steps = segment(transcript, "line")
    tokens = POLICY.tokens(transcript, [step.stop for step in steps])
    assert BYTES.decode(tokens.prompt) == "1 + 1?"
    parts = [tokens.completion[: tokens.counts[0]], tokens.completion[tokens.counts[0] :]]
    assert [BYTES.decode(part) for part in parts] == ["So 3.\n", "A: 3"]


def test_ids_past_the_vocabulary_are_not_believed_either() -> None:
    """Ids that this tokenizer cannot have are no error: the text is encoded."""
    transcript = Transcript("p", "ab", 1.0, metadata={"prompt_ids": (1,), "completion_ids": (10**6,)})
    assert BYTES.decode(POLICY.tokens(transcript, [2]).completion) == "ab"


def test_a_prompt_without_ids_is_encoded() -> None:
    """Sampled completions are kept also where the prompt's ids are not known."""
    tokens = POLICY.tokens(rollout([5, 9], prompt_ids=None), [])
    assert BYTES.decode(tokens.prompt) == "1 + 1?"
    assert tokens.completion == (5, 9)


def test_what_is_lent_and_what_is_given() -> None:
    """A lent model is replaced by the next and not pickled; a given one stays and goes along."""
    lent, other = Policy(), model(len(BYTES))
    assert lent.use(MODEL, BYTES)
    assert not lent.use(MODEL, BYTES)
    assert lent.use(other, BYTES)
    assert str(lent) == "the policy"
    assert not POLICY.use(other, BYTES)
    with pytest.raises(RunError, match="none is there; give one with its tokenizer"):
        _ = pickle.loads(pickle.dumps(lent)).table
    with Policy.borrowed(pickle.loads(pickle.dumps(POLICY))) as read:
        assert str(POLICY) == "a frozen model"
        assert read.num_parameters() == MODEL.num_parameters()


def test_half_a_policy_is_refused() -> None:
    """A model without its tokenizer, or the reverse, is an error."""
    for given_half in ((MODEL, None), (None, BYTES)):
        with pytest.raises(InputError, match="got only one"):
            Policy(*given_half)
