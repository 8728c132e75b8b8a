"""The models that come along: every YAML loads, is named like its file, and is in the docs."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from lightemma.backends.config import ModelConfig
from lightemma.backends.registry import PROVIDERS, facts_of, holds_weights, picture_tokens
from lightemma.calls.prices import resolve_price
from lightemma.config_files import load_config
from lightemma.preflight.readiness import local_addresses

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted((ROOT / "configs" / "models").glob("*.yaml"))
CONFIGS = {path.stem: load_config(path, ModelConfig) for path in FILES}
NOW = datetime(2026, 11, 22, tzinfo=UTC)

PAPER = {
    "gpt-4o": "gpt-4o-2024-11-20",
    "gpt-4.1": "gpt-4.1-2025-04-14",
    "claude-3.5-sonnet": "claude-3-5-sonnet-20241022",
    "claude-3.7-sonnet": "claude-3-7-sonnet-20250219",
    "gemini-2.0-flash": "gemini-2.0-flash",
    "gemini-2.5-pro": "gemini-2.5-pro",
    "qwen2.5-vl-7b": "Qwen/Qwen2.5-VL-7B-Instruct",
    "qwen2.5-vl-72b": "Qwen/Qwen2.5-VL-72B-Instruct",
    "llama-3.2-11b": "meta-llama/Llama-3.2-11B-Vision-Instruct",
    "llama-3.2-90b": "meta-llama/Llama-3.2-90B-Vision-Instruct",
    "deepseek-vl2-16b": "deepseek-ai/deepseek-vl2-tiny",
    "deepseek-vl2-28b": "deepseek-ai/deepseek-vl2",
}

#: Why no table knows what these cost.
UNPRICED = {
    "gpt-6.2-sol": "newer than genai-prices 0.2.3; the file says so",
    "scripted-example": "no model",
}


#: Examples of servers that are started or named in the options.
WITH_OPTIONS = {"scripted-example", "endpoints-example", "sglang-7b", "vllm-7b", "vllm-8gpu"}


def on_own_hardware(config: ModelConfig) -> bool:
    return holds_weights(config) or bool(local_addresses(config))


def test_the_papers_models_are_all_there():
    assert {name: CONFIGS[name].model for name in PAPER} == PAPER


@pytest.mark.parametrize("name", CONFIGS)
def test_name_file_and_provider(name):
    config = CONFIGS[name]
    assert config.name == name
    assert config.provider in PROVIDERS
    assert config.base_url is None or config.base_url.endswith("/v1")


def test_names_are_unique_without_regard_to_case():
    assert len({config.name.lower() for config in CONFIGS.values()}) == len(CONFIGS)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_price_or_a_reason(name):
    config = CONFIGS[name]
    price = resolve_price(config, NOW)
    if name in UNPRICED or on_own_hardware(config):
        # Once a table knows it, the reason is removed.
        assert price is None
    else:
        assert price is not None
        assert 0 < price.cached_input <= price.input < price.output


@pytest.mark.parametrize("name", CONFIGS)
def test_keys_are_named_and_never_written(name):
    config = CONFIGS[name]
    usual = facts_of(config.provider).key_variable
    if usual is not None:
        assert config.api_key_env == usual
    text = (ROOT / "configs" / "models" / f"{name}.yaml").read_text(encoding="utf-8")
    assert not re.search(r"\b(sk-|AIza|hf_)\w+", text)


@pytest.mark.parametrize("name", CONFIGS)
def test_backends_options_are_left_alone(name):
    assert not CONFIGS[name].options or name in WITH_OPTIONS


@pytest.mark.parametrize("name", [name for name, config in CONFIGS.items() if config.gpus])
def test_gpus_hold_the_weights_as_computed_in_the_file(name):
    text = (ROOT / "configs" / "models" / f"{name}.yaml").read_text(encoding="utf-8")
    computed = re.search(r"gpus: (\d+) x (\d+) GB +# ([\d.]+) billion weights x 2 bytes \+ 20 % = (\d+) GB", text)
    assert computed is not None
    cards, each, billions, total = (float(group) for group in computed.groups())
    assert total == round(billions * 2 * 1.2)
    assert total <= cards * each


def test_open_weights_say_what_to_do_and_how_to_pin_them():
    for path in FILES:
        config = CONFIGS[path.stem]
        if not config.gpus:
            continue
        text = path.read_text(encoding="utf-8")
        assert config.revision is None
        assert "Pin the weights" in text
        if config.provider == "openai-compatible":
            assert f"vllm serve {config.model} " in text
        else:
            assert config.name.endswith("-local")
            assert CONFIGS[config.name.removesuffix("-local")].model == config.model


def test_models_that_think_have_room_for_it():
    for config in CONFIGS.values():
        if config.temperature is None:
            assert config.max_output_tokens >= 8192
            assert config.limits.timeout_s >= 300


@pytest.mark.parametrize("name", [name for name, config in CONFIGS.items() if config.retires])
def test_a_day_of_switch_off_has_a_source_and_the_day_it_was_read(name):
    text = (ROOT / "configs" / "models" / f"{name}.yaml").read_text(encoding="utf-8")
    stated = re.search(r"^retires: (\S+) +# (\S.*), as of (\d{4}-\d{2}-\d{2})$", text, re.MULTILINE)
    assert stated is not None, "retires: DAY   # SOURCE, as of DAY"
    day, read = date.fromisoformat(stated[1]), date.fromisoformat(stated[3])
    assert CONFIGS[name].retires == day
    assert (CONFIGS[name].released or "") < str(day)
    assert text.count("# Switched off: ") == (day <= read), "the head of the file says so once it is past"


def test_pictures_are_counted_by_a_rule_for_every_model():
    for config in CONFIGS.values():
        if config.provider != "scripted":
            assert "guess" not in picture_tokens(config.model, (1600, 900)).rule


def test_the_docs_list_every_model_as_it_is():
    page = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    listed = {
        cells[0]: cells[1:]
        for line in page.splitlines()
        if line.startswith("| ") and (cells := [cell.strip() for cell in line.strip("|").split("|")])[0] != "name"
    }
    assert listed == {
        name: [config.model, config.released or "", str(config.retires or ""), config.gpus or ""]
        for name, config in CONFIGS.items()
    }
