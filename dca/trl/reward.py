"""The reward that remembers who did the work: a trainer's outcome rewards, unchanged, and a review of each rollout.

It goes into `reward_funcs` of any trainer that takes reward functions. On a stock trainer it is an audit: credits,
findings and costs are logged and the update is untouched. A trainer that knows it takes the assignments and turns
them into token advantages. This module does not know how that is done, nor who reviews.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from dca.credit.schemes import Share
from dca.credit.segment import segment
from dca.errors import InputError
from dca.pipeline import check_measure
from dca.protocols import Detector, Reviewer, Scheme, Segmenter
from dca.trl.batch import ReviewBatch
from dca.trl.calls import Call, Plan, Session
from dca.trl.checkpoint import ReviewKeeper, Standing
from dca.trl.host import Host, host_of
from dca.trl.meter import Meter
from dca.trl.outcomes import OutcomeFunction, Outcomes
from dca.trl.selection import Selection

LOG: Final = logging.getLogger("dca")


class DCAReward:
    """Outcome rewards, unchanged, with a review of each rollout and the credit it splits the outcome into.

    Args:
        outcomes: One or more rewards from the task: functions, async functions, TRL's own.
        reviewer: Who judges the steps.
        weights: One for each outcome; the total is the weighted sum of those that apply. 1.0 each unless told.
        scheme: How judgement becomes credit; `Share()` unless told.
        detector: Recognises verification and show; without one the reviewer's labels decide.
        segmenter: How completions are cut into steps.
        select: Which rollouts are worth a review: one strategy, or several applied one after another; all unless
            told. See `dca.trl.selection`.
        max_in_flight: Reviews under way at a time, over all ranks. 1 runs them in the calling thread, one after
            another; the deadline is then looked at between two. Unless told, 32, or 1 for a reviewer that runs
            `in_process`.
        review_timeout: Seconds from the beginning of a batch's reviews to their deadline; what is late falls back.
        reference_field: The data set's column with the expected answer; found by its usual names unless told.
        review_in_eval: Review in evaluation too.
        budget_usd: Dollars the run may spend, all ranks together in equal parts; then it stops.
        log: The folder for assignments; "auto" puts them into the trainer's output folder, None nowhere.
        tokenizer: The policy's, where the trainer does not tell.
        name: What the reward is called in metrics, columns and files; two in one trainer need two names.

    Raises:
        InputError: An argument is not what it must be.
        SchemeError: The scheme cannot use what this reviewer measures.

    >>> from dca import ArithmeticReviewer
    >>> reward = DCAReward(lambda completions, **_: [1.0] * len(completions), reviewer=ArithmeticReviewer(), log=None)
    >>> reward(["2 + 2?"], ["2 + 2 = 4\\nSo 4."])
    [1.0]
    """

    __name__ = "dca"

    def __init__(
        self,
        *outcomes: OutcomeFunction,
        reviewer: Reviewer,
        weights: Sequence[float] | None = None,
        scheme: Scheme | None = None,
        detector: Detector | None = None,
        segmenter: Segmenter = segment,
        select: Selection | Sequence[Selection] | None = None,
        max_in_flight: int | None = None,
        review_timeout: float | None = 60.0,
        reference_field: str | None = None,
        review_in_eval: bool = False,
        budget_usd: float | None = None,
        log: str | Path | None = "auto",
        tokenizer: Any | None = None,
        name: str = "dca",
    ) -> None:
        if max_in_flight is not None and max_in_flight < 1:
            raise InputError(f"expected max_in_flight to be at least 1, got {max_in_flight!r}")
        if budget_usd is not None and not budget_usd > 0:
            raise InputError(f"expected budget_usd above zero, got {budget_usd!r}; leave it out for no limit")
        if not name or Path(name).name != name:
            raise InputError(f"expected a name that can be a file's, got {name!r}")
        scheme = scheme if scheme is not None else Share()
        check_measure(reviewer, scheme)
        self.__name__ = name
        self.told = self.plan = Plan(  # a trainer may overrule the plan; what was told stays
            outcomes=Outcomes(outcomes, weights),
            reviewer=reviewer,
            scheme=scheme,
            detector=detector,
            segmenter=segmenter,
            select=() if select is None else (select,) if callable(select) else tuple(select),
            max_in_flight=max_in_flight,
            review_timeout=review_timeout,
            reference_field=reference_field,
            review_in_eval=review_in_eval,
            budget_usd=budget_usd,
            log=log,
            tokenizer=tokenizer,
            name=name,
        )
        self._forget()

    def _forget(self) -> None:
        """The state of one process, which no copy takes along."""
        self._dense = False
        self._meter: Meter | None = None
        self._now: Session | None = None
        self._keeper = ReviewKeeper(self)
        self._early: tuple[list[list[int]], ReviewBatch] | None = None
        self._last: ReviewBatch | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"told": self.told}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.told = self.plan = state["told"]
        self.__name__ = self.plan.name
        self._forget()

    @property
    def name(self) -> str:
        """What the reward is called in metrics, columns and files."""
        return self.plan.name

    @property
    def host(self) -> Host | None:
        """The trainer it was last met in; None before that."""
        return None if self._now is None else self._now.host

    def __call__(
        self, prompts: Sequence[Any], completions: Sequence[Any], completion_ids: Any = None, **columns: Any
    ) -> list[float | None]:
        """The outcomes (B,), unchanged; None where no outcome applies.

        Raises:
            InputError: An outcome reward did not give one number or None for each completion.
            RunError: The run must stop: a refused key, a spent budget, a missing recording.
        """
        session = self._session(columns)
        batch = self._begun_early(completion_ids)
        if batch is None:
            batch = session.begin(Call(prompts, completions, completion_ids, columns))
        if not (self._dense and session.host.training):
            batch.settle()
        if self._dense:
            self._last = batch
        else:
            session.show(columns)
        return list(batch.outcomes)

    def connect(
        self, trainer: Any, *, dense: bool, review_timeout: float | None = None, scheme: Scheme | None = None
    ) -> None:
        """Make a trainer known; a stock trainer is found on the first call and needs no connecting.

        Args:
            trainer: A live trainer with this reward among its reward functions.
            dense: The trainer will `take` every batch and turn assignments into token advantages.
            review_timeout: Overrules the reward's.
            scheme: Overrules the reward's.

        Raises:
            InputError: Another `DCAReward` of the trainer has the same name.
            SchemeError: The scheme cannot use what the reviewer measures.
        """
        if scheme is not None:
            check_measure(self.plan.reviewer, scheme)
        known = self._now is not None and self._now.host.trainer is trainer
        if not known:
            self.plan.refuse_namesake(Host(trainer))
        self.plan = replace(
            self.plan,
            scheme=scheme if scheme is not None else self.plan.scheme,
            review_timeout=review_timeout if review_timeout is not None else self.plan.review_timeout,
        )
        if not known:
            self._move_to(Host(trainer))
        assert self._now is not None
        self._now.plan, self._dense = self.plan, dense
        handler = getattr(trainer, "callback_handler", None)
        if handler is not None and self._keeper not in handler.callbacks:
            trainer.add_callback(self._keeper)

    def begin(
        self,
        prompts: Sequence[Any],
        completions: Sequence[Any],
        completion_ids: Sequence[Sequence[int]],
        *,
        masks: Sequence[Sequence[int]] | None = None,
        prompt_ids: Sequence[Sequence[int]] | None = None,
        coef: float | None = None,
        **columns: Any,
    ) -> None:
        """Ask for outcomes and begin the reviews early; the call with the same completion ids finds them begun.

        Args:
            prompts: (B,) as the call will get them.
            completions: (B,) as the call will get them.
            completion_ids: (B,) as the call will get them.
            masks: (B,) 1 where the policy wrote the token.
            prompt_ids: (B,) the prompts' token ids.
            coef: The scheme's coefficient in this batch; at 0 nothing is reviewed.
            columns: All else the call will get.
        """
        call = Call(prompts, completions, completion_ids, columns, masks, prompt_ids, coef)
        self._early = [list(ids) for ids in completion_ids], self._session(columns).begin(call)

    def take(self) -> ReviewBatch:
        """The batch of the last call, once.

        Raises:
            InputError: There is none: not called since, or not connected as dense.
        """
        batch, self._last = self._last, None
        if batch is None:
            raise InputError(
                f"{self.name}: expected a batch to take, got none; connect(trainer, dense=True), and take once after "
                "every call"
            )
        return batch

    def flush(self) -> None:
        """Settle what is unfinished, waiting until its deadline at most, and write it down.

        Raises:
            RunError: The run must stop.
        """
        if self._now is not None:
            self._now.flush()

    def collect_metrics(self) -> dict[str, tuple[float, float]]:
        """Name -> (sum, count) on this rank over what was settled since last time; add up over ranks, then divide."""
        return {} if self._now is None else self._now.record.figures()

    @property
    def standing(self) -> Standing:
        """Batches, rows, fallbacks and costs of this rank so far."""
        return Standing() if self._now is None else self._now.record.standing

    def begin_run(self) -> None:
        """A run begins, perhaps from a checkpoint; nothing under way is left over from another."""
        self._early = self._last = None
        if self._now is not None:
            self._now.drop()
            self._now.record.begin_run()

    def save(self, checkpoint: Path) -> None:
        """Settle what is unfinished and leave the counts in a checkpoint folder."""
        self.flush()
        if self._now is not None:
            self._now.record.save(checkpoint)

    def _session(self, columns: dict[str, Any]) -> Session:
        """The session this call belongs to; a trainer that was not connected is met as an audit, and told so."""
        trainer = host_of(columns)
        fresh = self._now is None or (trainer is not None and self._now.host.trainer is not trainer)
        if fresh or trainer is not None:  # a trainer that restores its callbacks drops ours, so look again
            self.connect(trainer, dense=self._dense and not fresh)
        assert self._now is not None
        if fresh:
            self._now.host.warn_of_audit(self.name)
        self._now.host.told_state = columns.get("trainer_state")
        return self._now

    def _move_to(self, host: Host) -> None:
        """Begin with another trainer, once the last one's batch is settled."""
        self.flush()
        if self._meter is None:
            self._meter = self.plan.metered(host)
        self._now, self._early, self._last = Session(self.plan, host, self._meter), None, None
        for part in (self.plan.reviewer, self.plan.detector):
            use_policy = getattr(part, "use_policy", None)
            if use_policy is not None and host.trainer is not None:
                use_policy(host.trainer.model, host.processing_class)

    def _begun_early(self, completion_ids: Any) -> ReviewBatch | None:
        """The batch that `begin` began, if it is of these completions."""
        early, self._early = self._early, None
        if early is None or completion_ids is None:
            return None
        return early[1] if early[0] == [list(ids) for ids in completion_ids] else None
