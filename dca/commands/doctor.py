"""`dca doctor`: what is installed, where requests would go, and which way of asking works there."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Iterator
from importlib import metadata
from typing import Annotated, Any

import typer

from dca import __version__
from dca.commands import options as o
from dca.errors import DCAError
from dca.messages import Message, Request
from dca.reviewers import ReviewerChoice, default_cache, key_in_words

PACKAGES = "anthropic tenacity jsonschema typer rich jinja2 pyarrow math-verify torch transformers trl".split()
QUESTION = Request(
    system="You check that a connection works.",
    messages=(Message("user", 'Reply with the JSON object {"ok": true}.'),),
    schema={
        "type": "object",
        "properties": {"ok": {"type": "boolean"}},
        "required": ["ok"],
        "additionalProperties": False,
    },
    max_tokens=1024,
)


def doctor(
    model: o.Model = None,
    base_url: o.BaseUrl = None,
    api_key_env: o.ApiKeyEnv = None,
    offline: Annotated[bool, typer.Option("--offline", help="Send nothing.")] = False,
) -> None:
    """Say what is installed, which URL would be used and whether a key is set; then send one tiny request a mode.

    A key is never printed. The first mode that works is the one to give to `dca review --structured`.

    `dca doctor --base-url http://localhost:8000 --model Qwen/Qwen3-8B`
    """
    for name, value in _installation():
        typer.echo(f"{name:<14}{value}")
    choice = ReviewerChoice(name="anthropic", model=model, base_url=base_url, api_key_env=api_key_env)
    backend = choice.backend()
    typer.echo(f"{'requests to':<14}{backend.where.url} (from {backend.where.source})")
    typer.echo(f"{'key':<14}{key_in_words(backend.key_source)}")
    typer.echo(f"{'model':<14}{backend.model}")
    backend.close()
    if offline:
        return
    working = [mode for mode in ("native", "tool", "prompt") if _works(choice, mode)]
    if not working:
        typer.echo("no way of asking works; the lines above say why", err=True)
        raise typer.Exit(1)
    typer.echo(f"use: dca review ... --reviewer anthropic --structured {working[0]}")


def _installation() -> Iterator[tuple[str, str]]:
    yield "dca", __version__
    yield "python", f"{platform.python_version()} on {platform.platform()}"
    for package in PACKAGES:
        try:
            yield package, metadata.version(package)
        except metadata.PackageNotFoundError:
            yield package, "not installed"
    cache = default_cache()
    yield "cache", f"{cache} ({cache.stat().st_size / 1e6:.1f} MB)" if cache.exists() else f"{cache} (none yet)"


def _works(choice: ReviewerChoice, mode: str) -> bool:
    """Ask one tiny question one way, and say what came of it."""
    backend = choice.backend(structured=mode, max_attempts=2, call_timeout=30.0)
    began = time.monotonic()
    try:
        said: Any = json.loads(backend.complete(QUESTION).text)
        good = bool(said == {"ok": True})
        outcome = "works" if good else f"answers, but not in the agreed form: {str(said)[:80]}"
    except (DCAError, ValueError) as error:
        good, outcome = False, f"{type(error).__name__}: {error}"
    finally:
        backend.close()
    typer.echo(f"{mode:<14}{outcome} ({time.monotonic() - began:.1f} s)")
    return good
