"""The output contract: what is written is valid, balances, can be read back, and can be split anew."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import SCORES, UNICODE

from dca import Review, ScriptedReviewer, Share, Transcript, Usage, ValueDifference, assign_credit
from dca.assignments import LineWriter, read_assignments, recompute, to_line, to_record
from dca.errors import InputError
from dca.types import LABELS, Step

SCHEMA = jsonschema.Draft202012Validator(
    json.loads((resources.files("dca") / "data" / "assignment.schema.json").read_text("utf-8"))
)
OPTIONS = {"credit_coef": 0.5, "segment": "auto"}


def record(reward: float = 1.0, completion: str = "a = 1\nb = 2\nc = 3", **review: Any) -> dict[str, Any]:
    def script(transcript: Transcript, steps: tuple[Step, ...]) -> Review:
        return Review(
            **{"scores": tuple(1.0 - k for k in range(len(steps)))[:3], "usage": Usage(requests=1), **review}
        )

    done = assign_credit(Transcript("p", completion, reward, id="x"), ScriptedReviewer(script))
    return to_record(done, options=OPTIONS)


@given(
    text=UNICODE,
    reward=st.floats(-1e3, 1e3),
    score=SCORES,
    label=st.sampled_from((None, *LABELS)),
    usage=st.builds(Usage, requests=st.integers(0, 9), cost_usd=st.floats(0, 9)),
)
def test_a_line_is_valid_balanced_and_comes_back(
    tmp_path_factory: pytest.TempPathFactory, text: str, reward: float, score: float, label: str | None, usage: Usage
) -> None:
    """Any row, lone surrogates included, is written as valid JSON that fits the schema and reads back equal."""

    def script(transcript: Transcript, steps: tuple[Step, ...]) -> Review:
        blank = (None,) * (len(steps) - 1)
        return Review((score, *(0.0 for _ in blank)), (label, *blank), usage=usage)

    done = assign_credit(Transcript(text, text, reward, id=text), ScriptedReviewer(script))
    line = to_line(to_record(done, options=OPTIONS))
    assert line.count(b"\n") == 1
    path = tmp_path_factory.mktemp("lines") / "out.jsonl"
    path.write_bytes(line)
    (back,) = read_assignments(str(path))
    SCHEMA.validate(back)
    assert back == json.loads(json.dumps(to_record(done, options=OPTIONS)))
    assert "".join(step["text"] for step in back["steps"]) == text


def test_the_same_rule_gives_the_same_line() -> None:
    """Splitting a stored review again by the rule that was used changes nothing."""
    before = record(labels=("key", "check", None))
    assert recompute(before, Share(), name="share", options=OPTIONS) == before


def test_another_rule_needs_no_new_review() -> None:
    """Another coefficient and another scheme are computed from the stored scores alone."""
    before = record()
    after = recompute(before, Share(credit_coef=0.0), name="share", options={"credit_coef": 0.0})
    assert [s["credit"] for s in after["steps"]] == pytest.approx([6 / 17, 6 / 17, 5 / 17])
    values = {**before, "measure": "value", "baseline": 0.25}
    after = recompute(values, ValueDifference(), name="value_difference", options={})
    assert [s["credit"] for s in after["steps"]] == [0.75, -1.0, 1.0]
    assert after["unassigned"] == 0.25


def test_a_fallback_stays_a_fallback() -> None:
    """No rule makes credit out of a review that could not be used."""
    before = record(scores=(0.0,))
    assert before["fallback"] == "ReviewError: the review has 1 scores for 3 steps; give one for each step"
    after = recompute(before, Share(credit_coef=4.0), name="share", options=OPTIONS)
    assert [s["credit"] for s in after["steps"]] == [s["credit"] for s in before["steps"]]


def change(path: Path, **fields: Any) -> str:
    path.write_bytes(to_line(record()) + to_line({**record(), **fields}))
    return str(path)


BROKEN = [
    (
        {"schema_version": 7},
        "out.jsonl:2: schema_version: expected 1, got 7; use the version of DCA that wrote the file",
    ),
    (
        {"unassigned": 0.5},
        "out.jsonl:2: steps: the credits do not add up to the reward; the line was changed by hand",
    ),
    ({"steps": [{}]}, "out.jsonl:2: steps: KeyError: 'score'; the line was changed by hand"),
    ({"steps": "none"}, "out.jsonl:2: steps: TypeError"),
    ({"reward": "much"}, "out.jsonl:2: steps: TypeError"),
]


@pytest.mark.parametrize(("fields", "message"), BROKEN)
def test_a_changed_line_is_refused(tmp_path: Path, fields: dict[str, Any], message: str) -> None:
    """Readers of our files use the ledger test too, and name file, line and field."""
    with pytest.raises(InputError) as caught:
        list(read_assignments(change(tmp_path / "out.jsonl", **fields)))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    """A file that `dca review` did not write gives an error that says what to do first."""
    path = tmp_path / "in.jsonl"
    path.write_text('{"prompt": "p", "completion": "c"}\n')
    with pytest.raises(
        InputError, match=r"in\.jsonl:1: id: not there, so this is no line of `dca review`; run that first"
    ):
        list(read_assignments(str(path)))


@pytest.mark.parametrize("rest", [b"", b'{"half": ', b"x" * 200_000])
def test_a_cut_off_line_is_dropped_when_going_on(tmp_path: Path, rest: bytes) -> None:
    """After a kill the file ends with whole lines and perhaps a cut-off one; going on starts behind those."""
    path = tmp_path / "out.jsonl"
    path.write_bytes(b"one\ntwo\n" + rest)
    writer = LineWriter(path, resume=True)
    writer.write(b"three\n")
    writer.close()
    assert path.read_bytes() == b"one\ntwo\nthree\n"


@pytest.mark.skipif(not os.path.exists("/dev/stdout"), reason="this system has no /dev/stdout")
def test_a_redirected_output_is_no_file_of_ours(tmp_path: Path) -> None:
    """What `>> file` already held stays, and /dev/stdout is neither replaced nor removed, whatever goes wrong."""
    log = tmp_path / "log"
    log.write_bytes(b"before\n")
    code = (
        "from pathlib import Path\n"
        "from dca.assignments import LineWriter, whole_file\n"
        "out = Path('/dev/stdout')\n"
        "writer = LineWriter(out); writer.write(b'one\\n'); writer.close()\n"
        "with whole_file(out) as writer: writer.write(b'two\\n')\n"
        "with whole_file(out) as writer: raise SystemExit(3)\n"
    )
    with log.open("ab") as file:
        assert subprocess.run([sys.executable, "-c", code], stdout=file, check=False).returncode == 3
    assert log.read_bytes() == b"before\none\ntwo\n"
    assert Path("/dev/stdout").is_symlink()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full to stand for a full disk")
def test_a_full_disk_leaves_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a line does not fit, no part of it stays behind, and the error is the system's own."""
    device = LineWriter(Path("/dev/full"))
    with pytest.raises(OSError, match="No space left"):
        device.write(b"line\n")
    device.close()
    path = tmp_path / "out.jsonl"
    writer = LineWriter(path)
    writer.write(b"whole\n")

    class Full:
        """A disk with room for three more bytes."""

        def __init__(self, file: Any) -> None:
            self.file = file

        def write(self, line: memoryview) -> int:
            if len(line) < 4:
                raise OSError(28, "No space left on device")
            return int(self.file.write(line[:3]))

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

    monkeypatch.setattr(writer, "_file", Full(writer._file))
    with pytest.raises(OSError, match="No space left"):
        writer.write(b"split\n")
    writer.close()
    assert path.read_bytes() == b"whole\n"


def test_a_folder_reads_as_one_log(tmp_path: Path) -> None:
    """The folder of a training run gives every rank's lines by step, checked as those of a file are."""
    for rank in range(2):
        lines = [to_line({**record(), "id": f"{step}/{rank}", "train_step": step}) for step in range(2)]
        (tmp_path / f"assignments-rank{rank}.jsonl").write_bytes(b"".join(lines) + b'{"cut')
    assert [row["id"] for row in read_assignments(str(tmp_path))] == ["0/0", "0/1", "1/0", "1/1"]
    (tmp_path / "assignments-rank2.jsonl").write_bytes(to_line({**record(), "reward": 2.0}))
    with pytest.raises(InputError, match=r"assignments-rank2.jsonl:1: steps: the credits do not add up"):
        list(read_assignments(str(tmp_path)))
