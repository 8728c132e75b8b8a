"""A proxy in the environment that cannot be used is one sentence that names the variable."""

from __future__ import annotations

import json

import pytest

from lightemma.backends.config import ModelConfig
from lightemma.backends.http.proxies import check_proxies
from lightemma.config_files import load_config
from lightemma.errors import UserError
from tests.backends.kit import ALL, AMBIENT, each
from tests.shared_data import SHARED, needs_shared

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class:DeprecationWarning")

CASES = SHARED / "cases" / "environment.jsonl"
ADDRESS = "http://127.0.0.1:1/v1"


def case(name: str) -> dict[str, str]:
    found = [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()] if CASES.exists() else []
    return next(one for one in found if one["id"] == name)


@pytest.fixture
def keys(monkeypatch, no_certificates):
    for name in (*AMBIENT, "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for provider in ALL:
        monkeypatch.setenv(provider.key_variable, "sk-secret-0123456789abcdef")
    return monkeypatch


def refused(environment: dict[str, str]) -> str:
    with pytest.raises(UserError) as caught:
        check_proxies(environment, "openai")
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


@pytest.fixture
def without_socks(monkeypatch):
    monkeypatch.setattr("lightemma.backends.http.proxies.find_spec", lambda name: None)


@each
@pytest.mark.parametrize("variable", ["ALL_PROXY", "https_proxy"])
def test_every_family_says_which_package_a_socks_proxy_needs(keys, without_socks, provider, variable):
    keys.setenv(variable, "socks5h://user:hidden-word@127.0.0.1:9")
    with pytest.raises(UserError, match=f"{variable} names a SOCKS proxy.*pip install socksio") as caught:
        provider.make(ADDRESS)
    assert "hidden-word" not in str(caught.value)


@needs_shared(CASES)
def test_the_shared_socks_proxy(keys, without_socks):
    given = case("E01")
    variable, _, value = given["input"].split()[0].partition("=")
    keys.setenv(variable, value)
    with pytest.raises(UserError, match=f"{variable}.*pip install socksio"):
        ALL[0].make(ADDRESS)


@pytest.mark.parametrize(
    "value", ["http://", "http://h:port", "http://[::1", "://x", "http://a b:1", "http://h:99999", "h:x"]
)
@pytest.mark.parametrize("variable", ["http_proxy", "HTTPS_PROXY", "All_Proxy"])
def test_a_value_that_is_no_address(variable, value):
    assert f"The environment variable {variable} does not hold the address" in refused({variable: value})


@pytest.mark.parametrize(
    ("value", "instead"),
    [("socks4://h:1", "socks5"), ("socks4a://h:1", "socks5"), ("ftp://h:1", "http"), ("quic://h", "http")],
)
def test_a_kind_of_proxy_that_no_package_speaks(value, instead):
    sentence = refused({"HTTPS_PROXY": value})
    assert "HTTPS_PROXY" in sentence
    assert f"write {instead}://" in sentence


def test_small_letters_come_first_as_for_the_clients():
    check_proxies({"https_proxy": "http://h:1", "HTTPS_PROXY": "nonsense://h"}, "openai")
    assert "https_proxy" in refused({"https_proxy": "nonsense://h", "HTTPS_PROXY": "http://h:1"})


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"HTTPS_PROXY": ""},
        {"https_proxy": "http://user:word@proxy.example:3128"},
        {"ALL_PROXY": "proxy.example:3128"},
        {"HTTPS_PROXY": "ftp://h:1", "no_proxy": "a.example, *"},
        {"ftp_proxy": "nonsense://h"},
    ],
)
def test_what_can_be_used_or_is_not_used_is_left(environment):
    check_proxies(environment, "openai")


def test_a_socks_proxy_with_its_package(monkeypatch):
    monkeypatch.setattr("lightemma.backends.http.proxies.find_spec", lambda name: object())
    check_proxies({"ALL_PROXY": "socks5://127.0.0.1:9"}, "openai")


# --- names ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("qwen2.5vl:7b", "qwen2.5vl-7b"),
        ("org/model", "org-model"),
        ("a model (new)", "a-model-new"),
        ("modèle", "mod-le"),
        ("模型", "model"),
    ],
)
def test_a_name_of_other_signs_is_refused_in_words_with_one_that_can_be(tmp_path, name, made):
    path = tmp_path / "m.yaml"
    path.write_text(f'name: "{name}"\nprovider: openai\nmodel: x\n', encoding="utf-8")
    with pytest.raises(UserError, match="letters from a to z, digits and the signs") as caught:
        load_config(path, ModelConfig)
    sentence = str(caught.value)
    assert f"`name: {made}`" in sentence
    assert not set("^$[]") & set(sentence)
    assert ModelConfig(name=made, provider="openai", model="x").name == made


@needs_shared(CASES)
def test_the_shared_name(tmp_path):
    path = tmp_path / "m.yaml"
    path.write_text(f"{case('E03')['input']}\nprovider: openai\nmodel: x\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"write `name: qwen2.5vl-7b`"):
        load_config(path, ModelConfig)
