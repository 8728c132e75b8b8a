"""The command line of a model server, as a pure function of its settings: nothing is looked up or started."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping

from lightemma.serving.engines import ENGINES, Served
from lightemma.serving.options import ServerOptions

#: Switches off the usage reports that engines send to their makers.
_QUIET = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
#: Variables with these endings hold keys of providers, which a model server does not need.
_KEYS = "_API_KEY"
#: Variables of the harness's Python environment; the server has its own.
_NOT_PASSED_ON = frozenset({"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT"})


def command(served: Served, options: ServerOptions, python: str, port: int) -> list[str]:
    """The arguments of the command, interpreter first.

    Args:
        served: which weights.
        options: how the server is started.
        python: the engine's interpreter; not used where ``uv`` brings one.
        port: to listen at.
    """
    interpreter = [python]
    if options.uv:
        wanted = [part for requirement in options.uv for part in ("--with", requirement)]
        interpreter = ["uv", "run", "--no-project", *wanted, "python"]
    return [*interpreter, *ENGINES[options.engine].arguments(served, options, port), *options.extra]


def environment(served: Served, options: ServerOptions, ambient: Mapping[str, str]) -> dict[str, str]:
    """The server's whole environment: this process's own without keys, then the variables of the options.

    Args:
        served: its key is passed in the environment, since all users of a machine can read command lines.
        options: how the server is started.
        ambient: this process's environment.
    """
    passed = {name: value for name, value in ambient.items() if name not in _NOT_PASSED_ON and not name.endswith(_KEYS)}
    variable = ENGINES[options.engine].key_variable
    key = {variable: served.key} if served.key and variable else {}
    return {**_QUIET, **passed, **key, **options.env}


def shown(arguments: Iterable[str], options: ServerOptions) -> str:
    """A command that can be pasted into a shell, preceded by the options' variables."""
    return " ".join([*(f"{name}={shlex.quote(value)}" for name, value in options.env.items()), shlex.join(arguments)])
