"""The small corrections: pure functions against hand-worked numbers, and the scope around one micro-batch."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from dca.trl import loss as loss_module
from dca.trl.binding import Tokens
from dca.trl.loss import LossScope, push_factor, realised_drift, recentred, sign_kept, token_form

MASK = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
TILT = torch.tensor([[0.4, -0.2, 0.1, -0.3], [0.5, -0.5, 0.0, 0.0]])


def trainer(**change: Any) -> Any:
    """What the scope reads of a trainer."""
    settings = {
        "importance_sampling_level": "token",
        "loss_type": "grpo",
        "epsilon_low": 0.2,
        "epsilon_high": 0.2,
        "args": SimpleNamespace(delta=None, sapo_temperature_pos=1.0, sapo_temperature_neg=1.05),
    }
    return SimpleNamespace(**{**settings, **change})


def inputs(**change: Any) -> dict[str, Any]:
    """A micro-batch of two rows."""
    return {"advantages": torch.tensor([1.0, -1.0]), "completion_mask": MASK, **change}


def tilted() -> Tokens:
    """Token advantages with a zero-sum tilt; the third token of the first row is neutral."""
    tilt = np.array([[0.3, -0.2, 0.0, -0.1], [0.5, -0.5, 0.0, 0.0]], dtype=np.float32)
    counted = MASK.bool().numpy() & np.array([[1, 1, 0, 1], [1, 1, 1, 1]], dtype=bool)
    advantages = (np.array([[1.0], [-1.0]], dtype=np.float32) + tilt) * MASK.numpy()
    return Tokens(advantages.astype(np.float32), counted, np.array([True, True]))


def test_token_form_has_the_value_of_the_sequence() -> None:
    """Under the replaced old log-probabilities every token's ratio is the geometric mean over its row."""
    logps, old = torch.randn(2, 4, generator=torch.Generator().manual_seed(0)), torch.zeros(2, 4)
    ratio = torch.exp(logps - token_form(logps, old, MASK))
    first, second = torch.exp(logps[0].mean()), torch.exp(logps[1, :2].mean())
    assert torch.allclose(ratio, torch.stack([first, second]).unsqueeze(1).expand(2, 4), atol=1e-6)


def test_token_form_keeps_the_sum_of_the_gradient() -> None:
    """With one advantage in a row, the row's gradient has the sum of the sequence form's, off-policy too."""
    now = torch.randn(1, 4, generator=torch.Generator().manual_seed(1))
    old, mask = torch.zeros(1, 4), torch.ones(1, 4)
    at_sequence, at_token = now.clone().requires_grad_(), now.clone().requires_grad_()
    torch.exp((at_sequence - old).mean()).backward()
    torch.exp(at_token - token_form(at_token, old, mask)).mean().backward()
    assert at_sequence.grad is not None
    assert at_token.grad is not None
    assert at_token.grad.sum().item() == pytest.approx(at_sequence.grad.sum().item(), rel=1e-6)


def test_an_empty_row_stays_finite() -> None:
    """A row that is masked out altogether gives no NaN."""
    assert torch.isfinite(token_form(torch.zeros(1, 3), torch.ones(1, 3), torch.zeros(1, 3))).all()


def test_recentred() -> None:
    """Over the kept tokens outside neutral steps the mean is A_i again; the others are left as they are."""
    scalars = torch.tensor([[1.0], [-1.0]])
    kept = torch.tensor([[1, 1, 1, 0], [1, 0, 0, 0]]).bool()
    counted = MASK.bool() & torch.tensor([[1, 1, 0, 1], [1, 1, 1, 1]]).bool()
    found = recentred(scalars + TILT, scalars, kept, counted, torch.tensor([True, True]))
    expected = torch.tensor([[1.3, 0.7, 1.1, 0.7], [-1.0, -1.5, -1.0, -1.0]])
    assert torch.allclose(found, expected)


def test_rows_that_kept_no_sum_are_left_alone() -> None:
    """A row whose tilt did not sum to zero before is not made to."""
    scalars, everything = torch.tensor([[1.0], [-1.0]]), torch.ones(2, 4, dtype=torch.bool)
    found = recentred(
        scalars + TILT, scalars, everything[:, :1] & everything, everything, torch.tensor([False, False])
    )
    assert torch.equal(scalars + TILT, found)


def test_sign_kept() -> None:
    """A tilt that would turn a sign is shrunk with its whole row; others are not touched."""
    scalars = torch.tensor([[0.1], [-1.0]])
    found = sign_kept(scalars + TILT, scalars, torch.ones(2, 4, dtype=torch.bool))
    assert torch.allclose(found[0], 0.1 + TILT[0] / 3.0)
    assert torch.equal(found[1], (scalars + TILT)[1])


@pytest.mark.parametrize("loss_type", ["grpo", "bnpo", "dr_grpo", "dapo", "luspo", "sapo", "vespo", "cispo"])
def test_on_policy_every_loss_pushes_alike(loss_type: str) -> None:
    """At a ratio of 1 a token's push is its advantage, for both signs and every loss."""
    advantages, ratio = torch.tensor([[1.0, -1.0]]), torch.ones(1, 2)
    found = push_factor(loss_type, ratio, advantages, trainer(epsilon_high=1.0))
    assert torch.allclose(found, torch.ones(1, 2))


def test_clipping_takes_the_push() -> None:
    """Above the range a positive advantage pushes no more, below it a negative one; delta bounds both."""
    ratio, advantages = torch.tensor([[1.3, 1.3, 0.7, 0.7]]), torch.tensor([[1.0, -1.0, 1.0, -1.0]])
    found = push_factor("grpo", ratio, advantages, trainer())
    assert torch.allclose(found, torch.tensor([[0.0, 1.3, 0.7, 0.0]]))
    bounded = trainer(args=SimpleNamespace(delta=1.25))
    assert torch.allclose(push_factor("grpo", ratio, advantages, bounded), torch.tensor([[0.0, 0.0, 0.7, 0.0]]))


@pytest.mark.parametrize("loss_type", ["grpo", "sapo", "cispo"])
def test_push_factor_is_the_gradient(loss_type: str) -> None:
    """The factor is the derivative of the loss's own term with respect to the log-probability."""
    settings = trainer(epsilon_high=0.3)
    log_ratio = torch.tensor([[0.1, -0.15, 0.5, -0.5]]).requires_grad_()
    advantages = torch.tensor([[1.0, -0.5, 0.7, -2.0]])
    ratio = torch.exp(log_ratio)
    if loss_type == "grpo":
        term = torch.min(ratio * advantages, ratio.clamp(0.8, 1.3) * advantages)
    elif loss_type == "sapo":
        warm = torch.where(advantages > 0, 1.0, 1.05)
        term = torch.sigmoid(warm * (ratio - 1.0)) * 4.0 / warm * advantages
    else:
        term = ratio.clamp(max=0.3).detach() * advantages * log_ratio
    term.sum().backward()
    with torch.no_grad():
        expected = push_factor(loss_type, torch.exp(log_ratio), advantages, settings) * advantages
    assert log_ratio.grad is not None
    assert torch.allclose(expected, log_ratio.grad, atol=1e-6)


def test_realised_drift() -> None:
    """What clipping takes from one sign only is the drift; without clipping there is none."""
    scalars, advantages = torch.tensor([[1.0]]), torch.tensor([[1.5, 0.5]])
    mask = torch.ones(1, 2)
    assert realised_drift(torch.ones_like, advantages, scalars, mask).item() == 0.0
    halved = realised_drift(lambda a: torch.where(a > 1.2, 0.0, 1.0), advantages, scalars, mask)
    assert halved.item() == pytest.approx(abs((0.0 + 0.5) - 2.0) / 2.0)


def test_without_an_opinion_the_inputs_are_the_plain_ones() -> None:
    """Where all rows keep A_i the loss reads the advantages in the plain trainer's shape, and its own level."""
    given, host = inputs(), trainer(importance_sampling_level="sequence")
    scope = LossScope(host, given, lambda: None)
    scope.after_forward(torch.zeros(2, 4, requires_grad=True))
    assert scope.inputs["advantages"] is given["advantages"]
    assert (host.importance_sampling_level, scope.tilted, "old_per_token_logps" in scope.inputs) == (
        "sequence",
        False,
        False,
    )


def test_binds_once_and_changes_only_its_copy() -> None:
    """Token advantages are asked for once, at the first forward with gradients, and the batch itself stays."""
    asked: list[int] = []

    def tokens() -> Tokens:
        asked.append(1)
        return tilted()

    given = inputs()
    scope = LossScope(trainer(), given, tokens)
    with torch.no_grad():
        scope.after_forward(torch.zeros(2, 4))
    assert asked == []
    scope.after_forward(torch.zeros(2, 4, requires_grad=True))
    scope.after_forward(torch.zeros(2, 4, requires_grad=True))
    assert (asked, tuple(given["advantages"].shape), tuple(scope.inputs["advantages"].shape)) == ([1], (2,), (2, 4))


def test_sequence_level_takes_the_token_form() -> None:
    """At sequence level a tilted micro-batch is computed by tokens, what generated stays known, and it is undone."""
    host, old = trainer(importance_sampling_level="sequence"), torch.full((2, 4), -1.0)
    scope = LossScope(host, inputs(old_per_token_logps=old), tilted)
    scope.after_forward(torch.zeros(2, 4, requires_grad=True))
    assert host.importance_sampling_level == "token"
    assert torch.allclose(scope.inputs["old_per_token_logps"], torch.full((2, 4), -1.0))
    assert scope.inputs["sampling_per_token_logps"] is old
    scope.close()
    assert host.importance_sampling_level == "sequence"


@pytest.mark.parametrize("loss_type", ["cispo", "vespo"])
def test_losses_with_a_detached_ratio_keep_their_level(loss_type: str) -> None:
    """Where the ratio carries no gradient nothing is cancelled, and the sequence level stays."""
    host = trainer(importance_sampling_level="sequence", loss_type=loss_type)
    scope = LossScope(host, inputs(), tilted)
    scope.after_forward(torch.zeros(2, 4, requires_grad=True))
    assert host.importance_sampling_level == "sequence"


@pytest.mark.parametrize("over_padding", [True, False])
def test_luspo_where_its_mean_goes_over_padding(monkeypatch: pytest.MonkeyPatch, over_padding: bool) -> None:
    """The older form of luspo gets advantages stretched by T / n, unless an entropy mask did so to the plain one."""
    monkeypatch.setattr(loss_module, "MEAN_OVER_PADDING", over_padding)
    scope = LossScope(trainer(importance_sampling_level="sequence", loss_type="luspo"), inputs(), tilted)
    scope.after_forward(torch.zeros(2, 4, requires_grad=True))
    expected = torch.from_numpy(tilted().advantages) * (torch.tensor([[1.0], [2.0]]) if over_padding else 1.0)
    assert torch.allclose(expected, scope.inputs["advantages"])
    scope.keep(MASK.bool())
    assert torch.allclose(torch.from_numpy(tilted().advantages), scope.inputs["advantages"], atol=1e-6)


def test_an_entropy_mask_keeps_the_sum() -> None:
    """Over the tokens that stay, the mean of a row is A_i, and a neutral step is still exactly A_i."""
    scope = LossScope(trainer(), inputs(), tilted)
    scope.after_forward(torch.zeros(2, 4, requires_grad=True))
    kept = torch.tensor([[1, 0, 1, 1], [1, 1, 0, 0]])
    scope.keep(kept)
    found = scope.inputs["advantages"]
    assert torch.allclose((found * kept).sum(1) / kept.sum(1), torch.tensor([1.0, -1.0]))
    assert found[0, 2].item() == 1.0


def test_drift_of_the_scope() -> None:
    """On-policy there is no drift to measure; off-policy it is that of the loss's own clipping."""
    on = LossScope(trainer(), inputs(), tilted)
    on.after_forward(torch.zeros(2, 4, requires_grad=True))
    assert on.drift() is None
    off = LossScope(trainer(), inputs(old_per_token_logps=torch.full((2, 4), -0.5)), tilted)
    off.after_forward(torch.zeros(2, 4, requires_grad=True))
    found = off.drift()
    assert found is not None
    ratio = float(np.exp(0.5))  # above the range: positive advantages push no more, negative ones do
    assert found.tolist() == pytest.approx([0.0, abs(ratio * -1.5 + ratio * -0.5 - 2 * ratio * -1.0) / 2.0], abs=1e-6)
