"""The laws, end to end: real runs of a tiny model, watched where TRL's loss reads its advantages."""

from __future__ import annotations

from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from dense import Failing, Hashed, Indifferent, Seen, Watched, WatchedDCA, reward_of, run, same_parameters

from dca.credit.schemes import Share, ValueDifference
from dca.trl.config import DCAGRPOConfig
from dca.trl.trainer import DCAGRPOTrainer, attach
from dca.types import Review, Step, Transcript

pytestmark = [
    # TRL 1.16 sets a default under a name that transformers 5.23 calls deprecated.
    pytest.mark.filterwarnings("ignore:.*gradient_checkpointing.*:FutureWarning"),
    # torch warns of its scheduler's order where a step has no gradient, as TRL runs it.
    pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step\\(\\)`:UserWarning"),
]

LOSSES = ("grpo", "bnpo", "dr_grpo", "dapo", "luspo", "cispo", "sapo", "vespo")
BOUND = 2.0 / 0.75


def outcomes(completion_ids: Any, **_: Any) -> list[float]:
    """Outcomes of many values, so that rows differ in A_i."""
    return [float(sum(ids) % 5) / 4.0 for ids in completion_ids]


def relative_surplus(plain: Seen, tilted: Seen) -> float:
    """The largest change of a row's push, relative to the sizes of its tokens' pushes."""
    surplus = (tilted.push.double() - plain.push.double()) * plain.mask
    return float((surplus.sum(1).abs() / (tilted.push.double().abs() * plain.mask).sum(1).clamp(min=1e-12)).max())


def unevenness(seen: Seen) -> float:
    """How much the push of a row's tokens differs, relative to its size; 0 where no token's credit arrives."""
    worst = 0.0
    for push, mask in zip(seen.push, seen.mask, strict=True):
        tokens = push[mask.bool()]
        if len(tokens) > 1 and tokens.abs().mean() > 0:
            worst = max(worst, float(tokens.std() / tokens.abs().mean()))
    return worst


def mean_of(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """(B,) the mean over the tokens of a mask."""
    return (values.double() * mask).sum(1) / mask.sum(1).clamp(min=1)


# ------------------------------------------------------------------------------------------------ law 4: the gradient


@pytest.mark.parametrize("level", ["token", "sequence"])
@pytest.mark.parametrize("loss_type", LOSSES)
def test_row_sums_of_the_gradient(tmp_path: Path, loss_type: str, level: str) -> None:
    """On-policy, the push on a row's log-probabilities sums to plain GRPO's, while its tokens differ."""
    options = {"loss_type": loss_type, "importance_sampling_level": level, "max_steps": 1}
    plain = run(tmp_path / "plain", **options).seen[0]
    tilted = run(tmp_path / "dca", reviewer=Hashed(), **options).seen[0]
    assert torch.equal(plain.ids, tilted.ids)
    assert relative_surplus(plain, tilted) <= 2e-6
    assert unevenness(tilted) > 0.1


@pytest.mark.parametrize("level", ["token", "sequence"])
@pytest.mark.parametrize("loss_type", ["dapo", "grpo", "luspo", "sapo", "vespo"])
def test_row_sums_with_an_entropy_mask(tmp_path: Path, loss_type: str, level: str) -> None:
    """Where only the most uncertain tokens are trained, the push over those that stay sums to plain GRPO's."""
    options = {
        "loss_type": loss_type,
        "importance_sampling_level": level,
        "top_entropy_quantile": 0.5,
        "max_steps": 1,
    }
    plain = run(tmp_path / "plain", **options).seen[0]
    tilted = run(tmp_path / "dca", reviewer=Hashed(), **options).seen[0]
    assert relative_surplus(plain, tilted) <= 2e-6
    assert tilted.kept is not None
    assert torch.allclose(mean_of(tilted.advantages, tilted.kept), tilted.scalars.double(), atol=1e-6)


def test_the_off_policy_mask_drops_whole_sequences(tmp_path: Path) -> None:
    """A sequence is dropped by the sign of its A_i, not token by token: all of its push, or none."""
    reviewer = Hashed()
    reward = reward_of(reviewer, outcomes)
    options = {"off_policy_mask_threshold": -1.0, "credit_coef": 2.0, "max_steps": 1}  # no divergence is below -1
    seen = run(tmp_path, reward=reward, reviewer=reviewer, **options).seen[0]
    pushed = (seen.push != 0.0) & seen.mask.bool()
    negative = seen.scalars < 0.0
    assert negative.any()
    assert not pushed[negative].any()
    assert ((seen.advantages < 0.0) & pushed)[~negative].any()


def test_vespo_weighs_whole_sequences(tmp_path: Path) -> None:
    """Off-policy too, the tokens of a sequence share one weight, whatever the signs of their advantages."""
    options = {"loss_type": "vespo", "num_iterations": 2, "max_steps": 2, "learning_rate": 0.1, "credit_coef": 2.0}
    seen = run(tmp_path, reviewer=Hashed(), **options).seen[1]
    weights = (seen.push / seen.advantages)[seen.mask.bool() & (seen.advantages.abs() > 1e-3)]
    rows = torch.arange(len(seen.mask)).unsqueeze(1).expand_as(seen.mask)
    rows = rows[seen.mask.bool() & (seen.advantages.abs() > 1e-3)]
    for row in rows.unique():
        own = weights[rows == row]
        assert torch.allclose(own, own[0].expand_as(own), rtol=1e-4)
    assert ((seen.advantages < 0.0).any(1) & (seen.advantages > 0.0).any(1)).any()


FEATURES: dict[str, dict[str, Any]] = {
    "accumulation": {"gradient_accumulation_steps": 2, "per_device_train_batch_size": 2},
    "steps_per_generation": {"steps_per_generation": 2, "per_device_train_batch_size": 2},
    "iterations": {"num_iterations": 2, "max_steps": 4},
    "batch": {"scale_rewards": "batch", "per_device_train_batch_size": 8},
    "none": {"scale_rewards": "none"},
    "normalize": {"multi_objective_aggregation": "normalize_then_sum", "per_device_train_batch_size": 8},
    "beta": {"beta": 0.1, "num_iterations": 2},
    "truncated": {"mask_truncated_completions": True},
    "padded": {"pad_to_multiple_of": 8},
    "off_policy_mask": {"off_policy_mask_threshold": 1e-4, "num_iterations": 2},
    "delta": {"delta": 1.5, "num_iterations": 2},
    "sequence": {"importance_sampling_level": "sequence", "num_iterations": 2},
}


@pytest.mark.parametrize("feature", FEATURES)
def test_conservation(tmp_path: Path, feature: str) -> None:
    """Law 4: whatever is switched on, the mean of A_t over a row's policy tokens is A_i; the rest gets nothing."""
    if not set(FEATURES[feature]) <= {f.name for f in fields(DCAGRPOConfig)}:
        pytest.skip("this version of TRL does not have it")
    trained = run(tmp_path, reviewer=Hashed(), **FEATURES[feature])
    tilted = [seen for seen in trained.seen if seen.advantages.dim() == 2]
    assert tilted
    for seen in tilted:
        rows = seen.mask.sum(1) > 0
        assert torch.allclose(mean_of(seen.advantages, seen.mask)[rows], seen.scalars.double()[rows], atol=1e-6)
        assert not (seen.advantages * (1 - seen.mask)).any()
        assert ((seen.advantages - seen.scalars.unsqueeze(1)).abs() * seen.mask).max() <= 0.5 * BOUND + 1e-6


def test_truncated_completions_are_not_reviewed(tmp_path: Path) -> None:
    """What `mask_truncated_completions` takes out of the loss is not paid for; all that is trained is reviewed."""
    reviewer = Hashed()
    seen = run(tmp_path, reviewer=reviewer, mask_truncated_completions=True, max_steps=1).seen
    trained = {tuple(ids[mask.bool()].tolist()) for one in seen for ids, mask in zip(one.ids, one.mask, strict=True)}
    rows = sum(len(one.mask) for one in seen)
    assert reviewer.asked == len(trained - {()})
    assert 0 < reviewer.asked < rows


# ------------------------------------------------------------------------------------------ law 5: no opinion is GRPO

MODES: dict[str, dict[str, Any]] = {
    "default": {},
    "sequence": {"importance_sampling_level": "sequence", "loss_type": "grpo"},
    "iterations": {"num_iterations": 2, "steps_per_generation": 2, "per_device_train_batch_size": 2},
    "entropy": {"top_entropy_quantile": 0.5, "loss_type": "bnpo"},
    "vespo": {"loss_type": "vespo", "num_iterations": 2},
    "beta": {"beta": 0.05},
}


@pytest.mark.parametrize("mode", MODES)
def test_no_opinion_is_grpo(tmp_path: Path, mode: str) -> None:
    """Law 5: a review that scores all steps alike trains the same parameters as plain GRPO, bit for bit."""
    plain = run(tmp_path / "plain", max_steps=4, **MODES[mode])
    alike = run(tmp_path / "dca", reviewer=Indifferent(), max_steps=4, **MODES[mode])
    opinion = run(tmp_path / "other", reviewer=Hashed(), max_steps=4, **MODES[mode])
    assert same_parameters(plain, alike)
    assert not same_parameters(plain, opinion)


def test_a_failing_reviewer_is_grpo(tmp_path: Path) -> None:
    """Law 16: where every review fails, the parameters are plain GRPO's, bit for bit, and it is counted."""
    plain = run(tmp_path / "plain", max_steps=4)
    failing = run(tmp_path / "dca", reviewer=Failing(), max_steps=4, max_fallback_rate=1.0)
    assert same_parameters(plain, failing)
    assert [log["dca/fallback_rate"] for log in failing.state.log_history[:4]] == [1.0] * 4


@pytest.mark.parametrize("off", [0, None, "0"])
def test_zero_asks_no_reviewer(tmp_path: Path, off: Any) -> None:
    """Plain GRPO is one field away: at coefficient 0 no reviewer is asked and no bit differs."""
    reviewer = Hashed()
    plain = run(tmp_path / "plain", max_steps=3)
    switched_off = run(tmp_path / "dca", reviewer=reviewer, max_steps=3, credit_coef=off)
    assert same_parameters(plain, switched_off)
    assert reviewer.asked == 0


def test_the_audit_changes_nothing(tmp_path: Path) -> None:
    """The same reward on the stock trainer leaves its update as it was, bit for bit."""
    plain = run(tmp_path / "plain", max_steps=3)
    reward = reward_of(Hashed(), tiny.length_reward)
    audited = run(tmp_path / "audit", reward=reward, cls=Watched, max_steps=3)
    assert same_parameters(plain, audited)


# --------------------------------------------------------------------------------------- laws 6 to 11: the advantages


class Shifted(Hashed):
    """The scores of `Hashed`, halved, plus a constant: praise."""

    def __init__(self, praise: float, labels: Any = lambda k: None) -> None:
        super().__init__(labels)
        self.praise = praise

    def review(self, transcript: Transcript, steps: tuple[Step, ...]) -> Review:
        found = super().review(transcript, steps)
        scores = tuple(round(score * 64) / 128 + self.praise for score in found.scores)
        return Review(scores=scores, labels=found.labels)


def test_splitting_and_praise_change_nothing(tmp_path: Path) -> None:
    """Laws 6 and 7: a constant added to all scores leaves every advantage where it was."""
    sober = run(tmp_path / "sober", reviewer=Shifted(0.0), max_steps=1).seen[0]
    praised = run(tmp_path / "praised", reviewer=Shifted(0.5), max_steps=1).seen[0]
    assert torch.allclose(sober.advantages, praised.advantages, atol=1e-6)


def test_splitting_changes_nothing(tmp_path: Path) -> None:
    """Law 6: cutting steps into single characters with the same scores leaves every advantage where it was."""

    class ByCharacter(Hashed):
        """Scores a character by where it stands in the text, a step by its first."""

        def review(self, transcript: Transcript, steps: tuple[Step, ...]) -> Review:
            return Review(scores=tuple((step.start // 6) % 3 - 1.0 for step in steps))

    def by_six(transcript: Transcript) -> tuple[Step, ...]:
        return cut(transcript, 6)

    def by_two(transcript: Transcript) -> tuple[Step, ...]:
        return cut(transcript, 2)

    whole = run(tmp_path / "a", reviewer=ByCharacter(), reward_options={"segmenter": by_six}, max_steps=1).seen[0]
    parts = run(tmp_path / "b", reviewer=ByCharacter(), reward_options={"segmenter": by_two}, max_steps=1).seen[0]
    assert whole.advantages.dim() == 2
    assert torch.allclose(whole.advantages, parts.advantages, atol=1e-6)


def cut(transcript: Transcript, width: int) -> tuple[Step, ...]:
    """Steps of so many characters."""
    text = transcript.completion
    starts = range(0, max(1, len(text)), width)
    return tuple(Step(k, at, min(at + width, len(text)), text[at : at + width]) for k, at in enumerate(starts))


def test_verification_is_neutral(tmp_path: Path) -> None:
    """Law 9: tokens of a verification step get exactly A_i, whatever score the reviewer gives it."""

    class Loud(Hashed):
        """Gives verification (every second step) the highest score there is."""

        def review(self, transcript: Transcript, steps: tuple[Step, ...]) -> Review:
            found = super().review(transcript, steps)
            scores = tuple(1.0 if k % 2 else score for k, score in enumerate(found.scores))
            return Review(scores=scores, labels=found.labels)

    labels = lambda k: "check" if k % 2 else None  # noqa: E731
    quiet = run(tmp_path / "quiet", reviewer=Hashed(labels), max_steps=1).seen[0]
    loud = run(tmp_path / "loud", reviewer=Loud(labels), max_steps=1).seen[0]
    assert torch.equal(quiet.advantages, loud.advantages)
    exactly = (loud.advantages == loud.scalars.unsqueeze(1)) & loud.mask.bool()
    assert exactly.sum() >= len(loud.mask)


def test_higher_scores_never_lower_an_advantage(tmp_path: Path) -> None:
    """Law 8: raising the score of every row's first step lowers the advantage of none of its tokens."""

    class First(Hashed):
        """Scores the first step, and nothing else."""

        def __init__(self, score: float) -> None:
            super().__init__()
            self.score = score

        def review(self, transcript: Transcript, steps: tuple[Step, ...]) -> Review:
            return Review(scores=(self.score, *(0.0,) * (len(steps) - 1)))

    low = run(tmp_path / "low", reviewer=First(0.25), max_steps=1).seen[0]
    high = run(tmp_path / "high", reviewer=First(1.0), max_steps=1).seen[0]
    assert (high.advantages[:, 0] > low.advantages[:, 0]).any()
    assert (high.advantages[:, 0] >= low.advantages[:, 0]).all()


def test_talk_cannot_raise_the_total(tmp_path: Path) -> None:
    """Law 11: the most flattering review changes neither the reward nor any row's mean advantage."""

    class Flatterer(Hashed):
        """Loves whatever is long."""

        def review(self, transcript: Transcript, steps: tuple[Step, ...]) -> Review:
            return Review(scores=tuple(1.0 if k == len(steps) - 1 else -1.0 for k in range(len(steps))))

    plain = run(tmp_path / "plain", max_steps=1)
    flattered = run(tmp_path / "dca", reviewer=Flatterer(), max_steps=1)
    seen, before = flattered.seen[0], plain.seen[0]
    assert torch.equal(before.scalars, seen.scalars)
    assert torch.allclose(mean_of(seen.advantages, seen.mask), before.scalars.double(), atol=1e-6)
    assert plain.state.log_history[0]["reward"] == flattered.state.log_history[0]["reward"]


# ---------------------------------------------------------------------------------------------------- rows and groups


def unscorable(completion_ids: Any, **_: Any) -> list[float | None]:
    """Every third row has no outcome."""
    return [None if row % 3 == 1 else float(sum(ids) % 3) for row, ids in enumerate(completion_ids)]


def test_unscorable_rows_keep_their_advantage(tmp_path: Path) -> None:
    """A row without an outcome is not reviewed and keeps the trainer's A_i on every token."""
    reviewer = Hashed()
    reward = reward_of(reviewer, unscorable)
    trained = run(tmp_path, reward=reward, max_steps=1, reviewer=reviewer)
    seen = trained.seen[0]
    assert reviewer.asked == 3
    kept = [
        bool(((advantages == scalar) | (mask == 0)).all())
        for advantages, scalar, mask in zip(seen.advantages, seen.scalars, seen.mask, strict=True)
    ]
    unscored = [row for row, (_, number) in enumerate(seen.rows) if number == 1]
    assert [kept[row] for row in unscored] == [True]
    assert not all(kept)
    assert trained.state.log_history[0]["dca/unreviewed"] == 0.25


def test_several_rewards(tmp_path: Path) -> None:
    """Beside other rewards and weights the credit tilts the trainer's own advantage of all of them."""

    def shorter(completion_ids: Any, **_: Any) -> list[float]:
        return [-len(ids) / 10.0 for ids in completion_ids]

    options: dict[str, Any] = {"reward_weights": [0.25, 2.0], "max_steps": 1, "log_completions": False}
    reviewer = Hashed()
    plain = run(tmp_path / "plain", reward=[shorter, outcomes], cls=Watched, **options).seen[0]
    reward = reward_of(reviewer, outcomes)
    tilted = run(tmp_path / "dca", reward=[shorter, reward], reviewer=reviewer, **options).seen[0]
    assert torch.equal(plain.scalars, tilted.scalars)
    assert relative_surplus(plain, tilted) <= 2e-6
    assert unevenness(tilted) > 0.1


def always(completion_ids: Any, **_: Any) -> list[float]:
    """All right."""
    return [1.0] * len(completion_ids)


@pytest.mark.parametrize(("saturated_coef", "share"), [(1.0, 1.0), (0.5, 0.5), (0.0, 0.0)])
def test_saturated_groups(tmp_path: Path, saturated_coef: float, share: float) -> None:
    """Where all rewards are equal the reviewer alone sets the direction, as far as saturated_coef lets it."""
    reviewer = Hashed()

    def tilt(folder: Path, coef: float) -> torch.Tensor:
        reward = reward_of(reviewer, always)
        seen = run(folder, reward=reward, reviewer=reviewer, max_steps=1, saturated_coef=coef).seen[0]
        assert not seen.scalars.any()
        return seen.advantages if seen.advantages.dim() == 2 else torch.zeros(seen.mask.shape)

    full, found = tilt(tmp_path / "full", 1.0), tilt(tmp_path / "part", saturated_coef)
    assert full.any()
    assert torch.allclose(share * full, found, atol=1e-7)


def test_signs_are_preserved_where_asked(tmp_path: Path) -> None:
    """With sign_preserving no token's advantage has another sign than its row's, and a row at 0 stays at 0."""
    seen = run(tmp_path, reviewer=Hashed(), max_steps=1, sign_preserving=True, top_entropy_quantile=0.7).seen[0]
    scalars = seen.scalars.unsqueeze(1)
    assert seen.kept is not None
    assert (seen.advantages * scalars * seen.kept >= 0.0).all()
    assert torch.allclose(mean_of(seen.advantages, seen.kept), seen.scalars.double(), atol=1e-5)


def test_schedule(tmp_path: Path) -> None:
    """A schedule lowers the coefficient from generation to generation, and what is trained is what is logged."""
    trained = run(tmp_path, reviewer=Hashed(), max_steps=4, credit_coef="0.8->0")
    logged = [log["dca/credit_coef"] for log in trained.state.log_history[:4]]
    assert logged == pytest.approx([0.8, 0.6, 0.4, 0.2])


def test_iterations_ask_once(tmp_path: Path) -> None:
    """Several passes over a generation, in several micro-batches, ask for each review once and use it each time."""
    reviewer = Hashed()
    options = {"num_iterations": 2, "steps_per_generation": 2, "per_device_train_batch_size": 2}
    trained = run(tmp_path, reviewer=reviewer, max_steps=4, **options)
    assert reviewer.asked == 4
    by_row: dict[tuple[int, ...], list[torch.Tensor]] = {}
    for seen in trained.seen:
        for ids, advantages in zip(seen.ids, seen.advantages, strict=True):
            by_row.setdefault(tuple(ids.tolist()), []).append(advantages)
    assert [len(found) for found in by_row.values()] == [2] * 4
    assert all(torch.equal(*found) for found in by_row.values())


def test_value_difference(tmp_path: Path) -> None:
    """With values each step is paid k_i times what it changed the value by, summing to k_i (R_i - V_0)."""

    class Values(Hashed):
        """A reviewer that measures value."""

        measure = "value"

        def review(self, transcript: Transcript, steps: tuple[Step, ...]) -> Review:
            found = super().review(transcript, steps)
            return Review(scores=found.scores, measure="value", baseline=0.25)

    reviewer = Values()
    reward = reward_of(reviewer, outcomes, scheme=ValueDifference())
    trained = run(
        tmp_path, reward=reward, reviewer=reviewer, max_steps=1, scheme="value_difference", scale_rewards="none"
    )
    seen = trained.seen[0]
    rewards = torch.tensor(
        [float(sum(row[m.bool()].tolist()) % 5) / 4.0 for row, m in zip(seen.ids, seen.mask, strict=True)]
    )
    first_and_last = []
    for advantages, mask in zip(seen.advantages, seen.mask, strict=True):
        tokens = advantages[mask.bool()]
        changes = [float(tokens[0])] + [float(b) for a, b in pairwise(tokens) if a != b]
        first_and_last.append(sum(changes))
    assert first_and_last == pytest.approx((rewards - 0.25).tolist(), abs=1e-5)


def test_value_difference_beside_another_reward(tmp_path: Path) -> None:
    """With values that never change, what is left of each row's advantage is exactly the other reward's part."""

    class Constant(Hashed):
        """Everything is worth what it will pay."""

        measure = "value"

        def review(self, transcript: Transcript, steps: tuple[Step, ...]) -> Review:
            return Review(scores=(transcript.reward,) * len(steps), measure="value", baseline=transcript.reward)

    def shorter(completion_ids: Any, **_: Any) -> list[float]:
        return [-len(ids) / 10.0 for ids in completion_ids]

    reviewer = Constant()
    options: dict[str, Any] = {"max_steps": 1, "scale_rewards": "none", "scheme": "value_difference"}
    rewards = [shorter, reward_of(reviewer, outcomes, scheme=ValueDifference())]
    seen = run(tmp_path, reward=rewards, reviewer=reviewer, **options).seen[0]
    lengths = seen.mask.sum(1).float()
    expected = (lengths.mean() - lengths) / 10.0
    assert torch.allclose(seen.advantages, expected.unsqueeze(1) * seen.mask, atol=1e-5)


def test_evaluation_between_steps(tmp_path: Path) -> None:
    """Evaluation asks no reviewer, trains nothing, and leaves the batch that is being trained on alone."""
    reviewer = Hashed()
    options = {"num_iterations": 2, "max_steps": 4, "eval_strategy": "steps", "eval_steps": 1}
    evaluated = run(
        tmp_path / "dca",
        reviewer=reviewer,
        trainer_options={"eval_dataset": tiny.prompts(4)},
        per_device_eval_batch_size=4,
        **options,
    )
    assert reviewer.asked == 8
    plain = run(
        tmp_path / "plain",
        reviewer=Indifferent(),
        trainer_options={"eval_dataset": tiny.prompts(4)},
        per_device_eval_batch_size=4,
        **options,
    )
    assert [tuple(s.ids.flatten().tolist()) for s in plain.seen[:1]] == [
        tuple(s.ids.flatten().tolist()) for s in evaluated.seen[:1]
    ]
    tilted = [seen.advantages.dim() for seen in evaluated.seen]
    assert 2 in tilted
    evals = [log for log in evaluated.state.log_history if "eval_loss" in log]
    assert len(evals) == 4
    assert not any(key.startswith("eval_dca/") for log in evals for key in log)


def test_attach_gives_the_same_run(tmp_path: Path) -> None:
    """A live stock trainer with the credit attached trains exactly as one that was built with it."""
    built = run(tmp_path / "built", reviewer=Hashed(), max_steps=3, credit_coef=0.3)
    reward = reward_of(Hashed(), tiny.length_reward)
    live = run(tmp_path / "live", reward=reward, cls=Watched, train=False, max_steps=3)
    attach(live, credit_coef=0.3).train()
    assert same_parameters(built, live)


def test_the_stock_class(tmp_path: Path) -> None:
    """The trainer that ships trains as the watched one does."""
    watched = run(tmp_path / "watched", reviewer=Hashed(), max_steps=1, train=False)
    stock = run(tmp_path / "stock", reviewer=Hashed(), cls=DCAGRPOTrainer, max_steps=2, scheme="share")
    assert isinstance(watched, WatchedDCA)
    assert Share(credit_coef=0.5) == stock._dca.options.scheme_at(0.5)
    assert stock.state.global_step == 2
