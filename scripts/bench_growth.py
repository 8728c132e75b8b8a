"""How memory and time of `compare`, `report` and resuming grow with the frames of a run.

Makes runs of two sizes (short texts, scenes of 25 frames), takes each step in a process of its own, prints seconds of CPU and
peak memory, and what a million frames would take if both grow in a line through the two sizes.
"""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import script_input

from lightemma.kinematics import hold_last_action, integrate
from lightemma.protocol import LIGHTEMMA
from lightemma.run_folder.frame_lines import frames_file
from lightemma.run_folder.manifest import DataEntry, Manifest, ModelEntry, PlannerEntry, frame_set_digest
from lightemma.run_folder.places import find_runs
from lightemma.run_folder.records import CallRecord, FrameRecord, Usage
from lightemma.run_folder.store import RunWriter, read_outcomes

STEPS = ("resume", "compare", "report")
PER_SCENE = 25


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--frames", type=script_input.count, nargs=2, default=[25_000, 100_000])
    arguments.add_argument("--runs", type=script_input.count, default=2)
    arguments.add_argument("--steps", nargs="*", default=list(STEPS), choices=STEPS)
    arguments.add_argument(
        "--folder", type=script_input.new_folder, help="keeps the runs here, and takes those that are there"
    )
    arguments.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    arguments.add_argument("--results", type=script_input.folder, help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.step:
        take(options.step, options.results)
        return
    if options.frames[0] >= options.frames[1]:
        arguments.error(
            "argument --frames: name the smaller number first, since a line goes through two different ones"
        )
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        found: dict[str, list[tuple[float, float]]] = {step: [] for step in options.steps}
        for frames in options.frames:
            results = folder / str(frames)
            if not results.exists():
                make_runs(results, frames, options.runs)
            size = sum(frames_file(run).stat().st_size for run in find_runs([results])) / 1e6
            print(f"{frames:,} frames of {frames // PER_SCENE:,} scenes, {options.runs} runs, {size:.0f} MB of frames")
            for step in options.steps:
                command = [sys.executable, __file__, "--step", step, "--results", str(results)]
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
                seconds, megabytes = map(float, done.stdout.split()[-2:])
                found[step].append((seconds, megabytes))
                print(f"  {step:8} {seconds:7.1f} s of CPU  {megabytes:7.0f} MB at most", flush=True)
        small, large = options.frames
        for step, ((s0, m0), (s1, m1)) in found.items():
            more = (1_000_000 - large) / (large - small)
            print(f"a million frames: {step:8} {s1 + (s1 - s0) * more:7.0f} s  {m1 + (m1 - m0) * more:7.0f} MB")


def take(step: str, results: Path) -> None:
    """One step in this process; prints seconds and megabytes last."""
    if step == "resume":
        read_outcomes(find_runs([results])[0])
    else:
        from lightemma.cli import main as lightemma

        with tempfile.TemporaryDirectory() as out:
            target = ["--out", out] if step == "compare" else ["--out", f"{out}/report.html"]
            sys.argv = ["lightemma", step, str(results), *target]
            try:
                lightemma()
            except SystemExit as ended:
                if ended.code:
                    raise
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(time.process_time(), used.ru_maxrss / 1024)


def make_runs(folder: Path, frames: int, count: int) -> None:
    """Runs over the same made-up drives, whose plans are random."""
    tokens = [f"{index:032x}" for index in range(frames)]
    for number in range(count):
        name, drawn, drive = f"model-{number}", random.Random(number), random.Random(7)
        manifest = Manifest(
            run=name,
            protocol=LIGHTEMMA.as_dict(),
            data=DataEntry("made-up", "made-up", "", frames // PER_SCENE, frames, frame_set_digest(tokens)),
            planner=PlannerEntry("chain-of-thought"),
            parser="strict",
            models={"main": ModelEntry(name, "made-up", name)},
        )
        with RunWriter(folder / name, manifest) as writer:
            for index, token in enumerate(tokens):
                writer.append(frame(index, token, drive, drawn))


def frame(index: int, token: str, drive: random.Random, drawn: random.Random) -> FrameRecord:
    """One frame; the drive comes from ``drive``, the same in every run, the plan from ``drawn``."""
    history = [(drive.uniform(0, 12), drive.uniform(-0.05, 0.05)) for _ in range(6)]
    truth = integrate(hold_last_action(np.array(history)) * drive.uniform(0.8, 1.2)).tolist()
    actions = [(drawn.uniform(0, 12), drawn.uniform(-0.05, 0.05)) for _ in range(6)]
    said = {"scene": "A road.", "intent": "Drive on.", "action": str([list(pair) for pair in actions])}
    return FrameRecord(
        scene=f"scene-{index // PER_SCENE:06d}",
        frame_index=index % PER_SCENE,
        sample_token=token,
        image=f"samples/CAM_FRONT/{token}.jpg",
        timestamp=index,
        history=history,
        ground_truth=truth,
        calls=[
            CallRecord(stage, "Say what you see.", text, "ok", Usage(1400, 0, 110, 0), drawn.uniform(2, 5))
            for stage, text in said.items()
        ],
        answer=2,
        actions=actions,
        trajectory=integrate(np.array(actions)).tolist(),
        outcome="ok",
    )


if __name__ == "__main__":
    script_input.ends(main)
