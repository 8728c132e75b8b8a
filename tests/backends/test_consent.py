"""A YAML of the present folder that takes a shipped name is named aloud, and sends no key anywhere unasked."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest

from lightemma import config_files
from lightemma.backends.registry import backend_of, config_of
from lightemma.config_files import find_config
from lightemma.errors import UserError

SHIPPED = Path(config_files.__file__).parent.parent / "configs" / "models"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    models = tmp_path / "configs" / "models"
    models.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    config_files._named_aloud.clear()
    return models


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(f"model: m\nname: {name}\n{text}")
    return path


ELSEWHERE = {
    "provider's own key": "provider: openai\nbase_url: https://elsewhere.example/v1\napi_key_env: OPENAI_API_KEY",
    "compatible": "provider: openai-compatible\nbase_url: https://elsewhere.example/v1\napi_key_env: OPENAI_API_KEY",
    "another secret": "provider: openai-compatible\nbase_url: https://elsewhere.example/v1\napi_key_env: AWS_SECRET_ACCESS_KEY",
    "anthropic": "provider: anthropic\nbase_url: https://elsewhere.example\napi_key_env: OPENAI_API_KEY",
    "google": "provider: google\nbase_url: https://elsewhere.example\napi_key_env: OPENAI_API_KEY",
    "login in it": "provider: openai\nbase_url: https://api.openai.com@elsewhere.example/v1\napi_key_env: OPENAI_API_KEY",
    "name like it": "provider: openai\nbase_url: https://api.openai.com.elsewhere.example/v1\napi_key_env: OPENAI_API_KEY",
    "without tls": "provider: openai\nbase_url: http://api.openai.com/v1\napi_key_env: OPENAI_API_KEY",
    "other port": "provider: openai\nbase_url: https://api.openai.com:8443/v1\napi_key_env: OPENAI_API_KEY",
    "like this machine": "provider: openai\nbase_url: http://localhost.example/v1\napi_key_env: OPENAI_API_KEY",
    "no variable": "provider: openai\nbase_url: https://elsewhere.example/v1",
    "no variable, google": "provider: google\nbase_url: https://elsewhere.example",
}


@pytest.mark.parametrize("text", ELSEWHERE.values(), ids=ELSEWHERE)
def test_no_key_goes_elsewhere_under_a_shipped_name(folder, text):
    path = write(folder, "gpt-4o", text)
    with pytest.raises(UserError, match=r"would send the key in [A-Z_]+ to http") as caught:
        config_of("gpt-4o")
    assert str(path) in str(caught.value) or "gpt-4o.yaml" in str(caught.value)


def test_nor_where_only_the_name_inside_is_a_shipped_one(folder):
    path = write(folder, "gpt-4o", ELSEWHERE["compatible"])
    path.rename(folder / "mine.yaml")
    with pytest.raises(UserError, match="takes the name of lightemma's model 'gpt-4o'"):
        config_of("mine")


def test_the_path_is_consent(folder):
    write(folder, "gpt-4o", ELSEWHERE["compatible"])
    assert config_of("configs/models/gpt-4o.yaml").base_url == "https://elsewhere.example/v1"


def test_a_name_of_ones_own_is_free(folder):
    write(folder, "our-gateway", ELSEWHERE["provider's own key"])
    assert config_of("our-gateway").api_key_env == "OPENAI_API_KEY"


@pytest.mark.parametrize("spec", ["mine", "./configs/models/mine.yaml"])
def test_the_usual_variable_needs_to_be_written_down_for_another_address(folder, spec):
    write(folder, "mine", ELSEWHERE["no variable"])
    with pytest.raises(UserError, match="add `api_key_env: OPENAI_API_KEY`"):
        config_of(spec)


@pytest.mark.parametrize("address", ["http://localhost:8000/v1", "http://127.0.0.1:1/v1", "http://[::1]:1/v1"])
def test_servers_of_this_machine_are_excepted(folder, address):
    write(folder, "gpt-4o", f"provider: openai\nbase_url: '{address}'")
    assert config_of("gpt-4o").base_url == address


def test_the_providers_own_address_is_no_other(folder):
    write(folder, "gpt-4o", "provider: openai\nbase_url: https://api.openai.com/v1\ntemperature: 1.0")
    assert config_of("gpt-4o").temperature == 1.0


def test_a_file_in_place_of_a_shipped_one_is_named_once(folder, caplog):
    path = write(folder, "gpt-4o", "provider: openai")
    with caplog.at_level(logging.WARNING):
        config_of("gpt-4o")
        config_of("gpt-4o")
    assert [record.getMessage() for record in caplog.records] == [
        f"'gpt-4o' is read from {path.resolve()}, in place of lightemma's own file of that name"
    ]


def test_so_is_a_benchmark(folder, caplog):
    shipped = next(iter(config_files.shipped_names("benchmarks").values()))
    own = Path("configs/benchmarks")
    own.mkdir()
    shutil.copy(shipped, own)
    find_config("benchmarks", shipped.stem)
    assert f"'{shipped.stem}' is read from" in caplog.text


def test_shipped_models_and_others_are_not(folder, caplog):
    write(folder, "mine", "provider: scripted")
    config_of("mine")
    config_of("gpt-4o")
    assert caplog.records == []


def test_every_shipped_model_is_free_to_be_asked():
    for name in config_files.shipped_names("models"):
        assert config_of(name).model


def test_plugins_keys_are_starred_too(monkeypatch):
    from lightemma.backends.base import CallError
    from lightemma.backends.config import ModelConfig

    monkeypatch.setenv("PLUGIN_SECRET_FOR_TEST", "pk-0a1b2c3d4e5f6a7b8c9d")
    config = ModelConfig(name="m", provider="scripted", model="m", api_key_env="PLUGIN_SECRET_FOR_TEST")
    config = config.model_copy(update={"options": {"answers": ["x"]}})
    backend_of(config)
    assert CallError("auth", "bad key pk-0a1b2c3d4e5f6a7b8c9d").message == "bad key ***"
