"""What keeps a zero-sum tilt alive and balanced inside TRL's loss: pure functions of tensors, and one scope.

Letters: B rows of a micro-batch, T completion tokens. `LossScope` stands for one micro-batch while its loss is
computed: TRL's loss stays TRL's, reads its inputs from a copy of the batch, and the scope changes that copy at the
moments the trainer's small overrides tell it of. This module knows nothing of reviews, steps or schemes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import torch
from torch import Tensor

from dca.trl.binding import Tokens
from dca.trl.scaling import TRL

CLIPPED: Final = frozenset({"grpo", "bnpo", "dr_grpo", "dapo", "luspo"})
"""Losses with PPO's clipped ratio."""

TOKEN_FORM: Final = CLIPPED | {"sapo"}
"""Losses whose gradient goes through the ratio: at sequence level they would cancel a zero-sum tilt identically."""

MEAN_OVER_PADDING: Final = TRL < (1, 10)
"""Whether the loss `luspo`, given token advantages, is a mean over padding too: corrected in `LossScope`."""


def token_form(logps: Tensor, old_logps: Tensor, mask: Tensor) -> Tensor:
    """Old log-probabilities under which each token's ratio has the value of its sequence's.

        log s_i = mean_t (log pi_t - log pi_old_t);  old'_t = sg(log pi_t - log s_i)
        ratio'_t = pi_t / exp(old'_t) = sg(s_i) * pi_t / sg(pi_t)

    The token form of GSPO (Zheng et al. 2025, arXiv 2507.18071): equal in value and, where all tokens of a row have
    one advantage, in the sum of the gradient over the row, but a token's gradient follows its own advantage.

    Args:
        logps: (B, T) log-probabilities under the policy.
        old_logps: (B, T) log-probabilities under the policy that generated.
        mask: (B, T) 1 for tokens that are trained on.

    Returns:
        (B, T) without gradient.
    """
    now = logps.detach()
    mean = ((now - old_logps) * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1.0)
    return now - mean.unsqueeze(1)


def recentred(advantages: Tensor, scalars: Tensor, kept: Tensor, counted: Tensor, zero_sum: Tensor) -> Tensor:
    """Token advantages whose mean over the kept tokens of a row is again A_i.

        A_t - mean over kept and counted tokens of (A_t - A_i)      on counted tokens; the others stay as they are

    Args:
        advantages: (B, T) A_t.
        scalars: (B, 1) A_i.
        kept: (B, T) True for tokens that stay in the loss.
        counted: (B, T) policy tokens outside neutral steps.
        zero_sum: (B,) rows whose tilt summed to zero before; the others are left alone.
    """
    part = kept & counted
    tilt = (advantages - scalars) * part
    surplus = tilt.sum(dim=1, keepdim=True) / part.sum(dim=1, keepdim=True).clamp(min=1)
    return advantages - surplus * (part & zero_sum.unsqueeze(1))


def sign_kept(advantages: Tensor, scalars: Tensor, part: Tensor) -> Tensor:
    """The tilt of each row shrunk until no token's sign differs from A_i's.

    Args:
        advantages: (B, T) A_t.
        scalars: (B, 1) A_i.
        part: (B, T) tokens that stay in the loss.
    """
    tilt = (advantages - scalars) * part
    against = torch.clamp(-tilt * torch.sign(scalars), min=0.0).amax(dim=1, keepdim=True)
    factor = torch.where(against > scalars.abs(), scalars.abs() / against.clamp(min=1e-12), torch.ones_like(against))
    return torch.where(factor < 1.0, scalars + factor * tilt, advantages)


def push_factor(loss_type: str, ratio: Tensor, advantages: Tensor, settings: Any) -> Tensor:
    """What a loss multiplies a token's advantage by, in the gradient with respect to its log-probability.

    1 on-policy, for every loss, up to the loss's own normalisation; it departs from that where a ratio is clipped or
    weighted, and differently for the two signs of the advantage.

    Args:
        loss_type: One of TRL's.
        ratio: (B, T) pi_t / pi_old_t.
        advantages: (B, T) or (B, 1); only their sign is read.
        settings: Holds `epsilon_low`, `epsilon_high` and TRL's arguments as `args`.
    """
    positive = advantages >= 0.0
    if loss_type in CLIPPED:
        above, below = ratio <= 1.0 + settings.epsilon_high, ratio >= 1.0 - settings.epsilon_low
        delta = getattr(settings.args, "delta", None)
        if delta is not None:
            above, below = above & (ratio <= delta), below & (ratio <= delta)
        return ratio * torch.where(positive, above, below)
    if loss_type == "cispo":
        return ratio.clamp(max=settings.epsilon_high).expand_as(ratio * advantages)
    if loss_type == "sapo":
        warm = torch.where(advantages > 0.0, settings.args.sapo_temperature_pos, settings.args.sapo_temperature_neg)
        gate = torch.sigmoid(warm * (ratio - 1.0))
        return 4.0 * gate * (1.0 - gate) * ratio
    return torch.ones_like(ratio * advantages)  # vespo weighs whole sequences


def realised_drift(push: Callable[[Tensor], Tensor], advantages: Tensor, scalars: Tensor, mask: Tensor) -> Tensor:
    """How far the push that reaches a row's log-probabilities departs from the plain trainer's, each row.

        |mean_t (w(A_t) A_t - w(A_i) A_i)|        0 on-policy: law 4 holds before ratios are clipped and weighted

    Args:
        push: From advantages to their factors w, see `push_factor`.
        advantages: (B, T) A_t.
        scalars: (B, 1) A_i.
        mask: (B, T) tokens that stay in the loss.

    Returns:
        (B,) in units of advantage.
    """
    surplus = (push(advantages) * advantages - push(scalars) * scalars) * mask
    return surplus.sum(dim=1).abs() / mask.sum(dim=1).clamp(min=1.0)


class LossScope:
    """One micro-batch of training, while its loss is computed.

    Args:
        trainer: Whose loss it is; its importance-sampling level is changed while the scope is open.
        inputs: The micro-batch; never changed, the loss gets `inputs` of the scope, a copy.
        tokens: Gives the token advantages, or None where all rows keep A_i; called once, after the forward.
        sign_preserving: Whether a correction must keep signs too.
    """

    def __init__(
        self,
        trainer: Any,
        inputs: dict[str, Any],
        tokens: Callable[[], Tokens | None],
        *,
        sign_preserving: bool = False,
    ) -> None:
        self.inputs = dict(inputs)
        self.scalars: Tensor = inputs["advantages"].unsqueeze(1)  # (B, 1)
        mask = inputs["completion_mask"]
        self.mask: Tensor = mask if inputs.get("tool_mask") is None else mask * inputs["tool_mask"]  # (B, T)
        self._trainer, self._tokens, self._sign_preserving = trainer, tokens, sign_preserving
        self._bound = self._seen = False
        self._found: Tokens | None = None
        self._advantages = self.scalars  # what the law speaks of; `inputs` holds them times `_stretch`
        self._stretch: Tensor | float = 1.0
        self._kept: Tensor | None = None
        self._logps: Tensor | None = None
        self._level: str = trainer.importance_sampling_level

    @property
    def tilted(self) -> bool:
        """Whether the loss gets one advantage for each token."""
        return self._found is not None

    def bind(self) -> None:
        """Put the token advantages in place of A_i; without an opinion A_i stays, in the plain trainer's shape."""
        if self._bound:
            return
        self._bound, self._found = True, self._tokens()
        if self._found is not None:
            self._place(torch.from_numpy(self._found.advantages).to(self.scalars))

    def _place(self, advantages: Tensor) -> None:
        self._advantages = advantages
        self.inputs["advantages"] = advantages * self._stretch

    def after_forward(self, logps: Tensor) -> None:
        """Bind, now that the forward is under way, and choose the form of the ratio."""
        if self._seen or not torch.is_grad_enabled():
            return
        self._seen, self._logps = True, logps
        self.bind()
        if self.tilted and self._level == "sequence" and self._trainer.loss_type in TOKEN_FORM:
            self._take_token_form(logps)

    def _take_token_form(self, logps: Tensor) -> None:
        """Replace the old log-probabilities; what generated stays known to the off-policy mask."""
        old = self.inputs.get("old_per_token_logps")
        old = logps.detach() if old is None else old
        if self.inputs.get("sampling_per_token_logps") is None:
            self.inputs["sampling_per_token_logps"] = old
        self.inputs["old_per_token_logps"] = token_form(logps, old, self.mask)
        self._trainer.importance_sampling_level = "token"
        if self._trainer.loss_type == "luspo" and MEAN_OVER_PADDING:
            self._stretch = self.mask.size(1) / self.mask.sum(dim=1, keepdim=True).clamp(min=1.0)
            self._place(self._advantages)

    def keep(self, kept: Tensor) -> None:
        """Re-centre over the tokens that an entropy mask leaves in the loss."""
        if self._found is None:
            return
        counted = torch.from_numpy(self._found.counted).to(kept.device)
        zero_sum = torch.from_numpy(self._found.zero_sum).to(kept.device)
        part, self._kept = kept.bool(), kept.bool()
        advantages = recentred(self._advantages, self.scalars, part, counted, zero_sum)
        self._stretch = 1.0  # the plain loss is a mean over padding here as well
        self._place(sign_kept(advantages, self.scalars, part) if self._sign_preserving else advantages)

    def close(self) -> None:
        """Give the trainer its importance-sampling level back."""
        self._trainer.importance_sampling_level = self._level

    def drift(self) -> Tensor | None:
        """(B,) how far the realised push departed from the law; None where nothing could make it depart."""
        old = self.inputs.get("old_per_token_logps")
        weights = self.inputs.get("importance_sampling_ratio")
        if not self.tilted or self._logps is None or (old is None and weights is None):
            return None
        with torch.no_grad():
            now = self._logps.detach()
            log_ratio = now - (now if old is None else old)
            if self._level == "sequence" and self._trainer.loss_type not in TOKEN_FORM:
                log_ratio = (log_ratio * self.mask).sum(1, keepdim=True) / self.mask.sum(1, keepdim=True).clamp(min=1)
            return self._drift(torch.exp(log_ratio), weights)

    def _drift(self, ratio: Tensor, weights: Tensor | None) -> Tensor:
        """See `realised_drift`; `weights` are those of tokens that another engine sampled."""
        loss_type = self._trainer.loss_type
        outer: Tensor | float = 1.0 if weights is None or loss_type == "vespo" else weights

        def push(advantages: Tensor) -> Tensor:
            return outer * push_factor(loss_type, ratio, advantages, self._trainer)

        mask = self.mask if self._kept is None else self.mask * self._kept
        return realised_drift(push, self._advantages, self.scalars, mask)
