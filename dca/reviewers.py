"""From the options of a command line to a reviewer that is open: its model, prompt, cache and recordings.

Half of the switchboard (the other half is `dca.config`): it knows concrete classes, and imports each when it is asked
for, so that the arithmetic reviewer never waits for a network library.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from dca.errors import InputError
from dca.protocols import Backend, ReplyStore, Reviewer

NAMES: Final = ("arithmetic", "anthropic", "replay:DIR", "manual:DIR")
NO_CACHE: Final = "none"


@dataclass(frozen=True, slots=True)
class Opened:
    """A reviewer, ready to be asked.

    Attributes:
        reviewer: Who judges.
        notice: What a user should know before texts leave the machine; "" where none do.
        waits: True for a reviewer that waits for a network, and so wants many reviews in flight.
        prompts: The folder where a person finds prompts to answer, for `manual:DIR`.
        refusals: How often the model refused so far, by category.
    """

    reviewer: Reviewer
    notice: str = ""
    waits: bool = False
    prompts: Path | None = None
    refusals: Callable[[], Mapping[str, int]] = field(default=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewerChoice:
    """A reviewer by name, with the options that apply to it; see `dca review --help` for what they mean."""

    name: str = "arithmetic"
    model: str | None = None
    base_url: str | None = None
    api_key_env: str | None = None
    structured: str = "native"
    prompt: str = "contribution/v1"
    effort: str = "off"
    votes: int = 1
    rollouts_per_request: int = 1
    budget_usd: float | None = None
    budget_tokens: int | None = None
    max_in_flight: int = 32
    cache: str | None = None
    record: Path | None = None
    redact: str | None = None
    keep_raw: bool = False

    @contextmanager
    def open(self) -> Iterator[Opened]:
        """Build the reviewer; its cache and connections are closed at the end of the block."""
        kind, _, folder = self.name.partition(":")
        if self.name == "arithmetic":
            from dca.review.arithmetic import ArithmeticReviewer

            yield Opened(ArithmeticReviewer())
            return
        with ExitStack() as stack:
            if kind == "anthropic" and not folder:
                yield self._anthropic(stack)
            elif kind == "replay" and folder:
                from dca.backends.recording import Replayer

                yield Opened(self._reviewer(Replayer(folder), None))
            elif kind == "manual" and folder:
                from dca.backends.manual import ManualBackend

                yield Opened(self._reviewer(self._recorded(ManualBackend(folder)), None), prompts=Path(folder))
            else:
                raise InputError(f"--reviewer: expected one of {', '.join(NAMES)}, got {self.name!r}")

    def backend(self, **settings: Any) -> Any:
        """The model behind `/v1/messages` that the options name; `settings` overrule them."""
        from dca.backends.anthropic import DEFAULT_MODEL, AnthropicBackend
        from dca.backends.budget import Budget

        named = {
            "base_url": self.base_url,
            "api_key": self._key(),
            "structured": self.structured,
            "max_in_flight": self.max_in_flight,
            "budget": Budget(self.budget_usd, self.budget_tokens),
        }
        return AnthropicBackend(self.model or DEFAULT_MODEL, **{**named, **settings})

    def _anthropic(self, stack: ExitStack) -> Opened:
        backend = self.backend()
        stack.callback(backend.close)
        hidden = f"rewritten by {self.redact}" if self.redact else "as they are (--redact rewrites them first)"
        notice = (
            f"texts go to {backend.where.url} ({backend.model}, key: {key_in_words(backend.key_source)}), {hidden}"
        )
        reviewer = self._reviewer(self._recorded(backend), self._store(stack))
        return Opened(reviewer, notice, waits=True, refusals=lambda: backend.refusals)

    def _reviewer(self, backend: Backend, store: ReplyStore | None) -> Reviewer:
        from dca.review.llm import LLMReviewer

        return LLMReviewer(
            backend,
            self.prompt,
            store=store,
            effort=self.effort,
            votes=self.votes,
            rollouts_per_request=self.rollouts_per_request,
            redact=load_function(self.redact) if self.redact else None,
            keep_raw=self.keep_raw,
        )

    def _recorded(self, backend: Backend) -> Backend:
        """The backend, its answers written down if that was asked for."""
        if self.record is None:
            return backend
        from dca.backends.recording import Recorder

        return Recorder(backend, self.record)

    def _store(self, stack: ExitStack) -> ReplyStore:
        """Where accepted replies are remembered; recordings are their own memory."""
        from dca.backends.cache import MemoryStore, SqliteStore

        if self.record is not None or self.cache == NO_CACHE:
            return stack.enter_context(MemoryStore())
        path = Path(self.cache) if self.cache else default_cache()
        path.parent.mkdir(parents=True, exist_ok=True)
        return stack.enter_context(SqliteStore(path))

    def _key(self) -> str | None:
        """The key in the named environment variable, to be sent to whichever server was named."""
        if self.api_key_env is None:
            return None
        key = os.environ.get(self.api_key_env)
        if not key:
            raise InputError(f"--api-key-env: the environment variable {self.api_key_env} is not set")
        return key


def key_in_words(source: str) -> str:
    """Where a key comes from, for people."""
    return (
        "none in the environment; a profile of the provider's tools, if there is one"
        if source == "profile"
        else source
    )


def default_cache() -> Path:
    """Where accepted replies are remembered unless told otherwise."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "dca" / "replies.sqlite3"


def load_function(name: str) -> Callable[[str], str]:
    """A function by ``package.module:function``.

    >>> load_function("os.path:basename")("a/b")
    'b'
    """
    module, _, attribute = name.partition(":")
    try:
        function = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(f"--redact: expected package.module:function, got {name!r} ({error})") from error
    if not callable(function):
        raise InputError(f"--redact: {name!r} is not a function")
    return function  # type: ignore[no-any-return]
