"""Whether a model can be asked now, and if not, what is missing first."""

from __future__ import annotations

import importlib.metadata
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

#: Environment variables that hold a key where the YAML names none.
DEFAULT_KEYS = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY", "google": "GEMINI_API_KEY"}

#: provider -> the distributions its backend imports, and the extra that brings them.
_NEEDS = {
    "openai": (("openai",), "openai"),
    "openai-compatible": (("openai",), "openai"),
    "anthropic": (("anthropic",), "anthropic"),
    "google": (("google-genai",), "google"),
    "transformers": (("torch", "transformers", "accelerate"), "local"),
}

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


def key_variable(config: ModelConfig) -> str | None:
    """The environment variable that holds a model's key, if it needs one."""
    if config.api_key_env:
        return config.api_key_env
    return None if config.base_url else DEFAULT_KEYS.get(config.provider)


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
    if config.provider == "transformers" and config.gpus and not gpu():
        return Readiness(False, f"GPU, {config.gpus}", f"run it on a machine with {config.gpus}, or serve it from one")
    return Readiness(True)


def retirement(config: ModelConfig, today: date) -> str:
    """The day a model is switched off, flagged if it is past or near; an empty string if none is known."""
    if config.retires is None:
        return ""
    if config.retires <= today:
        return f"{config.retires} (past)"
    if config.retires - today <= RETIRES_SOON:
        return f"{config.retires} (in {(config.retires - today).days} days)"
    return str(config.retires)
