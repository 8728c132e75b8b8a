"""lightemma serve: the exact command, what is refused before it is run, and a server in the foreground."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time

import pytest
import yaml

from tests.serving.kit import carrying, server_options, wait_until

pytest.importorskip("openai", reason="servers are asked through the extra `openai`")

CARDS = {"CUDA_VISIBLE_DEVICES": "0,1,2,3,4,5,6,7"}
NO_CARDS = {"CUDA_VISIBLE_DEVICES": ""}


def model_yaml(folder, provider="vllm", **options):
    path = folder / "mine.yaml"
    path.write_text(
        yaml.safe_dump({"name": "mine", "provider": provider, "model": "Qwen/Qwen2-VL-7B", "options": options})
    )
    return path


def arguments_of(ended):
    assert ended.status == 0, ended.err
    (line,) = ended.out.splitlines()
    return shlex.split(line)


def flags(arguments):
    return {
        argument: after
        for argument, after in zip(arguments, [*arguments[1:], ""], strict=True)
        if argument.startswith("--")
    }


def test_the_articles_two_command_lines(cli, elsewhere, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    one = {
        "dtype": "auto",
        "port": 8000,
        "limit_images": "image=4",
        "max_model_len": 8784,
        "gpu_memory_utilization": 0.8,
    }
    arguments = arguments_of(cli("serve", model_yaml(elsewhere, **one), "--dry-run"))
    assert arguments[:3] == [sys.executable, "-m", "vllm.entrypoints.openai.api_server"]
    assert flags(arguments) == {
        "--model": "Qwen/Qwen2-VL-7B", "--host": "127.0.0.1", "--port": "8000", "--dtype": "auto",
        "--max-model-len": "8784", "--gpu-memory-utilization": "0.8", "--limit-mm-per-prompt": '{"image": 4}',
    }  # fmt: skip

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", CARDS["CUDA_VISIBLE_DEVICES"])
    eight = {"dtype": "half", "tensor_parallel": 4, "pipeline_parallel": 2, "gpu_memory_utilization": 0.7}
    given = flags(arguments_of(cli("serve", model_yaml(elsewhere, **eight), "--dry-run")))
    assert (given["--dtype"], given["--tensor-parallel-size"], given["--pipeline-parallel-size"]) == ("half", "4", "2")
    assert given["--gpu-memory-utilization"] == "0.7"
    assert int(given["--port"]) > 0

    wrong = cli("serve", model_yaml(elsewhere, **{**eight, "tensor_parallel": 3}), "--dry-run")
    assert wrong.status == 2
    assert "tensor 3 x pipeline 2 uses 6 GPUs, but 8 are visible" in wrong.err
    assert wrong.err.count("\n") == 1


def test_settings_over_the_yaml(cli, elsewhere):
    path = model_yaml(elsewhere, cpu=True, port=1)
    arguments = arguments_of(
        cli(
            "serve",
            path,
            "--dry-run",
            "--set",
            "max-model-len=512",
            "--set",
            "limit_images=image=2",
            "--set",
            "extra=[--a, 1]",
        )
    )
    assert flags(arguments)["--max-model-len"] == "512"
    assert flags(arguments)["--limit-mm-per-prompt"] == '{"image": 2}'
    assert arguments[-2:] == ["--a", "1"]
    for wrong, sentence in (("tensor=2", "option 'tensor' is wrong"), ("port", "write KEY=VALUE")):
        ended = cli("serve", path, "--dry-run", "--set", wrong)
        assert (ended.status, sentence in ended.err) == (2, True)


def test_a_machine_without_gpus_shows_the_command_and_starts_nothing(cli, elsewhere, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    path = model_yaml(elsewhere, tensor_parallel=4)
    shown = cli("serve", path, "--dry-run")
    assert shown.status == 0
    assert "--tensor-parallel-size 4" in shown.out
    assert "no GPU is visible here" in shown.err
    refused = cli("serve", path)
    assert refused.status == 2
    assert "No GPU is visible here, and the server needs 4" in refused.err


@pytest.mark.parametrize(
    ("spec", "engine", "model"),
    [
        ("vllm-7b", "vllm.entrypoints.openai.api_server", "Qwen/Qwen2.5-VL-7B-Instruct"),
        ("qwen2.5-vl-7b", "vllm.entrypoints.openai.api_server", "Qwen/Qwen2.5-VL-7B-Instruct"),
        ("qwen2.5-vl-7b-local", "vllm.entrypoints.openai.api_server", "Qwen/Qwen2.5-VL-7B-Instruct"),
        ("org/some-model", "vllm.entrypoints.openai.api_server", "org/some-model"),
        ("sglang-7b", "sglang.launch_server", "Qwen/Qwen2.5-VL-7B-Instruct"),
    ],
)
def test_what_can_be_served(cli, elsewhere, spec, engine, model):
    shown = cli("serve", spec, "--dry-run", "--set", "cpu=true")
    assert shown.status == 0
    arguments = shlex.split(shown.out)
    assert engine in arguments
    assert model in arguments
    if spec == "qwen2.5-vl-7b":
        assert flags(arguments)["--port"] == "8000", "as its YAML says where it is asked"


def test_a_model_of_a_hosted_provider_is_not_served(cli, elsewhere):
    ended = cli("serve", "gpt-4o", "--dry-run")
    assert ended.status == 2
    assert "is served by its provider (openai), not by you" in ended.err


def test_a_folder_with_the_old_name_of_the_rotary_embedding(cli, elsewhere):
    (elsewhere / "weights").mkdir()
    config = {"model_type": "qwen2_vl", "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]}}
    (elsewhere / "weights" / "config.json").write_text(json.dumps(config))
    ended = cli("serve", "weights", "--dry-run", "--set", "cpu=true")
    assert ended.status == 0
    assert 'change it to `"rope_type": "mrope"`' in ended.err


@pytest.fixture
def marker(tmp_path):
    yield {"TEST_FOLDER": str(tmp_path)}
    left = carrying(f"TEST_FOLDER={tmp_path}")
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left, "processes are left"


def test_in_the_foreground_until_ctrl_c(tmp_path, marker):
    path = model_yaml(tmp_path, **server_options(marker))
    process = subprocess.Popen(
        [sys.executable, "-m", "lightemma", "serve", str(path), "--out", str(tmp_path / "log")],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    lines = [process.stdout.readline(), process.stdout.readline()]
    assert "its log is" in lines[0], lines
    assert "Healthy after" in lines[1], lines
    assert "http://127.0.0.1:" in lines[1]
    assert len(carrying(f"TEST_FOLDER={tmp_path}")) == 3
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=20)
    assert (process.returncode, output) == (0, "Stopped.\n")
    assert carrying(f"TEST_FOLDER={tmp_path}") == []


def test_a_server_in_the_foreground_that_cannot_start(tmp_path, marker):
    path = model_yaml(tmp_path, **server_options({**marker, "FAKE_FAIL_STARTS": "1"}))
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "lightemma", "serve", str(path), "--out", str(tmp_path / "log")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "no room for the made-up weights" in done.stderr
    assert "Traceback" not in done.stderr
    assert wait_until(lambda: carrying(f"TEST_FOLDER={tmp_path}") == [], 5), time.monotonic() - began
