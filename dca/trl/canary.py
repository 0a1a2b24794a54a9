"""Does this trainer's loss really push each token by its own advantage? Asked once, without the model.

TRL accepts token advantages on a private seam, and a trainer's own loss may ignore or break them without an error.
So the loss is run on a leaf of log-probabilities, on-policy, with known advantages, and its gradient is looked at.
This module knows the trainer's loss and its bookkeeping; it does not know reviews.
"""

from __future__ import annotations

import copy
import inspect
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor
from trl import GRPOTrainer

from dca.errors import InputError
from dca.trl.binding import MicroBatch, Tokens
from dca.trl.logs import Sums

KEY: Final = -1  # of the canary's batch; those of training are not negative
LEAST_COSINE: Final = 1.0 - 1e-4
MOST_DRIFT: Final = 1e-4  # of a row's push, relative to the tilt
LEAST_SHARE: Final = 1e-3  # of the tilt that must arrive
_LENGTHS: Final = (6, 4)
_LOGPS: Final = ("old_per_token_logps", "sampling_per_token_logps")
_REMEDY: Final = (
    "Use DCAReward in the stock trainer, as an audit, or take a trainer whose `_compute_loss` multiplies the term of "
    "each token by `inputs['advantages']` of shape (B, T), as GRPOTrainer's does"
)


class Unchecked(Exception):
    """The loss could not be run on made-up inputs; it must be looked at on real ones."""


def check_loss(trainer: Any, *, model: Any = None, inputs: dict[str, Any] | None = None) -> None:
    """Find out when the token advantages must be bound, late or early, or refuse the trainer.

    With advantages A_t = A_i + tilt_t in place of A_i, on-policy, a loss that serves must change its gradient with
    respect to the log-probabilities along the tilt, row by row, and leave the sum over the row as it was:

        cos(g(A_i) - g(A_t), tilt) = 1,    sum_t (g(A_i) - g(A_t)) = 0

    Args:
        trainer: With `DenseCreditMixin`. Left as it was, but for when it binds.
        model: Given to the loss; without one a loss that runs a forward of its own cannot be checked here.
        inputs: A real micro-batch; made up unless given.

    Raises:
        InputError: The loss ignores or breaks token advantages.
        Unchecked: It cannot be run on made-up inputs.
    """
    probe = _real(inputs) if inputs is not None else _made_up(trainer)
    reason = ""
    for early in (False, True):
        with _aside(trainer, early):
            plain = _plain_gradient(trainer, model, probe, given=inputs is not None)
            reason = _complaint(trainer, model, probe, plain)
        if not reason:
            trainer._dca.early = early
            return
    own = [cls.__name__ for cls in type(trainer).__mro__ if "_compute_loss" in vars(cls) and _is_foreign(cls)]
    whose = f"the `_compute_loss` of {own[0]}" if own else "the loss of this version of TRL"
    raise InputError(f"expected a loss that pushes each token by its own advantage; {whose} {reason}. {_REMEDY}")


def _is_foreign(cls: type) -> bool:
    """Whether a class is neither TRL's own trainer nor ours."""
    return cls is not GRPOTrainer and not cls.__module__.startswith("dca.")


class _Known:
    """A batch whose token advantages are known."""

    key = KEY

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def tokens(self, _micro: MicroBatch) -> Tokens:
        """Whatever the rows."""
        return self._tokens


def _made_up(trainer: Any) -> dict[str, Any]:
    """Two rows of unequal length, as the trainer's loss takes them."""
    device, width = trainer.accelerator.device, max(_LENGTHS)
    mask = torch.tensor([[int(t < length) for t in range(width)] for length in _LENGTHS], device=device)
    ids = torch.ones_like(mask)
    return {
        "prompt_ids": ids[:, :2],
        "prompt_mask": torch.ones_like(ids[:, :2]),
        "completion_ids": ids,
        "completion_mask": mask,
        "advantages": torch.tensor([1.0, -0.5], device=device),
        "num_items_in_batch": mask.sum(),
        "importance_sampling_ratio": torch.ones(2, 1, device=device),
    }


def _real(inputs: dict[str, Any]) -> dict[str, Any]:
    """A real micro-batch, made on-policy, with advantages that are known."""
    rows = inputs["advantages"].shape[0]
    signs = torch.where(torch.arange(rows) % 2 == 0, 1.0, -0.5).to(inputs["advantages"])
    probe = {key: value for key, value in inputs.items() if key != "dca_row"}
    if probe.get("importance_sampling_ratio") is not None:
        probe["importance_sampling_ratio"] = torch.ones_like(probe["importance_sampling_ratio"])
    return {**probe, "advantages": signs}


def _trained(probe: dict[str, Any]) -> Tensor:
    """(B, T) 1 for tokens that are trained on."""
    mask = probe["completion_mask"]
    return mask if probe.get("tool_mask") is None else mask * probe["tool_mask"]


def _tilt(mask: Tensor) -> Tensor:
    """(B, T) a tilt that differs from token to token and sums to zero over each row."""
    raw = torch.cos(torch.arange(mask.size(1), device=mask.device, dtype=torch.float32) * 1.7) * mask
    return (raw - raw.sum(1, keepdim=True) / mask.sum(1, keepdim=True).clamp(min=1)) * mask


def _plain_gradient(trainer: Any, model: Any, probe: dict[str, Any], *, given: bool) -> Tensor:
    """The gradient of the plain loss; what it cannot be had for is not a matter of token advantages."""
    try:
        return _gradient(trainer, model, probe)
    except Exception as error:
        if not given:
            raise Unchecked(f"{type(error).__name__}: {error}") from error
        raise InputError(
            f"expected a loss that gets its log-probabilities from `_get_per_token_logps_and_entropies`; with those "
            f"given, this one raised {type(error).__name__}: {error}. {_REMEDY}"
        ) from error


def _complaint(trainer: Any, model: Any, probe: dict[str, Any], plain: Tensor) -> str:
    """What is wrong with the loss under token advantages; "" where nothing is."""
    mask = _trained(probe)
    tilt = _tilt(mask)
    advantages = (probe["advantages"].unsqueeze(1) + tilt) * mask
    tokens = Tokens(advantages.float().cpu().numpy(), mask.bool().cpu().numpy(), np.ones(len(mask), dtype=bool))
    trainer._dca.batch = _Known(tokens)
    rows = torch.tensor([[KEY, row] for row in range(len(mask))])
    try:
        moved = (plain - _gradient(trainer, model, {**probe, "dca_row": rows})) * mask
    except Exception as error:
        return f"raises {type(error).__name__} when advantages have shape (B, T): {error}"
    scale = (_per_token(plain, probe, mask) * tilt.abs().sum(1)).clamp(min=1e-12)  # (B,) the size of a full push
    uneven = (moved - moved.sum(1, keepdim=True) / mask.sum(1, keepdim=True).clamp(min=1)) * mask
    if (uneven.abs().sum(1) / scale).max() < LEAST_SHARE:
        return "gives every token of a rollout the same push, whatever its advantage"
    drift = moved.sum(1).abs() / scale
    cosine = torch.nn.functional.cosine_similarity(moved.double(), tilt.double(), dim=1)[tilt.abs().sum(1) > 0]
    if cosine.min() < LEAST_COSINE:
        return f"does not push tokens along their advantages (cosine {cosine.min():.4f})"
    if drift.max() > MOST_DRIFT:
        return f"does not keep the sum of a rollout's push (off by {drift.max():.2g} of the tilt)"
    return ""


def _per_token(plain: Tensor, probe: dict[str, Any], mask: Tensor) -> Tensor:
    """(B,) what the plain loss multiplies a row's advantage by, for one token."""
    share = (plain * mask).sum(1).abs() / mask.sum(1).clamp(min=1)
    return (share / probe["advantages"].abs()).clamp(min=1e-12)


def _gradient(trainer: Any, model: Any, probe: dict[str, Any]) -> Tensor:
    """(B, T) the gradient of the trainer's own loss with respect to the log-probabilities."""
    mask = _trained(probe)
    ramp = torch.linspace(-2.0, -0.5, mask.numel(), device=mask.device).reshape(mask.shape)
    logps = ramp.clone().requires_grad_()
    entropies = torch.linspace(0.1, 2.0, mask.numel(), device=mask.device).reshape(mask.shape)

    def forward(*_args: Any, **_kwargs: Any) -> tuple[Any, ...]:
        scope = trainer._dca.scope
        if scope is not None:
            scope.after_forward(logps)
        return (logps, entropies, (logps * 0.0).sum()) if _has_aux_loss() else (logps, entropies)

    trainer._get_per_token_logps_and_entropies = forward
    with torch.enable_grad():
        on_policy = {key: ramp for key in _LOGPS if probe.get(key) is not None}
        loss = trainer._compute_loss(model, {**probe, "ref_per_token_logps": ramp, **on_policy})
    if not (isinstance(loss, Tensor) and loss.requires_grad):
        return torch.zeros_like(ramp)
    (gradient,) = torch.autograd.grad(loss, logps, allow_unused=True)
    return torch.zeros_like(ramp) if gradient is None else gradient


def _has_aux_loss() -> bool:
    """Whether TRL's forward also returns the load-balancing loss of mixtures of experts."""
    return "compute_aux_loss" in inspect.signature(GRPOTrainer._get_per_token_logps_and_entropies).parameters


@contextmanager
def _aside(trainer: Any, early: bool) -> Iterator[None]:
    """Run with the trainer's bookkeeping put aside, and the features that drop tokens switched off."""
    before = dict(vars(trainer))
    trainer._dca = copy.copy(trainer._dca)
    trainer._dca.early, trainer._dca.checked = early, True
    trainer._dca.sums = {"train": Sums(), "eval": Sums()}
    trainer._metrics = {"train": defaultdict(list), "eval": defaultdict(list)}
    trainer.top_entropy_quantile, trainer.off_policy_mask_threshold = 1.0, None
    trainer.current_gradient_accumulation_steps = 1
    try:
        yield
    finally:
        for name in set(vars(trainer)) - set(before):
            delattr(trainer, name)
        vars(trainer).update(before)
