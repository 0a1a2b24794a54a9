"""The run's log of assignments: one file for each rank, in the output contract, so that a live run can be looked at.

A run that goes on from a checkpoint first moves the rows of the abandoned attempt aside: nothing is lost, and nothing
is counted twice. This module knows files and records; it does not know what a review is.
"""

from __future__ import annotations

import json
import logging
import re
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from dca.assignments import LineWriter, to_line
from dca.usage import Tally, Usage

LOG: Final = logging.getLogger("dca")

ASIDE: Final = "earlier"
"""The folder, inside the log's folder, that rows of an abandoned attempt are moved to."""


class Journal:
    """Appends records to ``{folder}/{stem}-rank{rank}.jsonl``, which is opened when the first one comes.

    A file that cannot be written is reported once and left alone from then on: a full disk costs the log, not the
    run.

    Args:
        folder: Where the files of all ranks lie; made when it is needed.
        rank: Whose file this is.
        stem: What the files are called.
    """

    def __init__(self, folder: Path, *, rank: int, stem: str = "assignments") -> None:
        self.path = folder / f"{stem}-rank{rank}.jsonl"
        self._writer: LineWriter | None = None
        self._broken = False

    def write(self, record: Mapping[str, Any]) -> None:
        """Append one record."""
        if self._broken:
            return
        try:
            if self._writer is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._writer = LineWriter(self.path, resume=self.path.exists())
                self._closing = weakref.finalize(self, self._writer.close)  # a run that dies leaves no open file
            self._writer.write(to_line(record))
        except OSError as error:
            self._broken = True
            LOG.warning("%s cannot be written (%s), so reviews are no longer logged there", self.path, error)

    def close(self) -> None:
        """Close the file; the next record opens it again."""
        if self._writer is not None:
            self._closing()
            self._writer = None


def set_aside(folder: Path, *, step: int, rank: int, world: int, stem: str = "assignments") -> Usage:
    """Move the rows that a run beginning at `step` will write anew out of this rank's file.

    Rows of earlier steps stay. The others, and what is no whole row, are appended to a file of the same name in the
    folder `ASIDE`. Rank 0 also looks after files of ranks there are no more.

    Args:
        folder: The log's folder; it need not be there yet.
        step: Optimizer steps done when the run begins.
        rank: Whose file to look at.
        world: How many ranks there are.
        stem: What the files are called.

    Returns:
        What the rows that were moved had cost.
    """
    spent = Tally()
    for path in folder.glob(f"{stem}-rank*.jsonl"):
        named = re.fullmatch(rf"{re.escape(stem)}-rank(\d+)\.jsonl", path.name)
        owner = int(named[1]) if named else -1
        if owner == rank or (rank == 0 and owner >= world):
            _part(path, folder / ASIDE / path.name, step, spent)
    return spent.total


def _part(path: Path, aside: Path, step: int, spent: Tally) -> None:
    """Leave the rows before `step` in a file and append the rest to another."""
    kept = path.with_name(f".{path.name}.kept")
    moved = 0
    with path.open("rb") as lines, kept.open("wb") as before:
        for line in lines:
            row = _row(line)
            if row is not None and int(row.get("train_step", 0)) < step:
                before.write(line)
                continue
            aside.parent.mkdir(exist_ok=True)
            with aside.open("ab") as after:
                after.write(line if line.endswith(b"\n") else line + b"\n")
            moved += 1
            if row is not None:
                spent.add(_usage(row))
    if not moved:
        kept.unlink()
    elif kept.stat().st_size:
        kept.replace(path)
    else:
        kept.unlink()
        path.unlink()
    if moved:
        LOG.info("%s: %d rows of an earlier attempt, from step %d on, were moved to %s", path, moved, step, aside)


def _row(line: bytes) -> dict[str, Any] | None:
    """The record on a line; None where it is no whole record."""
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) and line.endswith(b"\n") else None


def _usage(row: Mapping[str, Any]) -> Usage:
    known = Usage.__dataclass_fields__
    return Usage(**{name: value for name, value in row.get("usage", {}).items() if name in known})
