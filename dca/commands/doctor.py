"""`dca doctor`: what is installed, where requests would go, and which way of asking works there."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Annotated, Any

import typer

from dca import __version__
from dca.commands import options as o
from dca.errors import DCAError
from dca.messages import Message, Request
from dca.reviewers import ReviewerChoice, default_cache, key_in_words

PACKAGES = "anthropic tenacity jsonschema typer rich jinja2 pyarrow math-verify torch transformers trl".split()
MODES = ("native", "tool", "prompt")
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


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one tiny question.

    Attributes:
        works: Whether the agreed form came back.
        said: In words.
        seconds: How long it took.
    """

    works: bool
    said: str
    seconds: float


def doctor(
    model: o.Model = None,
    base_url: o.BaseUrl = None,
    api_key_env: o.ApiKeyEnv = None,
    offline: Annotated[bool, typer.Option("--offline", help="Send nothing.")] = False,
    as_json: o.AsJson = False,
) -> None:
    """Say what is installed, which URL would be used and whether a key is set; then send one tiny request a mode.

    A key is never printed. The first mode that works is the one to give to `dca review --structured`.

    `dca doctor --base-url http://localhost:8000 --model Qwen/Qwen3-8B`
    """

    def tell(name: str, value: str) -> None:
        if not as_json:
            typer.echo(f"{name:<14}{value}")

    installed = dict(_installation())
    for name, value in installed.items():
        tell(name, value)
    choice = ReviewerChoice(name="anthropic", model=model, base_url=base_url, api_key_env=api_key_env)
    backend = choice.backend()
    where = {
        "requests to": f"{backend.where.url} (from {backend.where.source})",
        "key": key_in_words(backend.key_source),
        "model": str(backend.model),
    }
    backend.close()
    for name, value in where.items():
        tell(name, value)
    answers: dict[str, Answer] = {}
    for mode in () if offline else MODES:
        answers[mode] = answer = _asked(choice, mode)
        tell(mode, f"{answer.said} ({answer.seconds:.1f} s)")
    use = next((mode for mode, answer in answers.items() if answer.works), None)
    if as_json:
        modes = {mode: asdict(answer) for mode, answer in answers.items()}
        named = {name.replace(" ", "_"): value for name, value in where.items()}
        o.say_json({"installed": installed, **named, "modes": modes, "use": use})
    if answers and use is None:
        typer.echo("no way of asking works; the lines above say why", err=True)
        raise typer.Exit(1)
    if use is not None and not as_json:
        typer.echo(f"use: dca review ... --reviewer anthropic --structured {use}")


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


def _asked(choice: ReviewerChoice, mode: str) -> Answer:
    """Ask one tiny question one way."""
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
    return Answer(good, outcome, time.monotonic() - began)
