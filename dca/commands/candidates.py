"""Who `dca prompts eval` evaluates, and recording what their recordings lack; the command itself is elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import typer

from dca.errors import InputError
from dca.reviewers import ReviewerChoice, load_function

NEEDS_NO_MODEL: Final = ("arithmetic", "silent")
MODES: Final = {"missing": "missing", "all": "rerecord"}


@dataclass(frozen=True, slots=True)
class Asking:
    """How questions are put: what changes a question, and so which recording answers it."""

    effort: str = "off"
    votes: int = 1
    redact: str | None = None

    def reviewer(self, prompt: str, backend: Any) -> Any:
        """A model reviewer that asks this backend."""
        from dca.review.llm import LLMReviewer

        rewrite = load_function(self.redact) if self.redact else None
        return LLMReviewer(backend, prompt, effort=self.effort, votes=self.votes, redact=rewrite, keep_raw=True)


@dataclass(frozen=True, slots=True)
class Player:
    """A candidate by name, with where its recordings are.

    Attributes:
        name: A reviewer that needs no model, or a prompt by name or path.
        suite: The cases.
        recordings: The folder of all recordings.
        asking: How questions are put.
    """

    name: str
    suite: Any
    recordings: Path
    asking: Asking

    def candidate(self) -> Any:
        """Who is evaluated; what was recorded until now can be played back."""
        from dca.review.prompts import load_prompt
        from dca.suites.evaluation import Candidate, SilentReviewer
        from dca.suites.tape import Tape

        if self.name == "silent":
            return Candidate(self.name, SilentReviewer())
        if self.name in NEEDS_NO_MODEL:
            with ReviewerChoice(name=self.name).open() as opened:
                return Candidate(self.name, opened.reviewer)
        tape = Tape(self.recordings, load_prompt(self.name).name, self.suite.name)
        return Candidate(self.name, self.asking.reviewer(self.name, tape), tape)

    def evaluation(self) -> Any:
        """What it earns, from what is recorded."""
        from dca.suites.evaluation import evaluate

        return evaluate(self.candidate(), self.suite)


@dataclass(frozen=True, slots=True)
class Order:
    """What to record.

    Attributes:
        mode: "missing" or "all".
        choice: Who is asked, and by which options.
        every: Go on when the verdict is clear.
        limit: No more cases than this.
        answered_by: Who answers, for the record; "" where the backend says it.
    """

    mode: str
    choice: ReviewerChoice
    every: bool = False
    limit: int | None = None
    answered_by: str = ""

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise InputError(f"--record: expected one of {', '.join(MODES)}, got {self.mode!r}")
        kind, _, folder = self.choice.name.partition(":")
        if not (self.choice.name == "anthropic" or (kind == "manual" and folder)):
            raise InputError(
                f"--record asks a model: expected --reviewer anthropic or manual:DIR, got {self.choice.name!r}"
            )


def record(order: Order, new: Player, other: Player | None) -> Any:
    """Ask about the cases that lack a recording (or all), the most telling first; returns the session."""
    from dca.backends.recording import Recorder
    from dca.suites import session
    from dca.suites.tape import RECORDED

    one = new.candidate()
    if one.tape is None:
        raise InputError(f"--record: {new.name} asks no model, so there is nothing to record; give a prompt")
    players = [one, *([other.candidate()] if other else [])]
    against = other.evaluation() if other and not order.every else None
    lacking = [
        case
        for case in new.suite.cases
        if order.mode == "all" or one.tape.standing(one.reviewer, case).state != RECORDED
    ]
    known = session.known_scores(lacking, [(each.tape, each.reviewer) for each in players if each.tape])
    cases = session.most_telling(lacking, known)[: order.limit]

    def differences() -> Sequence[float]:
        return session.gaps(new.evaluation(), against)

    with replace(order.choice, cache="none", prompt=new.name).open() as opened:
        if opened.notice:
            typer.echo(opened.notice, err=True)
        backend: Any = opened.reviewer
        mode: Any = MODES[order.mode]
        recorder = Recorder(
            backend.backend, one.tape.folder, suite=new.suite.name, mode=mode, produced_by=order.answered_by
        )
        return session.record(
            cases,
            new.asking.reviewer(new.name, recorder),
            differences=None if against is None else differences,
            max_in_flight=order.choice.max_in_flight if opened.waits else 1,
            on_case=lambda name: typer.echo(f"asked about {name}", err=True),
        )
