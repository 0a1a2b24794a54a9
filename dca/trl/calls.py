"""One reward at work under one trainer: from a call's arguments to a batch whose reviews are on their way.

Outcomes first, since they decide what is worth a review; then the chosen rollouts are rendered and sent off together,
with one deadline. This module does not know how assignments become token advantages.
"""

from __future__ import annotations

import dataclasses
import functools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dca.errors import InputError
from dca.pipeline import assign_ahead
from dca.protocols import Detector, Reviewer, Scheme, Segmenter
from dca.trl.batch import ReviewBatch
from dca.trl.host import Host
from dca.trl.meter import Meter, metered
from dca.trl.metrics import credit_text, mean
from dca.trl.outcomes import Outcomes
from dca.trl.record import RunRecord
from dca.trl.rendering import TokenTable
from dca.trl.rollouts import Rollout, to_rollouts
from dca.trl.selection import Selection, candidates_of, chosen

LOG: Final = logging.getLogger("dca")
IN_FLIGHT: Final = 32
"""Reviews under way at a time, over all ranks, unless told."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a `DCAReward` was told; see there."""

    outcomes: Outcomes
    reviewer: Reviewer
    scheme: Scheme
    detector: Detector | None
    segmenter: Segmenter
    select: tuple[Selection, ...]
    max_in_flight: int | None
    review_timeout: float | None
    reference_field: str | None
    review_in_eval: bool
    budget_usd: float | None
    log: str | Path | None
    tokenizer: Any | None
    name: str

    def in_flight(self, world: int) -> int:
        """Reviews under way at a time on one of `world` ranks; 1 means in the calling thread.

        A share of a larger number never comes down to that: a review that waits must not hold up the deadline.
        """
        if self.max_in_flight == 1 or (self.max_in_flight is None and getattr(self.reviewer, "in_process", False)):
            return 1
        return max(2, (self.max_in_flight or IN_FLIGHT) // world)

    def folder(self, host: Host) -> Path | None:
        """Where assignments are logged, if anywhere."""
        if self.log != "auto":
            return None if self.log is None else Path(self.log)
        return None if host.output_dir is None else host.output_dir / self.name

    def scheme_at(self, coef: float | None) -> Scheme:
        """The scheme, with the coefficient that holds in this batch where it has one."""
        scheme: Any = self.scheme
        if coef is None or "credit_coef" not in getattr(scheme, "__dataclass_fields__", ()):
            return self.scheme
        return dataclasses.replace(scheme, credit_coef=coef)

    def options(self, scheme: Scheme) -> dict[str, Any]:
        """What a reader of the log needs to repeat the split."""
        told: dict[str, Any] = dataclasses.asdict(scheme) if dataclasses.is_dataclass(scheme) else {}
        how = getattr(self.segmenter, "keywords", {}).get("how", "auto")
        return {**told, "segment": how}

    def metered(self, host: Host) -> Meter:
        """The reviewer with a count beside it, and this rank's part of the budget."""
        budget = None if self.budget_usd is None else self.budget_usd / host.world
        return metered(self.reviewer, budget_usd=budget, at_a_time=self.in_flight(host.world))

    def refuse_namesake(self, host: Host) -> None:
        """Two rewards of one name, or one log, would write the same metrics or the same files.

        Raises:
            InputError: The trainer has another such reward.
        """
        folder = self.folder(host)
        for function in getattr(host.trainer, "reward_funcs", None) or ():
            while isinstance(function, functools.partial):
                function = function.func
            other = getattr(function, "plan", None)
            if not isinstance(other, Plan) or other is self:
                continue
            if other.name == self.name or (folder is not None and folder == other.folder(host)):
                raise InputError(
                    f"expected the DCARewards of one trainer to differ in name and log, got two of {self.name!r}, "
                    f"{folder}; give one of them another name="
                )


@dataclass(frozen=True, slots=True)
class Call:
    """The arguments of one reward call, and what only a trainer that knows us can add."""

    prompts: Sequence[Any]
    completions: Sequence[Any]
    completion_ids: Sequence[Sequence[int]] | None
    columns: Mapping[str, Any]
    masks: Sequence[Sequence[int]] | None = None
    prompt_ids: Sequence[Sequence[int]] | None = None
    coef: float | None = None


class Session:
    """A plan under one trainer.

    Args:
        plan: What the reward was told.
        host: The trainer.
        meter: The plan's reviewer; it outlives a session, as a budget does.
    """

    def __init__(self, plan: Plan, host: Host, meter: Meter) -> None:
        self.plan, self.host, self.meter = plan, host, meter
        self.record = RunRecord(plan.name, plan.folder(host), host, meter, parts=plan.outcomes.names)
        self._tables: list[TokenTable | None] = []
        self._open: ReviewBatch | None = None

    def begin(self, call: Call) -> ReviewBatch:
        """Ask for the outcomes, choose, and send the chosen rollouts off. The batch before is settled first."""
        self.flush()
        scheme = self.plan.scheme_at(call.coef)
        occasion = self.record.occasion(self.plan.options(scheme))
        paid = self.plan.outcomes(call.prompts, call.completions, call.completion_ids, call.columns)
        rows = self._rows(call, paid.totals)
        rollouts = self._rollouts(call, paid.totals, rows, occasion.first_id)
        ahead = None
        if rows:
            ahead = assign_ahead(
                [rollout.transcript for rollout in rollouts if rollout is not None],
                self.meter,
                scheme=scheme,
                detector=self.plan.detector,
                segmenter=self.plan.segmenter,
                max_in_flight=self.plan.in_flight(self.host.world),
                deadline=self.plan.review_timeout,
            )
        if occasion.training:
            self.record.count(paid, rows)
        self._open = ReviewBatch(
            paid.totals,
            rollouts,
            rows=rows,
            ahead=ahead,
            on_settled=functools.partial(self.record.settled, occasion),
            on_turn=functools.partial(self.record.turn, occasion),
        )
        return self._open

    def flush(self) -> None:
        """Settle the batch that is under way, waiting until its deadline at most."""
        if self._open is not None:
            self._open.settle()

    def drop(self) -> None:
        """Leave the batch that is under way unsettled: a run that failed is over."""
        self._open = None

    def show(self, columns: Mapping[str, Any]) -> None:
        """Log the settled batch through the functions that the trainer passes to rewards.

        Always the same names, on every rank and in every batch, since trainers line them up.
        """
        log_extra, log_metric = columns.get("log_extra"), columns.get("log_metric")
        if log_extra is not None and self._open is not None:
            log_extra(
                f"{self.plan.name}_credit", [credit_text(assignment) for assignment in self._open.assignments()]
            )
        if log_metric is not None and (self.host.training or self.plan.review_in_eval):
            for name, pair in self.record.figures().items():
                log_metric(name, mean(pair))

    def _rows(self, call: Call, outcomes: tuple[float | None, ...]) -> tuple[int, ...]:
        """The rows to review; one that the trainer leaves out of its loss is not worth one."""
        if call.coef == 0.0 or not (self.host.training or self.plan.review_in_eval):
            return ()
        candidates = candidates_of(call.prompts, outcomes, self.host)
        if call.completion_ids is not None:
            trained = {row for row, ids in enumerate(call.completion_ids) if not self.host.masks(ids)}
            candidates = candidates.only(trained)
        return chosen(candidates, self.plan.select)

    def _rollouts(
        self, call: Call, outcomes: tuple[float | None, ...], rows: tuple[int, ...], first_id: str
    ) -> list[Rollout | None]:
        """(B,) the rows to review as rollouts, None elsewhere."""
        if not rows:
            return [None] * len(outcomes)
        wanted = frozenset(rows)
        return to_rollouts(
            call.prompts,
            call.completions,
            call.completion_ids,
            [outcome if row in wanted else None for row, outcome in enumerate(outcomes)],
            columns=call.columns,
            table=self._table() if call.completion_ids is not None else None,
            masks=call.masks,
            prompt_ids=call.prompt_ids,
            reference_field=self.plan.reference_field,
            first_id=first_id,
        )

    def _table(self) -> TokenTable | None:
        """The tokenizer's table, built once; without one, or with one that has none, texts come from the messages."""
        if not self._tables:
            tokenizer = self.plan.tokenizer if self.plan.tokenizer is not None else self.host.processing_class
            self._tables = [None if tokenizer is None else _table_of(tokenizer)]
        return self._tables[0]


def _table_of(tokenizer: Any) -> TokenTable | None:
    try:
        return TokenTable(tokenizer)
    except InputError as error:
        LOG.warning("completions are read from their messages, not from their tokens: %s", error)
        return None
