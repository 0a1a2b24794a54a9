"""Reading replies: each way to be wrong gets its exact message, and nothing else ever comes out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dca.errors import RefusedError, ReplyError, ReviewError, TruncatedError
from dca.messages import Reply
from dca.review.prompts import load_prompt
from dca.review.reply import Parts, parse_reply
from dca.types import LABELS, Review, Step

STEPS = tuple(Step(k, k, k + 1, "x", "tool" if k == 3 else "policy") for k in range(5))
EXPECTED = {"aaaaaaaa": STEPS}
SCHEMAS = {measure: load_prompt(f"{measure}/v1").schema for measure in ("contribution", "value")}


def item(index: Any = 1, label: Any = "key", score: Any = 2, **more: Any) -> dict[str, Any]:
    return {"index": index, "reason": "Because.", "label": label, "score": score} | more


def entry(*items: Any, token: Any = "aaaaaaaa", shortest: Any = ()) -> dict[str, Any]:
    return {"transcript": token, "steps": list(items), "shortest": list(shortest)}


def reply(*entries: Any) -> str:
    return json.dumps({"attempts": list(entries)})


def values(*numbers: Any, **more: Any) -> dict[str, Any]:
    listed = [{"index": k, "value": v} for k, v in enumerate(numbers)]
    return {"transcript": "aaaaaaaa", "injection": [], "baseline": 5, "values": listed} | more


def parse(text: str | Reply, expected: Any = EXPECTED, measure: str = "contribution") -> Parts:
    said = text if isinstance(text, Reply) else Reply(text=text)
    return parse_reply(said, expected, schema=SCHEMAS[measure], measure=measure)


def the_only(parts: Parts) -> Review | ReviewError:
    (part,) = parts.values()
    return part


def test_a_sparse_reply_becomes_a_review() -> None:
    """Listed steps get their score halved, label, link and reason; the others 0 and nothing."""
    text = reply(entry(item(0), item(2, "needless_check", 0, of=1), item(4, "error", -1), shortest=[4, 0]))
    assert the_only(parse(text)) == Review(
        scores=(1.0, 0.0, 0.0, 0.0, -0.5),
        labels=("key", None, "needless_check", None, "error"),
        links=(None, None, 1, None, None),
        reasons=("Because.", "", "Because.", "", "Because."),
        shortest=(0, 4),
    )


def test_an_empty_list_is_no_opinion() -> None:
    """A reviewer may have nothing to say of any step."""
    assert the_only(parse(reply(entry()))) == Review(scores=(0.0,) * 5)


def test_steps_of_the_environment_keep_no_score() -> None:
    """A score or label for a tool's step is ignored; an injection label passes."""
    review = the_only(parse(reply(entry(item(3, "key", 2)))))
    assert isinstance(review, Review)
    assert (review.scores[3], review.labels[3]) == (0.0, None)
    review = the_only(parse(reply(entry(item(3, "injection", 2)))))
    assert isinstance(review, Review)
    assert (review.scores[3], review.labels[3]) == (0.0, "injection")


def test_values_become_probabilities() -> None:
    """A value reply gives V after every step, V_0, and the steps that address the reviewer."""
    text = reply(values(5, 7, 7, 2, 0, injection=[2]))
    assert the_only(parse(text, measure="value")) == Review(
        scores=(0.5, 0.7, 0.7, 0.2, 0.0),
        labels=(None, None, "injection", None, None),
        measure="value",
        baseline=0.5,
    )


GOOD = reply(entry(item(0)))


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"\n {GOOD}\n",
        f"```json\n{GOOD}\n```",
        f"```\n{GOOD}\n```",
        f"Here is my reply:\n```json\n{GOOD}\n```\nI hope this helps.",
        f"First try:\n```json\n{reply(entry(item(1)))}\n```\nBetter:\n```json\n{GOOD}\n```",
        f"<think>{{maybe}} {reply(entry(item(4)))}</think>{GOOD}",
        f"Sure. {GOOD} Done.",
        GOOD.replace('"index": 0', '"index": 0.0'),
        GOOD.replace('"index": 0', '"index": 0, "of": null'),
    ],
)
def test_wrapping_is_tolerated(text: str) -> None:
    """Fences, thinking and a sentence around the JSON do no harm; the last fence counts."""
    assert the_only(parse(text)) == the_only(parse(GOOD))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the reply is empty; expected one JSON object"),
        (" \n", "the reply is empty; expected one JSON object"),
        ("I cannot tell.", "the reply is not JSON: Expecting value: line 1 column 1 (char 0)"),
        (GOOD[:-1], "the reply is not JSON: "),
        ('{"attempts": NaN}', "the reply is not JSON: NaN is not a JSON number"),
        ("[" * 100_000, "the reply is not JSON: "),
        ("9" * 5_000, "the reply is not JSON: "),
        ("[]", "the reply: [] is not of type 'object'"),
        ("null", "the reply: None is not of type 'object'"),
        ("{}", "the reply: 'attempts' is a required property"),
        ('{"attempts": {}}', "attempts: {} is not of type 'array'"),
        ('{"attempts": [], "note": 1}', "the reply: Additional properties are not allowed ('note' was unexpected)"),
        ('{"attempts": []}', "the reply has no entry for transcript 'aaaaaaaa'; copy the token exactly"),
        (reply(3), "attempts[0]: 3 is not of type 'object'"),
        (reply({"transcript": "aaaaaaaa", "steps": []}), "attempts[0]: 'shortest' is a required property"),
        (reply({"steps": [], "shortest": []}), "attempts[0]: 'transcript' is a required property"),
        (reply(entry(token=7)), "attempts[0].transcript: 7 is not of type 'string'"),
        (reply(entry(token="bbbbbbbb")), "the reply has no entry for transcript 'aaaaaaaa'; copy the token exactly"),
        (reply(entry(), entry()), "transcript 'aaaaaaaa' appears 2 times; give one entry for each attempt"),
        (reply(entry("key")), "attempts[0].steps[0]: 'key' is not of type 'object'"),
        (
            reply(entry({"index": 1, "reason": "", "score": 0})),
            "attempts[0].steps[0]: 'label' is a required property",
        ),
        (reply(entry(item(mood="good"))), "Additional properties are not allowed ('mood' was unexpected)"),
        (reply(entry(item("1"))), "attempts[0].steps[0].index: '1' is not of type 'integer'"),
        (reply(entry(item(True))), "attempts[0].steps[0].index: True is not of type 'integer'"),
        (reply(entry(item(1.5))), "attempts[0].steps[0].index: 1.5 is not of type 'integer'"),
        (
            reply(entry(item(label="genius"))),
            "attempts[0].steps[0].label: 'genius' is not one of ['key', 'progress',",
        ),
        (reply(entry(item(label=None))), "attempts[0].steps[0]: 'label' is a required property"),
        (reply(entry(item(score=3))), "attempts[0].steps[0].score: 3 is not one of [-2, -1, 0, 1, 2]"),
        (reply(entry(item(score=0.5))), "attempts[0].steps[0].score: 0.5 is not one of [-2, -1, 0, 1, 2]"),
        (reply(entry(item(score=True))), "attempts[0].steps[0].score: True is not one of [-2, -1, 0, 1, 2]"),
        (reply(entry(item(of="1"))), "attempts[0].steps[0].of: '1' is not of type 'integer'"),
        (reply(entry(item(5))), "`index` names step 5, but there are only the steps 0 to 4"),
        (reply(entry(item(-1))), "`index` names step -1, but there are only the steps 0 to 4"),
        (reply(entry(item(2), item(2))), "step 2 is listed twice; put all there is to say in one entry"),
        (reply(entry(item(2, of=2))), "step 2: `of` must be an earlier step, got 2"),
        (reply(entry(item(2, of=4))), "step 2: `of` must be an earlier step, got 4"),
        (reply(entry(item(2, of=-1))), "step 2: `of` must be an earlier step, got -1"),
        (reply(entry(shortest=[0, 9])), "`shortest` names step 9, but there are only the steps 0 to 4"),
    ],
)
def test_each_fault_has_its_message(text: str, message: str) -> None:
    """Whatever is wrong with a reply is said in words that can be sent back."""
    error = the_only(parse(text))
    assert type(error) is ReplyError
    assert message in str(error)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (values(5, 5, 5, 5), "step 4 has no value; give one for each of the steps 0 to 4"),
        (values(5, 5, 5, 5, 11), "attempts[0].values[4].value: 11 is not one of [0, 1,"),
        (values(5, 5, 5, 5, 5, 5), "`index` names step 5, but there are only the steps 0 to 4"),
        (values(5, 5, 5, 5, 5, baseline=0.5), "attempts[0].baseline: 0.5 is not one of [0, 1,"),
        (values(5, 5, 5, 5, 5, injection=[7]), "`injection` names step 7"),
        (values(5, values=[{"index": 0, "value": 1}] * 2), "step 0 is listed twice"),
        (entry(), "'baseline' is a required property"),
    ],
)
def test_each_fault_of_a_value_reply_has_its_message(part: dict[str, Any], message: str) -> None:
    """Values are dense: none missing, none twice, none out of range."""
    error = the_only(parse(reply(part), measure="value"))
    assert type(error) is ReplyError
    assert message in str(error)


def test_the_stop_reason_comes_first() -> None:
    """A refusal or a cut-off reply is never read, however good its text looks."""
    refused = the_only(parse(Reply(text=GOOD, stop_reason="refusal", category="cyber")))
    assert isinstance(refused, RefusedError)
    assert (refused.category, "category: cyber" in str(refused)) == ("cyber", True)
    assert getattr(the_only(parse(Reply(text="", stop_reason="refusal"))), "category", None) == "unspecified"
    for reason in ("max_tokens", "model_context_window_exceeded"):
        cut = the_only(parse(Reply(text=GOOD, stop_reason=reason)))
        assert isinstance(cut, TruncatedError)
        assert f"cut off ({reason}); raise max_tokens" in str(cut)
    assert "unknown reason, 'pause_turn'" in str(the_only(parse(Reply(text=GOOD, stop_reason="pause_turn"))))
    assert isinstance(the_only(parse(Reply(text=GOOD, stop_reason="tool_use"))), Review)


def test_one_bad_part_spoils_only_its_own_row() -> None:
    """In a reply on several rollouts, each stands for itself."""
    expected = dict.fromkeys(["aaaaaaaa", "bbbbbbbb", "cccccccc", "dddddddd"], STEPS)
    text = reply(
        entry(item(1), token="cccccccc"), entry(item(9), token="aaaaaaaa"), entry(item(score=7), token="bbbbbbbb")
    )
    parts = parse(text, expected)
    assert list(parts) == list(expected)
    assert "names step 9" in str(parts["aaaaaaaa"])
    assert "7 is not one of" in str(parts["bbbbbbbb"])
    assert isinstance(parts["cccccccc"], Review)
    assert "no entry for transcript 'dddddddd'" in str(parts["dddddddd"])


def test_messages_stay_short() -> None:
    """At most three faults of at most 200 characters are told, and the rest counted."""
    text = reply(entry(*(item(k, of="z" * 10_000) for k in range(5))))
    error = str(the_only(parse(text)))
    assert error.endswith("is not of type 'integer'; and 2 more")
    assert len(error) < 3 * 220 + 20


def test_reasons_can_be_written_to_a_file() -> None:
    """White space in a reason is evened out and lone surrogates are replaced."""
    review = the_only(parse(reply(entry(item(1) | {"reason": " a\n\tb \ud800 "}))))
    assert isinstance(review, Review)
    assert review.reasons[1] == "a b ?"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(LABELS),
    lambda child: st.lists(child, max_size=3) | st.dictionaries(st.text(max_size=8), child, max_size=3),
    max_leaves=10,
)
WILD = JSON | st.sampled_from([0, 1, 4, 5, -1, 1e300, "aaaaaaaa", 10**30])
ITEM = st.fixed_dictionaries(
    {"index": WILD, "reason": st.text(max_size=9) | WILD, "label": st.sampled_from(LABELS) | WILD},
    optional={"score": st.integers(-2, 2) | WILD, "of": WILD, "extra": WILD, "value": WILD},
)
ENTRY = st.fixed_dictionaries(
    {"transcript": st.just("aaaaaaaa") | WILD, "steps": st.lists(ITEM, max_size=4) | WILD},
    optional={"shortest": st.lists(WILD, max_size=3) | WILD, "values": st.lists(ITEM) | WILD, "baseline": WILD},
)
REPLIES = JSON | st.fixed_dictionaries({"attempts": st.lists(ENTRY | WILD, max_size=3) | WILD})


@given(REPLIES, st.sampled_from(["contribution", "value"]))
def test_no_json_crashes_the_parser(document: Any, measure: str) -> None:
    """Any JSON value gives a review or a ReplyError, never anything else."""
    part = the_only(parse(json.dumps(document), measure=measure))
    assert isinstance(part, Review) or type(part) is ReplyError


@given(st.text(max_size=60) | st.text(alphabet='{}[]",:\\`\n 0aeN', max_size=60))
def test_no_text_crashes_the_parser(text: str) -> None:
    """Any text gives a ReplyError, never anything else."""
    assert type(the_only(parse(text))) is ReplyError


@pytest.mark.parametrize("depth", range(900, 1000, 7))
def test_no_depth_crashes_the_parser(depth: int) -> None:
    """JSON nested as deeply as the interpreter allows is a ReplyError, wherever it breaks."""
    assert type(the_only(parse(f'{{"attempts": {"[" * depth}{"]" * depth}}}'))) is ReplyError


_ITEMS = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from(LABELS), st.integers(-2, 2)), unique_by=lambda row: row[0]
)


@given(_ITEMS, st.sets(st.integers(0, 4)))
def test_every_valid_reply_is_read_exactly(items: list[tuple[int, str, int]], shortest: set[int]) -> None:
    """What was said of a step stands at that step, in whatever order it was said."""
    review = the_only(parse(reply(entry(*(item(*row) for row in items), shortest=sorted(shortest)))))
    said = {index: (label, score / 2) for index, label, score in items}
    assert isinstance(review, Review)
    assert review.shortest == tuple(sorted(shortest))
    for k in (0, 1, 2, 4):
        assert (review.labels[k], review.scores[k]) == said.get(k, (None, 0.0))
