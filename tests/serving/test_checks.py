"""What is refused before a server is started, and what is read out of its log afterwards."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys

import pytest

from lightemma.errors import UserError
from lightemma.serving.gpus import check_gpus, visible_gpus
from lightemma.serving.launch import DEFAULT_ENVIRONMENT, choose_port, find_interpreter
from lightemma.serving.logs import telling_line
from lightemma.serving.options import ServerOptions
from lightemma.serving.probe import read_counters
from lightemma.serving.weights import check_folder, old_rope


@pytest.mark.parametrize(
    ("environ", "listed", "count"),
    [
        ({}, 8, 8),
        ({}, 0, 0),
        ({}, None, None),
        ({"CUDA_VISIBLE_DEVICES": "0,1"}, 8, 2),
        ({"CUDA_VISIBLE_DEVICES": "GPU-1a, GPU-2b,"}, 8, 2),
        ({"CUDA_VISIBLE_DEVICES": ""}, 8, 0),
        ({"CUDA_VISIBLE_DEVICES": "-1"}, 8, 0),
        ({"CUDA_VISIBLE_DEVICES": "2,-1,3"}, 8, 1),
        ({"HIP_VISIBLE_DEVICES": "0"}, 4, 1),
    ],
)
def test_visible_gpus(environ, listed, count):
    assert visible_gpus(environ, lambda: listed) == count


@pytest.mark.parametrize(
    ("tensor", "pipeline", "data", "there", "needed"),
    [(1, 1, 1, 1, 1), (4, 2, 1, 8, 8), (2, 1, 4, 8, 8), (1, 1, 1, 8, 1), (4, 2, 1, None, 8)],
)
def test_sizes_that_fit_do_not_with_a_card_less(tensor, pipeline, data, there, needed):
    options = ServerOptions(tensor_parallel=tensor, pipeline_parallel=pipeline, data_parallel=data)
    assert options.gpus == needed
    assert check_gpus(options, {}, lambda: there) is None
    with pytest.raises(UserError, match=f"needs {needed}"):
        check_gpus(options, {}, lambda: needed - 1)


@pytest.mark.parametrize(
    ("sizes", "there", "sentence"),
    [
        ((4, 2, 1), 4, r"tensor 4 x pipeline 2 needs 8 GPUs, but 4 are visible; make the product 4"),
        ((2, 1, 1), 1, r"needs 2 GPUs, but 1 is visible"),
        ((3, 2, 1), 8, r"uses 6 GPUs, but 8 are visible; .*CUDA_VISIBLE_DEVICES: \"0,1,2,3,4,5\""),
        ((2, 1, 2), 8, r"tensor 2 x pipeline 1 x data 2 uses 4 GPUs"),
        ((1, 1, 1), 0, r"No GPU is visible here, and the server needs 1; .*cpu: true"),
    ],
)
def test_sizes_refused(sizes, there, sentence):
    tensor, pipeline, data = sizes
    options = ServerOptions(tensor_parallel=tensor, pipeline_parallel=pipeline, data_parallel=data)
    with pytest.raises(UserError, match=sentence):
        check_gpus(options, {}, lambda: there)
    # The CPU, and cards of several machines, are not counted.
    check_gpus(options.model_copy(update={"cpu": True}), {}, lambda: there)
    check_gpus(options.model_copy(update={"extra": ["--distributed-executor-backend", "ray"]}), {}, lambda: there)


def test_variables_of_the_options_override_those_of_the_harness():
    options = ServerOptions(tensor_parallel=2, env={"CUDA_VISIBLE_DEVICES": "4,5"})
    ours = {"CUDA_VISIBLE_DEVICES": "0,1,2,3"}
    assert check_gpus(options, ours, lambda: 8) is None
    with pytest.raises(UserError, match="uses 2 GPUs, but 4 are visible"):
        check_gpus(options.model_copy(update={"env": {}}), ours, lambda: 8)


@pytest.mark.parametrize(
    ("config", "place"),
    [
        ({"rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]}}, "rope_scaling"),
        ({"text_config": {"rope_scaling": {"type": "mrope"}}}, r"text_config\.rope_scaling"),
    ],
)
def test_the_old_name_of_the_rotary_embedding(tmp_path, config, place):
    (tmp_path / "config.json").write_text(json.dumps(config))
    sentence = old_rope(str(tmp_path))
    assert sentence is not None
    assert re.search(rf" in {place};", sentence)
    assert str(tmp_path / "config.json") in sentence
    assert '"type": "mrope"' in sentence
    assert 'change it to `"rope_type": "mrope"`' in sentence


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"rope_scaling": None},
        {"rope_scaling": {"rope_type": "mrope"}},
        {"rope_scaling": {"type": "mrope", "rope_type": "default"}},
        {"rope_scaling": {"type": "yarn"}},
        [],
    ],
)
def test_configurations_with_nothing_to_change(tmp_path, config):
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert old_rope(str(tmp_path)) is None
    check_folder(str(tmp_path))


def test_folders_refused(tmp_path):
    with pytest.raises(UserError, match=r"has no config\.json"):
        check_folder(str(tmp_path))
    with pytest.raises(UserError, match="There is no folder"):
        check_folder(str(tmp_path / "absent"))
    check_folder("org/model")
    assert old_rope("org/model") is None


def test_the_interpreter(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_interpreter(ServerOptions(), "m") == sys.executable
    inside = tmp_path / DEFAULT_ENVIRONMENT / "bin" / "python"
    inside.parent.mkdir(parents=True)
    inside.symlink_to(sys.executable)
    # By the environment's own link, not what it leads to.
    assert find_interpreter(ServerOptions(), "m") == str(inside)
    assert find_interpreter(ServerOptions(python=".vllm-venv"), "m") == str(inside)
    assert find_interpreter(ServerOptions(python=str(inside)), "m") == str(inside)
    with pytest.raises(UserError, match="names the interpreter '/no/where' for its server, which does not exist"):
        find_interpreter(ServerOptions(python="/no/where"), "m")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match="pip install uv"):
        find_interpreter(ServerOptions(uv=["vllm"]), "m")


def test_ports():
    free = choose_port(ServerOptions(), "m")
    assert free > 0
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=rf"cannot listen at 127.0.0.1:{port} .*port: 0"):
            choose_port(ServerOptions(port=port), "m")


@pytest.mark.parametrize(
    ("log", "line"),
    [
        ("", ""),
        ("starting\n\nloading weights\n", "loading weights"),
        (
            "(EngineCore pid=7) ERROR 11-22 04:08:51 [core.py:15] Traceback (most recent call last):\n"
            "(EngineCore pid=7) ERROR 11-22 04:08:51 [core.py:15] ValueError: To serve at least one request, 2 GiB is needed\n"
            "(APIServer pid=6) RuntimeError: Engine core initialization failed. See root cause above.\n"
            'INFO:     127.0.0.1:1 - "POST /v1/chat/completions HTTP/1.1" 500 Internal Server Error\n',
            "ValueError: To serve at least one request, 2 GiB is needed",
        ),
        (
            "api_server.py: error: unrecognized arguments: --no-such\n",
            "api_server.py: error: unrecognized arguments: --no-such",
        ),
        ("torch.OutOfMemoryError: CUDA out of memory.\nbye\n", "torch.OutOfMemoryError: CUDA out of memory."),
        ("\x1b[31m/usr/bin/python: Error while finding module\x1b[0m\n", "/usr/bin/python: Error while finding module"),
        ("x\nKilled\n", "Killed"),
    ],
)
def test_the_telling_line(tmp_path, log, line):
    path = tmp_path / "server.log"
    before = b"ValueError: of an earlier start\n"
    path.write_bytes(before + log.encode())
    assert telling_line(path, len(before)) == line


def test_long_lines_are_cut_and_absent_logs_say_nothing(tmp_path):
    path = tmp_path / "server.log"
    path.write_text("ValueError: " + "x" * 10_000)
    assert len(telling_line(path)) < 500
    assert telling_line(tmp_path / "absent") == ""


def test_counters_of_several_engines_are_added_up():
    text = (
        "# TYPE vllm:prompt_tokens_total counter\n"
        'vllm:prompt_tokens_total{engine="0",model_name="m"} 4865.0\n'
        'vllm:prompt_tokens_total{engine="1",model_name="m"} 1.2e+03\n'
        'vllm:prompt_tokens_created{engine="0"} 1.7e+09\n'
        'vllm:prefix_cache_hits_total{engine="0"} 640.0\n'
    )
    assert read_counters(text) == {"input_tokens": 6065, "prefix_cache_found": 640}
    assert read_counters("http_requests_total 5\n") is None


def test_the_watchdog_needs_nothing_but_the_standard_library():
    code = "import sys; import runpy; runpy.run_path(sys.argv[1]); print([m for m in sys.modules if m.startswith('lightemma')])"
    from lightemma.serving import watchdog

    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, watchdog.__file__], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
