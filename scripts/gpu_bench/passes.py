"""One pass over the frames, as the command line makes it, and what is measured of it."""

from __future__ import annotations

import hashlib
import json
import subprocess
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml
from made_up_scenes import VERSION

from lightemma.backends.base import Completion, Request
from lightemma.backends.local.loading import LoadedModel
from lightemma.backends.openai_compatible import OpenAICompatibleBackend
from lightemma.backends.transformers import TransformersBackend

#: Tokens of the three answers of 32 frames, drawn from Qwen2.5-VL-7B's published ones (3,908 frames; means 106, 134, 78).
LENGTHS = (
    (83, 127, 85), (111, 159, 84), (98, 153, 85), (104, 171, 85), (110, 168, 85), (110, 98, 85), (97, 135, 73), (134, 147, 61),
    (92, 132, 79), (126, 123, 72), (88, 133, 91), (123, 143, 85), (85, 122, 85), (101, 135, 85), (105, 124, 72), (123, 109, 85),
    (119, 145, 85), (79, 126, 84), (91, 166, 85), (98, 130, 61), (100, 105, 82), (108, 148, 79), (114, 107, 72), (102, 112, 73),
    (104, 109, 85), (115, 166, 79), (83, 120, 85), (73, 140, 79), (115, 125, 84), (77, 127, 84), (97, 130, 84), (153, 152, 73),
)  # fmt: skip
STAGES = ("scene", "intent", "action")
#: LightEMMA's own record: three calls one after the other on an H100, frames per second.
RECORDED = 0.115
#: What the next stage reads in place of a random answer: about as long as a usual one.
TEXTS = {
    "scene": "A two-lane road leads straight ahead between parked cars; a van waits at the junction on the right. " * 5,
    "intent": "The car has held its speed and follows its lane; it should slow down a little before the junction. " * 6,
    "action": "[" + ", ".join(["(5.0, 0.001)"] * 6) + "]",
}


@dataclass
class Timeline:
    """The calls of one pass.

    Attributes:
        calls: (begun, ended, input tokens, output tokens) of each.
        requests: each request's stage and prompt as it was sent, where they are kept.
    """

    calls: list[tuple[float, float, int, int]] = field(default_factory=list)
    requests: list[Request] | None = None

    def figures(self, frames: int) -> dict[str, Any]:
        """Frames and tokens per second from the first request to the last answer."""
        begun, ended = min(call[0] for call in self.calls), max(call[1] for call in self.calls)
        seconds = ended - begun
        return {
            "frames": frames,
            "calls": len(self.calls),
            "seconds": round(seconds, 2),
            "frames_per_s": round(frames / seconds, 3),
            "times_recorded": round(frames / seconds / RECORDED, 1),
            "input_tokens": sum(call[2] for call in self.calls),
            "output_tokens": sum(call[3] for call in self.calls),
            "output_tokens_per_s": round(sum(call[3] for call in self.calls) / seconds, 1),
        }


#: The passes so far, the last of which is being measured; lightemma makes the classes below by their names in the YAML.
PASSES = [Timeline()]
#: The weights in this process, made once.
WEIGHTS: list[LoadedModel] = []
#: The work and the readings of the last pass in this process.
LAST: list[Any] = []


def length(request: Request) -> int:
    """Tokens of the answer, by frame and stage."""
    place = int.from_bytes(hashlib.sha256(request.sample_token.encode()).digest()[:4], "big") % len(LENGTHS)
    return LENGTHS[place][STAGES.index(request.stage)]


async def measured(answer: Any, request: Request) -> Completion:
    """Awaits an answer, notes its time, and puts the usual text in its place."""
    begun = time.perf_counter()
    now = PASSES[-1]
    if now.requests is not None:
        now.requests.append(request)
    completion: Completion = await answer
    assert completion.usage is not None
    now.calls.append((begun, time.perf_counter(), completion.usage.input, completion.usage.output))
    return replace(completion, text=TEXTS[request.stage], finish_reason="stop")


class ByServer(OpenAICompatibleBackend):
    """Asks a server, with each answer's length fixed."""

    async def generate(self, request: Request) -> Completion:
        """Ask the model once."""
        return await measured(super().generate(request), request)

    def _parameters(self, request: Request) -> dict[str, Any]:
        parameters = super()._parameters(request)
        parameters["max_tokens"] = length(request)
        parameters["extra_body"] = {**parameters.get("extra_body", {}), "ignore_eos": True}
        return parameters


class InProcess(TransformersBackend):
    """Asks the weights in this process, with each answer's length fixed."""

    def load(self) -> LoadedModel:
        """The weights that are there."""
        return WEIGHTS[0]

    def output_limit(self, request: Request) -> int:
        """The answer's length."""
        return length(request)

    async def generate(self, request: Request) -> Completion:
        """Ask the model once."""
        return await measured(super().generate(request), request)

    async def aclose(self) -> None:
        """Notes what was done."""
        if self._engine:
            LAST[:] = [list(self.work), self._engine.continuous and self._engine.continuous.readings]
        await super().aclose()


@dataclass
class Bench:
    """What all passes share.

    Attributes:
        shape: of the model.
        work: folder for the model, the frames and the runs.
        out: folder for the figures.
        deadline: seconds since 1970 after which no pass begins.
    """

    shape: str
    work: Path
    out: Path
    deadline: float
    frames: int
    concurrency: int

    @property
    def left(self) -> float:
        """Seconds to the deadline."""
        return self.deadline - time.time()

    def tell(self, what: str, **figures: Any) -> None:
        """Writes one line of figures at once."""
        line = json.dumps({"at": round(time.time(), 1), "left": round(self.left), "what": what, **figures})
        print(line, flush=True)
        with (self.out / "engine.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def drive(
    bench: Bench,
    name: str,
    model: dict[str, Any],
    frames: int,
    concurrency: int,
    keep: bool = False,
    data: str = "data",
) -> Timeline:
    """One run of lightemma, as the command line makes it."""
    from lightemma.sessions.benchmark import Benchmark
    from lightemma.sessions.frames_of_source import open_runs

    PASSES.append(Timeline(requests=[] if keep else None))
    path = bench.work / f"{name}.yaml"
    path.write_text(yaml.safe_dump({"name": name, "temperature": 0.0, **model}), encoding="utf-8")
    study = open_runs(
        Benchmark(
            data=f"nuscenes:{bench.work / data}@{VERSION}",
            models=[str(path)],
            concurrency=concurrency,
            limit=frames,
            name=name,
        ),
        bench.work / "results",
    )
    study.run()
    return PASSES[-1]


def gpu_memory() -> str | None:
    """What nvidia-smi says."""
    try:
        done = subprocess.run(
            ["nvidia-smi", "--query-gpu=name,memory.used,memory.total", "--format=csv,noheader"],
            check=False, capture_output=True, text=True, timeout=10,
        )  # fmt: skip
    except OSError:
        return None
    return done.stdout.strip() or None
