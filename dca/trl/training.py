"""What a trainer with dense credit remembers, and what it does at the moments its overrides name.

The trainer arrives as an argument: anything with the attributes of TRL's GRPO trainer. This module moves batches,
counts and figures between the reward and the trainer; it does not know what the loss does with token advantages.
"""

from __future__ import annotations

import functools
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import torch

from dca.errors import InputError
from dca.trl.admission import AUDIT, find_reward, refuse_token_advantages, refuse_unsupported
from dca.trl.binding import CreditBatch, MicroBatch, RowTokens
from dca.trl.canary import Unchecked, check_loss
from dca.trl.config import CreditOptions, read_options
from dca.trl.guard import FallbackGuard
from dca.trl.logs import CreditColumn, Sums, gathered
from dca.trl.loss import LossScope
from dca.trl.metrics import credit_text
from dca.trl.reward import DCAReward
from dca.trl.scaling import scaling
from dca.types import Assignment

LOG: Final = logging.getLogger("dca")
ROW: Final = "dca_row"
"""The key of a batch under which rows carry their number: (B, 2) of batch and row, shuffled and split by TRL."""
_NOT_COLUMNS: Final = ("prompt", "completion", "completion_ids")
_OURS: Final = ("masks", "prompt_ids", "coef")  # what `DCAReward.begin` calls its own arguments


@dataclass
class CreditRun:
    """What a trainer with dense credit remembers.

    Attributes:
        options: See `DCAGRPOConfig`.
        reward: The reward whose assignments become token advantages.
        index: Its place among the reward functions.
        guard: Counts fallbacks.
        sums: Figures to be logged, by mode.
        column: The credits in the table of completions.
        checked: Whether the canary has seen the loss.
        early: Whether token advantages are bound before the forward, for a loss that reads them first.
        generation: How many generations there were, evaluation included.
        inputs: The data set's rows, while completions are generated.
        rewards: (B, F) of all ranks, in the generation at hand.
        coef: The coefficient of the generation at hand.
        batch: The training batch at hand.
        scope: The micro-batch whose loss is being computed.
    """

    options: CreditOptions
    reward: DCAReward
    index: int
    guard: FallbackGuard
    sums: dict[str, Sums] = field(default_factory=lambda: {"train": Sums(), "eval": Sums()})
    column: CreditColumn = field(default_factory=CreditColumn)
    checked: bool = False
    early: bool = False
    generation: int = 0
    inputs: Sequence[dict[str, Any]] | None = None
    rewards: Any = None
    coef: float = 0.0
    batch: CreditBatch | None = None
    scope: LossScope | None = None


def open_credit(trainer: Any, given: Mapping[str, Any]) -> None:
    """Give a ready trainer its dense credit, or refuse it.

    Args:
        trainer: An instance of `DenseCreditMixin`, constructed.
        given: Fields of `DCAGRPOConfig` that overrule its arguments.

    Raises:
        InputError: Its version, reward functions or loss cannot carry dense credit, or a field is out of range.
        SchemeError: The scheme cannot use what the reviewer measures.
    """
    refuse_unsupported(trainer)
    index, reward = find_reward(trainer.reward_funcs)
    told = {"scheme": reward.told.scheme, "review_timeout": reward.told.review_timeout}
    options = read_options(trainer.args, told=told, **given)
    reward.connect(
        trainer, dense=True, review_timeout=options.review_timeout, scheme=options.scheme_at(options.coef_at(0.0))
    )
    trainer._dca = CreditRun(options, reward, index, FallbackGuard(options.max_fallback_rate))
    try:
        check_loss(trainer)
        trainer._dca.checked = True
    except Unchecked as reason:
        LOG.info("the loss is looked at when the first micro-batch is there: %s", reason)
    trainer._tag_names = list(dict.fromkeys([*trainer._tag_names, "dca"]))
    trainer.model.add_model_tags(trainer._tag_names)


def columns_of(trainer: Any, inputs: Sequence[Mapping[str, Any]], extras: Mapping[str, Any]) -> dict[str, Any]:
    """What TRL will hand to the reward functions beside completions: columns, what a rollout added, and its services.

    Raises:
        InputError: A column is named like an argument of `DCAReward.begin`.
    """
    columns: dict[str, Any] = {key: [row[key] for row in inputs] for key in inputs[0] if key not in _NOT_COLUMNS}
    for key, values in extras.items():
        columns[key] = values[: len(inputs)] if isinstance(values, list) else [values] * len(inputs)
    clash = sorted(set(columns) & set(_OURS))
    if clash:
        raise InputError(f"the data set has a column {clash[0]!r}, a name that DCAReward needs; rename the column")
    columns["trainer_state"] = trainer.state
    columns["log_extra"], columns["log_metric"] = trainer._log_completion_extra, trainer._log_metric
    if trainer.environments is not None:
        columns["environments"] = trainer.environments
    return columns


def received(trainer: Any, run: CreditRun, out: dict[str, Any], training: bool) -> None:
    """Take the reviews of a generation, and mark its rows so that their loss finds them.

    Raises:
        InputError: The batch has other rows than the reward saw, or token advantages of its own.
    """
    batch, advantages, rows = run.reward.take(), out["advantages"], len(out["completion_ids"])
    world = trainer.accelerator.num_processes
    refuse_token_advantages(trainer, advantages)
    if run.rewards is None or len(batch) != rows or len(run.rewards) != world * rows:
        raise InputError(
            f"expected the {len(batch)} completions that were rewarded in the training batch, got {rows}: "
            f"{type(trainer).__name__} drops, adds or repeats rows after `_calculate_rewards`. {AUDIT}"
        )
    if trainer.log_completions:
        run.column.announce(run.generation, world * rows)
    if not training:
        if trainer.log_completions:
            cells = [credit_text(assignment) for assignment in batch.assignments()]
            run.column.fill(run.generation, gathered(cells, trainer.accelerator))
        if batch.rows:
            run.sums["eval"].update(run.reward.collect_metrics())
        return
    batch.note_advantages(advantages.tolist())
    factors = scaling(
        run.rewards.float().cpu().numpy(),
        trainer.reward_weights.float().cpu().numpy(),
        index=run.index,
        group_size=trainer.num_generations,
        scale_rewards=trainer.scale_rewards,
        aggregation=trainer.multi_objective_aggregation,
    )
    coef, options = run.coef, run.options
    run.batch = CreditBatch(
        run.generation,
        batch,
        scaling=factors.rows(trainer.accelerator.process_index * rows, rows),
        scheme=lambda saturated: options.scheme_at(coef * (options.saturated_coef if saturated else 1.0)),
        on_row=functools.partial(_note_row, run),
        on_stop=functools.partial(_stop, trainer, run),
    )
    out[ROW] = torch.stack([torch.full((rows,), run.generation), torch.arange(rows)], dim=1)  # (B, 2), on the host


def _note_row(run: CreditRun, assignment: Assignment | None, tokens: RowTokens | None) -> None:
    """Count a row that was bound."""
    sums, name = run.sums["train"], run.reward.name
    sums.add(f"{name}/unreviewed", float(assignment is None), 1.0)
    if assignment is not None:
        run.guard.count(assignment.fallback)
    if tokens is not None:
        sums.add(f"{name}/tilt_rms", float(np.square(tokens.tilt, dtype=np.float64).sum()), float(tokens.tilt.size))


def _stop(trainer: Any, run: CreditRun, error: Exception) -> None:
    """Stop at once where no other rank would be left waiting, else where all ranks meet."""
    if trainer.accelerator.num_processes == 1:
        raise error
    LOG.error("the run stops at the next generation: %s: %s", type(error).__name__, error)
    run.guard.stop(error)


def micro_batch(inputs: Mapping[str, Any]) -> MicroBatch:
    """What binding must know of a micro-batch, in the host's memory."""
    mask = inputs["completion_mask"]
    mask = mask if inputs.get("tool_mask") is None else mask * inputs["tool_mask"]
    return MicroBatch(
        rows=tuple((key, row) for key, row in inputs[ROW].tolist()),
        ids=inputs["completion_ids"].cpu().numpy(),
        mask=mask.cpu().numpy().astype(bool),
        amounts=inputs["advantages"].float().cpu().numpy(),
    )


def note_loss(run: CreditRun, scope: LossScope) -> None:
    """Count a micro-batch: its coefficient, and how far its realised push departed from the law."""
    sums, name = run.sums["train"], run.reward.name
    sums.add(f"{name}/credit_coef", run.coef, 1.0)
    if scope.tilted:
        drift, rows = scope.drift(), float(len(scope.scalars))
        sums.add(f"{name}/realised_drift", 0.0 if drift is None else float(drift.sum()), rows)


def report(trainer: Any, run: CreditRun, mode: str) -> None:
    """Put the figures of all ranks among the trainer's metrics, and the credits known by now into its table."""
    accelerator = trainer.accelerator
    run.sums["train"].update(run.reward.collect_metrics())
    for name, value in run.sums[mode].reduced(accelerator).items():
        trainer._metrics[mode][name].append(value)
    if not trainer.log_completions:
        return
    if run.batch is not None:
        cells = [credit_text(assignment) for assignment in run.batch.batch.assignments()]
        run.column.fill(run.batch.key, gathered(cells, accelerator))
    prompts = trainer._logs["prompt"]
    column = deque(run.column.cells(len(prompts)), maxlen=prompts.maxlen)
    trainer._logs["extra"][f"{run.reward.name}_credit"] = column


def settled(trainer: Any, run: CreditRun) -> None:
    """Wait for what is open, until its deadline at most, and stop all ranks if one must.

    Raises:
        RunError: See `FallbackGuard.check`.
    """
    if run.batch is not None:
        try:
            run.batch.batch.settle()
        except Exception as error:
            run.guard.stop(error)
    run.guard.check(trainer.accelerator)
