"""How many frames per second a local model drives: in batches as the backend makes them, compared with one call at a time.

Both ask the same weights the same questions, three stages for each frame, in one run. One call at a time means what a plain
script does: decode and prepare the picture, generate, decode the answer, for each stage anew. The prompts are those of the
shipped set, with filler in place of the earlier answers so that both sides get the same work.

Without --model the weights are random: `--random 7b` has the shape of Qwen2.5-VL-7B (a GPU with 24 GB or more), `small` the
same build with 0.1 billion weights. `tiny` runs anywhere in seconds and says little about real models, in which
arithmetic outweighs everything else.
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import script_input
from random_qwen import SHAPES, Shape, with_random_weights

from lightemma.backends.base import Message, PicturePart, Request, TextPart
from lightemma.backends.config import ModelConfig
from lightemma.backends.local.loading import LoadedModel, load_model
from lightemma.backends.local.options import LocalOptions
from lightemma.backends.transformers import TransformersBackend
from lightemma.frame import Picture
from lightemma.prompts.sets import history_values, load_prompts
from lightemma.prompts.template import fill
from lightemma.run_folder.records import STAGES

#: As long as models' answers to the first two stages usually are.
FILLER = {
    "scene": "A two-lane road leads straight ahead between parked cars; a van waits at the junction on the right. " * 6,
    "intent": "The car has held its speed and follows its lane; it should slow down a little before the junction. " * 4,
}


@dataclass(frozen=True)
class Side:
    """Time and tokens of one setup."""

    seconds: float
    input_tokens: int
    output_tokens: int
    texts: list[str]

    def line(self, name: str, frames: int) -> str:
        return (
            f"{name:<22} {frames / self.seconds:8.3f} frames/s  {self.seconds:8.1f} s  {self.input_tokens} input tokens  "
            f"{self.output_tokens} output tokens"
        )


def main() -> None:
    arguments = parse()
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    import torch

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    gpu = torch.cuda.is_available()
    with tempfile.TemporaryDirectory() as folder:
        loaded, label = load(arguments, Path(folder), gpu)
    if not arguments.model:
        # Random weights end an answer by accident; here all are equally long.
        loaded.model.generation_config.eos_token_id = None
    requests = questions(arguments.frames, *map(int, arguments.picture.split("x")))
    frames = len(requests)
    device = torch.cuda.get_device_name() if gpu else f"CPU, {torch.get_num_threads()} threads"
    print(f"{label}; {loaded.model.dtype} on {device}; {frames} frames of {arguments.picture}, three stages each")

    one_at_a_time(loaded, requests[:1], 2)  # warms up
    single = one_at_a_time(loaded, requests, arguments.tokens)
    print(single.line("one call at a time", frames))
    for name, more in (
        ("static batches", {"batching": "static"}),
        ("continuous batches", {"batching": "continuous", "reuse_prompts": False}),
        ("and shared readings", {"batching": "continuous"}),
    ):
        batched, told = asyncio.run(in_batches(loaded, requests, arguments, more))
        print(batched.line(name, frames), f" {told}")
        same = sum(one == other for one, other in zip(single.texts, batched.texts, strict=True))
        print(
            f"{'':<22} ratio {single.seconds / batched.seconds:.2f}; {same} of {len(single.texts)} answers are the same"
        )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="folder or hub id of an image-text-to-text model")
    parser.add_argument(
        "--random", choices=("7b", "small", "tiny"), help="random weights (default: 7b on a GPU, else tiny)"
    )
    parser.add_argument("--frames", type=script_input.count, default=16, help="frames to drive (default: %(default)s)")
    parser.add_argument(
        "--picture", type=script_input.size, default="1600x900", help="size of the pictures (default: %(default)s)"
    )
    parser.add_argument("--tokens", type=script_input.count, default=100, help="longest answer (default: %(default)s)")
    parser.add_argument(
        "--max-batch", type=script_input.count, default=16, help="most calls in a batch (default: %(default)s)"
    )
    parser.add_argument(
        "--max-batch-tokens", type=script_input.count, default=65_536, help="token budget (default: %(default)s)"
    )
    parser.add_argument(
        "--dtype", choices=("auto", "bfloat16", "float16", "float32"), help="default: float32 on the CPU"
    )
    parser.add_argument("--attention", choices=("sdpa", "eager", "flash_attention_2"), help="attention code")
    parser.add_argument("--no-reuse", action="store_true", help="batches only: prepare and encode each call's picture")
    parser.add_argument("--threads", type=script_input.count, help="CPU threads of torch")
    return parser.parse_args()


def load(arguments: argparse.Namespace, folder: Path, gpu: bool) -> tuple[LoadedModel, str]:
    """The model, and what it is."""
    dtype = arguments.dtype or ("bfloat16" if gpu else "float32")
    options = LocalOptions(dtype=dtype, attention=arguments.attention)
    if arguments.model:
        return load_model(config(arguments.model), options), arguments.model
    name = arguments.random or ("7b" if gpu else "tiny")
    if name != "tiny":
        return random_model(SHAPES[name], folder, dtype, gpu), SHAPES[name].label
    from tests.backends import tiny_models

    loaded = load_model(config(str(tiny_models.save("qwen2_5_vl", folder, texts=learned()))), options)
    return loaded, SHAPES["tiny"].label


def learned() -> tuple[str, ...]:
    """Texts that give the random models' tokenizer about as many tokens for the prompts as a real one needs."""
    return (*load_prompts("three-stage").templates.values(), *FILLER.values())


def config(model: str, **more: Any) -> ModelConfig:
    return ModelConfig(name="bench", provider="transformers", model=model, **more)


def random_model(shape: Shape, folder: Path, dtype: str, gpu: bool) -> LoadedModel:
    """A Qwen2.5-VL of this shape, filled with noise where it is; its processor with a tokenizer of our own."""
    import torch
    import transformers

    from tests.backends import tiny_models

    # The tiny model's folder gives a processor without a download; its picture limits become the real ones.
    small = load_model(config(str(tiny_models.save("qwen2_5_vl", folder, texts=learned()))), LocalOptions())
    processor = small.processor
    limits = {"shortest_edge": 56 * 56, "longest_edge": shape.max_pixels}
    processor.image_processor.size = type(processor.image_processor.size)(**limits)
    names = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")
    special = {name: getattr(small.model.config, name) for name in names}
    text = shape.text_config(end=None, pad=0)
    settings = transformers.Qwen2_5_VLConfig(text_config=text, vision_config=shape.vision, **special)
    model = with_random_weights(settings, torch.float32 if dtype == "auto" else getattr(torch, dtype), gpu)
    return LoadedModel(model, processor, "random")


def questions(frames: int, width: int, height: int) -> list[list[Request]]:
    """Three requests for each frame, over made-up pictures and motion."""
    prompts = load_prompts("three-stage")
    asked = []
    for number in range(frames):
        numbers = np.random.default_rng(number)
        coarse = numbers.integers(0, 256, (height // 20, width // 20, 3), dtype=np.uint8)
        encoded = io.BytesIO()
        Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).save(encoded, "JPEG", quality=90)
        data = encoded.getvalue()
        picture = Picture(data, "image/jpeg", (width, height), hashlib.sha256(data).hexdigest())
        history = np.column_stack([numbers.uniform(3, 9, 6).round(3), numbers.uniform(-0.02, 0.02, 6).round(3)])
        values = {**history_values(history), **FILLER}
        asked.append(
            [
                Request(
                    (Message("user", (PicturePart(picture), TextPart(fill(prompts.templates[stage], values)))),),
                    f"frame-{number}",
                    stage,
                )
                for stage in STAGES
            ]
        )
    return asked


def answer_length(request: Request, longest: int) -> int:
    """Tokens of an answer: between half of the longest and all, as real answers differ; the same for the same call."""
    place = int.from_bytes(hashlib.sha256(f"{request.sample_token}/{request.stage}".encode()).digest()[:2], "big")
    return longest // 2 + place % (longest - longest // 2 + 1)


def one_at_a_time(loaded: LoadedModel, requests: list[list[Request]], tokens: int) -> Side:
    """Prepares everything again for each call."""
    import torch

    model, processor = loaded.model, loaded.processor
    input_tokens = output_tokens = 0
    texts = []
    started = time.perf_counter()
    for request in (stage for frame in requests for stage in frame):
        picture, prompt = request.messages[0].parts
        assert isinstance(picture, PicturePart)
        assert isinstance(prompt, TextPart)
        assert picture.picture is not None
        image = Image.open(io.BytesIO(picture.picture.data)).convert("RGB")
        content = [{"type": "image"}, {"type": "text", "text": prompt.text}]
        text = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
        inputs = processor(text=[text], images=[image], return_tensors="pt").to(model.device, model.dtype)
        with torch.inference_mode():
            limit = answer_length(request, tokens)
            output = model.generate(**inputs, max_new_tokens=limit, do_sample=False)
        new = output[0, inputs["input_ids"].shape[1] :]
        texts.append(processor.decode(new, skip_special_tokens=True))
        input_tokens += inputs["input_ids"].shape[1]
        output_tokens += len(new)
    return Side(time.perf_counter() - started, input_tokens, output_tokens, texts)


async def in_batches(
    loaded: LoadedModel, requests: list[list[Request]], arguments: argparse.Namespace, more: dict[str, Any]
) -> tuple[Side, str]:
    """Concurrent frames, the stages of each in order, through the backend; and how its places were used."""

    class Loaded(TransformersBackend):
        """The backend over weights that are there already."""

        def load(self) -> LoadedModel:
            return loaded

        def output_limit(self, request: Request) -> int:
            return answer_length(request, arguments.tokens)

    options = {
        "max_batch": arguments.max_batch,
        "max_batch_tokens": arguments.max_batch_tokens,
        "reuse_pictures": not arguments.no_reuse,
        "cached_pictures": 3 * arguments.max_batch,
        **more,
    }
    backend = Loaded(config("in-memory", max_output_tokens=arguments.tokens, options=options))
    places = asyncio.Semaphore(backend.config.limits.concurrency or 1)

    async def drive(frame: list[Request]) -> list[Any]:
        async with places:
            return [await backend.generate(stage) for stage in frame]

    started = time.perf_counter()
    answers = [answer for frame in await asyncio.gather(*map(drive, requests)) for answer in frame]
    seconds = time.perf_counter() - started
    steps = sum(work.steps for work in backend.work)
    # The first token of each answer comes from reading the prompt.
    useful = sum(work.output_tokens - work.calls for work in backend.work) / max(1, steps * arguments.max_batch)
    told = f"{useful:.0%} of {steps} steps' places used"
    readings = backend._engine.continuous.readings if backend._engine and backend._engine.continuous else None
    if readings is not None and readings.asked:
        told += f", {readings.found / readings.asked:.0%} of the input read before"
    await backend.aclose()
    side = Side(
        seconds,
        sum(answer.usage.input for answer in answers),
        sum(answer.usage.output for answer in answers),
        [answer.text for answer in answers],
    )
    return side, told


if __name__ == "__main__":
    script_input.ends(main)
