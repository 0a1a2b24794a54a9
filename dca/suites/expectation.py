"""`expect.json`: read, checked against its schema, and turned into checks; and what a review earns by them.

This module knows the language people write; what a single check means is in `dca.suites.checks`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

from jsonschema import Draft202012Validator

from dca.errors import InputError
from dca.suites.checks import (
    Check,
    FirstErrorCheck,
    LabelCheck,
    LinkCheck,
    NeverCheck,
    OrderCheck,
    ScoreCheck,
    ShortestCheck,
    VoidCheck,
)
from dca.suites.opinion import Opinion

VERBS: Final[Mapping[str, frozenset[str]]] = {
    "label": frozenset({"at", "near", "enough"}),
    "first_error": frozenset({"near"}),
    "never": frozenset({"at"}),
    "score": frozenset({"at", "tolerance"}),
    "order": frozenset(),
    "of": frozenset({"at"}),
    "shortest": frozenset(),
    "void": frozenset(),
    "any": frozenset(),
    "all": frozenset(),
}
"""What a check may say, and what may stand beside it; `weight` and `why` always may."""

_ALWAYS: Final = frozenset({"weight", "why"})


@dataclass(frozen=True, slots=True)
class AnyCheck:
    """The best of several checks counts."""

    checks: tuple[Check, ...]
    _: KW_ONLY
    weight: float = 1.0
    why: str = ""

    @property
    def steps(self) -> frozenset[int]:
        """The steps they name."""
        return frozenset().union(*(check.steps for check in self.checks))

    def mark(self, opinion: Opinion, /) -> float | None:
        """The highest mark of those that can be answered."""
        return max((mark for check in self.checks if (mark := check.mark(opinion)) is not None), default=None)

    def __str__(self) -> str:
        """One or another."""
        return " | ".join(f"({check})" if isinstance(check, AllCheck) else str(check) for check in self.checks)


@dataclass(frozen=True, slots=True)
class AllCheck:
    """Several checks as one."""

    checks: tuple[Check, ...]
    _: KW_ONLY
    weight: float = 1.0
    why: str = ""

    @property
    def steps(self) -> frozenset[int]:
        """The steps they name."""
        return frozenset().union(*(check.steps for check in self.checks))

    def mark(self, opinion: Opinion, /) -> float | None:
        """Their mean, by weight."""
        return weighted_mean((check.mark(opinion), check.weight) for check in self.checks)

    def __str__(self) -> str:
        """One and another."""
        return " & ".join(f"({check})" if isinstance(check, AnyCheck) else str(check) for check in self.checks)


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a review of one transcript must show.

    Attributes:
        about: What the case probes.
        domain: What the problem is about.
        skills: What a reviewer must be able to do.
        checks: What is looked for.
    """

    about: str
    domain: str
    skills: tuple[str, ...]
    checks: tuple[Check, ...]

    def marks(self, opinion: Opinion) -> tuple[float | None, ...]:
        """What each check earns, in order."""
        return tuple(check.mark(opinion) for check in self.checks)

    def score(self, opinion: Opinion) -> float | None:
        """sum(weight * mark) / sum(weight) over the checks that can be answered; None where none can."""
        return weighted_mean(zip(self.marks(opinion), (check.weight for check in self.checks), strict=True))


def weighted_mean(marks: Iterable[tuple[float | None, float]]) -> float | None:
    """The mean of (mark, weight) pairs without those that have no mark.

    >>> weighted_mean([(1.0, 3.0), (0.0, 1.0), (None, 9.0)])
    0.75
    """
    counted = [(mark, weight) for mark, weight in marks if mark is not None]
    if not counted:
        return None
    return math.fsum(mark * weight for mark, weight in counted) / math.fsum(weight for _, weight in counted)


def read_expectation(value: object) -> Expectation:
    """The expectation that the JSON of an `expect.json` holds.

    Raises:
        InputError: It does not follow the schema; says where and what was expected.

    >>> found = read_expectation(
    ...     {"about": "", "domain": "x", "skills": [], "checks": [{"label": ["error"], "at": 2}]})
    >>> str(found.checks[0])
    'step 2: error'
    """
    faults = (*_faults_of_verbs(value), *_faults_of_schema(value))
    if faults:
        raise InputError(faults[0])
    assert isinstance(value, dict)  # the schema says so
    return Expectation(
        about=value["about"],
        domain=value["domain"],
        skills=tuple(value["skills"]),
        checks=tuple(map(_check, value["checks"])),
    )


def _faults_of_schema(value: object) -> list[str]:
    """What the schema finds wrong, as ``where: what``."""
    return [
        f"{''.join(f'[{p}]' if isinstance(p, int) else f'.{p}' for p in error.absolute_path).lstrip('.') or 'it'}: "
        f"{error.message}"
        for error in _validator().iter_errors(value)
    ]


@cache
def _validator() -> Draft202012Validator:
    schema = resources.files("dca") / "data" / "expect.schema.json"
    return Draft202012Validator(json.loads(schema.read_text(encoding="utf-8")))


def _faults_of_verbs(value: object) -> list[str]:
    """Checks that say nothing, two things at once, or something that does not go with what they say."""
    checks = value.get("checks") if isinstance(value, dict) else None
    return [fault for k, check in enumerate(checks or ()) for fault in _faults_of(check, f"checks[{k}]")]


def _faults_of(check: object, where: str) -> list[str]:
    if not isinstance(check, dict):
        return []  # the schema says it better
    verbs = [name for name in VERBS if name in check]
    if len(verbs) != 1:
        said = ", ".join(verbs) or ", ".join(check) or "nothing"
        return [f"{where}: expected exactly one of {', '.join(VERBS)}, got {said}"]
    verb = verbs[0]
    stray = sorted(check.keys() - VERBS[verb] - _ALWAYS - {verb})
    if stray:
        allowed = ", ".join(sorted(VERBS[verb] | _ALWAYS))
        return [f"{where}: {stray[0]!r} does not go with {verb!r}; beside it may stand {allowed}"]
    if "at" in VERBS[verb] and "at" not in check and verb != "never":
        return [f"{where}: {verb!r} needs the step or steps it speaks of, as 'at'"]
    inner = check[verb] if verb in ("any", "all") and isinstance(check[verb], list) else ()
    return [fault for k, one in enumerate(inner) for fault in _faults_of(one, f"{where}.{verb}[{k}]")]


def _steps(value: float | Sequence[float]) -> tuple[int, ...]:
    """One step or several; JSON may spell 3 as 3.0."""
    return tuple(int(k) for k in ([value] if isinstance(value, (int, float)) else value))


def _worth(value: str | Sequence[str] | Mapping[str, float]) -> dict[str, float]:
    if isinstance(value, Mapping):
        return {name: float(mark) for name, mark in value.items()}
    return dict.fromkeys([value] if isinstance(value, str) else value, 1.0)


def _check(said: Mapping[str, Any]) -> Check:
    """One check that the schema has passed."""
    verb = next(name for name in VERBS if name in said)
    counted = {name: said[name] for name in _ALWAYS if name in said}
    return _MAKERS[verb](said, counted)


def _accepted(value: float | Sequence[float] | None) -> tuple[int | None, ...]:
    return (None,) if value is None else _steps(value)


_Maker = Callable[[Mapping[str, Any], dict[str, Any]], Check]
_MAKERS: Final[Mapping[str, _Maker]] = {
    "label": lambda said, counted: LabelCheck(
        _worth(said["label"]), _steps(said["at"]), said.get("near", 0), said.get("enough"), **counted
    ),
    "first_error": lambda said, counted: FirstErrorCheck(
        _accepted(said["first_error"]), said.get("near", 0), **counted
    ),
    "never": lambda said, counted: NeverCheck(tuple(said["never"]), _steps(said.get("at", ())), **counted),
    "score": lambda said, counted: ScoreCheck(
        _steps(said["at"]), **said["score"], tolerance=said.get("tolerance", 0.0), **counted
    ),
    "order": lambda said, counted: OrderCheck(_steps(said["order"]), **counted),
    "of": lambda said, counted: LinkCheck(_steps(said["at"]), _steps(said["of"]), **counted),
    "shortest": lambda said, counted: ShortestCheck(
        _steps(said["shortest"].get("has", ())), _steps(said["shortest"].get("lacks", ())), **counted
    ),
    "void": lambda said, counted: VoidCheck(said["void"], **counted),
    "any": lambda said, counted: AnyCheck(tuple(map(_check, said["any"])), **counted),
    "all": lambda said, counted: AllCheck(tuple(map(_check, said["all"])), **counted),
}
