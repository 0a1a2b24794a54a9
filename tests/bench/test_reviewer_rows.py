"""Reviews are asked once, kept as they arrive, and found again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.reviews import Scoring, solution

from dca.bench.rows import Book, ask, key_of, spent, wanted
from dca.errors import InputError, TransportError
from dca.review.scripted import ScriptedReviewer
from dca.types import Review, Transcript

ROLLOUTS = [solution(["One.", "Two."], None, problem=f"{k}?").transcript for k in range(4)]


def ticking() -> Iterator[float]:
    """Seconds that pass between one look at the clock and the next."""
    now = 0.0
    while True:
        yield now
        now += 0.5


def neutral(_transcript: Transcript, _step: object) -> float:
    return 0.0


def test_each_rollout_is_asked_about_once() -> None:
    """Rollouts that a reviewer could not tell apart share a review."""
    reviewer, book = Scoring(neutral), Book()
    ask(reviewer, [*ROLLOUTS, *ROLLOUTS], book)
    assert len(reviewer.asked) == 4
    assert wanted(reviewer, ROLLOUTS, book) == {}


def test_what_is_interrupted_goes_on(tmp_path: Path) -> None:
    """After Ctrl-C every review that arrived is on disk, and the next run asks for the others only."""
    path = tmp_path / "rows.jsonl"
    stopped, book = Scoring(neutral, stops_after=3), Book(path)
    with pytest.raises(KeyboardInterrupt):
        ask(stopped, ROLLOUTS, book)
    book.close()
    again, kept = Scoring(neutral), Book(path)
    ask(again, ROLLOUTS, kept)
    kept.close()
    assert (len(stopped.asked), len(again.asked), len(Book(path))) == (3, 1, 4)


def test_a_line_cut_off_by_a_kill_is_asked_again(tmp_path: Path) -> None:
    """A last line that is not whole is dropped, and nothing else."""
    path = tmp_path / "rows.jsonl"
    book = Book(path)
    ask(Scoring(neutral), ROLLOUTS, book)
    book.close()
    path.write_bytes(path.read_bytes()[:-20])
    assert len(Book(path)) == 3


def test_a_row_reads_back_as_it_was(tmp_path: Path) -> None:
    """Scores, labels, links, path, cost and seconds survive the file."""
    said = Review((0.5, -1.0), labels=("key", "error"), links=(None, 0), reasons=("a", "b"), shortest=(0,))
    reviewer = ScriptedReviewer(lambda *_: said)
    path, clock = tmp_path / "rows.jsonl", ticking()
    book = Book(path)
    ask(reviewer, ROLLOUTS[:1], book, clock=lambda: next(clock))
    book.close()
    key = key_of(reviewer, ROLLOUTS[0])
    before, after = book.find(key), Book(path).find(key)
    assert before == after
    assert after is not None
    assert (after.seconds, after.review.labels, after.review.links) == (0.5, ("key", "error"), (None, 0))


def test_failures_are_kept_unless_told_to_retry(tmp_path: Path) -> None:
    """A review that failed is an answer: it is not bought again, unless that is asked for."""
    path = tmp_path / "rows.jsonl"
    book = Book(path)
    ask(Scoring(neutral, fails_on="Two"), ROLLOUTS[:2], book)
    book.close()
    kept, again = Book(path), Book(path, retry=True)
    assert (len(kept), len(again)) == (2, 0)
    one = kept.find(key_of(Scoring(neutral), ROLLOUTS[0]))
    assert one is not None
    assert one.failed
    assert one.opinion.scores == (0.0, 0.0)


def test_a_failure_that_may_pass_is_not_kept(tmp_path: Path) -> None:
    """What no server answered is asked again by the next run."""
    path = tmp_path / "rows.jsonl"
    book = Book(path)
    ask(ScriptedReviewer({rollout.id: TransportError("down") for rollout in ROLLOUTS}), ROLLOUTS, book)
    book.close()
    assert not path.exists()


def test_an_injection_voids_the_review() -> None:
    """A void review is no failure; as in training it has no opinion."""
    book = Book()
    said = Review((1.0, 1.0), labels=("injection", None))
    reviewer = ScriptedReviewer(lambda *_: said)
    ask(reviewer, ROLLOUTS[:1], book)
    one = book.find(key_of(reviewer, ROLLOUTS[0]))
    assert one is not None
    assert (one.void, one.failed, one.opinion.scores) == (True, False, (0.0, 0.0))


def test_cost_and_seconds_are_those_of_reviews_asked_for() -> None:
    """The means count failed reviews, which cost too, and no review that a cache answered."""
    book, clock = Book(), ticking()
    reviewer = Scoring(neutral, cost=0.25, fails_on="Two")
    ask(reviewer, ROLLOUTS, book, clock=lambda: next(clock))
    found = spent(one for rollout in ROLLOUTS if (one := book.find(key_of(reviewer, rollout))))
    assert (found.usd, found.seconds, found.reviews, found.failed) == (0.25, 0.5, 4, 4)
    assert spent([]).usd is None


def test_another_file_is_refused(tmp_path: Path) -> None:
    """A file of something else is neither read nor written to."""
    path = tmp_path / "other.jsonl"
    path.write_text(json.dumps({"format": 7}) + "\n", "utf-8")
    with pytest.raises(InputError, match=r"other.jsonl:1: format: expected 1, got 7; .* --rows"):
        Book(path)
