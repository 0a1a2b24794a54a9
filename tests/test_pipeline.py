"""The spine: order, deadlines, identical rows, failures as data, and what must stop a run."""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dca import Progress, Review, ScriptedReviewer, Step, Transcript, Usage, assign_credit, assign_many
from dca.credit.schemes import ValueDifference
from dca.errors import (
    BudgetError,
    CredentialError,
    FallbackRateError,
    RecordingMiss,
    RefusedError,
    ReviewError,
    SchemeError,
)
from dca.types import Detection, Finding, balances

PAID = Usage(requests=1, input_tokens=100, cost_usd=0.1)


def line(name: str, text: str = "One step.\nAnother step.", reward: float = 1.0, prompt: str = "?") -> Transcript:
    return Transcript(prompt, f"{text}\n{name}", reward, id=name)


def opinion(transcript: Transcript, steps: tuple[Step, ...]) -> Review:
    return Review(scores=tuple(1.0 if k == 0 else 0.0 for k in range(len(steps))), usage=PAID)


def test_one_transcript() -> None:
    """The review tilts the reward, the ledger balances, and the record says who reviewed."""
    done = assign_credit(line("a"), ScriptedReviewer(opinion))
    assert done.fallback is None
    assert done.push[0] > done.push[1] == done.push[2]
    assert balances(done.credits.values, done.credits.unassigned, 1.0)
    assert (done.scheme, done.review.reviewer, done.usage) == ("share", "scripted", PAID)


@pytest.mark.parametrize("in_flight", [1, 3, 16])
def test_order_is_kept_and_usage_is_exact(in_flight: int) -> None:
    """Rows come back in the order they went in, however their reviews overtake each other, and usage adds up."""

    def dawdling(transcript: Transcript, steps: tuple[Step, ...]) -> Review:
        time.sleep(0.002 * (int(transcript.id) % 3))
        return opinion(transcript, steps)

    seen: list[Progress] = []
    rows = [line(str(k)) for k in range(30)]
    done = list(assign_many(iter(rows), ScriptedReviewer(dawdling), max_in_flight=in_flight, on_progress=seen.append))
    assert [d.transcript.id for d in done] == [r.id for r in rows]
    assert seen[-1] == Progress(30, 0, Usage.total(d.usage for d in done))
    assert seen[-1].usage.requests == 30


@pytest.mark.parametrize("in_flight", [1, 4])
def test_identical_rows_are_reviewed_once(in_flight: int) -> None:
    """Rows that differ in nothing but their id cost one review; the others say they reused it."""
    asked: list[str] = []

    def counting(transcript: Transcript, steps: tuple[Step, ...]) -> Review:
        asked.append(transcript.id)
        return opinion(transcript, steps)

    rows = [Transcript("?", "same", 1.0, id=str(k)) for k in range(6)] + [Transcript("?", "same", 0.0, id="wrong")]
    done = list(assign_many(rows, ScriptedReviewer(counting), max_in_flight=in_flight))
    assert sorted(asked) == ["0", "wrong"]
    assert Usage.total(d.usage for d in done) == Usage(requests=2, input_tokens=200, cost_usd=0.2, reused=5)


def test_it_reads_no_further_ahead_than_it_has_room() -> None:
    """A stream of any length is consumed as it is reviewed."""
    taken = 0

    def endless() -> object:
        nonlocal taken
        while True:
            taken += 1
            yield line(str(taken))

    stream = assign_many(endless(), ScriptedReviewer(opinion), max_in_flight=4)  # type: ignore[arg-type]
    for _ in range(10):
        next(stream)
    assert taken <= 10 + 8 * 4
    stream.close()  # type: ignore[attr-defined]


FAILURES: Sequence[tuple[Exception, str, Usage]] = [
    (ReviewError("no"), "ReviewError: no", Usage()),
    (RefusedError("declined", category="bio", usage=PAID), "RefusedError: declined", PAID),
    (KeyError("bug"), "KeyError: 'bug'", Usage()),
]


@pytest.mark.parametrize(("error", "reason", "usage"), FAILURES, ids=lambda x: type(x).__name__)
@pytest.mark.parametrize("in_flight", [1, 4])
def test_a_failed_review_is_data(error: Exception, reason: str, usage: Usage, in_flight: int) -> None:
    """Law 16: a row whose review failed gets token-uniform credit, the reason, and what the failure cost."""
    rows = [line("good"), line("bad"), line("fine")]

    def script(transcript: Transcript, steps: tuple[Step, ...]) -> Review:
        if transcript.id == "bad":
            raise error
        return opinion(transcript, steps)

    done = list(assign_many(rows, ScriptedReviewer(script), max_in_flight=in_flight))
    assert [d.fallback for d in done] == [None, reason, None]
    assert set(done[1].push) == {1.0}
    assert balances(done[1].credits.values, done[1].credits.unassigned, 1.0)
    assert done[1].usage == usage


def test_a_review_of_other_length_is_a_failed_review() -> None:
    """A reviewer that scores more steps than there are is not believed."""
    done = assign_credit(line("a"), ScriptedReviewer(lambda t, s: Review(scores=(0.0,) * (len(s) + 2))))
    assert done.fallback == "ReviewError: the review has 5 scores for 3 steps; give one for each step"


def test_an_injection_voids_the_review() -> None:
    """Law 11: text that addresses the reviewer earns nothing by it; the row is plain, and says why."""

    def fooled(transcript: Transcript, steps: tuple[Step, ...]) -> Review:
        return Review(scores=(1.0, -1.0, -1.0), labels=("injection", None, None), usage=PAID)

    done = assign_credit(line("a"), ScriptedReviewer(fooled))
    assert done.fallback == "injection: step 0 addresses the reviewer, so this review is void"
    assert set(done.push) == {1.0}
    assert done.review.labels[0] == "injection"
    assert done.usage == PAID


@pytest.mark.parametrize(
    "error", [RecordingMiss("m"), CredentialError("k"), BudgetError("b")], ids=lambda e: type(e).__name__
)
@pytest.mark.parametrize("in_flight", [1, 4])
def test_what_must_stop_a_run_stops_it(error: Exception, in_flight: int) -> None:
    """A missing recording, a refused key and an exhausted budget are not failures of a review: they propagate."""
    rows = [line("a"), line("b")]
    stream = assign_many(
        rows, ScriptedReviewer({"a": Review(scores=(0.0,) * 3), "b": error}), max_in_flight=in_flight
    )
    assert next(stream).fallback is None
    with pytest.raises(type(error)):
        next(stream)


def test_a_run_of_failures_stops() -> None:
    """Past the fallback rate over a full window the run stops, and says the last reason."""
    rows = [line(str(k)) for k in range(40)]
    stream = assign_many(rows, ScriptedReviewer({}), max_fallback_rate=0.5, fallback_window=10)
    done = []
    with pytest.raises(
        FallbackRateError, match=r"10 of the last 10 reviews failed, over the limit of 50%.*says nothing"
    ):
        done.extend(stream)
    stream = assign_many(rows[:9], ScriptedReviewer({}), max_fallback_rate=0.5, fallback_window=10)
    assert sum(d.fallback is not None for d in stream) == 9


@pytest.mark.parametrize("in_flight", [1, 2])
def test_a_deadline_turns_the_rest_into_fallbacks(in_flight: int) -> None:
    """What is not finished by the deadline falls back; nothing waits for it."""
    release = threading.Event()

    def stuck(transcript: Transcript, steps: tuple[Step, ...]) -> Review:
        if transcript.id != "0":
            release.wait(0.3 if in_flight == 1 else 20)
        return opinion(transcript, steps)

    began = time.monotonic()
    rows = [line(str(k)) for k in range(8)]
    done = list(assign_many(rows, ScriptedReviewer(stuck), max_in_flight=in_flight, deadline=0.2, fallback_window=99))
    release.set()
    assert time.monotonic() - began < 10
    assert done[0].fallback is None
    assert done[-1].fallback == "deadline: the review was not finished in time"
    assert len(done) == 8


def test_a_scheme_that_needs_another_measure_is_refused_before_anything_is_spent() -> None:
    """A value scheme with a contribution reviewer is an error at once, not a fallback."""
    asked: list[str] = []

    def counting(transcript: Transcript, steps: tuple[Step, ...]) -> Review:
        asked.append(transcript.id)
        return opinion(transcript, steps)

    with pytest.raises(SchemeError, match="value_difference needs a reviewer that measures value; scripted measures"):
        next(assign_many([line("a")], ScriptedReviewer(counting), scheme=ValueDifference()))
    assert asked == []


class Watchful:
    """A detector that recognises step 1 as verification and accuses step 0."""

    def detect(self, transcript: Transcript, steps: tuple[Step, ...], review: Review) -> Detection:
        return Detection(verification=(1,), findings=(Finding("staged_mistake", (0,), 0.9, ("never used",)),))


def test_a_detector_makes_steps_neutral_and_its_findings_are_kept() -> None:
    """Recognised verification gets exactly the amount; the finding is recorded and moves nothing."""
    reviewer = ScriptedReviewer(lambda t, s: Review(scores=(0.0, 1.0, 1.0)))
    done = assign_credit(line("a"), reviewer, detector=Watchful())
    assert done.verification == (False, True, False)
    assert done.push[1] == 1.0
    assert done.findings[0].kind == "staged_mistake"


class Together:
    """A reviewer that takes groups, and remembers their sizes."""

    rollouts_per_request = 3
    name = "together"

    def __init__(self) -> None:
        self.groups: list[list[str]] = []

    def review(self, transcript: Transcript, steps: tuple[Step, ...]) -> Review:
        self.groups.append([transcript.id])
        return opinion(transcript, steps)

    def review_group(self, rows: Sequence[tuple[Transcript, tuple[Step, ...]]]) -> list[Review | Exception]:
        self.groups.append([t.id for t, _ in rows])
        if any(t.id == "x" for t, _ in rows):
            raise ReviewError("unreadable", usage=PAID)
        return [ReviewError("garbled") if t.id == "2" else opinion(t, s) for t, s in rows]


@pytest.mark.parametrize("in_flight", [1, 4])
def test_rollouts_of_one_prompt_share_a_request(in_flight: int) -> None:
    """A group reviewer gets rows of one prompt together; one bad member fails alone; a lost request costs once."""
    ids = ["0", "1", "2", "3", "x", "y", "z"]
    prompts = ["p", "p", "p", "p", "q", "q", "q"]
    rows = [line(i, prompt=p) for i, p in zip(ids, prompts, strict=True)]
    reviewer = Together()
    done = list(assign_many(rows, reviewer, max_in_flight=in_flight))
    assert [d.transcript.id for d in done] == ids
    assert sorted(reviewer.groups) == [["0", "1", "2"], ["3"], ["x", "y", "z"]]
    assert [d.fallback for d in done[:4]] == [None, None, "ReviewError: garbled", None]
    assert {d.fallback for d in done[4:]} == {"ReviewError: unreadable"}
    assert Usage.total(d.usage for d in done[4:]) == PAID


class Odd(ReviewError):
    """A failure of a reviewer's own, which takes more than a message to make."""

    def __init__(self, code: int, where: str) -> None:
        super().__init__(f"{where}: {code}", usage=PAID)


def test_a_lost_group_may_fail_in_its_own_way() -> None:
    """An error class of a reviewer's own is passed on to every row, and its cost counted once."""

    class Broken(Together):
        def review_group(self, rows: Sequence[tuple[Transcript, tuple[Step, ...]]]) -> list[Review | Exception]:
            raise Odd(7, "shelf")

    done = list(assign_many([line(str(k)) for k in range(3)], Broken()))
    assert [d.fallback for d in done] == ["Odd: shelf: 7"] * 3
    assert Usage.total(d.usage for d in done) == PAID


@given(st.lists(st.tuples(st.text(max_size=30), st.sampled_from((0.0, 1.0, -2.5))), max_size=12), st.integers(1, 4))
def test_every_row_balances(texts: list[tuple[str, float]], in_flight: int) -> None:
    """Law 3 through the whole spine: any completion, empty ones too, gives a balanced row."""
    rows = [Transcript("?", text, reward, id=str(k)) for k, (text, reward) in enumerate(texts)]
    done = list(assign_many(rows, ScriptedReviewer(opinion), max_in_flight=in_flight))
    assert len(done) == len(rows)
    for assignment in done:
        assert "".join(s.text for s in assignment.steps) == assignment.transcript.completion
        assert balances(assignment.credits.values, assignment.credits.unassigned, assignment.transcript.reward)


def test_records_can_be_pickled() -> None:
    """Assignments travel between processes, as trainers and loaders need."""
    done = assign_credit(line("a"), ScriptedReviewer(opinion))
    assert pickle.loads(pickle.dumps(done)) == done


def test_nonsense_sizes_are_refused() -> None:
    """Zero reviews in flight is an error that says so."""
    with pytest.raises(ValueError, match="must be at least 1, got 0"):
        next(assign_many([], ScriptedReviewer({}), max_in_flight=0))
