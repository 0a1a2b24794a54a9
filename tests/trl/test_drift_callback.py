"""Drift watched while a run trains: what is read, judged, logged and done, from checkpoint to checkpoint."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tiny
from dense import Hashed, in_pieces
from drift_ranks import CALM, CHECKING, QUICK, lines, told
from trl import GRPOConfig, GRPOTrainer

from dca.assignments import read_assignments
from dca.errors import InputError, RunError
from dca.performativity.alarms import ALARMS
from dca.performativity.comparison import compare
from dca.performativity.counts import Counts, added
from dca.performativity.drift import Settings
from dca.performativity.observation import observe
from dca.performativity.timeline import counted
from dca.trl import DCAGRPOConfig, DCAGRPOTrainer, DCAReward
from dca.trl.actions import Lower, stop
from dca.trl.drift import DriftCallback, Tail
from dca.trl.host import Host

pytestmark = [
    pytest.mark.filterwarnings("ignore:`.*gradient_checkpointing.*` is deprecated:FutureWarning"),  # TRL's default
    pytest.mark.filterwarnings("ignore:'pin_memory' argument is set as true:UserWarning"),  # torch, without a GPU
]
NOW = Settings(window=2, patience=1, resamples=20)
ALARM = ALARMS["leak"](compare({}, {}))


def reward_in(folder: Path | None, **options: Any) -> DCAReward:
    """A reward that logs to a folder, or to the trainer's."""
    log = "auto" if folder is None else folder
    return DCAReward(tiny.length_reward, reviewer=Hashed(), segmenter=in_pieces, log=log, **options)


def run(folder: Path, *, dense: bool, train: bool = True, action: Any = None, **change: Any) -> Any:
    """A tiny run of the real trainer that is watched; its callback is kept on it."""
    reward, tokenizer = reward_in(None), tiny.byte_tokenizer()
    given = tiny.settings(folder, **{"max_steps": 6, "per_device_train_batch_size": 8, **change})
    trainer = (DCAGRPOTrainer if dense else GRPOTrainer)(
        model=tiny.model(len(tokenizer)),
        reward_funcs=reward,
        args=(DCAGRPOConfig if dense else GRPOConfig)(**given),
        train_dataset=tiny.prompts(),
        processing_class=tokenizer,
    )
    trainer.watched = DriftCallback(reward, settings=NOW, **({} if action is None else {"action": action}))
    trainer.add_callback(trainer.watched)
    if train:
        trainer.train()
    return trainer


@pytest.mark.parametrize("dense", [True, False], ids=["dense", "audit"])
def test_a_real_run_is_watched(tmp_path: Path, dense: bool) -> None:
    """Every full window after the first is judged from exactly the rows the run logged; its figures are logged."""
    trainer = run(tmp_path, dense=dense)
    verdicts = trainer.watched.verdicts
    assert [(verdict.first, verdict.last) for verdict in verdicts] == [(2, 3), (4, 5)]
    steps = counted(read_assignments(str(tmp_path / "dca")))
    expected = added(one for step in (4, 5) for one in steps[step].values())
    assert expected == pytest.approx(added(verdicts[-1].comparison.now.values()))
    logged = {key for line in trainer.state.log_history for key in line}
    assert {"dca/drift/check_rate", "dca/drift/accuracy", "dca/drift/alarms"} <= logged


def test_a_resumed_run_judges_as_one_that_was_never_stopped(tmp_path: Path) -> None:
    """The state comes back from the checkpoint; rows are counted once, and verdicts are the same."""
    saving = {"dense": True, "save_strategy": "steps", "save_steps": 3}
    whole = run(tmp_path / "run", **saving).watched
    state = json.loads((tmp_path / "run" / "checkpoint-3" / "dca-drift.json").read_text())
    assert state["judged"] == 0
    again = run(tmp_path / "run", train=False, **saving)
    again.train(resume_from_checkpoint=str(tmp_path / "run" / "checkpoint-3"))
    assert [(v.first, v.last, v.alarms) for v in whole.verdicts] == [
        (v.first, v.last, v.alarms) for v in again.watched.verdicts
    ]
    (tmp_path / "run" / "checkpoint-3" / "dca-drift.json").unlink()
    anew = run(tmp_path / "run", train=False, **saving)
    anew.train(resume_from_checkpoint=str(tmp_path / "run" / "checkpoint-3"))
    assert [v.last for v in anew.watched.verdicts] == [v.last for v in whole.verdicts], "made anew from the log"


def test_stop_ends_a_dense_run_where_ranks_meet(tmp_path: Path) -> None:
    """With dense credit the run stops at the next generation, with the alarm in the message."""
    trainer = run(tmp_path, dense=True, train=False)
    stop(Host(trainer), (ALARM,))
    with pytest.raises(RunError, match=r"training has drifted: leak: of rollouts .* `dca drift`"):
        trainer.train()
    assert trainer.state.global_step == 0


def test_stop_ends_an_audit_at_once() -> None:
    """Without dense credit there is no place to meet, and every rank raises for itself."""
    with pytest.raises(RunError, match="training has drifted"):
        stop(Host(SimpleNamespace()), (ALARM,))


def test_lower_scales_the_coefficient_and_remembers(tmp_path: Path) -> None:
    """Each time the coefficient is multiplied, at any point of its schedule; a resumed run is lowered as far."""
    trainer = run(tmp_path, dense=True, train=False, credit_coef="0.8->0.4")
    lower = Lower(0.5)
    lower(Host(trainer), (ALARM,))
    lower(Host(trainer), (ALARM,))
    assert [trainer._dca.options.coef_at(at) for at in (0.0, 1.0)] == pytest.approx([0.2, 0.1])
    assert lower.scale == 0.25
    watched = DriftCallback(trainer.watched.reward, action=lower)
    checkpoint = tmp_path / "checkpoint-1"
    checkpoint.mkdir()
    watched.on_save(trainer.args, SimpleNamespace(global_step=1), None)
    fresh = run(tmp_path, dense=True, train=False, credit_coef="0.8->0.4", action=Lower(0.5))
    fresh.watched.on_train_begin(fresh.args, SimpleNamespace(global_step=1), None)
    assert fresh._dca.options.coef_at(0.0) == pytest.approx(0.2)
    assert fresh.watched.action.scale == 0.25


def test_lower_says_where_there_is_nothing_to_lower(caplog: pytest.LogCaptureFixture) -> None:
    """In an audit it warns and goes on."""
    Lower(0.0)(Host(SimpleNamespace()), (ALARM,))
    assert "no credit_coef to lower" in caplog.text
    with pytest.raises(InputError, match=r"factor in \[0, 1\)"):
        Lower(1.0)


class Acted:
    """An action that notes what it is called for."""

    def __init__(self) -> None:
        self.kinds: list[tuple[str, ...]] = []

    def __call__(self, host: Host, alarms: Any) -> None:
        self.kinds.append(tuple(alarm.kind for alarm in alarms))


def watch(folder: Path, callback: DriftCallback, kinds: dict[int, list[str]], stem: str = "assignments") -> None:
    """Write a log step by step, and let the callback look after each."""
    args, state = SimpleNamespace(output_dir=str(folder)), SimpleNamespace(global_step=0)
    callback.on_train_begin(args, state, None)
    for step, said in kinds.items():
        with (folder / f"{stem}-rank0.jsonl").open("a") as log:
            log.writelines(lines(step, said))
        callback.on_step_end(args, state, None)
    callback.on_train_end(args, state, None)


RUN = {step: CALM if step < 6 else CHECKING for step in range(13)}


def test_alarms_are_logged_and_acted_upon(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An alarm that stands is a warning with its figures, and the action is called with it, though not at the end."""
    acted = Acted()
    callback = DriftCallback(reward_in(tmp_path), settings=QUICK, action=acted)
    with caplog.at_level(logging.WARNING):
        watch(tmp_path, callback, RUN)
    assert [verdict.standing for verdict in callback.verdicts] == [(), (), ("needless_checks",)]
    assert acted.kinds == [("needless_checks",)]
    assert "drift in steps 9 to 11: needless checks: checks rise" in caplog.text
    acted.kinds.clear()
    (tmp_path / "assignments-rank0.jsonl").unlink()
    watch(tmp_path, callback, {step: RUN[step] for step in range(12)})
    assert callback.verdicts[-1].standing == ("needless_checks",)
    assert acted.kinds == [], "the last window is judged when the run is over"


def test_a_panel_counts_its_prompts_alone(tmp_path: Path) -> None:
    """With a panel only its rollouts count, those of evaluations among them."""
    prompts = [f"{step}-0" for step in range(13)]
    callback = DriftCallback(reward_in(tmp_path), settings=QUICK, panel=prompts)
    (tmp_path / "assignments-rank0.jsonl").write_text("".join(lines(0, CALM)))
    watch(tmp_path, callback, dict.fromkeys(range(7), CALM), stem="evaluation")
    total = added(callback.verdicts[0].comparison.before.values())
    assert total.rollouts == 3 * len(CALM) + len(CALM)


def test_probes_are_asked_counted_and_kept(tmp_path: Path) -> None:
    """A probe hears of new rollouts only, with the trainer's policy; its counts are judged and kept by the log."""

    class Asked:
        def __init__(self) -> None:
            self.rows: list[int] = []

        def use_policy(self, model: Any, tokenizer: Any) -> None:
            self.lent = model, tokenizer

        def __call__(self, records: Any) -> list[tuple[str, Counts]]:
            self.rows.append(len(records))
            return [("some", Counts(planted=4.0, caught=1.0))]

    probe, reward = Asked(), reward_in(tmp_path)
    trainer = SimpleNamespace(
        model="model",
        processing_class=tiny.byte_tokenizer(),
        _metrics={"train": defaultdict(list)},
        reward_funcs=[reward],
    )
    reward.connect(trainer, dense=False)
    callback = DriftCallback(reward, settings=QUICK, probes=[probe])
    watch(tmp_path, callback, dict.fromkeys(range(6), CALM))
    assert probe.lent == ("model", trainer.processing_class)
    assert probe.rows == [10 * len(CALM)] * 6
    assert callback.verdicts[0].comparison.change("power").now == 0.25
    kept = [json.loads(line) for line in (tmp_path / "probes-rank0.jsonl").read_text().splitlines()]
    assert kept[-1] == {"train_step": 5, "prompt_key": "some", "counts": {"planted": 4.0, "caught": 1.0}}
    assert trainer._metrics["train"]["dca/drift/power"] == [0.25]


def test_a_row_that_cannot_be_read_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A record without its fields is left out, with a warning that names it."""
    (tmp_path / "assignments-rank0.jsonl").write_text('{"id": "odd", "train_step": 0}\n')
    callback = DriftCallback(reward_in(tmp_path), settings=QUICK)
    callback.on_step_end(SimpleNamespace(output_dir=str(tmp_path)), None, None)
    assert "the row 'odd' is left out" in caplog.text


def test_a_tail_gives_whole_lines_once(tmp_path: Path) -> None:
    """A line that is still being written waits, and a file that was begun anew is read from its beginning."""
    path = tmp_path / "log.jsonl"
    tail = Tail(path)
    assert tail.rows() == []
    path.write_text('{"a": 1}\n{"a": 2')
    assert tail.rows() == [{"a": 1}]
    with path.open("a") as log:
        log.write("}\n")
    assert tail.rows() == [{"a": 2}]
    path.write_text('{"a": 3}\n')
    assert tail.rows() == [{"a": 3}]


def test_a_damaged_state_is_refused(tmp_path: Path) -> None:
    """A checkpoint's state that is no JSON is an error that names the file and the remedy."""
    (tmp_path / "checkpoint-4").mkdir()
    (tmp_path / "checkpoint-4" / "dca-drift.json").write_text("{")
    callback = DriftCallback(reward_in(tmp_path))
    with pytest.raises(InputError, match=r"dca-drift\.json: expected JSON .* remove the file"):
        callback.on_train_begin(SimpleNamespace(output_dir=str(tmp_path)), SimpleNamespace(global_step=4), None)


def test_a_reward_without_a_log_cannot_be_watched() -> None:
    """There must be something to read."""
    with pytest.raises(InputError, match="expected a DCAReward with a log"):
        DriftCallback(DCAReward(tiny.length_reward, reviewer=Hashed(), log=None))


def test_all_ranks_judge_alike(tmp_path: Path) -> None:
    """Two processes, each with half of every group in its own file, come to the verdicts of one with all of it."""
    script = Path(__file__).with_name("drift_ranks.py")
    here = [str(script.parents[2]), str(script.parents[1] / "performativity"), str(script.parent)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(here), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", script, tmp_path]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr[-4000:]
    one, two = (json.loads((tmp_path / f"said-{rank}.json").read_text()) for rank in range(2))
    assert one == two
    whole = DriftCallback(reward_in(tmp_path / "whole"), settings=QUICK)
    (tmp_path / "whole").mkdir()
    watch(tmp_path / "whole", whole, RUN)
    assert told(whole) == one


def test_the_log_of_a_real_run_can_be_observed(tmp_path: Path) -> None:
    """Rows of a dense run carry the trainer's advantage, which is what credit means there."""
    run(tmp_path, dense=True, max_steps=1)
    rows = list(read_assignments(str(tmp_path / "dca")))
    assert [row["advantage"] for row in rows] == [observe(row).credit for row in rows]
