"""What holds for every provider: its facts, and how its backend behaves. A new one joins with a line in MAKERS."""

from __future__ import annotations

import ast
import asyncio
import gc
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest

from lightemma.backends.base import Backend, CallError, Completion, Message, PicturePart, Request, TextPart
from lightemma.backends.config import ModelConfig
from lightemma.backends.facts import Facts
from lightemma.backends.registry import (
    PROVIDERS,
    addresses_of,
    backend_class,
    facts_of,
    holds_weights,
    key_variable,
    provider_class,
)
from lightemma.backends.replay import ReplayBackend
from lightemma.backends.token_rules import PictureTokens
from lightemma.config_files import config_names, load_config
from lightemma.errors import UserError
from lightemma.failures import CALL_KINDS
from lightemma.run_folder.manifest import package_versions
from tests.backends import kit
from tests.fake_providers import FakeProviders
from tests.plugins.installed import install
from tests.serving.kit import server_options

ROOT = Path(__file__).resolve().parents[2]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
ACTION = "[(5.0, 0.0), (5.0, 0.0), (5.0, 0.0), (5.0, 0.0), (5.0, 0.0), (5.0, 0.0)]"

every = pytest.mark.parametrize("name", PROVIDERS)


# --- facts -----------------------------------------------------------------------------------------------------------


@every
def test_facts_are_plain_data_that_agree_with_each_other(name):
    facts = provider_class(name).facts
    assert isinstance(facts, Facts)
    assert facts.title
    assert hash(facts) == hash(provider_class(name).facts)
    assert (facts.key_variable is None) == (not facts.key_place)
    assert not facts.starts_server or facts.holds_weights
    if facts.engine is not None:
        assert provider_class(name).Options.model_fields["engine"].default == facts.engine
    assert facts.batch_option is None or facts.batch_option in provider_class(name).Options.model_fields
    assert facts.addresses_option is None or facts.addresses_option in provider_class(name).Options.model_fields
    assert facts.asks_model or not (facts.packages or facts.cacheable or facts.key_variable)
    if facts.price_list is not None:
        import genai_prices

        assert genai_prices.calc_price(genai_prices.Usage(), PRICED[name], provider_id=facts.price_list)


#: A model that the provider's price list has.
PRICED = {"openai": "gpt-4o", "anthropic": "claude-sonnet-4-5", "google": "gemini-2.5-pro"}


@every
def test_the_extra_brings_the_packages(name):
    facts = facts_of(name)
    assert (facts.extra is None) == (not facts.packages)
    brought = {re.split(r"[<>=!~\[; ]", requirement)[0] for requirement in EXTRAS.get(facts.extra or "", ())}
    assert set(facts.packages) <= brought
    assert not facts.packages or facts.install_command == f"pip install 'lightemma[{facts.extra}]'"


@every
def test_picture_rules_count_any_size(name):
    rule = facts_of(name).picture_tokens
    if rule is None:
        assert not facts_of(name).asks_model
        return
    assert rule("no-such-model", (1600, 900)) is None
    known = [load_config(path, ModelConfig) for path in config_names("models").values()]
    counted = [rule(one.model.lower().rpartition("/")[2], (1600, 900)) for one in known if one.provider == name]
    assert all(isinstance(one, PictureTokens) and one.tokens > 0 and one.rule for one in counted if one)


def test_facts_are_read_without_any_sdk():
    heavy = sorted({find_spec_name for name in PROVIDERS for find_spec_name in _modules(facts_of(name).packages)})
    code = (
        "import sys\n"
        "from lightemma.backends.registry import PROVIDERS, facts_of\n"
        "for name in PROVIDERS: facts_of(name)\n"
        "from importlib import import_module\n"
        "assert 'lightemma.backends.base' not in sys.modules, 'nor without any backend'\n"
        "for place in PROVIDERS.values(): import_module(place.partition(':')[0])\n"
        f"print([module for module in {heavy!r} + ['PIL', 'ray', 'matplotlib'] if module in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert heavy
    assert done.stdout.strip() == "[]"


def test_facts_apart_from_a_class_are_those_of_the_class():
    assert {name for name in PROVIDERS if facts_of(name) is not provider_class(name).facts} == set()


def _modules(packages: tuple[str, ...]) -> list[str]:
    return [{"google-genai": "google.genai"}.get(package, package) for package in packages]


@every
def test_manifests_name_the_packages_of_the_provider(name, monkeypatch):
    facts = facts_of(name)
    monkeypatch.setattr(importlib.metadata, "version", lambda package: f"1 of {package}")
    versions = package_versions((*facts.packages, *facts.also_recorded))
    assert list(versions)[:3] == ["lightemma", "numpy", "pillow"]
    assert set(versions) == {"lightemma", "numpy", "pillow", *facts.packages, *facts.also_recorded}


def test_packages_that_are_not_installed_are_left_out():
    versions = package_versions(("no-such-distribution-at-all", "pydantic"))
    assert "no-such-distribution-at-all" not in versions
    assert versions["pydantic"] == importlib.metadata.version("pydantic")


def test_a_class_of_a_package_brings_its_distribution_into_the_manifest(monkeypatch, tmp_path):
    class Mine(Backend):
        facts = Facts(packages=("msgspec",))

        async def generate(self, request):
            return Completion("here")

    install(monkeypatch, tmp_path, {}, name="offered-driving")
    (tmp_path / "offered_driving-1.0.dist-info" / "top_level.txt").write_text("offered\n")
    made = Mine(ModelConfig(name="m", provider="offered:Mine", model="m"))
    Mine.__module__ = "offered.models"
    assert made.packages == ("msgspec", "offered-driving")
    assert package_versions(made.packages)["offered-driving"] == "1.0"
    Mine.__module__ = "a_file_of_mine"
    assert made.packages == ("msgspec",)


# --- no other module knows a provider by name ----------------------------------------------------------------------------

#: Each may name its own provider; the registry names all.
OWN_FILES = {place.partition(":")[0].replace(".", "/") + ".py" for place in PROVIDERS.values()}
#: Engines are named like providers and are none: they have a table of their own.
ENGINES = {"lightemma/serving/engines.py", "lightemma/serving/options.py"}
#: A library, kinds of data and a column of the page; nothing to do with providers.
LIBRARY = (
    "backends/local/loading", "distillation/stages", "distillation/student_model", "distillation/train", "experts/hf_model",
    "experts/hf_views",
)  # fmt: skip
OTHER_MEANINGS = {
    **{f"lightemma/{module}.py": {"transformers"} for module in LIBRARY},
    "lightemma/sessions/demo_driver.py": {"scripted"},
    "lightemma/backends/local/faster.py": {"vllm"},  # the package, where it is looked for
    "lightemma/backends/http/later.py": {"openai"},  # the package
    "lightemma/comparing/driven_episodes.py": {"replay"},  # a key of a page's data
}
NAMES = set(PROVIDERS) | {"replay"}


def literals(path: Path) -> set[str]:
    """Strings of a module that are exactly a provider's name; docstrings and longer sentences do not count."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in NAMES
    }


def test_no_module_but_its_own_file_and_the_registry_names_a_provider():
    found = {}
    for path in sorted((ROOT / "lightemma").rglob("*.py")):
        module = path.relative_to(ROOT).as_posix()
        if module in OWN_FILES | ENGINES | {"lightemma/backends/registry.py", "lightemma/backends/own_facts.py"}:
            continue
        named = literals(path) - OTHER_MEANINGS.get(module, set())
        if named:
            found[module] = named
    assert not found


def test_the_check_finds_names():
    assert literals(ROOT / "lightemma/backends/registry.py") >= set(PROVIDERS)


# --- models ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", config_names("models"))
def test_every_model_that_comes_along_is_described_by_facts(name):
    config = load_config(config_names("models")[name], ModelConfig)
    kind = backend_class(config)
    kind.Options.model_validate(config.options)
    assert facts_of(config.provider) is kind.facts
    # A model is asked with a key, at an address, or held here; anything else would be a model that cannot be reached.
    if kind.facts.asks_model:
        assert key_variable(config) or addresses_of(config) or holds_weights(config)
    assert not (holds_weights(config) and kind.facts.price_list)


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_facts_that_are_apart_from_a_class_are_those_of_the_class(name):
    assert facts_of(name) is provider_class(name).facts
    assert facts_of("replay") is ReplayBackend.facts


def test_unknown_providers_have_no_facts_and_a_sentence():
    config = ModelConfig(name="m", provider="opena", model="m")
    assert facts_of("opena") == Facts()
    with pytest.raises(UserError, match=r"names the provider 'opena', which does not exist; did you mean openai"):
        backend_class(config)


# --- behaviour -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """What one backend did, in one event loop, from its making to its end."""

    answer: Completion
    constrained: Completion | Exception
    blind: Completion | Exception
    together: list[Completion]
    backend: Backend
    constraints: frozenset[str]


def http(line: kit.Provider, **changes: Any) -> Callable[..., Backend]:
    return lambda server, tmp_path: line.make(server, **changes)


def endpoints(server: FakeProviders, tmp_path: Path) -> Backend:
    config = ModelConfig(
        name="m",
        provider="endpoints",
        model="model-1",
        api_key_env=kit.COMPATIBLE.key_variable,
        options={"urls": [server.openai_address, server.openai_address.replace("127.0.0.1", "localhost")]},
    )
    return backend_class(config)(config)


def served(provider: str) -> Callable[..., Backend]:
    def make(server: FakeProviders, tmp_path: Path) -> Backend:
        # For every engine the made-up one is started: what differs between engines is in test_command.
        options = server_options({"TEST_FOLDER": str(tmp_path)}, engine="vllm")
        return backend_class(config := ModelConfig(name="m", provider=provider, model="made/up", options=options))(
            config
        )

    return make


def scripted(server: FakeProviders, tmp_path: Path) -> Backend:
    config = ModelConfig(name="m", provider="scripted", model="s", options={"answers": [ACTION], "repeat": True})
    return backend_class(config)(config)


def in_process(server: FakeProviders, tmp_path: Path) -> Backend:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from tests.backends import tiny_models

    folder = tiny_models.save("qwen2_5_vl", tmp_path / "weights")
    options = {"device_map": "cpu", "dtype": "float32", "max_batch": 2}
    config = ModelConfig(name="m", provider="transformers", model=str(folder), max_output_tokens=3, options=options)
    return backend_class(config)(config)


def tiny(server: FakeProviders, tmp_path: Path) -> Backend:
    config = ModelConfig(name="m", provider="tiny-driver", model="tiny-driver-1")
    return backend_class(config)(config)


MAKERS: dict[str, Callable[..., Backend]] = {
    "openai": http(kit.CHAT),
    "anthropic": http(kit.ANTHROPIC),
    "google": http(kit.GOOGLE),
    "openai-compatible": http(kit.COMPATIBLE),
    "endpoints": endpoints,
    "scripted": scripted,
    "transformers": in_process,
    "tiny-driver": tiny,
    "vllm": served("vllm"),
    "sglang": served("sglang"),
    "transformers-serve": served("transformers-serve"),
}


def a_picture():
    from tests.backends import tiny_models

    return tiny_models.picture(1)


def question(text: str, *parts: PicturePart, **more: Any) -> Request:
    return Request((Message("user", (*parts, TextPart(text))),), "token", "action", **more)


async def tried(backend: Backend, request: Request) -> Completion | Exception:
    try:
        return await backend.generate(request)
    except Exception as error:
        return error


async def watch(backend: Backend) -> Seen:
    picture = PicturePart(a_picture())
    try:
        answer = await backend.generate(question("Describe the scene.", picture))
        constrained = await tried(backend, question("Six pairs.", picture, response_regex=r"\[.*\]"))
        blind = await tried(backend, question("What is it?", PicturePart(None)))
        together = await asyncio.gather(*(backend.generate(question(f"{n}?", picture)) for n in range(3)))
    finally:
        await backend.aclose()
        await backend.aclose()  # a second time does nothing
    return Seen(answer, constrained, blind, together, backend, backend.constraints)


@pytest.fixture(scope="module")
def seen(tmp_path_factory, request):
    """Each provider is made and asked once; the tests look at what it did."""
    known: dict[str, Seen] = {}

    def get(name: str, server: FakeProviders) -> Seen:
        package = {"google-genai": "google.genai"}.get(next(iter(facts_of(name).packages), ""))
        for module in [package] if package else _modules(facts_of(name).packages[:1]):
            pytest.importorskip(module)
        if name not in known:
            known[name] = asyncio.run(watch(MAKERS[name](server, tmp_path_factory.mktemp(name))))
        return known[name]

    yield get
    gc.collect()


def test_every_provider_can_be_made_here():
    assert set(MAKERS) == set(PROVIDERS)


@every
def test_an_answer_is_text_with_its_tokens_and_the_model(server, seen, name):
    answer = seen(name, server).answer
    assert isinstance(answer, Completion)
    assert answer.usage is not None
    assert answer.usage.input > 0
    assert answer.usage.output > 0
    assert answer.finish_reason in ("stop", "length")
    assert answer.model
    assert answer.failure is None


@every
def test_a_constraint_is_kept_or_refused_and_never_ignored(server, seen, name):
    one = seen(name, server)
    if "regex" in one.constraints:
        assert isinstance(one.constrained, Completion)
    else:
        assert isinstance(one.constrained, CallError)
        assert one.constrained.kind == "bad_request"
    assert one.constraints <= {"json", "regex"}


@every
def test_a_missing_picture_is_never_asked_about_in_silence(server, seen, name):
    one = seen(name, server)
    assert isinstance(one.blind, Completion if not one.backend.reads_pictures else ValueError | CallError)
    if isinstance(one.blind, CallError):
        assert one.blind.kind in CALL_KINDS


@every
def test_concurrent_calls_are_all_answered(server, seen, name):
    assert all(isinstance(answer, Completion) for answer in seen(name, server).together)


@every
def test_another_process_can_make_the_same_backend(server, seen, name):
    backend = seen(name, server).backend
    again = type(backend)(ModelConfig.model_validate(backend.given_config.model_dump()))
    assert again.options == backend.options
    assert again.config == backend.config
    assert again.rate_key == backend.rate_key
    assert again.packages == backend.packages == (*backend.facts.packages, *backend.facts.also_recorded)


@every
def test_an_option_that_there_is_not_is_named(server, seen, name):
    backend = seen(name, server).backend
    given = backend.given_config
    wrong = given.model_copy(update={"options": {**given.options, "made_up": 1}})
    with pytest.raises(UserError, match="option 'made_up' is wrong"):
        type(backend)(wrong)


def test_facts_have_no_field_that_is_not_explained():
    described = Facts.__doc__ or ""
    assert all(f"        {field.name}: " in described for field in fields(Facts))
