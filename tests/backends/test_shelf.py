import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from dca.backends.recording import Recorder, Replayer
from dca.backends.scripted import ScriptedBackend
from dca.errors import InputError, RecordingMiss, RefusedError
from dca.messages import Message, Reply, Request
from dca.usage import Usage


@pytest.fixture(autouse=True)
def _outside_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)


def asked(text: str = "how?", case: str = "sums/1", system: str = "Judge each step.\n") -> Request:
    return Request(system=system, messages=(Message("user", text),), schema={"type": "object"}, case=case)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


FILE = r"""{
 "case": "sums/1",
 "format": "dca-recording/1",
 "key": "0d77d0775897013124027fd00ec69b4b52cd6959b785114e3f833090ddf43266",
 "produced": {
  "backend": "scripted",
  "by": "written by hand",
  "date": "2026-11-21",
  "model": "m-1"
 },
 "reply": {
  "category": null,
  "model": "m-1",
  "stop_reason": "end_turn",
  "text": [
   "{\n",
   "}"
  ],
  "usage": {
   "cost_usd": 0.5,
   "requests": 2
  }
 },
 "request": {
  "effort": "off",
  "max_tokens": 4096,
  "messages": [
   {
    "role": "user",
    "text": [
     "one\n",
     "two \u202e"
    ]
   }
  ],
  "sample": 0,
  "schema": "a2c799262a3c",
  "system": "75b2d4057293"
 }
}
"""


def test_a_recording_is_a_file_a_person_can_read(tmp_path: Path) -> None:
    """Sorted, a line of text to a line of file, rubric and schema once by hash, and where it came from."""
    backend = ScriptedBackend([Reply(text="{\n}", model="m-1", usage=Usage(requests=2, cost_usd=0.5))])
    recorder = Recorder(backend, tmp_path, produced_by="written by hand", today=lambda: date(2026, 11, 21))
    assert recorder.complete(asked("one\ntwo \u202e")).usage == Usage(requests=2, cost_usd=0.5)
    assert {name: (tmp_path / name).read_text(encoding="utf-8") for name in files(tmp_path)} == {
        "_rubrics/75b2d4057293.md": "Judge each step.\n",
        "_schemas/a2c799262a3c.json": '{\n "type": "object"\n}\n',
        "default/sums-1/0d77d0775897.json": FILE,
    }


@pytest.mark.parametrize("name", ["../../evil", "/etc/passwd", "a\0b", "\ud800", "x" * 400, "", "_rubrics"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    """Cases and suites are names, never paths, and never the folders kept for rubrics."""
    folder = tmp_path / "deep" / "fixtures"
    Recorder(ScriptedBackend(["so"]), folder, suite=name).complete(asked(case=name))
    assert len(files(tmp_path)) == len(files(folder)) == 3
    assert Replayer(folder, suite=name).complete(asked(case=name)).text == "so"
    assert Replayer(folder).complete(asked(case="found under any name")).text == "so"


def test_orphans_are_the_recordings_nobody_asked_for(tmp_path: Path) -> None:
    """Asking uses one up; other files in the folders are not recordings."""
    recorder = Recorder(ScriptedBackend(["1", "2"]), tmp_path)
    recorder.complete(asked("one", case="one"))
    recorder.complete(asked("two", case="two"))
    (tmp_path / "default" / "two" / "expect.json").write_text("{}")
    replayer = Replayer(tmp_path)
    replayer.complete(asked("one"))
    assert recorder.orphans() == ()
    assert [path.parent.name for path in replayer.orphans()] == ["two"]


def edit_request(text: str) -> str:
    return text.replace("how?", "why?")


def edit_format(text: str) -> str:
    return text.replace("dca-recording/1", "dca-recording/9")


def cut_short(text: str) -> str:
    return text[:100]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (edit_request, "was edited after it was recorded; record it again"),
        (edit_format, "'dca-recording/9', not 'dca-recording/1'.*record it again"),
        (cut_short, "expected a recording in .*record it again"),
        (lambda text: text.replace('"type"', '"kind"'), "without a usable 'type'"),
        (lambda text: "[]", "expected a recording in"),
    ],
)
def test_a_spoilt_recording_is_named(tmp_path: Path, spoil: Callable[[str], str], message: str) -> None:
    """A file that no longer says what was asked and answered is not replayed; it can be recorded over."""
    with pytest.raises(RefusedError):
        Recorder(ScriptedBackend([RefusedError("no")]), tmp_path).complete(asked())
    (path,) = tmp_path.glob("default/*/*.json")
    path.write_text(spoil(path.read_text()))
    with pytest.raises(InputError, match=message):
        Replayer(tmp_path).complete(asked())
    with pytest.raises(RecordingMiss):
        Replayer(tmp_path).complete(asked("something else"))
    Recorder(ScriptedBackend(["so"]), tmp_path, mode="rerecord").complete(asked())
    assert Replayer(tmp_path).complete(asked()).text == "so"


def test_a_reply_may_be_edited_by_hand(tmp_path: Path) -> None:
    """The question is evidence; the answer is a fixture, and its lines may be cut anew."""
    Recorder(ScriptedBackend(["so"]), tmp_path).complete(asked("one\ntwo"))
    (path,) = tmp_path.glob("default/*/*.json")
    value = json.loads(path.read_text())
    value["reply"]["text"] = ["so", " and\n", "so"]
    value["request"]["messages"][0]["text"] = "one\ntwo"
    path.write_text(json.dumps(value))
    assert Replayer(tmp_path).complete(asked("one\ntwo")).text == "so and\nso"


def test_suites_are_kept_apart(tmp_path: Path) -> None:
    """One suite does not answer for another; a replay of all prefers the case of that name, then the first path."""
    for suite in ("v1", "v2"):
        Recorder(ScriptedBackend([suite]), tmp_path, suite=suite).complete(asked(case=f"of {suite}"))
    assert [Replayer(tmp_path, suite=suite).complete(asked()).text for suite in ("v1", "v2")] == ["v1", "v2"]
    everything = Replayer(tmp_path)
    assert [everything.complete(asked(case=case)).text for case in ("", "of v1", "of v2")] == ["v1", "v1", "v2"]


def test_a_missing_folder_is_refused_at_once(tmp_path: Path) -> None:
    """A wrong path is not a missing recording."""
    with pytest.raises(InputError, match="expected a folder of recordings at"):
        Replayer(tmp_path / "nowhere")


def test_half_a_key_is_not_enough(tmp_path: Path) -> None:
    """A file that goes by the right name but answers another question is a miss."""
    recorder = Recorder(ScriptedBackend(["1", "2"]), tmp_path)
    recorder.complete(asked("one", case="one"))
    recorder.complete(asked("two", case="two"))
    (one,), (two,) = tmp_path.glob("default/one/*.json"), tmp_path.glob("default/two/*.json")
    two.write_bytes(one.read_bytes())
    with pytest.raises(RecordingMiss):
        Replayer(tmp_path).complete(asked("two", case="two"))
