"""Several processes on the CPU: the same training as one process, and no rank stops alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas
import pytest
import tiny
import torch

from dca.assignments import read_assignments

SCRIPT = Path(__file__).with_name("ranks.py")


def launch(folder: Path, processes: int, mode: str = "") -> list[dict[str, Any]]:
    """Run the script on so many processes; what each of them said."""
    folder.mkdir(exist_ok=True)
    paths = [str(SCRIPT.parents[2]), str(SCRIPT.parents[1]), str(SCRIPT.parent)]
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "OMP_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "TRL_EXPERIMENTAL_SILENCE": "1",
    }
    spread = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"] if processes > 1 else []
    done = subprocess.run(
        [sys.executable, *spread, SCRIPT, folder, mode],
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return [json.loads((folder / f"said-{rank}.json").read_text("utf-8")) for rank in range(processes)]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """The same training on one process and on two, where one group straddles them."""
    folders = {processes: tmp_path_factory.mktemp(f"on{processes}") for processes in (1, 2)}
    for processes, folder in folders.items():
        launch(folder, processes)
    return folders


def test_the_same_parameters_as_one_process(runs: dict[int, Path]) -> None:
    """With the same completions, two processes end with the parameters of one, to 1e-6; training did move them."""
    alone, together = (torch.load(runs[n] / "parameters.pt") for n in (1, 2))
    worst = max(float((alone[name] - together[name]).abs().max()) for name in alone)
    assert worst <= 1e-6
    untrained = tiny.parameters(tiny.model(len(tiny.byte_tokenizer())))
    assert max(float((alone[name] - untrained[name]).abs().max()) for name in alone) > 1e-2


def test_figures_are_those_of_all_ranks(runs: dict[int, Path]) -> None:
    """What is logged is over all ranks, so it does not depend on how many there are."""
    one, two = (json.loads((runs[n] / "said-0.json").read_text("utf-8"))["figures"] for n in (1, 2))
    timed = ("dca/review_seconds", "dca/wait_seconds")
    for alone, together in zip(one[:4], two[:4], strict=True):
        assert alone["dca/tilt_rms"] > 0.0
        assert {k: v for k, v in together.items() if k not in timed} == pytest.approx(
            {k: v for k, v in alone.items() if k not in timed}, rel=1e-5, abs=1e-7
        )


def test_the_log_holds_every_row_once(runs: dict[int, Path]) -> None:
    """Each rank keeps a log of its own; read together they hold the rows of the run, in the order of its steps."""
    one, two = (list(read_assignments(str(runs[n] / "run" / "dca"))) for n in (1, 2))
    assert len(one) == 4 * 12
    assert [row["train_step"] for row in two] == [row["train_step"] for row in one]
    assert [row["completion"] for row in two] == [row["completion"] for row in one]


def test_each_rank_leaves_its_counts_in_a_checkpoint(runs: dict[int, Path]) -> None:
    """A checkpoint holds what each rank has spent and seen, so that a resumed run goes on counting."""
    kept = sorted(path.name for path in (runs[2] / "run" / "checkpoint-4").glob("dca-rank*.json"))
    assert kept == ["dca-rank0.json", "dca-rank1.json"]


def test_the_table_of_completions_has_the_credits_of_all_ranks(runs: dict[int, Path]) -> None:
    """The column of credits in TRL's table is the same on two processes as on one."""
    one, two = (pandas.read_parquet(sorted((runs[n] / "run" / "completions").glob("*.parquet"))[-1]) for n in (1, 2))
    column = next(name for name in one.columns if "credit" in name)
    assert all(one[column])
    assert list(two[column]) == list(one[column])


def test_ranks_stop_together(tmp_path: Path) -> None:
    """Too many failed reviews on one rank end the run on every rank, at the same step and with the same error."""
    said = launch(tmp_path, 2, "failing on one")
    assert said[0]["ended"].startswith("FallbackRateError")
    assert said[0]["ended"] == said[1]["ended"]
    assert said[0]["steps"] == said[1]["steps"] < 40
