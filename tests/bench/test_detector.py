"""The bench: units, what counts as right and wrong, folds that never leak, and tables that say it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dca.bench.detector import bench
from dca.bench.judges import RULES, Judged
from dca.bench.labelled import QUESTIONS, Labelled, labelled
from dca.bench.metrics import auc
from dca.bench.plot import plot
from dca.bench.prmbench import planted, prmbench
from dca.bench.surface import SurfaceModel
from dca.bench.tables import as_json, markdown, tables
from dca.bench.units import level, sheet, units
from dca.errors import InputError
from dca.transcripts.place import Located


def case(name: str, marks: Sequence[str], episodes: Sequence[dict[str, Any]] = (), writer: str = "w") -> Labelled:
    """A transcript whose steps are marked "." (work), "c" (check), "n" (needless check), "s" (staged) or "?"."""
    of = {".": (False, False, False), "c": (True, False, False), "n": (True, True, False), "s": (False, False, True)}
    truth = [dict(zip(QUESTIONS, of.get(mark, (None,) * 3), strict=True)) for mark in marks]
    steps = [f"step {k} of {name}: {'check' if mark in 'cn' else 'go'} {k * 7}" for k, mark in enumerate(marks)]
    row = {"prompt": name, "completion": steps, "reward": 1, "truth": truth, "episodes": list(episodes)}
    return labelled(Located("a.jsonl", 1, {**row, "writer": writer, "problem": name}))


def episode(question: str, planted: bool, *steps: int, family: str = "N1", control: str = "") -> dict[str, Any]:
    return {"question": question, "planted": planted, "steps": list(steps), "family": family, "control": control}


@dataclass(frozen=True)
class Told:
    """Accuses the steps it was told to, of everything."""

    steps: dict[str, tuple[int, ...]]
    name: str = "told"

    def judge(self, cases: Sequence[Labelled], /) -> list[Judged]:
        found = []
        for one in cases:
            flags = np.array([float(k in self.steps.get(one.problem, ())) for k in range(len(one.steps))])
            found.append(Judged(dict.fromkeys(QUESTIONS, flags), dict.fromkeys(QUESTIONS, flags > 0)))
        return found


PLANTED = case("a", "..n.", [episode("needless", True, 2)])
CONTROL = case("b", "..c.", [episode("needless", False, 2, control="catch")])


def test_steps_or_episodes() -> None:
    """A set with episodes is scored by episode and by the rest of each transcript; recognition always by step."""
    assert level([PLANTED, CONTROL], "needless") == "episode"
    assert level([PLANTED, CONTROL], "verification") == "step"
    found = units([PLANTED, CONTROL], "needless")
    assert [(u.case, u.steps, u.truth, u.beside) for u in found] == [
        (0, (2,), True, False),
        (0, (0, 1, 3), False, True),
        (1, (2,), False, False),
        (1, (0, 1, 3), False, True),
    ]


def test_what_is_not_known_is_not_scored() -> None:
    """A step whose truth is null is in no unit."""
    found = units([case("a", ".?n", [episode("needless", True, 2)])], "needless")
    assert [u.steps for u in found] == [(2,), (0,)]
    assert [u.steps for u in units([case("a", ".?c")], "verification")] == [(0,), (2,)]


def test_an_episode_is_hit_by_any_of_its_steps() -> None:
    """One accused step of an episode is enough, and its score is the highest."""
    rows = [case("a", ".s.", [episode("staged", True, 1, 2, family="S1")])]
    found = sheet(rows, Told({"a": (2,)}).judge(rows), "staged")
    assert found.accused.tolist() == [True, False]
    assert found.scores.tolist() == [1.0, 0.0]


def test_precision_counts_accusations_beside_episodes() -> None:
    """A transcript accused outside its episodes is one false positive, and recall does not mind."""
    rows = [PLANTED, CONTROL]
    right = bench({"x": rows}, [Told({"a": (2,)})], resamples=0)
    beside = bench({"x": rows}, [Told({"a": (0, 2, 3)})], resamples=0)
    scores = [next(s for s in found.scores if s.question == "needless") for found in (right, beside)]
    assert [s.measures["precision"].value for s in scores] == [1.0, 0.5]
    assert [s.measures["recall"].value for s in scores] == [1.0, 1.0]
    assert [s.beside for s in scores] == [0.0, 0.5]


def test_recall_at_one_percent_is_taken_among_genuine_repairs() -> None:
    """Only controls with a genuine mistake that is put right set the threshold of the strict recall."""
    rows = [
        case("a", ".s", [episode("staged", True, 1, family="S1")]),
        case("b", "..", [episode("staged", False, 1, family="S1", control="trigger")]),
        case("c", "..", [episode("staged", False, 1, family="", control="estimate")]),
    ]
    fooled_by_estimate = bench({"x": rows}, [Told({"a": (1,), "c": (1,)})], resamples=0).scores
    fooled_by_repair = bench({"x": rows}, [Told({"a": (1,), "b": (1,)})], resamples=0).scores
    strict = [next(s for s in found if s.question == "staged") for found in (fooled_by_estimate, fooled_by_repair)]
    assert [s.measures["recall_at_1pct"].value for s in strict] == [1.0, 0.0]


def test_a_question_without_both_answers_is_not_scored() -> None:
    """A set that has no staged mistake says nothing of them."""
    assert {s.question for s in bench({"x": [PLANTED, CONTROL]}, RULES, resamples=0).scores} == {
        "verification",
        "needless",
    }


def told_by_length() -> list[Labelled]:
    """Problems told apart by the length of their text alone, every other one needless: nothing carries over."""
    rows = []
    for k in range(10):
        row = {"prompt": "p", "completion": ["go", "again " + "x" * 40 * k], "reward": 1, "problem": f"p{k}"}
        truth = [{"needless": False, "verification": False}, {"needless": bool(k % 2), "verification": True}]
        rows += [labelled(Located("a.jsonl", 1, {**row, "truth": truth})) for _ in range(30)]
    return rows


def test_the_surface_model_never_sees_the_problem_it_judges() -> None:
    """Where only the problem tells, a model fitted on all of them knows, and the cross-fitted one does not."""
    rows = told_by_length()
    model = SurfaceModel()
    seen, unseen = (sheet(rows, judged, "needless") for judged in (model.judge_after(rows, rows), model.judge(rows)))
    checks = np.array([u.steps == (1,) for u in seen.units])
    assert auc(seen.scores[checks], seen.truth[checks]) > 0.99
    assert auc(unseen.scores[checks], unseen.truth[checks]) < 0.6


def test_what_is_left_out_is_reported() -> None:
    """Families, writers and sets that the surface model did not see are listed, with what it does on them seen."""
    rows = [
        case(f"{name}{k}", f"..{'cn'[k % 2]}.", [episode("needless", bool(k % 2), 2, family=name)], f"w{k % 4 // 2}")
        for name in ("N1", "N2")
        for k in range(20)
    ]
    found = bench({"x": rows, "y": rows[:20]}, [], surface=SurfaceModel(), resamples=0)
    names = {(one.dataset, one.question, one.left_out, one.name) for one in found.left_out}
    assert {
        ("x", "needless", "family", "N1"),
        ("x", "needless", "writer", "w1"),
        ("x", "needless", "set", "y"),
    } <= names
    assert all(0 <= one.auc <= 1 for one in found.left_out)


def test_a_left_out_group_takes_its_problems_with_it() -> None:
    """Nothing of a group's problems is seen, in whatever group they stand."""
    rows = [case("a", "..n", writer="u"), case("a", "..c", writer="v"), case("b", "..c", writer="v")]
    judged = SurfaceModel().judge_leaving_out(rows, ["u", "v", "v"])
    assert judged[0].scores["needless"].tolist() == [0.0, 0.0, 0.0]  # fitted on b alone, where all is False


def test_tables_say_the_same_in_three_ways(tmp_path: Path) -> None:
    """Markdown, JSON and the picture are made of the same figures; what is not defined is a dash or null."""
    found = bench({"x": [PLANTED, CONTROL]}, [Told({})], resamples=0)
    text = markdown(found)
    assert "**x: is this check needless? (1 of 2 episodes)**" in text
    assert "| told | .000 |" in text
    data = as_json(found)
    assert json.loads(json.dumps(data, allow_nan=False))["scores"][1]["measures"]["precision"]["value"] is None
    assert {len(row) for table in tables(found) for row in table.rows if table.columns[0] == ""} <= {7, 8, 9}
    plot(found, tmp_path / "a.svg")
    plot(found, tmp_path / "b.svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_intervals_contain_the_value() -> None:
    """With resamples, an interval lies around the value."""
    rows = [case(f"p{k}", "..n." if k % 3 else "..c.", [episode("needless", bool(k % 3), 2)]) for k in range(30)]
    found = bench({"x": rows}, [Told({f"p{k}": (2,) for k in range(0, 30, 2)})], resamples=50)
    recall = next(s for s in found.scores if s.question == "needless").measures["recall"]
    assert recall.low <= recall.value <= recall.high
    assert recall.low < recall.high


RECORD = {
    "idx": "prm_1",
    "original_question": "q",
    "modified_question": "q?",
    "modified_process": ["1 + 1 = 2.", "Again: 1 + 1 = 2.", "So 2."],
    "error_steps": [2],
}


def test_prmbench_counts_steps_from_one() -> None:
    """PRMBench's erroneous steps are needless here; of verification it says nothing."""
    found = planted(Located("r.jsonl", 1, RECORD))
    assert [t.needless for t in found.truth] == [False, True, False]
    assert {t.verification for t in found.truth} == {None}
    assert found.problem == "q"


def test_prmbench_is_found_in_its_folder(tmp_path: Path) -> None:
    """The folder itself or its sub-folder prmbench serves; neither is a complaint."""
    with pytest.raises(InputError, match=r"expected .*redun.* found none"):
        prmbench(tmp_path)
    (tmp_path / "prmbench").mkdir()
    (tmp_path / "prmbench" / "x_redundency.jsonl").write_text(json.dumps(RECORD) + "\n", "utf-8")
    assert [len(rows) for rows in prmbench(tmp_path).values()] == [1]
    assert list(prmbench(tmp_path)) == ["prmbench redundancy"]


def test_no_case_no_score() -> None:
    """An empty set is no error and no figure."""
    found = bench({"x": []}, RULES, surface=SurfaceModel(), resamples=5)
    assert found.scores == found.parts == found.left_out == ()
