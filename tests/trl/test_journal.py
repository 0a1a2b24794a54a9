"""The run's log: lines appear as they are written, and an abandoned attempt is moved aside, not lost."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from dca import ArithmeticReviewer, Transcript, Usage, assign_credit
from dca.assignments import read_assignments, to_record
from dca.trl.journal import ASIDE, Journal, set_aside


def row(step: int, name: str = "x", **usage: Any) -> dict[str, Any]:
    record = to_record(assign_credit(Transcript("1+1?", "1 + 1 = 2\nSo 2.", 1.0, id=name), ArithmeticReviewer()))
    return {**record, "train_step": step, "usage": {**record["usage"], **usage}}


def written(folder: Path, rank: int, *steps: int) -> Path:
    journal = Journal(folder, rank=rank)
    for step in steps:
        journal.write(row(step, f"{rank}:{step}", requests=1, cost_usd=0.5))
    journal.close()
    return journal.path


def steps(path: Path) -> list[int]:
    return [json.loads(line)["train_step"] for line in path.read_text("utf-8").splitlines()]


def test_a_line_is_there_as_soon_as_it_is_written(tmp_path: Path) -> None:
    """A live log can be read after every row; the folder is made when the first one comes."""
    journal = Journal(tmp_path / "a" / "b", rank=3)
    assert not (tmp_path / "a").exists()
    for step in range(2):
        journal.write(row(step))
        assert [r["train_step"] for r in read_assignments(str(journal.path))] == list(range(step + 1))
    assert journal.path.name == "assignments-rank3.jsonl"
    journal.close()


def test_it_goes_on_behind_what_is_there(tmp_path: Path) -> None:
    """A closed log is opened again behind its last whole line; a cut-off one is dropped."""
    path = written(tmp_path, 0, 0, 1)
    with path.open("ab") as file:
        file.write(b'{"half a li')
    written(tmp_path, 0, 2)
    assert steps(path) == [0, 1, 2]


def test_a_log_that_cannot_be_written_costs_the_log_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A full disk or a folder in the way is reported once, and the run goes on."""
    (tmp_path / "assignments-rank0.jsonl").mkdir()
    journal = Journal(tmp_path, rank=0)
    journal.write(row(0))
    journal.write(row(1))
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "no longer logged" in caplog.text


def test_rows_after_the_checkpoint_are_moved_aside(tmp_path: Path) -> None:
    """Rows before the step stay, the others move, and what they cost is told."""
    path = written(tmp_path, 0, 0, 0, 1, 2, 3)
    assert set_aside(tmp_path, step=2, rank=0, world=1) == Usage(requests=2, cost_usd=1.0)
    assert steps(path) == [0, 0, 1]
    assert steps(tmp_path / ASIDE / path.name) == [2, 3]


def test_nothing_moves_where_nothing_was_abandoned(tmp_path: Path) -> None:
    """A log that ends before the step is left as it is, byte for byte."""
    path = written(tmp_path, 0, 0, 1)
    before = path.read_bytes()
    assert set_aside(tmp_path, step=2, rank=0, world=1) == Usage()
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_fresh_run_moves_all_of_the_one_before(tmp_path: Path) -> None:
    """A run from the first step begins an empty log, and attempts aside are kept one behind the other."""
    for _ in range(2):
        path = written(tmp_path, 0, 0, 1)
        set_aside(tmp_path, step=0, rank=0, world=1)
        assert not path.exists()
    assert steps(tmp_path / ASIDE / path.name) == [0, 1, 0, 1]


def test_a_damaged_line_is_moved_too(tmp_path: Path) -> None:
    """What is no whole record goes aside with a line break of its own, and nothing is thrown away."""
    path = written(tmp_path, 0, 0)
    with path.open("ab") as file:
        file.write(b'\xff\n[1]\n{"cut')
    set_aside(tmp_path, step=5, rank=0, world=1)
    assert steps(path) == [0]
    assert (tmp_path / ASIDE / path.name).read_bytes() == b'\xff\n[1]\n{"cut\n'


def test_each_rank_looks_after_its_own_file(tmp_path: Path) -> None:
    """A rank leaves the others' files alone; the main one takes those of ranks there are no more."""
    paths = [written(tmp_path, rank, 0, 1) for rank in range(3)]
    set_aside(tmp_path, step=1, rank=1, world=2)
    assert [steps(path) for path in paths] == [[0, 1], [0], [0, 1]]
    set_aside(tmp_path, step=1, rank=0, world=2)
    assert [steps(path) for path in paths] == [[0], [0], [0]]


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    """A file that no rank writes stays where it is, and no folder is no matter."""
    other = tmp_path / "assignments-rank0.backup.jsonl"
    other.write_text("{}\n")
    set_aside(tmp_path, step=0, rank=0, world=1)
    set_aside(tmp_path / "nowhere", step=0, rank=0, world=1)
    assert other.read_text() == "{}\n"
