"""What the terminal and the page both say of reviewed transcripts: one digest each, and a running total.

Reads records of the output contract (one mapping a line) and does arithmetic on them; it knows nothing of
colours, HTML or files, judges nothing itself, and changes no credit.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

from dca.credit.advantage import SCALE, centred_scores
from dca.credit.schemes import counted_scores
from dca.errors import InputError
from dca.types import POLICY, balances
from dca.usage import NO_USAGE, Usage

HEATS: Final = (0.1, 0.4, 0.9, 1.6)
"""The |z| at which each of the four tints of a side begins."""

TILT_BINS: Final = 15
TILT_BOUND: Final = 2 / SCALE
"""Law 7: |z| never exceeds it, so the histogram spans it."""

SHARE_BINS: Final = 10
MISTAKES: Final = frozenset({"error", "staged_mistake"})
OUTCOMES: Final = ("right", "partial", "wrong")


@dataclass(frozen=True, slots=True)
class StepDigest:
    """One step as a reader sees it.

    Attributes:
        length: Characters the policy wrote; 0 for the environment's steps.
        z: The centred score, or None where the scheme has none (fallback, or not `share`).
        tilt: What colours the step: z, or under other schemes the credit on z's scale; 0 in a fallback.
        neutral: True for verification, on which the reviewer has no say.
        needed: True where the shortest path holds the step.
    """

    index: int
    start: int
    text: str
    author: str
    length: int
    score: float
    label: str | None
    credit: float
    reason: str
    of: int | None
    z: float | None
    tilt: float
    neutral: bool
    needed: bool

    @property
    def heat(self) -> int:
        """The tint, -4 to 4; 0 is no tint."""
        level = sum(abs(self.tilt) >= edge for edge in HEATS)
        return level if self.tilt > 0 else -level

    @property
    def kind(self) -> str:
        """What the step is called in totals: its label, its author where that is not the policy, or "unlabelled"."""
        return self.label or ("unlabelled" if self.author == POLICY else "environment")


@dataclass(frozen=True, slots=True)
class Digest:
    """One transcript as a reader sees it.

    Attributes:
        used: Characters the policy wrote.
        needed: Those of them on the shortest path; 0 where the review names none.
        first_error: Where the first mistake begins, as a share of the completion, or None.
    """

    id: str
    prompt: str
    reward: float
    outcome: str
    steps: tuple[StepDigest, ...]
    findings: tuple[Mapping[str, Any], ...]
    shortest: tuple[int, ...]
    unassigned: float
    fallback: str | None
    reviewer: str
    scheme: str
    usage: Usage
    used: int
    needed: int
    first_error: float | None

    @property
    def earned(self) -> float:
        """What all steps together were credited."""
        return math.fsum(step.credit for step in self.steps)

    @property
    def balanced(self) -> bool:
        """Law 3, tested as the writer tested it."""
        return balances([step.credit for step in self.steps], self.unassigned, self.reward)


def digest(record: Mapping[str, Any]) -> Digest:
    """Read one record of the output contract.

    Raises:
        InputError: A field the contract promises is missing or of another kind.
    """
    try:
        return _digest(record)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        name = str(record.get("id", "?")) if isinstance(record, Mapping) else "?"
        raise InputError(
            f"expected a record written by `dca review`, but transcript {name!r} cannot be read "
            f"({type(error).__name__}: {error}); review it again"
        ) from error


def _digest(record: Mapping[str, Any]) -> Digest:
    steps, shortest = _steps(record), tuple(sorted(set(record["shortest"])))
    total = max((step.start + len(step.text) for step in steps), default=0)
    return Digest(
        id=str(record["id"]),
        prompt=str(record["prompt"]),
        reward=_number(record["reward"]),
        outcome=outcome(_number(record["reward"])),
        steps=steps,
        findings=tuple(record["findings"]),
        shortest=shortest,
        unassigned=_number(record["unassigned"]),
        fallback=record["fallback"],
        reviewer=str(record["reviewer"]),
        scheme=str(record["scheme"]),
        usage=_usage(record["usage"]),
        used=sum(step.length for step in steps),
        needed=sum(step.length for step in steps if step.needed),
        first_error=next((step.start / total for step in steps if step.label in MISTAKES and total), None),
    )


def _steps(record: Mapping[str, Any]) -> tuple[StepDigest, ...]:
    rows = record["steps"]
    shortest, neutral = set(record["shortest"]), set(record["verification"])
    tilts = tilt_scores(record)
    return tuple(
        StepDigest(
            index=k,
            start=row["start"],
            text=row["text"],
            author=row["author"],
            length=_length(row),
            score=_number(row["score"]),
            label=row["label"],
            credit=_number(row["credit"]),
            reason=row["reason"] or "",
            of=row.get("of"),
            z=tilts[k] if tilts else None,
            tilt=0.0 if record["fallback"] else tilts[k] if tilts else float(row["credit"]) / SCALE,
            neutral=k in neutral,
            needed=k in shortest,
        )
        for k, row in enumerate(rows)
    )


def tilt_scores(record: Mapping[str, Any]) -> tuple[float, ...] | None:
    """(K,) z_k as the scheme `share` saw them: a staged mistake scores at most 0. None where there is no z."""
    if record["fallback"] or record["scheme"] != "share":
        return None
    rows, neutral = record["steps"], set(record["verification"])
    return centred_scores(
        counted_scores([row["score"] for row in rows], [row["label"] for row in rows]),
        [_length(row) for row in rows],
        [k in neutral for k in range(len(rows))],
    )


def _length(row: Mapping[str, Any]) -> int:
    """n_k where no tokenizer is at hand: characters the policy wrote."""
    return int(row["stop"] - row["start"]) if row["author"] == POLICY else 0


def _number(value: Any) -> float:
    if not math.isfinite(value):
        raise ValueError(f"expected a finite number, got {value!r}")
    return float(value)


def _usage(counts: Mapping[str, Any]) -> Usage:
    return Usage(**{item.name: counts[item.name] for item in fields(Usage) if item.name in counts})


def outcome(reward: float) -> str:
    """What the task said: "right" from 1 on, "wrong" up to 0, "partial" between.

    >>> outcome(1.0), outcome(0.5), outcome(-1.0)
    ('right', 'partial', 'wrong')
    """
    return "right" if reward >= 1.0 else "wrong" if reward <= 0.0 else "partial"


@dataclass(slots=True)
class LabelTotal:
    """What the steps of one label got: how many, their credit, and their z summed over those that have one."""

    steps: int = 0
    credit: float = 0.0
    tilt: float = 0.0
    tilted: int = 0


@dataclass(slots=True)
class Overview:
    """A running total over transcripts; `add` one after another, in memory that does not grow with them.

    Attributes:
        used: Characters written, over transcripts that name a shortest path.
        needed: Those of them on it.
        flagged: Transcripts with at least one finding.
        tilts: Steps by z, `TILT_BINS` bins over [-`TILT_BOUND`, `TILT_BOUND`]; steps that count only.
        shares: Transcripts by needed share, `SHARE_BINS` bins over [0, 1].
        errors: Transcripts by (outcome, bin of the first mistake's position).
    """

    count: int = 0
    reward: float = 0.0
    steps: int = 0
    unassigned: float = 0.0
    used: int = 0
    needed: int = 0
    usage: Usage = NO_USAGE
    flagged: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    fallbacks: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)
    reviewers: Counter[str] = field(default_factory=Counter)
    schemes: Counter[str] = field(default_factory=Counter)
    tilts: Counter[int] = field(default_factory=Counter)
    shares: Counter[int] = field(default_factory=Counter)
    errors: Counter[tuple[str, int]] = field(default_factory=Counter)
    labels: dict[str, LabelTotal] = field(default_factory=dict)

    def add(self, item: Digest) -> None:
        """Count one transcript in."""
        self.count += 1
        self.reward += item.reward
        self.steps += len(item.steps)
        self.unassigned += item.unassigned
        self.usage += item.usage
        self.outcomes[item.outcome] += 1
        self.reviewers[item.reviewer] += 1
        self.schemes[item.scheme] += 1
        self.flagged += bool(item.findings)
        self.findings.update(str(finding["kind"]) for finding in item.findings)
        if item.fallback:
            self.fallbacks[item.fallback[:200]] += 1
        self._add_steps(item)
        self._add_positions(item)

    def _add_steps(self, item: Digest) -> None:
        for step in item.steps:
            total = self.labels.setdefault("fallback" if item.fallback else step.kind, LabelTotal())
            total.steps += 1
            total.credit += step.credit
            if step.z is not None and step.length and not step.neutral:
                total.tilt += step.z
                total.tilted += 1
                self.tilts[_bin((step.z / TILT_BOUND + 1) / 2, TILT_BINS)] += 1

    def _add_positions(self, item: Digest) -> None:
        if item.shortest and item.used:
            self.used += item.used
            self.needed += item.needed
            self.shares[_bin(item.needed / item.used, SHARE_BINS)] += 1
        if item.first_error is not None:
            self.errors[item.outcome, _bin(item.first_error, SHARE_BINS)] += 1


def _bin(share: float, bins: int) -> int:
    """The bin of a share in [0, 1]; the last one is closed."""
    return min(bins - 1, max(0, int(share * bins)))


def overview(digests: Iterable[Digest]) -> Overview:
    """The total over all digests, read once."""
    total = Overview()
    for item in digests:
        total.add(item)
    return total
