"""The options of a YAML become the arguments of a command."""

from __future__ import annotations

import json
import shlex

import pytest
from pydantic import ValidationError

from lightemma.serving.command import command, environment, shown
from lightemma.serving.engines import Served
from lightemma.serving.options import ServerOptions

QWEN = Served("Qwen/Qwen2-VL-7B-Instruct")
VLLM = "python -m vllm.entrypoints.openai.api_server"

# The two command lines of the article on serving Qwen2-VL, with the arguments of today's vLLM.
ONE_CARD = {"dtype": "auto", "port": 8000, "limit_images": 4, "max_model_len": 8784, "gpu_memory_utilization": 0.8}
EIGHT_CARDS = {
    "dtype": "half",
    "tensor_parallel": 4,
    "pipeline_parallel": 2,
    "gpu_memory_utilization": 0.7,
    "port": 8000,
}

TABLE = [
    (
        ONE_CARD,
        f"{VLLM} --model Qwen/Qwen2-VL-7B-Instruct --host 127.0.0.1 --port 8000 --dtype auto --max-model-len 8784 "
        "--gpu-memory-utilization 0.8 --limit-mm-per-prompt '{\"image\": 4}'",
    ),
    (
        EIGHT_CARDS,
        f"{VLLM} --model Qwen/Qwen2-VL-7B-Instruct --host 127.0.0.1 --port 8000 --dtype half "
        "--gpu-memory-utilization 0.7 --tensor-parallel-size 4 --pipeline-parallel-size 2 "
        "--limit-mm-per-prompt '{\"image\": 4}'",
    ),
    (
        {"entry": "serve", "port": 1, "limit_images": None, "data_parallel": 2, "quantization": "awq"},
        "python -m vllm.entrypoints.cli.main serve Qwen/Qwen2-VL-7B-Instruct --host 127.0.0.1 --port 1 --dtype auto "
        "--data-parallel-size 2 --quantization awq",
    ),
    (
        {"port": 1, "limit_images": 0, "served_model_name": "q", "extra": ["--max-num-seqs", 8], "host": "0.0.0.0"},
        f"{VLLM} --model Qwen/Qwen2-VL-7B-Instruct --served-model-name q --host 0.0.0.0 --port 1 --dtype auto "
        "--limit-mm-per-prompt '{\"image\": 0}' --max-num-seqs 8",
    ),
    (
        {"uv": "vllm==0.11.0 numpy<3", "port": 1, "limit_images": None},
        "uv run --no-project --with vllm==0.11.0 --with 'numpy<3' python -m vllm.entrypoints.openai.api_server "
        "--model Qwen/Qwen2-VL-7B-Instruct --host 127.0.0.1 --port 1 --dtype auto",
    ),
    (
        {**ONE_CARD, "engine": "sglang", "tensor_parallel": 2},
        "python -m sglang.launch_server --model-path Qwen/Qwen2-VL-7B-Instruct --host 127.0.0.1 --port 8000 --dtype auto "
        "--context-length 8784 --mem-fraction-static 0.8 --tp-size 2 --limit-mm-data-per-request '{\"image\": 4}' "
        "--enable-metrics --enable-cache-report",
    ),
    (
        {"engine": "transformers", "port": 1, "cpu": True, "dtype": "bfloat16"},
        "python -c 'from transformers.cli.transformers import main; main()' serve Qwen/Qwen2-VL-7B-Instruct "
        "--host 127.0.0.1 --port 1 --dtype bfloat16 --device cpu",
    ),
]


@pytest.mark.parametrize(("options", "arguments"), TABLE)
def test_options_become_arguments(options, arguments):
    given = ServerOptions(**options)
    assert command(QWEN, given, "python", given.port) == shlex.split(arguments)


@pytest.mark.parametrize("engine", ["vllm", "sglang", "transformers"])
def test_the_pinned_revision_is_served(engine):
    arguments = command(Served("org/m", "abc123"), ServerOptions(engine=engine), "python", 1)
    assert (
        "org/m@abc123" in arguments
        if engine == "transformers"
        else arguments[arguments.index("--revision") + 1] == "abc123"
    )


@pytest.mark.parametrize("written", [4, "4", "image=4", " image = 4 ", '{"image": 4}', {"image": 4}])
def test_pictures_per_prompt_as_written_now_and_before(written):
    arguments = command(QWEN, ServerOptions(limit_images=written), "python", 1)
    assert json.loads(arguments[arguments.index("--limit-mm-per-prompt") + 1]) == {"image": 4}


@pytest.mark.parametrize("written", ["image:4", "four", '{"video": 1}', -1, "image=-1"])
def test_pictures_per_prompt_refused(written):
    with pytest.raises(ValidationError):
        ServerOptions(limit_images=written)


@pytest.mark.parametrize(
    "wrong",
    [{"tensor": 2}, {"gpu_memory_utilization": 1.2}, {"tensor_parallel": 0}, {"port": 70_000}, {"engine": "tgi"}],
)
def test_options_refused(wrong):
    with pytest.raises(ValidationError):
        ServerOptions(**wrong)


def test_what_cannot_change_an_answer_or_may_be_secret_is_not_written_down():
    options = ServerOptions(
        port=8000, python="/x", env={"HF_TOKEN": "hf_secret"}, gpu_memory_utilization=0.5, restarts=7, dtype="half"
    )
    written = options.model_dump(mode="json", exclude_defaults=True)
    assert written == {"dtype": "half"}


def test_the_servers_environment():
    ambient = {
        "PATH": "/bin",
        "OPENAI_API_KEY": "sk-1",
        "VLLM_API_KEY": "old",
        "PYTHONPATH": "/ours",
        "HF_TOKEN": "hf_1",
    }
    plain = environment(Served("m"), ServerOptions(), ambient)
    assert plain == {"PATH": "/bin", "HF_TOKEN": "hf_1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
    kept = environment(Served("m", key="mine"), ServerOptions(env={"PYTHONPATH": "/theirs", "N": 1}), ambient)
    assert (kept["VLLM_API_KEY"], kept["PYTHONPATH"], kept["N"]) == ("mine", "/theirs", "1")
    assert "mine" not in repr(Served("m", key="mine"))


@pytest.mark.parametrize(
    "name",
    [
        "OPENAI_API_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "GITHUB_TOKEN", "GH_PAT", "DATABASE_URL", "PGPASSWORD",
        "LIGHTEMMA_KEY", "MY_KEY", "VLLM_API_KEY", "WANDB_API_KEY", "RAY_AUTH_TOKEN", "SSH_AUTH_SOCK",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "AZURE_CLIENT_SECRET", "KUBECONFIG", "openai_api_key", "UV_INDEX_PASSWORD", "UV_PUBLISH_TOKEN",
        "NPM_CONFIG", "TEAM_NOTES",
    ],
)  # fmt: skip
def test_an_engine_gets_nothing_that_it_does_not_need(name):
    assert name not in environment(Served("m"), ServerOptions(), {name: "x", "PATH": "/bin"})


@pytest.mark.parametrize(
    "name",
    [
        "PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "CUDA_HOME", "NVIDIA_VISIBLE_DEVICES",
        "HIP_VISIBLE_DEVICES", "NCCL_DEBUG", "HF_HOME", "HF_TOKEN", "HF_HUB_OFFLINE", "VLLM_ATTENTION_BACKEND", "SGLANG_PORT",
        "OMP_NUM_THREADS", "TOKENIZERS_PARALLELISM", "https_proxy", "SSL_CERT_FILE", "XDG_CACHE_HOME", "UV_CACHE_DIR", "TMPDIR",
    ],
)  # fmt: skip
def test_it_gets_what_it_needs(name):
    assert environment(Served("m"), ServerOptions(), {name: "x"})[name] == "x"


def test_a_shown_command_can_be_pasted():
    options = ServerOptions(env={"CUDA_VISIBLE_DEVICES": "0,1", "A": "b c"}, limit_images=2)
    arguments = shlex.split(shown(command(QWEN, options, "/my envs/python", 5), options))
    assert arguments[:3] == ["CUDA_VISIBLE_DEVICES=0,1", "A=b c", "/my envs/python"]
    assert arguments[2:] == command(QWEN, options, "/my envs/python", 5)
