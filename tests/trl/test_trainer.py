"""`DCAGRPOTrainer` and `attach`: what they take, what they refuse, and how they are called."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
import tiny
from dense import Failing, Hashed, Watched, reward_of, run
from trl import RLOOConfig, RLOOTrainer

from dca.credit.schemes import Share, ValueDifference
from dca.errors import InputError, SchemeError
from dca.trl import admission
from dca.trl.mixin import DenseCreditMixin
from dca.trl.reward import DCAReward
from dca.trl.trainer import DCAGRPOTrainer, attach

# What transformers says of its own arguments while TRL builds a trainer.
pytestmark = pytest.mark.filterwarnings("ignore:.*gradient_checkpointing.*:FutureWarning")


def reward(**options: Any) -> DCAReward:
    """The outcome with a reviewer around it."""
    return reward_of(options.pop("reviewer", Hashed()), **options)


def live(folder: Path, rewards: Any = None, **change: Any) -> Any:
    """A stock trainer, not yet trained."""
    return run(folder, reward=rewards if rewards is not None else reward(), cls=Watched, train=False, **change)


def test_attach_keeps_the_class_and_its_overrides(tmp_path: Path) -> None:
    """The attached trainer is the same object, of a class that is both ours and its own."""
    trainer = live(tmp_path)
    assert attach(trainer, credit_coef=0.25) is trainer
    assert (
        type(trainer).__name__,
        isinstance(trainer, Watched),
        isinstance(trainer, DenseCreditMixin),
    ) == ("DCAWatched", True, True)
    assert trainer._dca.options.coef_at(0.5) == 0.25


def test_attach_reads_the_arguments_it_finds(tmp_path: Path) -> None:
    """Fields come from the call, else from the trainer's arguments, else from the defaults."""
    trainer = live(tmp_path)
    trainer.args.saturated_coef = 0.125
    attach(trainer)
    options = trainer._dca.options
    assert (options.coef_at(0.0), options.saturated_coef, options.review_timeout) == (0.5, 0.125, 60.0)


def test_the_rewards_own_scheme_counts(tmp_path: Path) -> None:
    """A scheme that was given to the reward is the trainer's, unless the trainer was given another."""
    own = attach(live(tmp_path / "a", reward(scheme=Share(withhold=True))), credit_coef=0.1)
    assert Share(credit_coef=0.1, withhold=True) == own._dca.options.scheme_at(0.1)
    given = attach(live(tmp_path / "b", reward(scheme=Share(withhold=True))), scheme=Share())
    assert Share(credit_coef=0.1) == given._dca.options.scheme_at(0.1)


def test_a_reward_goes_from_one_run_to_the_next(tmp_path: Path) -> None:
    """What one trainer set does not stick to the reward: the next one starts from what the reward was told."""
    shared = reward(review_timeout=5.0)
    first = attach(live(tmp_path / "a", shared), sign_preserving=True, review_timeout=9.0)
    second = attach(live(tmp_path / "b", shared))
    assert first._dca.options.scheme_at(0.5) == Share(sign_preserving=True)
    assert (second._dca.options.scheme_at(0.5), second._dca.options.review_timeout) == (Share(), 5.0)


def test_refuses_twice(tmp_path: Path) -> None:
    """A trainer that has dense credit already is refused, and stays as it was."""
    trainer = attach(live(tmp_path), credit_coef=0.25)
    with pytest.raises(InputError, match="which has it; give the fields to its arguments instead"):
        attach(trainer)
    assert trainer._dca.options.coef_at(0.0) == 0.25


def test_a_refused_trainer_stays_as_it_was(tmp_path: Path) -> None:
    """What cannot be attached keeps its class and trains on, plainly."""
    trainer = live(tmp_path)
    with pytest.raises(InputError, match="credit_coef must be a finite number"):
        attach(trainer, credit_coef=-1)
    assert (Watched, False) == (type(trainer), "_dca" in vars(trainer))
    trainer.train()
    assert trainer.state.global_step == 2


def test_refuses_a_trainer_of_another_family(tmp_path: Path) -> None:
    """RLOO keeps one advantage for a completion: refused, with the reason and the remedy."""
    tokenizer = tiny.byte_tokenizer()
    trainer = RLOOTrainer(
        model=tiny.model(len(tokenizer)),
        reward_funcs=reward(),
        args=RLOOConfig(**tiny.settings(tmp_path, beta=0.0)),
        train_dataset=tiny.prompts(),
        processing_class=tokenizer,
    )
    with pytest.raises(InputError, match=r"got RLOOTrainer, which keeps one for each completion. Use DCAGRPOTrainer"):
        attach(trainer)


@pytest.mark.parametrize(
    ("rewards", "got"), [([tiny.length_reward], "0 .length_reward."), ([reward(), reward(name="b")], "2 .dca, b.")]
)
def test_refuses_other_than_one_reward(tmp_path: Path, rewards: list[Any], got: str) -> None:
    """Exactly one DCAReward is expected; what came is named, with an example."""
    with pytest.raises(InputError, match=f"exactly one DCAReward among the reward functions, got {got}"):
        attach(live(tmp_path, rewards))


def test_a_partial_of_a_reward_counts(tmp_path: Path) -> None:
    """A partial around the reward is looked into."""
    wrapped = functools.partial(reward(), fee=1)
    functools.update_wrapper(wrapped, wrapped.func, assigned=["__name__"], updated=())
    trainer = run(tmp_path, reward=[tiny.length_reward, wrapped], cls=DCAGRPOTrainer, max_steps=1)
    assert trainer._dca.index == 1
    assert trainer.state.log_history[0]["dca/tilt_rms"] > 0.0


def test_refuses_a_measure_the_scheme_cannot_use(tmp_path: Path) -> None:
    """A reviewer that measures something else than the scheme needs is refused before anything is spent."""

    class Values(Hashed):
        """Measures value."""

        measure = "value"

    values = reward(reviewer=Values(), scheme=ValueDifference())
    with pytest.raises(SchemeError, match="needs a reviewer that measures contribution"):
        attach(live(tmp_path, values), scheme=Share())


@pytest.mark.parametrize("version", [(0, 25), (0, 29), (1, 15)])
def test_refuses_versions_that_break(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: tuple[int, int]
) -> None:
    """A version of TRL that misreads token advantages, or cannot run, is refused."""
    monkeypatch.setattr(admission, "TRL", version)
    with pytest.raises(InputError, match=f"expected trl 1.0 or later.*got {version[0]}.{version[1]}"):
        attach(live(tmp_path))


def test_refuses_a_loss_in_a_kernel(tmp_path: Path) -> None:
    """A trainer whose loss is computed by Liger's kernel is refused."""
    trainer = live(tmp_path)
    trainer.liger_grpo_loss = object()
    with pytest.raises(InputError, match="Set use_liger_kernel=False"):
        attach(trainer)


def test_what_it_is_called(tmp_path: Path) -> None:
    """The model carries the tag, and the card names DCA and no paper that is not its own."""
    trainer = run(tmp_path, reviewer=Hashed(), cls=DCAGRPOTrainer, train=False)
    assert "dca" in trainer.model.model_tags
    trainer.create_model_card("tiny")
    card = (tmp_path / "README.md").read_text("utf-8")
    assert "trained with DCA" in card
    assert "DeepSeekMath" not in card
    attached = attach(live(tmp_path / "live"))
    assert attached._tag_names == ["trl", "grpo", "dca"]


def test_the_defaults_need_no_configuration(tmp_path: Path) -> None:
    """With TRL's own configuration the trainer takes our defaults."""
    trainer = run(tmp_path, reward=reward(), cls=DCAGRPOTrainer, train=False)
    assert not hasattr(trainer.args, "credit_coef")
    assert trainer._dca.options.coef_at(0.0) == 0.5


def test_failing_from_the_first(tmp_path: Path) -> None:
    """A trainer whose reviewer never answers trains on until the guard's window is full."""
    trainer = run(tmp_path, reviewer=Failing(), cls=DCAGRPOTrainer, max_steps=2)
    assert trainer.state.global_step == 2
