"""The canary: a loss that ignores or breaks token advantages is refused, and asking leaves no trace."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch
from dense import Hashed, Watched, run
from trl import GRPOTrainer

from dca.errors import InputError
from dca.trl.mixin import DenseCreditMixin
from dca.trl.trainer import attach

# What transformers says of its own arguments while TRL builds a trainer.
pytestmark = pytest.mark.filterwarnings("ignore:.*gradient_checkpointing.*:FutureWarning")

LOSSES = ("grpo", "bnpo", "dr_grpo", "dapo", "luspo", "cispo", "sapo", "vespo")


class Flattened(GRPOTrainer):
    """A loss of one's own that has one advantage for a rollout."""

    def _compute_loss(self, model: Any, inputs: Any) -> Any:
        return super()._compute_loss(model, _Flat(inputs))


class _Flat(dict):  # type: ignore[type-arg]
    """A batch that gives the mean advantage of a row, whatever it is given."""

    def __getitem__(self, key: str) -> Any:
        value = super().__getitem__(key)
        return value.mean(1) if key == "advantages" and value.dim() == 2 else value


class Reweighted(GRPOTrainer):
    """A loss that gives later tokens more weight."""

    def _compute_loss(self, model: Any, inputs: Any) -> Any:
        inputs = dict(inputs)
        if inputs["advantages"].dim() == 2:
            inputs["advantages"] = inputs["advantages"] * torch.linspace(0.5, 1.5, inputs["advantages"].size(1))
        return super()._compute_loss(model, inputs)


class Copying(GRPOTrainer):
    """A loss that reads its batch before the forward, and shrinks all advantages alike."""

    def _compute_loss(self, model: Any, inputs: Any) -> Any:
        return super()._compute_loss(model, {**inputs, "advantages": inputs["advantages"] * 0.5})


class Extra(GRPOTrainer):
    """A loss that needs something of its own in the batch."""

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        out = super()._generate_and_score_completions(inputs)
        return {**out, "weight": torch.ones(len(out["advantages"]))}

    def _compute_loss(self, model: Any, inputs: Any) -> Any:
        return super()._compute_loss(model, inputs) * inputs["weight"].mean()


class ExtraFlattened(Extra, Flattened):
    """The same, and one advantage for a rollout."""


class OwnForward(GRPOTrainer):
    """A loss that runs the model itself."""

    def _compute_loss(self, model: Any, inputs: Any) -> Any:
        logits = model(inputs["completion_ids"]).logits
        return (logits.float().log_softmax(-1).mean(-1) * inputs["advantages"].unsqueeze(-1)).mean()


def dense(base: type) -> type:
    """The mixin on a trainer."""
    return type(f"Dense{base.__name__}", (DenseCreditMixin, base), {})


@pytest.mark.parametrize("level", ["token", "sequence"])
@pytest.mark.parametrize("loss_type", LOSSES)
def test_every_loss_of_trl_serves(tmp_path: Path, loss_type: str, level: str) -> None:
    """Each of TRL's losses, at both levels, pushes tokens along their advantages, bound after the forward."""
    trainer = run(
        tmp_path,
        reviewer=Hashed(),
        train=False,
        loss_type=loss_type,
        importance_sampling_level=level,
        top_entropy_quantile=0.5,
        off_policy_mask_threshold=0.1,
    )
    assert (trainer._dca.checked, trainer._dca.early) == (True, False)


@pytest.mark.parametrize(
    ("base", "reason"),
    [
        (Flattened, "the `_compute_loss` of Flattened gives every token of a rollout the same push"),
        (Reweighted, "the `_compute_loss` of Reweighted does not push tokens along their advantages"),
    ],
)
def test_refuses_a_loss_that_breaks_advantages(tmp_path: Path, base: type, reason: str) -> None:
    """A loss that drops or distorts token advantages is refused, by name, with the reason and the remedy."""
    with pytest.raises(InputError, match=f"{reason}.*Use DCAReward in the stock trainer, as an audit"):
        run(tmp_path, reviewer=Hashed(), cls=dense(base), train=False)


@pytest.mark.skipif(not importlib.util.find_spec("trl.experimental.gmpo"), reason="this version of TRL has no GMPO")
def test_refuses_gmpo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GMPO's geometric mean has one coefficient for a sequence, and says so by raising."""
    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")
    gmpo = pytest.importorskip("trl.experimental.gmpo")
    with pytest.raises(InputError, match=r"of GMPOTrainer raises \w+ when advantages have shape \(B, T\)"):
        run(tmp_path, reviewer=Hashed(), cls=dense(gmpo.GMPOTrainer), train=False)


def test_a_loss_that_reads_early_is_bound_early(tmp_path: Path) -> None:
    """A loss that takes its advantages before the forward is served before the forward."""
    trainer = run(tmp_path, reviewer=Hashed(), cls=dense(Copying), max_steps=1)
    assert trainer._dca.early
    assert trainer.state.log_history[0]["dca/tilt_rms"] > 0.0


def test_a_loss_with_needs_of_its_own_is_checked_on_a_real_batch(tmp_path: Path) -> None:
    """What cannot be checked on a made-up batch is checked on the first real one, and then trains."""
    trainer = run(tmp_path, reviewer=Hashed(), cls=dense(Extra), train=False)
    assert not trainer._dca.checked
    trainer.train()
    assert trainer._dca.checked
    assert trainer.state.global_step == 2


@pytest.mark.parametrize(
    ("base", "reason"),
    [
        (ExtraFlattened, "gives every token of a rollout the same push"),
        (OwnForward, r"expected a loss that gets its log-probabilities|same push|raises"),
    ],
)
def test_refuses_on_a_real_batch(tmp_path: Path, base: type, reason: str) -> None:
    """A loss that could only be checked on a real batch is refused there, before it trains anything."""
    trainer = run(tmp_path, reviewer=Hashed(), cls=dense(base), train=False)
    with pytest.raises(InputError, match=reason):
        trainer.train()
    assert trainer.state.global_step == 0


def test_asking_leaves_no_trace(tmp_path: Path) -> None:
    """The check changes no metric, no attribute and no random state of the trainer."""
    reward_of = run(tmp_path / "other", reviewer=Hashed(), train=False).reward_funcs[0]
    trainer = run(tmp_path, reward=reward_of, cls=Watched, train=False, loss_type="vespo", beta=0.1)
    before, state = dict(vars(trainer)), torch.random.get_rng_state()
    metrics = {mode: dict(values) for mode, values in trainer._metrics.items()}
    attach(trainer)
    assert torch.equal(state, torch.random.get_rng_state())
    assert {mode: dict(values) for mode, values in trainer._metrics.items()} == metrics
    changed = {name for name, value in vars(trainer).items() if name not in before or before[name] is not value}
    assert {"_dca", "_tag_names"} == changed
