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
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import script_input
from gpu_bench.by_server import vllm_part
from gpu_bench.in_process import local_part
from gpu_bench.material import write_frames, write_model
from gpu_bench.passes import Bench, gpu_memory
from random_qwen import SHAPES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=script_input.pictures, required=True, help="folder of real JPEGs")
    parser.add_argument("--shape", choices=tuple(SHAPES), default="7b")
    parser.add_argument("--work", type=script_input.new_folder, default=Path("/tmp/bench_gpu"))
    parser.add_argument("--out", type=script_input.new_folder, default=Path(os.environ.get("OUT", ".")))
    parser.add_argument(
        "--deadline", type=script_input.positive, default=float(os.environ.get("DEADLINE", time.time() + 3600))
    )
    parser.add_argument("--frames", type=script_input.count, default=192)
    parser.add_argument("--concurrency", type=script_input.count, default=96, help="concurrent frames at the server")
    parser.add_argument("--python", default=sys.executable, help="interpreter of vLLM's environment")
    parser.add_argument("--small", action="store_true", help="only the smaller pictures at the server")
    parser.add_argument(
        "--vllm-site",
        type=script_input.folder,
        help="folder with vLLM and what it needs, put first in the server's PYTHONPATH",
    )
    parser.add_argument("--parts", type=script_input.some_of("vllm", "local"), default="vllm,local")
    parser.add_argument("--local-frames", type=script_input.count, default=48)
    parser.add_argument("--local-batch", type=script_input.count, default=32)
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
    for part in () if options.data_only else options.parts:
        try:
            {"vllm": vllm_part, "local": local_part}[part](bench, options)
        except Exception as error:
            bench.tell("failed", part=part, error=f"{type(error).__name__}: {error}"[:2000])


if __name__ == "__main__":
    script_input.ends(main)
