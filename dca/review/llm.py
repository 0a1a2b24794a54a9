"""A language model as the reviewer: one pass over the whole rollout, a sparse reply, checked before it is believed.

The model is reached through a backend and its replies remembered by a store, both handed in. This module knows
neither: no provider, no file, no price. It starts no thread; votes are asked for one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from pathlib import Path
from typing import Final

from dca.errors import InputError, ReplyError, ReviewError
from dca.messages import Message, Reply, Request
from dca.protocols import Backend, ReplyStore
from dca.review.prompts import Attempt, Prompt, Redact, attempt, load_prompt, render
from dca.review.reply import Parts, parse_reply
from dca.review.votes import combine
from dca.types import Review, Step, Transcript
from dca.usage import NO_USAGE, Usage

THINKING_ROOM: Final[Mapping[str, int]] = {"off": 0, "low": 4_000, "medium": 8_000, "high": 16_000}
"""Tokens set aside for thinking, by effort; they count against the room for a reply."""

MOST_TOKENS: Final = 20_000
"""Longer answers are refused by providers unless they are streamed."""

Sheet = tuple[Transcript, tuple[Step, ...]]


@dataclass(frozen=True, slots=True)
class LLMReviewer:
    """Asks a model which steps did the work.

    A reply that breaks the agreed form is sent back once with what was wrong; a refusal or a cut-off reply is not.
    Only replies that passed every check are kept in the store.

    Args:
        backend: Answers requests.
        prompt: A name (``"contribution/v1"``), a path (``"./mine.md"``), or a loaded prompt.
        store: Remembers accepted replies; without one every review is asked for.
        effort: How much the model may think: "off", "low", "medium" or "high".
        votes: Independent answers to combine (`dca.review.votes.combine`).
        max_tokens: Room for a reply, thinking included; unless told, what the rollouts' steps may need.
        redact: Rewrites every text before it is sent: the problem, the reference, each step.
        keep_raw: Keep what was sent and answered in `Review.trace`.
        rollouts_per_request: How many rollouts of one prompt `review_group` puts in a request.

    Raises:
        InputError: The prompt cannot be used, or an option is not one of those above.
    """

    backend: Backend
    prompt: str | Path | Prompt = "contribution/v1"
    _: KW_ONLY
    store: ReplyStore | None = None
    effort: str = "off"
    votes: int = 1
    max_tokens: int | None = None
    redact: Redact | None = None
    keep_raw: bool = False
    rollouts_per_request: int = 1
    loaded: Prompt = field(init=False, repr=False)
    name = "llm"

    def __post_init__(self) -> None:
        if self.effort not in THINKING_ROOM:
            raise InputError(f"effort must be one of {', '.join(THINKING_ROOM)}, got {self.effort!r}")
        for option in ("votes", "rollouts_per_request", "max_tokens"):
            value = getattr(self, option)
            if value is not None and value < 1:
                raise InputError(f"{option} must be at least 1, got {value!r}")
        prompt = self.prompt if isinstance(self.prompt, Prompt) else load_prompt(self.prompt)
        object.__setattr__(self, "loaded", prompt)

    @property
    def measure(self) -> str:
        """What the scores mean; the prompt decides."""
        return self.loaded.measure

    @property
    def identity(self) -> str:
        """Backend and model, prompt and its content hash, and the options that change a review."""
        options = [f"effort={self.effort}"] if self.effort != "off" else []
        options += [f"votes={self.votes}"] if self.votes != 1 else []
        options += [f"rollouts={self.rollouts_per_request}"] if self.rollouts_per_request != 1 else []
        return " ".join((self.backend.identity, self.loaded.identity, *options))

    def review(self, transcript: Transcript, steps: tuple[Step, ...], /) -> Review:
        """Judge one rollout.

        Raises:
            ReviewError: There is no usable judgement; `usage` says what the attempts cost.
            RunError: From the backend or the store: the run must stop.
        """
        (result,) = self.review_group([(transcript, steps)])
        if isinstance(result, ReviewError):
            raise result
        return result

    def review_group(self, rows: Sequence[Sheet], /) -> tuple[Review | ReviewError, ...]:
        """Judge several rollouts, `rollouts_per_request` of one prompt to a request.

        Within a request the rollouts stand in the order of their content's hash, so that a place says nothing.
        What a request cost is shared evenly, and exactly, by its rows.

        Returns:
            For each row, in order, its review, or the error that stands in its place.

        Raises:
            RunError: From the backend or the store: the run must stop.
        """
        results: dict[int, Review | ReviewError] = {}
        for batch in self._batches(rows):
            settled = self._review_batch([rows[i] for i in batch])
            results.update(zip(batch, settled, strict=True))
        return tuple(results[i] if i in results else self._nothing_to_judge(rows[i]) for i in range(len(rows)))

    def requests(self, rows: Sequence[Sheet], /) -> Iterator[Request]:
        """What `review_group` would ask, without asking: for estimates, and to look at."""
        for batch in self._batches(rows):
            sheets = [rows[i] for i in batch]
            request = self._request([attempt(t, steps, self.redact) for t, steps in sheets], sheets)
            yield from (replace(request, sample=k) for k in range(self.votes))

    def _batches(self, rows: Sequence[Sheet]) -> Iterator[list[int]]:
        """Places of rows that share a request: same problem, same reference, something to judge."""
        alike: dict[tuple[str, str | None], list[int]] = {}
        for i, (transcript, steps) in enumerate(rows):
            if any(step.policy_length for step in steps):
                alike.setdefault((transcript.prompt, transcript.reference), []).append(i)
        for places in alike.values():
            for start in range(0, len(places), self.rollouts_per_request):
                yield places[start : start + self.rollouts_per_request]

    def _nothing_to_judge(self, row: Sheet) -> Review | ReviewError:
        """A rollout without a step of the policy: no opinion on contributions, and no value to tell."""
        if self.measure == "contribution":
            return Review(scores=(0.0,) * len(row[1]), reviewer=self.identity)
        return ReviewError("the policy wrote no step of this rollout, so there is no value to tell")

    def _review_batch(self, rows: Sequence[Sheet]) -> list[Review | ReviewError]:
        """One request (for each vote), and its answer taken apart again."""
        attempts = [attempt(transcript, steps, self.redact) for transcript, steps in rows]
        expected = {one.token: steps for one, (_, steps) in zip(attempts, rows, strict=True)}
        request = self._request(attempts, rows)
        answers = [self._answer(replace(request, sample=k), expected) for k in range(self.votes)]
        trace = self._trace(request, answers) if self.keep_raw else ()
        shares = _shares(Usage.total(answer.usage for answer in answers), len(rows))
        return [
            self._signed(combine([answer.parts[one.token] for answer in answers]), usage, trace)
            for one, usage in zip(attempts, shares, strict=True)
        ]

    def _request(self, attempts: Sequence[Attempt], rows: Sequence[Sheet]) -> Request:
        """The question: constant rubric, constant schema, one JSON object."""
        room = 2_048 + 64 * sum(len(steps) for _, steps in rows) + THINKING_ROOM[self.effort]
        first = rows[0][0].id or attempts[0].token
        return Request(
            system=self.loaded.system,
            messages=(Message("user", render(self.loaded, attempts)),),
            schema=self.loaded.schema,
            max_tokens=self.max_tokens or min(room, MOST_TOKENS),
            effort=self.effort,
            case=first if len(rows) == 1 else f"{first}+{len(rows) - 1}",
        )

    def _answer(self, request: Request, expected: Mapping[str, tuple[Step, ...]]) -> _Answer:
        """One vote: from the store, or asked for."""
        asked: list[_Answer] = []

        def ask() -> Reply:
            asked.append(self._ask(request, expected))
            return asked[0].accepted()

        try:
            reply = ask() if self.store is None else self.store.once(request, self.backend.identity, ask)
        except _NotAccepted as error:
            return _Answer(error.parts, error.usage)
        except ReviewError as error:
            return _Answer(dict.fromkeys(expected, error), error.usage)
        return asked[0] if asked else self._read(reply, expected)

    def _ask(self, request: Request, expected: Mapping[str, tuple[Step, ...]]) -> _Answer:
        """Ask, and once more where the form of the reply was at fault."""
        answer = self._try(request, expected)
        if not answer.complaint:
            return answer
        told = (Message("assistant", answer.said or "(nothing)"), Message("user", answer.complaint))
        return self._try(replace(request, messages=(*request.messages, *told)), expected).after(answer)

    def _try(self, request: Request, expected: Mapping[str, tuple[Step, ...]]) -> _Answer:
        """One request; an error of the backend stands in the place of every rollout."""
        try:
            reply = self.backend.complete(request)
        except ReviewError as error:
            return _Answer(dict.fromkeys(expected, error), error.usage)
        return self._read(reply, expected)

    def _read(self, reply: Reply, expected: Mapping[str, tuple[Step, ...]]) -> _Answer:
        """What a reply says of each rollout; the reply itself is kept only when all of it is in order."""
        parts = parse_reply(reply, expected, schema=self.loaded.schema, measure=self.measure)
        good = all(isinstance(part, Review) for part in parts.values())
        return _Answer(parts, reply.usage, reply.text, reply if good else None)

    def _signed(
        self, result: Review | ReviewError, usage: Usage, trace: tuple[tuple[str, str], ...]
    ) -> Review | ReviewError:
        """The result with who said it and what it cost."""
        if isinstance(result, Review):
            return replace(result, reviewer=self.identity, usage=usage, trace=trace)
        return result.charged(usage)  # several rows may hold the same error, and each has its own share of the cost

    def _trace(self, request: Request, answers: Sequence[_Answer]) -> tuple[tuple[str, str], ...]:
        """What was sent, and each accepted reply."""
        sent = (("system", request.system), *((message.role, message.text) for message in request.messages))
        return (*sent, *(("assistant", answer.reply.text) for answer in answers if answer.reply is not None))


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came of asking: a review or an error for each rollout, the cost, and the reply if all was in order."""

    parts: Parts
    usage: Usage
    said: str | None = None
    reply: Reply | None = None

    @property
    def complaint(self) -> str:
        """What to tell the reviewer to repair; empty where it said nothing, or nothing it could repair."""
        if self.said is None:
            return ""
        faults = dict.fromkeys(str(part) for part in self.parts.values() if type(part) is ReplyError)
        if not faults:
            return ""
        return (
            f"Your reply could not be used: {' | '.join(faults)}\n"
            f"Send the whole reply again, corrected: one JSON object that follows the schema, and nothing else."
        )

    def accepted(self) -> Reply:
        """The reply, fit to be kept, with the usage of all it took."""
        if self.reply is None:
            raise _NotAccepted("not every part of the reply is in order", usage=self.usage, parts=self.parts)
        return replace(self.reply, usage=self.usage)

    def after(self, first: _Answer) -> _Answer:
        """This second answer with what was already good in the first, and what both cost."""
        kept = {token: part for token, part in first.parts.items() if isinstance(part, Review)}
        parts = {t: part if isinstance(part, Review) else kept.get(t, part) for t, part in self.parts.items()}
        return replace(self, parts=parts, usage=first.usage + self.usage)


class _NotAccepted(ReviewError):
    """Carries a partly usable answer past the store, which keeps only whole ones (and may copy what it passes on)."""

    def __init__(self, message: str, *, usage: Usage = NO_USAGE, parts: Parts | None = None) -> None:
        super().__init__(message, usage=usage)
        self.parts: Parts = parts or {}


def _shares(usage: Usage, rows: int) -> list[Usage]:
    """A request's cost over its rows: even, and adding up exactly; remainders go to the first rows."""

    def part(total: int, row: int) -> int:
        return total // rows + (row < total % rows)

    return [
        Usage(
            requests=part(usage.requests, i),
            input_tokens=part(usage.input_tokens, i),
            output_tokens=part(usage.output_tokens, i),
            cache_read_tokens=part(usage.cache_read_tokens, i),
            cache_write_tokens=part(usage.cache_write_tokens, i),
            cost_usd=usage.cost_usd / rows,
            reused=part(usage.reused, i),
        )
        for i in range(rows)
    ]
