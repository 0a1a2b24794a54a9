"""A record at a known place, and what is said of it when it cannot be used."""

from __future__ import annotations

from typing import Any

import pytest

from dca.errors import InputError
from dca.transcripts.fields import Fields, to_transcript
from dca.transcripts.place import Located


def located(record: dict[str, Any]) -> Located:
    return Located("runs/a.jsonl", 7, record)


def complaint(record: dict[str, Any], fields: Fields | None = None, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        to_transcript(located(record), fields or Fields(), **options)
    assert str(caught.value).isprintable()
    assert str(caught.value).startswith("runs/a.jsonl:7: ")
    return str(caught.value).removeprefix("runs/a.jsonl:7: ")
