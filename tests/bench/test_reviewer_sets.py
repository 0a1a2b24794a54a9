"""Labelled sets are read from what their authors publish, told by their fields."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from dca.bench.hub import hub_sets
from dca.bench.mistakes import Solution
from dca.bench.sources import Dataset, drawn, read_sets, told
from dca.errors import InputError

PROCESS = {"id": "gsm8k-3", "problem": "2+2?", "steps": ["2+2=5", "A: 5"], "label": 0, "final_answer_correct": False}
BIG = {"input": "2+2?", "steps": ["2+2=4", "A: 4"], "answer": "4", "target": "4", "mistake_index": None}
MR_BEN = {
    "Subject": "college_math",
    "Question": "2+2?",
    "Options": "A: 4 \nB: 5",
    "Ground_Truth_Answer": "A",
    "Model_Solution_Steps": [
        "Let us see.",
        "Step 1: 2+2=5",
        "which is odd.",
        "",
        "Step 2: so B",
        "Solution: Choice_B",
    ],
    "Model_Solution_Correctness": "incorrect",
    "Model_Solution_First_Error_Step": "1",
}
PRM = {
    "modified_question": "2+2?",
    "original_question": "2+2?",
    "modified_process": ["2+2=4", "Again 2+2=4", "A: 4"],
    "error_steps": [2],
    "classification": "redundency",
    "idx": "one",
}


def lines(path: Path, *records: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    return path


def only(sets: list[Dataset]) -> Solution:
    (dataset,) = sets
    (row,) = dataset.solutions
    return row


def test_a_folder_gives_every_set_in_it(tmp_path: Path) -> None:
    """Sets are found in files and sub-folders by their fields; other files are passed over."""
    lines(tmp_path / "a.jsonl", PROCESS)
    lines(tmp_path / "big" / "word_sorting.jsonl", BIG, BIG)
    lines(tmp_path / "prm" / "x.jsonl", PRM)
    (tmp_path / "mr.json").write_text(json.dumps({"uuid": [MR_BEN]}, indent=1), "utf-8")
    lines(tmp_path / "gsm8k.jsonl", {"question": "2+2?", "answer": "4"})
    (tmp_path / "README.md").write_text("no set", "utf-8")
    found = {dataset.name: len(dataset.rows) for dataset in read_sets(tmp_path)}
    assert found == {"processbench gsm8k": 1, "mr-ben math": 1, "bbm word sorting": 2, "prmbench redundancy": 1}


def test_processbench_counts_from_zero(tmp_path: Path) -> None:
    """`label` is the first wrong step, and the outcome is what the set says of the answer."""
    row = only(read_sets(lines(tmp_path / "a.jsonl", {**PROCESS, "final_answer_correct": True})))
    assert (row.first, row.wrong, row.transcript.reward, len(row.steps)) == (frozenset({0}), True, 1.0, 2)
    assert row.transcript.reference is None


def test_a_solution_without_a_mistake(tmp_path: Path) -> None:
    """No mistake is an empty set of places."""
    row = only(read_sets(lines(tmp_path / "sums.jsonl", BIG)))
    assert (row.first, row.wrong, row.transcript.reward) == (frozenset(), False, 1.0)


def test_mr_ben_steps_reach_from_number_to_number(tmp_path: Path) -> None:
    """A step takes the lines that follow it, blank ones drop out, and the label is the number in the text."""
    (tmp_path / "m.json").write_text(json.dumps([MR_BEN]), "utf-8")
    row = only(read_sets(tmp_path / "m.json"))
    texts = [step.text.strip() for step in row.steps]
    assert texts == ["Let us see.", "Step 1: 2+2=5\nwhich is odd.", "Step 2: so B", "Solution: Choice_B"]
    assert (row.first, row.transcript.reward) == (frozenset({1}), 0.0)
    assert row.transcript.prompt.endswith("B: 5")


def test_mr_ben_pays_what_the_answer_earned(tmp_path: Path) -> None:
    """A right choice from wrong reasoning is paid, as a verifier would."""
    steps = [*MR_BEN["Model_Solution_Steps"][:-1], "Solution: Choice_A"]
    row = only(read_sets(lines(tmp_path / "m.jsonl", {**MR_BEN, "Model_Solution_Steps": steps})))
    assert (row.wrong, row.transcript.reward) == (True, 1.0)


def test_mr_ben_programs_have_no_place(tmp_path: Path) -> None:
    """Where the wrong line is told in words, it is known to be there and not where."""
    program = {"Subject": "coding", "Model_Solution_Steps": "def f():\n  return 5", "Options": None}
    wrong = {**MR_BEN, **program, "Model_Solution_First_Error_Step": "  return 5"}
    row = only(read_sets(lines(tmp_path / "m.jsonl", wrong)))
    assert (row.first, row.wrong, len(row.steps)) == (None, True, 2)


def test_planted_steps_count_from_one(tmp_path: Path) -> None:
    """PRMBench's labels name planted steps, and its classes decide which of ours accuse them."""
    (dataset,) = read_sets(lines(tmp_path / "p.jsonl", PRM))
    assert [truth.needless for truth in dataset.labelled[0].truth] == [False, True, False]
    assert dataset.accuses == {"needless_check", "filler"}


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({**PROCESS, "label": 2}, "expected the first mistake among 2 steps, counted from 0, got 2"),
        ({**PROCESS, "label": "1"}, "label: expected a whole number, got '1'"),
        ({**PROCESS, "steps": "2+2=5"}, "steps: expected a list of texts"),
        ({**MR_BEN, "Model_Solution_First_Error_Step": "9"}, "expected the number of a step, got '9'"),
    ],
)
def test_a_bad_label_names_file_and_line(tmp_path: Path, record: Any, message: str) -> None:
    """A record that has the fields of a set, but not what belongs in them, is refused."""
    with pytest.raises(InputError, match=rf"a.jsonl:1: .*{message}"):
        read_sets(lines(tmp_path / "a.jsonl", record))


def test_nothing_there_says_what_was_expected(tmp_path: Path) -> None:
    """A folder without a set names the sets that are known, and a wrong path itself."""
    with pytest.raises(InputError, match=r"expected files of ProcessBench, MR-Ben, BIG-Bench Mistake, PRMBench"):
        read_sets(tmp_path)
    with pytest.raises(InputError, match="nowhere: expected a file or folder"):
        read_sets(tmp_path / "nowhere")


def test_gzip_is_read(tmp_path: Path) -> None:
    """A packed file is read like any other."""
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(PROCESS).encode()))
    assert only(read_sets(path)).wrong


def test_a_draw_is_of_the_seed_and_keeps_the_order(tmp_path: Path) -> None:
    """So many rows are drawn, the same for the same seed, in the order of the file."""
    (dataset,) = read_sets(lines(tmp_path / "a.jsonl", *({**PROCESS, "problem": f"{k}?"} for k in range(9))))
    one, same, other = (drawn(dataset, 4, seed) for seed in (0, 0, 1))
    problems = [int(row.problem[:-1]) for row in one.solutions]
    assert (len(problems), problems == sorted(problems), one.total) == (4, True, 9)
    assert one == same != other


def test_told_changes_the_outcome_alone(tmp_path: Path) -> None:
    """The reviewer can be told that all is right, or wrong, whatever the set says."""
    (dataset,) = read_sets(lines(tmp_path / "a.jsonl", PROCESS))
    rewards = [told(dataset, what).rows[0].transcript.reward for what in ("true", "right", "wrong")]
    assert rewards == [0.0, 1.0, 0.0]


def test_the_hub_is_asked_by_name_and_split() -> None:
    """Splits of a dataset become sets; one can be named."""
    splits = {"gsm8k": [PROCESS], "math": [{**PROCESS, "id": "math-0"}]}
    asked: list[str] = []

    def load(name: str) -> Any:
        asked.append(name)
        return splits

    assert [one.name for one in hub_sets("Qwen/ProcessBench", load)] == ["processbench gsm8k", "processbench math"]
    assert [one.name for one in hub_sets("Qwen/ProcessBench:math", load)] == ["processbench math"]
    assert asked == ["Qwen/ProcessBench"] * 2
    with pytest.raises(InputError, match="expected one of its splits gsm8k, math, got 'x'"):
        hub_sets("Qwen/ProcessBench:x", load)


def test_a_dataset_that_cannot_be_had_is_said(tmp_path: Path) -> None:
    """Whatever the hub or the network says ends as one line about --data."""

    def load(_name: str) -> Any:
        raise OSError("no route to host")

    with pytest.raises(InputError, match="--data a/b: neither a path here nor a dataset that can be had: no route"):
        hub_sets("a/b", load)
