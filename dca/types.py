"""The records that flow through DCA.

    Transcript -> Steps -> Review -> (Findings) -> Split (Credits + push) -> Assignment

Dimension letters: B rows, G rollouts of one prompt, K steps, T completion tokens, n_k length of step k.
Records are frozen and check themselves when they are made, so whoever holds one may trust it.
This module knows nothing of how a text is cut, judged, paid or shown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from dca.errors import InputError, LedgerError, ReviewError, SchemeError
from dca.usage import NO_USAGE, Usage

POLICY: Final = "policy"
"""The author of every step the trained model wrote; any other author (tool, user, ...) is environment."""

LABELS: Final = (
    "key",
    "progress",
    "error",
    "recovery",
    "check",
    "needless_check",
    "staged_mistake",
    "filler",
    "injection",
)
"""What kind of step a reviewer may say a step is."""

MEASURES: Final = ("contribution", "value", "approval")
"""What a score means: a step's contribution, the value after it, or approval of it."""

LEDGER_TOLERANCE: Final = 1e-9


def balances(values: Sequence[float], unassigned: float, amount: float) -> bool:
    """Law 3: ``|fsum(values) + unassigned - amount| <= 1e-9 * max(1, |amount|)``.

    >>> balances([0.5, 0.25], 0.25, 1.0), balances([0.5, 0.25], 0.0, 1.0)
    (True, False)
    """
    return abs(math.fsum((*values, unassigned, -amount))) <= LEDGER_TOLERANCE * max(1.0, abs(amount))


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a completion whose author, or whose unity, is known before segmentation.

    Attributes:
        start: First character.
        stop: One past the last character.
        author: ``"policy"``, or who else wrote it (``"tool"``, ``"user"``, ...).
        whole: True when the span is one step already and must not be cut.
    """

    start: int
    stop: int
    author: str = POLICY
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Transcript:
    """One finished rollout and what the task paid for it.

    Attributes:
        prompt: The problem as the policy saw it.
        completion: Everything after the prompt, tool and user turns included.
        reward: R, from a verifier the policy cannot talk to; finite.
        id: Names the row in files and reports.
        reference: The expected answer, where known.
        metadata: Anything else worth carrying.
        spans: Known turns or given steps, tiling the completion; empty: one policy turn.

    Raises:
        InputError: The reward is not a finite number, or the spans do not tile the completion.
    """

    prompt: str
    completion: str
    reward: float
    id: str = ""
    reference: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    spans: tuple[Span, ...] = ()

    def __post_init__(self) -> None:
        if not math.isfinite(self.reward):
            raise InputError(f"expected a finite reward, got {self.reward!r}; give the outcome as a number")
        edges = [0]
        for span in self.spans:
            if span.start != edges[-1] or span.stop < span.start:
                raise InputError(f"spans must tile the completion; {span} does not start at {edges[-1]}")
            edges.append(span.stop)
        if self.spans and edges[-1] != len(self.completion):
            raise InputError(f"spans must tile the completion; they end at {edges[-1]} of {len(self.completion)}")


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a completion: ``completion[start:stop] == text``."""

    index: int
    start: int
    stop: int
    text: str
    author: str = POLICY

    @property
    def policy_length(self) -> int:
        """n_k where no tokenizer is at hand: characters the policy wrote (0 for other authors)."""
        return self.stop - self.start if self.author == POLICY else 0


@dataclass(frozen=True, slots=True)
class Review:
    """What a reviewer says of the K steps of one rollout, before any law is applied.

    Attributes:
        scores: (K,) in [-1, 1]; a step the reviewer does not list has score 0.
        labels: (K,) one of `LABELS` or None. May be left out: no labels.
        links: (K,) the earlier step a check, recovery or repeat is about, or None.
        reasons: (K,) words, "" where there are none.
        shortest: Indices of the steps a faster thinker would have needed, increasing.
        measure: What the scores mean, one of `MEASURES`.
        baseline: V_0, the value before the first step; needed by the measure "value".
        reviewer: Who reviewed: name, and model and prompt where there are any.
        usage: What the review cost.
        trace: (role, text) pairs of what was sent and answered, where a reviewer was told to keep them.

    Raises:
        ReviewError: NaN, infinite or out-of-range scores; lengths that differ; an unknown label or measure;
            a link that does not point backwards.

    >>> Review(scores=(0.5, -1.0)).labels
    (None, None)
    """

    scores: tuple[float, ...]
    labels: tuple[str | None, ...] = ()
    links: tuple[int | None, ...] = ()
    reasons: tuple[str, ...] = ()
    shortest: tuple[int, ...] = ()
    measure: str = "contribution"
    baseline: float | None = None
    reviewer: str = ""
    usage: Usage = NO_USAGE
    trace: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        count = len(self.scores)
        _set(self, scores=tuple(float(s) for s in self.scores), shortest=tuple(sorted(set(self.shortest))))
        for name, empty in (("labels", None), ("links", None), ("reasons", "")):
            _set(self, **{name: tuple(getattr(self, name)) or (empty,) * count})
            if len(getattr(self, name)) != count:
                raise ReviewError(f"expected {count} {name}, one for each score, got {len(getattr(self, name))}")
        for k, score in enumerate(self.scores):
            if not -1.0 <= score <= 1.0:  # also catches NaN
                raise ReviewError(f"the score of step {k} must be a number in [-1, 1], got {score!r}")
        if self.baseline is not None and not -1.0 <= self.baseline <= 1.0:
            raise ReviewError(f"the baseline must be a number in [-1, 1], got {self.baseline!r}")
        if self.measure not in MEASURES:
            raise ReviewError(f"the measure must be one of {', '.join(MEASURES)}, got {self.measure!r}")
        for k, (label, link) in enumerate(zip(self.labels, self.links, strict=True)):
            if label is not None and label not in LABELS:
                raise ReviewError(f"the label of step {k} must be one of {', '.join(LABELS)}, got {label!r}")
            if link is not None and not 0 <= link < k:
                raise ReviewError(f"step {k} may only refer to an earlier step, got {link!r}")
        if any(not 0 <= k < count for k in self.shortest):
            raise ReviewError(f"`shortest` must hold step indices below {count}, got {self.shortest}")


def _set(record: object, **values: object) -> None:
    """Normalise fields of a frozen record while it is being made."""
    for name, value in values.items():
        object.__setattr__(record, name, value)


@dataclass(frozen=True, slots=True)
class Finding:
    """What the detector says of one episode: kind, steps, confidence in [0, 1], evidence in words."""

    kind: str
    steps: tuple[int, ...]
    confidence: float
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Detection:
    """A detector's two answers, kept apart.

    Attributes:
        verification: Indices of steps recognised as verification (needs recall; makes them neutral).
        findings: Accusations, each with evidence (needs precision; never changes `verification`).
    """

    verification: tuple[int, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Credits:
    """A ledger: the shares of an amount, and what was given to nobody.

    Raises:
        LedgerError: The values and `unassigned` do not add up to the amount, or something is not finite.
    """

    values: tuple[float, ...]
    amount: float
    unassigned: float = 0.0

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (*self.values, self.amount, self.unassigned))):
            raise LedgerError("credits must be finite numbers; check the scheme for a division by zero")
        if not balances(self.values, self.unassigned, self.amount):
            total = math.fsum((*self.values, self.unassigned))
            raise LedgerError(
                f"credits and unassigned add up to {total!r}, not {self.amount!r}; a scheme may only split"
            )


@dataclass(frozen=True, slots=True)
class Row:
    """All a scheme may look at.

    Attributes:
        review: The (checked) review of K steps.
        lengths: (K,) n_k, policy tokens (or characters) of each step; 0 for steps of the environment.
        verification: (K,) True where a step is verification and so neutral.
        findings: What the detector said.
        amount: What is split: R in files and reports, A_i in the trainer.
        scale: k_i = dA_i/dR_i, the trainer's own scaling of this reward; 1 outside a trainer.

    Raises:
        SchemeError: The lengths do not fit the review, or a number is not finite or negative.
    """

    review: Review
    lengths: tuple[int, ...]
    verification: tuple[bool, ...]
    findings: tuple[Finding, ...] = ()
    amount: float = 0.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        count = len(self.review.scores)
        if len(self.lengths) != count or len(self.verification) != count:
            raise SchemeError(
                f"the review has {count} scores for {len(self.lengths)} step lengths and "
                f"{len(self.verification)} verification marks; give one of each for every step"
            )
        if any(n < 0 for n in self.lengths):
            raise SchemeError("step lengths must not be negative")
        if not (math.isfinite(self.amount) and math.isfinite(self.scale)):
            raise SchemeError(f"amount and scale must be finite, got {self.amount!r} and {self.scale!r}")


@dataclass(frozen=True, slots=True)
class Split:
    """What a scheme returns: the ledger, and the push (K,), the advantage of each step's policy tokens."""

    credits: Credits
    push: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Assignment:
    """One row, done: who said what, who got what, and whether the review could be used.

    Attributes:
        fallback: None, or why the review could not be used; the credits are then token-uniform.
        usage: What this row cost, failed attempts included.
    """

    transcript: Transcript
    steps: tuple[Step, ...]
    review: Review
    verification: tuple[bool, ...]
    findings: tuple[Finding, ...]
    credits: Credits
    push: tuple[float, ...]
    scheme: str
    fallback: str | None = None
    usage: Usage = NO_USAGE
