"""The mixin at work: when reviews begin, where they are waited for, what stops a run, and what is shown."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import tiny
import torch
from dense import Failing, Hashed, Watched, WatchedDCA, reward_of, run, same_parameters
from trl import GRPOTrainer

from dca.errors import BudgetError, FallbackRateError, InputError, RunError
from dca.trl.guard import FallbackGuard
from dca.trl.mixin import DenseCreditMixin
from dca.trl.training import columns_of, settled
from dca.types import Review, Step, Transcript

# What transformers says of its own arguments while TRL builds a trainer.
pytestmark = pytest.mark.filterwarnings("ignore:.*gradient_checkpointing.*:FutureWarning")


class Broke(Hashed):
    """A reviewer whose money is spent."""

    def review(self, transcript: Transcript, steps: tuple[Step, ...]) -> Review:
        raise BudgetError("the money set aside is spent")


class Slow(Hashed):
    """A reviewer that takes longer than anyone waits."""

    def review(self, transcript: Transcript, steps: tuple[Step, ...]) -> Review:
        time.sleep(0.5)
        return super().review(transcript, steps)


def test_reviews_begin_before_the_rewards(tmp_path: Path) -> None:
    """Reviews are under way before the first reward function is called, which hides what the others take."""
    reviewer, asked = Hashed(), []

    def first(completions: list[Any], **_: Any) -> list[float]:
        asked.append(reviewer.asked)
        return [0.0] * len(completions)

    run(tmp_path, reward=[first, reward_of(reviewer)], reviewer=reviewer, max_steps=2)
    assert asked == [4, 8]


def test_the_outcome_is_asked_once(tmp_path: Path) -> None:
    """Beginning early asks the outcome reward once for each generation, with the columns it would have got."""
    calls: list[list[str]] = []

    def outcome(completion_ids: Any, solution: list[str], trainer_state: Any, **_: Any) -> list[float]:
        calls.append(solution)
        assert trainer_state.max_steps == 2
        return [float(sum(ids) % 2) for ids in completion_ids]

    reviewer = Hashed()
    run(tmp_path, reward=reward_of(reviewer, outcome), reviewer=reviewer, max_steps=2)
    assert [len(solutions) for solutions in calls] == [4, 4]


def test_what_a_rollout_adds_reaches_the_outcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fields that a rollout function adds, and its mask of the environment's tokens, are there from the start."""
    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")
    tokens = [tiny.byte_tokenizer()(text)["input_ids"] for text in ("1 + 1 = 2.", " or 3?", " No: 2.")]

    def rollouts(prompts: list[str], trainer: Any) -> dict[str, Any]:
        ids = [[*tokens[0], *tokens[1], *tokens[2][: 1 + row % 3]] for row in range(len(prompts))]
        masks = [[1] * len(tokens[0]) + [0] * len(tokens[1]) + [1] * (1 + row % 3) for row in range(len(prompts))]
        asked = [trainer.processing_class(prompt)["input_ids"] for prompt in prompts]
        logprobs = [[-1.0] * len(row) for row in ids]
        graded = [float(row % 2) for row in range(len(prompts))]
        return {"prompt_ids": asked, "completion_ids": ids, "logprobs": logprobs, "env_mask": masks, "graded": graded}

    reviewer = Hashed()
    trained = run(
        tmp_path,
        reward=reward_of(reviewer, lambda graded, **_: graded),
        reviewer=reviewer,
        trainer_options={"rollout_func": rollouts},
        max_steps=1,
    )
    seen = trained.seen[0]
    assert seen.advantages.dim() == 2
    assert not (seen.advantages * (1 - seen.mask)).any()
    means = (seen.advantages * seen.mask).sum(1) / seen.mask.sum(1)
    assert torch.allclose(means, seen.scalars, atol=1e-6)


def test_a_column_with_a_name_of_ours_is_refused(tmp_path: Path) -> None:
    """A data set's column that is called like an argument of the reward is refused, with what to do."""
    trainer = run(tmp_path, reviewer=Hashed(), train=False)
    with pytest.raises(InputError, match="a column 'coef', a name that DCAReward needs; rename the column"):
        columns_of(trainer, [{"prompt": "?", "coef": 1.0}], {})


def test_reviews_are_bound_late(tmp_path: Path) -> None:
    """A review may take until the forward of its micro-batch is done: nothing waits for it before that."""
    forward_done = threading.Event()

    class Patient(Hashed):
        """Answers once the first training forward is done."""

        def review(self, transcript: Transcript, steps: tuple[Step, ...]) -> Review:
            assert forward_done.wait(timeout=60.0)
            return super().review(transcript, steps)

    class Telling(Watched):
        """Tells when a training forward is done."""

        def _get_per_token_logps_and_entropies(self, *args: Any, **kwargs: Any) -> Any:
            out = super()._get_per_token_logps_and_entropies(*args, **kwargs)
            forward_done.set()
            return out

    trained = run(
        tmp_path,
        reviewer=Patient(),
        cls=type("Dense", (DenseCreditMixin, Telling), {}),
        reward_options={"max_in_flight": 8},
        max_steps=1,
    )
    assert trained.state.log_history[0]["dca/fallback_rate"] == 0.0
    assert trained.seen[0].advantages.dim() == 2


def test_late_reviews_fall_back(tmp_path: Path) -> None:
    """What is not there at the deadline is plain GRPO for its rows; the run goes on, and both are counted."""
    plain = run(tmp_path / "plain", max_steps=2)
    reviewer = Slow()
    late = run(
        tmp_path / "dca",
        reviewer=reviewer,
        reward_options={"max_in_flight": 8},
        max_steps=2,
        review_timeout=0.01,
        max_fallback_rate=1.0,
    )
    assert same_parameters(plain, late)
    assert [log["dca/fallback_rate"] for log in late.state.log_history[:2]] == [1.0, 1.0]


def test_too_many_fallbacks_stop_the_run(tmp_path: Path) -> None:
    """Over the limit, in a full window, the next generation does not begin: the error says how many and why."""
    trainer = run(tmp_path, reviewer=Failing(), train=False, max_steps=8, max_fallback_rate=0.5)
    trainer._dca.guard = FallbackGuard(0.5, window=8)
    with pytest.raises(FallbackRateError, match=r"8 of the last 8 reviews.*TransportError: nobody is there"):
        trainer.train()
    assert trainer.state.global_step == 2


def test_too_many_fallbacks_at_the_end(tmp_path: Path) -> None:
    """The end of a run is looked at too: its last generation does not escape the guard."""
    trainer = run(tmp_path, reviewer=Failing(), train=False, max_steps=2, max_fallback_rate=0.5)
    trainer._dca.guard = FallbackGuard(0.5, window=8)
    with pytest.raises(FallbackRateError, match="8 of the last 8"):
        trainer.train()


def test_what_must_stop_the_run_does(tmp_path: Path) -> None:
    """A spent budget is no failed review: alone, it stops the run where it is met."""
    trainer = run(tmp_path, reviewer=Broke(), train=False)
    with pytest.raises(BudgetError, match="the money set aside is spent"):
        trainer.train()
    assert trainer.state.global_step == 0


def test_with_others_it_stops_where_all_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Among several ranks a row that must stop the run keeps A_i, and all ranks stop at the next meeting."""
    trainer = run(tmp_path, reviewer=Broke(), train=False)
    dca = trainer._dca
    accelerator = type("Two", (), {"num_processes": 2, "device": torch.device("cpu")})()
    accelerator.reduce = lambda tensor, reduction: tensor
    monkeypatch.setattr(trainer, "accelerator", accelerator)
    from dca.trl.training import _stop

    _stop(trainer, dca, BudgetError("spent on this rank"))
    monkeypatch.setattr("dca.trl.guard.gather_object", list)
    with pytest.raises(BudgetError, match="spent on this rank"):
        settled(trainer, dca)
    assert issubclass(BudgetError, RunError)


def test_the_table_of_completions(tmp_path: Path) -> None:
    """The credits stand beside the completions they belong to, in a column as long as the others."""
    reviewer = Hashed()
    options = {"log_completions": True, "num_iterations": 2, "max_steps": 4}
    evaluated = {"eval_dataset": tiny.prompts(4)}
    run(
        tmp_path,
        reviewer=reviewer,
        trainer_options=evaluated,
        eval_strategy="steps",
        eval_steps=3,
        per_device_eval_batch_size=4,
        **options,
    )
    tables = [pd.read_parquet(path) for path in sorted((tmp_path / "completions").glob("*.parquet"))]
    assert len(tables) >= 3
    for table in tables:
        assert len(table) == len(table["dca_credit"]) == 4
    assert all("+" in cell or "-" in cell for cell in tables[0]["dca_credit"])
    assert {""} == set(run_eval_cells(tmp_path))


def run_eval_cells(folder: Path) -> list[str]:
    """The cells of the table that evaluation left, which reviews nothing."""
    tables = {path.name: pd.read_parquet(path) for path in (folder / "completions").glob("*00003.parquet")}
    (table,) = tables.values()
    return [cell for cell in table["dca_credit"] if table["step"].iloc[0] == 3]


def test_figures_are_logged(tmp_path: Path) -> None:
    """Every step logs the coefficient, the tilt, the realised drift, and what the reward counts."""
    trained = run(tmp_path, reviewer=Hashed(), max_steps=3, num_iterations=3, learning_rate=0.3)
    first, *_, last = trained.state.log_history[:3]
    assert {"dca/credit_coef", "dca/tilt_rms", "dca/unreviewed", "dca/fallback_rate", "dca/cost_usd"} <= set(first)
    assert first["dca/realised_drift"] == pytest.approx(0.0, abs=1e-6)
    assert last["dca/realised_drift"] > 1e-3
    seen = trained.seen[0]
    tilt = (seen.advantages - seen.scalars.unsqueeze(1))[seen.mask.bool()]
    assert first["dca/tilt_rms"] == pytest.approx(float(tilt.square().mean().sqrt()), rel=1e-5)


class Reordered(Watched):
    """A trainer that shuffles its rows after the rewards, and forgets that others may have added some."""

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        out = super()._generate_and_score_completions(inputs)
        return {
            key: value.flip(0) if isinstance(value, torch.Tensor) and value.dim() else value
            for key, value in out.items()
        }


class Dropping(Watched):
    """A trainer that trains on half of what it generated."""

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        out = super()._generate_and_score_completions(inputs)
        return {
            key: value[:2] if isinstance(value, torch.Tensor) and value.dim() else value for key, value in out.items()
        }


class ByToken(Watched):
    """A trainer with token advantages of its own."""

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        out = super()._generate_and_score_completions(inputs)
        return {**out, "advantages": out["advantages"].unsqueeze(1) * out["completion_mask"]}


class ByTokenLater(Watched):
    """A trainer that turns its advantages into token advantages just before the loss."""

    def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        wide = {**inputs, "advantages": inputs["advantages"].unsqueeze(1) * inputs["completion_mask"]}
        return super().compute_loss(model, wide, *args, **kwargs)


@pytest.mark.parametrize(
    ("base", "words"),
    [
        (Reordered, "holds another completion than row \\d of the reward call"),
        (Dropping, "expected the 4 completions that were rewarded in the training batch, got 2"),
        (ByToken, "computes token advantages of its own"),
        (ByTokenLater, "computes token advantages of its own"),
    ],
)
def test_a_trainer_that_moves_rows_is_refused(tmp_path: Path, base: type, words: str) -> None:
    """A trainer below that reorders, drops or has token advantages is a clear error, not a wrong credit."""
    dense = type("Dense", (DenseCreditMixin, base), {})
    with pytest.raises(InputError, match=words):
        run(tmp_path, reviewer=Hashed(), cls=dense, max_steps=1)


def test_a_trainer_of_ones_own(tmp_path: Path) -> None:
    """A subclass takes the mixin with its fields as arguments; a function of progress is a schedule."""

    class Halved(GRPOTrainer):
        """Halves its loss."""

        def _compute_loss(self, model: Any, inputs: Any) -> Any:
            return super()._compute_loss(model, inputs) * 0.5

    class Mine(DenseCreditMixin, Halved):
        """With dense credit."""

    trained = run(
        tmp_path,
        reviewer=Hashed(),
        cls=Mine,
        trainer_options={"credit_coef": lambda progress: 1.0 - progress, "saturated_coef": 0.5},
        max_steps=2,
    )
    assert [log["dca/credit_coef"] for log in trained.state.log_history[:2]] == [1.0, 0.5]
    assert trained._dca.options.saturated_coef == 0.5


def test_selection_leaves_rows_to_the_trainer(tmp_path: Path) -> None:
    """Rows that were not chosen for review keep A_i, and are counted as unreviewed."""
    from dca.trl.selection import AtMost

    reviewer = Hashed()
    trained = run(tmp_path, reviewer=reviewer, reward_options={"select": AtMost(1)}, max_steps=1)
    assert reviewer.asked == 1
    assert trained.state.log_history[0]["dca/unreviewed"] == 0.75


def test_it_can_be_evaluated_before_it_is_trained(tmp_path: Path) -> None:
    """Evaluation alone works, reviews nothing, and logs the plain loss."""
    reviewer = Hashed()
    trainer = run(tmp_path, reviewer=reviewer, train=False, trainer_options={"eval_dataset": tiny.prompts(4)})
    found = trainer.evaluate()
    assert "eval_loss" in found
    assert reviewer.asked == 0


def test_evaluation_is_reviewed_where_asked(tmp_path: Path) -> None:
    """With review_in_eval the reviews of an evaluation are logged as its own, and none of them is trained on."""
    reviewer = Hashed()
    trained = run(
        tmp_path,
        reviewer=reviewer,
        reward_options={"review_in_eval": True},
        trainer_options={"eval_dataset": tiny.prompts(4)},
        eval_strategy="steps",
        eval_steps=1,
        per_device_eval_batch_size=4,
        max_steps=2,
    )
    assert reviewer.asked > 8
    assert isinstance(trained, WatchedDCA)
    train = [log for log in trained.state.log_history if "loss" in log]
    assert [log["dca/reviewed_rate"] for log in train] == [1.0, 1.0]
    assert all("eval_dca/score_spread" in log for log in trained.state.log_history if "eval_loss" in log)
