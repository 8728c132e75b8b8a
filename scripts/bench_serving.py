"""The same weights and the same frames, asked in this process and through a vLLM server.

Frames are driven by the chain-of-thought planner, three stages each: one call at a time as LightEMMA does, in batches, and by a
server with 1, 8 and 32 concurrent frames; then once more as a dialogue, whose turns begin with what the server has read
already. What was kept for earlier passes is dropped before each. Printed for each: frames per second, tokens that were sent and
those that were computed (sent less those found in the prefix cache), and pictures found in the cache; and how many greedy
answers are the same in both programs: in float32 all should be, where neither program scales the pictures again.

Without --model the weights are random and tiny: they show that everything works and what the overheads are, not how fast real
models are, whose arithmetic outweighs everything else.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import io
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import script_input

from lightemma.backends.base import Backend, CallError, CallResult, Request
from lightemma.backends.config import Limits, ModelConfig
from lightemma.backends.openai_compatible import OpenAICompatibleBackend
from lightemma.backends.transformers import TransformersBackend
from lightemma.data.sources import open_source
from lightemma.frame import Frame, Picture
from lightemma.planners.base import PlannerSettings, View
from lightemma.planners.chain_of_thought import ChainOfThought
from lightemma.planners.prompt_style import PromptStyle
from lightemma.prompts.sets import load_prompts
from lightemma.serving import probe as server_asking
from lightemma.serving.engines import Served
from lightemma.serving.launch import Launch
from lightemma.serving.options import ServerOptions
from lightemma.serving.pool import ServerPool
from lightemma.serving.server import Running

Answers = dict[tuple[str, str], str]
#: The replacement character, shown for half a character.
_CUT = "\ufffd"


@dataclass(frozen=True)
class Side:
    """Time and tokens of one setup.

    Attributes:
        name: of the setup.
        seconds: for all frames.
        sent: input tokens of all calls.
        written: output tokens of all calls.
        found: input tokens that were not computed again, or None if unknown.
        pictures: pictures found in the server's cache and asked for, or None.
        answers: by frame and stage.
        failed: calls without an answer.
    """

    name: str
    seconds: float
    sent: int
    written: int
    answers: Answers
    failed: int
    found: int | None = None
    pictures: tuple[int, int] | None = None

    def line(self, frames: int) -> str:
        computed = (
            ""
            if self.found is None
            else f"  {self.sent - self.found:>8,} computed ({self.found / max(self.sent, 1):.0%} found)"
        )
        pictures = "" if self.pictures is None else f"  pictures found {self.pictures[0]} of {self.pictures[1]}"
        failed = f"  {self.failed} FAILED" if self.failed else ""
        return (
            f"{self.name:<34} {frames / self.seconds:7.2f} frames/s  {self.seconds:6.1f} s  {self.sent:>8,} tokens in  "
            f"{self.written:>6,} out{computed}{pictures}{failed}"
        )


def main() -> None:
    arguments = parse()
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(bench(arguments, Path(folder)))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", default="demo", help="where the frames come from, as for `lightemma run` (%(default)s)"
    )
    parser.add_argument("--frames", type=script_input.count, default=12, help="frames to drive (default: %(default)s)")
    parser.add_argument("--model", help="folder or hub id of a vision-language model (default: tiny random weights)")
    parser.add_argument("--tokens", type=script_input.count, default=32, help="longest answer (default: %(default)s)")
    parser.add_argument(
        "--dtype",
        choices=("auto", "bfloat16", "float16", "float32"),
        default="float32",
        help="of both programs (default: %(default)s)",
    )
    parser.add_argument("--python", help="vLLM's environment (default: .vllm-venv)")
    parser.add_argument("--gpu", action="store_true", help="serve on the GPU (default: on the CPU)")
    parser.add_argument(
        "--max-batch",
        type=script_input.count,
        default=8,
        help="calls in a batch of transformers (default: %(default)s)",
    )
    parser.add_argument(
        "--concurrency",
        type=script_input.counts,
        default="1,8,32",
        help="concurrent frames at the server (default: %(default)s)",
    )
    parser.add_argument(
        "--max-model-len", type=script_input.count, default=4096, help="longest conversation (default: %(default)s)"
    )
    parser.add_argument(
        "--picture",
        type=script_input.size,
        default="448x252",
        help="size that pictures are brought to; whole patches of 28 x 28 are not scaled again by the programs, which do it "
        "differently in the last bits (default: %(default)s)",
    )
    parser.add_argument("--no-transformers", action="store_true", help="the server only")
    return parser.parse_args()


async def bench(arguments: argparse.Namespace, folder: Path) -> None:
    model, label = weights(arguments, folder)
    source = open_source(arguments.data, folder)
    size = tuple(map(int, arguments.picture.split("x")))
    frames = [(frame, resized(frame.image_path, size)) for frame in source.frames(limit=arguments.frames)]
    print(
        f"{label}, {arguments.dtype}; {len(frames)} frames of {arguments.data}, answers of {arguments.tokens} tokens at most"
    )
    sides: list[Side] = []

    def tell(side: Side) -> None:
        sides.append(side)
        print(side.line(len(frames)), flush=True)

    if not arguments.no_transformers:
        await in_this_process(arguments, model, frames, tell)
    await by_server(arguments, model, frames, folder, tell)
    for other in sides[1:]:
        if "dialogue" in other.name:
            continue
        print(f"answers: {sides[0].name} and {other.name}: {agreement(sides[0].answers, other.answers)}")


def weights(arguments: argparse.Namespace, folder: Path) -> tuple[str, str]:
    if arguments.model:
        return arguments.model, arguments.model
    from tests.serving import tiny_served

    texts = tuple(load_prompts("three-stage").templates.values())
    return str(
        tiny_served.save(folder / "tiny", texts=texts, most_pixels=28 * 28 * 192)
    ), "a TINY Qwen2.5-VL with RANDOM weights"


def resized(path: Path, size: tuple[int, ...]) -> Picture:
    """The picture in a given size, as PNG, so that all decode the same pixels."""
    from PIL import Image

    width, height = size
    encoded = io.BytesIO()
    with Image.open(path) as picture:
        picture.convert("RGB").resize((width, height), Image.Resampling.BICUBIC).save(encoded, "PNG")
    data = encoded.getvalue()
    return Picture(data, "image/png", (width, height), hashlib.sha256(data).hexdigest())


def config(arguments: argparse.Namespace, model: str, **more: object) -> ModelConfig:
    given = {"max_output_tokens": arguments.tokens, "limits": Limits(timeout_s=600), "provider": "bench", **more}
    return ModelConfig(name="bench", model=model, **given)


async def in_this_process(
    arguments: argparse.Namespace, model: str, frames: list[tuple[Frame, Picture]], tell: Callable[[Side], None]
) -> None:
    """One call at a time with everything done anew, and batches."""
    ways = (
        ("transformers, one at a time", 1, {"max_batch": 1, "reuse_pictures": False}),
        ("transformers, batched", 2 * arguments.max_batch, {"max_batch": arguments.max_batch}),
    )
    for name, concurrency, batching in ways:
        options = {"dtype": arguments.dtype, "device_map": None if arguments.gpu else "cpu", **batching}
        backend = TransformersBackend(config(arguments, model, provider="transformers", options=options))
        await drive(backend, frames[:1], 1, PromptStyle())  # loads the weights
        tell(await timed(name, backend, frames, concurrency, PromptStyle()))
        await backend.aclose()


async def by_server(
    arguments: argparse.Namespace,
    model: str,
    frames: list[tuple[Frame, Picture]],
    folder: Path,
    tell: Callable[[Side], None],
) -> None:
    """A vLLM server, with more and more concurrent frames, and as a dialogue."""
    levels = arguments.concurrency
    # Only in this mode can the server be asked to clear its caches.
    env = {"VLLM_SERVER_DEV_MODE": "1", "HF_HUB_OFFLINE": "1"} | (
        {} if arguments.gpu else {"VLLM_CPU_KVCACHE_SPACE": "1"}
    )
    options = ServerOptions(
        python=arguments.python,
        cpu=not arguments.gpu,
        dtype=arguments.dtype,
        max_model_len=arguments.max_model_len,
        extra=["--max-num-seqs", str(max(levels)), *([] if arguments.gpu else ["--enforce-eager"])],
        env=env,
    )
    pool = ServerPool(folder)
    server = pool.join(Launch("bench", Served(model), options), folder / "server")
    try:
        began = time.perf_counter()
        running = await server.ready()
        print(f"vLLM answers after {time.perf_counter() - began:.0f} s")
        backend = OpenAICompatibleBackend(
            config(arguments, running.model, provider="openai-compatible", base_url=running.address.base_url)
        )
        for level in levels:
            tell(await served(f"vLLM, {level} concurrent", running, backend, frames, level, PromptStyle()))
        best = 8 if 8 in levels else levels[-1]
        dialogue = PromptStyle(dialogue=True)
        tell(await served(f"vLLM, {best} concurrent, dialogue", running, backend, frames, best, dialogue))
        await backend.aclose()
    finally:
        await pool.leave(server)


async def served(
    name: str,
    running: Running,
    backend: Backend,
    frames: list[tuple[Frame, Picture]],
    concurrency: int,
    way: PromptStyle,
) -> Side:
    """One pass at the server, which remembers nothing of those before, and what it counted."""
    for path in ("/reset_prefix_cache", "/reset_mm_cache"):
        try:
            await asyncio.to_thread(running.address.post, path, {}, 30.0)
        except server_asking.Unanswered as answer:
            if answer.status is not None:  # an empty body is no JSON, and means that it was done
                print(f"{path}: {answer}")
    before = await asyncio.to_thread(server_asking.counters, running.address, 10.0) or {}
    side = await timed(name, backend, frames, concurrency, way)
    after = await asyncio.to_thread(server_asking.counters, running.address, 10.0) or {}
    counted = {key: after[key] - before.get(key, 0) for key in after}
    if counted.get("input_tokens") != side.sent or counted.get("output_tokens") != side.written:
        print(f"{name}: the server counted {counted}, the answers say {side.sent} and {side.written}")
    return Side(
        side.name,
        side.seconds,
        side.sent,
        side.written,
        side.answers,
        side.failed,
        found=counted.get("prefix_cache_found", 0),
        pictures=(counted.get("picture_cache_found", 0), counted.get("picture_cache_asked", 0)),
    )


async def timed(
    name: str, backend: Backend, frames: list[tuple[Frame, Picture]], concurrency: int, way: PromptStyle
) -> Side:
    began = time.perf_counter()
    sent, written, answers, failed = await drive(backend, frames, concurrency, way)
    return Side(name, time.perf_counter() - began, sent, written, answers, failed)


async def drive(
    backend: Backend, frames: list[tuple[Frame, Picture]], concurrency: int, way: PromptStyle
) -> tuple[int, int, Answers, int]:
    """Concurrent frames, the stages of each in order."""
    planner = ChainOfThought(PlannerSettings(style=way))
    answers: Answers = {}
    counted = {"sent": 0, "written": 0, "failed": 0}

    async def call(request: Request) -> CallResult:
        try:
            completion = await backend.generate(request)
        except CallError as error:
            counted["failed"] += 1
            return CallResult(None, error.kind, error.message)
        if completion.usage is not None:
            counted["sent"] += completion.usage.input
            counted["written"] += completion.usage.output
        answers[request.sample_token, request.stage] = completion.text
        return CallResult(completion)

    places = asyncio.Semaphore(concurrency)

    async def one(frame: Frame, picture: Picture) -> None:
        async with places:
            await planner.plan(frame, View((picture,)), {"main": call})

    work: list[Awaitable[None]] = [one(frame, picture) for frame, picture in frames]
    await asyncio.gather(*work)
    return counted["sent"], counted["written"], answers, counted["failed"]


def agreement(one: Answers, other: Answers) -> str:
    """How many answers are the same, stage by stage, of those to the same question: later stages ask with earlier answers.

    A character that was cut in half at the end is shown by one program and held back by the other.
    """
    stages = list(dict.fromkeys(stage for _, stage in one))
    parts = []
    for place, stage in enumerate(stages):
        tokens = [
            token
            for token, of in one
            if of == stage and all(one[token, before] == other.get((token, before)) for before in stages[:place])
        ]
        same = sum(one[token, stage].rstrip(_CUT) == other.get((token, stage), "").rstrip(_CUT) for token in tokens)
        parts.append(f"{stage} {same} of {len(tokens)}")
    return ", ".join(parts) + " the same"


if __name__ == "__main__":
    script_input.ends(main)
