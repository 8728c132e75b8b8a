"""A server that is to be started: its settings and the checks before the start."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lightemma.errors import UserError
from lightemma.serving.command import command, environment
from lightemma.serving.engines import Served
from lightemma.serving.gpus import check_gpus
from lightemma.serving.options import ServerOptions
from lightemma.serving.weights import check_folder

#: The environment that `make vllm` makes; used if it exists and the options name no interpreter.
DEFAULT_ENVIRONMENT = Path(".vllm-venv")


@dataclass(frozen=True)
class Launch:
    """One server to be started.

    Attributes:
        name: the model's name, for messages.
        served: which weights.
        options: how it is started.
    """

    name: str
    served: Served
    options: ServerOptions

    @property
    def key(self) -> str:
        """Digest of all settings of a server: launches with the same key can share one."""
        options = {name: getattr(self.options, name) for name in ServerOptions.model_fields}
        asked = [self.served.model, self.served.revision, self.served.key, options]
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def model_name(self) -> str:
        """The model's name in requests."""
        return self.options.served_model_name or self.served.model

    @property
    def gpu_count(self) -> int:
        """GPUs that the server holds."""
        return 0 if self.options.cpu else self.options.gpus

    def interpreter(self) -> str:
        """The engine's interpreter.

        Raises:
            UserError: if it is missing.
        """
        return find_interpreter(self.options, self.name)

    def command(self, python: str, port: int) -> list[str]:
        """The arguments of the command."""
        return command(self.served, self.options, python, port)

    def environment(self, ambient: Mapping[str, str] = os.environ) -> dict[str, str]:
        """The server's whole environment."""
        return environment(self.served, self.options, ambient)

    def check(
        self, ambient: Mapping[str, str] = os.environ, listed_gpus: Callable[[], int | None] | None = None
    ) -> None:
        """Checks whether it can work on this machine.

        Raises:
            UserError: if it certainly cannot.
        """
        check_folder(self.served.model)
        check_gpus(self.options, ambient, listed_gpus)


def find_interpreter(options: ServerOptions, name: str) -> str:
    """The interpreter that the engine runs in.

    Args:
        options: the server's.
        name: the model's, for messages.

    Raises:
        UserError: if it is missing.
    """
    if options.uv:
        if shutil.which("uv") is None:
            raise UserError(f"Model '{name}' needs uv for its server, which is not installed; pip install uv.")
        return "python"
    if options.python is None:
        inside = DEFAULT_ENVIRONMENT / "bin" / "python"
        # Links are not resolved: an environment's interpreter is a link, and finds its environment by the path of the link.
        return str(inside.absolute()) if inside.exists() else sys.executable
    given = Path(options.python).expanduser()
    if given.is_dir():
        given = given / "bin" / "python"
    if given.is_file():
        return str(given.absolute())
    found = shutil.which(options.python)
    if found is None:
        raise UserError(
            f"Model '{name}' names the interpreter '{options.python}' for its server, which does not exist; make an "
            "environment for the engine (`make vllm`, or docs/serving.md) and name its folder in options.python."
        )
    return found


def choose_port(options: ServerOptions, name: str) -> int:
    """The port to listen at: the one that the options name, or a free one.

    Raises:
        UserError: if it is taken.
    """
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((options.host, options.port))
        except OSError as error:
            raise UserError(
                f"The server of '{name}' cannot listen at {options.host}:{options.port} ({error.strerror}); end the "
                "program that listens there, or set `port: 0` for a free port."
            ) from error
        return int(probe.getsockname()[1])
