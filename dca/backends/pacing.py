"""How fast requests may leave: a token bucket that many threads share, and that learns its rate.

Nothing is limited until a limit is told, by the caller or in a response's headers, or is met as a 429. A met limit is
learned from what the server let through. Requests leave one by one, the next in line waiting for its turn, so nobody
polls, and nobody is stopped because of somebody else's 429. The pacer knows nothing of HTTP, of retries, or of other
processes: whoever runs several divides the limits between them.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from dca.errors import InputError

CUT: Final = 0.8
"""The most a 429 takes off the rate, at most once per `_SPAN`."""

GROWTH: Final = 1.05
"""What a clean second in which requests had to wait multiplies the rate by."""

_SEARCH: Final = 1.2  # the same, between the first estimate of a limit and the 429 that corrects it
_TRIM: Final = 0.97  # of what the server let through: the learned rate stays just below the limit
_SPAN: Final = 1.0  # seconds between changes of the rate, and over which requests are counted
_ENOUGH, _MEMORY = 20, 10.0  # requests to count at a low rate, and the seconds to look back for them
_HOLD: Final = 10.0  # seconds a corrected rate is trusted: testing it costs the refused their retry-after
_BURST: Final = 0.1  # seconds of unused turns that may be caught up at once
_SLOWEST: Final = 0.1  # requests per second


class _Lane:
    """Turns at a rate in units per second; unlimited while there is none. Not thread-safe by itself."""

    def __init__(self, rate: float | None) -> None:
        self.rate = rate
        self._asked = self._ceiling = math.inf if rate is None else rate
        self._free = -math.inf  # when the next turn starts

    def wait(self, now: float) -> float:
        """Seconds until the next turn."""
        return max(0.0, self._free - now) if self.rate is not None else 0.0

    def take(self, now: float, amount: float) -> None:
        """Give that turn away, for `amount` units; a negative amount gives units back."""
        if self.rate is not None:
            self._free = max(self._free, now - _BURST) + amount / self.rate

    def told(self, limit: float) -> None:
        """A limit stated by the server; the caller's own and what was learned from a 429 hold beside it."""
        self._ceiling = min(limit, self._asked)
        self.rate = self._ceiling if self.rate is None else min(self.rate, self._ceiling)

    def grow(self, factor: float) -> None:
        """Faster by a factor, up to the ceiling."""
        if self.rate is not None:
            self.rate = min(self.rate * factor, self._ceiling)


class Pacer:
    """Turns for requests, and for the input tokens they carry.

    Args:
        requests_per_second: The most to send; None: no limit until one is told or met.
        input_tokens_per_minute: The same for uncached input tokens.
        clock: Seconds, never going backwards.
        sleep: Waits that many seconds.

    Raises:
        InputError: A limit is not above zero.

    A pickled copy has the same limits and has learned nothing yet.
    """

    def __init__(
        self,
        requests_per_second: float | None = None,
        input_tokens_per_minute: float | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        for limit in (requests_per_second, input_tokens_per_minute):
            if limit is not None and not limit > 0:
                raise InputError(f"expected a rate above zero, got {limit!r}; leave it out for no limit")
        self._limits = (requests_per_second, input_tokens_per_minute)
        self._clock, self._sleep = clock, sleep
        self._turnstile = threading.Lock()  # held by whoever is next while it waits: turns follow the rate of now
        self._lock = threading.Lock()
        self._requests = _Lane(requests_per_second)
        self._tokens = _Lane(None if input_tokens_per_minute is None else input_tokens_per_minute / 60)
        self._sent: deque[float] = deque()
        self._refused: deque[float] = deque()
        self._heeded: float | None = None  # when a 429 last had an effect
        self._grows = -math.inf  # when the rate may grow again
        self._growth = _SEARCH
        self._waited = False  # whether anyone had to wait since the rate last changed

    def __reduce__(self) -> tuple[type[Pacer], tuple[float | None, float | None]]:
        return Pacer, self._limits

    @property
    def requests_per_second(self) -> float | None:
        """The rate in force; None: unlimited so far."""
        return self._requests.rate

    def acquire(self, tokens: float = 0.0, *, within: float = math.inf) -> float | None:
        """Wait for this request's turn.

        Args:
            tokens: Uncached input tokens it carries, as far as one can tell.
            within: Seconds it can wait at most.

        Returns:
            Seconds waited; None, without waiting, when the turn would come too late.
        """
        begun = self._clock()
        if within < 0 or not self._turnstile.acquire(timeout=min(within, threading.TIMEOUT_MAX)):
            return None
        try:
            with self._lock:
                now = self._clock()
                wait = max(self._requests.wait(now), self._tokens.wait(now))
            if now + wait - begun > within:
                return None
            if wait > 0:
                self._sleep(wait)
            with self._lock:
                self._leave(self._clock(), tokens, waited=now + wait > begun)
            return now + wait - begun
        finally:
            self._turnstile.release()

    def _leave(self, now: float, tokens: float, *, waited: bool) -> None:
        """Note that a request leaves."""
        self._requests.take(now, 1.0)
        self._tokens.take(now, tokens)
        _note(self._sent, now, now)
        self._waited = self._waited or waited

    def accepted(self, headers: Mapping[str, str], *, surplus: float = 0.0) -> None:
        """A request was answered: heed the limits its headers state, and grow when all has been clean.

        Args:
            headers: Of the response, names in lower case.
            surplus: Tokens asked for in `acquire` and not needed (negative: missing).
        """
        with self._lock:
            now = self._clock()
            self._told(headers)
            self._tokens.take(now, -surplus)
            if self._waited and now >= self._grows:
                self._requests.grow(self._growth)
                self._grows, self._waited = now + _SPAN, False

    def refused(self, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        """A request was answered 429: slow down to just below what the server let through, at most once a second.

        Over the last second, or the last twenty requests, ``let through = sent - refused``; the new rate lies between
        0.8 and 0.95 times the old one. The first 429 only starts the clock: nothing was measured before it. A rate
        that was corrected is then trusted for ten seconds before it grows again.
        """
        with self._lock:
            now = self._clock()
            self._told(headers)
            _note(self._refused, now, now)
            if self._heeded is None:
                self._heeded = now
            if now - self._heeded < _SPAN:
                return
            rate = self._requests.rate
            learned = max(_TRIM * self._let_through(now, rate), _SLOWEST)
            self._requests.rate = learned if rate is None else max(CUT * rate, min(0.95 * rate, learned), _SLOWEST)
            if rate is None:  # a rough estimate, from a second in which few may have asked
                self._grows = now + _SPAN
            else:
                self._grows, self._growth = now + _HOLD, GROWTH
            self._heeded, self._waited = now, False

    def _let_through(self, now: float, rate: float | None) -> float:
        """Requests per second that were sent and not refused; at a low rate counted over longer, to have enough."""
        span = _SPAN if rate is None else min(max(_SPAN, _ENOUGH / rate), _MEMORY)
        sent, refused = (sum(time > now - span for time in times) for times in (self._sent, self._refused))
        return (sent - refused) / span

    def _told(self, headers: Mapping[str, str]) -> None:
        """Heed the limits per minute that a response states."""
        for lane, name in ((self._requests, "requests"), (self._tokens, "input-tokens")):
            limit = _number(headers.get(f"anthropic-ratelimit-{name}-limit"))
            if limit is not None:
                lane.told(limit / 60)


def _note(times: deque[float], time: float, now: float) -> None:
    """Remember a time, and drop what happened too long ago."""
    while times and times[0] <= now - _MEMORY:
        times.popleft()
    times.append(time)


def _number(text: str | None) -> float | None:
    """A limit as a header states it; None where it states none."""
    try:
        value = float(text) if text else 0.0
    except ValueError:
        return None
    return value if 0 < value < math.inf else None
