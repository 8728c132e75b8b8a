"""The engines that can serve a model: how each is started and what it supports, one row each in ``ENGINES``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from lightemma.serving.options import EngineName, ServerOptions

#: `vllm serve` asks for the version of a package called vllm, but the CPU build has another name; the module works with
#: both, but later versions may drop it.
_VLLM_MODULE = "vllm.entrypoints.openai.api_server"
_VLLM_SERVE = "vllm.entrypoints.cli.main"
_SGLANG = "sglang.launch_server"
_TRANSFORMERS = "from transformers.cli.transformers import main; main()"


@dataclass(frozen=True, slots=True)
class Served:
    """Which weights a server serves.

    Attributes:
        model: hub id or folder.
        revision: of the weights.
        key: the key that callers must send; None: no key.
    """

    model: str
    revision: str | None = None
    key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Engine:
    """One program that serves models.

    Attributes:
        arguments: of its interpreter: by the weights, the options and the port.
        key_variable: environment variable from which it reads the key that callers must send, or None if it checks none.
        lists_models: whether its list of models says what it serves; the list is not used otherwise.
        constrains_answers: whether it can constrain an answer to a JSON schema or a regular expression.
        several_answers: whether one call can bring several answers (``n``).
        regex_parameter: the field of a request that holds a regular expression, if not that of the newest vLLM.
    """

    arguments: Callable[[Served, ServerOptions, int], list[str]]
    key_variable: str | None = None
    lists_models: bool = True
    constrains_answers: bool = True
    several_answers: bool = True
    regex_parameter: Literal["structured_outputs", "guided_regex", "regex"] | None = None


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


#: By name, which is also that of the package that must be importable where the engine runs.
ENGINES: dict[EngineName, Engine] = {
    "vllm": Engine(_vllm, key_variable="VLLM_API_KEY"),
    "sglang": Engine(_sglang, regex_parameter="regex"),
    # Its list of models needs the hub.
    "transformers": Engine(_transformers, lists_models=False, constrains_answers=False, several_answers=False),
}
