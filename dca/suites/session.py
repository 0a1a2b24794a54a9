"""Recording what is missing: the cases that tell most first, and no more of them than it takes to settle the matter.

This module knows reviewers and suites; the reviewer that asks, and what it costs, come in as arguments.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from dca.errors import ReviewError
from dca.pipeline import assign_many
from dca.review.llm import LLMReviewer
from dca.review.prompts import attempt
from dca.review.reply import parse_reply
from dca.suites.bootstrap import FEWEST, is_clear
from dca.suites.case import Case
from dca.suites.evaluation import Evaluation, is_failure, is_pending, scheme_for
from dca.suites.opinion import opinion_of, silent
from dca.suites.tape import Tape
from dca.types import Review
from dca.usage import NO_USAGE, Usage

BATCH: Final = FEWEST
"""Cases recorded between two looks at the verdict."""

_ANSWERS: Final = ("ReplyError", "RefusedError", "TruncatedError", "ReviewError")  # recorded: they are answers too

OnCase = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Session:
    """What came of recording.

    Attributes:
        recorded: The cases that were asked about and answered, whatever the answer was worth.
        awaited: The cases a person has still to answer.
        failed: For each case without any answer, why.
        left: The cases not asked about, since the verdict was clear without them.
        usage: What it cost.
    """

    recorded: tuple[str, ...] = ()
    awaited: tuple[str, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()
    left: tuple[str, ...] = ()
    usage: Usage = NO_USAGE


def record(
    cases: Sequence[Case],
    reviewer: LLMReviewer,
    *,
    differences: Callable[[], Sequence[float]] | None = None,
    max_in_flight: int = 1,
    batch: int = BATCH,
    on_case: OnCase = lambda _name: None,
) -> Session:
    """Ask about cases in the order given, a batch at a time; what is answered is written down by the backend.

    Args:
        cases: Most telling first.
        reviewer: Asks through a backend that records.
        differences: The new one's marks minus those it is held against, so far; None: ask about every case.
        max_in_flight: Requests at a time.
        batch: Cases between two looks at the differences.
        on_case: Told the name of each case that is done.

    Raises:
        RunError: The run must stop; what was answered until then is recorded.
    """
    recorded, awaited, failed = list[str](), list[str](), list[tuple[str, str]]()
    usage, looks, rest = NO_USAGE, math.ceil(len(cases) / batch), iter(cases)
    while group := list(islice(rest, batch)):
        rows = assign_many(
            [case.transcript for case in group],
            reviewer,
            scheme=scheme_for(reviewer),
            max_in_flight=max_in_flight,
            max_fallback_rate=None,
        )
        for case, row in zip(group, rows, strict=True):
            usage += row.usage
            if is_pending(row):
                awaited.append(case.name)
            elif is_failure(row) and not (row.fallback or "").startswith(_ANSWERS):
                failed.append((case.name, row.fallback or ""))
            else:
                recorded.append(case.name)
            on_case(case.name)
        if differences is not None and is_clear(differences(), looks=looks):
            break
    left = tuple(case.name for case in rest)
    return Session(tuple(recorded), tuple(awaited), tuple(failed), left, usage)


def gaps(new: Evaluation, against: Evaluation | None) -> list[float]:
    """The differences of the scores, on the cases that both have one on."""
    pairs = zip(new.results, against.results, strict=True) if against else ()
    return [a.score - b.score for a, b in pairs if a.score is not None and b.score is not None]


def most_telling(cases: Iterable[Case], scores: Mapping[str, Sequence[float]]) -> list[Case]:
    """Cases in order of how well they tell reviewers apart.

        telling_i = the standard deviation of the scores known for case i, and in their absence (1 - silent_i) / 4

    A case that silence passes can tell nobody from anybody; one on which known reviews differ has shown that it can.

    Args:
        cases: In any order.
        scores: What reviews of each case have earned so far, whoever gave them.
    """

    def telling(case: Case) -> float:
        known = scores.get(case.name, ())
        if len(known) > 1:
            return statistics.pstdev(known)
        nothing = case.expectation.score(silent(len(case.steps)))
        return (1.0 - nothing) / 4 if nothing is not None else 0.0

    return sorted(cases, key=lambda case: (-telling(case), case.name))


def known_scores(cases: Iterable[Case], tapes: Iterable[tuple[Tape, LLMReviewer]]) -> dict[str, list[float]]:
    """What every readable recording of a case would earn today, also those that an edit has made stale."""
    tapes = list(tapes)
    return {case.name: [s for tape, reviewer in tapes for s in _scores(case, tape, reviewer)] for case in cases}


def _scores(case: Case, tape: Tape, reviewer: LLMReviewer) -> list[float]:
    """The scores of a case's recordings that can still be read as reviews of it."""
    sheet = attempt(case.transcript, case.steps, reviewer.redact)
    found = []
    for recording in tape.earlier(case):
        if isinstance(recording.outcome, ReviewError):
            continue
        part = parse_reply(
            recording.outcome, {sheet.token: case.steps}, schema=reviewer.loaded.schema, measure=reviewer.measure
        )[sheet.token]
        score = case.expectation.score(opinion_of(part)) if isinstance(part, Review) else None
        found += [score] if score is not None else []
    return found
