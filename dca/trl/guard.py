"""Stops a run whose reviews keep failing, on all ranks together.

Each rank counts its own reviews; at one fixed point of every generation the counts are added up, so that all ranks
decide alike and none waits for another that has left. This module knows counts and reasons, no trainer.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final

import torch
from accelerate.utils import gather_object

from dca.errors import FallbackRateError, RunError

WINDOW: Final = 64
"""The rate is taken over the latest generations that together hold this many reviews; fewer never stop a run."""
_SHOWN: Final = 3  # reasons named in the message


class FallbackGuard:
    """Counts reviews and fallbacks of one rank, and judges them for all.

    Args:
        limit: The largest share of fallbacks that lets the run go on, in [0, 1].
        window: How many reviews the share is taken over.
    """

    def __init__(self, limit: float, *, window: int = WINDOW) -> None:
        self._limit, self._window = limit, window
        self._reviewed = self._fallbacks = 0  # of this rank, since the last check
        self._reasons = deque[str](maxlen=_SHOWN)
        self._stop: Exception | None = None
        self._recent = deque[tuple[int, int]]()  # per generation, over all ranks

    def count(self, fallback: str | None) -> None:
        """Count one review of this rank, and why it could not be used."""
        self._reviewed += 1
        if fallback is not None:
            self._fallbacks += 1
            self._reasons.append(fallback)

    def stop(self, error: Exception) -> None:
        """Keep what must stop the run until all ranks meet."""
        self._stop = self._stop or error

    def check(self, accelerator: Any) -> None:
        """Add up the counts of all ranks and stop them all, or none. Every rank must call this.

        Raises:
            FallbackRateError: Over the window, more than the limit fell back.
            RunError: Something stopped this rank or another one.
        """
        mine = torch.tensor([self._reviewed, self._fallbacks, int(self._stop is not None)], device=accelerator.device)
        self._reviewed = self._fallbacks = 0
        together = accelerator.reduce(mine, reduction="sum") if accelerator.num_processes > 1 else mine
        reviewed, fallbacks, stopped = together.tolist()
        if stopped:
            self._raise_stop(accelerator)
        if reviewed:
            self._recent.append((reviewed, fallbacks))
        while sum(n for n, _ in self._recent) - (self._recent[0][0] if self._recent else 0) >= self._window:
            self._recent.popleft()
        self._judge(accelerator)

    def _judge(self, accelerator: Any) -> None:
        """Raise on every rank once a full window holds too many fallbacks."""
        reviewed, fallbacks = (sum(column) for column in zip(*self._recent, strict=True)) if self._recent else (0, 0)
        if reviewed < self._window or fallbacks <= self._limit * reviewed:
            return
        reasons = list(dict.fromkeys(_everyone(accelerator, list(self._reasons))))[-_SHOWN:]
        raise FallbackRateError(
            f"{fallbacks} of the last {reviewed} reviews could not be used, over the limit of {self._limit:.0%}, so "
            f"training has all but become plain GRPO. The last reasons: {'; '.join(reasons)}. Mend the reviewer, or "
            f"raise max_fallback_rate"
        )

    def _raise_stop(self, accelerator: Any) -> None:
        """Raise this rank's own error, or name the other rank's."""
        told = [f"{type(self._stop).__name__}: {self._stop}"] if self._stop is not None else []
        reasons = _everyone(accelerator, told)
        if self._stop is not None:
            raise self._stop
        raise RunError(f"another rank had to stop the run, so this one stops with it: {'; '.join(reasons)}")


def _everyone(accelerator: Any, mine: list[str]) -> list[str]:
    """The words of all ranks."""
    return list(gather_object(mine)) if accelerator.num_processes > 1 else mine
