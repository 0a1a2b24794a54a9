"""Cases and suites on disk: a folder for each case, with the transcript and what a person expects of its review.

    <suite>/<case>/transcript.json      prompt, steps, reward, reference
    <suite>/<case>/expect.json          see `dca/data/expect.schema.json`

Steps are written one by one, so that a step's number never depends on how a text is cut. This module knows files; it
does not know what a check means, or who reviews.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

from dca.backends.keys import file_name
from dca.credit.segment import segment
from dca.errors import InputError
from dca.suites.expectation import Expectation, read_expectation
from dca.transcripts.fields import number
from dca.types import POLICY, Span, Step, Transcript

TRANSCRIPT: Final = "transcript.json"
EXPECT: Final = "expect.json"
_FIELDS: Final = {"prompt", "steps", "reward", "reference"}
_STEP_FIELDS: Final = {"text", "author"}
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Case:
    """One transcript, and what a review of it must show.

    Attributes:
        name: The name of its folder.
        transcript: The rollout; its id is the case's name.
        steps: Its steps, as they are written in the file.
        expectation: What a person says.
        folder: Where it lies.
    """

    name: str
    transcript: Transcript
    steps: tuple[Step, ...]
    expectation: Expectation
    folder: Path


@dataclass(frozen=True, slots=True)
class Suite:
    """Cases that belong together, in order of their names."""

    name: str
    cases: tuple[Case, ...]
    folder: Path


def suite_names() -> tuple[str, ...]:
    """The suites that come with DCA."""
    return tuple(sorted(path.name for path in _shipped().iterdir() if path.is_dir()))


def suite_folder(name: str) -> Path:
    """Where a suite lies: one that comes with DCA by its name, one's own by its path.

    Raises:
        InputError: There is neither.
    """
    shipped = _shipped() / name
    if _NAME.fullmatch(name) and shipped.is_dir():
        return shipped
    if Path(name).is_dir():
        return Path(name)
    raise InputError(
        f"no suite {name!r}: expected one of {', '.join(suite_names())}, or a folder of cases such as ./cases"
    )


def case_folders(folder: Path) -> tuple[Path, ...]:
    """The folders of a suite that hold a case, or a part of one, in order; the folder itself where it is a case."""
    if _is_case(folder):
        return (folder,)
    return tuple(sorted(path for path in folder.iterdir() if path.is_dir() and _is_case(path)))


def load_suite(name: str) -> Suite:
    """Read a suite, or a single case, by name or path.

    Raises:
        InputError: There is none, it is empty, or a case cannot be used.
    """
    folder = suite_folder(name)
    cases = tuple(map(load_case, case_folders(folder)))
    if not cases:
        raise InputError(
            f"{folder}: expected folders with {TRANSCRIPT} and {EXPECT}, found none; see `dca cases new`"
        )
    single = _is_case(folder)
    return Suite((folder.resolve().parent if single else folder.resolve()).name, cases, folder)


def load_case(folder: Path) -> Case:
    """Read one case.

    Raises:
        InputError: A file is not there, or is not what it must be; or a check names a step that does not exist.
    """
    transcript = read_transcript(read_json(folder / TRANSCRIPT), folder.name, str(folder / TRANSCRIPT))
    steps = segment(transcript)
    where = folder / EXPECT
    try:
        expectation = read_expectation(read_json(where))
    except InputError as error:
        raise InputError(str(error) if str(where) in str(error) else f"{where}: {error}") from error
    case = Case(folder.name, transcript, steps, expectation, folder)
    for k, check in enumerate(expectation.checks):
        if beyond := sorted(step for step in check.steps if step >= len(steps)):
            raise InputError(
                f"{where}: checks[{k}]: there is no step {beyond[0]}, only the steps 0 to {len(steps) - 1}"
            )
    return case


def read_transcript(value: object, name: str, where: str) -> Transcript:
    """The transcript that the JSON of a `transcript.json` holds.

    Raises:
        InputError: A field is missing, unknown or of the wrong kind.

    >>> read_transcript({"prompt": "2+2?", "steps": ["2 + 2 = 4", "A: 4"], "reward": 1}, "sum", "").completion
    '2 + 2 = 4\\nA: 4'
    """
    if not isinstance(value, dict):
        raise InputError(f"{where}: expected an object with {', '.join(sorted(_FIELDS))}")
    for field in ("prompt", "steps", "reward"):
        if field not in value:
            raise InputError(f"{where}: {field}: expected it, found {', '.join(sorted(value)) or 'nothing'}; add it")
    if stray := sorted(value.keys() - _FIELDS):
        raise InputError(f"{where}: {stray[0]}: unknown; a transcript has {', '.join(sorted(_FIELDS))}")
    prompt, reference = value["prompt"], value.get("reference")
    if not isinstance(prompt, str) or not prompt.strip():
        raise InputError(f"{where}: prompt: expected a text, got {prompt!r:.60}")
    if not isinstance(reference, str | None):
        raise InputError(f"{where}: reference: expected a text or null, got {reference!r:.60}")
    try:
        reward = number(value["reward"])
    except InputError as error:
        raise InputError(f"{where}: reward: {error}") from error
    pieces = tuple(_piece(step, k, where) for k, step in enumerate(_listed(value["steps"], where)))
    text, spans = tiled(pieces)
    return Transcript(prompt, text, reward, id=name, reference=reference, spans=spans)


def tiled(pieces: Sequence[tuple[str, str]]) -> tuple[str, tuple[Span, ...]]:
    """(text, author) pairs as one completion and its spans; each but the last ends in white space."""
    texts, spans, at = list[str](), list[Span](), 0
    for k, (text, author) in enumerate(pieces):
        closed = k == len(pieces) - 1 or text[-1:].isspace()
        texts.append(text if closed else f"{text}\n")
        spans.append(Span(at, at + len(texts[-1]), author, whole=True))
        at = spans[-1].stop
    return "".join(texts), tuple(spans)


def to_json(transcript: Transcript, steps: Sequence[Step]) -> dict[str, Any]:
    """What `transcript.json` holds; reading it again gives the same steps, to the white space between them."""
    pieces: list[Any] = []
    for step in steps:
        text = step.text.removesuffix("\n") if step.index < len(steps) - 1 and step.text[-2:-1].strip() else step.text
        pieces.append(text if step.author == POLICY else {"author": step.author, "text": text})
    return {
        "prompt": transcript.prompt,
        "steps": pieces,
        "reward": transcript.reward,
        "reference": transcript.reference,
    }


def read_json(path: Path) -> Any:
    """The JSON in a file of a case.

    Raises:
        InputError: It is not there, or no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: expected a file of a case, got {error.strerror}; see `dca cases new`") from error
    except ValueError as error:
        raise InputError(f"{path}: expected JSON in UTF-8, got {error}") from error


def records(suite: Suite) -> Iterator[Mapping[str, Any]]:
    """The cases as plain values: what `--json` prints."""
    for case in suite.cases:
        expectation = case.expectation
        yield {
            "id": case.name,
            "suite": suite.name,
            "about": expectation.about,
            "domain": expectation.domain,
            "skills": list(expectation.skills),
            "reward": case.transcript.reward,
            "steps": len(case.steps),
            "checks": [str(check) for check in expectation.checks],
            "folder": str(case.folder),
        }


def valid_name(name: str) -> bool:
    """Whether a folder of that name is also the name of its recordings.

    >>> valid_name("tank-1"), valid_name("a/b")
    (True, False)
    """
    return _NAME.fullmatch(name) is not None and file_name(name) == name


def _shipped() -> Path:
    return Path(str(resources.files("dca") / "data" / "cases"))


def _is_case(folder: Path) -> bool:
    return (folder / TRANSCRIPT).is_file() or (folder / EXPECT).is_file()


def _listed(steps: object, where: str) -> list[object]:
    if not isinstance(steps, list) or not steps:
        raise InputError(f"{where}: steps: expected a list of at least one step, got {steps!r:.60}")
    return steps


def _piece(step: object, k: int, where: str) -> tuple[str, str]:
    """The text and the author of one step."""
    if isinstance(step, str):
        step = {"text": step}
    if not isinstance(step, dict) or step.keys() - _STEP_FIELDS or not isinstance(step.get("text"), str):
        raise InputError(
            f'{where}: steps[{k}]: expected a text, or {{"author": "tool", "text": ...}}, got {step!r:.60}'
        )
    author = step.get("author", POLICY)
    if not isinstance(author, str) or not author or not step["text"]:
        raise InputError(f"{where}: steps[{k}]: expected an author and a text that are not empty")
    return step["text"], author
