"""The leaderboard gathers reviewers over time, and is drawn."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from dca.bench.leaderboard import COLUMNS, entries, merged, read_board, write_board
from dca.bench.metrics import Estimate
from dca.bench.reviewer import Report, Result
from dca.bench.rows import Spent
from dca.bench.sheet import as_json, markdown, sources, tables
from dca.bench.sources import PROCESSBENCH
from dca.errors import InputError

SPENT = Spent(usd=0.002, seconds=1.5, reviews=10, failed=1, void=0)
MEASURES = {
    name: Estimate(0.5, 0.25, 0.75)
    for name in ("f1", "accuracy", "error_accuracy", "correct_accuracy", "mcc", "step_accuracy")
}
RESULT = Result("processbench gsm8k", PROCESSBENCH, 10, 400, "f1", MEASURES, SPENT)


def report(identity: str = "model-a", value: float = 0.5, *, left: int = 0) -> Report:
    result = replace(RESULT, measures={**MEASURES, "f1": Estimate(value, value - 0.1, float("nan"))})
    return Report(identity, identity, "low", results=(result,), left=left)


@pytest.mark.parametrize("name", ["board.json", "board.csv"])
def test_a_board_reads_back_as_it_was_written(tmp_path: Path, name: str) -> None:
    """JSON and CSV hold the same rows, what is not known included."""
    rows = entries([report()], told="true", date="2026-11-21")
    write_board(tmp_path / name, rows)
    assert read_board(tmp_path / name) == rows
    assert tuple(rows[0]) == COLUMNS
    assert (rows[0]["high"], rows[0]["licence"], rows[0]["seconds_per_review"]) == (None, "Apache-2.0", 1.5)


def test_a_second_run_replaces_its_own_row() -> None:
    """One reviewer on the same rows has one entry; others stay, the best first."""
    old = entries([report("a", 0.4), report("b", 0.6)], told="true", date="2026-11-20")
    new = entries([report("a", 0.7)], told="true", date="2026-11-21")
    assert [(row["identity"], row["value"]) for row in merged(old, new)] == [("a", 0.7), ("b", 0.6)]


def test_what_is_not_finished_is_not_entered() -> None:
    """A run that stopped half-way has no place on the board."""
    assert entries([report(left=3)], told="true", date="2026-11-21") == []


def test_another_file_is_refused(tmp_path: Path) -> None:
    """A file that is no leaderboard is not overwritten in silence."""
    path = tmp_path / "board.json"
    path.write_text(json.dumps({"rows": []}), "utf-8")
    with pytest.raises(InputError, match=r"board.json: expected a leaderboard"):
        read_board(path)
    assert read_board(tmp_path / "none.json") == []


def test_the_picture_is_the_same_for_the_same_board(tmp_path: Path) -> None:
    """Quality against cost is drawn byte for byte alike, also for a reviewer that costs nothing."""
    pytest.importorskip("matplotlib")
    from dca.bench.frontier import draw

    rows = entries([report("a"), report("b", 0.6)], told="true", date="2026-11-21")
    rows[1]["usd_per_review"] = 0.0
    for name in ("one.svg", "two.svg"):
        draw(rows, tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    assert b"processbench gsm8k" in (tmp_path / "one.svg").read_bytes()


def test_tables_have_cost_and_seconds_beside_every_score() -> None:
    """A row says what it scored, what failed, what it cost and how long it took; a licence stands with every set."""
    (table,) = tables([report()])
    assert table.columns[-3:] == ("failed, void", "$/1,000", "s each")
    assert table.rows[0][:3] == ("processbench gsm8k", "10/400", "F1 .500 (.40 to -)")
    assert table.rows[0][-3:] == ("1, 0", "2.00", "1.5")
    assert sources([report()]).rows == (("ProcessBench", "arXiv 2412.06559", "Apache-2.0", "Qwen/ProcessBench"),)
    assert "| processbench gsm8k | 10/400 |" in markdown([table])


def test_json_has_null_for_what_is_not_known() -> None:
    """JSON has no NaN."""
    plain = json.loads(json.dumps(as_json([report()]), allow_nan=False))
    assert plain["reviewers"][0]["results"][0]["measures"]["f1"]["high"] is None
