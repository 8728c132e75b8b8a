"""The passes in this process: one call at a time, static batches and continuous batches."""

from __future__ import annotations

import argparse
import gc
import time
from typing import Any

from gpu_bench.passes import LAST, LENGTHS, WEIGHTS, Bench, drive, gpu_memory
from random_qwen import with_random_weights

from lightemma.backends.local import loading
from lightemma.backends.local.loading import LoadedModel


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
            "provider": "gpu_bench.passes:InProcess",
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
    model = with_random_weights(config, torch.bfloat16 if gpu else torch.float32, gpu)
    model.generation_config.eos_token_id = None
    return LoadedModel(model, processor, "random")
