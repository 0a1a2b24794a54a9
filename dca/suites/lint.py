"""What is wrong with a case, or doubtful: found before anybody is asked for a review of it.

It reads cases and their expectations; it cannot know whether what a person expects is true.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dca.errors import InputError
from dca.suites.case import EXPECT, TRANSCRIPT, Case, load_case, valid_name
from dca.suites.checks import FirstErrorCheck, LabelCheck, LinkCheck
from dca.suites.evaluation import PERFECT
from dca.suites.ideal import ideal
from dca.suites.opinion import silent
from dca.types import POLICY

SILENCE_PASSES: Final = 0.9
"""A case on which no opinion earns so much tells reviewers apart too little."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong (it must be mended) or doubtful (it may be meant)."""

    case: str
    what: str
    wrong: bool = True


def lint(folder: Path) -> tuple[Fault, ...]:
    """What is wrong with the case in a folder; nothing where it is in order."""
    name = folder.name
    if not valid_name(name):
        return (Fault(name, "the folder's name must be lower-case letters, digits, - and _: recordings go by it"),)
    missing = [file for file in (TRANSCRIPT, EXPECT) if not (folder / file).is_file()]
    if missing:
        return (Fault(name, f"{missing[0]} is missing; see `dca cases new`"),)
    try:
        case = load_case(folder)
    except InputError as error:
        return (Fault(name, str(error)),)
    return tuple(_faults(case))


def _faults(case: Case) -> Iterator[Fault]:
    expectation, count = case.expectation, len(case.steps)
    if not expectation.checks:
        yield Fault(case.name, "no check: say what a review must show")
        return
    if not expectation.about.strip():
        yield Fault(case.name, "about: say in a sentence what the case probes")
    if not expectation.skills:
        yield Fault(case.name, "skills: name at least one, so that results can be read by skill")
    yield from _faults_of_steps(case)
    best = expectation.score(ideal(expectation, count))
    if best is None or best < PERFECT:
        marks = expectation.marks(ideal(expectation, count))
        short = [str(k) for k, mark in enumerate(marks) if mark is not None and mark < PERFECT]
        yield Fault(
            case.name,
            f"no review was found that earns everything; checks {', '.join(short)} may contradict others",
            wrong=False,
        )
    nothing = expectation.score(silent(count))
    if nothing is not None and nothing >= SILENCE_PASSES:
        yield Fault(
            case.name, f"a review without any opinion earns {nothing:.2f}; ask for something it must say", wrong=False
        )


def _faults_of_steps(case: Case) -> Iterator[Fault]:
    """Checks about steps that cannot be what they ask."""
    for k, check in enumerate(case.expectation.checks):
        foreign = [step for step in sorted(check.steps) if case.steps[step].author != POLICY]
        if foreign and isinstance(check, (LabelCheck, FirstErrorCheck)):
            asks_more = not isinstance(check, LabelCheck) or set(check.worth) - {"injection", "none"}
            if asks_more:
                author = case.steps[foreign[0]].author
                yield Fault(case.name, f"checks[{k}]: step {foreign[0]} was written by {author!r}, not by the policy")
        if isinstance(check, LinkCheck) and min(check.at) <= min(check.of):
            yield Fault(case.name, f"checks[{k}]: a step may only point back, so not from {min(check.at)}")
