"""Labelled sets from the hub of datasets, by name. The download, its cache and its access are those of `datasets`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import datasets

from dca.bench.sources import Dataset, merged, sets_of
from dca.errors import InputError
from dca.transcripts.place import Located


def hub_sets(name: str, load: Callable[[str], Any] = datasets.load_dataset) -> list[Dataset]:
    """The sets that a dataset of the hub holds.

    Args:
        name: ``owner/name``, or ``owner/name:split`` for one split.
        load: Gives the splits by name.

    Raises:
        InputError: It cannot be had, has no such split, or no records in a format that is known.
    """
    repository, _, wanted = name.partition(":")
    try:
        splits: Mapping[str, Any] = load(repository)
    except Exception as error:  # whatever the network, the hub or the loader says
        raise InputError(f"--data {name}: neither a path here nor a dataset that can be had: {error}") from error
    if wanted and wanted not in splits:
        raise InputError(f"--data {name}: expected one of its splits {', '.join(splits)}, got {wanted!r}")
    found = []
    for split, rows in splits.items():
        if split == wanted or not wanted:
            located = (Located(f"{name}:{split}", k, dict(row)) for k, row in enumerate(rows, 1))
            found += sets_of(located, split)
    if not found:
        raise InputError(f"--data {name}: no record in a format that is known; see `dca bench reviewer --help`")
    return merged(found)
