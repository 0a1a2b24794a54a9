"""Reviewer prompts: files with named slots, and how rollouts are written into one.

A prompt file holds two parts. The rubric comes first, the same for every request, so that a provider can cache it;
below the line ``<!-- user -->`` stands the template of the question, with its slots. Slots are filled with JSON, in
one pass, so no text of a rollout can close a string, open a slot or pull anything in.
This module knows nothing of models, and nothing of replies but where their schema lies.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from dca.errors import InputError
from dca.types import POLICY, Step, Transcript

REQUIRED_SLOTS: Final = frozenset({"problem", "attempts"})
SLOTS: Final = REQUIRED_SLOTS | {"reference", "outcomes"}
"""What a template may ask for; a template without `outcomes` hides what each rollout was paid."""

PROMPT_MEASURES: Final = ("contribution", "value")
"""The measures for which there is a reply schema."""

Redact = Callable[[str], str]

_FOLDERS: Final = (Path(__file__).parents[1] / "prompts", Path(__file__).parents[2] / "prompts")  # wheel, checkout
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]*/v[0-9]+")
_HEADER: Final = re.compile(r"<!-- measure: (\w+) -->\n")
_USER: Final = "\n<!-- user -->\n"
_SLOT: Final = re.compile(r"\{\{([^{}]*)\}\}")
_SECTION: Final = re.compile(r"\{\{#(\w+)\}\}(.*?)\{\{/\1\}\}", re.DOTALL)
_NOTHING: Final = frozenset({"null", "{}", "[]", '""'})

# Unicode's default-ignorable code points (zero-width, bidi controls, fillers, variation selectors, tags) and the
# interlinear marks: they show nothing, so text made of them can only hide something from a person.
_HIDDEN: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Prompt:
    """One version of one prompt.

    Attributes:
        name: ``"contribution/v1"``, or the stem of the file it came from.
        measure: What its scores mean.
        system: The rubric; constant.
        user: The template of the question, with slots.
        digest: SHA-256 of the file and the reply schema.
        schema: JSON schema of the reply; constant.
    """

    name: str
    measure: str
    system: str
    user: str
    digest: str
    schema: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def identity(self) -> str:
        """The name and what the name stood for."""
        return f"{self.name}@{self.digest[:12]}"

    def fill(self, values: Mapping[str, str]) -> str:
        """The question, each slot replaced once; what is put in is not looked at again.

        ``{{#reference}} ... {{/reference}}`` is left out where the slot holds nothing (null, or empty).

        Raises:
            InputError: A slot of the template has no value.
        """

        def value(match: re.Match[str]) -> str:
            name = match[1].strip()
            if name not in values:
                raise InputError(f"prompt {self.name}: the slot {match[0]} has no value; give one for {name!r}")
            return values[name]

        return _SLOT.sub(value, self._with_sections(self.shown(values)))

    @property
    def sections(self) -> frozenset[str]:
        """The slots that decide whether a part of the template is there."""
        return frozenset(match[1] for match in _SECTION.finditer(self.user))

    def shown(self, values: Mapping[str, str]) -> frozenset[str]:
        """The sections whose slot holds something."""
        return frozenset(name for name in self.sections if values.get(name, "null") not in _NOTHING)

    def pattern(self, shown: Collection[str]) -> tuple[tuple[str, ...], re.Pattern[str]]:
        """The slots of the template with these sections, in order, and a pattern that finds what filled them."""
        pieces = _SLOT.split(self._with_sections(shown))  # text, slot, text, slot, ..., text
        spelled = "(.*?)".join(re.escape(piece) for piece in pieces[::2])
        return tuple(name.strip() for name in pieces[1::2]), re.compile(spelled, re.DOTALL)

    def _with_sections(self, shown: Collection[str]) -> str:
        return _SECTION.sub(lambda match: match[2] if match[1] in shown else "", self.user)


def load_prompt(name: str | Path) -> Prompt:
    """Read a prompt by name (``"contribution/v1"``) or by path (``"./mine.md"``).

    Raises:
        InputError: There is no such prompt, it cannot be read, or its header, parts or slots are not in order.

    >>> load_prompt("contribution/v1").measure
    'contribution'
    """
    is_name = isinstance(name, str) and _NAME.fullmatch(name) is not None
    path = prompt_folder() / f"{name}.md" if is_name else Path(name)
    label = str(name) if is_name else path.stem
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        known = ", ".join(prompt_names())
        raise InputError(
            f"cannot read the prompt {str(name)!r} ({error}); give one of {known}, or a path such as ./mine.md"
        ) from error
    measure, system, user = _parts(label, text)
    schema = (prompt_folder() / measure / "reply.schema.json").read_text(encoding="utf-8")
    digest = hashlib.sha256(f"{text}\0{schema}".encode()).hexdigest()
    return Prompt(label, measure, system, user, digest, json.loads(schema))


def prompt_folder() -> Path:
    """Where the prompts that come with DCA lie: inside the wheel, or at the top of a checkout."""
    return next((folder for folder in _FOLDERS if folder.is_dir()), _FOLDERS[0])


def prompt_names() -> tuple[str, ...]:
    """The prompts that come with DCA, as ``family/version``."""
    found = (f"{path.parent.name}/{path.stem}" for path in prompt_folder().glob("*/*.md"))
    return tuple(sorted(name for name in found if _NAME.fullmatch(name)))


def _parts(name: str, text: str) -> tuple[str, str, str]:
    """Measure, rubric and template of a prompt file."""
    header = _HEADER.match(text)
    if header is None or header[1] not in PROMPT_MEASURES:
        wanted = " or ".join(f"<!-- measure: {measure} -->" for measure in PROMPT_MEASURES)
        raise InputError(f"prompt {name}: expected the first line {wanted}, got {text[:60].splitlines()[:1]}")
    system, line, user = text[header.end() :].partition(_USER)
    if not line or not system.strip():
        raise InputError(f"prompt {name}: expected a rubric, then the line {_USER.strip()}, then the question")
    if stray := _SLOT.search(system):
        raise InputError(f"prompt {name}: the rubric is constant; move the slot {stray[0]} below {_USER.strip()}")
    slots = {slot.strip() for slot in _SLOT.findall(_SECTION.sub(_always, user))}
    if unknown := sorted(slots - SLOTS):
        raise InputError(f"prompt {name}: unknown slot {unknown[0]!r}; there are {', '.join(sorted(SLOTS))}")
    always = {slot.strip() for slot in _SLOT.findall(_SECTION.sub("", user))}
    if missing := sorted(REQUIRED_SLOTS - always):
        raise InputError(f"prompt {name}: the slot {{{{{missing[0]}}}}} is missing; put it below {_USER.strip()}")
    return header[1], system.strip(), user.strip()


def _always(section: re.Match[str]) -> str:
    """A section as it stands where its slot holds something; the slot it asks about is named."""
    return f"{{{{{section[1]}}}}}{section[2]}"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One rollout as it is sent: cleaned, redacted, and named by a token of its own content."""

    token: str
    problem: str
    reference: str | None
    outcome: Mapping[str, object]
    steps: Mapping[str, str]
    authors: Mapping[str, str]


def attempt(transcript: Transcript, steps: Sequence[Step], redact: Redact | None = None) -> Attempt:
    """Lay out one rollout.

    The token is the first 8 hex digits of the SHA-256 of what is sent; a reply echoes it, so that a reply to
    another question is caught.
    """

    def safe(text: str) -> str:
        return clean(text) if redact is None else clean(redact(clean(text)))

    problem = safe(transcript.prompt)
    reference = None if transcript.reference is None else safe(transcript.reference)
    texts = {str(step.index): safe(step.text) for step in steps}
    authors = {str(step.index): clean(step.author) for step in steps if step.author != POLICY}
    outcome = {"reward": float(transcript.reward), "verdict": verdict(transcript.reward)}
    content = _json([problem, reference, outcome, texts, authors])
    token = hashlib.sha256(content.encode()).hexdigest()[:8]
    return Attempt(token, problem, reference, outcome, texts, authors)


def render(prompt: Prompt, attempts: Sequence[Attempt]) -> str:
    """The question about attempts at one problem; their order is that of their tokens, so it says nothing."""
    return prompt.fill(slot_values(attempts))


def slot_values(attempts: Sequence[Attempt]) -> dict[str, str]:
    """What each slot is filled with, as JSON."""
    sheets = {one.token: one for one in sorted(attempts, key=lambda one: one.token)}
    first = next(iter(sheets.values()))
    return {
        "problem": _json(first.problem),
        "reference": _json(first.reference),
        "outcomes": _json({token: one.outcome for token, one in sheets.items()}),
        "attempts": "[\n" + ",\n".join(map(_sheet, sheets.values())) + "\n]",
    }


def clean(text: str) -> str:
    """Without the characters nobody can see; lone surrogates, which no wire carries, become U+FFFD.

    >>> clean("4\\u200b2 \\u202eis\\u202c right")
    '42 is right'
    """
    return _SURROGATE.sub("\ufffd", _HIDDEN.sub("", text))


def verdict(reward: float) -> str:
    """What a reward says in words, for rewards that run from at most 0 (wrong) to 1 (right).

    >>> verdict(1.0), verdict(0.4), verdict(-1.0)
    ('right', 'partly right', 'wrong')
    """
    if reward >= 1.0:
        return "right"
    return "wrong" if reward <= 0.0 else "partly right"


def _sheet(one: Attempt) -> str:
    """One attempt as the reviewer sees it, a step to a line: recordings then differ line by line."""
    authors = f',\n  "authors": {_json(one.authors)}' if one.authors else ""
    steps = ",\n".join(f"   {_quoted(index)}: {_quoted(text)}" for index, text in one.steps.items())
    return f' {{\n  "transcript": {_json(one.token)},\n  "steps": {{\n{steps}\n  }}{authors}\n }}'


_json: Final = json.JSONEncoder(ensure_ascii=False).encode
"""JSON with readable Unicode."""

_quoted: Final = json.encoder.encode_basestring
"""The same for a text alone."""
