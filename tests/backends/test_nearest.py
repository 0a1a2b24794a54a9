from pathlib import Path

import pytest

from dca.backends.recording import Recorder, Replayer
from dca.backends.scripted import ScriptedBackend
from dca.errors import RecordingMiss
from dca.messages import Message, Request


@pytest.fixture(autouse=True)
def _outside_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)


def asked(text: str = "how?", case: str = "sums/1", system: str = "Judge each step.\n") -> Request:
    return Request(system=system, messages=(Message("user", text),), schema={"type": "object"}, case=case)


MISS = """\
no recording for case 'sums/1' (key 727ca086d5b8) among the 3 in fixtures
nearest: fixtures/default/sums-1/8af6435abd26.json (- recorded, + asked)
@@ -7,4 +7,5 @@
   first step
-  second step
+  second stop
   third step
+  fourth
 schema:
record it with --record fixtures and the reviewer that shall answer (in Python: Recorder)"""


def test_a_miss_shows_the_nearest_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the case, says in a diff what changed, and how to record it."""
    monkeypatch.chdir(tmp_path)
    recorder = Recorder(ScriptedBackend(["so", "so", "so"]), "fixtures")
    recorder.complete(asked("first step\nsecond step\nthird step"))
    recorder.complete(asked("something else"))
    recorder.complete(asked("first step\nsecond stop\nthird step", case="other"))
    with pytest.raises(RecordingMiss) as caught:
        Replayer("fixtures").complete(asked("first step\nsecond stop\nthird step\nfourth"))
    assert str(caught.value) == MISS


def test_a_miss_stays_short(tmp_path: Path) -> None:
    """However long the request, the message fits a screen."""
    Recorder(ScriptedBackend(["so"]), tmp_path).complete(asked("\n".join("a" * 999 for _ in range(999))))
    with pytest.raises(RecordingMiss, match=r"… and \d+ more lines") as caught:
        Replayer(tmp_path).complete(asked("\n".join("b" * 999 for _ in range(999))))
    assert len(str(caught.value)) < 10_000


def test_a_changed_word_in_a_long_line_is_found(tmp_path: Path) -> None:
    """Prompts may come as one line; the diff cuts it where its clauses end."""
    line = ", ".join(f"clause number {number}" for number in range(99))
    Recorder(ScriptedBackend(["so"]), tmp_path).complete(asked(line))
    with pytest.raises(RecordingMiss, match=r"\n-  clause number 50,\n\+  clause number fifty,\n"):
        Replayer(tmp_path).complete(asked(line.replace("50", "fifty")))


def test_an_empty_folder_misses_without_a_neighbour(tmp_path: Path) -> None:
    """There is nothing to compare with, and the message still says what to do."""
    with pytest.raises(RecordingMiss, match=r"among the 0 in .*\nrecord it with --record"):
        Replayer(tmp_path).complete(asked())


def test_recordings_survive_the_loss_of_their_rubric(tmp_path: Path) -> None:
    """The rubric file is for people and diffs; the key holds its hash."""
    Recorder(ScriptedBackend(["so"]), tmp_path).complete(asked())
    for path in (*tmp_path.glob("_rubrics/*"), *tmp_path.glob("_schemas/*")):
        path.unlink()
    assert Replayer(tmp_path).complete(asked()).text == "so"
    with pytest.raises(RecordingMiss, match=r"\n-  \(.*is missing\)\n\+  Judge each step"):
        Replayer(tmp_path).complete(asked("two"))
