"""`DCAGRPOTrainer`, and `attach` for a trainer that lives already.

Both are `DenseCreditMixin` on a GRPO trainer. This module knows how a class is put together, and nothing else.
"""

from __future__ import annotations

from typing import Any, ClassVar

from dca.errors import InputError
from dca.trl.admission import refuse_unsupported
from dca.trl.mixin import DenseCreditMixin
from dca.trl.training import open_credit


class DCAGRPOTrainer(DenseCreditMixin):
    """
    Trainer for GRPO with dense credit: a reviewer splits the reward that each rollout earned over its steps, and each
    token gets its step's advantage. The sum over a rollout stays what the outcome paid; rollouts without a usable
    review train as in plain GRPO.

    Takes what [`~trl.GRPOTrainer`] takes, with exactly one [`DCAReward`] among its `reward_funcs` and, for other than
    the default options, a [`DCAGRPOConfig`].

    Example:

    ```python
    >>> from dca import ArithmeticReviewer
    >>> from dca.trl import DCAGRPOConfig, DCAGRPOTrainer, DCAReward
    >>> from trl.rewards import accuracy_reward

    >>> trainer = DCAGRPOTrainer(  # doctest: +SKIP
    ...     model="Qwen/Qwen2.5-0.5B-Instruct",
    ...     reward_funcs=DCAReward(accuracy_reward, reviewer=ArithmeticReviewer()),
    ...     args=DCAGRPOConfig(output_dir="run", credit_coef=0.5),
    ...     train_dataset=dataset,
    ... )
    >>> trainer.train()  # doctest: +SKIP
    ```
    """

    _tag_names: ClassVar[list[str]] = ["trl", "grpo", "dca"]
    _name = "DCA"
    _paper: ClassVar[dict[str, str]] = {}  # there is none; without this the model card would name GRPO's


def attach(trainer: Any, **fields: Any) -> Any:
    """Give a live trainer of any GRPOTrainer subclass dense credit; its own overrides keep working.

    The trainer becomes an instance of a class made of `DenseCreditMixin` and its own class. Call it before
    ``trainer.train()``.

    Args:
        trainer: With exactly one `DCAReward` among its reward functions.
        fields: Fields of `DCAGRPOConfig`; `credit_coef` may be a function of training progress in [0, 1], and
            `scheme` a scheme of one's own. What is not given is read from the trainer's arguments, else the default.

    Returns:
        The same trainer.

    Raises:
        InputError: It cannot carry dense credit, or has it already; it is then left as it was.
        SchemeError: The scheme cannot use what the reviewer measures.
    """
    refuse_unsupported(trainer)
    if isinstance(trainer, DenseCreditMixin):
        raise InputError(
            f"expected a trainer without dense credit, got {type(trainer).__name__}, which has it; give the fields "
            f"to its arguments instead"
        )
    cls = type(trainer)
    trainer.__class__ = type(f"DCA{cls.__name__}", (DenseCreditMixin, cls), {"__module__": cls.__module__})
    try:
        open_credit(trainer, fields)
    except BaseException:
        vars(trainer).pop("_dca", None)
        trainer.__class__ = cls
        raise
    return trainer
