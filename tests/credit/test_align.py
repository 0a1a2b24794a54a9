"""Alignment against brute force: a byte-level BPE trained here on random Unicode, and token bytes cut anywhere."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from dca.credit.advantage import token_advantages, token_counts
from dca.credit.align import render, token_owners
from dca.types import Step

ALPHABETS = (
    "abc de.,\n",
    "0123456789+=-",
    "éüñçßøåœ",
    "中文字符汉语。！",
    "עבריתعربي",
    "🙂🚀👩‍🔬🏳️‍🌈",
    "\u0301\u0308\u200b\u2028\x00",
)


def tile(text: str, cuts: Sequence[int]) -> list[Step]:
    """Steps that tile a text, cut where told."""
    edges = [0, *sorted({c for c in cuts if 0 < c < len(text)}), len(text)]
    return [Step(k, a, b, text[a:b]) for k, (a, b) in enumerate(pairwise(edges))]


def owners_by_brute_force(pieces: Sequence[bytes], steps: Sequence[Step]) -> list[int]:
    """The owner of each token, byte by byte: slow, and obviously what was asked for."""
    spelled = b"".join(pieces)
    of_byte: list[int] = []  # which character each byte belongs to
    character, rest = 0, spelled
    while rest:
        for width in range(1, 5):
            try:
                rest[:width].decode()
                break
            except UnicodeDecodeError as error:
                if width == 4 or width >= len(rest) or "unexpected end" not in error.reason:
                    width = max(1, error.end - error.start) if error.start == 0 else 1
                    break
        of_byte += [character] * width
        character, rest = character + 1, rest[width:]
    owners, at, owner = [], 0, 0
    for piece in pieces:
        if piece:
            owner = next(s.index for s in steps if s.start <= of_byte[at] < s.stop)
        owners.append(owner)
        at += len(piece)
    return owners


@pytest.fixture(scope="module")
def byte_level() -> Tokenizer:
    """A byte-level BPE trained on random Unicode."""
    dice = random.Random(7)
    corpus = ["".join(dice.choices(dice.choice(ALPHABETS), k=60)) for _ in range(400)]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=900,
        special_tokens=["<eos>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus, trainer)
    return tokenizer


def bytes_of(tokenizer: Tokenizer) -> list[bytes]:
    """What each token id stands for, by the reversed GPT-2 byte table; the special token stands for nothing."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    shown = {b: chr(b) for b in printable}
    shown |= {b: chr(256 + n) for n, b in enumerate(b for b in range(256) if b not in shown)}
    back = {c: b for b, c in shown.items()}
    table = [b""] * tokenizer.get_vocab_size()
    for token, index in tokenizer.get_vocab().items():
        table[index] = b"" if token == "<eos>" else bytes(back[c] for c in token)
    return table


@given(data=st.data())
@settings(max_examples=150)
def test_bpe_tokens_match_brute_force(byte_level: Tokenizer, data: st.DataObject) -> None:
    """Owners of real BPE tokens, of random token ids, and of special tokens anywhere agree with brute force."""
    table = bytes_of(byte_level)
    text = data.draw(st.text(st.sampled_from("".join(ALPHABETS)), max_size=80))
    ids = list(byte_level.encode(text).ids)
    for at in data.draw(st.lists(st.integers(0, len(ids)), max_size=4)):
        ids.insert(at, data.draw(st.sampled_from((0, data.draw(st.integers(0, len(table) - 1))))))
    pieces = [table[i] for i in ids]
    rendering = render(pieces)
    assert rendering.text == byte_level.decode(ids, skip_special_tokens=True)
    steps = tile(rendering.text, data.draw(st.lists(st.integers(0, 90), max_size=8)))
    assert token_owners(rendering, steps) == owners_by_brute_force(pieces, steps)


@given(st.lists(st.binary(max_size=5), max_size=40), st.lists(st.integers(0, 120), max_size=12))
def test_any_bytes_match_brute_force(pieces: list[bytes], cuts: list[int]) -> None:
    """Tokens that spell ill-formed UTF-8 are aligned exactly too; law 2 holds."""
    rendering = render(pieces)
    assert rendering.text == b"".join(pieces).decode("utf-8", "replace")
    steps = tile(rendering.text, cuts)
    owners = token_owners(rendering, steps)
    assert owners == owners_by_brute_force(pieces, steps)
    assert len(owners) == len(pieces)
    assert owners == sorted(owners)


@given(st.text(max_size=60), st.data())
def test_cut_anywhere_the_text_comes_back(text: str, data: st.DataObject) -> None:
    """However the bytes of a text are cut into tokens, rendering gives the text, and its first bytes the offsets."""
    text = text.encode("utf-8", "replace").decode()
    spelled = text.encode()
    edges = sorted(data.draw(st.lists(st.integers(0, len(spelled)), max_size=20)))
    pieces = [spelled[a:b] for a, b in zip([0, *edges], [*edges, len(spelled)], strict=True)]
    rendering = render(pieces)
    assert rendering.text == text
    assert rendering.byte_offsets(range(len(text) + 1)) == [len(text[:c].encode()) for c in range(len(text) + 1)]


@pytest.mark.parametrize("steps", [1, 2, 500])
def test_long_rows(steps: int) -> None:
    """20,000 tokens and 500 steps: every token has one owner, in order, and the counts add up."""
    pieces = [b"\xe4\xbd\xa0"[k % 3 : k % 3 + 1] if k % 2 else b"ab" for k in range(20_000)]
    rendering = render(pieces)
    tiled = tile(rendering.text, [len(rendering.text) * k // steps for k in range(1, steps)])
    owners = token_owners(rendering, tiled)
    assert sum(token_counts(owners, [1] * 20_000, len(tiled))) == 20_000
    assert owners == sorted(owners)


TABLE = [
    # pieces, step texts, owners
    ([b"One. ", b"Two."], ["One. ", "Two."], [0, 1]),
    ([b"One", b". T", b"wo."], ["One. ", "Two."], [0, 0, 1]),  # a token that straddles goes to the earlier step
    ([b"", b"One. ", b"", b"Two.", b""], ["One. ", "Two."], [0, 0, 0, 1, 1]),  # specials go with what came before
    ([b"\xf0\x9f", b"\x99\x82", b"!"], ["\N{SLIGHTLY SMILING FACE}", "!"], [0, 0, 1]),  # one character, two tokens
    ([b"a\xf0\x9f", b"\x99\x82", b"!"], ["a", "\N{SLIGHTLY SMILING FACE}", "!"], [0, 1, 2]),
    ([b"abcdef"], ["ab", "cd", "ef"], [0]),  # steps may own no token
    ([b"\xff", b"\xff"], ["\ufffd", "\ufffd"], [0, 1]),
    ([b""], [""], [0]),
    ([], [""], []),
]


@pytest.mark.parametrize(("pieces", "texts", "owners"), TABLE)
def test_by_hand(pieces: list[bytes], texts: list[str], owners: list[int]) -> None:
    """Owners worked out by hand."""
    steps, at = [], 0
    for k, text in enumerate(texts):
        steps.append(Step(k, at, at + len(text), text))
        at += len(text)
    assert token_owners(render(pieces), steps) == owners


def test_steps_of_another_text_are_refused() -> None:
    """Steps that do not tile the rendered text give an error that says which text to segment."""
    with pytest.raises(ValueError, match="segment the rendering's own text"):
        token_owners(render([b"abc"]), tile("ab", []))
    with pytest.raises(ValueError, match="must tile"):
        token_owners(render([b"abc"]), [])


def test_masked_tokens_get_nothing() -> None:
    """Tokens outside the mask get advantage 0 and count for no step."""
    assert token_advantages((2.0, 3.0), (0, 0, 1, 1), (1, 0, 1, 0)) == [2.0, 0.0, 3.0, 0.0]
    assert token_counts((0, 0, 1, 1), (1, 0, 1, 0), 2) == (1, 1)
    with pytest.raises(ValueError, match="zip"):
        token_advantages((1.0,), (0, 0), (1,))
