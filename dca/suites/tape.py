"""The recordings of one prompt on one suite: which questions have one, which lost theirs to an edit, and why.

    <recordings>/<prompt>/<suite>/<case>/<key12>.json

This module knows requests and recordings; it asks nobody, and does not know what a reply is worth.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Final

from dca.backends.keys import SHORT, file_name, request_key
from dca.backends.nearest import difference, likeness, request_lines
from dca.backends.shelf import Recording, Shelf
from dca.errors import InputError, RecordingMiss, ReviewError
from dca.messages import Reply, Request
from dca.review.llm import LLMReviewer
from dca.review.prompts import Attempt, Prompt, attempt, slot_values
from dca.suites.case import Case

RECORDED: Final = "recorded"
STALE: Final = "stale"
MISSING: Final = "missing"

SETTINGS: Final = ("max_tokens", "effort", "sample")
_TOKEN: Final = re.compile(r'"[0-9a-f]{8}"')


@dataclass(frozen=True, slots=True)
class Standing:
    """How one case stands with its recordings.

    Attributes:
        case: Its name.
        state: `RECORDED`, `STALE` (asked once, but since edited) or `MISSING` (never asked).
        changed: What was edited: "rubric", "schema", "template", "slot reference", "max_tokens", ...
        diff: The nearest recorded question against the one asked now, - and +.
        wanted: The questions that have no recording.
    """

    case: str
    state: str
    changed: tuple[str, ...] = ()
    diff: str = ""
    wanted: tuple[Request, ...] = ()


@dataclass(frozen=True, slots=True)
class Answerer:
    """Who gave some of the recorded replies, as the recordings say.

    Attributes:
        by: The model and its server, or what was written down for replies from elsewhere.
        recordings: How many.
        first: The day of the first of them.
        last: The day of the last.
    """

    by: str
    recordings: int
    first: str
    last: str


class Tape:
    """Plays back what was recorded for one prompt and suite; never opens a connection.

    Unlike a plain replay it tells what a reply cost on the day it was recorded.

    Args:
        recordings: The folder of all recordings.
        prompt: The name of the prompt.
        suite: The name of the suite.
    """

    def __init__(self, recordings: Path, prompt: str, suite: str) -> None:
        self.folder: Final = recordings / file_name(prompt)
        self.suite: Final = suite
        self._shelf = Shelf(self.folder, suite)
        self._played: dict[str, Recording] = {}

    @property
    def identity(self) -> str:
        """``recordings:<folder>``."""
        return f"recordings:{self.folder.name}"

    def complete(self, request: Request, /) -> Reply:
        """The recorded reply, with what it cost, or the recorded error.

        Raises:
            ReviewError: What was recorded is a refusal, a truncation or an unusable reply.
            RecordingMiss: The question was never recorded.
        """
        recording = self._shelf.find(request_key(request, ""), request)
        if recording is None:
            raise RecordingMiss(f"no recording of case {request.case!r} in {self.folder}; record it with --record")
        self._played[recording.key] = recording
        if isinstance(recording.outcome, ReviewError):
            raise recording.outcome
        return recording.outcome

    def answerers(self) -> tuple[Answerer, ...]:
        """Who gave the replies that were played back, the most frequent first."""
        dates: dict[str, list[str]] = {}
        for recording in self._played.values():
            dates.setdefault(answered_by(recording.produced), []).append(recording.produced.get("date", ""))
        found = [Answerer(by, len(days), min(days), max(days)) for by, days in dates.items()]
        return tuple(sorted(found, key=lambda one: (-one.recordings, one.by)))

    def orphans(self) -> tuple[Path, ...]:
        """The recordings of this prompt and suite that nobody asked for."""
        return self._shelf.orphans()

    def used(self) -> frozenset[Path]:
        """The recordings that were asked for."""
        return frozenset(self._shelf.paths()).difference(self._shelf.orphans())

    def standing(self, reviewer: LLMReviewer, case: Case) -> Standing:
        """Whether each question about a case has a recording, and what an edit changed where not."""
        asked = tuple(reviewer.requests([(case.transcript, case.steps)]))
        wanted = tuple(one for one in asked if self._shelf.find(request_key(one, ""), one) is None)
        if not wanted:
            return Standing(case.name, RECORDED)
        nearest = self._nearest(wanted[0])
        if nearest is None:
            return Standing(case.name, MISSING, wanted=wanted)
        sheet = attempt(case.transcript, case.steps, reviewer.redact)
        return Standing(
            case=case.name,
            state=STALE,
            changed=changes(wanted[0], nearest, reviewer.loaded, sheet),
            diff=difference(request_lines(nearest), request_lines(wanted[0])),
            wanted=wanted,
        )

    def earlier(self, case: Case) -> Iterator[Recording]:
        """The readable recordings of a case, whatever they were asked."""
        for path in self._shelf.near(case.name):
            if path.parent.name == file_name(case.name):
                with suppress(InputError):
                    yield self._shelf.read(path)

    def _nearest(self, asked: Request) -> Request | None:
        """The recorded question about the same case that is most alike; second questions are left aside."""
        lines, best, nearest = request_lines(asked), -1.0, None
        for path in self._shelf.near(asked.case):
            if path.parent.name != file_name(asked.case):
                continue
            with suppress(InputError):
                recorded = self._shelf.request(self._shelf.read(path))
                alike = likeness(lines, request_lines(recorded))
                if len(recorded.messages) == len(asked.messages) and alike > best:
                    best, nearest = alike, recorded
        return nearest


def changes(asked: Request, recorded: Request, prompt: Prompt, sheet: Attempt) -> tuple[str, ...]:
    """What differs between two questions about a case: rubric, schema, slots by name, template, settings."""
    found = ["rubric"] if asked.system != recorded.system else []
    found += ["schema"] if dict(asked.schema) != dict(recorded.schema) else []
    now, then = asked.messages[0].text, recorded.messages[0].text
    if now != then:
        found += _changes_of_text(_still(then), prompt, slot_values([sheet]))
    settings = [name for name in SETTINGS if getattr(asked, name) != getattr(recorded, name)]
    return (*found, *(name for name in settings if now == then or name != "max_tokens"))  # its size follows the steps


def _changes_of_text(then: str, prompt: Prompt, values: Mapping[str, str]) -> list[str]:
    """The slots whose values differ, where the recorded text still fits the template; else the template."""
    now = {name: _still(value) for name, value in values.items()}
    shown = prompt.shown(values)
    sections = sorted(prompt.sections)
    for size in range(len(sections) + 1):
        for toggled in combinations(sections, size):
            names, pattern = prompt.pattern(shown.symmetric_difference(toggled))
            match = pattern.fullmatch(then)
            if match and all(map(_is_json, match.groups())):
                pairs = zip(names, match.groups(), strict=True)
                slots = {*toggled, *(name for name, value in pairs if value != now[name])}
                return [f"slot {name}" for name in values if name in slots] or ["template"]
    return [
        "template",
        *(f"slot {name}" for name in values if f"{{{{{name}}}}}" in prompt.user and now[name] not in then),
    ]


def _is_json(text: str) -> bool:
    """Whether a text may have filled a slot; slots are filled with JSON and nothing else."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _still(text: str) -> str:
    """The text with every token made the same: a token is a hash of all the slots."""
    return _TOKEN.sub('"--------"', text)


def answered_by(produced: Mapping[str, str]) -> str:
    """Who gave a reply: in words where somebody wrote that down, else the backend with its model.

    >>> answered_by({"backend": "anthropic claude-haiku-5-5 api.anthropic.com native", "date": "2026-11-21"})
    'anthropic claude-haiku-5-5 api.anthropic.com native'
    """
    return produced.get("by") or produced.get("backend") or produced.get("model") or "unknown"


def short_key(request: Request) -> str:
    """What names the recording of a request."""
    return request_key(request, "")[:SHORT]
