"""Recording in order: the most telling cases first, and no further than it takes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from scripts import (
    candidate,
    finds_it,
    load,
    misses_it,
    recorded,
    says_nothing,
    tape_of,
    write_case,
    write_prompt,
    write_suite,
)

from dca.backends.manual import ManualBackend
from dca.backends.recording import Recorder
from dca.backends.scripted import ScriptedBackend
from dca.errors import BudgetError, TransportError
from dca.messages import Request
from dca.review.llm import LLMReviewer
from dca.suites.case import Suite
from dca.suites.evaluation import evaluate
from dca.suites.session import gaps, known_scores, most_telling, record


@pytest.fixture(autouse=True)
def not_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recording is what is tested; in CI a recorder only replays."""
    monkeypatch.delenv("CI", raising=False)


@pytest.fixture(name="suite")
def large_suite(tmp_path: Path) -> Suite:
    return load(write_suite(tmp_path / "large", 24))


def recorder(tmp_path: Path, prompt: str, suite: Suite, backend: object) -> LLMReviewer:
    folder = tape_of(tmp_path / "rec", prompt, suite).folder
    return LLMReviewer(Recorder(backend, folder, suite=suite.name), prompt)  # type: ignore[arg-type]


def test_cases_on_which_reviews_differed_come_first(tmp_path: Path) -> None:
    """The spread of known scores decides; without any, room above silence does; ties go by name."""
    write_suite(tmp_path / "s", 3)
    write_case(tmp_path / "s" / "easy", checks=[{"never": ["error"]}])
    suite = load(tmp_path / "s")
    order = most_telling(suite.cases, {"case-1": [0.0, 1.0], "case-0": [0.5, 0.5]})
    assert [case.name for case in order] == ["case-1", "case-2", "case-0", "easy"]
    assert [case.name for case in most_telling(suite.cases, {})] == ["case-0", "case-1", "case-2", "easy"]


def test_stale_recordings_still_tell_what_they_would_earn(tmp_path: Path, suite: Suite) -> None:
    """Replies to an earlier wording, and to the other prompt, are scored by today's expectations."""
    new, old = write_prompt(tmp_path / "new.md"), write_prompt(tmp_path / "old.md", "Old `attempts`, `transcript`.")
    recorded(tmp_path / "rec", new, suite, finds_it, only=["case-0", "case-1"])
    recorded(tmp_path / "rec", old, suite, misses_it, only=["case-1"])
    recorded(tmp_path / "rec", old, suite, lambda _: "no JSON", only=["case-2"])
    write_prompt(tmp_path / "new.md", "Edited `attempts`, `transcript`.")
    players = [candidate(tmp_path / "rec", one, suite) for one in (new, old)]
    tapes = [(one.tape, one.reviewer) for one in players if one.tape and isinstance(one.reviewer, LLMReviewer)]
    found = known_scores(suite.cases[:4], tapes)
    assert found == {"case-0": [1.0], "case-1": [1.0, 0.0], "case-10": [], "case-11": []}
    assert known_scores(suite.cases[-1:], tapes) == {"case-9": []}
    assert known_scores([case for case in suite.cases if case.name == "case-2"], tapes) == {"case-2": []}


def test_recording_stops_when_the_verdict_is_clear(tmp_path: Path, suite: Suite) -> None:
    """After one batch of wins the rest of the cases is left out."""
    new, old = write_prompt(tmp_path / "new.md"), write_prompt(tmp_path / "old.md", "Old `attempts`, `transcript`.")
    recorded(tmp_path / "rec", old, suite, misses_it)
    against = evaluate(candidate(tmp_path / "rec", old, suite), suite)
    backend = ScriptedBackend(finds_it)

    def differences() -> Sequence[float]:
        return gaps(evaluate(candidate(tmp_path / "rec", new, suite), suite), against)

    asked: list[str] = []
    done = record(
        suite.cases,
        recorder(tmp_path, new, suite, backend),
        differences=differences,
        max_in_flight=4,
        on_case=asked.append,
    )
    assert len(backend.requests) == 8
    assert list(done.recorded) == asked == [case.name for case in suite.cases[:8]]
    assert done.left == tuple(case.name for case in suite.cases[8:])
    assert done.usage.requests == 8
    assert differences() == [1.0] * 8


def test_without_anything_to_settle_every_case_is_asked_about(tmp_path: Path, suite: Suite) -> None:
    """No opponent, or an even one, and recording goes to the end."""
    new, old = write_prompt(tmp_path / "new.md"), write_prompt(tmp_path / "old.md", "Old `attempts`, `transcript`.")
    done = record(suite.cases, recorder(tmp_path, new, suite, ScriptedBackend(finds_it)))
    assert (len(done.recorded), done.left) == (24, ())
    even = evaluate(candidate(tmp_path / "rec", new, suite), suite)
    other = record(
        suite.cases, recorder(tmp_path, old, suite, ScriptedBackend(finds_it)), differences=lambda: gaps(even, even)
    )
    assert (len(other.recorded), other.left) == (24, ())


def test_what_is_recorded_is_not_asked_for_again(tmp_path: Path, suite: Suite) -> None:
    """A second session over the same cases sends nothing."""
    prompt, backend = write_prompt(tmp_path / "new.md"), ScriptedBackend(finds_it)
    record(suite.cases[:3], recorder(tmp_path, prompt, suite, backend))
    again = record(suite.cases[:3], recorder(tmp_path, prompt, suite, backend))
    assert len(backend.requests) == 3
    assert (again.usage.requests, again.usage.reused) == (0, 3)


def test_outages_are_told_apart_from_bad_answers(tmp_path: Path, suite: Suite) -> None:
    """A reply that is no JSON is recorded as it is; an outage leaves the case to be asked again."""

    def flaky(request: Request) -> str | Exception:
        if request.case == "case-0":
            return TransportError("no answer within 5 s")
        return "no JSON" if request.case == "case-1" else says_nothing(request)

    prompt = write_prompt(tmp_path / "new.md")
    done = record(suite.cases[:3], recorder(tmp_path, prompt, suite, ScriptedBackend(flaky)))
    assert done.recorded == ("case-1", "case-10")
    assert done.failed == (("case-0", "TransportError: no answer within 5 s"),)


def test_what_a_person_has_to_answer_is_awaited(tmp_path: Path, suite: Suite) -> None:
    """By hand the first session writes the questions down, and the second one records the answers."""
    prompt = write_prompt(tmp_path / "new.md")
    folder = tmp_path / "replies"
    first = record(suite.cases[:2], recorder(tmp_path, prompt, suite, ManualBackend(folder)))
    assert (first.recorded, first.awaited) == ((), ("case-0", "case-1"))
    asked = ScriptedBackend(finds_it)
    LLMReviewer(asked, prompt).review_group([(case.transcript, case.steps) for case in suite.cases[:2]])
    for request, file in zip(asked.requests, sorted(folder.glob("*.prompt.md")), strict=True):
        file.with_name(file.name.replace(".prompt.md", ".reply.txt")).write_text(finds_it(request), "utf-8")
    second = record(suite.cases[:2], recorder(tmp_path, prompt, suite, ManualBackend(folder)))
    assert (second.recorded, second.awaited) == (("case-0", "case-1"), ())


def test_a_spent_budget_stops_the_session_and_keeps_what_was_recorded(tmp_path: Path, suite: Suite) -> None:
    """The error gets through; the answers until then are on disk."""
    answers: list[str] = []

    def bounded(request: Request) -> str | Exception:
        answers.append(request.case)
        return BudgetError("spent") if len(answers) > 2 else finds_it(request)

    prompt = write_prompt(tmp_path / "new.md")
    with pytest.raises(BudgetError):
        record(suite.cases, recorder(tmp_path, prompt, suite, ScriptedBackend(bounded)))
    found = evaluate(candidate(tmp_path / "rec", prompt, suite), suite)
    assert [result.case for result in found.results if result.score is not None] == ["case-0", "case-1"]
