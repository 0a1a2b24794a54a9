"""Pacing, against a simulated server and a simulated clock: no test here waits."""

from __future__ import annotations

import heapq
import itertools
import pickle
import threading
from collections import deque
from dataclasses import dataclass, field

import pytest

from dca.backends.pacing import Pacer
from dca.errors import InputError


@dataclass
class Clock:
    """Time that moves only when told, or when somebody sleeps."""

    now: float = 0.0
    naps: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds


@dataclass
class Bucket:
    """The limit of a simulated server: a bucket of `burst`, refilled at `rate`."""

    rate: float
    burst: float
    level: float = 0.0
    at: float = 0.0

    def __post_init__(self) -> None:
        self.level = self.burst

    def admits(self, now: float) -> bool:
        """Whether there is a token left, which is then taken."""
        self.level = min(self.burst, self.level + (now - self.at) * self.rate)
        self.at = now
        if self.level < 1:
            return False
        self.level -= 1
        return True


def simulate(pacer: Pacer, clock: Clock, limits: list[tuple[float, Bucket]], workers: int = 128) -> list[list[bool]]:
    """Busy workers on a server that answers in 0.2 s and holds each of the limits for so many seconds.

    Returns, for each limit, which requests were admitted under it. A 429 parks its worker for one second and a bit.
    """
    outcomes: list[list[bool]] = [[] for _ in limits]
    ends = [clock.now + sum(seconds for seconds, _ in limits[: k + 1]) for k in range(len(limits))]
    line = deque(range(workers))  # who waits to leave
    events = [(clock.now, -1, "next")]
    while True:
        clock.now, worker, what = heapq.heappop(events)
        period = sum(end <= clock.now for end in ends)
        if period == len(limits):
            return outcomes
        if what == "next":
            if line:
                wait = pacer.acquire() or 0.0
                heapq.heappush(events, (clock.now + wait, line.popleft(), "send"))
                heapq.heappush(events, (clock.now + wait, -1, "next"))
            else:
                heapq.heappush(events, (clock.now + 0.001, -1, "next"))
        elif what == "send":
            outcomes[period].append(limits[period][1].admits(clock.now))
            if outcomes[period][-1]:
                heapq.heappush(events, (clock.now + 0.2, worker, "answered"))
            else:
                pacer.refused()
                heapq.heappush(events, (clock.now + 1.0 + 0.25 * (worker % 10) / 10, worker, "parked"))
        else:
            if what == "answered":
                pacer.accepted({})
            line.append(worker)


class TestLimits:
    def test_unlimited(self) -> None:
        """Without a limit nobody waits."""
        clock = Clock()
        pacer = Pacer(clock=clock, sleep=clock.sleep)
        assert [pacer.acquire(1e9) for _ in range(1000)] == [0.0] * 1000
        assert clock.naps == []

    def test_requests_per_second(self) -> None:
        """Turns are a tenth of a second apart at ten a second."""
        clock = Clock()
        pacer = Pacer(10, clock=clock, sleep=clock.sleep)
        for _ in range(21):
            pacer.acquire()
        assert clock.now == pytest.approx(1.9, abs=0.01)  # one turn may be caught up at the start

    def test_tokens_per_minute(self) -> None:
        """A request of a thousand tokens takes a second of 60,000 a minute."""
        clock = Clock()
        pacer = Pacer(input_tokens_per_minute=60_000, clock=clock, sleep=clock.sleep)
        for _ in range(5):
            pacer.acquire(1000)
        assert clock.now == pytest.approx(3.9, abs=0.01)

    def test_surplus_is_given_back(self) -> None:
        """Tokens that a request turned out not to need shorten the next wait."""
        clock = Clock()
        pacer = Pacer(input_tokens_per_minute=60_000, clock=clock, sleep=clock.sleep)
        pacer.acquire(10_000)
        pacer.accepted({}, surplus=9_000)
        assert pacer.acquire(1000) == pytest.approx(0.9, abs=0.01)

    def test_too_late(self) -> None:
        """A turn that would come too late is not taken, and takes nobody else's."""
        clock = Clock()
        pacer = Pacer(1, clock=clock, sleep=clock.sleep)
        pacer.acquire()
        assert pacer.acquire(within=0.5) is None
        assert clock.naps == []
        assert pacer.acquire(within=5.0) == pytest.approx(0.9, abs=0.01)

    @pytest.mark.parametrize("limit", [0, -1, float("nan")])
    def test_senseless(self, limit: float) -> None:
        """A limit must be above zero."""
        with pytest.raises(InputError, match="above zero"):
            Pacer(limit)

    def test_pickled(self) -> None:
        """A copy has the caller's limits and none of what was learned."""
        pacer = Pacer(10)
        pacer.accepted({"anthropic-ratelimit-requests-limit": "60"})
        assert pacer.requests_per_second == 1.0
        assert pickle.loads(pickle.dumps(pacer)).requests_per_second == 10


class TestHeaders:
    def test_seeded(self) -> None:
        """A limit stated per minute becomes the rate."""
        pacer = Pacer()
        pacer.accepted({"anthropic-ratelimit-requests-limit": "4000", "anthropic-ratelimit-input-tokens-limit": "60"})
        assert pacer.requests_per_second == pytest.approx(4000 / 60)
        pacer.acquire(0.5)

    def test_never_above_the_callers(self) -> None:
        """A generous header does not lift the caller's own limit."""
        pacer = Pacer(5)
        pacer.accepted({"anthropic-ratelimit-requests-limit": "4000"})
        assert pacer.requests_per_second == 5

    @pytest.mark.parametrize("text", ["", "many", "-1", "0", "inf", "nan"])
    def test_nonsense(self, text: str) -> None:
        """A header that states no number states no limit."""
        pacer = Pacer()
        pacer.accepted({"anthropic-ratelimit-requests-limit": text})
        assert pacer.requests_per_second is None

    def test_stated_with_a_429(self) -> None:
        """A refused request's headers count too."""
        pacer = Pacer()
        pacer.refused({"anthropic-ratelimit-requests-limit": "60"})
        assert pacer.requests_per_second == 1.0


class TestLearning:
    def test_first_429_starts_the_clock(self) -> None:
        """One 429 says nothing about the rate."""
        pacer = Pacer()
        pacer.refused()
        assert pacer.requests_per_second is None

    def test_cut_at_most_once_a_second(self) -> None:
        """A volley of 429s cuts the rate once, by a fifth at most."""
        clock = Clock()
        pacer = Pacer(100, clock=clock, sleep=clock.sleep)
        pacer.refused()
        clock.now += 1.0
        for _ in range(50):
            pacer.refused()
        assert pacer.requests_per_second == pytest.approx(80)

    @pytest.mark.parametrize(("rate", "burst"), [(2, 4), (5, 5), (20, 4), (100, 20), (400, 80)])
    def test_settles_below_the_limit(self, rate: float, burst: float) -> None:
        """Busy workers come within a tenth of a limit nobody told them, and are rarely refused."""
        clock = Clock()
        pacer = Pacer(clock=clock, sleep=lambda seconds: None)
        bucket = Bucket(rate, burst)
        _, later = simulate(pacer, clock, [(60, bucket), (120, bucket)])
        assert sum(later) / 120 == pytest.approx(rate, rel=0.1)
        assert later.count(False) / len(later) < 0.05

    def test_recovers(self) -> None:
        """When a limit is lifted the rate grows until nothing waits."""
        clock = Clock()
        pacer = Pacer(clock=clock, sleep=lambda seconds: None)
        *_, later = simulate(pacer, clock, [(30, Bucket(20, 4)), (90, Bucket(1e6, 1e6)), (5, Bucket(1e6, 1e6))])
        assert sum(later) / 5 == pytest.approx(128 / 0.2, rel=0.05)

    def test_follows_a_limit_down(self) -> None:
        """When a limit drops to a tenth the rate follows."""
        clock = Clock()
        pacer = Pacer(clock=clock, sleep=lambda seconds: None)
        low = Bucket(20, 4)
        *_, later = simulate(pacer, clock, [(30, Bucket(200, 40)), (30, low), (60, low)])
        assert sum(later) / 60 == pytest.approx(20, rel=0.1)


class TestThreads:
    def test_nobody_overtakes_the_rate(self) -> None:
        """Many threads together stay within the rate: each gets a turn of its own."""
        waits: list[float] = []
        pacer = Pacer(1000, clock=lambda: 0.0, sleep=waits.append)
        threads = [threading.Thread(target=lambda: [pacer.acquire() for _ in range(50)]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        turns = sorted(waits)
        assert len(turns) >= 300
        assert all(b - a >= 0.0009 for a, b in itertools.pairwise(turns))
