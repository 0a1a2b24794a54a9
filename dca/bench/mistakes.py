"""Solutions of which people said where the first mistake is, from the formats in which such sets are published.

No label reaches the transcript, and no reference answer either: the sets' own protocols show none. What a reviewer is
told besides the text is the outcome, as in training. This module knows records; it knows no file and no measure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dca.bench.rows import given_steps
from dca.errors import InputError
from dca.suites.case import tiled
from dca.types import POLICY, Step, Transcript

_NUMBERED: Final = re.compile(r"\s*\**\s*Step\s*(\d+)", re.IGNORECASE)
_CLOSING: Final = re.compile(r"\s*\**\s*Solution\b", re.IGNORECASE)
_CHOICE: Final = re.compile(r"Choice[_ ]?([A-Z])\b")


@dataclass(frozen=True, slots=True)
class Solution:
    """One solution and what is known of it.

    Attributes:
        transcript: The rollout; its reward is what the answer earned.
        steps: K steps.
        first: The steps that will do as the first mistake; empty: there is none. None: it is wrong, and the set does
            not say where in a way that a program can compare.
        problem: What solutions of one problem share.
    """

    transcript: Transcript
    steps: tuple[Step, ...]
    first: frozenset[int] | None
    problem: str

    @property
    def wrong(self) -> bool:
        """Whether there is a mistake."""
        return self.first is None or bool(self.first)


def is_processbench(record: Mapping[str, Any]) -> bool:
    """Whether a record is one of ProcessBench."""
    return {"problem", "steps", "label"} <= record.keys()


def is_bigbench(record: Mapping[str, Any]) -> bool:
    """Whether a record is one of BIG-Bench Mistake."""
    return {"input", "steps", "mistake_index"} <= record.keys()


def is_mr_ben(record: Mapping[str, Any]) -> bool:
    """Whether a record is one of MR-Ben."""
    return {"Question", "Model_Solution_Steps", "Model_Solution_First_Error_Step"} <= record.keys()


def processbench(record: Mapping[str, Any], name: str) -> Solution:
    """ProcessBench (Zheng et al. 2024, arXiv 2412.06559): `label` is the first wrong step from 0, or -1."""
    steps, label = _texts(record["steps"]), _whole(record["label"], "label")
    right = record.get("final_answer_correct", label == -1)
    return _solution(str(record["problem"]), steps, bool(right), _place(None if label == -1 else label, steps), name)


def bigbench(record: Mapping[str, Any], name: str) -> Solution:
    """BIG-Bench Mistake (Tyen et al. 2023, arXiv 2311.08516): `mistake_index` counts from 0; null: no mistake."""
    steps, index = _texts(record["steps"]), record["mistake_index"]
    place = _place(None if index is None else _whole(index, "mistake_index"), steps)
    return _solution(str(record["input"]), steps, record.get("answer") == record.get("target"), place, name)


def mr_ben(record: Mapping[str, Any], name: str) -> Solution:
    """MR-Ben (Zeng et al. 2024, arXiv 2406.13975): the first wrong step is named by the number it has in the text.

    A step reaches from its number to the next one. Where two have one number, either will do. In its programs the
    line is told in words and compared by a language model; a place is therefore not known there.
    """
    prompt = str(record["Question"]) + (f"\n{record['Options']}" if record.get("Options") else "")
    wrong = record.get("Model_Solution_Correctness") != "correct"
    given, said = record["Model_Solution_Steps"], str(record["Model_Solution_First_Error_Step"]).strip()
    if isinstance(given, str):
        lines = [line for line in given.split("\n") if line.strip()] or [given]
        return _solution(prompt, lines, not wrong, None if wrong else frozenset(), name)
    steps = list(_joined(_texts(given)))
    places = frozenset(k for k, text in enumerate(steps) if wrong and _number(text) == said)
    if wrong and not places:
        raise InputError(f"Model_Solution_First_Error_Step: expected the number of a step, got {said!r}")
    return _solution(prompt, steps, _chose(record, steps, right=not wrong), places, name)


def _joined(lines: Sequence[str]) -> Iterator[str]:
    """Lines as steps: a numbered line and what follows it, the closing line by itself."""
    open_: list[str] = []
    for line in lines:
        if open_ and (_number(line) is not None or _CLOSING.match(line)):
            yield "\n".join(open_)
            open_ = []
        if line.strip():
            open_.append(line)
    if open_:
        yield "\n".join(open_)


def _number(text: str) -> str | None:
    match = _NUMBERED.match(text)
    return match[1] if match else None


def _chose(record: Mapping[str, Any], steps: Sequence[str], *, right: bool) -> bool:
    """Whether the last choice named is the right one; what people said of the solution, where none can be read."""
    chosen = _CHOICE.findall(steps[-1]) if steps else []
    answer = str(record.get("Ground_Truth_Answer_Modified") or record.get("Ground_Truth_Answer") or "").strip()
    return chosen[-1] == answer if chosen and len(answer) == 1 else right


def _solution(prompt: str, steps: Sequence[str], right: bool, first: frozenset[int] | None, name: str) -> Solution:
    if not prompt.strip() or not steps:
        raise InputError(f"{name}: expected a problem and at least one step")
    text, spans = tiled([(step or "\n", POLICY) for step in steps])
    transcript = Transcript(prompt, text, float(right), id=name, spans=spans)
    return Solution(transcript, given_steps(transcript), first, prompt)


def _place(index: int | None, steps: Sequence[str]) -> frozenset[int]:
    if index is None:
        return frozenset()
    if not 0 <= index < len(steps):
        raise InputError(f"expected the first mistake among {len(steps)} steps, counted from 0, got {index}")
    return frozenset((index,))


def _texts(value: object) -> list[str]:
    if not isinstance(value, list) or not value or not all(isinstance(text, str) for text in value):
        raise InputError(f"steps: expected a list of texts, got {value!r:.60}")
    return value


def _whole(value: object, field: str) -> int:
    if type(value) is not int:
        raise InputError(f"{field}: expected a whole number, got {value!r:.60}")
    return value
