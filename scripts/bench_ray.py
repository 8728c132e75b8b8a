"""Throughput of two Ray replicas against one, and how many calls one driver can send.

    python scripts/bench_ray.py [--frames 60] [--latency 0.2]

The model is a script that takes a fixed time for a call and one call at a time, so that only replicas make it faster. Frames
count from when all replicas are up. Prints one JSON object; ends with status 1 if two replicas are not 1.8 times as fast as
one.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import script_input

from lightemma.backends.base import Backend
from lightemma.backends.config import Limits, ModelConfig
from lightemma.backends.scripted import ScriptedBackend
from lightemma.data.base import FrameSource
from lightemma.data.sources import open_source
from lightemma.executors import choose_executor, placing
from lightemma.executors.replicated import ReplicatedBackend
from lightemma.frame import Frame, Picture
from lightemma.run_folder.records import FrameRecord
from lightemma.sessions.benchmark import Benchmark
from lightemma.sessions.frames_of_source import open_runs

ANSWERS = {"scene": ["A road."], "intent": ["Go on."], "action": ["[" + ", ".join(["(5.0, 0.0)"] * 6) + "]"]}
NEEDED = 1.8


class Repeated(FrameSource):
    """The frames of one source again and again, under other names."""

    def __init__(self, source: FrameSource, count: int) -> None:
        self._source = source
        frames = list(source.frames())
        self._frames = [_renamed(frames[number % len(frames)], number) for number in range(count)]

    @property
    def info(self):  # noqa: ANN201
        return self._source.info

    @property
    def scene_names(self) -> Sequence[str]:
        return ["scene-0000"]

    def scene_frames(self, scene: str) -> list[Frame]:
        return self._frames


def _renamed(frame: Frame, number: int) -> Frame:
    from dataclasses import replace

    return replace(frame, scene="scene-0000", frame_index=number, sample_token=f"{number:08d}")


def model(latency_s: float, concurrency: int) -> Backend:
    options = {"answers": ANSWERS, "repeat": True, "latency_s": latency_s}
    limits = Limits(concurrency=concurrency)
    return ScriptedBackend(ModelConfig(name="m", provider="scripted", model="m", limits=limits, options=options))


def frames_per_second(source: FrameSource, results: Path, replicas: int, latency_s: float, concurrency: int) -> float:
    """Frames a second from when all replicas are up."""
    times: list[float] = []
    with placing(choose_executor("ray", replicas), lambda _: model(latency_s, concurrency)) as backends:
        study = open_runs(Benchmark(data="demo", models=["m"]), results, source, backends)
        backend = study.jobs[0].backends["main"]
        assert isinstance(backend, ReplicatedBackend)

        def progress(_: FrameRecord) -> None:
            if backend.replicas.started == replicas:
                times.append(time.perf_counter())

        study.run(progress=progress)
    return (len(times) - 1) / (times[-1] - times[0])


def picture_calls_per_second(source: FrameSource, results: Path, calls: int = 600) -> float:
    """Calls a second that one driver hands to two replicas, each with a picture of 150 kB, three calls to a picture."""
    import asyncio

    from lightemma.backends.base import Message, PicturePart, Request, TextPart

    with placing(choose_executor("ray", 2), lambda _: model(0.0, 32)) as backends:
        backend = backends("m")

        async def drive() -> float:
            async def frame(number: int) -> None:
                data = os.urandom(150_000)
                picture = Picture(data, "image/jpeg", (1600, 900), hashlib.sha256(data).hexdigest())
                for stage in ANSWERS:
                    message = Message("user", (PicturePart(picture), TextPart("What is ahead? " * 50)))
                    await backend.generate(Request((message,), str(number), stage))

            await asyncio.gather(*(frame(number) for number in range(8)))  # brings the replicas up
            started = time.perf_counter()
            for first in range(0, calls // 3, 50):
                await asyncio.gather(*(frame(first + number) for number in range(50)))
            seconds = time.perf_counter() - started
            await backend.aclose()
            return calls / seconds

        return asyncio.run(drive())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=script_input.count, default=60)
    parser.add_argument("--latency", type=script_input.positive, default=0.2, help="seconds of a call")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, placing(choose_executor("ray"), lambda _: model(0.0, 1)):
        root = Path(folder)
        source = Repeated(open_source("demo", root), given.frames)
        rates = {count: frames_per_second(source, root / str(count), count, given.latency, 1) for count in (1, 2)}
        ratio = rates[2] / rates[1]
        driver = picture_calls_per_second(source, root)
    found = {"frames": given.frames, "latency_s": given.latency, "frames_per_s_1": round(rates[1], 3)}
    found |= {"frames_per_s_2": round(rates[2], 3), "ratio": round(ratio, 3), "needed": NEEDED}
    found |= {"ideal_frames_per_s_1": round(1 / (3 * given.latency), 3), "driver_calls_per_s": round(driver, 1)}
    print(json.dumps(found))
    raise SystemExit(0 if ratio >= NEEDED else 1)


if __name__ == "__main__":
    script_input.ends(main)
