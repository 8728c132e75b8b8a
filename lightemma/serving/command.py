"""The command line of a model server, as a pure function of its settings: nothing is looked up or started."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping

from lightemma.serving.engines import ENGINES, Served
from lightemma.serving.options import ServerOptions

#: Switches off the usage reports that engines send to their makers.
_QUIET = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
#: What an engine needs of this process's environment: the system's own variables …
_PASSED_ON = frozenset(
    {
        "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TERM", "HOSTNAME", "TMPDIR", "TEMP", "TMP",
        "CC", "CXX", "CPATH", "LIBRARY_PATH", "LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH", "SPT_NOENV",
        "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "DO_NOT_TRACK",
        "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN",
        "SYSTEMROOT", "SYSTEMDRIVE", "COMSPEC", "PATHEXT", "WINDIR", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA",
        "MAX_JOBS", "PYTORCH_ALLOC_CONF", "PYTHONUNBUFFERED", "PYTHONHASHSEED",
    }
)  # fmt: skip
#: … and those of the GPUs, the engines and the libraries that they are made of, by the beginning of their names.
_PASSED_ON_BEGINNINGS = (
    "LC_", "XDG_", "CUDA", "NVIDIA_", "NV_", "NCCL_", "HIP_", "ROCM_", "ROCR_", "HSA_", "AMD_", "GPU_", "ZE_", "ONEAPI_",
    "VLLM_", "SGLANG_", "SGL_", "HF_", "HUGGINGFACE_", "TRANSFORMERS_", "TOKENIZERS_", "SAFETENSORS_", "TORCH", "PYTORCH_",
    "TRITON_", "FLASHINFER_", "FLASH_", "XFORMERS_", "DG_", "OMP_", "MKL_", "KMP_", "OPENBLAS_", "NUMEXPR_", "NUMBA_", "GLOO_",
    "UCX_", "RAY_", "UV_", "MALLOC_", "GLIBC_", "LIGHTEMMA_SERVER_",
)  # fmt: skip
#: Parts of names that say that a variable holds a secret; only the token for weights on the hub is passed on.
_SECRET = ("KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL", "AUTH")
_NEEDED_SECRETS = frozenset({"HF_TOKEN", "HF_TOKEN_PATH", "HUGGING_FACE_HUB_TOKEN", "TOKENIZERS_PARALLELISM"})
#: Variables of the harness's Python environment; the server has its own.
_NOT_PASSED_ON = frozenset({"UV_PROJECT_ENVIRONMENT"})


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
    """The server's whole environment: what an engine needs of this process's own, then the variables of the options.

    Args:
        served: its key is passed in the environment, since all users of a machine can read command lines.
        options: how the server is started.
        ambient: this process's environment.
    """
    passed = {name: value for name, value in ambient.items() if _is_needed(name.upper())}
    variable = ENGINES[options.engine].key_variable
    key = {variable: served.key} if served.key and variable else {}
    return {**_QUIET, **passed, **key, **options.env}


def _is_needed(name: str) -> bool:
    """Whether a variable is passed on, by its name in capitals."""
    if name in _NEEDED_SECRETS:
        return True
    if name in _NOT_PASSED_ON or any(part in name for part in _SECRET):
        return False
    return name in _PASSED_ON or name.startswith(_PASSED_ON_BEGINNINGS)


def shown(arguments: Iterable[str], options: ServerOptions) -> str:
    """A command that can be pasted into a shell, preceded by the options' variables."""
    return " ".join([*(f"{name}={shlex.quote(value)}" for name, value in options.env.items()), shlex.join(arguments)])
