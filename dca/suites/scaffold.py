"""A new case from a transcript: the two files, with what a person has still to say left open.

It does not guess what a review must show; a case that repeats a reviewer's own verdict measures nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from dca.backends.shelf import write_whole
from dca.credit.segment import segment
from dca.errors import InputError
from dca.suites.case import EXPECT, TRANSCRIPT, tiled, to_json, valid_name
from dca.types import POLICY, Step, Transcript

BLANK: Final[Mapping[str, Any]] = {"about": "", "domain": "unnamed", "skills": [], "checks": []}


def new_case(folder: Path, transcript: Transcript, steps: Sequence[Step] = ()) -> tuple[Step, ...]:
    """Write the two files of a case.

    Args:
        folder: The case's folder; its name is the case's name.
        transcript: The rollout.
        steps: How it is cut; unless told, as `dca review` would cut it.

    Returns:
        The steps, as they are numbered now.

    Raises:
        InputError: There is a case already, or the folder's name cannot name one.
    """
    if not valid_name(folder.name):
        raise InputError(f"{folder}: expected a name of lower-case letters, digits, - and _; rename the folder")
    if (folder / TRANSCRIPT).exists() or (folder / EXPECT).exists():
        raise InputError(f"{folder}: there is a case already; choose another name, or remove it first")
    cut = tuple(steps) or segment(transcript)
    write_whole(folder / TRANSCRIPT, spelled(to_json(transcript, cut)))
    write_whole(folder / EXPECT, spelled(BLANK))
    return cut


def cut_as_reviewed(record: Mapping[str, Any], transcript: Transcript) -> tuple[Transcript, tuple[Step, ...]]:
    """The transcript and the steps of a line that `dca review` wrote, so that numbers stay what they were."""
    pieces = [(str(step["text"]), str(step.get("author", POLICY))) for step in record["steps"]]
    text, spans = tiled(pieces)
    cut = replace(transcript, completion=text, spans=spans)
    return cut, segment(cut)


def spelled(value: object) -> str:
    """JSON that a person edits: two-space indent, readable Unicode."""
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"
