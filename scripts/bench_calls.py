"""CPU of the client per picture call: a whole run against a local server, this version and another in turns.

    bench_calls.py PICTURES [--against FOLDER] [--frames 120] [--rounds 3] [--profile] [--key] [--own] [--inspect PYTHON]

Each round is a process of its own for each way; the server is another one, whose CPU does not count. A run has data, planner,
pictures, answers kept in the cache, and records on disk; what comes before its first call, and a short run before it, do not
count. Beside it, the openai package alone sends the same prompts and pictures (each picture in base 64 for each call, answers
read into its types); the same with bodies that were made before, which is what the package and HTTP cost at least; and
inspect_ai where a Python that has it is named. With ``--key`` the runs have a key, as with a hosted provider: it is looked for
in each answer. The profile is of the main thread's CPU; pictures are read in others.

With ``--own`` the same runs are measured once more with answers from this process' memory in place of the openai package, HTTP
and the server: the answers of the run before, 20 ms after each request. What is left is all of lightemma in all threads (a
request is made to its last byte, an answer is read from its first), the event loop's turns, and what SQLite and the system take
for answers and records: nothing of lightemma is left out, so its own share is at most that.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import io
import itertools
import json
import os
import secrets
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import script_input

ROOT = Path(__file__).resolve().parents[1]
PLACES = 16
#: Frames of the short run that comes before.
WARM = 8
#: The variable with the key, if there is one.
KEY = "BENCH_CALLS_API_KEY"
#: Mean seconds that the server takes for an answer.
LATENCY_S = 0.02
#: The file with the answers of the last run, by stage.
ANSWERS = "answers.json"
#: A sample of the profile belongs to the innermost of these on its stack.
OWNERS = {
    "lightemma": "ours",
    "openai": "openai",
    "httpx2": "HTTP",
    "httpx": "HTTP",
    "httpcore2": "HTTP",
    "httpcore": "HTTP",
    "h11": "HTTP",
    "anyio": "HTTP",
    "aiohttp": "HTTP",
    "asyncio": "asyncio",
}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("pictures", type=script_input.pictures, help="a folder of JPEGs of 1600 x 900 pixels")
    arguments.add_argument("--against", type=script_input.checkout, help="a checkout of another version")
    arguments.add_argument("--frames", type=script_input.count, default=120)
    arguments.add_argument("--rounds", type=script_input.count, default=3)
    arguments.add_argument("--profile", action="store_true", help="a further round that says whose the CPU is")
    arguments.add_argument("--key", action="store_true", help="with a key, which no answer may show")
    arguments.add_argument("--own", action="store_true", help="also with answers from memory: lightemma's own share")
    arguments.add_argument("--inspect", type=script_input.file, help="a Python that has inspect_ai and openai")
    options = arguments.parse_args()
    if options.key:
        os.environ[KEY] = f"sk-proj-{secrets.token_urlsafe(96)}"
    with tempfile.TemporaryDirectory() as temporary:
        measure(Path(temporary), options)


def measure(folder: Path, options: argparse.Namespace) -> None:
    from fake_provider import FakeProvider
    from made_up_scenes import write_scenes

    jpegs = encoded(options.pictures)
    write_scenes(folder, -(-options.frames // 26), 40, jpegs=jpegs, size=(1600, 900))
    print(f"{options.frames} frames of {statistics.fmean(map(len, jpegs)) / 1000:.0f} kB, {PLACES} calls at once")
    ways: dict[str, tuple[str, Path, str]] = {"this version": ("run", ROOT, sys.executable)}
    if options.against:
        ways["the other version"] = ("run", options.against.resolve(), sys.executable)
    ways["the package openai alone"] = ("sdk", ROOT, sys.executable)
    ways["... with bodies made before"] = ("sdk-bytes", ROOT, sys.executable)
    if options.inspect:
        ways["inspect_ai"] = ("inspect", ROOT, str(options.inspect))
    if options.own:
        ways |= {f"own share, {name}": ("own", *way[1:]) for name, way in list(ways.items()) if way[0] == "run"}
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in ways}
    with FakeProvider(latency=LATENCY_S, jitter=0.3) as server:
        for _ in range(options.rounds):
            for name, way in ways.items():
                found[name].append(own_process(*way, folder, server.base_url, options.frames))
        for name, rounds in found.items():
            print(f"{name:<30} {figures(rounds)}")
        if options.profile:
            for name, way in ways.items():
                if way[0] in ("run", "own"):
                    shares = own_process(*way, folder, server.base_url, options.frames, profile=True)
                    print(f"{name:<30} {shares['shares']}")


def figures(rounds: list[dict[str, Any]]) -> str:
    """The median of CPU ms per call, its range, and the parts that are in threads."""
    per_call = [1000 * one["cpu"] / one["calls"] for one in rounds]
    threads = [1000 * one["threads"] / one["calls"] for one in rounds]
    return (
        f"{statistics.median(per_call):6.2f} CPU ms per call ({min(per_call):.2f} to {max(per_call):.2f}), "
        f"{statistics.median(threads):.2f} of it in other threads (pictures)"
    )


def encoded(folder: Path) -> list[bytes]:
    """Real pictures, encoded anew so that they have 158 kB in the mean."""
    from PIL import Image

    made = []
    for path in sorted(folder.glob("*.jpg")):
        buffer = io.BytesIO()
        Image.open(path).convert("RGB").save(buffer, "JPEG", quality=94)
        made.append(buffer.getvalue())
    if not made:
        raise SystemExit(f"There is no *.jpg in {folder}.")
    return made


def own_process(
    job: str, tree: Path, python: str, folder: Path, base_url: str, frames: int, *, profile: bool = False
) -> dict[str, Any]:
    asked = [job, str(folder), base_url, str(frames), "profile" if profile else ""]
    paths = os.pathsep.join([str(tree), str(ROOT / "scripts")]) if job != "inspect" else ""
    environment = {**os.environ, "PYTHONPATH": paths}
    done = subprocess.run(
        [python, __file__, "--inside", *asked], capture_output=True, text=True, check=False, env=environment
    )
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


# --- measured in separate processes -----------------------------------------------------------------------------


class Clock:
    """CPU seconds of a block: of the process, and of threads other than this one."""

    def __init__(self, profile: bool) -> None:
        self._owners: dict[str, float] = defaultdict(float)
        self._profile = profile

    def __enter__(self) -> Clock:
        self._begun = time.process_time(), time.thread_time()
        if self._profile:
            signal.signal(signal.SIGPROF, self._sample)
            signal.setitimer(signal.ITIMER_PROF, 0.002, 0.002)
            self._seen = time.thread_time()
        return self

    def __exit__(self, *_: object) -> None:
        if self._profile:
            signal.setitimer(signal.ITIMER_PROF, 0)
        self.cpu = time.process_time() - self._begun[0]
        self.threads = self.cpu - (time.thread_time() - self._begun[1])

    def _sample(self, _number: int, frame: FrameType | None) -> None:
        self._count(frame)
        self._seen = time.thread_time()  # looking does not count

    def _count(self, frame: FrameType | None) -> None:
        # The signal comes by the CPU of all threads: each sample counts as much as this one has used since the last.
        spent = time.thread_time() - self._seen
        place = ""
        while frame is not None:
            parts = Path(frame.f_code.co_filename).parts
            if "site-packages" in parts:
                name = parts[parts.index("site-packages") + 1]
            else:
                name = "lightemma" if "lightemma" in parts else "asyncio" if "asyncio" in parts else ""
            if name in OWNERS:
                owner = OWNERS[name]
                if owner == "ours":
                    place = f" {'/'.join(parts[-2:])} {frame.f_code.co_name}"
                self._owners[owner] += spent
                if place:
                    self._owners["  " + place.strip()] += spent
                return
            frame = frame.f_back
        self._owners["other"] += spent

    def told(self, calls: int) -> dict[str, Any]:
        told: dict[str, Any] = {"cpu": self.cpu, "threads": self.threads, "calls": calls}
        if self._profile:
            self._owners["other threads (pictures)"] = self.threads
            most = sorted(self._owners.items(), key=lambda one: -one[1])[:30]
            told["shares"] = "CPU ms per call:" + "".join(
                f"\n    {name:<40} {1000 * seconds / calls:.2f}" for name, seconds in most
            )
        return told


def inside(job: str, folder: str, base_url: str, frames: str, profile: str) -> None:
    ready = partial(sdk, ready=True)
    ways: dict[str, Callable[[Path, str, int, bool], dict[str, Any]]]
    ways = {"run": run, "own": own, "sdk": sdk, "sdk-bytes": ready, "inspect": inspect}
    work = ways[job]
    print(json.dumps(work(Path(folder), base_url, int(frames), bool(profile))))


def run(folder: Path, base_url: str, frames: int, profile: bool) -> dict[str, Any]:
    """A run of lightemma, after a short one."""
    from fake_provider import model_yaml
    from made_up_scenes import VERSION

    from lightemma.run_folder.store import read_frames
    from lightemma.sessions.benchmark import Benchmark
    from lightemma.sessions.frames_of_source import open_runs

    results = folder / f"results-{os.getpid()}"
    config = model_yaml(folder / "model.yaml", base_url, concurrency=PLACES)
    if KEY in os.environ:
        config.write_text(config.read_text() + f"api_key_env: {KEY}\n")

    def opened(name: str, limit: int) -> Any:
        data = f"nuscenes:{folder}@{VERSION}"
        return open_runs(Benchmark(data=data, models=[str(config)], limit=limit, name=name), results)

    opened("warm", WARM).run()
    (results / "responses.sqlite").unlink()
    measured = opened("measured", frames)
    with Clock(profile) as clock:
        measured.run()
    records = list(read_frames(results / "measured"))
    asked = [[call.prompt for call in record.calls] for record in records]
    (folder / "prompts.json").write_text(json.dumps([[one.image, a] for one, a in zip(records, asked, strict=True)]))
    answers: dict[str, list[str | None]] = defaultdict(list)
    for record in records:
        for call in record.calls:
            answers[call.stage].append(call.response)
    (folder / ANSWERS).write_text(json.dumps(answers))
    return clock.told(sum(map(len, asked)))


def own(folder: Path, base_url: str, frames: int, profile: bool) -> dict[str, Any]:
    """The same run with the answers of the last one, which come from memory."""
    import openai

    from lightemma.backends.http.sdk_calls import client_settings
    from lightemma.backends.openai_compatible import OpenAICompatibleBackend as Backend

    bodies = {
        stage: itertools.cycle([answer_body(text) for text in texts])
        for stage, texts in json.loads((folder / ANSWERS).read_text()).items()
    }
    (seen,) = client_settings()["event_hooks"]["response"]
    stages: ContextVar[str] = ContextVar("stage")
    generate = Backend.generate

    async def staged(self: Any, request: Any) -> Any:
        stages.set(request.stage)
        return await generate(self, request)

    async def post(_self: Any, _path: str, *, content: bytes, **_: Any) -> None:
        await asyncio.sleep(LATENCY_S)
        await seen(FromMemory(next(bodies[stages.get()])))

    # Under the package's own name, since that is where lightemma takes the kind of a stream from.
    FromMemory.__module__ = openai.DefaultAsyncHttpxClient.__mro__[1].__module__
    Backend.generate, openai.AsyncOpenAI.post = staged, post  # type: ignore[method-assign,assignment]
    return run(folder, base_url, frames, profile)


def answer_body(text: str) -> bytes:
    """An answer as OpenAI's servers write it."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 2000, "completion_tokens": 100, "total_tokens": 2100}
    whole = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "stand-in"}
    return json.dumps(whole | {"choices": [choice], "usage": usage}).encode()


class FromMemory:
    """As much of an HTTP client's response as lightemma looks at."""

    status_code = 200

    def __init__(self, body: bytes) -> None:
        self.headers = {"content-type": "application/json"}
        self.stream: Any = self._pieces(body)

    async def _pieces(self, body: bytes) -> AsyncIterator[bytes]:
        yield body

    async def aread(self) -> bytes:
        """The body."""
        return b"".join([piece async for piece in self.stream])


def prompts_of(folder: Path) -> list[tuple[bytes, list[str]]]:
    """The pictures and prompts of the frames of the last run."""
    return [
        ((folder / image).read_bytes(), asked) for image, asked in json.loads((folder / "prompts.json").read_text())
    ]


def body(picture: bytes, prompt: str) -> dict[str, Any]:
    """A request."""
    url = f"data:image/jpeg;base64,{base64.b64encode(picture).decode()}"
    parts: list[Any] = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": prompt}]
    turns = [{"role": "user", "content": parts}]
    return {"model": "stand-in", "messages": turns, "max_tokens": 512, "temperature": 0.0}


def sdk(folder: Path, base_url: str, frames: int, profile: bool, *, ready: bool = False) -> dict[str, Any]:
    """The same calls by the package alone, as its documentation writes them, or by bodies that are made before."""
    import openai

    client = openai.AsyncOpenAI(base_url=base_url, api_key="none", max_retries=0)
    every = [(picture, prompt) for picture, asked in prompts_of(folder) for prompt in asked]
    bodies = [json.dumps(body(*one)).encode() for one in every] if ready else []

    async def drive(count: int) -> None:
        places = asyncio.Semaphore(PLACES)

        async def one(number: int) -> None:
            async with places:
                if ready:
                    answer: Any = await client.post("/chat/completions", cast_to=object, content=bodies[number])
                    assert answer["choices"]
                else:
                    await client.chat.completions.create(**body(*every[number]))

        await asyncio.gather(*(one(number) for number in range(count)))

    async def whole() -> Clock:
        await drive(3 * WARM)
        with Clock(profile) as clock:
            await drive(len(every))
        await client.close()
        return clock

    return asyncio.run(whole()).told(len(every))


def inspect(folder: Path, base_url: str, frames: int, profile: bool) -> dict[str, Any]:
    """The same calls by inspect_ai: a sample per frame, whose solver makes the frame's calls."""
    from inspect_ai import Task, eval
    from inspect_ai.dataset import Sample
    from inspect_ai.model import ChatMessageUser, ContentImage, ContentText, GenerateConfig, get_model
    from inspect_ai.solver import Generate, Solver, TaskState, solver

    os.environ["OPENAI_API_KEY"] = "none"
    every = prompts_of(folder)
    files = [str(folder / image) for image, _ in json.loads((folder / "prompts.json").read_text())]

    @solver
    def three_calls() -> Solver:
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            for prompt in state.metadata["prompts"]:
                picture = state.messages[0].content[0]
                parts = [picture, ContentText(text=prompt)]
                await get_model().generate([ChatMessageUser(content=parts)])
            return state

        return solve

    def evaluated(count: int) -> None:
        samples = [
            Sample(
                input=[ChatMessageUser(content=[ContentImage(image=file), ContentText(text="drive")])],
                metadata={"prompts": asked},
            )
            for file, (_, asked) in zip(files[:count], every, strict=False)
        ]
        model = get_model(
            "openai/gpt-4o",
            base_url=base_url,
            config=GenerateConfig(max_tokens=512, temperature=0.0),
            responses_api=False,
        )
        logs = eval(
            Task(dataset=samples, solver=three_calls()),
            model=model,
            display="none",
            log_dir=str(folder / "inspect"),
            max_connections=PLACES,
            max_samples=PLACES,
        )
        if logs[0].status != "success":
            raise SystemExit(f"inspect_ai: {logs[0].error and logs[0].error.message}")

    evaluated(WARM)
    with Clock(profile) as clock:
        evaluated(len(every))
    return clock.told(sum(len(asked) for _, asked in every))


if __name__ == "__main__":
    if "--inside" in sys.argv:
        inside(*sys.argv[sys.argv.index("--inside") + 1 :])
    else:
        script_input.ends(main)
