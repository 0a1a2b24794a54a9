import json
import pickle
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hostile import TEXTS
from hypothesis import given
from hypothesis import strategies as st

from dca.backends.manual import ManualBackend
from dca.backends.recording import Recorder, Replayer
from dca.backends.scripted import ScriptedBackend
from dca.errors import (
    CredentialError,
    InputError,
    PendingReply,
    RecordingMiss,
    RefusedError,
    ReplyError,
    ReviewError,
    RunError,
    TransportError,
    TruncatedError,
)
from dca.messages import Message, Reply, Request
from dca.protocols import Backend
from dca.usage import Usage

REUSED = Usage(reused=1)
outcomes = st.builds(
    Reply, text=TEXTS, stop_reason=TEXTS, model=TEXTS, category=st.none() | TEXTS, usage=st.just(Usage(requests=1))
) | st.one_of(
    st.builds(RefusedError, TEXTS, category=TEXTS),
    st.builds(TruncatedError, TEXTS),
    st.builds(ReplyError, TEXTS),
    st.builds(ReviewError, TEXTS),
)


@pytest.fixture(autouse=True)
def _outside_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)


def asked(text: str = "how?", case: str = "sums/1", system: str = "Judge each step.\n") -> Request:
    return Request(system=system, messages=(Message("user", text),), schema={"type": "object"}, case=case)


def unreachable() -> Backend:
    return ScriptedBackend([])


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_replay_equals_record(tmp_path: Path) -> None:
    """Any reply and any error come back as they were, but for their cost."""
    numbers = count()

    @given(TEXTS, TEXTS, TEXTS, outcomes)
    def check(system: str, text: str, case: str, outcome: Reply | ReviewError) -> None:
        folder = tmp_path / str(next(numbers))
        request = asked(text, case, system)
        recorder = Recorder(ScriptedBackend([outcome]), folder)
        first, again = told(recorder, request), told(Replayer(folder), request)
        assert first == told(ScriptedBackend([outcome]), request)
        assert again == {**first, "usage": REUSED}

    check()


def told(backend: Backend, request: Request) -> dict[str, Any]:
    """All that can be known of an outcome."""
    try:
        reply = backend.complete(request)
    except ReviewError as error:
        return {
            "kind": type(error),
            "message": str(error),
            "category": getattr(error, "category", None),
            "usage": error.usage,
        }
    names = ("text", "stop_reason", "model", "category", "usage")
    return {"kind": Reply, **{name: getattr(reply, name) for name in names}}


def test_replay_opens_no_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a hit nor a miss needs a socket."""
    Recorder(ScriptedBackend(["so"]), tmp_path).complete(asked())

    def refuse(*args: object, **options: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    replayer = Replayer(tmp_path)
    assert replayer.complete(asked()) == Reply(text="so", usage=REUSED)
    with pytest.raises(RecordingMiss):
        replayer.complete(asked("another question"))


def test_only_what_is_missing_is_asked(tmp_path: Path) -> None:
    """The default mode adds; `rerecord` asks everything again, once, over the same files."""
    Recorder(ScriptedBackend(["old"]), tmp_path).complete(asked("one"))
    backend = ScriptedBackend(["new"])
    recorder = Recorder(backend, tmp_path)
    assert [recorder.complete(asked(text)).text for text in ("one", "two", "one")] == ["old", "new", "old"]
    before, again = files(tmp_path), ScriptedBackend(["ONE", "TWO"])
    recorder = Recorder(again, tmp_path, mode="rerecord")
    got = [recorder.complete(asked(text, case="renamed")) for text in ("one", "two", "one")]
    assert [reply.text for reply in got] == ["ONE", "TWO", "ONE"]
    assert [reply.usage.reused for reply in got] == [0, 0, 1]
    assert (files(tmp_path), len(again.requests)) == (before, 2)


def test_another_mode_is_refused(tmp_path: Path) -> None:
    """A typing error does not record."""
    with pytest.raises(InputError, match="missing, rerecord, got 'all'"):
        Recorder(unreachable(), tmp_path, mode="all")  # type: ignore[arg-type]


def test_a_recording_holds_for_any_backend(tmp_path: Path) -> None:
    """A replay has no model of its own: the key is the request; who answered is provenance."""
    Recorder(ScriptedBackend(["so"], identity="big"), tmp_path).complete(asked())
    assert Recorder(ScriptedBackend([], identity="small"), tmp_path).complete(asked()).text == "so"
    (path,) = tmp_path.glob("default/*/*.json")
    assert json.loads(path.read_text())["produced"]["backend"] == "big"


def test_in_ci_nothing_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recorder in CI replays, whatever its mode, and a miss is an error that says why."""
    Recorder(ScriptedBackend(["so"]), tmp_path).complete(asked())
    monkeypatch.setenv("CI", "true")
    recorder = Recorder(unreachable(), tmp_path, mode="rerecord")
    assert recorder.complete(asked()) == Reply(text="so", usage=REUSED)
    with pytest.raises(RecordingMiss, match="CI is set, so nothing is asked and nothing recorded"):
        recorder.complete(asked("two"))


@pytest.mark.parametrize("error", [TransportError("down"), CredentialError("no"), PendingReply("wait")])
def test_what_is_no_answer_is_not_recorded(tmp_path: Path, error: Exception) -> None:
    """An outage, a refused key, a reply still awaited: ask again next time."""
    with pytest.raises(type(error)):
        Recorder(ScriptedBackend([error]), tmp_path).complete(asked())
    assert files(tmp_path) == []


def test_an_unknown_kind_of_failure_is_recorded_as_its_nearest_kin(tmp_path: Path) -> None:
    """A recording can only name errors that everyone has."""

    class Rude(RefusedError):
        pass

    with pytest.raises(Rude):
        Recorder(ScriptedBackend([Rude("no", category="tone")]), tmp_path).complete(asked())
    with pytest.raises(RefusedError, match="no") as caught:
        Replayer(tmp_path).complete(asked())
    assert (type(caught.value), caught.value.category) == (RefusedError, "tone")


def test_a_recording_of_a_manual_reply_says_so(tmp_path: Path) -> None:
    """Who answered outside is unknown unless the user says it."""
    manual = ManualBackend(tmp_path / "manual")
    with pytest.raises(PendingReply):
        Recorder(manual, tmp_path / "fixtures").complete(asked())
    (prompt,) = manual.awaited()
    prompt.with_name(prompt.name.replace("prompt.md", "reply.txt")).write_text("{}")
    Recorder(manual, tmp_path / "fixtures").complete(asked())
    (path,) = tmp_path.glob("fixtures/default/*/*.json")
    assert json.loads(path.read_text())["produced"]["by"] == "manual: obtained outside, by whom unknown"


def test_no_secret_reaches_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the key in the environment nor the password in a URL is written anywhere."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-planted-0123456789")
    backend = ScriptedBackend(["so"], identity="m@https://user:hunter2@host/v1")
    Recorder(backend, tmp_path).complete(asked())
    everything = "".join((tmp_path / name).read_text() for name in files(tmp_path))
    assert "m@https://host/v1" in everything
    assert "planted" not in everything
    assert "hunter2" not in everything


@pytest.mark.parametrize("where", ["request", "reply"])
def test_a_text_with_a_secret_in_it_is_not_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """A transcript may have printed its environment; recordings are made to be committed."""
    monkeypatch.setenv("HF_TOKEN", "hf_planted_0123456789")
    leak = "env: HF_TOKEN=hf_planted_0123456789"
    backend = ScriptedBackend([leak if where == "reply" else "so"])
    with pytest.raises(RunError, match=r"value of \$HF_TOKEN; take it out") as caught:
        Recorder(backend, tmp_path).complete(asked(leak if where == "request" else "how?"))
    assert "planted" not in str(caught.value)
    assert (files(tmp_path), len(backend.requests)) == ([], 0 if where == "request" else 1)


def test_sixty_four_threads_record_and_replay(tmp_path: Path) -> None:
    """Each question is asked once however many ask, no file is lost, and no draft is left behind."""
    gate, lock, calls = threading.Barrier(64), threading.Lock(), []

    def answer(request: Request) -> str:
        with lock:
            calls.append(request.messages[0].text)
        time.sleep(0.01)
        return request.messages[0].text.upper()

    recorder = Recorder(ScriptedBackend(answer), tmp_path)
    requests = [asked(f"q{number % 32}", case=f"case {number % 8}") for number in range(256)]

    def one(index: int) -> list[str]:
        gate.wait()
        return [recorder.complete(request).text for request in requests[index::64]]

    with ThreadPoolExecutor(64) as pool:
        list(pool.map(one, range(64)))
    assert sorted(calls) == sorted({f"q{number}" for number in range(32)})
    assert len(files(tmp_path)) == 32 + 2
    replayer = Replayer(tmp_path)
    with ThreadPoolExecutor(64) as pool:
        got = list(pool.map(replayer.complete, requests))
    assert [reply.text for reply in got] == [request.messages[0].text.upper() for request in requests]
    assert replayer.orphans() == ()


def test_they_are_backends_with_a_name(tmp_path: Path) -> None:
    """A recorder goes by the name of what it records; a replayer by its folder, and it pickles."""
    recorder = Recorder(ScriptedBackend(["so"], identity="big"), tmp_path / "fixtures")
    recorder.complete(asked())
    replayer = pickle.loads(pickle.dumps(Replayer(tmp_path / "fixtures")))
    assert isinstance(recorder, Backend)
    assert isinstance(replayer, Backend)
    assert (recorder.identity, replayer.identity) == ("big", "replay:fixtures")
    assert replayer.complete(replace(asked(), case="")).text == "so"
