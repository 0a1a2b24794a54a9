"""Parquet: the rows of a table, one at a time, through pyarrow (the extra ``parquet``).

This module knows pyarrow's reader; it does not know what a row should hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Final, TypeVar

from dca.errors import InputError
from dca.transcripts.place import BadRecord, Located, one_line

BATCH: Final = 256
"""Rows turned into Python objects at a time."""

T = TypeVar("T")


def table_rows(file: BinaryIO, source: str) -> Iterator[Located | BadRecord]:
    """The rows of a Parquet file; row n is told as line n.

    Raises:
        InputError: pyarrow is not installed, or the file is damaged.
    """
    arrow, number = _pyarrow(source), 0

    def told(call: Callable[[], T]) -> T:
        try:
            return call()
        except (arrow.ArrowException, OSError) as error:
            reason = one_line(" ".join(str(error).split())[:120])
            raise InputError(
                f"{source}:{number + 1}: expected Parquet, got damaged data ({reason}); write the file again"
            ) from error

    batches = told(lambda: arrow.parquet.ParquetFile(file).iter_batches(batch_size=BATCH))
    while (batch := told(lambda: next(batches, None))) is not None:
        for value in told(lambda: _values(batch)):
            number += 1
            if isinstance(value, dict):
                yield Located(source, number, value, number)
            else:
                yield BadRecord(source, number, f"{source}:{number}: {value}", "")


def _values(batch: Any) -> list[dict[str, Any] | str]:
    """A batch as records; where a string is not UTF-8, the complaint in the record's stead."""
    try:
        rows: list[dict[str, Any] | str] = batch.to_pylist()
    except UnicodeDecodeError as error:
        if batch.num_rows > 1:
            return [value for k in range(batch.num_rows) for value in _values(batch.slice(k, 1))]
        byte = error.object[error.start]
        rows = [f"expected UTF-8, got 0x{byte:02x} at byte {error.start + 1} of a string; write it as UTF-8"]
    return rows


def _pyarrow(source: str) -> Any:
    # Imported here and not above: pyarrow is an extra, and only whoever reads Parquet should need or load it.
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise InputError(
            f"{source}: expected pyarrow to read Parquet, which is not installed; pip install 'dca-rl[parquet]'"
        ) from error
    return pyarrow
