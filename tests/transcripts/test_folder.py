"""A folder of JSON lines reads as one stream: by step, then by rank, while it is being written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dca.errors import InputError
from dca.transcripts.folder import read_folder


def put(path: Path, *rows: Any, rest: str = "") -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + rest, "utf-8")


def read(folder: Path) -> list[Any]:
    return [located.value["id"] for located in read_folder(folder)]


def test_ranks_are_merged_by_step(tmp_path: Path) -> None:
    """Rows come by step, then by rank as a number, then in the order of their file."""
    for rank in (0, 2, 10):
        rows = [{"id": f"{step}/{rank}{k}", "train_step": step} for step in (0, 1, 3) for k in "ab"]
        put(tmp_path / f"assignments-rank{rank}.jsonl", *rows)
    expected = [f"{step}/{rank}{k}" for step in (0, 1, 3) for rank in (0, 2, 10) for k in "ab"]
    assert read(tmp_path) == expected


def test_only_the_log_is_read_where_there_is_one(tmp_path: Path) -> None:
    """Other files and sub-folders beside a log are left out; without a log every JSONL file counts."""
    put(tmp_path / "b.jsonl", {"id": "b"})
    put(tmp_path / "a.jsonl", {"id": "a"})
    (tmp_path / "earlier").mkdir()
    put(tmp_path / "earlier" / "assignments-rank0.jsonl", {"id": "earlier"})
    assert read(tmp_path) == ["a", "b"]
    put(tmp_path / "assignments-rank0.jsonl", {"id": "log"})
    assert read(tmp_path) == ["log"]


def test_a_line_that_is_being_written_is_left_out(tmp_path: Path) -> None:
    """The last line of a live file may be cut off, and a file may hold nothing else yet."""
    put(tmp_path / "assignments-rank0.jsonl", {"id": "whole"}, rest='{"id": "ha')
    put(tmp_path / "assignments-rank1.jsonl", rest='{"id"')
    put(tmp_path / "assignments-rank2.jsonl")
    assert read(tmp_path) == ["whole"]


def test_a_bad_line_in_the_middle_is_refused(tmp_path: Path) -> None:
    """A line that is whole and wrong is named with its file."""
    put(tmp_path / "assignments-rank0.jsonl", {"id": "a"}, [1], {"id": "b"})
    with pytest.raises(InputError, match=r"assignments-rank0.jsonl:2: expected an object"):
        read(tmp_path)


def test_a_step_that_is_no_number_does_not_break_the_order(tmp_path: Path) -> None:
    """A row without a usable step counts as of the first one."""
    put(tmp_path / "assignments-rank0.jsonl", {"id": "a", "train_step": None}, {"id": "b", "train_step": 1})
    put(tmp_path / "assignments-rank1.jsonl", {"id": "c"})
    assert read(tmp_path) == ["a", "c", "b"]


@pytest.mark.parametrize(("files", "found"), [((), "got none"), (("assignments-rank0.jsonl",), "got empty files")])
def test_a_folder_without_rows_is_refused(tmp_path: Path, files: tuple[str, ...], found: str) -> None:
    """The message says what was expected there and where a run logs to."""
    for name in files:
        put(tmp_path / name)
    with pytest.raises(InputError, match=f"{found}; a training run logs to the folder dca"):
        read(tmp_path)
