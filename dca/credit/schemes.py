"""How judgement becomes credit: schemes turn one reviewed row into a balanced ledger and a push.

Two come with DCA. `Share` splits what correctness paid and is the default; laws 4 to 10, and so the protection
against show, are its. `ValueDifference` is the yardstick. A scheme is any callable of one `Row`; this module
knows nothing of who reviewed, of text, or of tensors.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from dca.credit.advantage import centred_scores
from dca.errors import SchemeError
from dca.types import Credits, Review, Row, Split

VERIFICATION_LABELS: Final = frozenset({"check", "needless_check", "recovery"})
"""Labels that say a step verifies (or repairs); such steps are neutral, whatever score they were given."""


def verification_mask(review: Review, recognised: Iterable[int] = ()) -> tuple[bool, ...]:
    """Which steps are verification: decided once, between review and scheme; findings never change it.

    Args:
        review: K labels.
        recognised: Further steps that a detector recognised as verification.

    Returns:
        (K,) True where a step is neutral.

    >>> verification_mask(Review(scores=(1, 0, 0), labels=("key", "check", None)), recognised=[2])
    (False, True, True)
    """
    marked = frozenset(recognised)
    return tuple(label in VERIFICATION_LABELS or k in marked for k, label in enumerate(review.labels))


def counted_scores(scores: Sequence[float], labels: Sequence[str | None]) -> tuple[float, ...]:
    """The scores as `Share` counts them: a staged mistake has at most the score of an unlisted step, 0.

    >>> counted_scores((1.0, 1.0), ("key", "staged_mistake"))
    (1.0, 0.0)
    """
    return tuple(min(s, 0.0) if label == "staged_mistake" else s for s, label in zip(scores, labels, strict=True))


@dataclass(frozen=True, slots=True)
class Share:
    """Split the amount by length, tilted by the reviewer: the default scheme.

        z_k = (s_k - mean over N of s) / 0.75           0 on verification steps
        push_k = amount + credit_coef * z_k             the advantage of each of the step's tokens
        c_k = (n_k / T) * push_k                        sum_k c_k = amount

    A review that scores all steps alike gives every token the amount: plain GRPO (arXiv 2402.03300).
    The contrast between two choices at one decision is *not* fixed by the fixed sum; neutral verification is
    what keeps show from paying, and hindsight scores bias the gradient in general.

    Args:
        credit_coef: How far the reviewer may tilt; 0.25 for a reviewer whose step accuracy is unknown.
        sign_preserving: Shrink the tilt of a row until no token's sign differs from the amount's, for a
            reviewer one does not trust. A row whose amount is 0 then learns nothing from the reviewer.
        withhold: Where the amount is positive, a step in a finding gets at most 0 and the remainder goes to
            nobody. Off by default: only for findings whose precision has been shown. Law 4 yields there.

    >>> row = Row(Review(scores=(1.0, -1.0)), lengths=(10, 10), verification=(False, False), amount=1.0)
    >>> Share()(row).credits.values
    (0.8333..., 0.1666...)
    """

    credit_coef: float = 0.5
    sign_preserving: bool = False
    withhold: bool = False
    name = "share"
    measure = "contribution"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.credit_coef) and self.credit_coef >= 0.0):
            raise SchemeError(f"credit_coef must be a finite number of at least 0, got {self.credit_coef!r}")

    def __call__(self, row: Row) -> Split:
        """Split one row; see the class for the equation."""
        _require(self.measure, row.review, "Share")
        scores = counted_scores(row.review.scores, row.review.labels)
        tilt = centred_scores(scores, row.lengths, row.verification)
        coef = self.credit_coef * (
            _largest_safe_factor(self.credit_coef, tilt, row.amount) if self.sign_preserving else 1.0
        )
        push = [row.amount + coef * z for z in tilt]
        if self.withhold and row.amount > 0.0:
            flagged = {k for finding in row.findings for k in finding.steps}
            push = [min(p, 0.0) if k in flagged else p for k, p in enumerate(push)]
        return _paid_by_length(push, row)


def _largest_safe_factor(coef: float, tilt: Iterable[float], amount: float) -> float:
    """The largest factor in [0, 1] at which ``amount + factor * coef * z`` keeps the amount's sign everywhere."""
    against = max((-z if amount > 0.0 else z for z in tilt), default=0.0)
    if coef * against <= abs(amount):
        return 1.0 if amount != 0.0 else 0.0
    return abs(amount) / (coef * against) * (1.0 - 1e-12)  # rounding must not flip a sign either


def _paid_by_length(push: list[float], row: Row) -> Split:
    """Pay each step its push for each of its tokens; what no policy token can take stays unassigned."""
    total = sum(row.lengths)
    if total == 0:
        return Split(Credits((0.0,) * len(push), row.amount, unassigned=row.amount), tuple(push))
    values = tuple(n / total * p for n, p in zip(row.lengths, push, strict=True))
    return Split(Credits(values, row.amount, unassigned=_remainder(values, row.amount)), tuple(push))


def _remainder(values: tuple[float, ...], amount: float) -> float:
    """What the values leave of the amount; rounding dust counts as nothing."""
    rest = math.fsum((amount, *(-v for v in values)))
    return rest if abs(rest) > 1e-12 * max(1.0, abs(amount)) else 0.0


@dataclass(frozen=True, slots=True)
class ValueDifference:
    """Pay each step what it changed the value by: the yardstick, for reviews that measure value.

        c_k = V_k - V_(previous step that is not verification),   V_last := R,   unassigned = V_0

    The differences telescope to R - V_0 (RUDDER, Arjona-Medina et al. 2019, arXiv 1806.07857; VinePPO, Kazemnejad
    et al. 2024, arXiv 2410.01679). Verification is left out of the chain, so a repair is never paid for the fall
    that a mistake caused: mistake and repair together earn the mistake's own difference. The protection against
    show (laws 4 to 10) is `Share`'s, not this scheme's.

    >>> review = Review(scores=(0.5, 0.25, 1.0), measure="value", baseline=0.5)
    >>> ValueDifference()(Row(review, (4, 4, 4), (False,) * 3, amount=1.0)).credits
    Credits(values=(0.0, -0.25, 0.75), amount=1.0, unassigned=0.5)
    """

    name = "value_difference"
    measure = "value"

    def __call__(self, row: Row) -> Split:
        """Split one row; the push is ``scale`` times the difference."""
        _require(self.measure, row.review, "ValueDifference")
        if row.review.baseline is None:
            raise SchemeError("ValueDifference needs the value before the first step; give Review(baseline=V_0)")
        chain = [k for k, n in enumerate(row.lengths) if n > 0 and not row.verification[k]]
        if not chain:
            nothing = (0.0,) * len(row.lengths)
            return Split(Credits(nothing, row.amount, unassigned=row.amount), nothing)
        values = [0.0] * len(row.lengths)
        before = row.review.baseline
        for k in chain:
            after = row.amount if k == chain[-1] else row.review.scores[k]
            values[k], before = after - before, after
        split = Credits(tuple(values), row.amount, unassigned=row.review.baseline)
        return Split(split, tuple(row.scale * v for v in values))


def uniform(row: Row) -> Split:
    """Every token gets the amount: plain GRPO, and what a row falls back to when its review failed.

    >>> uniform(Row(Review(scores=(1, 0)), (3, 1), (False, False), amount=1.0)).credits.values
    (0.75, 0.25)
    """
    return _paid_by_length([row.amount] * len(row.lengths), row)


def _require(measure: str, review: Review, scheme: str) -> None:
    """Refuse a review whose scores mean something else."""
    if review.measure != measure:
        raise SchemeError(
            f"{scheme} needs scores that measure {measure}, the review measures {review.measure}; "
            f"choose another scheme or another reviewer"
        )
