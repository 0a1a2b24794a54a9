"""The seams: what a reviewer, detector, scheme, segmenter, backend and reply store must be able to do.

All are protocols: any object with the right method fits, and nothing of ours need be inherited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, runtime_checkable

from dca.messages import Reply, Request
from dca.types import Detection, Review, Row, Split, Step, Transcript


@runtime_checkable
class Reviewer(Protocol):
    """Whoever judges. `review` raises `ReviewError` when it has no judgement to give."""

    def review(self, transcript: Transcript, steps: tuple[Step, ...], /) -> Review:
        """Judge the steps of one rollout: one score for each."""
        ...


@runtime_checkable
class GroupReviewer(Protocol):
    """A reviewer that takes several rollouts of one prompt in a request."""

    @property
    def rollouts_per_request(self) -> int:
        """The most rollouts a request may hold."""
        ...

    def review_group(self, rows: Sequence[tuple[Transcript, tuple[Step, ...]]], /) -> Sequence[Review | Exception]:
        """Judge up to `rollouts_per_request` rollouts: for each a review, or the error it ended in."""
        ...


class Detector(Protocol):
    """Whoever recognises verification and show."""

    def detect(self, transcript: Transcript, steps: tuple[Step, ...], review: Review, /) -> Detection:
        """Say which steps verify, and which episodes are for show."""
        ...


@runtime_checkable
class GroupDetector(Protocol):
    """A detector that learns from all rollouts of a prompt before it looks at one."""

    @property
    def wants_group(self) -> bool:
        """Whether `for_group` has something to add."""
        ...

    def for_group(self, transcripts: Iterable[Transcript], /, *, segmenter: Segmenter) -> Detector:
        """The detector that knows these rollouts, of one prompt or of many."""
        ...


class Scheme(Protocol):
    """Whoever turns judgement into credit: any callable of one `Row`."""

    def __call__(self, row: Row, /) -> Split:
        """Split `row.amount` over the steps."""
        ...


class Segmenter(Protocol):
    """Whoever cuts a transcript into steps; the steps' texts joined are the completion."""

    def __call__(self, transcript: Transcript, /) -> tuple[Step, ...]:
        """Cut one completion."""
        ...


@runtime_checkable
class Backend(Protocol):
    """How a prompt is answered. `identity` is part of every cache key."""

    @property
    def identity(self) -> str:
        """Names model, server and whatever else changes the answer."""
        ...

    def complete(self, request: Request, /) -> Reply:
        """Answer one request. Raises `TransportError` when it cannot, `RunError` when the run must stop."""
        ...


class ReplyStore(Protocol):
    """Remembers accepted replies, so that no question is paid for twice."""

    def once(self, request: Request, identity: str, ask: Callable[[], Reply], /) -> Reply:
        """The stored reply (its usage then says `reused=1`), or `ask()`, called once however many ask at a time.

        What `ask` raises reaches every caller that waited, and nothing is stored: `ask` returns only replies
        that were validated.
        """
        ...
