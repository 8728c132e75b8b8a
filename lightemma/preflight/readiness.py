"""Whether a model can be asked now, and if not, what is missing first."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from lightemma.backends.config import ModelConfig
from lightemma.backends.keys import key_variable
from lightemma.errors import UserError

#: provider -> the distributions its backend imports, and the extra that brings them.
_NEEDS = {
    "openai": (("openai",), "openai"),
    "openai-compatible": (("openai",), "openai"),
    "endpoints": (("openai",), "openai"),
    "vllm": (("openai",), "openai"),
    "sglang": (("openai",), "openai"),
    "transformers-serve": (("openai",), "openai"),
    "anthropic": (("anthropic",), "anthropic"),
    "google": (("google-genai",), "google"),
    "transformers": (("torch", "transformers", "accelerate"), "local"),
}

#: Providers that start a server of their own.
_STARTED_HERE = frozenset({"vllm", "sglang", "transformers-serve"})

#: Models that are switched off within this time are flagged.
RETIRES_SOON = timedelta(days=30)

#: Whether something listens at a host and port.
Listens = Callable[[str, int], bool]

#: Whether this machine seems to have a GPU.
HasGpu = Callable[[], bool]

#: The installed version of a distribution, or None.
Versions = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a model can be asked now.

    Attributes:
        ready: whether nothing is known to be missing; that a key is right only its provider knows.
        lacks: what is missing, in a few words, or an empty string.
        next: how to get it, or an empty string.
    """

    ready: bool
    lacks: str = ""
    next: str = ""


def installed_version(name: str) -> str | None:
    """The version of an installed distribution, or None; nothing is imported."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def listens(host: str, port: int) -> bool:
    """Whether something on this machine listens at a port."""
    try:
        with socket.create_connection((host, port), timeout=0.3):
            return True
    except OSError:
        return False


def has_gpu() -> bool:
    """Whether this machine seems to have a GPU that torch can use: NVIDIA's or AMD's device, or an Apple chip."""
    if any(Path(device).exists() for device in ("/dev/nvidia0", "/dev/dxg", "/dev/kfd")):
        return True
    return sys.platform == "darwin" and platform.machine() == "arm64"


def local_address(config: ModelConfig) -> tuple[str, int] | None:
    """Host and port of a server on this machine, or None where the model is asked elsewhere."""
    if not config.base_url:
        return None
    try:
        parts = urlsplit(config.base_url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    if host not in {"localhost", "0.0.0.0", "::1"} and not host.startswith("127."):
        return None
    return host, port or (443 if parts.scheme == "https" else 80)


def readiness(
    config: ModelConfig,
    today: date,
    environ: Mapping[str, str] = os.environ,
    versions: Versions = installed_version,
    listening: Listens = listens,
    gpu: HasGpu = has_gpu,
) -> Readiness:
    """What is missing before a model can be asked, the most telling thing first.

    Args:
        config: the model.
        today: models that retired before are not ready.
        environ: where keys are looked for.
        versions: tells what is installed.
        listening: tells whether a local server is up.
        gpu: tells whether there is a GPU, for models inside this process.
    """
    if config.retires is not None and config.retires <= today:
        return Readiness(False, f"switched off {config.retires}", "name another model: `lightemma models` lists them")
    packages, extra = _NEEDS.get(config.provider, ((), ""))
    absent = [name for name in packages if versions(name) is None]
    if absent:
        return Readiness(False, f"package {' and '.join(absent)}", f"pip install 'lightemma[{extra}]'")
    variable = key_variable(config)
    if variable and not environ.get(variable, "").strip():
        return Readiness(False, f"key {variable}", f"export {variable}=…")
    address = local_address(config)
    if address and not listening(*address):
        host, port = address
        return Readiness(False, f"server at {host}:{port}", f"vllm serve {config.model} --port {port}")
    if config.provider == "endpoints":
        return _endpoints_ready(config, listening)
    if config.provider in _STARTED_HERE:
        return _server_ready(config, gpu)
    if config.provider == "transformers" and config.gpus and not gpu():
        return Readiness(False, f"GPU, {config.gpus}", f"run it on a machine with {config.gpus}, or serve it from one")
    return Readiness(True)


def _endpoints_ready(config: ModelConfig, listening: Listens) -> Readiness:
    """Whether any of the servers that are on this machine is up; those elsewhere are not asked."""
    urls = config.options.get("urls")
    addresses = [
        local_address(config.model_copy(update={"base_url": str(url)}))
        for url in (urls if isinstance(urls, list) else ())
    ]
    here = [address for address in addresses if address is not None]
    if not addresses:
        return Readiness(False, "options.urls", "write the servers' addresses under options: urls")
    if len(here) == len(addresses) and not any(listening(*address) for address in here):
        ports = ", ".join(str(port) for _, port in here)
        return Readiness(False, f"a server at port {ports}", f"lightemma serve {config.model} --set port={here[0][1]}")
    return Readiness(True)


def _server_ready(config: ModelConfig, gpu: HasGpu) -> Readiness:
    """Whether the engine's interpreter and a GPU are there; whether the weights fit shows when the server starts."""
    from lightemma.serving.launch import find_interpreter
    from lightemma.serving.options import ServerOptions

    given = {name: value for name, value in config.options.items() if name in ServerOptions.model_fields}
    try:
        options = ServerOptions.model_validate(given)
    except ValueError:
        return Readiness(False, "valid options", f"lightemma models --provider {config.provider}")
    try:
        python = find_interpreter(options, config.name)
    except UserError:
        return Readiness(
            False, f"environment {options.python or 'by uv'}", "make vllm, and name its folder in options.python"
        )
    if python == sys.executable and not _engine_installed(config.provider):
        return Readiness(
            False, f"environment for {config.provider}", "make vllm, and name its folder in options.python"
        )
    if not options.cpu and not gpu():
        needs = config.gpus or f"{options.gpus} x GPU"
        return Readiness(False, f"GPU, {needs}", "run it on a machine with one, or set cpu: true for a CPU build")
    return Readiness(True)


def _engine_installed(provider: str) -> bool:
    name = {"transformers-serve": "transformers"}.get(provider, provider)
    return importlib.util.find_spec(name) is not None


def retirement(config: ModelConfig, today: date) -> str:
    """The day a model is switched off, flagged if it is past or near; an empty string if none is known."""
    if config.retires is None:
        return ""
    if config.retires <= today:
        return f"{config.retires} (past)"
    if config.retires - today <= RETIRES_SOON:
        return f"{config.retires} (in {(config.retires - today).days} days)"
    return str(config.retires)
