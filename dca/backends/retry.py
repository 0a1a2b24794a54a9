"""Which failed requests are worth sending again, and when; the only retry layer (the SDK's own is off).

Obeys ``x-should-retry``, ``retry-after-ms`` and ``retry-after``; a wait that does not fit into the call's time is not
begun. Without a stated wait: random exponential, 0.5 to 8 seconds. It knows nothing of what a reply says.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Final

import anthropic
import tenacity

from dca.backends.structured import GarbledError

_RETRIED: Final = frozenset({408, 409, 429})
_SHORTEST, _LONGEST = 0.5, 8.0  # seconds
_JITTER: Final = 0.25  # the most added to a stated wait, as a share of it
_ACCOUNT_CODES: Final = (
    "spend_limit_reached",
    "organization_on_hold",
    "billing_unavailable",
)  # ends of error codes that no waiting cures; some of them come as a 429


def of_account(error: anthropic.APIStatusError) -> bool:
    """Whether the key or the account was refused, whatever the status code says."""
    message = str(error.api_message or "")
    return (
        error.status_code in (401, 402, 403)
        or error.type == "billing_error"
        or (error.error_code or "").endswith(_ACCOUNT_CODES)
        or "credit balance is too low" in message  # a 400 of the provider
    )


def worth_retrying(error: BaseException) -> bool:
    """Whether the same request may succeed later."""
    if not isinstance(error, anthropic.APIStatusError):
        return isinstance(error, (anthropic.APIConnectionError, GarbledError))
    if of_account(error):
        return False
    hint = error.response.headers.get("x-should-retry")
    if hint in ("true", "false"):
        return hint == "true"
    return error.status_code in _RETRIED or error.status_code >= 500


def stated_wait(error: BaseException | None, now: Callable[[], float] = time.time) -> float | None:
    """Seconds the server asks to wait; None when it says nothing sensible.

    Args:
        error: What the request failed with.
        now: Seconds since the epoch, for waits stated as a date.
    """
    if not isinstance(error, anthropic.APIStatusError):
        return None
    headers = error.response.headers
    millis = _number(headers.get("retry-after-ms"))
    if millis is not None:
        return millis / 1000
    text = headers.get("retry-after", "")
    seconds = _number(text)
    return seconds if seconds is not None else _until(text, now())


def retrying(
    *,
    attempts: int,
    deadline: float,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    random: Callable[[], float],
) -> tenacity.Retrying:
    """The policy for one call: so many attempts, none begun after a deadline on `clock`."""

    def wait(state: tenacity.RetryCallState) -> float:
        stated = stated_wait(_failure(state))
        if stated is not None:
            return stated * (1 + _JITTER * random())
        return _SHORTEST + random() * (min(_LONGEST, _SHORTEST * 2.0**state.attempt_number) - _SHORTEST)

    def stop(state: tenacity.RetryCallState) -> bool:
        return state.attempt_number >= attempts or clock() + state.upcoming_sleep >= deadline

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(worth_retrying), wait=wait, stop=stop, sleep=sleep, reraise=True
    )


def _failure(state: tenacity.RetryCallState) -> BaseException | None:
    """What the last attempt failed with."""
    return state.outcome.exception() if state.outcome is not None else None


def _number(text: str | None) -> float | None:
    """A positive number; None for anything else, so that nonsense is as good as silence."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 < value < math.inf else None


def _until(text: str, now: float) -> float | None:
    """Seconds until an HTTP date that lies ahead."""
    try:
        ahead = parsedate_to_datetime(text).timestamp() - now
    except (ValueError, TypeError, OverflowError):
        return None
    return ahead if ahead > 0 else None
