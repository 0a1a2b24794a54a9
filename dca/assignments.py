"""The output contract: one assignment a line, in and out, with all that is needed to split the reward anew.

A line holds the review itself (scores, labels, links), so other schemes and options can be tried for free.
The fields are described by `dca/data/assignment.schema.json`. This module knows records and files, no reviewer.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import RawIOBase
from pathlib import Path
from typing import Any, Final

from dca.credit.schemes import uniform
from dca.errors import DCAError, InputError
from dca.protocols import Scheme
from dca.transcripts.folder import read_folder
from dca.transcripts.records import read_records
from dca.types import POLICY, Assignment, Finding, Review, Row, balances

SCHEMA_VERSION: Final = 1
_NEEDED: Final = ("id", "completion", "reward", "steps", "unassigned", "scheme", "verification", "schema_version")


def to_record(assignment: Assignment, *, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """An assignment as one line of the output contract.

    Args:
        assignment: A settled row.
        options: The scheme's options and the name of the segmentation, kept so that a reader can repeat them.
    """
    transcript, review = assignment.transcript, assignment.review
    rows = zip(
        assignment.steps,
        review.scores,
        review.labels,
        assignment.credits.values,
        review.reasons,
        review.links,
        strict=True,
    )
    return {
        "schema_version": SCHEMA_VERSION,
        "id": transcript.id,
        "prompt": transcript.prompt,
        "completion": transcript.completion,
        "reward": transcript.reward,
        "reference": transcript.reference,
        "steps": [
            {
                "index": step.index,
                "start": step.start,
                "stop": step.stop,
                "text": step.text,
                "author": step.author,
                "score": score,
                "label": label,
                "credit": credit,
                "reason": reason,
                "of": link,
            }
            for step, score, label, credit, reason, link in rows
        ],
        "findings": [dataclasses.asdict(finding) for finding in assignment.findings],
        "shortest": list(review.shortest),
        "verification": [k for k, neutral in enumerate(assignment.verification) if neutral],
        "unassigned": assignment.credits.unassigned,
        "fallback": assignment.fallback,
        "reviewer": review.reviewer,
        "measure": review.measure,
        "baseline": review.baseline,
        "scheme": assignment.scheme,
        "options": dict(options or {}),
        "usage": dataclasses.asdict(assignment.usage),
        **({"raw": [list(turn) for turn in review.trace]} if review.trace else {}),
    }


def row_of(record: Mapping[str, Any]) -> Row:
    """The row a scheme needs, from a stored line; no reviewer is asked.

    Raises:
        ReviewError: The stored review is not one.
        KeyError: A field is missing; lines that `read_assignments` gave have them all.
    """
    steps = record["steps"]
    review = Review(
        scores=tuple(step["score"] for step in steps),
        labels=tuple(step["label"] for step in steps),
        links=tuple(step.get("of") for step in steps),
        reasons=tuple(step["reason"] for step in steps),
        shortest=tuple(record.get("shortest", ())),
        measure=record.get("measure", "contribution"),
        baseline=record.get("baseline"),
        reviewer=record.get("reviewer", ""),
    )
    neutral = frozenset(record["verification"])
    return Row(
        review=review,
        lengths=tuple(step["stop"] - step["start"] if step["author"] == POLICY else 0 for step in steps),
        verification=tuple(k in neutral for k in range(len(steps))),
        findings=tuple(
            Finding(f["kind"], tuple(f["steps"]), f["confidence"], tuple(f["evidence"]))
            for f in record.get("findings", ())
        ),
        amount=record["reward"],
    )


def recompute(record: Mapping[str, Any], scheme: Scheme, *, name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The line as another scheme would have written it; a row that fell back stays token-uniform."""
    row = row_of(record)
    credits = (scheme(row) if record.get("fallback") is None else uniform(row)).credits
    steps = [{**step, "credit": c} for step, c in zip(record["steps"], credits.values, strict=True)]
    return {**record, "steps": steps, "unassigned": credits.unassigned, "scheme": name, "options": dict(options)}


def read_assignments(path: str) -> Iterator[dict[str, Any]]:
    """The lines that `dca review` or a training run wrote, checked: fields present, ledger balanced.

    Args:
        path: A file, ``-`` for standard input, or the folder a training run logs to; see
            `dca.transcripts.folder.read_folder`.

    Raises:
        InputError: Names file, line and field.
    """
    for located in read_folder(Path(path)) if Path(path).is_dir() else read_records(path):
        where = f"{located.source}:{located.line}"
        record = located.value
        missing = [field for field in _NEEDED if field not in record]
        if missing:
            raise InputError(f"{where}: {missing[0]}: not there, so this is no line of `dca review`; run that first")
        if record["schema_version"] != SCHEMA_VERSION:
            raise InputError(
                f"{where}: schema_version: expected {SCHEMA_VERSION}, got {record['schema_version']!r}; "
                f"use the version of DCA that wrote the file"
            )
        try:
            row_of(record)
            paid = [step["credit"] for step in record["steps"]]
            balanced = balances(paid, record["unassigned"], record["reward"])
        except (KeyError, TypeError, ValueError, DCAError) as error:
            raise InputError(
                f"{where}: steps: {type(error).__name__}: {error}; the line was changed by hand"
            ) from error
        if not balanced:
            raise InputError(f"{where}: steps: the credits do not add up to the reward; the line was changed by hand")
        yield record


def to_line(record: Mapping[str, Any]) -> bytes:
    """A record as one line of UTF-8; text that UTF-8 cannot hold (lone surrogates) is escaped instead."""
    try:
        return json.dumps(record, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    except UnicodeEncodeError:
        return json.dumps(record, allow_nan=False).encode() + b"\n"


def is_stream(path: Path) -> bool:
    """Whether a path names a pipe, a device or one of this process's own outputs: never cut, replaced or removed.

    A redirected /dev/stdout looks like the file behind it, and is one all the same.
    """
    return path.absolute().is_relative_to("/dev") or (path.exists() and not path.is_file() and not path.is_dir())


class LineWriter:
    """Appends whole lines to a file, unbuffered: what is on disk is valid lines, and after a kill one cut-off line.

    Args:
        path: Where to write; a device such as /dev/stdout will do.
        resume: Go on after the last whole line of a file that is there. Otherwise the first line replaces what the
            file held; until there is one, nothing is lost.
    """

    def __init__(self, path: Path, *, resume: bool = False) -> None:
        self._file = path.open("r+b" if resume else "ab", buffering=0)
        self._regular = not is_stream(path)
        self._good = _end_of_last_line(self._file) if resume else 0
        self._fresh = not resume
        if resume:
            self._drop_rest()

    def write(self, line: bytes) -> None:
        """Append one line; a write that fails leaves no part of the line behind."""
        rest = memoryview(line)
        if self._fresh:
            self._drop_rest()
            self._fresh = False
        try:
            while rest:
                rest = rest[self._file.write(rest) or 0 :]
        except BaseException:
            self._drop_rest()
            raise
        self._good += len(line)

    def _drop_rest(self) -> None:
        """Cut the file back to its last whole line."""
        if self._regular:
            self._file.truncate(self._good)
            self._file.seek(self._good)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


@contextmanager
def whole_file(path: Path) -> Iterator[LineWriter]:
    """A writer whose file appears under its name when the block has ended well, and not at all otherwise."""
    partial = path if is_stream(path) else path.with_name(f".{path.name}.partial")
    writer = LineWriter(partial)
    try:
        yield writer
        writer.close()
        if partial != path:
            partial.replace(path)
    except BaseException:
        writer.close()
        if partial != path:
            partial.unlink(missing_ok=True)
        raise


def _end_of_last_line(file: RawIOBase, block: int = 1 << 16) -> int:
    """The offset just past the last line break, found from the end."""
    at = file.seek(0, os.SEEK_END)
    while at > 0:
        start = max(0, at - block)
        file.seek(start)
        found = (file.read(at - start) or b"").rfind(b"\n")
        if found >= 0:
            return start + found + 1
        at = start
    return 0
