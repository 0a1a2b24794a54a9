"""The model as reviewer: asks once, repairs once, believes only what was checked, and counts every token."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_model import (
    BAD,
    COST,
    ROW,
    FakeBackend,
    FakeStore,
    answer,
    answer_to_row,
    failed,
    question,
    rollout,
    token_of,
)

from dca.errors import (
    BudgetError,
    InputError,
    RefusedError,
    ReplyError,
    ReviewError,
    TransportError,
    TruncatedError,
)
from dca.messages import Reply, Request
from dca.protocols import Backend, GroupReviewer, ReplyStore, Reviewer
from dca.review.llm import MOST_TOKENS, THINKING_ROOM, LLMReviewer
from dca.review.prompts import load_prompt
from dca.types import Review, Span, Step, Transcript
from dca.usage import NO_USAGE, Usage


def test_it_is_what_the_pipeline_wants() -> None:
    """It is a reviewer and a group reviewer, says what it measures, and who it is."""
    reviewer = LLMReviewer(FakeBackend(), "value/v1", effort="low", votes=3, rollouts_per_request=2)
    assert isinstance(reviewer, Reviewer)
    assert isinstance(reviewer, GroupReviewer)
    assert isinstance(FakeBackend(), Backend)
    assert (reviewer.name, reviewer.measure) == ("llm", "value")
    prompt = load_prompt("value/v1").identity
    assert reviewer.identity == f"fake:model {prompt} effort=low votes=3 rollouts=2"
    assert LLMReviewer(FakeBackend(), "value/v1").identity == f"fake:model {prompt}"


def test_one_rollout_is_one_request() -> None:
    """The rubric is the system, the rollout one JSON object, and the review says who gave it and for how much."""
    backend = FakeBackend()
    review = LLMReviewer(backend).review(*ROW)
    prompt = load_prompt("contribution/v1")
    assert review == Review(
        scores=(1.0, 0.0),
        labels=("key", None),
        reasons=("It decides.", ""),
        shortest=(0,),
        reviewer=f"fake:model {prompt.identity}",
        usage=COST,
    )
    (request,) = backend.requests
    assert (request.system, request.schema, request.case) == (prompt.system, prompt.schema, "row")
    assert (request.effort, request.sample, len(request.messages)) == ("off", 0, 1)
    assert question(request)["attempts"][0]["steps"] == {"0": "one and one", "1": " makes two"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"effort": "max"}, "effort must be one of off, low, medium, high, got 'max'"),
        ({"votes": 0}, "votes must be at least 1, got 0"),
        ({"rollouts_per_request": 0}, "rollouts_per_request must be at least 1, got 0"),
        ({"max_tokens": 0}, "max_tokens must be at least 1, got 0"),
        ({"prompt": "contribution/v0"}, "cannot read the prompt 'contribution/v0'"),
    ],
)
def test_bad_options_are_refused_at_once(options: dict[str, Any], message: str) -> None:
    """A wrong option is an error when the reviewer is made, not when it is used."""
    with pytest.raises(InputError) as caught:
        LLMReviewer(FakeBackend(), **options)
    assert message in str(caught.value)


def test_ones_own_prompt_is_used(tmp_path: Path) -> None:
    """A prompt may be a path or a loaded prompt."""
    (tmp_path / "mine.md").write_text("<!-- measure: contribution -->\nJudge.\n<!-- user -->\n" + OWN_QUESTION)
    backend = FakeBackend()
    for prompt in (tmp_path / "mine.md", str(tmp_path / "mine.md"), load_prompt(tmp_path / "mine.md")):
        assert " mine@" in LLMReviewer(backend, prompt).review(*ROW).reviewer
    assert {request.system for request in backend.requests} == {"Judge."}
    assert "outcomes" not in question(backend.requests[0])


OWN_QUESTION = '{"q": {{problem}}, "attempts": {{attempts}}}\n'


def test_room_grows_with_steps_and_effort() -> None:
    """Unless told, room for a reply follows steps and effort, up to what providers answer unstreamed."""
    backend = FakeBackend()
    long = rollout(*(["x"] * 1000))
    LLMReviewer(backend).review(*ROW)
    LLMReviewer(backend, effort="medium").review(*ROW)
    LLMReviewer(backend).review(*long)
    LLMReviewer(backend, max_tokens=77).review(*long)
    base = backend.requests[0].max_tokens
    assert [request.max_tokens for request in backend.requests] == [
        base,
        base + THINKING_ROOM["medium"],
        MOST_TOKENS,
        77,
    ]


def test_a_bad_reply_is_sent_back_once() -> None:
    """The re-ask holds the question, the bad reply and the exact fault; both attempts are paid for."""
    backend = FakeBackend([BAD, answer_to_row()])
    review = LLMReviewer(backend).review(*ROW)
    assert review.scores == (1.0, 0.0)
    assert review.usage == COST + COST
    first, second = backend.requests
    assert second.messages[0] == first.messages[0]
    assert [(m.role, m.text) for m in second.messages[1:]] == [
        ("assistant", BAD),
        (
            "user",
            f"Your reply could not be used: the reply has no entry for transcript '{token_of(first)}'; "
            "copy the token exactly\n"
            "Send the whole reply again, corrected: one JSON object that follows the schema, and nothing else.",
        ),
    ]
    assert replace(second, messages=first.messages) == first


def test_a_second_bad_reply_fails() -> None:
    """There is no third request; the error says what is still wrong and what both cost."""
    backend = FakeBackend(["nonsense", "", answer_to_row()])
    error = failed(LLMReviewer(backend))
    assert type(error) is ReplyError
    assert str(error) == "the reply is empty; expected one JSON object"
    assert error.usage == COST + COST
    assert len(backend.requests) == 2


def test_an_empty_reply_can_be_sent_back() -> None:
    """Providers refuse empty turns, so an empty reply is quoted as nothing."""
    backend = FakeBackend(["", answer_to_row()])
    LLMReviewer(backend).review(*ROW)
    assert backend.requests[1].messages[1].text == "(nothing)"


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(text="", stop_reason="refusal", category="frontier_llm", usage=COST), RefusedError),
        (Reply(text='{"att', stop_reason="max_tokens", usage=COST), TruncatedError),
        (RefusedError("declined", category="frontier_llm", usage=COST), RefusedError),
        (TruncatedError("cut", usage=COST), TruncatedError),
        (TransportError("nobody there", usage=COST), TransportError),
        (ReplyError("the server sent HTML", usage=COST), ReplyError),
    ],
)
def test_what_no_repair_can_mend_is_not_asked_again(reply: Reply | Exception, kind: type[ReviewError]) -> None:
    """Refusals, cut-off replies and failures of the backend end the review at once, with their cost."""
    backend = FakeBackend([reply])
    error = failed(LLMReviewer(backend))
    assert type(error) is kind
    assert error.usage == COST
    assert getattr(error, "category", "frontier_llm") == "frontier_llm"
    assert len(backend.requests) == 1


def test_a_failing_repair_costs_both() -> None:
    """When the re-ask fails in another way, that is the error, and both attempts are counted."""
    error = failed(LLMReviewer(FakeBackend([BAD, TransportError("gone", usage=COST)])))
    assert (type(error), str(error), error.usage) == (TransportError, "gone", COST + COST)


def test_what_stops_the_run_stops_it() -> None:
    """A `RunError` passes through untouched."""
    with pytest.raises(BudgetError):
        LLMReviewer(FakeBackend([BudgetError("spent")])).review(*ROW)


def test_only_good_replies_are_kept() -> None:
    """The store never sees a reply that broke the form; a repaired one is kept under the first question."""
    store = FakeStore()
    failed(LLMReviewer(FakeBackend([BAD, BAD]), store=store))
    failed(LLMReviewer(FakeBackend([Reply(text="", stop_reason="refusal")]), store=store))
    assert store.kept == {}
    LLMReviewer(FakeBackend([BAD, answer_to_row()]), store=store).review(*ROW)
    ((_, _, messages, _),) = store.kept
    assert len(messages) == 1


def test_a_kept_reply_is_not_asked_for() -> None:
    """The second review of the same rollout is free, equal and says so."""
    store, backend = FakeStore(), FakeBackend()
    reviewer = LLMReviewer(backend, store=store)
    first, second = reviewer.review(*ROW), reviewer.review(*ROW)
    assert len(backend.requests) == 1
    assert (first.usage, second.usage) == (COST, Usage(reused=1))
    assert replace(second, usage=COST) == first


def test_a_kept_reply_is_checked_again() -> None:
    """A store that was tampered with gives an error, not a review."""
    store = FakeStore()
    reviewer = LLMReviewer(FakeBackend(), store=store)
    reviewer.review(*ROW)
    store.kept = {key: Reply(text=BAD) for key in store.kept}
    assert type(failed(reviewer)) is ReplyError


def test_redaction_comes_before_everything() -> None:
    """No text leaves, and none is kept, that the hook did not rewrite."""
    backend = FakeBackend()
    row = rollout("Anna has one", prompt="Anna?", reference="Anna")
    reviewer = LLMReviewer(backend, redact=lambda text: text.replace("Anna", "N."), keep_raw=True)
    review = reviewer.review(*row)
    assert "Anna" not in backend.requests[0].messages[0].text
    assert "Anna" not in str(review.trace)
    assert question(backend.requests[0])["reference"] == "N."


def test_raw_texts_are_kept_on_request() -> None:
    """`keep_raw` keeps rubric, question and every accepted reply; otherwise nothing is kept."""
    backend = FakeBackend([BAD, answer_to_row(), answer_to_row(score=1)])
    review = LLMReviewer(backend, votes=2, keep_raw=True).review(*ROW)
    first = backend.requests[0]
    assert review.trace == (
        ("system", first.system),
        ("user", first.messages[0].text),
        ("assistant", answer_to_row()),
        ("assistant", answer_to_row(score=1)),
    )
    assert LLMReviewer(FakeBackend()).review(*ROW).trace == ()


def test_values_are_asked_for_by_the_value_prompt() -> None:
    """The value prompt gives a review that measures value, with its baseline, and shows no outcome."""

    def script(request: Request) -> str:
        assert "outcomes" not in question(request)
        values = [{"index": 0, "value": 9}, {"index": 1, "value": 10}]
        sheet = {"transcript": token_of(request), "injection": [], "baseline": 8, "values": values}
        return json.dumps({"attempts": [sheet]})

    review = LLMReviewer(FakeBackend(script), "value/v1").review(*ROW)
    assert (review.measure, review.scores, review.baseline) == ("value", (0.9, 1.0), 0.8)


def test_an_injection_label_passes_through() -> None:
    """The reviewer reports text that addresses it; what follows is decided elsewhere."""
    backend = FakeBackend(lambda request: answer(request, label="injection", score=0, index=1))
    assert LLMReviewer(backend).review(*ROW).labels == (None, "injection")


def test_nothing_to_judge_costs_nothing() -> None:
    """Without a step of the policy there is no opinion and no request; a value cannot be told."""
    backend = FakeBackend()
    tool = Transcript("q", "42", 1.0, spans=(Span(0, 2, "tool"),))
    steps = (Step(0, 0, 2, "42", "tool"),)
    assert LLMReviewer(backend).review(tool, steps).scores == (0.0,)
    assert LLMReviewer(backend).review(Transcript("q", "", 1.0), ()).scores == ()
    error = failed(LLMReviewer(backend, "value/v1"), (tool, steps))
    assert (error.usage, backend.requests) == (NO_USAGE, [])


def test_a_rollout_without_a_name_has_a_case() -> None:
    """A recording of a nameless rollout is named by its content."""
    backend = FakeBackend()
    LLMReviewer(backend).review(*rollout("a"))
    assert backend.requests[0].case == token_of(backend.requests[0])


class StillBackend:
    """A backend that can travel to another process."""

    identity = "still"

    def complete(self, request: Request) -> Reply:
        return Reply(text=answer(request))


def test_a_reviewer_pickles() -> None:
    """A reviewer travels to other processes with its prompt."""
    reviewer = pickle.loads(pickle.dumps(LLMReviewer(StillBackend())))
    assert reviewer.review(*ROW).scores == (1.0, 0.0)


def test_a_store_is_any_object_with_once() -> None:
    """The store is a protocol, so a user's own fits."""
    store: ReplyStore = FakeStore()
    assert LLMReviewer(FakeBackend(), store=store).review(*ROW).usage == COST
