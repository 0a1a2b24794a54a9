"""Versions of prompts: what there is, a new one to edit, what is wrong with one, and its release.

A released version never changes: `digests.json` beside the prompts holds the SHA-256 of every released file. This
module knows prompt files; it does not know recordings, or how good a prompt is.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dca.backends.shelf import write_whole
from dca.errors import InputError
from dca.estimate import count_tokens
from dca.review.prompts import Prompt, load_prompt, prompt_folder, prompt_names
from dca.review.reply import schema_faults
from dca.types import LABELS

SMALLEST_CACHED: Final = 512
"""Tokens below which no provider's prompt cache keeps a rubric (the provider's documentation, 2026)."""

LARGEST: Final = 4_000
"""Tokens of a rubric above which it costs more than most rollouts it judges."""

_DIGESTS: Final = "digests.json"
_VERSION: Final = re.compile(r"(?P<family>[a-z][a-z0-9_-]*)/v(?P<number>[0-9]+)")
_EXAMPLE: Final = re.compile(r'^\{"attempts":.*\}$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Version:
    """One prompt that comes with DCA.

    Attributes:
        prompt: Itself.
        state: "released", "draft" (not in the digests) or "changed" (in the digests, and not what was released).
        tokens: About how many tokens its rubric takes.
    """

    prompt: Prompt
    state: str
    tokens: int


def versions() -> tuple[Version, ...]:
    """All prompts that come with DCA, by family and number."""
    return tuple(version(name) for name in sorted(prompt_names(), key=_natural))


def version(name: str) -> Version:
    """One prompt by name or path, and where it stands.

    Raises:
        InputError: There is no such prompt, or it is not in order.
    """
    prompt = load_prompt(name)
    return Version(prompt, state_of(name), count_tokens(prompt.system))


def state_of(name: str) -> str:
    """Whether a prompt is "released", "changed" since, or a "draft"; one's own file is always a draft."""
    if not _VERSION.fullmatch(name):
        return "draft"
    known = _read_digests().get(f"{name}.md")
    if known is None:
        return "draft"
    return "released" if known == _digest(prompt_path(name)) else "changed"


def prompt_path(name: str) -> Path:
    """The file of a prompt by name or path."""
    return prompt_folder() / f"{name}.md" if _VERSION.fullmatch(name) else Path(name)


def new_version(name: str, *, source: str) -> Path:
    """Copy a prompt to a new file, to be edited.

    Args:
        name: ``"contribution/v2"`` (in a checkout), or a path such as ``"./mine.md"``.
        source: The prompt to begin with, by name or path.

    Raises:
        InputError: There is a file already, the number is not the next one, or the package cannot be written to.
    """
    load_prompt(source)  # refuses what is not in order
    path = prompt_path(name)
    if path.exists():
        raise InputError(f"{path}: there already; versions are not overwritten, take the next number")
    if match := _VERSION.fullmatch(name):
        taken = [_natural(one)[1] for one in prompt_names() if one.startswith(f"{match['family']}/")]
        following = max(taken, default=0) + 1
        if int(match["number"]) != following:
            raise InputError(f"{name}: the next version of {match['family']} is {match['family']}/v{following}")
        if not (prompt_folder() / _DIGESTS).is_file() or "site-packages" in prompt_folder().parts:
            raise InputError(
                f"{name}: named versions are made in a checkout of DCA; here, give a path such as ./mine.md"
            )
    elif path.suffix != ".md":
        raise InputError(f"{name}: expected a name such as contribution/v2, or a path that ends in .md")
    write_whole(path, prompt_path(source).read_text(encoding="utf-8"))
    return path


def release(name: str) -> str:
    """Write a version's digest down: from now on it may not change. Returns the digest.

    Raises:
        InputError: It is no named version, was released before with other content, or has faults.
    """
    if not _VERSION.fullmatch(name):
        raise InputError(f"{name}: only named versions such as contribution/v2 are released")
    if state_of(name) == "changed":
        raise InputError(
            f"{name}: released before, and changed since; undo the change, and edit a new version instead"
        )
    if faults := tuple(fault for fault in lint_prompt(name) if fault.wrong):
        raise InputError(f"{name}: {faults[0].what}; mend it first, see `dca prompts lint {name}`")
    digests = _read_digests()
    schema = f"{load_prompt(name).measure}/reply.schema.json"
    for file in (f"{name}.md", schema):
        found = _digest(prompt_folder() / file)
        if digests.setdefault(file, found) != found:
            raise InputError(f"{file}: released before, and changed since; undo the change")
    write_whole(prompt_folder() / _DIGESTS, json.dumps(dict(sorted(digests.items())), indent=1) + "\n")
    return digests[f"{name}.md"]


@dataclass(frozen=True, slots=True)
class PromptFault:
    """One thing that is wrong with a prompt (it must be mended) or doubtful (it may be meant)."""

    what: str
    wrong: bool = True


def lint_prompt(name: str) -> tuple[PromptFault, ...]:
    """What is wrong with a prompt, by name or path."""
    try:
        prompt = load_prompt(name)
    except InputError as error:
        return (PromptFault(str(error)),)
    return tuple(_faults(name, prompt))


def _faults(name: str, prompt: Prompt) -> Iterator[PromptFault]:
    if state_of(name) == "changed":
        yield PromptFault("released, and changed since; undo the change, and edit a new version instead")
    tokens = count_tokens(prompt.system)
    if tokens < SMALLEST_CACHED:
        yield PromptFault(f"the rubric takes about {tokens} tokens; below {SMALLEST_CACHED} no cache keeps it", False)
    if tokens > LARGEST:
        yield PromptFault(f"the rubric takes about {tokens} tokens, more than most rollouts it will judge", False)
    yield from _unnamed(prompt)
    for k, example in enumerate(_EXAMPLE.findall(prompt.system), start=1):
        yield from _faults_of_example(example, k, prompt)
    if "attempts" not in prompt.system or "transcript" not in prompt.system:
        yield PromptFault("the rubric does not name `attempts` and `transcript`, which every reply must hold")


def _unnamed(prompt: Prompt) -> Iterator[PromptFault]:
    """Labels that the reply may hold and the rubric never speaks of."""
    if prompt.measure != "contribution":
        return
    for label in LABELS:
        if f"`{label}`" not in prompt.system:
            yield PromptFault(f"the rubric never says what `{label}` means, and the reply may hold it", False)


def _faults_of_example(example: str, k: int, prompt: Prompt) -> Iterator[PromptFault]:
    """An example of a reply that breaks the form it teaches."""
    try:
        document: Any = json.loads(example)
    except ValueError as error:
        yield PromptFault(f"example reply {k} is no JSON: {error}")
        return
    faults: Sequence[str] = [fault for found in schema_faults(document, prompt.schema).values() for fault in found]
    if faults:
        yield PromptFault(f"example reply {k} breaks the form it teaches: {faults[0]}")


def _read_digests() -> dict[str, str]:
    path = prompt_folder() / _DIGESTS
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_text(encoding="utf-8").encode()).hexdigest()


def _natural(name: str) -> tuple[str, int]:
    """The order of versions: v2 before v10."""
    match = _VERSION.fullmatch(name)
    return (match["family"], int(match["number"])) if match else (name, 0)
