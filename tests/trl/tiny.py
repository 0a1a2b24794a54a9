"""Tiny models, tokenizers and data sets, built from config: what a real trainer needs, without a model hub."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

CHAT_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPECIAL = ("<pad>", "<eos>", "<|im_start|>", "<|im_end|>")
CORPUS = (
    "Step one. We add 3 + 4 = 7.\nStep two. Then 7 * 2 = 14.\n\nLet me check: 7 * 2 = 14. So the answer is 14.\n",
    "First, 12 / 4 = 3.\nWait, that is wrong. It is 12 - 4 = 8.\nA: 8\n",
    "\n".join(f"{a} + {b} = {a + b}." for a in range(10) for b in range(10)),
)


def byte_tokenizer(vocab_size: int = 400) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer trained on a few lines; spells every text."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(CORPUS, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        pad_token="<pad>",
        eos_token="<eos>",
        additional_special_tokens=list(SPECIAL[2:]),
        chat_template=CHAT_TEMPLATE,
        padding_side="left",
        model_input_names=["input_ids", "attention_mask"],  # transformers 4 would hand token types to the model
    )


def model(vocab_size: int, *, hidden: int = 32, layers: int = 1, seed: int = 0) -> Qwen2ForCausalLM:
    """A randomly initialised Qwen2 of a few thousand parameters."""
    torch.manual_seed(seed)
    return Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=vocab_size,
            hidden_size=hidden,
            intermediate_size=2 * hidden,
            num_hidden_layers=layers,
            num_attention_heads=2,
            num_key_value_heads=2,
            max_position_embeddings=512,
            tie_word_embeddings=True,
            pad_token_id=0,
            eos_token_id=1,
            bos_token_id=None,
        )
    )


def prompts(count: int = 8, *, conversational: bool = False) -> Dataset:
    """A data set of sums: columns prompt and solution."""
    asked = [f"{k} + {k + 1} = ?" for k in range(count)]
    told: list[Any] = [[{"role": "user", "content": text}] for text in asked] if conversational else list(asked)
    return Dataset.from_dict({"prompt": told, "solution": [str(2 * k + 1) for k in range(count)]})


def length_reward(completion_ids: Sequence[Sequence[int]], **_: Any) -> list[float]:
    """An outcome that tells random completions apart: 1 where the sum of the ids is even."""
    return [float(sum(ids) % 2 == 0) for ids in completion_ids]


def settings(folder: Path, **change: Any) -> dict[str, Any]:
    """Trainer arguments for a run of a few steps on the CPU; the same for every config class."""
    return {
        "output_dir": str(folder),
        "learning_rate": 1e-2,
        "per_device_train_batch_size": 4,
        "num_generations": 4,
        "max_completion_length": 12,
        "max_steps": 2,
        "report_to": "none",
        "use_cpu": True,
        "save_strategy": "no",
        "logging_steps": 1,
        "disable_tqdm": True,
        "seed": 3,
        **change,
    }


def parameters(trained: torch.nn.Module) -> dict[str, torch.Tensor]:
    """A copy of every parameter, to be compared bit for bit."""
    return {name: value.detach().clone() for name, value in trained.named_parameters()}
