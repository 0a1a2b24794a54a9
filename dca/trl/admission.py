"""Who may carry dense credit: versions, trainers, reward functions and advantages, refused with reason and remedy.

This module looks and says no; it changes nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Final

from trl import GRPOTrainer

from dca.errors import InputError
from dca.trl.reward import DCAReward
from dca.trl.scaling import TRL

AUDIT: Final = "Or leave the trainer as it is: DCAReward alone is an audit that changes nothing."


def refuse_unsupported(trainer: Any) -> None:
    """Refuse a trainer that cannot carry token advantages, with the reason and the remedy.

    Raises:
        InputError: See the message.
    """
    if not isinstance(trainer, GRPOTrainer):
        raise InputError(
            f"expected a GRPOTrainer or a subclass of it, whose loss takes one advantage for each token; got "
            f"{type(trainer).__name__}, which keeps one for each completion. Use DCAGRPOTrainer. {AUDIT}"
        )
    if TRL < (1, 0) or TRL == (1, 15):
        raise InputError(
            f"expected trl 1.0 or later, but not 1.15.0, got {'.'.join(map(str, TRL))}: earlier versions misread "
            f"advantages of shape (B, T) without an error, and 1.15.0 cannot run without Triton. Install another one"
        )
    if getattr(trainer, "liger_grpo_loss", None) is not None:
        raise InputError(
            "expected TRL's own loss; with use_liger_kernel=True this version computes it in a kernel that takes one "
            f"advantage for each completion. Set use_liger_kernel=False, or install trl 1.14 or later. {AUDIT}"
        )


def find_reward(reward_funcs: Sequence[Any]) -> tuple[int, DCAReward]:
    """The one reward whose assignments become token advantages, and its place.

    Raises:
        InputError: There is none, or more than one.
    """
    unwrapped = [_unwrapped(function) for function in reward_funcs]
    found = [(index, reward) for index, reward in enumerate(unwrapped) if isinstance(reward, DCAReward)]
    if len(found) != 1:
        names = ", ".join(str(getattr(f, "__name__", type(f).__name__)) for f in reward_funcs) or "none"
        raise InputError(
            f"expected exactly one DCAReward among the reward functions, got {len(found)} ({names}). Wrap the "
            f"outcome that the reviewer should split: DCAReward(accuracy_reward, reviewer=...); one DCAReward takes "
            f"several outcomes"
        )
    return found[0]


def _unwrapped(function: Any) -> Any:
    """What a partial calls in the end."""
    while isinstance(function, functools.partial):
        function = function.func
    return function


def refuse_token_advantages(trainer: Any, advantages: Any) -> None:
    """Refuse advantages that are not one for each completion.

    Raises:
        InputError: See the message.
    """
    if advantages.dim() != 1:
        raise InputError(
            f"expected one advantage A_i for each completion, got the shape {tuple(advantages.shape)}: "
            f"{type(trainer).__name__} computes token advantages of its own, to which none can be added. {AUDIT}"
        )
