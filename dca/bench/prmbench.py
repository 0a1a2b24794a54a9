"""PRMBench's redundancy and circularity sets as labelled transcripts.

Source: PRMBench (2025, arXiv 2501.03124), files ``*redundency*.jsonl`` and ``*circular*.jsonl`` of ssmisya/PRMBench
(Apache-2.0). What they call erroneous steps were planted by a language model into solutions of PRM800K; the labels
say nothing of which steps are verification. It knows these files and nothing of who is benched.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from dca.bench.labelled import Labelled, Truth
from dca.credit.segment import segment
from dca.errors import InputError
from dca.transcripts.fields import Fields, to_transcript
from dca.transcripts.place import Located, within
from dca.transcripts.records import read_records

SETS: Final = {"prmbench redundancy": "*redun*.jsonl", "prmbench circularity": "*circular*.jsonl"}
"""The sets, and what their files are called."""

_FIELDS: Final = Fields(prompt="modified_question", completion="modified_process", id="idx")


def prmbench(folder: Path) -> dict[str, list[Labelled]]:
    """The sets that a folder, or its sub-folder ``prmbench``, holds.

    Raises:
        InputError: It holds neither.
    """
    places = [place for place in (folder, folder / "prmbench") if place.is_dir()]
    found = {
        name: [case for path in sorted(place.glob(pattern)) for case in _rows(path)]
        for name, pattern in SETS.items()
        for place in places
        if any(place.glob(pattern))
    }
    if not found:
        raise InputError(f"{folder}: expected {' or '.join(SETS.values())}, found none; name the folder of PRMBench")
    return found


def _rows(path: Path) -> Iterator[Labelled]:
    for located in read_records(path):
        yield planted(located)


def planted(located: Located) -> Labelled:
    """One record: `error_steps` counts from 1 in `modified_process`; whether the answer is right is not said."""
    record: dict[str, Any] = located.value
    transcript = to_transcript(located, _FIELDS, reward=1.0)
    steps = segment(transcript, "turns", max_steps=10**6)
    marked = record.get("error_steps")
    with within(f"{located.source}:{located.line}"):
        if not isinstance(marked, list) or not all(type(k) is int for k in marked):
            raise InputError(f"error_steps: expected a list of step numbers, got {marked!r}")
    truth = tuple(Truth(None, k + 1 in marked, None) for k in range(len(steps)))
    return Labelled(transcript, steps, truth, problem=str(record.get("original_question") or transcript.prompt))
