"""Your own GRPOTrainer subclass, with dense credit: mix it in, or attach it to a trainer that is already there.

Run it:  python examples/custom_trainer.py
"""

import tempfile
from typing import Any

from datasets import Dataset
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM
from trl import GRPOConfig, GRPOTrainer

from dca import ArithmeticReviewer
from dca.trl import DCAReward, DenseCreditMixin, attach


class MyTrainer(GRPOTrainer):
    """Stands for yours: it keeps the longest completion of every step."""

    def _calculate_rewards(self, inputs: Any, prompts: Any, completions: Any, completion_ids_list: Any) -> Any:
        self.longest = max(completions, key=len)
        return super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)


class MyDenseTrainer(DenseCreditMixin, MyTrainer):
    """The same with dense credit; the mixin comes first."""


def tiny_model() -> tuple[Qwen2ForCausalLM, PreTrainedTokenizerFast]:
    """A model and a tokenizer made from config, so that this runs offline in seconds; use your own."""
    vocabulary = {"<pad>": 0, "<eos>": 1} | {c: k for k, c in enumerate(sorted(ByteLevel.alphabet()), start=2)}
    spelling = Tokenizer(BPE(vocab=vocabulary, merges=[]))
    spelling.pre_tokenizer, spelling.decoder = ByteLevel(add_prefix_space=False), ByteLevelDecoder()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=spelling, pad_token="<pad>", eos_token="<eos>")
    shape = Qwen2Config(
        vocab_size=len(vocabulary),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=None,
    )
    return Qwen2ForCausalLM(shape), tokenizer


def ends_well(completions: list[str], **_: object) -> list[float]:
    """An outcome that a random model earns now and then, for show."""
    return [float(ord(text[-1]) % 2 == 0) if text else 0.0 for text in completions]


def train(kind: type[GRPOTrainer], folder: str) -> GRPOTrainer:
    """A trainer of that kind, not run yet."""
    model, tokenizer = tiny_model()
    return kind(
        model,
        reward_funcs=DCAReward(ends_well, reviewer=ArithmeticReviewer()),
        args=GRPOConfig(
            folder,
            per_device_train_batch_size=4,
            num_generations=4,
            max_completion_length=24,
            gradient_checkpointing=False,
            max_steps=3,
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
            save_strategy="no",
        ),
        train_dataset=Dataset.from_dict({"prompt": ["2 + 3 = ", "7 - 4 = "] * 4}),
        processing_class=tokenizer,
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        mixed = train(MyDenseTrainer, folder)
        mixed.train()
        print(f"{type(mixed).__name__}: {mixed.state.global_step} steps; the longest: {mixed.longest!r}")

        attached = attach(train(MyTrainer, folder), credit_coef=0.25)
        attached.train()
        print(f"{type(attached).__name__}: {attached.state.global_step} steps")
