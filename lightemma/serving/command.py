"""The command line of a model server. Pure: nothing is looked up, nothing is started."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from lightemma.serving.options import ServerOptions

#: `vllm serve` asks for the version of a package called vllm, which the CPU build is not; the module works with both, but later
#: versions may drop it.
_VLLM_MODULE = "vllm.entrypoints.openai.api_server"
_VLLM_SERVE = "vllm.entrypoints.cli.main"
_SGLANG = "sglang.launch_server"
_TRANSFORMERS = "from transformers.cli.transformers import main; main()"

#: The engines report use to their makers unless told not to.
_QUIET = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
#: Nothing that a model server needs to know.
_NOT_PASSED_ON = frozenset(
    {"OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY", "VLLM_API_KEY"}
    # Of the harness's environment; the server has its own.
    | {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT"}
)


@dataclass(frozen=True, slots=True)
class Served:
    """Which weights a server serves.

    Attributes:
        model: hub id or folder.
        revision: of the weights.
        key: what the server wants as a key from whoever asks; None wants none.
    """

    model: str
    revision: str | None = None
    key: str | None = field(default=None, repr=False)


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
    words = {"vllm": _vllm, "sglang": _sglang, "transformers": _transformers}[options.engine](served, options, port)
    return [*interpreter, *words, *options.extra]


def _vllm(served: Served, options: ServerOptions, port: int) -> list[str]:
    limit = None if options.limit_images is None else json.dumps({"image": options.limit_images})
    by_module = options.entry == "module"
    return [
        "-m",
        *([_VLLM_MODULE] if by_module else [_VLLM_SERVE, "serve", served.model]),
        *_flags(
            ("--model", served.model if by_module else None),
            ("--revision", served.revision),
            ("--served-model-name", options.served_model_name),
            ("--host", options.host),
            ("--port", port),
            ("--dtype", options.dtype),
            ("--max-model-len", options.max_model_len),
            ("--gpu-memory-utilization", options.gpu_memory_utilization),
            ("--tensor-parallel-size", _above_one(options.tensor_parallel)),
            ("--pipeline-parallel-size", _above_one(options.pipeline_parallel)),
            ("--data-parallel-size", _above_one(options.data_parallel)),
            ("--limit-mm-per-prompt", limit),
            ("--quantization", options.quantization),
        ),
    ]


def _sglang(served: Served, options: ServerOptions, port: int) -> list[str]:
    limit = None if options.limit_images is None else json.dumps({"image": options.limit_images})
    return [
        "-m",
        _SGLANG,
        *_flags(
            ("--model-path", served.model),
            ("--revision", served.revision),
            ("--served-model-name", options.served_model_name),
            ("--host", options.host),
            ("--port", port),
            ("--dtype", options.dtype),
            ("--context-length", options.max_model_len),
            ("--mem-fraction-static", options.gpu_memory_utilization),
            ("--tp-size", _above_one(options.tensor_parallel)),
            ("--pp-size", _above_one(options.pipeline_parallel)),
            ("--dp-size", _above_one(options.data_parallel)),
            ("--limit-mm-data-per-request", limit),
            ("--quantization", options.quantization),
            ("--device", "cpu" if options.cpu else None),
        ),
        "--enable-metrics",
        "--enable-cache-report",
    ]


def _transformers(served: Served, options: ServerOptions, port: int) -> list[str]:
    model = served.model if served.revision is None else f"{served.model}@{served.revision}"
    return [
        "-c",
        _TRANSFORMERS,
        "serve",
        model,
        *_flags(
            ("--host", options.host),
            ("--port", port),
            ("--dtype", options.dtype),
            ("--quantization", options.quantization),
            ("--device", "cpu" if options.cpu else None),
        ),
    ]


def _above_one(size: int) -> int | None:
    return size if size > 1 else None


def _flags(*pairs: tuple[str, object]) -> Iterable[str]:
    for name, value in pairs:
        if value is not None:
            yield from (name, str(value))


def environment(served: Served, options: ServerOptions, ambient: Mapping[str, str]) -> dict[str, str]:
    """The server's whole environment: ours without keys, the options' own variables over it.

    Args:
        served: its key goes by the environment, since everybody on a machine can read command lines.
        options: how the server is started.
        ambient: this process's environment.
    """
    passed = {name: value for name, value in ambient.items() if name not in _NOT_PASSED_ON}
    key = {"VLLM_API_KEY": served.key} if served.key and options.engine == "vllm" else {}
    return {**_QUIET, **passed, **key, **options.env}


def shown(words: Iterable[str], options: ServerOptions) -> str:
    """A command as it can be pasted into a shell, the options' variables before it."""
    return " ".join([*(f"{name}={shlex.quote(value)}" for name, value in options.env.items()), shlex.join(words)])
