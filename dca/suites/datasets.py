"""Kept prompts and replies as rows of TRL data sets, so that a reviewer can be trained for the task.

    sft          {"prompt": [system, user], "completion": [assistant]}
    preference   {"prompt": [system, user], "chosen": [assistant], "rejected": [assistant]}

Both are TRL's conversational forms. What makes one reply better than another is what people expect of a case; this
module knows no other truth, and trains nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

from dca.assignments import row_of
from dca.errors import InputError
from dca.review.reply import read_json
from dca.suites.case import Case
from dca.suites.opinion import opinion_of
from dca.types import Review

FORMATS: Final = ("sft", "preference")

Row = dict[str, Any]
Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kept:
    """One reply as it was kept, and what it earns by the case's expectation; None where there is no such case."""

    id: str
    prompt: tuple[tuple[str, str], ...]
    reply: str
    score: float | None


def kept(record: Record, cases: Mapping[str, Case]) -> Kept | None:
    """The prompt and the reply on a line that `dca review --keep-raw` wrote; None where the line has no review.

    A line with several votes holds several replies, and a score of none of them: it is left out.
    """
    turns = [(str(role), str(text)) for role, text in record.get("raw", ())]
    replies = [text for role, text in turns if role == "assistant"]
    void = any(step["label"] == "injection" for step in record["steps"])
    if len(replies) != 1 or (record.get("fallback") is not None and not void):
        return None
    prompt = tuple(turn for turn in turns if turn[0] != "assistant")
    case = cases.get(str(record["id"])) if _about_one(replies[0]) else None
    return Kept(str(record["id"]), prompt, replies[0], score_of(record, case) if case is not None else None)


def _about_one(reply: str) -> bool:
    """Whether a reply judges one rollout alone: only then is its score the row's."""
    document = read_json(reply)
    return isinstance(document, dict) and len(document.get("attempts", ())) == 1


def score_of(record: Record, case: Case) -> float | None:
    """What the review on a line earns by a case's expectation.

    Raises:
        InputError: The line is about another text, or cut into other steps, than the case.
    """
    if [step["text"] for step in record["steps"]] != [step.text for step in case.steps]:
        raise InputError(f"{record['id']}: the steps reviewed are not those of the case; review the case itself")
    return case.expectation.score(opinion_of(review_of(record)))


def review_of(record: Record) -> Review:
    """The review on a line; no opinion where it failed."""
    return row_of(record).review


def sft_rows(replies: Iterable[Kept], *, at_least: float | None = None) -> Iterator[Row]:
    """One row for each reply that is good enough; a reply to several rollouts at once is one row.

    Args:
        replies: Kept replies.
        at_least: The least a reply must earn by the expectation; None takes every reply, judged or not.
    """
    seen: set[int] = set()
    for one in replies:
        key = hash((one.prompt, one.reply))
        if key not in seen and (at_least is None or (one.score is not None and one.score >= at_least)):
            seen.add(key)
            yield {"prompt": _messages(one.prompt), "completion": _messages([("assistant", one.reply)])}


def preference_rows(replies: Iterable[Kept], *, margin: float) -> Iterator[Row]:
    """One row for each two replies to the same prompt of which one earns at least `margin` more.

    Args:
        replies: Kept replies, of several runs or models; those without a score take no part.
        margin: The least difference of scores; above 0.
    """
    groups: dict[str, list[Kept]] = {}
    for one in replies:
        if one.score is not None:
            groups.setdefault(json.dumps(one.prompt), []).append(one)
    for group in groups.values():
        for pair in combinations({one.reply: one for one in group}.values(), 2):
            worse, better = sorted(pair, key=lambda one: one.score or 0.0)
            if (better.score or 0.0) - (worse.score or 0.0) >= margin:
                yield {
                    "prompt": _messages(better.prompt),
                    "chosen": _messages([("assistant", better.reply)]),
                    "rejected": _messages([("assistant", worse.reply)]),
                }


def _messages(turns: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"role": role, "content": text} for role, text in turns]
