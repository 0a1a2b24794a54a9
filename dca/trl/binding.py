"""From assignments to token advantages: one generation batch, bound row by row when its loss is computed.

A_i is the trainer's own and never waits for a reviewer; a row's assignment is asked for once, and a row without one
that can be used keeps A_i on every token. This module knows reviews, schemes and arrays; no loss and no trainer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dca.errors import InputError
from dca.protocols import Scheme
from dca.trl.batch import ReviewBatch
from dca.trl.scaling import Scaling
from dca.types import Assignment, Row

DUST: Final = 1e-5
"""What a trainer's float32 leaves of an advantage that belongs to one reward alone, relative to its size."""

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RowTokens:
    """The token advantages of one row.

    Attributes:
        amount: A_i.
        advantages: (L,) A_t; 0 on tokens of the environment.
        trained: (L,) policy tokens.
        counted: (L,) policy tokens outside neutral steps.
        tilted: Whether A_t of any policy token differs from A_i.
        zero_sum: Whether the mean of A_t is A_i, as in the scheme "share".
    """

    amount: float
    advantages: Floats
    trained: Flags
    counted: Flags
    tilted: bool
    zero_sum: bool

    @property
    def tilt(self) -> Floats:
        """A_t - A_i of the policy tokens."""
        return self.advantages[self.trained] - np.float32(self.amount)


@dataclass(frozen=True, slots=True)
class Tokens:
    """The token advantages of one micro-batch.

    Attributes:
        advantages: (B, T) A_t.
        counted: (B, T) policy tokens outside neutral steps.
        zero_sum: (B,) see `RowTokens`.
    """

    advantages: Floats
    counted: Flags
    zero_sum: Flags


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """What must be known of a micro-batch to bind it, in the host's memory.

    Attributes:
        rows: (B,) pairs of a batch key and a row in that batch.
        ids: (B, T) completion tokens, padded.
        mask: (B, T) True for tokens that are trained on.
        amounts: (B,) A_i.
    """

    rows: tuple[tuple[int, int], ...]
    ids: Integers
    mask: Flags
    amounts: Floats


class CreditBatch:
    """One generation batch of one rank, while it is trained on.

    Args:
        key: Names the batch; a row that carries another key is not one of ours and keeps its A_i.
        batch: The reviews, on their way.
        scaling: Of these rows.
        scheme: The scheme for a row, given whether its group is saturated.
        on_row: Told once of each row: its assignment, or None where no review was asked for, and its tokens, or
            None where it keeps A_i.
        on_stop: Told of what must stop the run; the row then keeps A_i.
    """

    def __init__(
        self,
        key: int,
        batch: ReviewBatch,
        *,
        scaling: Scaling,
        scheme: Callable[[bool], Scheme],
        on_row: Callable[[Assignment | None, RowTokens | None], None],
        on_stop: Callable[[Exception], None],
    ) -> None:
        self.key, self.batch = key, batch
        self._scaling, self._scheme = scaling, scheme
        self._on_row, self._on_stop = on_row, on_stop
        self._bound: dict[int, RowTokens | None] = {}

    def tokens(self, micro: MicroBatch) -> Tokens | None:
        """The token advantages of a micro-batch, waited for until the deadline at most.

        Returns:
            None where every row keeps A_i on all its tokens: the update is then the plain trainer's, bit for bit.

        Raises:
            InputError: A row holds another completion than the one that was reviewed.
        """
        mask, amounts = micro.mask, micro.amounts
        bound = [
            self._row(row, micro.ids[at], mask[at], float(amounts[at])) if key == self.key else None
            for at, (key, row) in enumerate(micro.rows)
        ]
        if not any(one is not None and one.tilted for one in bound):
            return None
        advantages = np.where(mask, amounts[:, None], np.float32(0.0))
        counted, zero_sum = np.zeros(mask.shape, dtype=bool), np.ones(len(bound), dtype=bool)
        for at, one in enumerate(bound):
            if one is not None:
                width = len(one.advantages)
                advantages[at, :width], counted[at, :width] = one.advantages, one.counted
                zero_sum[at] = one.zero_sum
        return Tokens(advantages, counted, zero_sum)

    def _row(self, row: int, ids: Integers, mask: Flags, amount: float) -> RowTokens | None:
        """One row, asked for once; None where it keeps A_i."""
        if row not in self._bound:
            self._check(row, ids)
            self._bound[row] = self._ask(row, mask, amount)
        bound = self._bound[row]
        if bound is not None and bound.amount != amount:  # a trainer changed its A_i since
            self._bound[row] = bound = self._guarded(row, mask, amount)
        return bound

    def _check(self, row: int, ids: Integers) -> None:
        """Refuse a row that holds another completion."""
        rollout = self.batch.rollouts[row]
        known = rollout.completion_ids if rollout is not None else None
        if known is not None and not np.array_equal(ids[: len(known)], known):
            raise InputError(
                f"row {row} of the training batch holds another completion than row {row} of the reward call: a "
                f"trainer below this one reorders its rows after the rewards are computed. Move the key 'dca_row' "
                f"along with the other tensors, or use DCAReward on the stock trainer, as an audit"
            )

    def _ask(self, row: int, mask: Flags, amount: float) -> RowTokens | None:
        """Wait for a row's assignment and bind it."""
        try:
            assignment = self.batch.result(row)
        except Exception as error:  # raised on one rank alone it would leave the others waiting for it
            self._on_stop(error)
            return None
        usable = assignment is not None and assignment.fallback is None
        tokens = self._guarded(row, mask, amount) if usable else None
        self._on_row(assignment, tokens)
        return tokens

    def _guarded(self, row: int, mask: Flags, amount: float) -> RowTokens | None:
        """The tokens of a settled row; what a scheme raises stops the run where all ranks meet."""
        assignment = self.batch.result(row)
        assert assignment is not None
        try:
            return self._spread(row, assignment, mask, amount)
        except Exception as error:
            self._on_stop(error)
            return None

    def _spread(self, row: int, assignment: Assignment, mask: Flags, amount: float) -> RowTokens:
        """Split the amount over the steps and give each token its step's push."""
        rollout = self.batch.rollouts[row]
        assert rollout is not None
        owners = np.asarray(rollout.owners(assignment.steps), dtype=np.int64)  # (L,)
        trained = mask[: len(owners)]
        scheme = self._scheme(self._scaling.saturated[row])
        by_value = getattr(scheme, "measure", None) == "value"
        one = Row(
            review=assignment.review,
            lengths=tuple(np.bincount(owners[trained], minlength=len(assignment.steps)).tolist()),
            verification=assignment.verification,
            findings=assignment.findings,
            amount=assignment.transcript.reward if by_value else amount,
            scale=self._scaling.scale[row],
        )
        rest = amount - self._scaling.part[row] if by_value else 0.0  # what other rewards gave of A_i
        rest = rest if abs(rest) > DUST * max(1.0, abs(amount)) else 0.0
        push = np.asarray(scheme(one).push, dtype=np.float64)[owners] + rest  # (L,)
        advantages = np.where(trained, push, 0.0).astype(np.float32)
        tilt = (push - amount)[trained]
        return RowTokens(
            amount=amount,
            advantages=advantages,
            trained=trained,
            counted=trained & ~np.asarray(assignment.verification, dtype=bool)[owners],
            tilted=bool(np.any(advantages[trained] != np.float32(amount))),
            zero_sum=not by_value and abs(float(tilt.sum())) <= 1e-9 * max(1.0, float(np.abs(tilt).sum())),
        )
