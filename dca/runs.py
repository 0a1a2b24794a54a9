"""One run of a reviewer over files: check everything first, then review, writing line by line, ready to go on.

Nothing is spent and nothing is written before the whole input was read and found good. A run that was stopped, by
Ctrl-C or by `kill -9`, leaves whole lines and perhaps one cut-off line; `resume` goes on behind them. This module
knows files and the spine; which reviewer and which scheme, its caller says.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from dca.assignments import LineWriter, is_stream, read_assignments, to_line, to_record
from dca.dispatch import name_of, signature
from dca.errors import FallbackRateError, InputError, PendingReply
from dca.pipeline import Progress, assign_many, check_measure
from dca.protocols import Detector, GroupDetector, Reviewer, Scheme, Segmenter
from dca.transcripts.fields import Fields, Grade, read_transcripts
from dca.transcripts.place import STDIN, BadRecord, source_name
from dca.types import Transcript

OnBad = Callable[[BadRecord], None]


@dataclass(frozen=True, slots=True)
class Source:
    """Which transcripts, and where in their records the fields lie.

    Attributes:
        paths: Files, or "-" for standard input.
        fields: Dotted paths of the fields.
        reward: The same reward for every row, instead of a field.
        grade: Pays the reward by comparing the completion with the reference, instead of a field.
        limit: Read no more than so many.
        skip_bad: Leave out records that cannot be used, instead of refusing the whole input.
        standard_input: A copy of standard input that can be read more than once.
    """

    paths: tuple[str, ...]
    fields: Fields = field(default_factory=Fields)
    reward: float | None = None
    grade: Grade | None = None
    limit: int | None = None
    skip_bad: bool = False
    standard_input: Path | None = None

    def transcripts(self, on_bad: OnBad | None = None, *, grade: bool = True) -> Iterator[Transcript]:
        """Read the transcripts, one at a time.

        Args:
            on_bad: Receives each refused record when `skip_bad` is set.
            grade: False reads without grading, to check an input quickly.
        """
        grader = self.grade if grade or self.grade is None else _ungraded
        report = (on_bad or _ignore) if self.skip_bad else None
        streams = (self._read(path, grader, report) for path in self.paths)
        return islice(chain.from_iterable(streams), self.limit)

    def _read(self, path: str, grader: Grade | None, report: OnBad | None) -> Iterator[Transcript]:
        kept = self.standard_input if path == STDIN else None
        name = source_name(path) if kept else None
        return read_transcripts(kept or path, self.fields, name=name, reward=self.reward, grade=grader, on_bad=report)


def _ungraded(_completion: str, _reference: str) -> float:
    return 0.0


def _ignore(_bad: BadRecord) -> None:
    return None


@contextmanager
def standard_input_kept(source: Source) -> Iterator[Source]:
    """The source with a temporary copy of standard input, if it reads that, so that it can be read twice."""
    if STDIN not in source.paths:
        yield source
        return
    with tempfile.TemporaryDirectory(prefix="dca-") as folder:
        kept = Path(folder) / "stdin"
        with kept.open("wb") as copy:
            shutil.copyfileobj(sys.stdin.buffer, copy)
        yield replace(source, standard_input=kept)


@dataclass(frozen=True, slots=True)
class Checked:
    """What the first reading found: how many transcripts can be used, and how many were refused."""

    good: int
    bad: int


def check(source: Source, refused: Path) -> Checked:
    """Read the whole input once, writing what is refused (with `skip_bad`) to a side file.

    Raises:
        InputError: The first thing that is wrong, naming file, line and field.
    """
    if source.skip_bad:
        refused.unlink(missing_ok=True)
    bad = 0

    def keep(record: BadRecord) -> None:
        nonlocal bad
        bad += 1
        raw = record.raw.decode("utf-8", "backslashreplace") if isinstance(record.raw, bytes) else record.raw
        with refused.open("ab") as side:
            row = {"source": record.source, "line": record.line, "error": record.message, "record": raw}
            side.write(to_line(row))

    good = sum(1 for _ in source.transcripts(keep, grade=False))
    if good == 0:
        raise InputError(f"{', '.join(source.paths)}: no transcript that can be reviewed ({bad} refused)")
    return Checked(good, bad)


@dataclass(frozen=True, slots=True)
class Judging:
    """Who judges, how judgement becomes credit, and how fast."""

    reviewer: Reviewer
    scheme: Scheme
    segmenter: Segmenter
    options: Mapping[str, Any]
    max_in_flight: int = 1
    max_fallback_rate: float | None = 0.5
    detector: Detector | None = None

    def __post_init__(self) -> None:
        check_measure(self.reviewer, self.scheme)

    def detector_for(self, source: Source) -> Detector | None:
        """The detector; one that learns from groups first reads the input once for itself, keeping only sums."""
        detector = self.detector
        if isinstance(detector, GroupDetector) and detector.wants_group:
            return detector.for_group(source.transcripts(), segmenter=self.segmenter)
        return detector


def review_to(
    path: Path,
    source: Source,
    judging: Judging,
    *,
    resume: bool = False,
    on_progress: Callable[[Progress], None] | None = None,
) -> Progress:
    """Review a checked input into a file, or go on with one.

    Returns:
        What was done in this call: rows, fallbacks and usage.

    Raises:
        InputError: The file to go on with was written from another input or with other settings.
        OSError: The file cannot be written; it then ends with its last whole line.
        FallbackRateError: More reviews failed than `judging.max_fallback_rate` allows, in the end or on the way.
    """
    writer = LineWriter(path, resume=resume)
    transcripts = source.transcripts()
    last, reason = Progress(), ""

    def note(progress: Progress) -> None:
        nonlocal last
        last = progress

    try:
        if resume:
            _skip_done(path, transcripts, judging)
        for assignment in assign_many(
            transcripts,
            judging.reviewer,
            scheme=judging.scheme,
            detector=judging.detector_for(source),
            segmenter=judging.segmenter,
            max_in_flight=judging.max_in_flight,
            max_fallback_rate=judging.max_fallback_rate,
            on_progress=note,
        ):
            writer.write(to_line(to_record(assignment, options=judging.options)))
            reason = assignment.fallback or reason
            if on_progress is not None:
                on_progress(last)
    finally:
        writer.close()
        if not is_stream(path) and not path.is_symlink() and path.stat().st_size == 0:
            path.unlink()  # a run that never got to its first row leaves nothing
    if judging.max_fallback_rate is not None and last.fallback_rate > judging.max_fallback_rate:
        raise FallbackRateError(f"{last.fallbacks} of {last.done} reviews failed; the last reason: {reason}")
    return last


def awaited(source: Source, judging: Judging) -> int:
    """How many rows wait for a reply that a person is to write. Asking writes the questions down."""
    rows = assign_many(
        source.transcripts(),
        judging.reviewer,
        segmenter=judging.segmenter,
        max_fallback_rate=None,
        scheme=judging.scheme,
    )
    return sum((row.fallback or "").startswith(PendingReply.__name__) for row in rows)


def done_rows(path: Path) -> int:
    """How many rows a file holds; its last line may be cut off, and there may be no file yet."""
    if is_stream(path) or not path.is_file():
        return 0
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


def _skip_done(path: Path, transcripts: Iterator[Transcript], judging: Judging) -> None:
    """Pass over the rows that are done, making sure that they are these rows, judged this way."""
    if path.stat().st_size == 0:
        return
    asked = {"scheme": name_of(judging.scheme), "options": dict(judging.options)}
    for record, transcript in zip(read_assignments(str(path)), transcripts, strict=False):
        if (record["id"], record["completion"]) != (transcript.id, transcript.completion):
            raise InputError(
                f"{path}: id: row {record['id']!r} is not the input's row {transcript.id!r}; "
                f"resume with the same input, or write to another file"
            )
        was = {key: record[key] for key in asked}
        if was != asked or record["reviewer"] != signature(judging.reviewer):
            raise InputError(
                f"{path}: written with {record['reviewer']} and {was}, not with {signature(judging.reviewer)} and "
                f"{asked}; resume with the same settings, or write to another file"
            )
