"""A causal language model by name, ready to be asked: a folder on this machine first, else a name on the hub.

This module knows transformers' loaders and chat templates; it does not know what is asked of the model.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from dca.errors import InputError
from dca.trl.probes import ModelPolicy

FILES: Final = ("config.json", "adapter_config.json")
"""What a folder with a model holds one of."""
MAX_NEW_TOKENS: Final = 256
"""The longest continuation that is sampled."""


@dataclass(frozen=True, slots=True)
class ChatPrompt:
    """The token ids of a prompt as a chat model reads it: the user's turn in its template, and the answer begun.

    A text that has the tokenizer's special tokens in it stands in a template already, and is read as it is.
    """

    tokenizer: Any

    def __call__(self, text: str) -> list[int]:
        """The prompt's ids."""
        if not any(mark in text for mark in self.tokenizer.all_special_tokens):
            turn = [{"role": "user", "content": text}]
            text = self.tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True)
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids


@dataclass(frozen=True, slots=True)
class Loaded:
    """A causal language model and its tokenizer."""

    model: Any
    tokenizer: Any


def load_policy(name: str, *, max_new_tokens: int = MAX_NEW_TOKENS, weights: bool = True) -> ModelPolicy:
    """A model by name, as the policy that evidence is asked of.

    Args:
        name: See `load`.
        max_new_tokens: The longest continuation.
        weights: See `load`.

    Raises:
        InputError: As `load`.
    """
    found = load(name, weights=weights)
    template = ChatPrompt(found.tokenizer) if found.tokenizer.chat_template else None
    return ModelPolicy(found.model, found.tokenizer, encode_prompt=template, max_new_tokens=max_new_tokens)


def load(name: str, *, weights: bool = True) -> Loaded:
    """A model by name, in evaluation mode, on the accelerator where there is one.

    Args:
        name: A folder that `save_pretrained` wrote, or a model's name on the Hugging Face hub.
        weights: False: the model without weights, for a forecast only.

    Raises:
        InputError: There is no such folder, it holds no model, or the model cannot be loaded.
    """
    place = _place(name)
    try:
        tokenizer = AutoTokenizer.from_pretrained(place)
        model = AutoModelForCausalLM.from_pretrained(place, dtype="auto") if weights else _hollow(place)
    except Exception as error:  # transformers raises OSError, ValueError, KeyError, those of safetensors, ...
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"{name}: expected a causal language model of transformers and its tokenizer, which could not be loaded: "
            f"{first}. A folder is written by model.save_pretrained(DIR) and tokenizer.save_pretrained(DIR)"
        ) from error
    on = "cuda" if weights and torch.cuda.is_available() else None
    return Loaded((model.to(on) if on else model).eval(), tokenizer)


def _place(name: str) -> str:
    """Where transformers is to look: a folder that holds a model, or a name on the hub as it stands."""
    path = Path(name).expanduser()
    if path.is_dir():
        if not any((path / file).is_file() for file in FILES):
            raise InputError(
                f"{name}: expected a folder with a model, and there is no config.json in it; write one with "
                f"model.save_pretrained(DIR) and tokenizer.save_pretrained(DIR)"
            )
        return str(path)
    if path.exists() or name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise InputError(
            f"{name}: expected the folder of a model, or a model's name on the hub; there is no such folder"
        )
    return name


def _hollow(place: str) -> Any:
    """The model's form, no weights: it can be measured, not read."""
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(place))
