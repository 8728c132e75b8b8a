"""How long `compare` takes against one parse of the same frames: prints the ratio of both, taken in one run.

Makes nine runs of 3,908 frames with texts as long as published ones, unless --runs names a folder of runs.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import script_input

from lightemma.evaluation.comparison import compare_runs
from lightemma.evaluation.scores import load_scores
from lightemma.evaluation.tables.files import write_tables
from lightemma.kinematics import hold_last_action, integrate
from lightemma.protocol import LIGHTEMMA
from lightemma.run_folder.frame_lines import frames_file
from lightemma.run_folder.manifest import DataEntry, Manifest, ModelEntry, PlannerEntry, frame_set_digest
from lightemma.run_folder.places import find_runs
from lightemma.run_folder.records import CallRecord, FrameRecord, Usage
from lightemma.run_folder.store import RunWriter, whole_lines

SCENES, FRAMES_PER_SCENE = 150, 26
WORDS = (
    "the",
    "road",
    "ahead",
    "is",
    "clear",
    "of",
    "traffic",
    "and",
    "a",
    "car",
    "waits",
    "while",
    "pedestrians",
    "cross",
)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument(
        "--runs", type=script_input.folder, help="folder of runs, such as one made by `lightemma import`"
    )
    arguments.add_argument(
        "--repeat", type=script_input.count, default=3, help="how often each side is timed; the median counts"
    )
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.runs or make_runs(Path(temporary) / "runs")
        runs = find_runs([folder])
        tables = Path(temporary) / "tables"

        def parse() -> int:
            decoder = msgspec.json.Decoder(FrameRecord)
            return sum(len([decoder.decode(line) for line in whole_lines(frames_file(run))]) for run in runs)

        def compare() -> None:
            write_tables(compare_runs([load_scores(run) for run in runs]), tables)

        frames = parse()
        size = sum(frames_file(run).stat().st_size for run in runs) / 1e6
        print(f"{len(runs)} runs, {frames} frames, {size:.0f} MB of frames")
        seconds = [(timed(parse), timed(compare)) for _ in range(options.repeat)]
        parsing, comparing = (statistics.median(column) for column in zip(*seconds, strict=True))
        print(f"parse once (msgspec, all fields)      {parsing:7.2f} s CPU")
        print(f"compare (10,000 resamples, tables)    {comparing:7.2f} s CPU")
        print(f"ratio compare / parse                 {comparing / parsing:7.2f}   (at most 3)")
        shutil.rmtree(tables, ignore_errors=True)


def timed(job: Callable[[], object]) -> float:
    """CPU seconds, since the machine may be busy with other things."""
    started = time.process_time()
    job()
    return time.process_time() - started


def make_runs(folder: Path, count: int = 9) -> Path:
    """Runs of the published size with random drives and answers."""
    rng = random.Random(5)
    tokens = [f"{index:032x}" for index in range(SCENES * FRAMES_PER_SCENE)]
    for number in range(count):
        name = f"model-{number}"
        manifest = Manifest(
            run=name,
            protocol=LIGHTEMMA.as_dict(),
            data=DataEntry("made-up", "made-up", "", SCENES, len(tokens), frame_set_digest(tokens)),
            planner=PlannerEntry("chain-of-thought"),
            parser="strict",
            models={"main": ModelEntry(name, "made-up", name)},
        )
        truth_rng = random.Random(7)
        with RunWriter(folder / name, manifest) as writer:
            for index, token in enumerate(tokens):
                writer.append(make_frame(index, token, truth_rng, rng))
    return folder


def make_frame(index: int, token: str, truth_rng: random.Random, rng: random.Random) -> FrameRecord:
    """One frame; the drive comes from ``truth_rng``, the same in every run, the answer from ``rng``."""
    history = [(truth_rng.uniform(0, 12), truth_rng.uniform(-0.05, 0.05)) for _ in range(6)]
    truth = integrate(hold_last_action(np.array(history)) * truth_rng.uniform(0.8, 1.2)).tolist()
    failed = rng.random() < 0.05
    actions = [(rng.uniform(0, 12), rng.uniform(-0.05, 0.05)) for _ in range(6)]
    stages = [
        CallRecord(stage, text(rng, 220), text(rng, 110), "ok", Usage(1400, 0, 110, 0), rng.uniform(2, 5))
        for stage in ("scene", "intent", "action")
    ]
    return FrameRecord(
        scene=f"scene-{index // FRAMES_PER_SCENE:04d}",
        frame_index=index % FRAMES_PER_SCENE,
        sample_token=token,
        image=f"samples/CAM_FRONT/{token}.jpg",
        timestamp=index,
        history=history,
        ground_truth=truth,
        calls=stages,
        answer=2,
        actions=None if failed else actions,
        trajectory=None if failed else integrate(np.array(actions)).tolist(),
        outcome="format:wrong_count" if failed else "ok",
    )


def text(rng: random.Random, words: int) -> str:
    return " ".join(rng.choices(WORDS, k=words))


if __name__ == "__main__":
    script_input.ends(main)
