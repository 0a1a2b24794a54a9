"""Labelled rows: both forms of truth, what is left open, and complaints that name the place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dca.bench.labelled import Truth, labelled, labelled_files, read_labelled
from dca.config import bundled_transcripts
from dca.errors import InputError
from dca.transcripts.place import Located

STEPS = ["48 / 2 = 24", "Again: 48 / 2 = 24", "A: 24"]


def row(**more: Any) -> Located:
    return Located("a.jsonl", 7, {"prompt": "p", "completion": STEPS, "reward": 1, **more})


def test_a_list_says_what_is_known_of_each_step() -> None:
    """A list has an object for each step; what it leaves out or sets to null is not known."""
    truth = [{"verification": False}, {"verification": True, "needless": True, "staged": None}, {}]
    found = labelled(row(metadata={"truth": truth, "writer": "w", "problem": "q", "group": "g"}))
    assert found.truth == (Truth(False, None, None), Truth(True, True, None), Truth(None, None, None))
    assert (found.writer, found.problem, found.group) == ("w", "q", "g")
    assert [step.text.strip() for step in found.steps] == STEPS


def test_an_object_lists_labels() -> None:
    """An object names the steps with a label; the others are ordinary work, and a repair is verification or not."""
    found = labelled(row(truth={"0": "staged_mistake", "1": {"label": "recovery", "of": 0}}))
    assert found.truth == (Truth(False, False, True), Truth(None, False, None), Truth(False, False, False))
    assert found.problem == "p"


def test_the_bundled_transcripts_are_labelled_rows() -> None:
    """The transcripts that come with DCA are read as they are, steps cut as their README says."""
    rows = list(read_labelled(bundled_transcripts()))
    assert len(rows) == 30
    by_id = {one.transcript.id: one for one in rows}
    assert [k for k, t in enumerate(by_id["bakery-bags"].truth) if t.needless] == [2, 4]
    assert by_id["library-fines"].truth[2].staged is True
    assert len(by_id["six-runners"].steps) == 26


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "truth: expected a list or an object"),
        ({"truth": [{}]}, "truth: expected an entry for each of 3 steps, got 1"),
        ({"truth": [{}, {}, {"staged": 1}]}, "staged: expected true, false or null"),
        ({"truth": {"3": "check"}}, "expected step numbers below 3, got '3'"),
        ({"truth": {"1": "wrong"}}, "1: expected one of key, progress"),
        ({"truth": {}, "episodes": [{"question": "needless", "steps": [1]}]}, "episodes: expected `planted`"),
    ],
)
def test_complaints_name_file_line_and_field(more: dict[str, Any], said: str) -> None:
    """A row that cannot be used is refused with its place and what was expected."""
    with pytest.raises(InputError, match=r"^a\.jsonl:7") as caught:
        labelled(row(**more))
    assert said in str(caught.value)


def test_an_episode_must_lie_in_the_transcript() -> None:
    """An episode names steps that exist and a question that is asked."""
    bad = {"question": "needless", "planted": True, "steps": [5]}
    with pytest.raises(InputError, match="expected episode steps below 3"):
        labelled(row(truth={}, episodes=[bad]))
    with pytest.raises(InputError, match="expected an episode about needless or staged"):
        labelled(row(truth={}, episodes=[{**bad, "question": "verification", "steps": [1]}]))


def test_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    """Sets are named after their files; a second file of the same name keeps its path."""
    paths = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "set.jsonl"
        path.write_text(json.dumps({**row().value, "truth": {}}) + "\n", "utf-8")
        paths.append(str(path))
    assert list(labelled_files(paths)) == ["set", paths[1]]
