"""Keys: found where the configuration says, missed in a sentence that helps, and never shown."""

from __future__ import annotations

import logging
import sys

import pytest

from lightemma.errors import UserError
from tests.backends.kit import ANTHROPIC, CHAT, GOOGLE, KEY, each, each_hosted

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class:DeprecationWarning")

PLACES = {"openai": "OpenAI's platform", "anthropic": "Anthropic's console", "google": "Google AI Studio"}


@each_hosted
@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_missing_key_is_named_with_where_to_get_one(server, provider, monkeypatch, value):
    if value is None:
        monkeypatch.delenv(provider.key_variable)
    else:
        monkeypatch.setenv(provider.key_variable, value)
    place = PLACES[provider.name.partition("-")[0]]
    with pytest.raises(UserError, match=f"'m' needs a key.* {provider.key_variable}.*{place}.*export"):
        provider.make(server)


@each
def test_the_configuration_may_name_another_variable(server, provider, monkeypatch):
    monkeypatch.delenv(provider.key_variable)
    monkeypatch.setenv("TEAM_KEY", KEY)
    backend = provider.make(server, api_key_env="TEAM_KEY")
    assert backend.config.api_key_env == "TEAM_KEY"
    assert provider.ask(server, api_key_env="TEAM_KEY").text
    monkeypatch.delenv("TEAM_KEY")
    with pytest.raises(UserError, match="TEAM_KEY"):
        provider.make(server, api_key_env="TEAM_KEY")


@each_hosted
def test_the_usual_variable_becomes_part_of_the_configuration(server, provider):
    backend = provider.make(server)
    assert backend.config.api_key_env == provider.key_variable
    assert provider.key_variable in backend.rate_key


@each
@pytest.mark.parametrize("value", ["sk-secret\nsecond", "sk-secret–dash", "sk secret"])
def test_a_key_that_no_header_can_hold_is_refused_unseen(server, provider, monkeypatch, value):
    monkeypatch.setenv(provider.key_variable, value)
    with pytest.raises(UserError, match=provider.key_variable) as caught:
        provider.make(server)
    assert "secret" not in str(caught.value)


@each
def test_blanks_around_a_key_are_cut(server, provider, monkeypatch):
    monkeypatch.setenv(provider.key_variable, f" {KEY}\n")
    assert provider.ask(server).text


@each
def test_the_key_is_in_no_description_and_no_log(server, provider, caplog):
    caplog.set_level(logging.DEBUG)
    backend = provider.make(server)
    assert KEY not in repr(backend) + repr(backend.config) + repr(vars(backend)) + backend.config.model_dump_json()
    provider.ask(server)
    assert KEY not in caplog.text


@pytest.mark.parametrize(
    ("provider", "package", "extra"),
    [(CHAT, "openai", "openai"), (ANTHROPIC, "anthropic", "anthropic"), (GOOGLE, "google.genai", "google")],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_a_missing_package_says_how_to_install_it(server, provider, package, extra, monkeypatch):
    backend = provider.backend
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError, match=rf"pip install 'lightemma\[{extra}\]'"):
        backend(provider.config(server))


@each_hosted
def test_the_ambient_settings_of_the_packages_do_not_redirect_calls(server, provider, monkeypatch):
    """A key must not be sent to an address that a forgotten variable names."""
    elsewhere = "http://127.0.0.1:9"
    monkeypatch.setenv("OPENAI_BASE_URL", elsewhere)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", elsewhere)
    monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", elsewhere)
    monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "true")
    monkeypatch.setenv("GOOGLE_API_KEY", "another-key")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "another-key")
    assert provider.ask(server).text
    backend = provider.make(server, base_url=None)
    client = backend._client
    address = client._api_client._http_options.base_url if provider is GOOGLE else client.base_url
    assert str(address).startswith("https://")
