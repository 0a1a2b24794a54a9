"""Reviews answered by a model behind ``/v1/messages``: the provider's, or a server of one's own that speaks it.

Importing this module loads the SDK (about two seconds), so it is reached lazily. One client is shared by all
threads; one layer retries; every attempt is paced, budgeted and counted. It knows nothing of what a reply should say:
a `Reply` is text that ended where the model meant it to.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import KW_ONLY, dataclass, field, fields
from functools import partial
from types import MappingProxyType
from typing import Any, Final

import anthropic
import httpx2

from dca.backends.budget import Budget, Charge
from dca.backends.client import Address, address, find_key, open_client, redactor
from dca.backends.effort import is_claude
from dca.backends.failure import Scene, demand_finished, explain
from dca.backends.pacing import Pacer
from dca.backends.prices import load_prices
from dca.backends.retry import retrying
from dca.backends.structured import STRUCTURED, Answer, GarbledError, Structured, body, read
from dca.backends.warmup import WarmUp
from dca.errors import DCAError, InputError, RefusedError, TransportError
from dca.messages import Reply, Request
from dca.usage import Usage

DEFAULT_MODEL: Final = "claude-haiku-5-5"
"""A small current model: reviewing is many short, alike requests."""

_CONNECT: Final = 5.0  # seconds


class _Call:
    """One `complete`: when it must be over, and what its attempts used."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.usages: list[Usage] = []

    @property
    def usage(self) -> Usage:
        return Usage.total(self.usages)


class _Live:
    """What a backend holds while it works, and what a copy of it must not share."""

    def __init__(self, max_in_flight: int, pacer: Pacer, budget: Budget) -> None:
        self.lock = threading.Lock()
        self.slots = threading.BoundedSemaphore(max_in_flight)
        self.pacer = pacer
        self.budget = budget
        self.warm = WarmUp()
        self.refusals: Counter[str] = Counter()
        self.client: anthropic.Anthropic | None = None
        self.process = os.getpid()


@dataclass(frozen=True, eq=False)
class AnthropicBackend:
    """A model behind ``/v1/messages``, as a `Backend`.

    Args:
        model: Any name the server knows.
        base_url: The server; None: ANTHROPIC_BASE_URL, else the provider.
        api_key: The key for that server. None: the environment's, for the provider's own host only; any other
            server gets a placeholder.
        structured: How the reply's form is asked for: ``"native"``, ``"tool"`` or ``"prompt"``.
        max_attempts: HTTP requests for one question, at most (as many again when a reply was cut off).
        attempt_timeout: Seconds for one of them.
        call_timeout: Seconds for a whole call, waits included.
        max_in_flight: Requests under way at a time; divide it between the ranks of a run.
        pacer: Shared limits; None: one of its own, which learns.
        budget: What may be spent; None: no limit.
        extra_body: Fields of the request body that overrule ours (sampling settings for local servers).
        warm_up: Let the first request of each rubric through alone; None: at the provider's, where it saves money.
        clock, sleep, random: Time and chance.

    Raises:
        InputError: An argument is not what it must be, or a dollar budget meets a model without a known price.

    Sampling settings are never sent to Claude models (the provider answers 400). A pickled copy has the same
    settings, the key given as `api_key` included, and counts for itself.
    """

    model: str = DEFAULT_MODEL
    _: KW_ONLY
    base_url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    structured: Structured = "native"
    max_attempts: int = 5
    attempt_timeout: float = 60.0
    call_timeout: float = 180.0
    max_in_flight: int = 32
    pacer: Pacer | None = None
    budget: Budget | None = None
    extra_body: Mapping[str, Any] | None = None
    warm_up: bool | None = None
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    random: Callable[[], float] = field(default=random.random, repr=False)
    where: Address = field(init=False, repr=False)
    _live: _Live = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.structured not in STRUCTURED:
            raise InputError(f"structured: expected one of {', '.join(STRUCTURED)}, got {self.structured!r}")
        for name in ("max_attempts", "attempt_timeout", "call_timeout", "max_in_flight"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name}: expected a number above zero, got {getattr(self, name)!r}")
        if self.budget is not None and self.budget.usd is not None and load_prices().price(self.model) is None:
            raise InputError(f"{load_prices().note(self.model)}; give the budget in tokens instead of dollars")
        object.__setattr__(self, "where", address(self.base_url))
        pacer = self.pacer or Pacer(clock=self.clock, sleep=self.sleep)
        object.__setattr__(self, "_live", _Live(self.max_in_flight, pacer, self.budget or Budget()))

    def __reduce__(self) -> tuple[Any, ...]:
        settings = {each.name: getattr(self, each.name) for each in fields(self) if each.init}
        return partial(AnthropicBackend, **settings), ()

    @property
    def identity(self) -> str:
        """Model, server, way of asking and overruling fields: what changes an answer, and never the key."""
        extra = json.dumps(self.extra_body, sort_keys=True, default=str) if self.extra_body else ""
        return " ".join(filter(None, ("anthropic", self.model, self.where.host, self.structured, extra)))

    @property
    def key_source(self) -> str:
        """Where the key comes from, for people; never the key."""
        return find_key(self.api_key, self.where).source

    @property
    def refusals(self) -> Mapping[str, int]:
        """How often the model refused, by category, so far."""
        with self._live.lock:
            return MappingProxyType(dict(self._live.refusals))

    def close(self) -> None:
        """Close the connections; the next request opens new ones."""
        with self._live.lock:
            client, self._live.client = self._live.client, None
        if client is not None:
            client.close()

    def complete(self, request: Request, /) -> Reply:
        """Answer one request.

        Raises:
            RefusedError: The model declined.
            TruncatedError: The reply did not fit, twice; or the transcript does not fit the model.
            ReplyError: The reply holds no text.
            TransportError: No answer could be had in the time and attempts allowed, or the request was not accepted.
            CredentialError: There is no key, or it or the account was refused.
            BudgetError: The budget is spent.

            A `ReviewError` carries the usage of all attempts.
        """
        call = _Call(self.clock() + self.call_timeout)
        try:
            answer = self._ask(request, request.max_tokens, call)
            if answer.stop_reason == "max_tokens":
                answer = self._ask(request, 2 * request.max_tokens, call)
            demand_finished(answer, self.model, self.structured, request.max_tokens, usage=call.usage)
        except (anthropic.AnthropicError, GarbledError) as error:
            raise self._explained(error, call) from None
        except RefusedError as error:
            with self._live.lock:
                self._live.refusals[error.category] += 1
            raise
        return Reply(text=answer.text, usage=call.usage, model=answer.model or self.model, category=answer.category)

    def _ask(self, request: Request, max_tokens: int, call: _Call) -> Answer:
        """The answer to one body, sent as often as it takes."""
        arguments = body(request, self.model, self.structured, max_tokens)
        arguments["extra_body"] |= self.extra_body or {}
        policy = retrying(
            attempts=self.max_attempts,
            deadline=call.deadline,
            clock=self.clock,
            sleep=self.sleep,
            random=self.random,
        )
        return policy(self._attempt, arguments, request, call)

    def _attempt(self, arguments: Mapping[str, Any], request: Request, call: _Call) -> Answer:
        """One HTTP request, when its turn has come."""
        with self._admitted(arguments, request, call) as (charge, guess):
            charge.usage = Usage(requests=1)
            try:
                content, headers = self._post(arguments, min(self.attempt_timeout, self._left(call)))
                answer = read(content, self.structured)
                self._count(charge, answer.usage)
            except GarbledError as error:
                self._count(charge, error.usage)
                raise
            except anthropic.RateLimitError as error:
                self._live.pacer.refused(error.response.headers)
                raise
            used = answer.usage.input_tokens + answer.usage.cache_write_tokens
            self._live.pacer.accepted(headers, surplus=guess - used if used else 0.0)
            return answer

    @contextmanager
    def _admitted(
        self, arguments: Mapping[str, Any], request: Request, call: _Call
    ) -> Iterator[tuple[Charge, float]]:
        """Wait for warm-up, budget, a connection and the pacer, in this order; yield the charge and the guess."""
        characters = len(request.system) + sum(len(message.text) for message in request.messages)
        guess = characters / 4  # tokens; put right when the answer says how many they were
        most = Usage(input_tokens=characters // 3, output_tokens=arguments["max_tokens"])
        warm = self.where.own and is_claude(self.model) if self.warm_up is None else self.warm_up
        turn = self._live.warm.turn(request.system, self._left(call)) if warm else nullcontext()
        with turn, self._live.budget.request(load_prices().priced(self.model, most)) as charge:
            if not self._live.slots.acquire(timeout=max(self._left(call), 0.0)):
                raise self._late("all connections were busy", call)
            try:
                if self._live.pacer.acquire(guess, within=self._left(call)) is None:
                    raise self._late("the rate limit leaves no turn", call)
                yield charge, guess
            finally:
                self._live.slots.release()
                call.usages.append(charge.usage)

    def _post(self, arguments: Mapping[str, Any], seconds: float) -> tuple[bytes, Mapping[str, str]]:
        """Body and headers of a response that says 200, in so many seconds, however slowly it trickles in."""
        limit = anthropic.Timeout(seconds, connect=min(seconds, _CONNECT))
        ends = self.clock() + seconds
        try:
            with self._client().messages.with_streaming_response.create(**arguments, timeout=limit) as response:
                chunks = []
                for chunk in response.iter_bytes():
                    chunks.append(chunk)
                    if self.clock() > ends:
                        raise anthropic.APITimeoutError(response.http_request)
                return b"".join(chunks), response.headers
        except httpx2.TimeoutException as error:  # the SDK maps these only before the body
            raise anthropic.APITimeoutError(error.request) from error
        except httpx2.RequestError as error:
            raise anthropic.APIConnectionError(request=error.request) from error

    def _client(self) -> anthropic.Anthropic:
        """The SDK's client of this process, opened on first use: connections do not survive a fork."""
        live = self._live
        with live.lock:
            if live.client is None or live.process != os.getpid():
                key = find_key(self.api_key, self.where)
                live.client, live.process = open_client(self.where, key, self.max_in_flight), os.getpid()
            return live.client

    def _count(self, charge: Charge, usage: Usage) -> None:
        """Add what one response reported, at the model's price."""
        charge.usage += load_prices().priced(self.model, usage)

    def _left(self, call: _Call) -> float:
        """Seconds left of a call's time."""
        return call.deadline - self.clock()

    def _late(self, why: str, call: _Call) -> TransportError:
        """No request could be sent in time."""
        return TransportError(
            f"no request to {self.where.host} could be sent within the call's {self.call_timeout:g} s: {why}; "
            "lower the number of threads, or raise max_in_flight or call_timeout",
            usage=call.usage,
        )

    def _explained(self, error: Exception, call: _Call) -> DCAError:
        """Our error for one of the SDK's."""
        key = find_key(self.api_key, self.where)
        scene = Scene(
            where=self.where,
            key=key,
            model=self.model,
            redact=redactor(key),
            attempt_timeout=self.attempt_timeout,
            call_timeout=self.call_timeout,
        )
        return explain(error, scene, usage=call.usage, left=self._left(call))
