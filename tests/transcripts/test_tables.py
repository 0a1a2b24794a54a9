"""Parquet: rows come back as records, whichever way the bytes arrive."""

from __future__ import annotations

import gzip
import io
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dca.errors import InputError
from dca.transcripts.fields import read_transcripts
from dca.transcripts.place import BadRecord
from dca.transcripts.records import read_records
from dca.transcripts.tables import BATCH

pyarrow = pytest.importorskip("pyarrow", reason="needs the extra parquet")
parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra parquet")

ROWS = [{"prompt": f"{k}?", "completion": [f"{k}", "."], "n": {"deep": k}} for k in range(2 * BATCH + 3)]


def write(rows: list[dict[str, Any]], path: Path) -> Path:
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return path


def test_rows_come_back_in_order(tmp_path: Path) -> None:
    """Every row is a record with its number, over more than one batch."""
    records = list(read_records(write(ROWS, tmp_path / "a.parquet")))
    assert [r.value for r in records] == ROWS
    assert [(r.line, r.record) for r in records[:2]] == [(1, 1), (2, 2)]
    assert records[-1].id == f"a:{len(ROWS)}"


@pytest.mark.parametrize("zipped", [False, True])
def test_parquet_may_come_from_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zipped: bool) -> None:
    """A table that only streams is copied to disk, for it is read from its end."""
    data = write(ROWS, tmp_path / "a").read_bytes()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(gzip.compress(data) if zipped else data)))
    assert [r.value for r in read_records("-")] == ROWS


def test_gzip_around_parquet_is_unpacked(tmp_path: Path) -> None:
    """A compressed Parquet file is read like a plain one."""
    path = tmp_path / "a.parquet.gz"
    path.write_bytes(gzip.compress(write(ROWS, tmp_path / "a").read_bytes()))
    assert [r.value for r in read_records(path)] == ROWS


def test_a_trl_completion_log_is_a_file_of_transcripts(tmp_path: Path) -> None:
    """The table GRPOTrainer writes with `log_completions` needs no option."""
    row = {"step": "20", "prompt": "2+2?", "completion": "4", "accuracy_reward": 1.0, "advantage": 0.7}
    path = write([row, {**row, "accuracy_reward": 0.0}], tmp_path / "completions_00020.parquet")
    found = list(read_transcripts(path))
    assert [(t.id, t.reward, dict(t.metadata)) for t in found] == [
        ("completions_00020:1", 1.0, {"step": "20"}),
        ("completions_00020:2", 0.0, {"step": "20"}),
    ]


def test_damage_is_told(tmp_path: Path) -> None:
    """A Parquet file cut short, and one damaged inside, each get one line."""
    path = write(ROWS, tmp_path / "a.parquet")
    data = path.read_bytes()
    for damaged in (data[:200], data[:4] + b"\xff" * 200 + data[204:]):
        path.write_bytes(damaged)
        with pytest.raises(InputError) as caught:
            list(read_records(path))
        assert str(caught.value).startswith(f"{path}:1: expected Parquet, got damaged data (")
        assert str(caught.value).endswith("); write the file again")
        assert str(caught.value).isprintable()


def test_an_empty_table_is_refused(tmp_path: Path) -> None:
    """A table without rows is an error like any file without records."""
    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"prompt": pyarrow.array([], pyarrow.string())}), path)
    with pytest.raises(InputError, match="expected at least one record, got none"):
        list(read_records(path))


def test_a_string_that_is_not_utf_8_costs_one_row(tmp_path: Path) -> None:
    """A row whose text is not UTF-8 is refused alone."""
    path, bad = tmp_path / "a.parquet", list[BadRecord]()
    strings = pyarrow.array([b"fine", b"caf\xe9", b"fine too"]).view(pyarrow.string())
    parquet.write_table(pyarrow.table({"a": strings}), path)
    assert [r.line for r in read_records(path, on_bad=bad.append)] == [1, 3]
    message = "expected UTF-8, got 0xe9 at byte 4 of a string; write it as UTF-8"
    assert bad == [BadRecord(str(path), 2, f"{path}:2: {message}", "")]


def test_the_extra_is_named_where_pyarrow_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pyarrow the complaint says what to install."""
    path = write(ROWS, tmp_path / "a.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    expected = f"{path}: expected pyarrow to read Parquet, which is not installed; pip install 'dca-rl[parquet]'"
    with pytest.raises(InputError) as caught:
        list(read_records(path))
    assert str(caught.value) == expected
