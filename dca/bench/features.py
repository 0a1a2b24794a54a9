"""Thirteen surface features of a step: what a model can see without following the reasoning.

Position, length, numbers, words, and two lists of cue words. They know no equation, no target and no truth.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Final

import numpy as np

from dca.arithmetic.claims import givens_of, numbers_in
from dca.bench.labelled import Labelled
from dca.bench.metrics import Floats

CHECK_WORDS: Final = re.compile(
    r"\b(?:(?:double|re|cross)?-?\s?check\w*|verif\w+|(?:re)?confirm\w*|sanity|ensur\w+|mak\w+ sure"
    r"|to be (?:sure|safe)|again|once more|backwards|plug\w* (?:it )?(?:back|in)"
    r"|(?:revisit|reiterat|reaffirm|repeat)\w*|re-?(?:do|did|done|calculat\w+|comput\w+|count\w*|read\w*|examin\w+|evaluat\w*|assess\w*))\b",
    re.IGNORECASE,
)
"""Words of re-examination. The list was widened on PRMBench, so it is at its best there."""
RETRACTION_WORDS: Final = re.compile(
    r"\b(?:wait|oops|hold on|no,|actually|mistake\w*|error\w*|wrong|incorrect\w*|erroneous|not right|scratch"
    r"|should (?:be|have)|correct(?:ed|ion)|instead|sorry|fix)\b",
    re.IGNORECASE,
)
"""Words that take something back."""
_WORD: Final = re.compile(r"[^\W\d_]{3,}")
_ANSWER: Final = re.compile(r"\banswer\b|\\boxed|####|^A:", re.IGNORECASE)

FEATURES: Final = (
    "relative position",
    "steps to the end",
    "characters",
    "length over the mean",
    "numbers",
    "share of new numbers",
    "equals signs",
    "share of new words",
    "overlap with the closest earlier step",
    "words of checking",
    "words of retraction",
    "after the first candidate",
    "shows the last number",
)


@dataclass(frozen=True, slots=True)
class Surface:
    """What can be seen of one step.

    Attributes:
        row: (13,) the features, in the order of `FEATURES`.
        new_numbers: How many numbers nothing before it shows, the problem included.
        numbers: How many numbers it shows.
        lost: How many of its new numbers no later step shows.
        after_candidate: Whether an earlier step shows the number that the last step gives as the answer.
        last: Whether it is the last step.
    """

    row: tuple[float, ...]
    new_numbers: int
    numbers: int
    lost: int
    after_candidate: bool
    last: bool


def surfaces(case: Labelled) -> tuple[Surface, ...]:
    """The surface of each step of a transcript."""
    return _surfaces(case.transcript.prompt, tuple(step.text for step in case.steps))


@lru_cache(maxsize=1 << 14)
def _surfaces(prompt: str, texts: tuple[str, ...]) -> tuple[Surface, ...]:
    shown = [numbers_in(text) for text in texts]
    words = [frozenset(word.lower() for word in _WORD.findall(text)) for text in texts]
    final = _final(texts, shown)
    known, heard = set(givens_of(prompt)), set[str]()
    mean = sum(map(len, texts)) / max(1, len(texts))
    found: list[Surface] = []
    candidate = False
    for k, text in enumerate(texts):
        new = shown[k] - known
        later = frozenset().union(*shown[k + 1 :])
        row = (
            k / max(1, len(texts) - 1),
            float(len(texts) - 1 - k),
            float(len(text)),
            len(text) / max(1.0, mean),
            float(len(shown[k])),
            len(new) / max(1, len(shown[k])),
            float(text.count("=")),
            len(words[k] - heard) / max(1, len(words[k])),
            max((_overlap(words[k], words[j]) for j in range(k)), default=0.0),
            float(len(CHECK_WORDS.findall(text))),
            float(len(RETRACTION_WORDS.findall(text))),
            float(candidate),
            float(final is not None and final in shown[k]),
        )
        found.append(Surface(row, len(new), len(shown[k]), len(new - later), candidate, k == len(texts) - 1))
        known |= shown[k]
        heard |= words[k]
        candidate = candidate or (final is not None and final in shown[k])
    return tuple(found)


def matrix(cases: Sequence[Labelled]) -> Floats:
    """The features of all steps, one row each."""
    rows = [surface.row for case in cases for surface in surfaces(case)]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(FEATURES))


def _final(texts: Sequence[str], shown: Sequence[frozenset[Fraction]]) -> Fraction | None:
    """The number that the last step with numbers gives: the last one, if it speaks of an answer or shows just one."""
    for text, numbers in zip(reversed(texts), reversed(shown), strict=True):
        if numbers:
            tail = text[list(_ANSWER.finditer(text))[-1].start() :] if _ANSWER.search(text) else text
            stated = numbers_in(tail)
            return next(iter(stated)) if len(stated) == 1 else _rightmost(tail)
    return None


def _rightmost(text: str) -> Fraction | None:
    found = re.findall(r"\d[\d,]*(?:\.\d+)?", text)
    values = numbers_in(found[-1]) if found else frozenset()
    return next(iter(values), None)


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    """Jaccard's index of two sets of words."""
    return len(one & other) / len(one | other) if one | other else 0.0
