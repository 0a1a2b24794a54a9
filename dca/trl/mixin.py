"""The trainer's side: `DenseCreditMixin` gives any GRPO trainer one advantage for each token.

Reviews begin as soon as completions exist and are bound when the loss needs them, so that gathering rewards, log-
probabilities, earlier micro-batches and the forward hide them. Every override calls the trainer below it and changes
nothing where there is no opinion. This module knows when things happen in TRL; what happens then is told in
`training`, `binding` and `loss`.
"""

from __future__ import annotations

from typing import Any

from trl import GRPOTrainer

from dca.trl.admission import refuse_token_advantages
from dca.trl.canary import check_loss
from dca.trl.config import FIELDS
from dca.trl.loss import LossScope
from dca.trl.training import (
    ROW,
    CreditRun,
    columns_of,
    micro_batch,
    note_loss,
    open_credit,
    received,
    report,
    settled,
)


class DenseCreditMixin(GRPOTrainer):
    """Dense credit for a GRPO trainer of one's own: ``class Mine(DenseCreditMixin, MyTrainer)``.

    The advantages of a reviewed rollout become ``A_t = A_i + credit_coef * z_k(t)`` with `DCAGRPOConfig`'s scheme;
    rows without a review that can be used keep A_i. Takes the fields of `DCAGRPOConfig` as keyword arguments too;
    `credit_coef` may then be a function of training progress in [0, 1], and `scheme` a scheme of one's own.

    The gradient's sum over a rollout is the plain trainer's on-policy, whatever the loss; what a clipped ratio or
    another engine's token weights take from it is logged as ``dca/realised_drift``. Where a micro-batch carries an
    opinion, TRL's clip metrics are means over tokens also at sequence level.

    Raises:
        InputError: The trainer, its reward functions or its loss cannot carry dense credit.
    """

    _dca: CreditRun | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        given = {name: kwargs.pop(name) for name in FIELDS if name in kwargs}
        super().__init__(*args, **kwargs)
        open_credit(self, given)

    def _generate(self, prompts: Any, *args: Any, **kwargs: Any) -> Any:
        """Begin the reviews as soon as the completions exist."""
        out = super()._generate(prompts, *args, **kwargs)
        run = self._dca
        if run is not None and run.inputs is not None and len(run.inputs) == len(prompts):
            extras = next((part for part in out[4:] if isinstance(part, dict)), {})  # of a `rollout_func`
            columns = columns_of(self, run.inputs, extras)
            run.reward.begin(prompts, out[3], out[1], masks=out[2], prompt_ids=out[0], coef=run.coef, **columns)
        return out

    def _calculate_rewards(self, *args: Any, **kwargs: Any) -> Any:
        """Remember the rewards of all ranks: they say how a reward was scaled, and which groups are saturated."""
        rewards = super()._calculate_rewards(*args, **kwargs)
        if self._dca is not None:
            self._dca.rewards = rewards
        return rewards

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        """Mark the rows of a training batch, so that their loss can find their reviews."""
        run = self._dca
        if run is None:
            return super()._generate_and_score_completions(inputs)
        training = self.model.training
        if not training:
            run.sums["train"].update(run.reward.collect_metrics())  # before the evaluation adds its own
        else:
            run.guard.check(self.accelerator)
            run.batch = None
            run.coef = run.options.coef_at(self.state.global_step / max(1, self.state.max_steps))
        run.generation, run.rewards = run.generation + 1, None
        run.inputs = inputs if training else None
        try:
            out = super()._generate_and_score_completions(inputs)
        finally:
            run.inputs = None
        received(self, run, out, training)
        return out

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Any:
        """TRL's loss, with token advantages in place of A_i where there is an opinion."""
        run = self._dca
        if run is None or inputs.get(ROW) is None:
            return super()._compute_loss(model, inputs)
        refuse_token_advantages(self, inputs["advantages"])
        if not run.checked:
            check_loss(self, model=model, inputs=inputs)
            run.checked = True
        batch, micro = run.batch, micro_batch(inputs)
        scope = LossScope(
            self,
            inputs,
            lambda: batch.tokens(micro) if batch is not None else None,
            sign_preserving=getattr(run.options.scheme, "sign_preserving", False),
        )
        run.scope = scope
        try:
            if run.early:
                scope.bind()
            loss = super()._compute_loss(model, scope.inputs)
        finally:
            run.scope = None
            scope.close()
        note_loss(run, scope)
        return loss

    def _get_per_token_logps_and_entropies(self, *args: Any, **kwargs: Any) -> Any:
        """Bind the reviews once the forward is under way."""
        out = super()._get_per_token_logps_and_entropies(*args, **kwargs)
        if self._dca is not None and self._dca.scope is not None:
            self._dca.scope.after_forward(out[0])
        return out

    def get_high_entropy_mask(self, *args: Any, **kwargs: Any) -> Any:
        """Keep the sum of the push over the tokens that stay."""
        kept = super().get_high_entropy_mask(*args, **kwargs)
        if self._dca is not None and self._dca.scope is not None:
            self._dca.scope.keep(kept)
        return kept

    def get_off_policy_mask(self, advantages: Any, *args: Any, **kwargs: Any) -> Any:
        """Drop whole sequences by the sign of A_i, as the mask means it."""
        return super().get_off_policy_mask(_scalars(self._dca, advantages), *args, **kwargs)

    def get_gamma_weights(self, advantages: Any, *args: Any, **kwargs: Any) -> Any:
        """Weigh whole sequences by the sign of A_i, as VESPO means it."""
        return super().get_gamma_weights(_scalars(self._dca, advantages), *args, **kwargs)

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Add the figures of the reviews, over all ranks, and the credits in the table of completions."""
        run = self._dca
        if run is not None:
            report(self, run, "train" if self.model.training else "eval")
            if "train_runtime" in logs:  # the last word of a run
                settled(self, run)
        super().log(logs, *args, **kwargs)

    def _save_checkpoint(self, *args: Any, **kwargs: Any) -> Any:
        """Settle what is open first, so that what must stop the run stops all ranks."""
        if self._dca is not None:
            settled(self, self._dca)
        return super()._save_checkpoint(*args, **kwargs)


def _scalars(run: CreditRun | None, advantages: Any) -> Any:
    """A_i of the micro-batch at hand, (B, 1), in place of its token advantages."""
    return advantages if run is None or run.scope is None else run.scope.scalars
