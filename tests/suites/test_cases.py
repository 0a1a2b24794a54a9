"""Cases on disk: read, refused with what is wrong, linted, and made from transcripts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripts import CHECKS, SUM, load, write_case, write_suite

from dca.credit.segment import segment
from dca.errors import InputError
from dca.suites.case import load_suite, read_transcript, suite_folder, suite_names, to_json
from dca.suites.lint import Fault, lint
from dca.suites.scaffold import new_case
from dca.types import Transcript

TOOL = {"author": "tool", "text": "1284"}


def test_a_suite_is_found_by_name_or_path(tmp_path: Path) -> None:
    """Shipped suites go by name, one's own by path; a single case is a suite of one."""
    write_suite(tmp_path / "own", 2)
    assert "core" in suite_names()
    assert suite_folder("core").name == "core"
    assert [case.name for case in load(tmp_path / "own").cases] == ["case-0", "case-1"]
    one = load(tmp_path / "own" / "case-1")
    assert (one.name, [case.name for case in one.cases]) == ("own", ["case-1"])
    with pytest.raises(InputError, match="no suite 'nowhere': expected one of core, or a folder"):
        load_suite("nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"expected folders with transcript\.json and expect\.json, found none"):
        load(tmp_path / "empty")


def test_steps_are_those_in_the_file() -> None:
    """Each listed text is one step, whatever it holds; authors are kept, and the texts joined are the completion."""
    steps = ["One.\n\nTwo. Three.", "1. a\n2. b", TOOL, "Answer: 3"]
    found = read_transcript({**SUM, "steps": steps}, "name", "here")
    cut = segment(found)
    assert [step.text for step in cut] == ["One.\n\nTwo. Three.\n", "1. a\n2. b\n", "1284\n", "Answer: 3"]
    assert [step.author for step in cut] == ["policy", "policy", "tool", "policy"]
    assert "".join(step.text for step in cut) == found.completion
    assert found.id == "name"


@given(st.lists(st.text(min_size=1, max_size=30).filter(str.strip), min_size=1, max_size=80))
def test_writing_and_reading_steps_gives_the_same_steps(texts: list[str]) -> None:
    """A transcript that was written and read again has the same steps, to the last character."""
    first = read_transcript({**SUM, "steps": texts}, "x", "")
    again = read_transcript(json.loads(json.dumps(to_json(first, segment(first)))), "x", "")
    assert segment(again) == segment(first)
    assert len(segment(first)) == len(texts)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"prompt": ""}, "prompt: expected a text, got ''"),
        ({"prompt": 3}, "prompt: expected a text, got 3"),
        ({"steps": []}, "steps: expected a list of at least one step"),
        ({"steps": "One."}, "steps: expected a list"),
        ({"steps": [1]}, "steps[0]: expected a text"),
        ({"steps": [{"text": "a", "role": "tool"}]}, "steps[0]: expected a text"),
        ({"steps": ["a", ""]}, "steps[1]: expected an author and a text that are not empty"),
        ({"reward": None}, "reward: expected a number, got null"),
        ({"reward": "nan"}, "reward: expected a finite number"),
        ({"reference": 3}, "reference: expected a text or null, got 3"),
        ({"answer": "3"}, "answer: unknown; a transcript has prompt, reference, reward, steps"),
    ],
)
def test_a_transcript_out_of_order_is_refused(change: dict[str, Any], complaint: str) -> None:
    """The file, the field and what was expected are named."""
    with pytest.raises(InputError) as caught:
        read_transcript({**SUM, **change}, "x", "here.json")
    assert str(caught.value).startswith(f"here.json: {complaint}")


def test_a_field_that_is_missing_is_named() -> None:
    """Prompt, steps and reward must be there; anything but an object is refused."""
    with pytest.raises(InputError, match="steps: expected it, found prompt, reward"):
        read_transcript({"prompt": "?", "reward": 1}, "x", "f")
    with pytest.raises(InputError, match="expected an object with prompt"):
        read_transcript([], "x", "f")


def test_a_check_of_a_step_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """The check and the last step are named."""
    write_case(tmp_path / "s" / "one", checks=[{"first_error": 1}, {"never": ["error"], "at": [3]}])
    with pytest.raises(InputError, match=r"expect\.json: checks\[1\]: there is no step 3, only the steps 0 to 2"):
        load(tmp_path / "s")


def test_a_file_that_is_no_json_is_refused(tmp_path: Path) -> None:
    """A damaged or missing file is named."""
    folder = write_case(tmp_path / "s" / "one")
    (folder / "expect.json").write_text("{", "utf-8")
    with pytest.raises(InputError, match=r"expect\.json: expected JSON in UTF-8"):
        load(tmp_path / "s")
    (folder / "expect.json").unlink()
    with pytest.raises(InputError, match=r"expect\.json: expected a file of a case"):
        load(tmp_path / "s")


def faults(tmp_path: Path, checks: list[Any], transcript: Any = SUM, name: str = "one", **own: Any) -> list[str]:
    found = lint(write_case(tmp_path / "s" / name, transcript, checks, **own))
    return [f"{'' if fault.wrong else 'perhaps: '}{fault.what}" for fault in found]


def test_a_good_case_has_no_fault(tmp_path: Path) -> None:
    """Nothing is said of a case that is in order."""
    assert faults(tmp_path, CHECKS) == []


def test_lint_says_what_is_wrong(tmp_path: Path) -> None:
    """Open ends, impossible checks and unusable names are faults."""
    tool = {**SUM, "steps": ["a", TOOL, "b"]}
    assert faults(tmp_path, []) == ["no check: say what a review must show"]
    assert faults(tmp_path, CHECKS, about=" ", skills=[]) == [
        "about: say in a sentence what the case probes",
        "skills: name at least one, so that results can be read by skill",
    ]
    assert faults(tmp_path, [{"first_error": 1}], tool) == [
        "checks[0]: step 1 was written by 'tool', not by the policy"
    ]
    assert faults(tmp_path, [{"label": "injection", "at": 1}], tool) == []
    assert faults(tmp_path, [{"of": 2, "at": 1}, {"first_error": 1}])[0].startswith(
        "checks[0]: a step may only point back, so not from 1"
    )
    assert "lower-case letters" in faults(tmp_path, CHECKS, name="Ünsafe name")[0]
    assert faults(tmp_path, [{"first_error": 7}])[0].endswith("there is no step 7, only the steps 0 to 2")
    (tmp_path / "s" / "half").mkdir()
    (tmp_path / "s" / "half" / "expect.json").write_text("{}")
    assert lint(tmp_path / "s" / "half") == (Fault("half", "transcript.json is missing; see `dca cases new`"),)


def test_lint_says_what_is_doubtful(tmp_path: Path) -> None:
    """Checks that contradict each other, and cases that silence passes, may be meant: they are doubts."""
    assert faults(tmp_path, [{"label": "key", "at": 0}, {"label": "error", "at": 0}, {"first_error": 0}]) == [
        "perhaps: no review was found that earns everything; checks 0 may contradict others"
    ]
    assert faults(tmp_path, [{"never": ["error"]}]) == [
        "perhaps: a review without any opinion earns 1.00; ask for something it must say"
    ]


def test_a_new_case_is_scaffolded_and_never_overwritten(tmp_path: Path) -> None:
    """The steps are cut and numbered, the expectation is left open, and a second try is refused."""
    transcript = Transcript("2 * 3 + 4?", "2 * 3 = 6.\n6 + 4 = 10.\nA: 10", 1.0, reference="10")
    cut = new_case(tmp_path / "own" / "sum", transcript)
    assert [step.text for step in cut] == ["2 * 3 = 6.\n", "6 + 4 = 10.\n", "A: 10"]
    written = json.loads((tmp_path / "own" / "sum" / "transcript.json").read_text("utf-8"))
    assert written["steps"] == ["2 * 3 = 6.", "6 + 4 = 10.", "A: 10"]
    assert [fault.what for fault in lint(tmp_path / "own" / "sum")] == ["no check: say what a review must show"]
    with pytest.raises(InputError, match="there is a case already"):
        new_case(tmp_path / "own" / "sum", transcript)
    with pytest.raises(InputError, match="expected a name of lower-case letters"):
        new_case(tmp_path / "own" / "A sum", transcript)
