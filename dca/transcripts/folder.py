"""The records of a folder of JSON lines, in one stream: the log of a training run, one file for each rank.

The files may still be written to. This module knows files and the field that orders them; it does not know what else
a record holds.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from dca.errors import InputError
from dca.transcripts.place import TOO_LONG, BadRecord, Located, source_name
from dca.transcripts.records import read_records

STEP: Final = "train_step"
"""The field that says at which optimizer step a record was made; it never falls within a file."""

_RANK: Final = re.compile(r"-rank(\d+)\.jsonl")


def read_folder(folder: Path) -> Iterator[Located]:
    """The records of all ranks, merged: by step, then by rank, then as they stand in their file.

    Reads ``assignments-rank*.jsonl``, or any ``*.jsonl`` where there are none. Memory stays flat. The last line of a
    file may be cut off, as in a file that is being written, and is then left out.

    Args:
        folder: Its sub-folders are not read.

    Raises:
        InputError: There is no record, or a line is not what it must be; names file and line.
    """
    files = sorted(folder.glob("assignments-rank*.jsonl") or (), key=_order) or sorted(folder.glob("*.jsonl"))
    filled = [file for file in files if file.stat().st_size]
    if not filled:
        raise InputError(
            f"{source_name(str(folder))}: expected a folder with assignments-rank*.jsonl, got "
            f"{'empty files' if files else 'none'}; a training run logs to the folder dca in its output folder"
        )
    return heapq.merge(*map(_records, filled), key=_step)


def _order(file: Path) -> tuple[int, str]:
    rank = _RANK.search(file.name)
    return (int(rank[1]) if rank else -1, file.name)


def _step(located: Located) -> int:
    step = located.value.get(STEP)
    return step if isinstance(step, int) else 0


def _records(file: Path) -> Iterator[Located]:
    return read_records(file, on_bad=_refuse)


def _refuse(bad: BadRecord) -> None:
    """Raise for a bad line, unless it is one that is still being written."""
    whole = isinstance(bad.raw, str) or bad.raw.endswith(b"\n")
    if whole or bad.message.endswith(TOO_LONG):
        raise InputError(bad.message)
