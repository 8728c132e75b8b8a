"""One GPU: `provider: transformers` against vLLM on Qwen2.5-VL-7B's architecture with random weights, on real-sized frames.

Frames are 1600 x 900 JPEGs, all different, made from real ones; each is driven by the three-stage prompts through lightemma's
own run (data, planner, pictures, records on disk), against a vLLM server that lightemma starts, and in this process. Answers
are cut at the lengths of Qwen2.5-VL-7B's published answers (106, 134 and 78 tokens in the mean), never earlier, since random
weights stop by accident; the next stage gets a usual text in their place. vLLM's own benchmark (`vllm bench serve`) then sends
the same requests in the same order to the same server, each cut at the mean, 106 tokens.

Every figure is written to OUT/engine.jsonl as soon as it is measured; what does not fit before the deadline is left out.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import gc
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from made_up_scenes import VERSION, write_scenes

from lightemma.backends.base import Completion, Request
from lightemma.backends.local import loading
from lightemma.backends.local.loading import LoadedModel
from lightemma.backends.openai_compatible import OpenAICompatibleBackend
from lightemma.backends.transformers import TransformersBackend
from lightemma.prompts.sets import load_prompts
from lightemma.serving.engines import Served
from lightemma.serving.launch import Launch
from lightemma.serving.options import ServerOptions
from lightemma.serving.pool import ServerPool

#: Tokens of the three answers of 32 frames, drawn from Qwen2.5-VL-7B's published ones (3,908 frames; means 106, 134, 78).
LENGTHS = (
    (83, 127, 85), (111, 159, 84), (98, 153, 85), (104, 171, 85), (110, 168, 85), (110, 98, 85), (97, 135, 73), (134, 147, 61),
    (92, 132, 79), (126, 123, 72), (88, 133, 91), (123, 143, 85), (85, 122, 85), (101, 135, 85), (105, 124, 72), (123, 109, 85),
    (119, 145, 85), (79, 126, 84), (91, 166, 85), (98, 130, 61), (100, 105, 82), (108, 148, 79), (114, 107, 72), (102, 112, 73),
    (104, 109, 85), (115, 166, 79), (83, 120, 85), (73, 140, 79), (115, 125, 84), (77, 127, 84), (97, 130, 84), (153, 152, 73),
)  # fmt: skip
MEAN_LENGTH = 106
#: Longer side of the smaller pictures: 464 tokens in place of 1,824.
SMALL_SIDE = 800
STAGES = ("scene", "intent", "action")
#: LightEMMA's own record: three calls one after the other on an H100, frames per second.
RECORDED = 0.115
#: What the next stage reads in place of a random answer: about as long as a usual one.
TEXTS = {
    "scene": "A two-lane road leads straight ahead between parked cars; a van waits at the junction on the right. " * 5,
    "intent": "The car has held its speed and follows its lane; it should slow down a little before the junction. " * 6,
    "action": "[" + ", ".join(["(5.0, 0.001)"] * 6) + "]",
}
SPECIALS = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for c in m['content'] %}"
    "{% if c['type'] == 'image' or c['type'] == 'image_url' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% else %}{{ c['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@dataclass(frozen=True)
class Shape:
    """Sizes of a Qwen2.5-VL: of the real 7B, or one that runs anywhere to try the script."""

    vocabulary: int
    text: dict[str, Any]
    vision: dict[str, Any]


SHAPES = {
    "7b": Shape(
        152_064,
        {
            "hidden_size": 3_584,
            "intermediate_size": 18_944,
            "num_hidden_layers": 28,
            "num_attention_heads": 28,
            "num_key_value_heads": 4,
            "rope_parameters": {"rope_type": "default", "mrope_section": [16, 24, 24], "rope_theta": 1e6},
        },
        {
            "depth": 32,
            "hidden_size": 1_280,
            "intermediate_size": 3_420,
            "num_heads": 16,
            "out_hidden_size": 3_584,
            "patch_size": 14,
            "window_size": 112,
            "fullatt_block_indexes": [7, 15, 23, 31],
        },
    ),
    "thin": Shape(  # two of the text's layers and eight of the pictures': to try everything on a GPU in seconds
        152_064,
        {
            "hidden_size": 3_584,
            "intermediate_size": 18_944,
            "num_hidden_layers": 2,
            "num_attention_heads": 28,
            "num_key_value_heads": 4,
            "rope_parameters": {"rope_type": "default", "mrope_section": [16, 24, 24], "rope_theta": 1e6},
        },
        {
            "depth": 8,
            "hidden_size": 1_280,
            "intermediate_size": 3_420,
            "num_heads": 16,
            "out_hidden_size": 3_584,
            "patch_size": 14,
            "window_size": 112,
            "fullatt_block_indexes": [3, 7],
        },
    ),
    "tiny": Shape(
        4_096,
        {
            "hidden_size": 128,
            "intermediate_size": 192,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "rope_parameters": {"rope_type": "default", "mrope_section": [4, 6, 6], "rope_theta": 1e6},
        },
        {
            "depth": 2,
            "hidden_size": 64,
            "intermediate_size": 96,
            "num_heads": 2,
            "out_hidden_size": 128,
            "patch_size": 14,
            "window_size": 112,
            "fullatt_block_indexes": [1],
        },
    ),
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=Path, required=True, help="folder of real JPEGs")
    parser.add_argument("--shape", choices=tuple(SHAPES), default="7b")
    parser.add_argument("--work", type=Path, default=Path("/tmp/bench_gpu"))
    parser.add_argument("--out", type=Path, default=Path(os.environ.get("OUT", ".")))
    parser.add_argument("--deadline", type=float, default=float(os.environ.get("DEADLINE", time.time() + 3600)))
    parser.add_argument("--frames", type=int, default=192)
    parser.add_argument("--concurrency", type=int, default=96, help="concurrent frames at the server")
    parser.add_argument("--python", default=sys.executable, help="interpreter of vLLM's environment")
    parser.add_argument("--small", action="store_true", help="only the smaller pictures at the server")
    parser.add_argument("--vllm-site", help="folder with vLLM and what it needs, put first in the server's PYTHONPATH")
    parser.add_argument("--parts", default="vllm,local")
    parser.add_argument("--local-frames", type=int, default=48)
    parser.add_argument("--local-batch", type=int, default=32)
    parser.add_argument("--no-single", action="store_true", help="leave one call at a time out")
    parser.add_argument("--data-only", action="store_true", help="write the frames and the model's folder only")
    parser.add_argument("--vllm-extra", default="", help="further arguments of the server, separated by blanks")
    options = parser.parse_args()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    bench = Bench(options.shape, options.work, options.out, options.deadline, options.frames, options.concurrency)
    options.work.mkdir(parents=True, exist_ok=True)
    begun = time.perf_counter()
    done = options.work / f"written-{bench.shape}-{bench.frames}"
    if not done.exists():
        done.write_text(str(write_frames(bench, sorted(options.pictures.glob("*.jpg")))), encoding="utf-8")
        write_model(bench)
    sizes = int(done.read_text(encoding="utf-8"))
    bench.tell("ready", seconds=round(time.perf_counter() - begun, 1), jpeg_bytes=sizes, gpu=gpu_memory())
    for part in () if options.data_only else options.parts.split(","):
        try:
            {"vllm": vllm_part, "local": local_part}[part](bench, options)
        except Exception as error:
            bench.tell("failed", part=part, error=f"{type(error).__name__}: {error}"[:2000])


# --- what is driven --------------------------------------------------------------------------------------------------


def write_frames(bench: Bench, originals: list[Path]) -> int:
    """A nuScenes folder whose pictures are real ones, each shifted and lightened differently; returns their mean bytes."""
    import numpy as np
    from PIL import Image

    for folder in ("data", f"data{SMALL_SIDE}"):
        write_scenes(bench.work / folder, -(-bench.frames // 26), 40)
    sources = [np.asarray(Image.open(path).convert("RGB")) for path in originals]
    places = sorted((bench.work / "data/samples/CAM_FRONT").glob("*.jpg"))

    def write(number: int) -> int:
        pixels = np.roll(sources[number % len(sources)], 17 * number % 1600, axis=1)
        lighter = np.clip(pixels.astype(np.int16) + number % 29 - 14, 0, 255).astype(np.uint8)
        encoded = io.BytesIO()
        picture = Image.fromarray(lighter)
        picture.save(encoded, "JPEG", quality=90)
        places[number].write_bytes(encoded.getvalue())
        picture.thumbnail((SMALL_SIDE, SMALL_SIDE), Image.Resampling.BICUBIC)
        picture.save(bench.work / f"data{SMALL_SIDE}" / places[number].relative_to(bench.work / "data"), quality=90)
        return len(encoded.getvalue())

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        sizes = list(pool.map(write, range(len(places))))
    return round(sum(sizes) / len(sizes))


def write_model(bench: Bench) -> None:
    """The model's folder without weights: its config, and a tokenizer of our own with as many entries."""
    import transformers
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    folder, shape = bench.work / "model", SHAPES[bench.shape]
    tokens = tokenizer(shape.vocabulary)
    tokens.chat_template = TEMPLATE
    number = tokens.convert_tokens_to_ids
    config = transformers.Qwen2_5_VLConfig(
        text_config={
            "vocab_size": shape.vocabulary,
            "max_position_embeddings": 32_768,
            "rms_norm_eps": 1e-6,
            "bos_token_id": None,
            "eos_token_id": tokens.eos_token_id,
            "pad_token_id": tokens.pad_token_id,
            **shape.text,
        },
        vision_config=shape.vision,
        image_token_id=number("<|image_pad|>"),
        video_token_id=number("<|video_pad|>"),
        vision_start_token_id=number("<|vision_start|>"),
        vision_end_token_id=number("<|vision_end|>"),
        pad_token_id=tokens.pad_token_id,
        eos_token_id=tokens.eos_token_id,
        tie_word_embeddings=False,
        architectures=["Qwen2_5_VLForConditionalGeneration"],
        dtype="bfloat16",
    )
    config.save_pretrained(folder)
    tokens.save_pretrained(folder)
    limits = {"shortest_edge": 56 * 56, "longest_edge": 28 * 28 * 16_384}
    Qwen2VLImageProcessorPil(patch_size=14, size=limits).save_pretrained(folder)


def tokenizer(size: int) -> Any:
    """A byte-level BPE that learned the prompts, filled up to ``size`` entries with words of capital letters.

    Every entry but the few special ones is reached by merges, so that any answer is about as many tokens when read again.
    """
    from itertools import product
    from string import ascii_uppercase as capitals

    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    texts = [*load_prompts("three-stage").templates.values(), *TEXTS.values()]
    learner.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=min(2_000, size - 100),
            special_tokens=list(SPECIALS),
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    learned = json.loads(learner.to_str())["model"]
    vocabulary: dict[str, int] = learned["vocab"]
    merges = [tuple(merge) for merge in learned["merges"]]
    for letters in (1, 2, 3, 4):
        for word in product(capitals, repeat=letters):
            if len(vocabulary) >= size:
                break
            left, right = "Ġ" + "".join(word[:-1]), word[-1]
            if left + right not in vocabulary:
                vocabulary[left + right] = len(vocabulary)
                merges.append((left, right))
    core = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        model_max_length=32_768,
        model_input_names=["input_ids", "attention_mask"],
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=[name for name in SPECIALS if name not in ("<|im_end|>", "<|endoftext|>")],
    )


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
    # The model's YAML names classes of this file as a module, which must be this very one.
    sys.modules["bench_gpu"] = sys.modules[__name__]
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


# --- vLLM ------------------------------------------------------------------------------------------------------------


def vllm_part(bench: Bench, options: argparse.Namespace) -> None:
    """Full-size pictures, the engine's own benchmark on the same requests, and smaller pictures."""
    environment = {"VLLM_SERVER_DEV_MODE": "1", "HF_HUB_OFFLINE": "1"}
    if not shutil.which("nvidia-smi"):
        environment["VLLM_CPU_KVCACHE_SPACE"] = "1"
    if options.vllm_site:
        environment["PYTHONPATH"] = os.pathsep.join([options.vllm_site, os.environ.get("PYTHONPATH", "")])
    begun = time.perf_counter()
    with server(bench, options, environment) as address:
        bench.tell("vllm up", seconds=round(time.perf_counter() - begun, 1), gpu=gpu_memory())
        asked = {"provider": "bench_gpu:ByServer", "model": str(bench.work / "model"), "base_url": address + "/v1"}
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


# --- in this process -------------------------------------------------------------------------------------------------


def local_part(bench: Bench, options: argparse.Namespace) -> None:
    """One call at a time, batches, and continuous batches."""
    import torch

    begun = time.perf_counter()
    WEIGHTS[:] = [random_weights(bench)]
    gpu = torch.cuda.is_available()
    bench.tell("weights", seconds=round(time.perf_counter() - begun, 1), gpu=gpu_memory())
    batch, many = options.local_batch, options.local_frames
    room = {"max_batch": batch, "max_batch_tokens": 2_700 * batch, "cached_pictures": 4 * batch}
    ways: tuple[tuple[str, int, int, dict[str, Any]], ...] = (
        ("one at a time, pictures anew", 1, 1, {"max_batch": 1, "reuse_pictures": False, "batching": "static"}),
        ("continuous batches", many, 2 * batch, {**room, "batching": "continuous"}),
        ("static batches", many, 2 * batch, {**room, "batching": "static"}),
        (
            "continuous, each stage reads all",
            many,
            2 * batch,
            {**room, "batching": "continuous", "reuse_prompts": False},
        ),
    )
    for place, (name, frames, concurrency, given) in enumerate((("warm-up", 1, 1, ways[0][3]), *ways)):
        if bench.left < 15:
            break
        if place == 1 and options.no_single:
            continue
        if gpu:
            torch.cuda.reset_peak_memory_stats()
        model = {
            "provider": "bench_gpu:InProcess",
            "model": "random",
            "max_output_tokens": max(map(max, LENGTHS)),
            "options": given,
        }
        passed = drive(bench, f"local-{place}", model, frames, concurrency)
        if not place:
            continue
        peak = round(torch.cuda.max_memory_allocated() / 1e9, 2) if gpu else None
        bench.tell(f"transformers, {name}", **passed.figures(frames), peak_gb=peak, **work(given["max_batch"]))
        gc.collect()


def work(max_batch: int) -> dict[str, Any]:
    """What the last pass in this process did."""
    done, readings = LAST
    steps, written, calls = (sum(getattr(one, name) for one in done) for name in ("steps", "output_tokens", "calls"))
    return {
        "device_s": round(sum(one.seconds for one in done), 2),
        # The first token of each answer comes from reading the prompt, not from a step.
        "useful_decode_share": round((written - calls) / max(1, steps * max_batch), 3),
        "rows_per_step": round((written - calls) / max(1, steps), 1),
        "steps": steps,
        "read_before": round(readings.found / max(1, readings.asked), 3) if readings else 0.0,
    }


def random_weights(bench: Bench) -> LoadedModel:
    """The model with random weights where it will run; it never ends an answer by itself."""
    import torch
    import transformers

    folder = bench.work / "model"
    config = transformers.AutoConfig.from_pretrained(folder)
    processor = loading._processor(str(folder), {}, config)
    gpu = torch.cuda.is_available()
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16 if gpu else torch.float32)
    try:
        with torch.device("cuda" if gpu else "cpu"):
            model = transformers.Qwen2_5_VLForConditionalGeneration(config)
    finally:
        torch.set_default_dtype(before)
    model.eval()
    model.generation_config.eos_token_id = None
    model.generation_config.pad_token_id = 0
    return LoadedModel(model, processor, "random")


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


if __name__ == "__main__":
    main()
