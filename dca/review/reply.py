"""From a reply to reviews: the stop reason first, then JSON, then the schema, then what a schema cannot say.

Every failure says exactly what was wrong, in words that can be sent back to whoever replied. A reply may speak of
several rollouts; what is wrong with one part spoils only that part. This module knows nothing of prompts, of how a
reply came about, or of whether its judgements are any good.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from jsonschema import Draft202012Validator

from dca.errors import RefusedError, ReplyError, ReviewError, TruncatedError
from dca.messages import Reply
from dca.types import POLICY, Review, Step

Parts = dict[str, Review | ReviewError]
"""What a reply says of each rollout, by the rollout's token."""

SCORE_UNIT: Final = 2.0
"""A contribution of 2 is a score of 1."""

VALUE_UNIT: Final = 10.0
"""A value of 10 is a probability of 1."""

_COMPLETE: Final = frozenset({"end_turn", "stop_sequence", "tool_use"})
_CUT: Final = frozenset({"max_tokens", "model_context_window_exceeded"})
_FENCE: Final = re.compile(r"```(?:json)?[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL)
_SHOWN: Final = 3  # faults told at a time: enough to repair, short enough to read
_LONGEST: Final = 200  # characters of one fault


def parse_reply(
    reply: Reply, expected: Mapping[str, Sequence[Step]], *, schema: Mapping[str, Any], measure: str
) -> Parts:
    """What a reply says of each of the rollouts that were asked about.

    Args:
        reply: As the backend gave it.
        expected: The steps of each rollout in the question, by token.
        schema: JSON schema of the reply.
        measure: ``"contribution"`` or ``"value"``.

    Returns:
        For each expected token a review, or the error that stands in its place: `RefusedError`,
        `TruncatedError`, or a `ReplyError` that a second try may repair.
    """
    try:
        check_stop(reply)
        document = read_json(reply.text)
        faults = schema_faults(document, schema)
        if faults.get(None):
            raise _unusable(faults[None])
        return _by_token(document["attempts"], faults, expected, _READERS[measure])
    except ReviewError as error:
        return dict.fromkeys(expected, error)
    except RecursionError:
        return dict.fromkeys(expected, ReplyError("the reply is nested too deeply; follow the schema"))


def check_stop(reply: Reply) -> None:
    """Refuse a reply that did not end of its own accord.

    Raises:
        RefusedError: The reviewer declined.
        TruncatedError: The reply was cut off.
        ReplyError: It stopped for another reason.
    """
    if reply.stop_reason == "refusal":
        category = reply.category or "unspecified"
        raise RefusedError(
            f"the reviewer declined to answer (category: {category}); use another model for such rows",
            category=category,
        )
    if reply.stop_reason in _CUT:
        raise TruncatedError(
            f"the reply was cut off ({reply.stop_reason}); raise max_tokens, lower the effort, or send fewer "
            f"rollouts in a request"
        )
    if reply.stop_reason not in _COMPLETE:
        raise ReplyError(f"the reply stopped for an unknown reason, {reply.stop_reason!r}")


def read_json(text: str) -> Any:
    """The one JSON value in a reply; a fence, a visible train of thought or a sentence around it is tolerated.

    A member that is null counts as left out.

    Raises:
        ReplyError: The reply is empty, or no JSON.

    >>> read_json('Here it is: {"attempts": []}')
    {'attempts': []}
    """
    if not text.strip():
        raise ReplyError("the reply is empty; expected one JSON object")
    problem: Exception | None = None
    for candidate in _candidates(text):
        try:
            return json.loads(candidate, parse_constant=_no_constant, object_hook=_without_nulls)
        except (ValueError, RecursionError) as error:
            problem = error
    raise ReplyError(_short(f"the reply is not JSON: {problem}")) from problem


def _candidates(text: str) -> Iterator[str]:
    """Where the JSON may be: the whole, the last fence after any thinking, the outermost braces."""
    yield text.strip()
    said = text.rpartition("</think>")[2]
    yield from _FENCE.findall(said)[-1:]
    if "{" in said and "}" in said:
        yield said[said.index("{") : said.rindex("}") + 1]


def _no_constant(name: str) -> float:
    """NaN and Infinity are no JSON."""
    raise ValueError(f"{name} is not a JSON number")


def _without_nulls(members: dict[str, Any]) -> dict[str, Any]:
    """Models like to write null for what they leave out."""
    return {name: value for name, value in members.items() if value is not None}


def schema_faults(document: object, schema: Mapping[str, Any]) -> dict[int | None, list[str]]:
    """What the schema finds wrong, by attempt; what concerns no attempt alone stands under None."""
    faults: dict[int | None, list[str]] = {}
    for error in _validator(json.dumps(schema)).iter_errors(document):
        path = list(error.absolute_path)
        where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
        owner = path[1] if len(path) > 1 and isinstance(path[1], int) else None
        faults.setdefault(owner, []).append(_short(f"{where or 'the reply'}: {error.message}"))
    return faults


@lru_cache(maxsize=32)
def _validator(schema: str) -> Draft202012Validator:
    """A validator, compiled once for each schema."""
    return Draft202012Validator(json.loads(schema))


_Reader = Callable[[Mapping[str, Any], Sequence[Step]], Review]


def _by_token(
    entries: Sequence[Any],
    faults: Mapping[int | None, list[str]],
    expected: Mapping[str, Sequence[Step]],
    read: _Reader,
) -> Parts:
    """Match entries to the rollouts asked about, and read each by itself."""
    found: dict[str, list[int]] = {token: [] for token in expected}
    strangers: list[int] = []
    for i, entry in enumerate(entries):
        token = entry.get("transcript") if isinstance(entry, dict) else None
        (found[token] if isinstance(token, str) and token in found else strangers).append(i)
    parts: Parts = {}
    for token, places in found.items():
        try:
            if len(places) != 1:
                raise _unusable([*_absence(token, places), *(f for i in strangers for f in faults.get(i, []))])
            if faults.get(places[0]):
                raise _unusable(faults[places[0]])
            parts[token] = read(entries[places[0]], expected[token])
        except ReplyError as error:
            parts[token] = error
        except ReviewError as error:  # a record's own check: nothing above lets it happen, no reply may crash us
            parts[token] = ReplyError(str(error))
    return parts


def _absence(token: str, places: Sequence[int]) -> list[str]:
    """Why a token has not exactly one entry."""
    if places:
        return [f"transcript {token!r} appears {len(places)} times; give one entry for each attempt"]
    return [f"the reply has no entry for transcript {token!r}; copy the token exactly"]


def _read_contribution(entry: Mapping[str, Any], steps: Sequence[Step]) -> Review:
    """A sparse list of judged steps; what is not listed has score 0 and no label."""
    count, faults = len(steps), list[str]()
    scores, reasons = [0.0] * count, [""] * count
    labels: list[str | None] = [None] * count
    links: list[int | None] = [None] * count
    for item, k in _each_once(entry["steps"], count, faults):
        ours = steps[k].author == POLICY
        of = None if item.get("of") is None else int(item["of"])
        if of is not None and not 0 <= of < k:
            faults.append(f"step {k}: `of` must be an earlier step, got {of}")
        scores[k] = item["score"] / SCORE_UNIT if ours else 0.0
        labels[k] = item["label"] if ours or item["label"] == "injection" else None
        links[k], reasons[k] = of, _one_line(item["reason"])
    shortest = tuple(_existing(entry["shortest"], count, faults, "`shortest`"))
    if faults:
        raise _unusable(faults)
    return Review(tuple(scores), tuple(labels), tuple(links), tuple(reasons), shortest)


def _read_value(entry: Mapping[str, Any], steps: Sequence[Step]) -> Review:
    """A dense list: the value after every step, whoever wrote it, and the value before the first."""
    count, faults = len(steps), list[str]()
    values: dict[int, float] = {}
    for item, k in _each_once(entry["values"], count, faults):
        values[k] = item["value"] / VALUE_UNIT
    if missing := [k for k in range(count) if k not in values]:
        faults.append(f"step {missing[0]} has no value; give one for each of the steps 0 to {count - 1}")
    marked = set(_existing(entry["injection"], count, faults, "`injection`"))
    if faults:
        raise _unusable(faults)
    return Review(
        scores=tuple(values[k] for k in range(count)),
        labels=tuple("injection" if k in marked else None for k in range(count)),
        measure="value",
        baseline=entry["baseline"] / VALUE_UNIT,
    )


_READERS: Final[Mapping[str, _Reader]] = {"contribution": _read_contribution, "value": _read_value}


def _each_once(
    items: Sequence[Mapping[str, Any]], count: int, faults: list[str]
) -> Iterator[tuple[Mapping[str, Any], int]]:
    """The items whose step exists and was not listed before; the rest are told as faults."""
    seen: set[int] = set()
    for item in items:
        for k in _existing([item["index"]], count, faults, "`index`"):
            if k in seen:
                faults.append(f"step {k} is listed twice; put all there is to say in one entry")
            else:
                seen.add(k)
                yield item, k


def _existing(indices: Sequence[float], count: int, faults: list[str], where: str) -> list[int]:
    """The indices that exist; the others are told as faults."""
    for k in indices:
        if not 0 <= k < count:
            faults.append(f"{where} names step {int(k)}, but there are only the steps 0 to {count - 1}")
    return [int(k) for k in indices if 0 <= k < count]


def _one_line(text: str) -> str:
    """White space evened out, and nothing in it that cannot be written to a file."""
    return " ".join(text.encode("utf-8", "replace").decode().split())


def _unusable(faults: Sequence[str]) -> ReplyError:
    """The first few faults as one error."""
    more = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
    return ReplyError("; ".join(_short(fault) for fault in faults[:_SHOWN]) + more)


def _short(fault: str) -> str:
    """At most `_LONGEST` characters: both ends, for the end says what was expected."""
    fault = _one_line(fault)
    return fault if len(fault) <= _LONGEST else f"{fault[: _LONGEST // 2]} ... {fault[-_LONGEST // 2 :]}"
