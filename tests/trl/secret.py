"""A task whose values are known: a digit is looked up, and nobody can know it before it is told.

Before, the answer is one of ten: V = 0.1. After, it follows: V = 1 for the digit told and 0 for the others.
"""

from __future__ import annotations

import torch
from tiny import model
from transformers import PreTrainedTokenizerFast, Qwen2ForCausalLM

PROMPT = "secret?"
LOOK = "I look it up.\n"
TELL = "It says {}.\n"
GOOD = "Good.\n"
ASK = "\n\nThe answer is:"


def answerer(tokenizer: PreTrainedTokenizerFast, updates: int = 160) -> Qwen2ForCausalLM:
    """A tiny policy, trained in two seconds to know how likely each digit is after each beginning of a rollout."""
    starts = [PROMPT, PROMPT + LOOK, PROMPT + LOOK + TELL, PROMPT + LOOK + TELL + GOOD]
    rows = [(start.format(digit) + ASK, f" {digit}") for start in starts for digit in range(10)]
    whole = [tokenizer.encode(ask + say) for ask, say in rows]
    given = [len(tokenizer.encode(ask)) for ask, _ in rows]
    assert all(row[:n] == tokenizer.encode(ask) for row, n, (ask, _) in zip(whole, given, rows, strict=True))
    width = max(map(len, whole))
    ids = torch.tensor([row + [0] * (width - len(row)) for row in whole])
    scored = [[-100] * n + row[n:] + [-100] * (width - len(row)) for n, row in zip(given, whole, strict=True)]
    policy = model(len(tokenizer))
    optimizer = torch.optim.AdamW(policy.parameters(), lr=1e-2)
    for _ in range(updates):
        policy(input_ids=ids, labels=torch.tensor(scored)).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return policy
