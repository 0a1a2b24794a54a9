"""The array reader: the size of the pieces it reads in is never seen in what it says."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dca.errors import InputError
from dca.transcripts.arrays import array_records
from dca.transcripts.place import BadRecord, Located

ITEMS = st.lists(
    st.recursive(
        st.one_of(st.none(), st.floats(), st.integers(), st.text(st.characters(exclude_categories=["Cs"]))),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
        max_leaves=6,
    ),
    max_size=6,
)


def read(data: bytes, chunk: int) -> tuple[list[Located | BadRecord], str]:
    """What the reader yields, and how it ends."""
    seen: list[Located | BadRecord] = []
    try:
        for item in array_records(io.BufferedReader(io.BytesIO(data)), "a", chunk=chunk):  # type: ignore[arg-type]
            seen.append(item)
    except InputError as error:
        return seen, str(error)
    return seen, ""


@given(items=ITEMS, chunk=st.integers(1, 50), ascii_only=st.booleans(), indent=st.sampled_from((None, 0, 3)))
def test_any_chunk_reads_the_same_elements(
    items: list[Any], chunk: int, ascii_only: bool, indent: int | None
) -> None:
    """However the bytes are cut, also inside a character or a number, the elements come back in order."""
    text = json.dumps(items, ensure_ascii=ascii_only, indent=indent)
    seen, end = read(text.encode(), chunk)
    assert end == ""
    assert len(seen) == len(items)
    for number, (found, item) in enumerate(zip(seen, items, strict=True), start=1):
        if isinstance(item, dict):
            assert isinstance(found, Located)
            assert (found.record, json.dumps(found.value)) == (number, json.dumps(item))
        else:
            assert isinstance(found, BadRecord)
            assert json.dumps(json.loads(found.raw)) == json.dumps(item)


@given(
    items=ITEMS,
    chunk=st.integers(1, 50),
    at=st.integers(0, 400),
    cut=st.integers(0, 3),
    put=st.binary(max_size=3),
)
@example(items=[{}], chunk=1, at=1, cut=0, put=b"-Infinit")
def test_damage_is_told_the_same_whatever_the_chunk(
    items: list[Any], chunk: int, at: int, cut: int, put: bytes
) -> None:
    """A damaged array gives the same records and the same complaint in pieces of any size, and never crashes."""
    data = json.dumps(items, ensure_ascii=False).encode()
    at = min(at, len(data))
    damaged = b"[" + (data[:at] + put + data[at + cut :])[1:]
    assert repr(read(damaged, chunk)) == repr(read(damaged, 1 << 16))


@pytest.mark.parametrize("chunk", [1, 5, 1 << 16])
def test_a_literal_may_lie_across_pieces(chunk: int) -> None:
    """The longest literals and escapes are not taken for mistakes where a piece ends inside them."""
    text = r'[{"a": -Infinity, "b": NaN, "c": true, "d": null, "e": "\ud83d\ude00", "f": -1.25e-300}]'
    seen, end = read(text.encode(), chunk)
    assert end == ""
    assert isinstance(seen[0], Located)
    assert repr(seen[0].value) == repr(json.loads(text)[0])
