"""Labelled sets from a file, a folder or rows at hand; the format of a record is told by its fields, not by names.

It knows the published formats, where each is from and under which licence; it knows no reviewer and no measure.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from dca.bench.labelled import Labelled
from dca.bench.mistakes import (
    Solution,
    bigbench,
    is_bigbench,
    is_mr_ben,
    is_processbench,
    mr_ben,
    processbench,
)
from dca.bench.prmbench import planted
from dca.errors import InputError
from dca.transcripts.place import Located
from dca.transcripts.source import open_source

PIECES: Final = (".json", ".jsonl", ".json.gz", ".jsonl.gz")


@dataclass(frozen=True, slots=True)
class Card:
    """What is to be said of a set wherever its figures are shown."""

    title: str
    paper: str
    licence: str
    home: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """One labelled set, or a part of one that is scored by itself.

    Attributes:
        name: What tables call it.
        card: Where it is from.
        rows: `Solution`s, where the first mistake is known; `Labelled`, where wrong or needless steps were planted.
        accuses: For planted steps, the labels that accuse one.
        total: How many rows it has, where only some were drawn.
    """

    name: str
    card: Card
    rows: tuple[Solution, ...] | tuple[Labelled, ...]
    accuses: frozenset[str] = frozenset()
    total: int = 0

    @property
    def solutions(self) -> tuple[Solution, ...]:
        """Its rows, where the first mistake is known."""
        return tuple(row for row in self.rows if isinstance(row, Solution))

    @property
    def labelled(self) -> tuple[Labelled, ...]:
        """Its rows, where steps were planted."""
        return tuple(row for row in self.rows if isinstance(row, Labelled))


PROCESSBENCH: Final = Card("ProcessBench", "arXiv 2412.06559", "Apache-2.0", "Qwen/ProcessBench")
BIGBENCH: Final = Card("BIG-Bench Mistake", "arXiv 2311.08516", "Apache-2.0", "WHGTyen/BIG-Bench-Mistake")
MR_BEN: Final = Card("MR-Ben", "arXiv 2406.13975", "MIT", "dvlab-research/Mr-Ben")
PRMBENCH: Final = Card("PRMBench", "arXiv 2501.03124", "Apache-2.0", "ssmisya/PRMBench")

_NEEDLESS: Final = frozenset({"needless_check", "filler"})
_MISTAKES: Final = frozenset({"error", "staged_mistake"})
ACCUSES: Final[Mapping[str, frozenset[str]]] = {"redundency": _NEEDLESS, "circular": _NEEDLESS | _MISTAKES}
"""Which labels accuse a step, by PRMBench's classes; in all others those of a mistake."""

_Found = tuple[str, Card, frozenset[str], Solution | Labelled]


def read_sets(path: Path) -> list[Dataset]:
    """The sets in a file, or in the files of a folder and of its folders.

    Raises:
        InputError: There is no such path, or none of its files holds a set in a format that is known.
    """
    if not path.exists():
        raise InputError(f"{path}: expected a file or folder with labelled sets, found none there")
    files = [path] if path.is_file() else sorted(_files(path))
    found = [dataset for file in files for dataset in sets_of(_records(file), file.name.partition(".")[0])]
    if not found:
        titles = ", ".join(card.title for card in (PROCESSBENCH, MR_BEN, BIGBENCH, PRMBENCH))
        raise InputError(f"{path}: expected files of {titles}, found none; name the folder that holds them")
    return merged(found)


def sets_of(records: Iterable[Located], name: str) -> list[Dataset]:
    """The sets among records; records of no known format are passed over.

    Args:
        records: With where each stands.
        name: What a set is called whose records do not say it: the file or the split they are from.

    Raises:
        InputError: A record has the fields of a format and not what belongs in them; names file and line.
    """
    parts: dict[str, list[_Found]] = {}
    for located in records:
        row = _row(located, name)
        if row is not None:
            parts.setdefault(row[0], []).append(row)
    return [_dataset(rows) for rows in parts.values()]


def drawn(dataset: Dataset, limit: int | None, seed: int) -> Dataset:
    """So many rows of a set, drawn at random and kept in order; all of it where there is no limit."""
    total = len(dataset.rows)
    if limit is None or limit >= total:
        return replace(dataset, total=total)
    places = sorted(random.Random(f"{seed}:{dataset.name}").sample(range(total), limit))
    rows: Any = tuple(dataset.rows[k] for k in places)
    return replace(dataset, rows=rows, total=total)


def told(dataset: Dataset, what: str) -> Dataset:
    """A set whose outcomes are told as they are ("true"), or of which all are told to be "right" or "wrong"."""
    if what == "true":
        return dataset
    reward = {"right": 1.0, "wrong": 0.0}[what]
    rows: Any = tuple(replace(row, transcript=replace(row.transcript, reward=reward)) for row in dataset.rows)
    return replace(dataset, rows=rows)


def _row(located: Located, name: str) -> _Found | None:
    """One record by its format; None where it has none that is known."""
    record = located.value
    formats: Sequence[tuple[Callable[[Mapping[str, Any]], bool], Callable[[], _Found]]] = (
        (is_processbench, lambda: _processbench(record, located)),
        (is_bigbench, lambda: (f"bbm {name.replace('_', ' ')}", BIGBENCH, frozenset(), bigbench(record, located.id))),
        (is_mr_ben, lambda: (_subject(record), MR_BEN, frozenset(), mr_ben(record, located.id))),
        (_is_prmbench, lambda: _prmbench(located)),
    )
    for fits, read in formats:
        if fits(record):
            try:
                return read()
            except InputError as error:
                where = f"{located.source}:{located.line}"
                raise InputError(str(error) if where in str(error) else f"{where}: {error}") from error
    return None


def _processbench(record: Mapping[str, Any], located: Located) -> _Found:
    """Its parts are told by the ids: gsm8k-0, math-12."""
    part = str(record.get("id", "")).rpartition("-")[0]
    return f"processbench {part}".rstrip(), PROCESSBENCH, frozenset(), processbench(record, located.id)


def _subject(record: Mapping[str, Any]) -> str:
    """Its parts are told by the subjects: college_math and high_school_math are math."""
    return f"mr-ben {str(record.get('Subject') or '').rpartition('_')[2]}".rstrip()


def _is_prmbench(record: Mapping[str, Any]) -> bool:
    return {"modified_question", "modified_process", "error_steps"} <= record.keys()


def _prmbench(located: Located) -> _Found:
    kind = str(located.value.get("classification", ""))
    name = {"redundency": "redundancy"}.get(kind, kind.replace("_", " "))
    return f"prmbench {name}".rstrip(), PRMBENCH, ACCUSES.get(kind, _MISTAKES), planted(located)


def _dataset(rows: Sequence[_Found]) -> Dataset:
    name, card, accuses, _ = rows[0]
    cases: Any = tuple(row[3] for row in rows)
    return Dataset(name, card, cases, accuses, len(cases))


def merged(sets: Iterable[Dataset]) -> list[Dataset]:
    """One set for each name, whatever files its rows came from."""
    named: dict[str, Dataset] = {}
    for one in sets:
        rows: Any = one.rows
        if one.name in named:
            rows = (*named[one.name].rows, *one.rows)
        named[one.name] = replace(one, rows=rows, total=len(rows))
    return list(named.values())


def _files(folder: Path) -> Iterator[Path]:
    for path in (*folder.glob("*"), *folder.glob("*/*")):
        if path.is_file() and path.name.endswith(PIECES):
            yield path


def _records(path: Path) -> Iterator[Located]:
    """The objects in a file: JSON lines, an array, or an object whose values are arrays."""
    text = _text(path)
    try:
        whole = json.loads(text)
    except ValueError:
        yield from _lines(text, path)
        return
    groups = whole.values() if isinstance(whole, dict) and not _known(whole) else [whole]
    rows = [row for group in groups for row in (group if isinstance(group, list) else [group])]
    for number, row in enumerate(rows, 1):
        if isinstance(row, dict):
            yield Located(str(path), number, row, number)


def _lines(text: str, path: Path) -> Iterator[Located]:
    """JSON lines; a file whose first line is no object is no set, and passed over."""
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            if number == 1:
                return
            raise InputError(f"{path}:{number}: expected one JSON object on the line, got {error}") from error
        if isinstance(row, dict):
            yield Located(str(path), number, row)
        if number == 1 and not (isinstance(row, dict) and _known(row)):
            return


def _known(record: Mapping[str, Any]) -> bool:
    return any(fits(record) for fits in (is_processbench, is_bigbench, is_mr_ben, _is_prmbench))


def _text(path: Path) -> str:
    """What a file says, gzipped or not."""
    with open_source(str(path), str(path)) as stream:
        try:
            return stream.read().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InputError(f"{path}: expected UTF-8, got {error}; save the file as UTF-8") from error
