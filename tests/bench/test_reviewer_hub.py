"""A labelled set by its name on the hub, through the `datasets` library; a clone of a repository stands in for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_cli import Dca, dca

datasets = pytest.importorskip("datasets")

__all__ = ["dca"]  # a fixture, used by its name

NONE = ("--suite", "none", "--chains", "0", "--lists", "0", "--resamples", "0")
CARD = """---
configs:
- config_name: default
  data_files:
  - {split: gsm8k, path: gsm8k.json}
  - {split: math, path: math.json}
---
"""


@pytest.fixture(name="clone")
def clone_of_a_dataset(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A dataset of two splits as a clone of its repository has it, below the current folder."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    folder = tmp_path / "Owner" / "Bench"
    folder.mkdir(parents=True)
    for split, count in (("gsm8k", 3), ("math", 2)):
        rows = [
            {"id": f"{split}-{k}", "problem": f"{k}: 2+2?", "steps": ["2+2=5", "A: 5"], "label": 0}
            | {"final_answer_correct": False}
            for k in range(count)
        ]
        (folder / f"{split}.json").write_text(json.dumps(rows), "utf-8")
    (folder / "README.md").write_text(CARD, "utf-8")
    return "Owner/Bench"


def test_a_split_is_scored_by_its_name(dca: Dca, clone: str) -> None:
    """`owner/name:split` is loaded, told by its fields, and scored."""
    ran = dca("bench", "reviewer", *NONE, "--data", f"{clone}:math", "--json")
    assert ran.status == 0, ran.err
    (reviewer,) = json.loads(ran.out)["reviewers"]
    (found,) = [one for one in reviewer["results"] if one["rows"]]
    assert (found["dataset"], found["rows"]) == ("processbench math", 2)


def test_a_split_that_is_not_there_is_said(dca: Dca, clone: str) -> None:
    """The splits that there are stand in the complaint."""
    ran = dca("bench", "reviewer", *NONE, "--data", f"{clone}:algebra")
    assert ran.status == 2
    assert "expected one of its splits gsm8k, math, got 'algebra'" in ran.err


def test_a_dataset_that_cannot_be_reached_is_one_line(dca: Dca, clone: str) -> None:
    """A name that is neither a path nor to be had says so, with what the library said."""
    ran = dca("bench", "reviewer", *NONE, "--data", "Nobody/Nothing")
    assert ran.status == 2
    assert "dca: --data Nobody/Nothing: neither a path here nor a dataset that can be had: " in ran.err
    assert len(ran.err.strip().splitlines()) == 1
