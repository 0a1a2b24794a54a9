"""What a failed request means to a user: the SDK's exceptions, and answers that are none, put into our errors.

Every message says what was expected, what came and what to do, and is free of keys. A key or an account that was
refused stops the run; everything else is one failed review.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import anthropic

from dca.backends.client import Address, Key
from dca.backends.retry import of_account, stated_wait, worth_retrying
from dca.backends.structured import Answer, GarbledError
from dca.errors import CredentialError, DCAError, RefusedError, ReplyError, TransportError, TruncatedError
from dca.usage import Usage

_FINISHED: Final = frozenset({"end_turn", "stop_sequence", "tool_use"})
_ADVICE: Final = {
    400: "check the model's name, `structured`, `effort` and `extra_body`",
    404: "check the model's name and base_url (it must end before /v1/messages)",
    413: "the transcript is too long for one request; segment it into fewer steps or leave it out",
    422: "the server does not accept this form of request; try structured='tool' or structured='prompt'",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Where and how a call failed: all a message needs beside the error."""

    where: Address
    key: Key
    model: str
    redact: Callable[[str], str]
    attempt_timeout: float
    call_timeout: float


def explain(error: Exception, scene: Scene, *, usage: Usage, left: float) -> DCAError:
    """Our error for one of the SDK's.

    Args:
        error: What the last attempt failed with.
        scene: Where it failed.
        usage: What all attempts of the call used.
        left: Seconds left of the call's time.
    """
    if isinstance(error, anthropic.AnthropicError) and not isinstance(error, anthropic.APIError):  # of its profiles
        return CredentialError(scene.redact(f"no key could be had for {scene.where.host}: {error}"))
    if isinstance(error, anthropic.APIStatusError):
        if of_account(error):
            return CredentialError(_refused(error, scene))
        if not worth_retrying(error):
            return TransportError(_rejected(error, scene), usage=usage)
    return TransportError(_gave_up(error, scene, usage.requests, left), usage=usage)


def _refused(error: anthropic.APIStatusError, scene: Scene) -> str:
    """A message for a key or an account that was refused."""
    said = f"{scene.where.host} refused the key or the account ({_status(error, scene)})"
    if scene.where.own or scene.key.source == "api_key":
        return f"{said}; the key came from {scene.key.source}: check it, and the account's limits and billing"
    return (
        f"{said}; no key was sent: one in the environment goes to the provider's own host alone, "
        "so give this server's key as api_key"
    )


def _rejected(error: anthropic.APIStatusError, scene: Scene) -> str:
    """A message for a request that no repetition would make good."""
    moved = error.response.headers.get("location") if 300 <= error.status_code < 400 else None
    advice = f"give base_url the address it names: {moved}" if moved else _ADVICE.get(error.status_code, _ADVICE[400])
    said = f"{scene.where.host} does not accept the request for {scene.model!r} ({_status(error, scene)})"
    return f"{said}; {scene.redact(advice)}"


def _gave_up(error: Exception, scene: Scene, requests: int, left: float) -> str:
    """A message for a call that ran out of attempts or of time."""
    said = (
        f"no answer from {scene.where.host} after {requests} request{'s' * (requests != 1)} ({_what(error, scene)})"
    )
    wait = stated_wait(error)
    if wait is not None and wait >= left:
        return (
            f"{said}: it asks to wait {wait:,.0f} s and {max(left, 0):,.0f} s of this call's "
            f"{scene.call_timeout:,.0f} s are left; run again later, reviews that are done are kept"
        )
    if isinstance(error, anthropic.APITimeoutError):
        return f"{said}; raise attempt_timeout or lower max_tokens if the model needs longer"
    if isinstance(error, anthropic.APIConnectionError):
        return f"{said}; check that the server runs and that base_url is its address"
    if isinstance(error, GarbledError):
        return f"{said}; check that base_url leads to a server that speaks /v1/messages"
    return f"{said}; run again later, or lower max_in_flight"


def _what(error: Exception, scene: Scene) -> str:
    """The failure in a few words."""
    if isinstance(error, anthropic.APIStatusError):
        return _status(error, scene)
    if isinstance(error, anthropic.APITimeoutError):
        return f"timed out after {scene.attempt_timeout:g} s"
    cause = error.__cause__ or error
    return scene.redact(f"{cause}" or type(cause).__name__)


def _status(error: anthropic.APIStatusError, scene: Scene) -> str:
    """The status and what the server said of it."""
    said = str(error.api_message or "").strip() or error.response.text.strip()[:200]
    return scene.redact(f"{error.status_code}: {said}" if said else str(error.status_code))


def demand_finished(answer: Answer, model: str, structured: str, max_tokens: int, *, usage: Usage) -> None:
    """Raise unless the answer holds a reply that ended where the model meant it to.

    Args:
        answer: The last answer of a call.
        model: Who was asked.
        structured: In which way.
        max_tokens: Room of the first request; the second had twice that.
        usage: What all attempts of the call used.

    Raises:
        RefusedError: The model declined.
        TruncatedError: The reply was cut off, or the transcript does not fit.
        ReplyError: It stopped for another reason, or sent no text.
    """
    reason = answer.stop_reason
    if reason == "refusal":
        category = answer.category or "unspecified"
        said = f"{model} declined to review (category: {category}); another model, or one of your own, may not"
        raise RefusedError(said, category=category, usage=usage)
    if reason == "max_tokens":
        twice = f"{model} was cut off at {max_tokens:,} tokens and again at {2 * max_tokens:,}"
        raise TruncatedError(f"{twice}; raise max_tokens, lower the effort or use fewer steps", usage=usage)
    if reason == "model_context_window_exceeded":
        said = f"transcript and reply do not fit {model}'s context window; use a model with a larger one"
        raise TruncatedError(said, usage=usage)
    if reason not in _FINISHED:
        raise ReplyError(f"expected {model} to finish its reply, it stopped for {reason!r}; try again", usage=usage)
    if not answer.text.strip():
        raise ReplyError(_empty(answer, model, structured), usage=usage)


def _empty(answer: Answer, model: str, structured: str) -> str:
    """Why there is no text, as far as one can tell."""
    if structured == "tool":
        return f"{model} did not call the tool its reply was asked in; try structured='prompt'"
    if answer.thought:
        return f"{model} sent thinking and no reply; set effort 'off' or raise max_tokens"
    return f"{model} sent an empty reply; try structured='tool' or structured='prompt'"
