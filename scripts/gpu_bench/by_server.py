"""The passes at a vLLM server that lightemma starts, and vLLM's own benchmark on the same requests."""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import shutil
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gpu_bench.material import SMALL_SIDE
from gpu_bench.passes import STAGES, Bench, Timeline, drive, gpu_memory

from lightemma.serving.engines import Served
from lightemma.serving.launch import Launch
from lightemma.serving.options import ServerOptions
from lightemma.serving.pool import ServerPool

#: Tokens of every answer in vLLM's own benchmark: the mean of `passes.LENGTHS`.
MEAN_LENGTH = 106


def vllm_part(bench: Bench, options: argparse.Namespace) -> None:
    """Full-size pictures, the engine's own benchmark on the same requests, and smaller pictures."""
    environment = {"VLLM_SERVER_DEV_MODE": "1", "HF_HUB_OFFLINE": "1"}
    if not shutil.which("nvidia-smi"):
        environment["VLLM_CPU_KVCACHE_SPACE"] = "1"
    if options.vllm_site:
        environment["PYTHONPATH"] = os.pathsep.join([str(options.vllm_site), os.environ.get("PYTHONPATH", "")])
    begun = time.perf_counter()
    with server(bench, options, environment) as address:
        bench.tell("vllm up", seconds=round(time.perf_counter() - begun, 1), gpu=gpu_memory())
        asked = {
            "provider": "gpu_bench.passes:ByServer",
            "model": str(bench.work / "model"),
            "base_url": address + "/v1",
        }
        drive(bench, "warm-up", asked, min(8, bench.frames), 8, data=f"data{SMALL_SIDE if options.small else ''}")
        passes = (("full", bench.frames, True, None), ("half", bench.frames, options.small, SMALL_SIDE))
        for name, frames, keep, side in passes[1:] if options.small else passes:
            if bench.left < 25 and name != "full":
                break
            empty_caches(address)
            with running(address) as counts:
                passed = drive(bench, f"vllm-{name}", asked, frames, bench.concurrency, keep, data=f"data{side or ''}")
            bench.tell(f"vllm {name}", **passed.figures(frames), **counts())
            if keep and bench.left > 25:
                try:
                    own_benchmark(bench, options, address, environment, passed)
                except Exception as error:
                    bench.tell("failed", part="own benchmark", error=f"{type(error).__name__}: {error}"[:1000])


@contextmanager
def server(bench: Bench, options: argparse.Namespace, environment: dict[str, str]) -> Iterator[str]:
    """A vLLM server as lightemma starts it, kept up by a thread; gives its address."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    launch = Launch(
        "bench",
        Served(str(bench.work / "model")),
        ServerOptions(
            python=options.python,
            cpu=shutil.which("nvidia-smi") is None,
            dtype="bfloat16" if shutil.which("nvidia-smi") else "float32",
            max_model_len=8_192,
            gpu_memory_utilization=0.88,
            limit_images=None,
            extra=[
                "--limit-mm-per-prompt",
                json.dumps({"image": 1, "video": 0}),
                "--load-format",
                "dummy",
                "--max-num-seqs",
                "256",
                "--max-num-batched-tokens",
                "16384",
                *options.vllm_extra.split(),
            ],
            env=environment,
            startup_timeout_s=max(30.0, min(150.0, bench.left - 20)),
            restarts=0,
        ),
    )
    pool = ServerPool(bench.work)
    folder = bench.work / "server"
    joined = pool.join(launch, folder)
    try:
        up = asyncio.run_coroutine_threadsafe(joined.ready(), loop).result()
        yield up.address.base_url.removesuffix("/v1")
    finally:
        asyncio.run_coroutine_threadsafe(pool.leave(joined), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        for path in folder.rglob("*.log"):
            (bench.out / "vllm.log").write_bytes(path.read_bytes()[-2_000_000:])


def metrics(address: str) -> dict[str, float]:
    """The server's counters by name, their labels left out."""
    with urllib.request.urlopen(address + "/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    counted: dict[str, float] = {}
    for line in lines:
        if line and not line.startswith("#") and "_bucket" not in line and "_created" not in line:
            name, value = line.split("{")[0].split(" ")[0], line.rsplit(" ", 1)[1]
            counted[name] = counted.get(name, 0.0) + float(value)
    return counted


def empty_caches(address: str) -> None:
    """Makes the server forget what earlier passes left."""
    for path in ("/reset_prefix_cache", "/reset_mm_cache", "/reset_encoder_cache"):
        try:
            urllib.request.urlopen(urllib.request.Request(address + path, b"", method="POST"), timeout=30).close()
        except OSError as error:
            print(path, error)


@contextmanager
def running(address: str) -> Iterator[Any]:
    """What the server did while the block lasts: mean of the calls it works at, steps, and what its caches found."""
    before, seen, ended = metrics(address), [], threading.Event()

    def look() -> None:
        while not ended.wait(0.5):
            now = metrics(address)
            seen.append((now.get("vllm:num_requests_running", 0.0), now.get("vllm:num_requests_waiting", 0.0)))

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()

    def counts() -> dict[str, Any]:
        after = metrics(address)
        used = {
            name: round(after[f"vllm:{name}"] - before.get(f"vllm:{name}", 0.0))
            for name in ("prefix_cache_queries_total", "prefix_cache_hits_total", "mm_cache_queries_total",
                         "mm_cache_hits_total", "generation_tokens_total", "prompt_tokens_total",
                         "iteration_tokens_total_count", "num_preemptions_total")
            if f"vllm:{name}" in after
        }  # fmt: skip
        busy = [one for one in seen if sum(one)]
        mean = sum(one for one, _ in busy) / max(len(busy), 1)
        waiting = sum(one for _, one in busy) / max(len(busy), 1)
        return {"server": used, "mean_running": round(mean, 1), "mean_waiting": round(waiting, 1)}

    try:
        yield counts
    finally:
        ended.set()
        watcher.join()


def own_benchmark(
    bench: Bench, options: argparse.Namespace, address: str, environment: dict[str, str], passed: Timeline
) -> None:
    """``vllm bench serve`` with the requests of a pass of ours, in their order, at as many at once."""
    assert passed.requests is not None
    path = bench.work / "requests.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for request in passed.requests:
            content = []
            for part in request.messages[-1].parts:
                if hasattr(part, "text"):
                    content.append({"type": "text", "text": part.text})
                else:
                    data = base64.b64encode(part.picture.data).decode()
                    content.append({"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{data}"}})
            file.write(json.dumps({"content": content}) + "\n")
    empty_caches(address)
    command = [
        options.python, "-m", "vllm.entrypoints.cli.main", "bench", "serve",
        "--backend", "openai-chat", "--base-url", address, "--endpoint", "/v1/chat/completions",
        "--model", str(bench.work / "model"), "--dataset-name", "custom_image", "--dataset-path", str(path),
        "--disable-shuffle", "--num-prompts", str(len(passed.requests)), "--custom-output-len", str(MEAN_LENGTH),
        "--max-concurrency", str(bench.concurrency), "--ignore-eos", "--temperature", "0", "--disable-tqdm",
        "--save-result", "--result-dir", str(bench.work), "--result-filename", "own.json", "--num-warmups", "0",
    ]  # fmt: skip
    with running(address) as counts:
        done = subprocess.run(
            command,
            env={**os.environ, **environment},
            check=False,
            capture_output=True,
            text=True,
            timeout=max(20, bench.left - 10),
        )
    (bench.out / "own.log").write_text((done.stdout + done.stderr)[-200_000:], encoding="utf-8")
    result = json.loads((bench.work / "own.json").read_text(encoding="utf-8"))
    names = (
        "completed",
        "failed",
        "duration",
        "request_throughput",
        "output_throughput",
        "total_input_tokens",
        "total_output_tokens",
    )
    frames = result["completed"] / len(STAGES)
    bench.tell(
        "vllm bench serve",
        frames_per_s=round(frames / result["duration"], 3),
        **{name: result.get(name) for name in names},
        **counts(),
    )
