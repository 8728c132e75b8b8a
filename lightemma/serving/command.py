"""The command line of a model server. Pure: nothing is looked up, nothing is started."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping

from lightemma.serving.engines import ENGINES, Served
from lightemma.serving.options import ServerOptions

#: The engines report use to their makers unless told not to.
_QUIET = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
#: Variables whose names end like this hold keys of providers, which a model server needs none of.
_KEYS = "_API_KEY"
#: Of the harness's environment; the server has its own.
_NOT_PASSED_ON = frozenset({"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT"})


def command(served: Served, options: ServerOptions, python: str, port: int) -> list[str]:
    """The words of the command, interpreter first.

    Args:
        served: which weights.
        options: how.
        python: the engine's interpreter; without meaning where ``uv`` brings one.
        port: to listen at.
    """
    interpreter = [python]
    if options.uv:
        wanted = [word for requirement in options.uv for word in ("--with", requirement)]
        interpreter = ["uv", "run", "--no-project", *wanted, "python"]
    return [*interpreter, *ENGINES[options.engine].arguments(served, options, port), *options.extra]


def environment(served: Served, options: ServerOptions, ambient: Mapping[str, str]) -> dict[str, str]:
    """The server's whole environment: ours without keys, the options' own variables over it.

    Args:
        served: its key goes by the environment, since everybody on a machine can read command lines.
        options: how the server is started.
        ambient: this process's environment.
    """
    passed = {name: value for name, value in ambient.items() if name not in _NOT_PASSED_ON and not name.endswith(_KEYS)}
    variable = ENGINES[options.engine].key_variable
    key = {variable: served.key} if served.key and variable else {}
    return {**_QUIET, **passed, **key, **options.env}


def shown(words: Iterable[str], options: ServerOptions) -> str:
    """A command as it can be pasted into a shell, the options' variables before it."""
    return " ".join([*(f"{name}={shlex.quote(value)}" for name, value in options.env.items()), shlex.join(words)])
