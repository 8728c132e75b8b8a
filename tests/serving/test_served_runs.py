"""Whole runs with a server that the harness starts itself; the engine is made up, everything else is real."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
import yaml
from PIL import Image

from lightemma.backends.base import CallError, Message, PicturePart, Request, TextPart
from lightemma.backends.config import ModelConfig
from lightemma.backends.served import ServedBackend
from lightemma.backends.sglang import SglangBackend
from lightemma.backends.transformers_serve import TransformersServeBackend
from lightemma.backends.vllm import VllmBackend
from lightemma.calls import caller as calls
from lightemma.calls.identity import Identity
from lightemma.errors import UserError
from lightemma.frame import EgoHistory
from lightemma.run_folder.store import read_frames, read_manifest
from lightemma.sessions.benchmark import Benchmark
from lightemma.sessions.frames_of_source import open_runs
from lightemma.sessions.models import make_backend, model_entry
from tests.conftest import MadeUpSource, lines_of_run, make_frames, steady
from tests.serving.kit import carrying, config, server_options, wait_until

pytest.importorskip("openai", reason="servers are asked through the extra `openai`")


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    """Failed calls are tried again immediately."""
    monkeypatch.setattr(calls, "wait_before", lambda *_: 0.05)


@pytest.fixture
def marker(tmp_path):
    yield {"TEST_FOLDER": str(tmp_path)}
    left = carrying(f"TEST_FOLDER={tmp_path}")
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left, "processes are left"


def study(folder, backends, frames=5, **more):
    made = []
    for number, frame in enumerate(make_frames({"scene-0001": frames})):
        path = folder / f"{number}.jpg"
        Image.new("RGB", (32, 18), (4 * number, 120, 150)).save(path)
        made.append(
            replace(frame, image_path=path, history=EgoHistory(frame.history.positions, steady(4.0 + number / 10)))
        )
    names = iter(backends)
    benchmark = Benchmark(data="made-up", models=[f"m{n}" for n in range(len(backends))], **more)
    return open_runs(benchmark, folder / "results", MadeUpSource(made), backends=lambda _: next(names))


def starts(folder):
    return [json.loads(line) for line in (folder / "server.jsonl").read_text().splitlines()]


def test_a_run_starts_its_server_counts_as_it_does_and_ends_it(tmp_path, marker):
    backend = VllmBackend(config(marker, options={"tensor_parallel": 2}, limits={"timeout_s": 20}))
    one = study(tmp_path, [backend])
    (outcome,) = one.run()
    assert (outcome.done, outcome.failed) == (5, 0)
    folder = tmp_path / "results" / "m"
    stages = [stage for frame in read_frames(folder) for stage in frame.calls]
    (start,) = starts(folder)
    assert start["counted"]["input_tokens"] == sum(stage.usage.input for stage in stages) == 15 * 124
    assert start["counted"]["output_tokens"] == sum(stage.usage.output for stage in stages)
    manifest = read_manifest(folder)
    assert manifest.model.answered_as == "made/up"
    # Neither paths nor variables of this machine, and a run is resumed with another port.
    assert manifest.model.parameters["options"] == {"tensor_parallel": 2}
    assert (folder / "server.log").read_text().count("POST /v1/chat/completions") == 16


def test_gpu_seconds_are_those_of_all_cards(tmp_path):
    cards = {"tensor_parallel": 4, "pipeline_parallel": 2, "data_parallel": 3}
    assert VllmBackend(config(options={**cards, "cpu": False})).gpu_count == 24
    assert VllmBackend(config(options=cards)).gpu_count == 0


def test_a_server_that_dies_is_started_again_and_the_calls_are_made_again(tmp_path, marker):
    state = {**marker, "FAKE_STATE": str(tmp_path / "starts"), "FAKE_DIE_AT": "1st:7"}
    one = study(tmp_path, [VllmBackend(config(state))], frames=10)
    (outcome,) = one.run()
    assert (outcome.done, outcome.failed) == (10, 0)
    folder = tmp_path / "results" / "m"
    assert [start["how"] for start in starts(folder)] == ["died", "stopped"]
    stages = [stage for frame in read_frames(folder) for stage in frame.calls]
    assert max(stage.attempts for stage in stages) >= 2


def test_a_server_that_hangs_is_started_again(tmp_path, marker, monkeypatch):
    monkeypatch.setattr("lightemma.serving.server._HANG_S", 0.5)
    state = {**marker, "FAKE_STATE": str(tmp_path / "starts"), "FAKE_HANG_AT": "1st:4"}
    one = study(tmp_path, [VllmBackend(config(state, limits={"timeout_s": 1.0}))])
    (outcome,) = one.run()
    assert (outcome.done, outcome.failed) == (5, 0)
    assert [start["how"] for start in starts(tmp_path / "results" / "m")] == ["hangs", "stopped"]


def test_a_server_that_dies_too_often_leaves_failed_calls_and_what_was_done(tmp_path, marker):
    state = {**marker, "FAKE_STATE": str(tmp_path / "starts"), "FAKE_DIE_AT": "7"}
    one = study(tmp_path, [VllmBackend(config(state, options={"restarts": 1}))], frames=20, concurrency=1)
    (outcome,) = one.run()
    assert outcome.done == 20
    assert outcome.failed > 0
    folder = tmp_path / "results" / "m"
    frames = list(read_frames(folder))
    assert {frame.outcome for frame in frames} <= {"ok", "call:server_error", "call:connection"}
    assert "ok" in {frame.outcome for frame in frames}
    failed = [frame for frame in frames if frame.outcome.startswith("call:")]
    assert any("died 2 times" in frame.calls[-1].error for frame in failed)
    assert failed[-1].calls[-1].attempts == 1, "no server answers any more, so calls are not tried again"
    assert [start["how"] for start in starts(folder)] == ["died", "died"]

    again = study(tmp_path, [VllmBackend(config(marker))], frames=20)
    (outcome,) = again.run()
    assert (outcome.failed, outcome.kept) == (0, 20 - len(failed))


def test_a_server_that_cannot_start_ends_the_run_in_a_sentence(tmp_path, marker):
    one = study(tmp_path, [VllmBackend(config({**marker, "FAKE_FAIL_STARTS": "1"}))])
    with pytest.raises(UserError, match=r"The server of 'm' ended with status 1 .*no room for the made-up weights"):
        one.run()
    assert (tmp_path / "results" / "m" / "server.log").exists()


def test_runs_of_one_command_share_their_server(tmp_path, marker):
    backends = [VllmBackend(config(marker, name=name)) for name in ("one", "two")]
    assert backends[0].rate_key == backends[1].rate_key
    both = study(tmp_path, backends)
    outcomes = both.run()
    assert [outcome.failed for outcome in outcomes] == [0, 0]
    results = tmp_path / "results"
    assert len(starts(results / "one")) == 1
    assert starts(results / "one") == starts(results / "two")
    assert (results / "one" / "server.log").samefile(results / "two" / "server.log")


def request(pictures=0):
    from tests.backends.tiny_models import picture

    parts = (*(PicturePart(picture(number)) for number in range(pictures)), TextPart("What is ahead?"))
    return Request((Message("user", parts),), "token", "scene")


def test_latency_leaves_the_start_out_and_a_picture_too_many_is_the_servers_sentence(tmp_path, marker, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    async def scenario():
        backend = VllmBackend(config({**marker, "FAKE_STARTUP_S": "1.0"}, options={"limit_images": "image=2"}))
        try:
            completion = await backend.generate(request(2))
            assert completion.usage.input == 148
            assert completion.latency_s < 0.9
            with pytest.raises(CallError, match=r"HTTP 400: At most 2 image") as refused:
                await backend.generate(request(3))
            assert refused.value.kind == "bad_request"
        finally:
            await backend.aclose()
        await backend.generate(request())  # a later call starts it anew
        await backend.aclose()

    asyncio.run(scenario())
    assert (tmp_path / "state" / "lightemma" / "server.log").exists(), "of a server that belongs to no run"


def test_a_key_is_passed_in_the_environment_only(tmp_path, marker, monkeypatch):
    monkeypatch.setenv("MY_KEY", "only-for-my-eyes")
    one = study(tmp_path, [VllmBackend(config(marker, api_key_env="MY_KEY"))])
    (outcome,) = one.run()
    assert outcome.failed == 0
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"only-for-my-eyes" not in path.read_bytes()


def test_where_a_server_runs_does_not_change_the_key_of_an_answer():
    def key(**options):
        backend = VllmBackend(ModelConfig(name="m", provider="vllm", model="made/up", options=options))
        return Identity(backend).asked(request()).key

    assert key() == key(port=1234, restarts=9, env={"A": "b"}, gpu_memory_utilization=0.5, cpu=False)
    assert key() != key(dtype="half")
    assert key() != key(extra=["--seed", "3"])


def test_providers_and_what_they_refuse():
    assert SglangBackend(config(provider="sglang")).launch.options.engine == "sglang"
    served = TransformersServeBackend(config(provider="transformers-serve"))
    assert served.launch.options.engine == "transformers"
    assert served.constraints == frozenset()
    assert VllmBackend(config()).constraints == {"json", "regex"}
    with pytest.raises(UserError, match=r"has a base_url, but the provider vllm starts a server of its own"):
        VllmBackend(config(base_url="http://localhost:8000/v1"))
    with pytest.raises(UserError, match=r"option 'tensor' is wrong"):
        VllmBackend(config(options={"tensor": 2}))


def test_every_provider_is_known_by_name(tmp_path):
    for provider in ("vllm", "sglang", "transformers-serve"):
        path = tmp_path / f"{provider}.yaml"
        path.write_text(yaml.safe_dump({"name": "m", "provider": provider, "model": "org/m"}))
        backend = make_backend(str(path))
        assert isinstance(backend, ServedBackend)
        assert model_entry(backend).provider == provider


# --- a harness that is ended by a signal ----------------------------------------------------------------------------


def harness(tmp_path, env, *arguments, **options):
    """``lightemma run`` over the demo data in a process of its own."""
    path = tmp_path / "m.yaml"
    path.write_text(
        yaml.safe_dump({"name": "m", "provider": "vllm", "model": "made/up", "options": server_options(env, **options)})
    )
    run = ["run", "--data", "demo", "--model", str(path), "--out", str(tmp_path / "results"), "--quiet", *arguments]
    return subprocess.Popen(
        [sys.executable, "-m", "lightemma", *run],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def frames_done(tmp_path):
    return len(lines_of_run(tmp_path / "results" / "demo" / "m"))


SLOW = {"FAKE_DELAY_S": "0.1"}


def test_ctrl_c_ends_the_server_too(tmp_path, marker):
    process = harness(tmp_path, {**marker, **SLOW}, "--concurrency", "2")
    assert wait_until(lambda: frames_done(tmp_path) >= 2, 30)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 130, output
    assert carrying(f"TEST_FOLDER={tmp_path}") == []
    assert not (tmp_path / "results" / ".servers").exists()


def test_the_server_does_not_outlive_a_harness_that_is_killed(tmp_path, marker):
    process = harness(tmp_path, {**marker, **SLOW}, "--concurrency", "2")
    assert wait_until(lambda: frames_done(tmp_path) >= 2, 30)
    process.kill()
    process.communicate()
    assert wait_until(lambda: carrying(f"TEST_FOLDER={tmp_path}") == []), "the watchdog did not end it"


def test_a_server_whose_watchdog_was_killed_too_is_ended_by_the_next_start(tmp_path, marker):
    process = harness(tmp_path, {**marker, **SLOW}, "--concurrency", "2", "--limit", "12")
    assert wait_until(lambda: frames_done(tmp_path) >= 2, 30)
    (note,) = (tmp_path / "results" / ".servers").glob("*.json")
    written = json.loads(note.read_text())
    assert written["owner"]["pid"] == process.pid
    os.kill(written["server"]["pid"], signal.SIGKILL)
    process.kill()
    process.communicate()
    # The killed watchdog may need a moment to end.
    assert wait_until(lambda: len(carrying(f"TEST_FOLDER={tmp_path}")) == 2, 30), "the server and its worker still run"

    done = frames_done(tmp_path)
    again = harness(tmp_path, marker, "--limit", "12")
    output, _ = again.communicate(timeout=60)
    assert again.returncode == 0, output
    assert f"12 frames, {done} already done" in output
    assert "ended the server of a run that was killed" in output
    assert carrying(f"TEST_FOLDER={tmp_path}") == []
    assert not (tmp_path / "results" / ".servers").exists()
