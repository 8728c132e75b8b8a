"""How well lightemma uses a provider: four figures, measured against a local server in one run.

wall     : a fixed number of concurrent calls, against the ideal (calls x latency / that number)
adaptive : a server with a limit of concurrent calls (429 beyond it), which lightemma has to find
cost     : CPU seconds of the harness per call, beyond the SDK's own call and the encoding of pictures
memory   : peak memory of a long run against a short one
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import script_input
from fake_provider import FakeProvider, model_yaml
from made_up_scenes import VERSION, write_scenes

PARTS = ("wall", "adaptive", "cost", "memory")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("parts", nargs="*", choices=[*PARTS, []], help="all if none is named")
    arguments.add_argument(
        "--latency", type=script_input.positive, default=1.0, help="seconds the server takes, +- 30 %%"
    )
    arguments.add_argument("--concurrency", type=script_input.count, default=64)
    arguments.add_argument("--frames", type=script_input.count, default=1500)
    arguments.add_argument("--capacity", type=script_input.count, default=40)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for part in options.parts or PARTS:
            {"wall": wall, "adaptive": adaptive, "cost": cost, "memory": memory}[part](folder, options)


def wall(folder: Path, options: argparse.Namespace) -> None:
    frames = data(folder / "wall", options.frames)
    with FakeProvider(latency=options.latency, jitter=0.3) as server:
        drive(folder / "wall", server.base_url, options.concurrency)
        log = served(server)
    seconds = max(call["finished"] for call in log) - min(call["started"] for call in log)
    latency = sum(call["finished"] - call["started"] for call in log) / len(log)
    ideal = len(log) * latency / options.concurrency
    print(f"wall      {frames} frames, {len(log)} calls of {latency:.3f} s, {options.concurrency} concurrent")
    print(f"          {seconds:.1f} s against {ideal:.1f} s ideal: ratio {seconds / ideal:.3f}   (at most 1.05)")


def adaptive(folder: Path, options: argparse.Namespace) -> None:
    frames = data(folder / "adaptive", options.frames)
    with FakeProvider(latency=options.latency, jitter=0.3, capacity=options.capacity) as server:
        drive(folder / "adaptive", server.base_url, None)
        log = server.log()
    begun = min(call["started"] for call in log)
    last = max(call["finished"] for call in log)
    # In the last round fewer calls are left than the server takes; it is left out.
    steady = [call for call in log if begun + 30 <= call["finished"] <= last - 5 * options.latency]
    answered = [call for call in steady if call["status"] == 200]
    busy = sum(call["finished"] - call["started"] for call in answered)
    span = last - 5 * options.latency - begun - 30
    print(f"adaptive  {frames} frames, a server that takes {options.capacity} concurrent calls")
    print(f"          after 30 s: {busy / (span * options.capacity):.1%} of its capacity used   (at least 90 %)")
    print(f"          after 30 s: {1 - len(answered) / len(steady):.2%} of calls rejected   (less than 2 %)")


def cost(folder: Path, options: argparse.Namespace) -> None:
    frames = data(folder / "cost", 400)
    with FakeProvider(latency=0.02, jitter=0.3) as server:
        harness = own_process(["run", str(folder / "cost"), server.base_url])
        calls = len(served(server))
        sdk = own_process(["sdk", str(folder / "cost"), server.base_url])
    encoding = own_process(["encode", str(folder / "cost")])
    per_call = 1000 * (harness["cpu"] - sdk["cpu"] - encoding["cpu"]) / calls
    print(f"cost      {frames} frames, {calls} calls; CPU ms per call")
    print(f"          run {1000 * harness['cpu'] / calls:.2f}, the SDK alone {1000 * sdk['cpu'] / calls:.2f}, encoding "
          f"{1000 * encoding['cpu'] / calls:.2f}: harness {per_call:.2f}   (at most 2)")  # fmt: skip


def memory(folder: Path, options: argparse.Namespace) -> None:
    frames = write_scenes(folder / "memory", 850, 54)
    # Both runs read the same tables through the same index, made beforehand: what differs is the length of the run.
    own_process(["memory", str(folder / "memory"), "1"])
    short, low = 1000, own_process(["memory", str(folder / "memory"), "1000"])["peak_mb"]
    high = own_process(["memory", str(folder / "memory"), str(frames)])["peak_mb"]
    print(
        f"memory    {short} frames {low:.0f} MB, {frames} frames {high:.0f} MB: ratio {high / low:.3f}   (at most 1.2)"
    )


def data(folder: Path, frames: int) -> int:
    return write_scenes(folder, -(-frames // 26), 40)


def drive(folder: Path, base_url: str, concurrency: int | None) -> None:
    config = model_yaml(folder / "model.yaml", base_url, concurrency=concurrency)
    command = [
        "run",
        "--data",
        f"nuscenes:{folder}@{VERSION}",
        "--model",
        str(config),
        "--out",
        str(folder / "results"),
    ]
    subprocess.run([sys.executable, "-m", "lightemma", *command, "--quiet"], check=True, stdout=subprocess.DEVNULL)


def served(server: FakeProvider) -> list[dict[str, Any]]:
    return [call for call in server.log() if call["status"] == 200]


# --- measured in separate processes -----------------------------------------------------------------------------


def own_process(job: list[str]) -> dict[str, float]:
    done = subprocess.run([sys.executable, __file__, "--inside", *job], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    numbers: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return numbers


def inside(parts: list[str]) -> None:
    """Does one job after its imports, and prints its CPU seconds and peak memory."""
    from lightemma.cli import app, run  # noqa: F401 -- imported before the clock starts

    job, folder = parts[0], Path(parts[1])
    if job == "memory":
        long_run(folder, int(parts[2]))
        started = 0.0
    elif job == "encode":
        started = time.process_time()
        encode(folder)
    else:
        import openai  # noqa: F401

        started = time.process_time()
        run_study(folder, parts[2]) if job == "run" else asyncio.run(sdk_calls(folder, parts[2]))
    cpu = time.process_time() - started
    print(json.dumps({"cpu": cpu, "peak_mb": peak_mb()}))


def peak_mb() -> float:
    """Peak memory of this process; getrusage would include the memory of its parent before the start."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("this part needs /proc/self/status, which Linux has")


def run_study(folder: Path, base_url: str) -> None:
    from lightemma.sessions.benchmark import Benchmark
    from lightemma.sessions.frames_of_source import open_runs

    config = model_yaml(folder / "model.yaml", base_url, concurrency=16)
    study = open_runs(Benchmark(data=f"nuscenes:{folder}@{VERSION}", models=[str(config)]), folder / "results")
    study.run()


async def sdk_calls(folder: Path, base_url: str) -> None:
    """The same calls by the SDK alone: prompts and pictures as the run sent them, sixteen concurrently."""
    import openai

    from lightemma.run_folder.store import read_frames

    client = openai.AsyncOpenAI(base_url=base_url, api_key="none", max_retries=0)
    places = asyncio.Semaphore(16)

    async def one(prompt: str, picture: str) -> None:
        async with places:
            parts: list[Any] = [
                {"type": "image_url", "image_url": {"url": picture}},
                {"type": "text", "text": prompt},
            ]
            await client.chat.completions.create(
                model="stand-in", messages=[{"role": "user", "content": parts}], max_tokens=512, temperature=0.0
            )

    jobs = []
    for path in (folder / "results").glob("*/manifest.json"):
        for frame in read_frames(path.parent):
            encoded = base64.b64encode((folder / frame.image).read_bytes()).decode()
            jobs += [one(call.prompt, f"data:image/jpeg;base64,{encoded}") for call in frame.calls]
    await asyncio.gather(*jobs)
    await client.close()


def encode(folder: Path) -> None:
    from lightemma.data.pictures import PicturePolicy, load_picture
    from lightemma.run_folder.store import read_frames

    for path in (folder / "results").glob("*/manifest.json"):
        for frame in read_frames(path.parent):
            load_picture(folder / frame.image, PicturePolicy())


def long_run(folder: Path, frames: int) -> None:
    """A whole run with pictures, cache and records, against a model in this process."""
    from lightemma.sessions.benchmark import Benchmark
    from lightemma.sessions.frames_of_source import open_runs

    study = open_runs(
        Benchmark(
            data=f"nuscenes:{folder}@{VERSION}",
            models=["fake_provider:Prompt"],
            concurrency=16,
            limit=frames,
            name=f"r{frames}",
        ),
        folder / "results",
    )
    # No answer may come from the other run: each makes all of its calls.
    (folder / "results" / "responses.sqlite").unlink(missing_ok=True)
    study.run()


if __name__ == "__main__":
    if "--inside" in sys.argv:
        inside(sys.argv[sys.argv.index("--inside") + 1 :])
    else:
        script_input.ends(main)
