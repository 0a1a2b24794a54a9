"""Where a key goes and where it does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from backends.asking import REPLY, REQUEST, Make, failure
from backends.server import Server, error, message

from dca.backends.anthropic import AnthropicBackend
from dca.errors import (
    CredentialError,
    InputError,
)

SECRET = "sk-ant-api03-not-a-real-key-0123456789"
REAL = {
    "ANTHROPIC_API_KEY": SECRET,
    "ANTHROPIC_AUTH_TOKEN": f"{SECRET}-token",
    "ANTHROPIC_CUSTOM_HEADERS": f"X-Api-Key: {SECRET}\nAuthorization: Bearer {SECRET}\nX-Org: {SECRET}",
}


def write_profile(folder: Path) -> None:
    """A profile as the SDK's login leaves it behind."""
    for name in ("configs", "credentials"):
        (folder / name).mkdir(parents=True)
    (folder / "configs" / "default.json").write_text('{"authentication": {"type": "user_oauth"}}')
    (folder / "credentials" / "default.json").write_text(f'{{"access_token": "{SECRET}"}}')
    (folder / "credentials" / "default.json").chmod(0o600)


class TestKeys:
    """What leaves for whom. The provider's own host cannot be reached from a test; its headers are read off."""

    @pytest.mark.parametrize("by_environment", [False, True])
    def test_local_url(self, make: Make, monkeypatch: pytest.MonkeyPatch, bare: Path, by_environment: bool) -> None:
        """Nothing of the user's credentials reaches a local server, whoever named it."""
        for name, value in REAL.items():
            monkeypatch.setenv(name, value)
        write_profile(bare)
        with Server(message(REPLY)) as server:
            monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
            backend = make(server, base_url=None if by_environment else server.url)
            backend.complete(REQUEST)
        (seen,) = server.requests
        assert SECRET not in repr(seen)
        assert seen.headers["authorization"] == "Bearer not-needed"
        assert {
            name for name in seen.headers if name.startswith("x-") and not name.startswith("x-stainless")
        } == set()
        assert backend.key_source == "none (a placeholder is sent)"
        assert not backend.where.own

    def test_explicit_key(self, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        """A key given by name is sent, and only that one."""
        monkeypatch.setenv("ANTHROPIC_API_KEY", SECRET)
        with Server(message(REPLY)) as server:
            backend = make(server, api_key=" local-key \n")
            backend.complete(REQUEST)
        assert server.requests[0].headers["authorization"] == "Bearer local-key"
        assert backend.key_source == "api_key"
        assert "local-key" not in repr(backend) + backend.identity

    @pytest.mark.parametrize("name", ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"])
    def test_provider(self, bare: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        """The environment's key is for the provider's own host."""
        monkeypatch.setenv(name, f"{SECRET}\n")
        backend = AnthropicBackend()
        client = backend._client()
        assert client.auth_headers == {"Authorization": f"Bearer {SECRET}"}
        assert (str(client.base_url), client.max_retries) == ("https://api.anthropic.com", 0)
        assert (backend.key_source, backend.where.own) == (name, True)
        backend.close()

    @pytest.mark.parametrize(
        "url",
        [
            "http://api.anthropic.com",
            "https://api.anthropic.com.example.org",
            "https://example.org/api.anthropic.com",
            "https://xn--pi-6kc.anthropic.com",
        ],
    )
    def test_lookalikes(self, bare: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
        """A host that only looks like the provider's, or is not reached over https, gets the placeholder."""
        monkeypatch.setenv("ANTHROPIC_API_KEY", SECRET)
        backend = AnthropicBackend(base_url=url)
        assert backend._client().api_key == "not-needed"
        backend.close()

    @pytest.mark.parametrize(
        "url", ["localhost:8000", "https://me:pw@example.org", "https://api.anthropic.com@x.org", "ftp://x"]
    )
    def test_not_an_address(self, bare: Path, url: str) -> None:
        """An address without http(s) or with a user name is refused, and its password not repeated."""
        with pytest.raises(InputError, match="base_url") as caught:
            AnthropicBackend(base_url=url)
        assert "pw" not in str(caught.value)

    def test_profile(self, make: Make, bare: Path) -> None:
        """A profile of the SDK is used for the provider, and only there."""
        write_profile(bare)
        backend = AnthropicBackend()
        client = backend._client()
        assert client.credentials is not None
        assert client.credentials().token == SECRET
        assert backend.key_source == "profile"
        backend.close()
        with Server(message(REPLY)) as server:
            make(server).complete(REQUEST)
        assert SECRET not in repr(server.requests)

    def test_broken_profile(self, bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A profile that cannot be read stops the run before anything is sent."""
        monkeypatch.setenv("ANTHROPIC_PROFILE", "work")
        caught = failure(AnthropicBackend())
        assert isinstance(caught, CredentialError)
        assert "the profile of the Anthropic SDK cannot be used" in str(caught)

    def test_no_key(self, bare: Path) -> None:
        """Without a key for the provider nothing is sent; the error says what to do."""
        caught = failure(AnthropicBackend())
        assert isinstance(caught, CredentialError)
        assert "no key for api.anthropic.com: set ANTHROPIC_API_KEY, or give base_url" in str(caught)

    @pytest.mark.parametrize("status", [401, 400, 529])
    def test_never_in_an_error(self, make: Make, status: int) -> None:
        """A server that repeats the key does not get it into a message."""
        with Server(error(status, f"invalid key {SECRET} and odd-key-7")) as server:
            caught = failure(make(server, api_key="odd-key-7", max_attempts=1))
        assert "invalid key *** and ***" in str(caught)
        assert caught.__cause__ is None
        assert caught.__suppress_context__

    def test_refused_names_its_source(self, make: Make) -> None:
        """A refused key's message says where the key came from."""
        with Server(error(401, "bad key")) as server:
            caught = failure(make(server, api_key="k"))
        assert "the key came from api_key" in str(caught)

    def test_unsendable(self, bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A key that no header can hold is refused without repeating it."""
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-one\nsk-two")
        caught = failure(AnthropicBackend())
        assert isinstance(caught, CredentialError)
        assert "sk-" not in str(caught)
