"""The providers by name, and what their facts say about a model. The only module that lists all providers."""

from __future__ import annotations

from importlib.metadata import entry_points
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lightemma.backends import own_facts, token_rules
from lightemma.backends.config import ModelConfig, model_name
from lightemma.backends.facts import Facts
from lightemma.backends.token_rules import PictureTokens, Size
from lightemma.config_files import config_names, find_config, load_config, shipped_names
from lightemma.errors import UserError, near_names

if TYPE_CHECKING:
    from lightemma.backends.base import Backend

#: Group of entry points under which packages offer backends.
ENTRY_POINTS = "lightemma.backends"

#: provider -> "module:Class", imported when needed. A provider is one file and one line here.
PROVIDERS = {
    "openai": "lightemma.backends.openai:OpenAIBackend",
    "anthropic": "lightemma.backends.anthropic:AnthropicBackend",
    "google": "lightemma.backends.google:GoogleBackend",
    "openai-compatible": "lightemma.backends.openai_compatible:OpenAICompatibleBackend",
    "scripted": "lightemma.backends.scripted:ScriptedBackend",
    "transformers": "lightemma.backends.transformers:TransformersBackend",
    "tiny-driver": "lightemma.backends.tiny_driver:TinyDriverBackend",
    "vllm": "lightemma.backends.vllm:VllmBackend",
    "sglang": "lightemma.backends.sglang:SglangBackend",
    "transformers-serve": "lightemma.backends.transformers_serve:TransformersServeBackend",
    "endpoints": "lightemma.backends.endpoints:EndpointsBackend",
}
#: provider -> its facts, for those whose facts are apart from their class; the others are imported to read them.
_FACTS = {
    "openai": own_facts.OPENAI,
    "anthropic": own_facts.ANTHROPIC,
    "google": own_facts.GOOGLE,
    "openai-compatible": own_facts.OPENAI_COMPATIBLE,
    "scripted": own_facts.SCRIPTED,
    "transformers": own_facts.TRANSFORMERS,
    "tiny-driver": own_facts.TINY_DRIVER,
    "vllm": own_facts.VLLM,
    "sglang": own_facts.SGLANG,
    "transformers-serve": own_facts.TRANSFORMERS_SERVE,
    "endpoints": own_facts.ENDPOINTS,
    "replay": own_facts.REPLAY,
}
#: Providers that no YAML can name: the models of recordings.
REPLAY = "replay"
_RECORDINGS = {REPLAY: "lightemma.backends.replay:ReplayBackend"}
#: The provider that serves a folder of weights, or a model whose own provider starts no server, on this machine.
SERVES_WEIGHTS = "vllm"


# --- providers -------------------------------------------------------------------------------------------------------


def providers() -> dict[str, str]:
    """Every provider by name -> "module:Class": lightemma's own, and those of installed packages (``lightemma.backends``)."""
    offered = {point.name: point.value for point in entry_points(group=ENTRY_POINTS)}
    return {**offered, **PROVIDERS}


def provider_class(name: str) -> type[Backend]:
    """The backend class behind a provider's name, or behind ``package.module:Class``.

    Raises:
        UserError: if there is none, or it cannot be imported.
    """
    from lightemma.backends.base import Backend
    from lightemma.backends.plugin_faults import checked_class
    from lightemma.plugins import load_class

    # Looking through all installed packages takes a while, so lightemma's own names and dotted names come first.
    place = PROVIDERS.get(name, name)
    if ":" not in place:
        known = providers()
        if name not in known:
            raise UserError(f"There is no provider '{name}'; {near_names(name, known)}")
        place = known[name]
    return checked_class(load_class(place, Backend, "backend"), name)


def backend_class(config: ModelConfig) -> type[Backend]:
    """The backend class of a model.

    Raises:
        UserError: if there is no such provider, or its class cannot be imported.
    """
    name = config.provider
    if name not in PROVIDERS and ":" not in name and name not in (known := providers()):
        raise UserError(
            f"Model '{config.name}' names the provider '{name}', which does not exist; {near_names(name, known)}"
        )
    return provider_class(name)


def backend_of(config: ModelConfig) -> Backend:
    """The backend of a model.

    Raises:
        UserError: if there is no such provider, or its settings, key or package are missing or wrong.
    """
    from lightemma.backends.plugin_faults import made

    return made(backend_class(config), config)


def answers_per_call(config: ModelConfig) -> int:
    """The most answers that one call of a model brings; 1 for a provider that cannot be imported."""
    try:
        return provider_class(_RECORDINGS.get(config.provider, config.provider)).answers_per_call(config)
    except UserError:
        return 1


def facts_of(provider: str) -> Facts:
    """What is known of a provider; the defaults for one that cannot be imported (making its backend says why)."""
    if provider in _FACTS:
        return _FACTS[provider]
    try:
        return provider_class(_RECORDINGS.get(provider, provider)).facts
    except UserError:
        return Facts()


# --- models ----------------------------------------------------------------------------------------------------------


def config_of(spec: str, *, weights: bool = False) -> ModelConfig:
    """The settings that a ``--model`` value names; no backend is made. All commands read the value with this function.

    Args:
        spec: a name from configs/models, the path of such a YAML, ``replay:ARCHIVE|RUN``, or ``package.module:Class``.
        weights: whether a folder of weights, or a name on Hugging Face, names a model to serve on this machine.

    Raises:
        UserError: if there is no such YAML, or it is wrong.
    """
    kind, _, place = spec.partition(":")
    if kind == REPLAY:
        name = model_name(Path(place).name.removesuffix(".zip"))
        return ModelConfig(name=name, provider=REPLAY, model=name)
    if place and not spec.endswith((".yaml", ".yml")):
        name = model_name(place.rpartition(".")[2])
        return ModelConfig(name=name, provider=spec, model=name)
    if weights and spec not in config_names("models") and _are_weights(spec):
        return ModelConfig(name=model_name(Path(spec).name), provider=SERVES_WEIGHTS, model=spec)
    path = find_config("models", spec)
    config = load_config(path, ModelConfig)
    check_consent(config, path, by_path=spec.endswith((".yaml", ".yml")) or "/" in spec)
    return config


def check_consent(config: ModelConfig, path: Path, *, by_path: bool) -> None:
    """Makes sure that a key goes to an address only where the user wants that.

    A file of the working directory may come from anyone, so it may not send a key where the user does not expect it. It
    gets none if it takes the name of one of lightemma's own models (by its file's name, or by ``name:``) and is asked at
    another address than that model; what its ``api_key_env`` says is no consent, since whoever wrote the address wrote that
    too. Naming the file by its path is. At an address other than the provider's own, the provider's usual variable is
    read only if ``api_key_env`` names it. Servers of this machine are excepted from both.

    Args:
        config: the model.
        path: its file.
        by_path: whether the user named the file by its path.

    Raises:
        UserError: if not.
    """
    elsewhere = [address for address in addresses_of(config) or () if not _is_loopback(address)]
    if not elsewhere:
        return
    from lightemma.backends.http.errors import shown_address

    shown = ", ".join(shown_address(address) or "another address" for address in elsewhere)
    usual = facts_of(config.provider).key_variable
    if usual is not None and config.api_key_env is None and not _same_place(config, elsewhere):
        raise UserError(
            f"'{path}' would send the key in {usual} to {shown}; if that is meant, add `api_key_env: {usual}` to it."
        )
    if by_path or config.api_key_env is None:
        return
    shipped = shipped_names("models")
    for name in dict.fromkeys((path.stem, config.name)):
        theirs = shipped.get(name)
        if theirs is None or theirs.resolve() == path.resolve():
            continue
        own = load_config(theirs, ModelConfig)
        expected = addresses_of(own) or [facts_of(own.provider).address or ""]
        if not {_host(address) for address in elsewhere} <= {_host(address) for address in expected}:
            raise UserError(
                f"'{path}' takes the name of lightemma's model '{name}' and would send the key in {config.api_key_env} to "
                f"{shown}; if that is meant, name the file by its path ('{path}'), or give it another name."
            )


def _same_place(config: ModelConfig, addresses: list[str]) -> bool:
    own = facts_of(config.provider).address
    return own is not None and {_host(address) for address in addresses} == {_host(own)}


def _host(address: str) -> tuple[str, str | None, int | None]:
    try:
        parts = urlsplit(address.strip())
        return parts.scheme.lower(), parts.hostname, parts.port
    except ValueError:
        return "", address, None


def _is_loopback(address: str) -> bool:
    name = _host(address)[1] or ""
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def replayed(spec: str) -> Path | None:
    """The archive or run that a ``--model`` value plays back, or None if it is another model."""
    kind, _, place = spec.partition(":")
    return Path(place).expanduser() if kind == REPLAY else None


def _are_weights(spec: str) -> bool:
    return Path(spec).expanduser().is_dir() or (spec.count("/") == 1 and not spec.endswith((".yaml", ".yml")))


def key_variable(config: ModelConfig) -> str | None:
    """The environment variable that holds a model's key, if it needs one."""
    if config.api_key_env:
        return config.api_key_env
    return None if config.base_url else facts_of(config.provider).key_variable


def holds_weights(config: ModelConfig) -> bool:
    """Whether the process that asks a model holds its weights, so that a second process loads them again."""
    known = facts_of(config.provider).holds_weights
    return (config.base_url is None and key_variable(config) is None) if known is None else known


def addresses_of(config: ModelConfig) -> list[str] | None:
    """Where a model is asked, as its YAML says.

    Returns:
        The addresses; None if it is the provider's own address, or this process. An empty list where addresses are needed
        and the YAML names none.
    """
    option = facts_of(config.provider).addresses_option
    if option is not None:
        named = config.options.get(option)
        return [str(address) for address in named] if isinstance(named, list) else []
    return [config.base_url] if config.base_url else None


def price_lists() -> list[str]:
    """Names in genai-prices of the providers that have a price list there."""
    listed = (facts_of(name).price_list for name in PROVIDERS)
    return [name for name in listed if name is not None]


def picture_tokens(model: str, size: Size, provider: str | None = None) -> PictureTokens:
    """How many tokens a picture counts as.

    A model may be asked through another provider than its maker (OpenRouter, a gateway, a recording), so where the
    provider has no rule for it, the rules of the others are tried.

    Args:
        model: the provider's id, such as ``gpt-4o-2024-11-20`` or ``Qwen/Qwen2.5-VL-7B-Instruct``.
        size: width and height in pixels, as sent.
        provider: who is asked.
    """
    name = token_rules.short_name(model)
    for facts in _in_order(provider):
        found = facts.picture_tokens(name, size) if facts.picture_tokens else None
        if found is not None:
            return found
    return token_rules.guess(size)


def characters_per_token(model: str, provider: str | None = None) -> float:
    """How many characters of a prompt make one token; the arguments are those of ``picture_tokens``."""
    name = token_rules.short_name(model)
    for facts in _in_order(provider):
        found = facts.characters_per_token(name) if facts.characters_per_token else None
        if found is not None:
            return found
    return token_rules.CHARACTERS_PER_TOKEN


def _in_order(provider: str | None) -> list[Facts]:
    """The facts of a provider, then those of all others in lightemma."""
    others = [facts_of(name) for name in PROVIDERS if name != provider]
    return [facts_of(provider), *others] if provider is not None else others
