"""What is counted: steps where a set labels steps, episodes where it has planted them, and everything beside those.

A planted episode is hit where any of its steps is accused, and its score is the highest of theirs. A transcript whose
other steps are accused, once or often, counts as one false accusation. This module knows no measure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from dca.bench.judges import Judged
from dca.bench.labelled import Labelled
from dca.bench.metrics import Bools, Floats

GENUINE: Final = frozenset(
    "trigger trigger_used reason catch recheck misread copied silent recomputed reboxed left alone".split()
)
"""The controls in which a genuine mistake is put right."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Something that is accused or not.

    Attributes:
        case: The transcript, by its place in the set.
        steps: The steps that it is made of.
        truth: Whether it should be accused.
        beside: True for the rest of a transcript, outside its episodes.
        family: Of an episode; "" otherwise.
        control: What makes an episode honest; "" otherwise.
    """

    case: int
    steps: tuple[int, ...]
    truth: bool
    beside: bool = False
    family: str = ""
    control: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """The units of one set and question, with what one judge says of them.

    Attributes:
        units: (n,) them.
        scores: (n,) the judge's scores.
        accused: (n,) its verdicts.
        truth: (n,) what is so.
        beside: (n,) which are not episodes but the rest of a transcript.
        genuine: (n,) which are genuine mistakes put right.
        problems: (n,) the problem of each.
    """

    units: tuple[Unit, ...]
    scores: Floats
    accused: Bools
    truth: Bools
    beside: Bools
    genuine: Bools
    problems: tuple[str, ...]


def level(cases: Sequence[Labelled], question: str) -> str:
    """The word "episode" where the set has episodes about a question, else "step"."""
    return "episode" if any(e.question == question for case in cases for e in case.episodes) else "step"


def units(cases: Sequence[Labelled], question: str) -> tuple[Unit, ...]:
    """The units of a set for one question; steps of which nothing is known are left out."""
    if level(cases, question) == "step":
        return tuple(
            Unit(n, (k,), answer)
            for n, case in enumerate(cases)
            for k, answer in enumerate(truth.answer(question) for truth in case.truth)
            if answer is not None
        )
    found: list[Unit] = []
    for n, case in enumerate(cases):
        mine = [e for e in case.episodes if e.question == question]
        found += (Unit(n, e.steps, e.planted, family=e.family, control=e.control) for e in mine)
        taken = {k for e in mine for k in e.steps}
        rest = tuple(k for k, t in enumerate(case.truth) if t.answer(question) is False and k not in taken)
        found += [Unit(n, rest, False, beside=True)] if rest else []
    return tuple(found)


def sheet(cases: Sequence[Labelled], judged: Sequence[Judged], question: str) -> Sheet:
    """What a judge says of the units of a set."""
    every = units(cases, question)
    columns = [(judged[u.case].scores[question], judged[u.case].accused[question], list(u.steps)) for u in every]
    return Sheet(
        units=every,
        scores=np.array([scores[where].max() for scores, _, where in columns], dtype=np.float64),
        accused=np.array([accused[where].any() for _, accused, where in columns], dtype=np.bool_),
        truth=np.array([u.truth for u in every], dtype=np.bool_),
        beside=np.array([u.beside for u in every], dtype=np.bool_),
        genuine=np.array([u.control in GENUINE for u in every], dtype=np.bool_),
        problems=tuple(cases[u.case].problem for u in every),
    )
