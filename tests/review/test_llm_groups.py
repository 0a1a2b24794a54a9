"""Several votes on a rollout and several rollouts in a request: who gets what, and what it cost."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any

from fake_model import (
    BAD,
    COST,
    ROW,
    FakeBackend,
    FakeStore,
    Script,
    answer,
    answer_to_row,
    failed,
    question,
    rollout,
)

from dca.errors import ReviewError, TransportError
from dca.messages import Reply, Request
from dca.review.llm import LLMReviewer
from dca.types import Review
from dca.usage import NO_USAGE, Usage


def test_votes_are_separate_questions() -> None:
    """Each vote has its own sample number, and so its own place in the store; all are paid for."""
    backend, store = FakeBackend(lambda request: answer(request, score=2 - request.sample)), FakeStore()
    review = LLMReviewer(backend, votes=3, store=store).review(*ROW)
    assert review.scores == (0.5, 0.0)
    assert [request.sample for request in backend.requests] == [0, 1, 2]
    assert len(store.kept) == 3
    assert review.usage == Usage.total([COST] * 3)


def test_failed_votes_are_withheld_but_paid() -> None:
    """A minority of failures leaves the mean of the rest; a majority fails the row; usage is exact either way."""
    gone = TransportError("gone", usage=COST)
    review = LLMReviewer(FakeBackend([answer_to_row(), gone, answer_to_row(score=1)]), votes=3).review(*ROW)
    assert (review.scores, review.usage) == ((0.75, 0.0), Usage.total([COST] * 3))
    error = failed(LLMReviewer(FakeBackend([answer_to_row(), gone, BAD, BAD]), votes=3))
    assert str(error) == "2 of 3 votes failed, more than half; the first: gone"
    assert (type(error), error.usage) == (TransportError, Usage.total([COST] * 4))


GROUP = [rollout("a", "b", reward=k % 2, id=f"g{k}") for k in range(2)] + [rollout("c", id="g2"), rollout("d", "e")]


def by_first_text(scores: Mapping[str, int]) -> Script:
    """Scores the first step of each attempt by its text; answers in the reverse order."""

    def part(sheet: Any) -> dict[str, Any]:
        said = {"index": 0, "reason": "", "label": "progress", "score": scores[sheet["steps"]["0"]]}
        return {"transcript": sheet["transcript"], "steps": [said], "shortest": []}

    return lambda request: json.dumps({"attempts": [part(sheet) for sheet in question(request)["attempts"][::-1]]})


def test_a_group_shares_a_request() -> None:
    """Rollouts of one prompt go out together; each gets its own part back, and its share of the exact cost."""
    backend = FakeBackend(by_first_text({"a": 2, "c": 1, "d": -2}))
    results = LLMReviewer(backend, rollouts_per_request=8).review_group(GROUP)
    (request,) = backend.requests
    assert request.case == "g0+3"
    assert [r.scores for r in results if isinstance(r, Review)] == [(1.0, 0.0), (1.0, 0.0), (0.5,), (-1.0, 0.0)]
    assert Usage.total(r.usage for r in results) == COST
    assert [r.usage.requests for r in results] == [1, 0, 0, 0]


def test_groups_are_cut_to_size_and_never_mix_prompts() -> None:
    """A request holds at most `rollouts_per_request` rollouts, all of one prompt and reference; order is kept."""
    backend = FakeBackend(by_first_text({"a": 2, "c": 1, "d": -2, "z": 0}))
    rows = [GROUP[0], rollout("z", prompt="2+2?"), *GROUP[1:], rollout("z", reference="2")]
    results = LLMReviewer(backend, rollouts_per_request=3).review_group(rows)
    assert [len(question(request)["attempts"]) for request in backend.requests] == [3, 1, 1, 1]
    assert [r.scores[0] for r in results if isinstance(r, Review)] == [1.0, 0.0, 1.0, 0.5, -1.0, 0.0]
    assert len(LLMReviewer(FakeBackend()).review_group([])) == 0


def test_twins_are_sent_once() -> None:
    """Rollouts with the same steps and outcome share one part of the reply."""
    backend = FakeBackend()
    results = LLMReviewer(backend, rollouts_per_request=8).review_group([GROUP[0]] * 3)
    assert len(question(backend.requests[0])["attempts"]) == 1
    assert [r.scores for r in results if isinstance(r, Review)] == [(1.0, 0.0)] * 3
    assert Usage.total(r.usage for r in results) == COST


def test_one_bad_part_costs_only_its_row() -> None:
    """After one repair the rows that are in order have their reviews; such a reply is not kept."""

    def spoil(request: Request) -> str:
        document = json.loads(answer(request))
        document["attempts"][0]["steps"][0]["index"] = 99
        return json.dumps(document)

    backend, store = FakeBackend(spoil), FakeStore()
    results = LLMReviewer(backend, rollouts_per_request=4, store=store).review_group(GROUP)
    bad = [r for r in results if isinstance(r, ReviewError)]
    assert ["names step 99" in str(error) for error in bad] == [True]
    assert len(backend.requests) == 2
    assert store.kept == {}
    assert Usage.total(r.usage for r in results) == COST + COST


def test_a_repair_keeps_what_was_good() -> None:
    """A part that only the first reply had right is not lost to the second."""

    def half(request: Request) -> str:
        document = json.loads(answer(request))
        wanted = sorted(token for token in question(request)["outcomes"])
        keep = wanted[:1] if len(request.messages) == 1 else wanted[1:]
        return json.dumps({"attempts": [e for e in document["attempts"] if e["transcript"] in keep]})

    results = LLMReviewer(FakeBackend(half), rollouts_per_request=4).review_group(GROUP)
    assert all(isinstance(r, Review) for r in results)


def test_a_failed_group_request_fails_each_row_once() -> None:
    """Every row gets its own error with its share of the cost."""
    gone = TransportError("gone", usage=COST)
    results = LLMReviewer(FakeBackend([gone]), rollouts_per_request=4).review_group(GROUP)
    assert [str(r) for r in results] == ["gone"] * 4
    assert Usage.total(r.usage for r in results) == COST
    assert len({id(r) for r in results}) == 4
    assert gone.usage == COST


def test_who_waited_for_another_pays_nothing() -> None:
    """A store may hand a waiting caller a copy of the error that cost nothing; the parts in order reach both."""

    class WaitingStore(FakeStore):
        def once(self, request: Request, identity: str, ask: Callable[[], Reply]) -> Reply:
            try:
                return super().once(request, identity, ask)
            except ReviewError as error:
                echo = copy.copy(error)
                echo.usage = NO_USAGE
                raise echo from error

    backend = FakeBackend(by_first_text({"a": 2, "c": 3, "d": -2}))
    results = LLMReviewer(backend, rollouts_per_request=4, store=WaitingStore()).review_group(GROUP)
    assert [isinstance(r, Review) for r in results] == [True, True, False, True]
    assert Usage.total(r.usage for r in results) == NO_USAGE
