"""Real trainers with the reward in them: the update is untouched, and the run leaves a log one can look at."""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import tiny
import torch
from trl import GRPOConfig, GRPOTrainer, RLOOConfig, RLOOTrainer
from trl.rewards import get_soft_overlong_punishment, think_format_reward
from typer.testing import CliRunner

from dca import ArithmeticReviewer, Review, ScriptedReviewer, Step, Transcript, Usage
from dca.assignments import read_assignments
from dca.cli import app
from dca.errors import BudgetError, RefusedError
from dca.trl.metrics import FIGURES
from dca.trl.reward import DCAReward

pytestmark = [  # what transformers says of its own arguments while it builds a trainer
    pytest.mark.filterwarnings("ignore:.*gradient_checkpointing.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*use_reentrant.*:UserWarning"),
]
TRAINERS: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "grpo": (GRPOTrainer, GRPOConfig, {}),
    "rloo": (RLOOTrainer, RLOOConfig, {"beta": 0.0}),  # a reference model would be loaded by name
}
PAID = Usage(requests=1, cost_usd=0.25)


def noisy(transcript: Transcript, steps: tuple[Step, ...]) -> Review:
    """An opinion on every step, so that an update that listened to it would differ."""
    return Review(tuple(1.0 if k % 2 else -1.0 for k in range(len(steps))), usage=PAID)


def build(
    folder: Path,
    *rewards: Any,
    kind: str = "grpo",
    conversational: bool = False,
    callbacks: Any = None,
    **change: Any,
) -> Any:
    """A trainer of a tiny model."""
    trainer, config, settings = TRAINERS[kind]
    tokenizer = tiny.byte_tokenizer()
    return trainer(
        model=tiny.model(len(tokenizer)),
        processing_class=tokenizer,
        args=config(**tiny.settings(folder, **{"max_steps": 3, **settings, **change})),
        train_dataset=tiny.prompts(conversational=conversational),
        eval_dataset=tiny.prompts(4, conversational=conversational),
        reward_funcs=list(rewards),
    )


def trained(folder: Path, *rewards: Any, **how: Any) -> Any:
    trainer = build(folder, *rewards, **how)
    trainer.train()
    return trainer


def same(one: Any, other: Any) -> bool:
    """Whether two trained models are equal, bit for bit."""
    mine, theirs = tiny.parameters(one.model), tiny.parameters(other.model)
    return all(torch.equal(mine[name], theirs[name]) for name in mine) and mine.keys() == theirs.keys()


def reviewed(*outcomes: Any, **told: Any) -> DCAReward:
    return DCAReward(*(outcomes or (tiny.length_reward,)), **{"reviewer": ScriptedReviewer(noisy), **told})


async def gentle_reward(completion_ids: Sequence[Sequence[int]], **_: Any) -> list[float]:
    await asyncio.sleep(0)
    return [float(ids[0] % 3) for ids in completion_ids]


def partly_reward(completion_ids: Sequence[Sequence[int]], **_: Any) -> list[float | None]:
    return [None if ids[0] % 3 == 0 else float(ids[0] % 2) for ids in completion_ids]


def named_partial(function: Any, **fixed: Any) -> Any:
    """A partial with a name, which trl wants of every reward function until 1.9."""
    bound: Any = functools.partial(function, **fixed)
    bound.__name__ = "partial"
    return bound


@pytest.mark.parametrize("kind", ["grpo", "rloo"])
@pytest.mark.parametrize("conversational", [False, True], ids=["plain", "conversational"])
def test_an_audit_changes_nothing(tmp_path: Path, kind: str, conversational: bool) -> None:
    """After several steps every parameter is what it is without the reward, bit for bit, and every row is logged."""
    how: dict[str, Any] = {"kind": kind, "conversational": conversational, "max_steps": 4}
    plain = trained(tmp_path / "plain", tiny.length_reward, **how)
    audit = trained(tmp_path / "audit", reviewed(), **how)
    assert same(plain, audit)
    assert not same(plain, build(tmp_path / "untrained", tiny.length_reward, **how)), "training moves parameters"
    rows = list(read_assignments(str(tmp_path / "audit" / "dca")))
    assert len(rows) == 16
    assert {row["train_step"] for row in rows} == {0, 1, 2, 3}
    assert {row["fallback"] for row in rows} == {None}
    assert rows[0]["reference"] is not None
    assert rows[0]["prompt"].endswith("= ?")


@pytest.mark.parametrize(
    "outcome",
    [
        gentle_reward,
        partly_reward,
        get_soft_overlong_punishment(max_completion_len=12, soft_punish_cache=10),
        named_partial(tiny.length_reward),
    ],
    ids=["async", "None", "built-in", "partial"],
)
def test_any_outcome_is_left_as_it_is(tmp_path: Path, outcome: Any) -> None:
    """Async outcomes, outcomes that do not apply and TRL's own train as they do without us."""
    plain = trained(tmp_path / "plain", outcome)
    assert same(plain, trained(tmp_path / "audit", reviewed(outcome)))


def test_a_built_in_on_conversations(tmp_path: Path) -> None:
    """A format reward that reads messages is asked with messages."""
    trainer = trained(tmp_path, reviewed(think_format_reward), conversational=True, max_steps=1)
    assert trainer.state.log_history[0]["rewards/dca/mean"] == 0.0


def test_several_outcomes_train_like_several_rewards(tmp_path: Path) -> None:
    """Two weighted outcomes in one reward give the update of two weighted rewards, async ones and None included."""
    outcomes, weights = (tiny.length_reward, gentle_reward, partly_reward), [1.0, 0.5, -0.25]
    plain = trained(tmp_path / "plain", *outcomes, reward_weights=weights)
    assert same(plain, trained(tmp_path / "audit", reviewed(*outcomes, weights=weights)))


def test_beside_other_rewards(tmp_path: Path) -> None:
    """The reward trains beside others, wrapped in a partial or not, as its outcome does."""
    plain = trained(tmp_path / "plain", tiny.length_reward, partly_reward)
    audit = trained(tmp_path / "audit", named_partial(reviewed(), extra=1), partly_reward)
    assert same(plain, audit)


def test_what_a_run_shows(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Every step logs all figures, the completions table has a cell a row, and the run says once what it is."""
    trainer = trained(
        tmp_path, reviewed(), max_steps=2, log_completions=True, eval_strategy="steps", eval_steps=2,
        per_device_eval_batch_size=4,
    )  # fmt: skip
    steps = [entry for entry in trainer.state.log_history if "loss" in entry]
    assert all(set(entry) >= {f"dca/{figure}" for figure in FIGURES} for entry in steps)
    assert [entry["dca/cost_usd"] for entry in steps] == [1.0, 2.0]
    assert not any(key.startswith("eval_dca") for entry in trainer.state.log_history for key in entry)
    tables = [pd.read_parquet(path) for path in sorted((tmp_path / "completions").glob("*.parquet"))]
    assert len(tables) >= 2
    cells = [cell for table in tables for cell in table["dca_credit"]]
    assert all(cell == "" or cell.startswith(("+", "-")) for cell in cells)
    assert any(cells)
    said = [record.getMessage() for record in caplog.records if record.name == "dca"]
    assert [line.split(":")[1] for line in said] == [" this is an audit", " first batch"]
    assert "2 such batches make the run: about $2.00" in said[1]


def test_evaluation_is_skipped(tmp_path: Path) -> None:
    """Evaluation pays for no review, and asked to, it logs figures of its own."""
    reviews: list[str] = []

    def counting(transcript: Transcript, steps: tuple[Step, ...]) -> Review:
        reviews.append(transcript.id)
        return noisy(transcript, steps)

    for asked in (False, True):
        reward = reviewed(reviewer=ScriptedReviewer(counting), review_in_eval=asked)
        trainer = build(tmp_path / str(asked), reward, per_device_eval_batch_size=4)
        figures = trainer.evaluate()
        assert ("eval_dca/score_spread" in trainer.state.log_history[-1]) is asked, figures
        assert bool(reviews) is asked
    assert all(name.startswith("eval-step0") for name in reviews)


def test_failing_reviews_do_not_stop_training(tmp_path: Path) -> None:
    """A reviewer that refuses, breaks or answers nonsense costs fallbacks, and the update is the plain one."""

    def moody(transcript: Transcript, steps: tuple[Step, ...]) -> Review:
        match transcript.id[-1]:
            case "0":
                raise RefusedError("no", usage=PAID)
            case "1":
                raise ZeroDivisionError("bug")
            case "2":
                return Review((0.0,) * (len(steps) + 1))
        return noisy(transcript, steps)

    plain = trained(tmp_path / "plain", tiny.length_reward)
    audit = trained(tmp_path / "audit", reviewed(reviewer=ScriptedReviewer(moody)))
    assert same(plain, audit)
    assert [entry["dca/fallback_rate"] for entry in audit.state.log_history[:-1]] == [0.75] * 3


def test_a_spent_budget_stops_training(tmp_path: Path) -> None:
    """Money that is spent is no failed review: the run stops, and what was paid for is in the log."""
    with pytest.raises(BudgetError, match="the budget of"):
        trained(tmp_path, reviewed(budget_usd=1.5))
    assert len(list(read_assignments(str(tmp_path / "dca")))) >= 6


def test_an_outcome_that_raises_stops_training(tmp_path: Path) -> None:
    """What the task's own reward raises goes through as it does without us."""

    def broken(**_: Any) -> list[float]:
        raise LookupError("no such answer")

    with pytest.raises(LookupError, match="no such answer"):
        trained(tmp_path, reviewed(broken))


@pytest.mark.parametrize("moved", [False, True], ids=["in place", "checkpoint moved"])
def test_a_run_that_died_goes_on(tmp_path: Path, moved: bool) -> None:
    """Resumed from a checkpoint, wherever it lies, counts and log go on as if the run had never died."""

    def dies_at(step: int) -> Any:
        def script(transcript: Transcript, steps: tuple[Step, ...]) -> Review:
            if transcript.id.startswith(f"step{step}-"):
                raise BudgetError("the machine is taken away")
            return noisy(transcript, steps)

        return ScriptedReviewer(script)

    folder = tmp_path / "run"
    how: dict[str, Any] = {"max_steps": 4, "save_strategy": "steps", "save_steps": 2}
    with pytest.raises(BudgetError, match="taken away"):
        trained(folder, reviewed(reviewer=dies_at(3)), **how)
    checkpoint = folder / "checkpoint-2"
    assert (checkpoint / "dca-rank0.json").exists()
    if moved:
        checkpoint = Path(shutil.move(checkpoint, tmp_path / "elsewhere"))
        (checkpoint / "dca-rank0.json").unlink()
    reward = reviewed()
    trainer = build(folder, reward, **how)
    trainer.train(resume_from_checkpoint=str(checkpoint))
    rows = list(read_assignments(str(folder / "dca")))
    assert [row["train_step"] for row in rows] == [step for step in range(4) for _ in range(4)]
    abandoned = list(read_assignments(str(folder / "dca" / "earlier")))
    assert {row["train_step"] for row in abandoned} == {2}
    assert (reward.standing.batches, reward.standing.rows) == (4, 16)
    assert reward.standing.usage.requests == 16 + len(abandoned)
    assert same(trainer, trained(tmp_path / "whole", tiny.length_reward, **how))


def test_training_twice_begins_a_new_log(tmp_path: Path) -> None:
    """A second run of the same trainer has its own log; the first one's is aside."""
    trainer = build(tmp_path, reviewed(), max_steps=1)
    for _ in range(2):
        trainer.train()
    assert len(list(read_assignments(str(tmp_path / "dca")))) == 4
    assert len(list(read_assignments(str(tmp_path / "dca" / "earlier")))) == 4


def test_callbacks_restored_from_a_checkpoint(tmp_path: Path) -> None:
    """A trainer that restores its callbacks' states goes on with our counts all the same."""
    how: dict[str, Any] = {"max_steps": 2, "save_strategy": "steps", "save_steps": 1}
    trained(tmp_path, reviewed(), **how)
    reward = reviewed()
    trainer = build(tmp_path, reward, restore_callback_states_from_checkpoint=True, **how)
    trainer.train(resume_from_checkpoint=str(tmp_path / "checkpoint-1"))
    assert reward.standing.batches == 2


def test_a_live_run_can_be_looked_at(tmp_path: Path) -> None:
    """The commands that look at reviews take the folder of a run, its last line cut off or not."""
    trained(tmp_path / "run", reviewed(reviewer=ArithmeticReviewer()), max_steps=2)
    folder = tmp_path / "run" / "dca"
    with (folder / "assignments-rank0.jsonl").open("ab") as file:
        file.write(b'{"schema_version": 1, "id"')

    def run(*words: str) -> str:
        result = CliRunner().invoke(app, list(words), catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    assert "8 transcripts" in run("show", str(folder), "--list")
    assert "step1-rank0-3" in run("show", str(folder), "--id", "step1-rank0-3")
    page = tmp_path / "page.html"
    run("report", str(folder), "--out", str(page))
    assert "<title>run" in page.read_text("utf-8")
    out = tmp_path / "other.jsonl"
    assert "of 8 transcripts change" in run("whatif", str(folder), "--credit-coef", "0", "--out", str(out))
    assert {json.dumps(row["options"]["credit_coef"]) for row in read_assignments(str(out))} == {"0.0"}


def test_notices_can_be_silenced(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Everything the reward says goes through one logger, whose level decides."""
    caplog.set_level(logging.ERROR, logger="dca")
    trained(tmp_path, reviewed(), max_steps=1)
    assert [record for record in caplog.records if record.name == "dca"] == []


@pytest.mark.parametrize(
    ("module", "name", "length"),
    [("online_dpo", "OnlineDPO", "max_new_tokens"), ("a2po", "A2PO", "max_completion_length")],
)
def test_experimental_trainers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, name: str, length: str
) -> None:
    """Trainers that pad ids, or pass none, and name no trainer, train as without us; the log goes where told."""
    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")
    found = pytest.importorskip(f"trl.experimental.{module}", reason="not in this version of trl")
    config, trainer = getattr(found, f"{name}Config"), getattr(found, f"{name}Trainer")

    def odd_length_reward(completions: Sequence[str], **_: Any) -> list[float]:
        return [float(len(text) % 2) for text in completions]

    def run(reward: Any, folder: Path) -> Any:
        tokenizer = tiny.byte_tokenizer()
        settings = tiny.settings(folder, per_device_train_batch_size=2, **{length: 8})
        fields = config.__dataclass_fields__
        args = config(**{key: value for key, value in settings.items() if key in fields})
        live = trainer(
            model=tiny.model(len(tokenizer)),
            reward_funcs=reward,
            processing_class=tokenizer,
            args=args,
            train_dataset=tiny.prompts(),
        )
        live.train()
        return live

    plain = run(odd_length_reward, tmp_path / "plain")
    log = tmp_path / "log"
    audit = run(reviewed(odd_length_reward, log=log, tokenizer=tiny.byte_tokenizer()), tmp_path / "audit")
    assert same(plain, audit)
    rows = list(read_assignments(str(log)))
    assert {row["fallback"] for row in rows} == {None}
    assert not any("<pad>" in row["completion"] for row in rows)
