"""Backends for a server of the test's own: nothing of the machine's credentials, and no waiting."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from backends.asking import Make
from backends.server import Server

from dca.backends.anthropic import AnthropicBackend


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No key, address, profile or proxy of the machine reaches the test; returns the folder for profiles."""
    for name in ("API_KEY", "AUTH_TOKEN", "BASE_URL", "CUSTOM_HEADERS", "PROFILE"):
        monkeypatch.delenv(f"ANTHROPIC_{name}", raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.delenv("ANTHROPIC_CONFIG_DIR", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path / ".config" / "anthropic"


@pytest.fixture
def naps() -> list[float]:
    """The seconds the backend wanted to sleep."""
    return []


@pytest.fixture
def make(bare: Path, naps: list[float]) -> Iterator[Make]:
    """Builds backends for a server, which sleep in `naps` and are closed at the end."""
    made: list[AnthropicBackend] = []

    def build(server: Server, model: str = "local-model", **options: Any) -> AnthropicBackend:
        options = {"base_url": server.url, "sleep": naps.append, "random": lambda: 0.5, **options}
        made.append(AnthropicBackend(model, **options))
        return made[-1]

    yield build
    for backend in made:
        backend.close()
