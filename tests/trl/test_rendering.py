"""Token tables against the tokenizers' own decoding: every kind, any text, any ids, cut anywhere."""

from __future__ import annotations

import pickle
from functools import cache
from itertools import pairwise
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spellers import ALPHABETS, EXACT, WORDS, byte_level, llama, word_piece
from transformers import PreTrainedTokenizerFast

from dca.credit.align import render, token_owners
from dca.errors import InputError
from dca.trl.rendering import PADDING, TokenTable
from dca.types import Step

KINDS = sorted(EXACT)
BROKEN = "\N{REPLACEMENT CHARACTER}"


@cache
def speller(kind: str) -> tuple[PreTrainedTokenizerFast, TokenTable]:
    """A tokenizer and its table, made once."""
    tokenizer = EXACT[kind]() if kind in EXACT else word_piece()
    return tokenizer, TokenTable(tokenizer)


def shown(tokenizer: PreTrainedTokenizerFast, ids: list[int]) -> str:
    """The tokenizer's own decoding."""
    return str(tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))


TEXTS = st.one_of(
    st.text(st.sampled_from("".join(ALPHABETS)), max_size=60),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join),
)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@settings(max_examples=60)
def test_text_reads_as_the_tokenizer_shows_it(kind: str, data: st.DataObject) -> None:
    """Encoded text with special tokens anywhere in it reads exactly as the tokenizer decodes it."""
    tokenizer, table = speller(kind)
    ids = list(tokenizer.encode(data.draw(TEXTS), add_special_tokens=False))
    for at in data.draw(st.lists(st.integers(0, len(ids)), max_size=4)):
        ids.insert(at, data.draw(st.sampled_from(tokenizer.all_special_ids)))
    pieces = table.pieces(ids)
    assert len(pieces) == len(ids)
    assert render(pieces).text == shown(tokenizer, ids)


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in ("llama", "gemma")])
@given(data=st.data())
@settings(max_examples=60)
def test_random_ids_read_as_the_tokenizer_shows_them(kind: str, data: st.DataObject) -> None:
    """Any ids at all, broken characters included, read exactly as the tokenizer decodes them."""
    tokenizer, table = speller(kind)
    ids = data.draw(st.lists(st.integers(0, len(tokenizer) - 1), max_size=40))
    assert render(table.pieces(ids)).text == shown(tokenizer, ids)


@pytest.mark.parametrize("kind", ["llama", "gemma"])
@given(data=st.data())
@settings(max_examples=80)
def test_random_byte_tokens_differ_in_broken_characters_only(kind: str, data: st.DataObject) -> None:
    """Byte-fallback tokens read as decoded wherever they are valid UTF-8, and break only where they are not."""
    tokenizer, table = speller(kind)
    ids = data.draw(st.lists(st.integers(0, len(tokenizer) - 1), max_size=40))
    text, told = render(table.pieces(ids)).text, shown(tokenizer, ids)
    assert (BROKEN in text) <= (BROKEN in told)
    if BROKEN not in told:
        assert told == text


@pytest.mark.parametrize("kind", ["byte_level", "llama", "gemma"])
@given(data=st.data())
@settings(max_examples=60)
def test_cut_inside_a_character(kind: str, data: st.DataObject) -> None:
    """A sequence cut anywhere, inside a character too, spells the first bytes of the text and loses none."""
    tokenizer, table = speller(kind)
    text = data.draw(st.text(st.sampled_from("é中🙂👩‍🔬a "), min_size=1, max_size=20))
    ids = list(tokenizer.encode(text, add_special_tokens=False))
    cut = data.draw(st.integers(0, len(ids)))
    spelled = b"".join(table.pieces(ids))
    assert spelled.decode() == shown(tokenizer, ids)
    assert spelled.startswith(b"".join(table.pieces(ids[:cut])))


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@settings(max_examples=40)
def test_every_token_has_one_owner(kind: str, data: st.DataObject) -> None:
    """Law 2 from ids to owners: one owner for each token, in order, and steps own the text they hold."""
    tokenizer, table = speller(kind)
    ids = data.draw(st.lists(st.integers(0, len(tokenizer) - 1), max_size=40))
    rendering = render(table.pieces(ids))
    cuts = sorted({c for c in data.draw(st.lists(st.integers(1, 60), max_size=5)) if c < len(rendering.text)})
    edges = [0, *cuts, len(rendering.text)]
    steps = [Step(k, a, b, rendering.text[a:b]) for k, (a, b) in enumerate(pairwise(edges))]
    owners = token_owners(rendering, steps)
    assert len(owners) == len(ids)
    assert owners == sorted(owners)
    assert set(owners) <= set(range(len(steps)))


@pytest.mark.parametrize(
    ("kind", "tokens", "pieces"),
    [
        ("byte_level", ["<think>", "a b\u2014é", "<tool>", "<eos>"], [b"<think>", "a b\u2014é".encode(), b"", b""]),
        ("byte_level", ["Ġ", "Ċ", "Ã", "©"], [b" ", b"\n", b"\xc3", b"\xa9"]),
        ("llama", ["▁", "<0xF0>", "<0x9F>", "a", "▁"], [b"", b"\xf0", b"\x9f", b"a", b" "]),
        ("llama", ["<s>", "▁", "a", "</s>"], [b"", b"", b"a", b""]),
        ("gemma", ["▁", "a", "<think>"], [b" ", b"a", b"<think>"]),
        ("metaspace", ["<eos>", "▁one", "▁two"], [b"", b"one", b" two"]),
        ("metaspace", ["▁▁▁", "▁"], [b"", b" "]),
        ("metaspace_never", ["▁one", "▁two"], [b" one", b" two"]),
        ("word_level", ["<eos>", "one", "中文", "<eos>", "two"], [b"", b"one", " 中文".encode(), b"", b" two"]),
        ("word_level_fused", ["one", "two"], [b"one", b"two"]),
    ],
)
def test_by_hand(kind: str, tokens: list[str], pieces: list[bytes]) -> None:
    """What single tokens stand for, worked out by hand."""
    tokenizer, table = speller(kind)
    ids = [tokenizer.convert_tokens_to_ids(token) for token in tokens]
    assert pieces == table.pieces(ids)


@pytest.mark.parametrize("kind", KINDS)
def test_tables_are_exact_and_survive_pickling(kind: str) -> None:
    """A table is exact for these tokenizers, and a pickled one spells the same."""
    tokenizer, table = speller(kind)
    again = pickle.loads(pickle.dumps(table))
    ids = list(range(len(tokenizer)))
    assert table.exact
    assert again.exact
    assert table.pieces(ids) == again.pieces(ids)


@given(data=st.data())
@settings(max_examples=60)
def test_other_tokenizers_are_decoded_as_a_stream(data: st.DataObject) -> None:
    """A decoder that looks at its neighbours is not exact, and still gives the decoded text, piece by piece."""
    tokenizer, table = speller("word_piece")
    ids = data.draw(st.lists(st.integers(0, len(tokenizer) - 1), max_size=15))
    assert not table.exact
    pieces = table.pieces(ids)
    assert len(pieces) == len(ids)
    assert b"".join(pieces).decode() == shown(tokenizer, ids)


def test_a_stream_waits_for_the_end_of_a_character() -> None:
    """Without a table, a character goes to the token that completes it, and a cut-off one to the last token."""
    fast = byte_level()

    class Slow:
        """A tokenizer without a backend."""

        def decode(self, ids: list[int], **options: bool) -> str:
            return str(fast.decode(ids, **options))

    table = TokenTable(Slow())
    ids = list(fast.encode("a🙂b", add_special_tokens=False))
    assert table.pieces(ids) == [b"a", b"", b"", b"", "🙂".encode(), b"b"]
    assert table.pieces(ids[:3]) == [b"a", b"", BROKEN.encode()]
    assert table.pieces([]) == []


def test_a_processor_lends_its_tokenizer() -> None:
    """A processor's table is that of the tokenizer it holds."""
    tokenizer, table = speller("byte_level")
    assert TokenTable(SimpleNamespace(tokenizer=tokenizer)).pieces([5, 9]) == table.pieces([5, 9])


@pytest.mark.parametrize("kind", ["byte_level", "llama", "word_level"])
def test_ids_past_the_vocabulary(kind: str) -> None:
    """Ids of a padded vocabulary stand for nothing; negative and far larger ones are refused with what to do."""
    tokenizer, table = speller(kind)
    first = next(i for i in range(len(tokenizer)) if table.pieces([i]) != [b""])
    assert table.pieces([len(tokenizer), first, len(tokenizer) + PADDING - 1]) == [b"", *table.pieces([first]), b""]
    for wrong in (-1, -100, len(tokenizer) + PADDING):
        with pytest.raises(InputError, match=f"from 0 to {len(tokenizer) - 1}, got {wrong}"):
            table.pieces([first, wrong])


def test_llama_strips_one_space_only() -> None:
    """The decoder's leading space is taken once, from the first tokens that have one."""
    tokenizer = llama()
    table = TokenTable(tokenizer)
    space = tokenizer.convert_tokens_to_ids("▁")
    assert table.pieces([space, space]) == [b"", b" "]
