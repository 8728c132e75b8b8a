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
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lightemma.backends.config import ModelConfig
from lightemma.backends.registry import PROVIDERS, addresses_of, backend_class, facts_of, key_variable
from lightemma.errors import UserError

if TYPE_CHECKING:
    from pydantic import BaseModel

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
        ready: whether nothing is known to be missing; whether a key is valid is known only to its provider.
        lacks: what is missing, as a short text, or an empty string.
        next: how to get it, or an empty string.
    """

    ready: bool
    lacks: str = ""
    next: str = ""


@cache
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


def local_addresses(config: ModelConfig) -> list[tuple[str, int]]:
    """Hosts and ports of the servers on this machine that a model is asked at; empty where it is asked elsewhere."""
    found = [_local(address) for address in addresses_of(config) or ()]
    return [address for address in found if address is not None]


def _local(address: str) -> tuple[str, int] | None:
    try:
        parts = urlsplit(address)
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
    """What is missing before a model can be asked: the first thing in order of importance.

    Args:
        config: the model.
        today: models that retired before are not ready.
        environ: where keys are looked for.
        versions: gives the installed version of a package.
        listening: says whether a local server is up.
        gpu: says whether there is a GPU, for models inside this process.
    """
    if config.retires is not None and config.retires <= today:
        return Readiness(False, f"switched off {config.retires}", "name another model: `lightemma models` lists them")
    facts = facts_of(config.provider)
    if facts.asks_model and config.provider not in PROVIDERS:
        try:
            backend_class(config)
        except UserError as error:
            return Readiness(False, f"provider {config.provider}", str(error))
    absent = [name for name in facts.packages if versions(name) is None]
    if absent:
        return Readiness(False, f"package {' and '.join(absent)}", facts.install_command)
    variable = key_variable(config)
    if variable and not environ.get(variable, "").strip():
        return Readiness(False, f"key {variable}", f"export {variable}=…")
    lacking = unserved(config, listening)
    if lacking is not None:
        return lacking
    if facts.starts_server:
        return _server_ready(config, gpu)
    if facts.in_process and config.gpus and not gpu():
        return Readiness(False, f"GPU, {config.gpus}", f"run it on a machine with {config.gpus}, or serve it from one")
    return Readiness(True)


def unserved(config: ModelConfig, listening: Listens = listens) -> Readiness | None:
    """What is missing where the model's servers on this machine are not up; servers on other machines are not checked."""
    named = addresses_of(config)
    if named is None:
        return None
    if not named:
        option = facts_of(config.provider).addresses_option
        return Readiness(False, f"options.{option}", f"write the servers' addresses under options: {option}")
    here = local_addresses(config)
    if len(here) < len(named) or any(listening(*address) for address in here):
        return None
    ports = ", ".join(str(port) for _, port in here)
    where = f"server at {here[0][0]}:{ports}" if len(here) == 1 else f"a server at port {ports}"
    return Readiness(False, where, f"lightemma serve {config.model} --set port={here[0][1]}")


def _server_ready(config: ModelConfig, gpu: HasGpu) -> Readiness:
    """Whether the engine's interpreter and a GPU are there; whether the weights fit is known only when the server starts."""
    from lightemma.serving.launch import find_interpreter
    from lightemma.serving.options import ServerOptions

    try:
        engine, own = facts_of(config.provider).engine, set(ServerOptions.model_fields)
        if engine is not None and own.issuperset(config.options):
            options: BaseModel = ServerOptions.model_validate({"engine": engine, **config.options})
        else:  # with options of how it is asked, which only its backend knows
            options = backend_class(config).Options.model_validate(config.options)
    except ValueError:
        return Readiness(False, "valid options", f"lightemma models --provider {config.provider}")
    if not isinstance(options, ServerOptions):
        return Readiness(True)  # a user's own provider, which starts its server in its own way
    get = "make vllm, and name its folder in options.python"
    try:
        python = find_interpreter(options, config.name)
    except UserError:
        return Readiness(False, f"environment {options.python or 'by uv'}", get)
    if python == sys.executable and importlib.util.find_spec(options.engine) is None:
        return Readiness(False, f"environment for {options.engine}", get)
    if not options.cpu and not gpu():
        needs = config.gpus or f"{options.gpus} x GPU"
        return Readiness(False, f"GPU, {needs}", "run it on a machine with one, or set cpu: true for a CPU build")
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
