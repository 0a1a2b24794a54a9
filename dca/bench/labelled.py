"""Labelled transcripts: for each step, what is known of it; for each episode, whether it was planted.

Three questions are kept apart. `verification`: does the step re-examine something earlier? `needless`: is it a check
that could not have changed anything? `staged`: is it a mistake made for show? None: not known, or a matter of taste;
such a step is not scored. This module knows the record; it does not know who labelled, or which detector is scored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Final

from dca.credit.segment import segment
from dca.errors import InputError
from dca.transcripts.fields import to_transcript
from dca.transcripts.place import Located, kind, within
from dca.transcripts.records import read_records
from dca.types import LABELS, Step, Transcript

QUESTIONS: Final = ("verification", "needless", "staged")
"""What is asked of a step."""

_OF_LABEL: Final[Mapping[str, tuple[bool | None, bool, bool | None]]] = {
    "check": (True, False, False),
    "needless_check": (True, True, False),
    "recovery": (None, False, None),
    "staged_mistake": (False, False, True),
}


@dataclass(frozen=True, slots=True)
class Truth:
    """What is known of one step; None: not known, so not scored.

    Attributes:
        verification: It re-examines something earlier. The repair of a mistake is None: neutral either way.
        needless: It is verification that had no yield and no prospect of any.
        staged: It is a mistake made for show.
    """

    verification: bool | None = None
    needless: bool | None = None
    staged: bool | None = None

    def answer(self, question: str) -> bool | None:
        """The answer to one of `QUESTIONS`."""
        return {"verification": self.verification, "needless": self.needless, "staged": self.staged}[question]


@dataclass(frozen=True, slots=True)
class Episode:
    """One stretch that was planted, or its honest control.

    Attributes:
        question: "needless" or "staged".
        planted: True where the answer is yes.
        steps: Its steps.
        family: The kind of plant that it is, or is matched with.
        control: What makes it honest; "" where it is planted.
    """

    question: str
    planted: bool
    steps: tuple[int, ...]
    family: str
    control: str = ""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A transcript, its steps and what is known of them.

    Attributes:
        transcript: The rollout, without any label in it.
        steps: K steps.
        truth: (K,) one for each step.
        episodes: Where the set says so; else empty, and steps are what is scored.
        problem: What rows of one problem share; bootstrap and folds never split it.
        writer: Who wrote what was planted; "" where that is not known.
        group: What the rollouts that are siblings share; "" where there are none.
    """

    transcript: Transcript
    steps: tuple[Step, ...]
    truth: tuple[Truth, ...]
    episodes: tuple[Episode, ...] = ()
    problem: str = ""
    writer: str = ""
    group: str = ""

    def __post_init__(self) -> None:
        if len(self.truth) != len(self.steps):
            raise InputError(f"expected a truth for each of {len(self.steps)} steps, got {len(self.truth)}")
        for episode in self.episodes:
            if episode.question not in QUESTIONS[1:]:
                raise InputError(f"expected an episode about {' or '.join(QUESTIONS[1:])}, got {episode.question!r}")
            if not episode.steps or not all(0 <= k < len(self.steps) for k in episode.steps):
                raise InputError(f"expected episode steps below {len(self.steps)}, got {episode.steps}")


def read_labelled(path: str | PathLike[str]) -> Iterator[Labelled]:
    """The labelled transcripts of a JSONL file.

    A record has `prompt`, `completion` (best a list of steps), `reward`, and in `metadata` (or beside it) `truth`: a
    list with an object for each step (`verification`, `needless`, `staged`: true, false or null), or an object from
    step number to `{"label": ...}`, where what is not listed is ordinary work. Optional: `episodes`, `problem`,
    `writer`, `group`. A completion that is one string is cut at blank lines, or at line ends where there is none.

    Raises:
        InputError: Something is missing or not what it must be; names file, line and field.
    """
    for located in read_records(path):
        yield labelled(located)


def labelled(located: Located) -> Labelled:
    """One record; see `read_labelled`.

    >>> row = {"prompt": "6 * 7?", "completion": ["6 * 7 = 42", "Yes, 42."], "truth": {"1": "needless_check"}}
    >>> [truth.needless for truth in labelled(Located("a.jsonl", 1, row)).truth]
    [False, True]
    """
    record = located.value
    transcript = to_transcript(located, reward=None if "reward" in record else 1.0)
    how = "paragraph" if "\n\n" in transcript.completion.strip() else "line"
    steps = segment(transcript, how, max_steps=max(1, len(transcript.completion)))
    metadata = record.get("metadata")
    known = {**(metadata if isinstance(metadata, dict) else {}), **record}
    with within(f"{located.source}:{located.line}"):
        with within("truth"):
            truth = _truths(known.get("truth"), len(steps))
        with within("episodes"):
            episodes = tuple(_episode(one) for one in _items(known.get("episodes", [])))
        problem = str(known.get("problem") or transcript.prompt)
        writer, group = (str(known.get(name) or "") for name in ("writer", "group"))
        return Labelled(transcript, steps, truth, episodes, problem, writer, group)


def labelled_files(paths: Sequence[str]) -> dict[str, list[Labelled]]:
    """Each file's rows under its stem; files with one stem are told apart by their folder."""
    found: dict[str, list[Labelled]] = {}
    for path in paths:
        name = Path(fspath(path)).stem
        found[name if name not in found else str(path)] = list(read_labelled(path))
    return found


def _truths(value: object, count: int) -> tuple[Truth, ...]:
    """The truth of each step, from either form."""
    if isinstance(value, list):
        if len(value) != count:
            raise InputError(f"expected an entry for each of {count} steps, got {len(value)}")
        return tuple(_truth(entry) for entry in value)
    if not isinstance(value, dict):
        raise InputError(f"expected a list or an object that says what is known of the steps, got {kind(value)}")
    labels: list[str | None] = [None] * count
    for key, entry in value.items():
        label = entry.get("label") if isinstance(entry, dict) else entry
        if not (isinstance(key, str) and key.isdecimal() and int(key) < count):
            raise InputError(f"expected step numbers below {count}, got {key!r}")
        if label not in LABELS:
            raise InputError(f"{key}: expected one of {', '.join(LABELS)}, got {label!r}")
        labels[int(key)] = label
    return tuple(Truth(*_OF_LABEL.get(label or "", (False, False, False))) for label in labels)


def _truth(entry: object) -> Truth:
    if not isinstance(entry, dict):
        raise InputError(f"expected an object for each step, got {kind(entry)}")
    answers = {question: entry.get(question) for question in QUESTIONS}
    for question, answer in answers.items():
        if answer is not None and not isinstance(answer, bool):
            raise InputError(f"{question}: expected true, false or null, got {kind(answer)}")
    return Truth(**answers)


def _items(value: object) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise InputError(f"expected a list of objects, got {kind(value)}")
    return value


def _episode(value: dict[str, Any]) -> Episode:
    steps = value.get("steps")
    if not isinstance(steps, list) or not all(type(k) is int for k in steps):
        raise InputError(f"expected `steps` to be a list of step numbers, got {steps!r}")
    if not isinstance(value.get("planted"), bool):
        raise InputError(f"expected `planted` to be true or false, got {value.get('planted')!r}")
    family, control = str(value.get("family") or ""), str(value.get("control") or "")
    return Episode(str(value.get("question")), value["planted"], tuple(steps), family, control)
