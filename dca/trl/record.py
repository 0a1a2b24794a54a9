"""The account of a run's reviews: figures, counts, what was spent, the log, and one line after the first batch.

Rows are written down as they settle. This module does not ask for reviews and does not know who wants them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from dca.assignments import to_record
from dca.trl.batch import ReviewBatch
from dca.trl.checkpoint import Standing, restored, state_file, write_standing
from dca.trl.host import Host
from dca.trl.journal import Journal, set_aside
from dca.trl.meter import Meter
from dca.trl.metrics import Metrics
from dca.trl.outcomes import Paid
from dca.types import Assignment

LOG: Final = logging.getLogger("dca")
TRAINING: Final = "assignments"
EVALUATION: Final = "evaluation"


@dataclass(frozen=True, slots=True)
class Occasion:
    """When a batch was generated, what for, and how its rewards are split.

    Attributes:
        step: Optimizer steps done.
        training: False in evaluation.
        first_id: What the ids of its rows begin with; a step may have several batches.
        options: The scheme's, and the segmentation.
        spent: Dollars before it.
    """

    step: int
    training: bool
    first_id: str
    options: Mapping[str, Any]
    spent: float


class RunRecord:
    """Keeps account of one rank's reviews.

    Args:
        name: What the reward is called; its figures and files carry the name.
        folder: Where assignments are logged; None for nowhere.
        host: The trainer.
        meter: The reviewer, which counts what is spent.
        parts: The names of the outcomes; several are counted one by one.
    """

    def __init__(
        self, name: str, folder: Path | None, host: Host, meter: Meter, *, parts: Sequence[str] = ()
    ) -> None:
        self.name, self.folder, self.host, self.meter = name, folder, host, meter
        self._parts = tuple(parts) if len(parts) > 1 else ()
        self.metrics = Metrics(self._parts)
        self._counts = Standing()
        self._journals: dict[str, Journal] = {}
        self._begun = self._announced = self._news = False
        self._reason: str | None = None
        self._seen: dict[bool, tuple[int, int]] = {}  # training? -> (step, batches of that step before this one)

    @property
    def standing(self) -> Standing:
        """The counts as they are."""
        return replace(self._counts, usage=self.meter.spent)

    def begin_run(self) -> None:
        """A run begins; its first training batch will say at which step."""
        self.close()
        self._begun = self._announced = False

    def occasion(self, options: Mapping[str, Any]) -> Occasion:
        """The batch at hand. The first training batch of a run takes up the counts and the log where they were left.

        Raises:
            InputError: What an earlier part of the run left cannot be read.
        """
        if self.host.training and not self._begun:
            self._take_up()
            self._begun = True
        self._news = True
        step, training = self.host.step, self.host.training
        last, again = self._seen.get(training, (-1, 0))
        again = again + 1 if step == last else 0
        self._seen[training] = (step, again)
        name = f"{'' if training else 'eval-'}step{step}{f'.{again}' if again else ''}-rank{self.host.rank}-"
        return Occasion(step, training, name, options, self.meter.spent.cost_usd)

    def count(self, paid: Paid, rows: tuple[int, ...]) -> None:
        """Count a training batch and those of its rows that are sent to the reviewer."""
        scorable = sum(outcome is not None for outcome in paid.totals)
        self.metrics.add("reviewed_rate", float(len(rows)), float(scorable))
        self._counts = self._counts.plus(batches=1, rows=len(paid.totals), reviewed=len(rows))
        for part, values in paid.parts if self._parts else ():
            self.metrics.add_part(part, values)

    def settled(self, occasion: Occasion, _batch: ReviewBatch, _row: int, assignment: Assignment) -> None:
        """Count a row that has its assignment."""
        self.metrics.add_assignment(assignment)
        if assignment.fallback is not None:
            self._reason = assignment.fallback
            self._counts = self._counts.plus(fallbacks=int(occasion.training))

    def turn(self, occasion: Occasion, batch: ReviewBatch, row: int, assignment: Assignment) -> None:
        """Write down a row whose turn it is; after the last one of the first batch, say how it went."""
        if self.folder is not None:
            record = to_record(assignment, options=occasion.options)
            record["train_step"] = occasion.step
            if batch.advantages is not None:
                record["advantage"] = batch.advantages[row]
            self._journal(TRAINING if occasion.training else EVALUATION).write(record)
        if row == batch.rows[-1]:
            self.metrics.add("wait_seconds", batch.waited, 1.0)
            if occasion.training and not self._announced:
                self._announced = True
                self._announce(occasion, batch)

    def figures(self) -> dict[str, tuple[float, float]]:
        """The figures since the last time, as (sum, count) of this rank, under the reward's name.

        What was spent so far is told once for each batch: told again before the next one, it would weigh twice.
        """
        self.metrics.add("review_seconds", *self.meter.pop_seconds())
        if self._news:
            self.metrics.add("cost_usd", self.meter.spent.cost_usd, 1.0 / self.host.world)
            self._news = False
        return {f"{self.name}/{figure}": pair for figure, pair in self.metrics.pop().items()}

    def save(self, checkpoint: Path) -> None:
        """Leave the counts in a checkpoint folder, if there is one."""
        if checkpoint.is_dir():
            write_standing(state_file(checkpoint, self.name, self.host.rank), self.standing)

    def close(self) -> None:
        """Close the log; the next row opens it again."""
        for journal in self._journals.values():
            journal.close()
        self._journals = {}

    def _journal(self, stem: str) -> Journal:
        assert self.folder is not None
        if stem not in self._journals:
            self._journals[stem] = Journal(self.folder, rank=self.host.rank, stem=stem)
        return self._journals[stem]

    def _take_up(self) -> None:
        """Go on where the checkpoint was left: rows written after it are set aside, what they cost stays spent."""
        step, host = self.host.step, self.host
        resumed = bool(step) and host.trainer is not None
        found = restored(host.trainer, self.name, host.rank) if resumed else None
        self._counts = found or Standing()
        spent_here = self.meter.spent.requests or self.meter.spent.cost_usd
        if found is not None and not spent_here:
            self.meter.carry_over(found.usage)
        elif resumed and found is None:
            LOG.warning(
                "the run goes on from step %d, but its checkpoint says nothing of the reviews of %r; costs, and the "
                "budget, count from zero",
                step,
                self.name,
            )
        if self.folder is None or not self.folder.is_dir():
            return
        for stem in (TRAINING, EVALUATION):
            abandoned = set_aside(self.folder, step=step, rank=host.rank, world=host.world, stem=stem)
            if resumed and not spent_here:
                self.meter.carry_over(abandoned)

    def _announce(self, occasion: Occasion, batch: ReviewBatch) -> None:
        """One line: how many were reviewed, how many fell back, the cost, and the forecast for the run."""
        if self.host.rank:
            return
        rows = [assignment for assignment in batch.assignments() if assignment is not None]
        fallbacks = sum(assignment.fallback is not None for assignment in rows)
        why = f" (the last: {self._reason:.120})" if fallbacks else ""
        reused = sum(assignment.usage.reused for assignment in rows)
        again = f", {reused} of them from an earlier answer" if reused else ""
        world, batches = self.host.world, self.host.batches
        spent = (self.meter.spent.cost_usd - occasion.spent) * world
        cost = f"${spent:.4f}" if spent else "no cost"
        ranks = f" on each of {world} ranks" if world > 1 else ""
        ahead = ""
        if batches is not None:
            ahead = f"; {batches} such batches make the run" + (f": about ${spent * batches:.2f}" if spent else "")
        LOG.warning(
            "%s: first batch: %d of %d rollouts reviewed%s%s, %d fell back%s, %s, %.1f s of waiting%s",
            self.name,
            len(rows),
            len(batch),
            ranks,
            again,
            fallbacks,
            why,
            cost,
            batch.waited,
            ahead,
        )
