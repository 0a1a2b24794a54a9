"""Tokenizers of every kind a policy may have, built on the spot."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

from tiny import byte_tokenizer
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

ALPHABETS = (
    "abc de.,\n",
    "0123456789+=-",
    "éüñçßøåœ",
    "中文字符汉语。！",
    "עבריתعربي",
    "🙂🚀👩‍🔬🏳️‍🌈",
    "\u0301\u0308\u200b\u2028\x00",
)
WORDS = ("one", "two", "plus", "is", "three", ".", "é", "中文")


def byte_level() -> PreTrainedTokenizerFast:
    """Byte-level BPE with added tokens: one special, one not, one with characters outside the byte alphabet."""
    tokenizer = byte_tokenizer()
    tokenizer.add_tokens([AddedToken("<think>", special=False), AddedToken("a b\u2014é", special=False)])
    tokenizer.add_tokens([AddedToken("<tool>", special=True)], special_tokens=True)
    return tokenizer


def llama(*, strips: bool = True) -> PreTrainedTokenizerFast:
    """Llama's way: U+2581 for spaces, a token for each byte, and (Gemma does not) a leading space to strip."""
    dice = random.Random(5)
    corpus = ["".join(dice.choices(dice.choice(ALPHABETS[:4]), k=40)) for _ in range(120)]
    learner = Tokenizer(models.BPE())
    learner.normalizer = normalizers.Replace(" ", "▁")
    learner.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=240, show_progress=False))
    learned = json.loads(learner.to_str())["model"]
    names = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *learned["vocab"]]
    vocabulary = {token: index for index, token in enumerate(names)}
    merges = [tuple(merge) for merge in learned["merges"]]
    spelled = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", byte_fallback=True))
    prepend = [normalizers.Prepend("▁")] if strips else []
    spelled.normalizer = normalizers.Sequence([*prepend, normalizers.Replace(" ", "▁")])
    strip = [decoders.Strip(" ", 1, 0)] if strips else []
    spelled.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), *strip]
    )
    wrapped = PreTrainedTokenizerFast(tokenizer_object=spelled, unk_token="<unk>", bos_token="<s>", eos_token="</s>")
    wrapped.add_tokens([AddedToken("<think>", special=False, normalized=False)])
    return wrapped


def metaspace(scheme: str = "always") -> PreTrainedTokenizerFast:
    """Words with U+2581 before them, decoded by Metaspace."""
    vocabulary = {"<unk>": 0, "<eos>": 1, **{f"▁{word}": 2 + n for n, word in enumerate(WORDS)}}
    vocabulary |= {word: len(vocabulary) + n for n, word in enumerate((*WORDS, "▁", "▁▁▁"))}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme)
    words.decoder = decoders.Metaspace(prepend_scheme=scheme)
    return PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>", eos_token="<eos>")


def word_level(*, fused: bool = False) -> PreTrainedTokenizerFast:
    """Whole words: with spaces between where there is no decoder, without where it fuses."""
    words = Tokenizer(models.WordLevel({"<unk>": 0, "<eos>": 1} | {w: 2 + n for n, w in enumerate(WORDS)}, "<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if fused:
        words.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>", eos_token="<eos>")


def word_piece() -> PreTrainedTokenizerFast:
    """BERT's way, whose decoder looks at its neighbours and so cannot be read as a table."""
    vocabulary = {"<unk>": 0, "<eos>": 1} | {w: 2 + n for n, w in enumerate((*WORDS, "##s", "##é", "##中"))}
    pieces = Tokenizer(models.WordPiece(vocabulary, unk_token="<unk>"))
    pieces.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    pieces.decoder = decoders.WordPiece(cleanup=False)
    return PreTrainedTokenizerFast(tokenizer_object=pieces, unk_token="<unk>", eos_token="<eos>")


EXACT: dict[str, Callable[[], PreTrainedTokenizerFast]] = {
    "byte_level": byte_level,
    "llama": llama,
    "gemma": lambda: llama(strips=False),
    "metaspace": metaspace,
    "metaspace_never": lambda: metaspace("never"),
    "word_level": word_level,
    "word_level_fused": lambda: word_level(fused=True),
}
