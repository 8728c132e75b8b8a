"""One server of made-up providers for the whole folder, forgetful between tests."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import pytest

from tests.backends.kit import ALL, AMBIENT, KEY
from tests.fake_providers import FakeProviders, Settings


@pytest.fixture(scope="session")
def _providers() -> Iterator[FakeProviders]:
    with FakeProviders() as running:
        yield running


@pytest.fixture
def no_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients read no certificates: none are needed here, and reading them takes most of the time of a test."""
    monkeypatch.setattr(ssl, "create_default_context", lambda *_, **__: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


@pytest.fixture
def server(
    _providers: FakeProviders, monkeypatch: pytest.MonkeyPatch, no_certificates: None
) -> Iterator[FakeProviders]:
    """Made-up providers, and an environment with keys for them and nothing else."""
    for name in AMBIENT:
        monkeypatch.delenv(name, raising=False)
    for provider in ALL:
        monkeypatch.setenv(provider.key_variable, KEY)
    _providers.server.settings = Settings(keys=frozenset({KEY}))
    _providers.reset()
    yield _providers
    _providers.server.settings.latency_s = 0.0
