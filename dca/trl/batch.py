"""One call's rollouts with their reviews on the way: what the reward hands to the trainer.

A row's assignment is had when it is asked for, and waiting ends at the deadline. Nothing here raises for a failed
review. This module does not know who reviews, how credit becomes a loss, or where assignments are written.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Final

from dca.credit.schemes import uniform
from dca.credit.segment import segment
from dca.errors import RunError, SchemeError
from dca.pipeline import Ahead
from dca.trl.rollouts import Rollout
from dca.types import Assignment, Review, Row, Transcript

LOG: Final = logging.getLogger("dca")


def _ignore(_batch: ReviewBatch, _row: int, _assignment: Assignment) -> None:
    return None


class ReviewBatch:
    """The rollouts of one call, in the order of the call, and their assignments as they come in.

    Args:
        outcomes: (B,) what the task paid; None where no outcome applies.
        rollouts: (B,) the completions as text; None where nothing is to be reviewed.
        rows: The rows that were sent to the reviewer, increasing.
        ahead: Their reviews, in the order of `rows`.
        on_settled: Told of each row once, when it is settled.
        on_turn: Told of each row once, in the order of the rows, as soon as those before it are settled.
        clock: Seconds, monotonic; `waited` is counted by it.
    """

    def __init__(
        self,
        outcomes: Sequence[float | None],
        rollouts: Sequence[Rollout | None],
        *,
        rows: Sequence[int] = (),
        ahead: Ahead | None = None,
        on_settled: Callable[[ReviewBatch, int, Assignment], None] = _ignore,
        on_turn: Callable[[ReviewBatch, int, Assignment], None] = _ignore,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.outcomes = tuple(outcomes)
        self.rollouts = tuple(rollouts)
        self.advantages: tuple[float, ...] | None = None
        self.waited = 0.0
        self._rows = tuple(rows)
        self._ahead = ahead
        self._places = {row: place for place, row in enumerate(rows)}
        self._settled: dict[int, Assignment] = {}
        self._told = 0  # how many of `rows` had their turn
        self._on_settled, self._on_turn, self._clock = on_settled, on_turn, clock

    def __len__(self) -> int:
        return len(self.outcomes)

    @property
    def rows(self) -> tuple[int, ...]:
        """The rows that were sent to the reviewer."""
        return self._rows

    def reviewed(self, row: int) -> bool:
        """Whether this row was sent to the reviewer."""
        return row in self._places

    def done(self, row: int) -> bool:
        """Whether `result` would return at once."""
        place = self._places.get(row)
        return place is None or row in self._settled or (self._ahead is not None and self._ahead.done(place))

    def note_advantages(self, advantages: Sequence[float]) -> None:
        """Keep the trainer's scalar advantages (B,), for the log."""
        self.advantages = tuple(float(a) for a in advantages)

    def result(self, row: int) -> Assignment | None:
        """The assignment of one row, waited for until the deadline at most; None where it was not reviewed.

        Raises:
            RunError: The run must stop; see `dca.pipeline.assign_credit`.
            SchemeError: The scheme cannot use what this reviewer measures.
        """
        if row not in self._places:
            return None
        if row not in self._settled:
            began = self._clock()
            assignment = self._collected(row)
            self.waited += self._clock() - began
            self._settled[row] = assignment
            self._on_settled(self, row, assignment)
            self._give_turns()
        return self._settled[row]

    def settle(self) -> None:
        """Ask for every row that is still open; raises as `result` does, once all that could be had were had."""
        stop: Exception | None = None
        for row in self._rows:
            try:
                self.result(row)
            except (RunError, SchemeError) as error:
                stop = stop or error
        if stop is not None:
            self._give_turns(over_gaps=True)
            raise stop

    @property
    def settled(self) -> bool:
        """Whether every row that was sent to the reviewer has its assignment."""
        return len(self._settled) == len(self._rows)

    def assignments(self) -> list[Assignment | None]:
        """(B,) what is settled so far; None elsewhere."""
        return [self._settled.get(row) for row in range(len(self))]

    def _give_turns(self, *, over_gaps: bool = False) -> None:
        """Tell of the rows whose turn it is; when the run stops, of all that were settled."""
        while self._told < len(self._rows) and (over_gaps or self._rows[self._told] in self._settled):
            turn = self._rows[self._told]
            self._told += 1
            if turn in self._settled:
                self._on_turn(self, turn, self._settled[turn])

    def _collected(self, row: int) -> Assignment:
        """One assignment; what foreign code raised on the way (a detector, a segmenter) makes the row fall back."""
        rollout = self.rollouts[row]
        assert self._ahead is not None
        assert rollout is not None
        try:
            return self._ahead.result(self._places[row])
        except (RunError, SchemeError):
            raise
        except Exception as error:  # an exception on one rank would take every rank down
            LOG.warning("the row %r falls back: its review could not be used", rollout.transcript.id, exc_info=True)
            return _fallback(rollout.transcript, f"{type(error).__name__}: {error}")


def _fallback(transcript: Transcript, reason: str) -> Assignment:
    """Token-uniform credit, which is plain GRPO, and why."""
    steps = segment(transcript)
    nothing = Review(scores=(0.0,) * len(steps))
    row = Row(
        review=nothing,
        lengths=tuple(step.policy_length for step in steps),
        verification=(False,) * len(steps),
        amount=transcript.reward,
    )
    split = uniform(row)
    return Assignment(
        transcript=transcript,
        steps=steps,
        review=nothing,
        verification=row.verification,
        findings=(),
        credits=split.credits,
        push=split.push,
        scheme="uniform",
        fallback=reason,
    )
