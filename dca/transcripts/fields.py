"""Raw records into transcripts: which field is the prompt, the completion, the reward.

This module knows what a transcript needs and how trainers name it; it does not know file formats or how an answer
is graded (a grader is an argument).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from os import PathLike
from typing import Any, Final

from dca.errors import InputError
from dca.transcripts.chat import ASSISTANT, completion_text, is_chat, prompt_text, split
from dca.transcripts.place import BadRecord, Located, kind, names, refused, shown, within
from dca.transcripts.records import read_records
from dca.types import Transcript

Grade = Callable[[str, str], float]


@dataclass(frozen=True, slots=True)
class Fields:
    """Where in a record things are: dotted paths, such as ``verifier.score`` or ``choices.0.text``.

    A key that itself holds the dot wins over the path.

    Attributes:
        prompt: A string or chat messages.
        completion: A string, chat messages, or a list of steps. Where the default is absent, ``messages`` is read:
            what comes before the first assistant message is the prompt, the rest the completion.
        reward: A number. Where the default is absent in a TRL completion log, its one reward column is read.
        id: A name. Where the default is absent, records are named after the file and their number.
        reference: The expected answer, for grading; None: there is none.
    """

    prompt: str = "prompt"
    completion: str = "completion"
    reward: str = "reward"
    id: str = "id"
    reference: str | None = None


DEFAULT: Final = Fields()
_MESSAGES: Final = "messages"
_LOG: Final = frozenset(("step", "prompt", "completion", "advantage"))


class _Absent:
    """What `lookup` finds where nothing is (None is a value a record may hold)."""


ABSENT: Final = _Absent()


def lookup(value: object, path: str) -> object:
    """What a dotted path leads to, or `ABSENT`.

    >>> lookup({"choices": [{"text": "4"}]}, "choices.0.text"), lookup({"a.b": 1, "a": {"b": 2}}, "a.b")
    ('4', 1)
    """
    if isinstance(value, dict) and path in value:
        return value[path]
    cut = path.rfind(".")
    while cut > 0:  # the longest key first
        inner = _entry(value, path[:cut])
        found = ABSENT if inner is ABSENT else lookup(inner, path[cut + 1 :])
        if found is not ABSENT:
            return found
        cut = path.rfind(".", 0, cut)
    return _entry(value, path)


def _entry(value: object, key: str) -> object:
    if isinstance(value, dict):
        return value.get(key, ABSENT)
    if isinstance(value, list) and key.isdecimal() and key.isascii() and len(key) < 10 and int(key) < len(value):
        return value[int(key)]
    return ABSENT


def read_transcripts(
    path: str | PathLike[str],
    fields: Fields = DEFAULT,
    *,
    name: str | None = None,
    reward: float | None = None,
    grade: Grade | None = None,
    on_bad: Callable[[BadRecord], None] | None = None,
) -> Iterator[Transcript]:
    """The transcripts of a file, one at a time: `read_records` and `to_transcript` in one.

    Raises:
        InputError: As they do; with `on_bad` a record that cannot be used goes there instead.
    """
    for located in read_records(path, name=name, on_bad=on_bad):
        try:
            transcript = to_transcript(located, fields, reward=reward, grade=grade)
        except InputError as error:
            if on_bad is None:
                raise
            on_bad(refused(located, error))
        else:
            yield transcript


def to_transcript(
    located: Located, fields: Fields = DEFAULT, *, reward: float | None = None, grade: Grade | None = None
) -> Transcript:
    """The transcript a record holds.

    Args:
        located: The record.
        fields: Where in it things are.
        reward: The same reward for every record, instead of a field.
        grade: (completion, reference) -> reward, instead of a field; needs `fields.reference`.

    Raises:
        InputError: Something is missing or not what it must be; one line that names file, line and field.

    >>> to_transcript(Located("a.jsonl", 3, {"prompt": "2+2?", "completion": "4", "reward": True})).id
    'a:3'
    """
    record = located.value
    with within(f"{located.source}:{located.line}"):
        raw = _raw(record, fields)
        with within(fields.prompt):
            prompt = prompt_text(raw.prompt)
        with within(raw.field):
            body = completion_text(raw.completion)
        reference = _reference(record, fields)
        return Transcript(
            prompt=prompt,
            completion=body.text,
            reward=_reward(record, fields, body.text, reference, reward=reward, grade=grade),
            id=_id(record, fields, located.id),
            reference=reference,
            metadata={"step": record["step"]} if record.get("step") is not None else {},
            spans=body.spans,
        )


@dataclass(frozen=True, slots=True)
class _Raw:
    """The raw prompt and completion, and the field the completion came from."""

    prompt: object
    completion: object
    field: str


def _raw(record: dict[str, Any], fields: Fields) -> _Raw:
    """Prompt and completion as the record has them; a conversation that holds both is cut in two."""
    prompt, completion, field = lookup(record, fields.prompt), lookup(record, fields.completion), fields.completion
    if _nothing(completion) and field == DEFAULT.completion and is_chat(record.get(_MESSAGES)):
        completion, field = record[_MESSAGES], _MESSAGES
    if is_chat(completion) and completion[0]["role"] != ASSISTANT and (field == _MESSAGES or _nothing(prompt)):
        with within(field):
            both = split(completion)
        completion = both.after
        prompt = both.before if fields.prompt == DEFAULT.prompt else prompt
    if prompt is ABSENT:
        raise _missing(record, fields.prompt, "the prompt", "--prompt-field")
    if completion is ABSENT:
        raise _missing(record, fields.completion, "the completion", "--completion-field")
    return _Raw(prompt, completion, field)


def _nothing(value: object) -> bool:
    """Absent, or null: tables write null where a record has no such field."""
    return value is ABSENT or value is None


def _reward(
    record: dict[str, Any],
    fields: Fields,
    completion: str,
    reference: str | None,
    *,
    reward: float | None,
    grade: Grade | None,
) -> float:
    """R: the given constant, the grader's verdict, or the record's own number."""
    if reward is not None:
        return number(reward)
    if grade is not None:
        if fields.reference is None or reference is None:
            raise InputError("reference: expected a reference to grade against; name its field: --reference-field")
        with within(fields.reference):
            return number(grade(completion, reference))
    field = _reward_field(record, fields)
    found = lookup(record, field)
    if found is ABSENT:
        raise _missing(record, field, "the reward", "--reward-field, or pass --reward or --grade")
    with within(field):
        return number(found)


def _reward_field(record: dict[str, Any], fields: Fields) -> str:
    """The reward's field; in a TRL completion log, the one column that can be it."""
    absent = lookup(record, fields.reward) is ABSENT
    if fields.reward != DEFAULT.reward or not absent or not _LOG & record.keys() >= {"step", "advantage"}:
        return fields.reward
    other = _LOG | {fields.prompt, fields.completion, fields.id, fields.reference}
    columns = [key for key, value in record.items() if key not in other and _may_be_reward(value)]
    if len(columns) == 1:
        return columns[0]
    raise InputError(
        f"reward: expected one reward column in a TRL completion log, got {names(columns)}; name it: --reward-field"
    )


def _may_be_reward(value: object) -> bool:
    """TRL logs a reward as a number, or null where the function had nothing to say."""
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))


def number(value: object) -> float:
    """A reward as a finite float; True is 1.0, and a string that spells a number is that number.

    Raises:
        InputError: It is anything else, or NaN, or infinite.

    >>> number(True), number("0.5")
    (1.0, 0.5)
    """
    if not isinstance(value, (int, float, str, Decimal)):
        raise InputError(f"expected a number, got {kind(value)}; give the outcome as a number")
    try:
        found = float(value)
    except (ValueError, OverflowError):
        found = None
    if found is None or (isinstance(value, str) and "_" in value):
        raise InputError(f"expected a number, got {shown(value)}; give the outcome as a number")
    if not math.isfinite(found):
        raise InputError(f"expected a finite number, got {shown(value)}; give the outcome as a number")
    return found


def _id(record: dict[str, Any], fields: Fields, derived: str) -> str:
    found = lookup(record, fields.id)
    if (_nothing(found) or found == "") and fields.id == DEFAULT.id:
        return derived
    if found is ABSENT:
        raise _missing(record, fields.id, "an id", "--id-field")
    if isinstance(found, bool) or not isinstance(found, (str, int, float)):
        raise InputError(f"{fields.id}: expected a string or a number, got {kind(found)}; name another: --id-field")
    return str(found)


def _reference(record: dict[str, Any], fields: Fields) -> str | None:
    if fields.reference is None:
        return None
    found = lookup(record, fields.reference)
    if found is ABSENT:
        raise _missing(record, fields.reference, "the reference", "--reference-field")
    if isinstance(found, bool) or not isinstance(found, (str, int, float)) or found == "":
        got = "an empty string" if found == "" else kind(found)
        raise InputError(f"{fields.reference}: expected a reference answer, got {got}; leave the record out")
    return str(found)


def _missing(record: dict[str, Any], path: str, what: str, remedy: str) -> InputError:
    """A complaint that lists the fields there are, as deep as the path could be followed."""
    where: str = "the record"
    inner: object = record
    cut = path.rfind(".")
    while cut > 0:
        found = lookup(record, path[:cut])
        if found is not ABSENT:
            where, inner = path[:cut], found
            break
        cut = path.rfind(".", 0, cut)
    there = names(list(inner)) if isinstance(inner, dict) else kind(inner)
    return InputError(f"{path}: expected {what}, found no such field; {where} has {there}; name it: {remedy}")
