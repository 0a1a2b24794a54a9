# /// script
# requires-python = ">=3.11"
# dependencies = ["dca-rl[trl,math]"]
# ///
"""GRPO with dense credit: a real model, a real data set, and a language model as the reviewer.

Needs a model, a data set with the columns `prompt` and `solution`, and a reviewer: a key in ANTHROPIC_API_KEY, or
your own server that speaks /v1/messages. Read the provider's terms before you train on reviews (docs/models.md).

    accelerate launch examples/train_grpo.py --model Qwen/Qwen3-0.6B --dataset trl-lib/DeepMath-103K
    python examples/train_grpo.py --reviewer-url http://localhost:8000 --reviewer Qwen/Qwen3-8B --max-steps 20
"""

import argparse

import torch
from datasets import load_dataset
from trl.rewards import accuracy_reward

from dca import AnthropicBackend, LLMReviewer, TranscriptDetector
from dca.trl import DCAGRPOConfig, DCAGRPOTrainer, DCAReward


def main() -> None:
    """Train."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--model", default="Qwen/Qwen3-0.6B")
    options.add_argument("--dataset", default="trl-lib/DeepMath-103K", help="a name on the hub, or a JSON file")
    options.add_argument("--reviewer", default="claude-haiku-5-5", help="the model that reviews")
    options.add_argument("--reviewer-url", default=None, help="a server that speaks /v1/messages")
    options.add_argument("--budget-usd", type=float, default=20.0)
    options.add_argument("--credit-coef", default="0.25", help="0: plain GRPO; 0.25: a reviewer you do not know")
    options.add_argument("--max-steps", type=int, default=200)
    options.add_argument("--output", default="trained")
    chosen = options.parse_args()

    reviewer = LLMReviewer(AnthropicBackend(chosen.reviewer, base_url=chosen.reviewer_url, call_timeout=60))
    detector = TranscriptDetector()  # what it recognises as verification is neutral, whatever the reviewer calls it
    trainer = DCAGRPOTrainer(
        model=chosen.model,
        reward_funcs=DCAReward(accuracy_reward, reviewer=reviewer, detector=detector, budget_usd=chosen.budget_usd),
        args=DCAGRPOConfig(
            output_dir=chosen.output,
            max_steps=chosen.max_steps,
            credit_coef=chosen.credit_coef,
            log_completions=True,
            use_cpu=not torch.accelerator.is_available(),
        ),
        train_dataset=data(chosen.dataset),
    )
    trainer.train()
    print(f"trained {trainer.state.global_step} steps; the reviews:  dca report {chosen.output}/dca -o report.html")


def data(name: str) -> object:
    """A data set from the hub or from a JSON file."""
    if name.endswith((".json", ".jsonl")):
        return load_dataset("json", data_files=name, split="train")
    return load_dataset(name, split="train")


if __name__ == "__main__":
    main()
