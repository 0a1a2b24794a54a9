"""Where requests go and which key goes with them; the SDK's client for the two.

A user's key, and whatever else the environment holds for the provider, goes to the provider's own host over https and
nowhere else: every other server gets a placeholder, or the key it was given by name. That holds also where
ANTHROPIC_BASE_URL names the server. Requests to other servers pass a list of allowed headers on their way out, so
nothing the SDK may read from an environment or a profile can travel along. This module does not know whether a key
is good.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import anthropic
import httpx2

from dca.errors import CredentialError, InputError

PROVIDER: Final = "https://api.anthropic.com"
PLACEHOLDER: Final = "not-needed"
"""The key sent to servers that need none."""

_HOST: Final = "api.anthropic.com"
_KEYS: Final = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")
_SECRET: Final = re.compile(r"sk-[A-Za-z0-9_-]{8,}")
_ALLOWED: Final = frozenset(
    (
        "host",
        "connection",
        "accept",
        "accept-encoding",
        "user-agent",
        "content-type",
        "content-length",
        "transfer-encoding",
        "anthropic-version",
    )
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where requests go.

    Attributes:
        url: The base URL.
        host: Its host and port, for people and for cache keys.
        own: Whether it is the provider's own, reached over https.
        source: What named it: ``"base_url"``, ``"ANTHROPIC_BASE_URL"`` or ``"default"``.
    """

    url: str
    host: str
    own: bool
    source: str


@dataclass(frozen=True, slots=True)
class Key:
    """What authenticates, and where it was found. `value` is None where the SDK finds it in a profile."""

    value: str | None = field(repr=False)
    source: str


def address(base_url: str | None) -> Address:
    """The server named by the caller, else by the environment, else the provider.

    Raises:
        InputError: It is not an http(s) URL, or holds a user name.

    >>> address("http://localhost:8000").own
    False
    """
    named = os.environ.get("ANTHROPIC_BASE_URL") or None
    source = "base_url" if base_url else "ANTHROPIC_BASE_URL" if named else "default"
    text = base_url or named or PROVIDER
    try:
        url = httpx2.URL(text)  # the parser the client uses: the host that is checked is the host that is called
    except httpx2.InvalidURL as error:
        raise InputError(f"{source}: expected a URL such as http://localhost:8000, got {text!r} ({error})") from error
    if url.scheme not in ("http", "https") or not url.host or url.userinfo:
        raise InputError(f"{source}: expected http(s)://host[:port] without a user name, got scheme {url.scheme!r}")
    own = url.scheme == "https" and url.host == _HOST
    return Address(text, url.netloc.decode("ascii"), own, source)


def find_key(api_key: str | None, where: Address) -> Key:
    """The key for a server: the one given, else the environment's for the provider alone, else a placeholder."""
    if api_key and api_key.strip():
        return Key(_sendable(api_key.strip(), "api_key"), "api_key")
    if not where.own:
        return Key(PLACEHOLDER, "none (a placeholder is sent)")
    for name in _KEYS:
        if value := os.environ.get(name, "").strip():
            return Key(_sendable(value, name), name)
    return Key(None, "profile")


def _sendable(value: str, source: str) -> str:
    """A key that fits into a header: an error further down would quote it."""
    if not (value.isascii() and value.isprintable()):
        raise CredentialError(f"the key from {source} holds a character no key has; copy it again")
    return value


def redactor(key: Key) -> Callable[[str], str]:
    """Takes this key, and whatever looks like one, out of a text."""

    def redact(text: str) -> str:
        if key.value and key.value != PLACEHOLDER:
            text = text.replace(key.value, "***")
        return _SECRET.sub("***", text)

    return redact


def open_client(where: Address, key: Key, max_in_flight: int) -> anthropic.Anthropic:
    """The SDK's client for one server: it retries nothing, follows no redirect, and leaks no key.

    Raises:
        CredentialError: The provider is to be asked and there is no key, or the profile that holds it is broken.
    """
    hooks: dict[str, list[Callable[[httpx2.Request], None]]] = {} if where.own else {"request": [_only(key)]}
    http = anthropic.DefaultHttpxClient(
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=max_in_flight),
        follow_redirects=False,
        event_hooks=hooks,
    )
    token, api_key = (key.value, None) if key.source == "ANTHROPIC_AUTH_TOKEN" else (None, key.value)
    try:
        client = anthropic.Anthropic(
            api_key=api_key, auth_token=token, base_url=where.url, max_retries=0, http_client=http
        )
    except (anthropic.AnthropicError, ValueError, OSError) as error:
        http.close()
        raise CredentialError(f"the profile of the Anthropic SDK cannot be used: {error}; set {_KEYS[0]}") from None
    if client.api_key is None and client.auth_token is None and client.credentials is None:
        client.close()
        raise CredentialError(
            f"no key for {where.host}: set {_KEYS[0]}, or give base_url the address of a server of your own "
            "(a key is not needed there), or review without a model (the arithmetic reviewer)"
        )
    return client


def _only(key: Key) -> Callable[[httpx2.Request], None]:
    """A hook that lets the allowed headers out, and this key."""

    def keep(request: httpx2.Request) -> None:
        for name in list(request.headers):
            if name not in _ALLOWED and not name.startswith("x-stainless-"):
                del request.headers[name]
        request.headers["authorization"] = f"Bearer {key.value}"

    return keep
