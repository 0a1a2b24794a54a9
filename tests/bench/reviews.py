"""Solutions, reviewers and judgements for the tests of `dca bench reviewer`. No model wrote any of these reviews."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from dca.bench.mistakes import Solution, processbench
from dca.bench.rows import Judgement
from dca.errors import ReviewError
from dca.types import Review, Step, Transcript
from dca.usage import NO_USAGE, Usage


def solution(
    texts: Sequence[str], first: int | None, *, right: bool | None = None, problem: str = "2+2?"
) -> Solution:
    """A solution whose first mistake is step `first`; None: there is none."""
    record = {"problem": problem, "steps": list(texts), "label": -1 if first is None else first}
    outcome = first is None if right is None else right
    return processbench({**record, "final_answer_correct": outcome}, "one")


def calling(first: int | None, steps: int = 3) -> Judgement:
    """The judgement of a reviewer that calls one step a mistake, or none."""
    labels = tuple("error" if k == first else None for k in range(steps))
    scores = tuple(-1.0 if k == first else 0.5 for k in range(steps))
    return Judgement(Review(scores, labels=labels), None, NO_USAGE, None)


def failed(steps: int = 3) -> Judgement:
    """The judgement where no review came."""
    return Judgement(Review((0.0,) * steps), "RefusedError: no", NO_USAGE, None)


@dataclass
class Scoring:
    """A reviewer that scores each step by a function, and counts what it is asked."""

    score: Callable[[Transcript, Step], float]
    stops_after: int | None = None
    cost: float = 0.0
    fails_on: str = "\0"
    name: str = "scoring"
    measure: str = "contribution"
    asked: list[str] = field(default_factory=list)

    def review(self, transcript: Transcript, steps: tuple[Step, ...], /) -> Review:
        if self.stops_after is not None and len(self.asked) >= self.stops_after:
            raise KeyboardInterrupt
        self.asked.append(transcript.completion)
        if self.fails_on in transcript.completion:
            raise ReviewError("nothing to say", usage=Usage(requests=1, cost_usd=self.cost))
        scores = tuple(self.score(transcript, step) for step in steps)
        labels = tuple("error" if score <= -0.5 else None for score in scores)
        return Review(scores, labels=labels, usage=Usage(requests=1, cost_usd=self.cost))
