"""Audit a stock trainer: every rollout is reviewed and logged, and the update stays exactly what it was.

Run it:  python examples/audit_stock_trainer.py
"""

import tempfile
from pathlib import Path

from datasets import Dataset
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM
from trl import GRPOConfig, GRPOTrainer

from dca import ArithmeticReviewer
from dca.assignments import read_assignments
from dca.trl import DCAReward


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


if __name__ == "__main__":
    model, tokenizer = tiny_model()
    with tempfile.TemporaryDirectory() as folder:
        trainer = GRPOTrainer(
            model,
            reward_funcs=DCAReward(ends_well, reviewer=ArithmeticReviewer()),
            args=GRPOConfig(
                folder,
                per_device_train_batch_size=4,
                num_generations=4,
                max_completion_length=24,
                gradient_checkpointing=False,
                max_steps=3,
                logging_steps=1,
                report_to="none",
                disable_tqdm=True,
                use_cpu=True,
                save_strategy="no",
            ),
            train_dataset=Dataset.from_dict({"prompt": ["2 + 3 = ", "7 - 4 = "] * 4}),
            processing_class=tokenizer,
        )
        trainer.train()
        print({name: value for name, value in trainer.state.log_history[0].items() if name.startswith("dca/")})
        rows = list(read_assignments(str(Path(folder) / "dca")))
        print(f"{len(rows)} assignments in the log; `dca show`, `dca report` and `dca whatif` read that folder")
