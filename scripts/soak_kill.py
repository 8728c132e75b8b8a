"""Kills a run repeatedly (SIGKILL) and resumes it each time; the result must be that of an uninterrupted run.

A local server replaces the provider and counts its calls. Checked: the frames are the same, every frame is there once, and
no call is sent again after its answer has arrived. An answer that arrives just before a kill may be lost with the process;
such calls are counted separately.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from fake_provider import FakeProvider, model_yaml
from made_up_scenes import VERSION, write_scenes

#: Seconds within which an answer reaches the process after the server has sent it.
ARRIVAL_S = 0.25


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--kills", type=int, default=50)
    arguments.add_argument("--scenes", type=int, default=150, help="of 40 key frames; 150 scenes are 3,900 frames")
    arguments.add_argument("--latency", type=float, default=0.05, help="seconds the server takes")
    arguments.add_argument("--concurrency", type=int, default=24)
    arguments.add_argument("--seed", type=int, default=7)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        frames = write_scenes(folder / "data", options.scenes, 40)
        print(f"{frames} frames, {3 * frames} calls, {options.kills} kills")
        with FakeProvider(latency=options.latency, jitter=0.3) as server:
            begun = time.monotonic()
            status, _ = drive(folder, "whole", server.base_url, options)
            whole = time.monotonic() - begun
        assert status == 0, f"the uninterrupted run ended with status {status}"
        with FakeProvider(latency=options.latency, jitter=0.3) as server:
            killed_at = kill_and_resume(folder, server.base_url, options, whole)
            log = server.log()
        return report(folder, frames, killed_at, log)


def drive(
    folder: Path, name: str, base_url: str, options: argparse.Namespace, kill_after: float | None = None
) -> tuple[int, float]:
    """One session; returns its exit status, and the time of the kill if it was killed."""
    config = model_yaml(folder / f"{name}.yaml", base_url, concurrency=options.concurrency)
    command = [
        "run",
        "--data",
        f"nuscenes:{folder / 'data'}@{VERSION}",
        "--model",
        str(config),
        "--out",
        str(folder / name),
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "lightemma", *command, "--quiet"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    moment = 0.0
    try:
        _, errors = process.communicate(timeout=kill_after)
    except subprocess.TimeoutExpired:
        moment = time.time()
        os.kill(process.pid, signal.SIGKILL)
        _, errors = process.communicate()
    if process.returncode not in (0, -signal.SIGKILL):
        print(errors.decode()[-500:])
    return process.returncode, moment


def kill_and_resume(folder: Path, base_url: str, options: argparse.Namespace, whole: float) -> list[float]:
    """Sessions until the run is finished; returns the times of the kills."""
    rng = random.Random(options.seed)
    killed_at: list[float] = []
    for _ in range(options.kills):
        # Every session needs some seconds to start; the rest of the run is spread over the kills.
        pause = rng.uniform(0.5, 2.0 + 2.0 * whole / options.kills)
        status, moment = drive(folder, "killed", base_url, options, kill_after=pause)
        if status == 0:
            break
        killed_at.append(moment)
    status, _ = drive(folder, "killed", base_url, options)
    assert status == 0, f"the last session ended with status {status}"
    return killed_at


def report(folder: Path, frames: int, killed_at: list[float], log: list[dict[str, Any]]) -> int:
    whole, killed = frames_of(folder / "whole"), frames_of(folder / "killed")
    same = [frame for frame in whole if whole[frame] == killed.get(frame)]
    lines = Counter(
        json.loads(line)["sample_token"]
        for path in (folder / "killed").glob("*/frames.jsonl")
        for line in whole_lines(path)
    )
    answered: dict[str, list[float]] = {}
    for call in log:
        if call["status"] == 200:
            answered.setdefault(call["hash"], []).append(call["finished"])
    repeated = {key: sorted(times) for key, times in answered.items() if len(times) > 1}
    lost = sum(
        any(0 <= kill - times[0] + ARRIVAL_S <= 2 * ARRIVAL_S for kill in killed_at) for times in repeated.values()
    )
    print(f"kills                                     {len(killed_at)}")
    print(f"frames that are the same in both runs     {len(same)} of {frames}")
    print(f"frames written more than once             {sum(count > 1 for count in lines.values())}")
    print(f"calls answered by the server              {sum(len(times) for times in answered.values())}")
    print(f"sent again though the answer had arrived  {len(repeated) - lost}")
    print(f"sent again, answer lost with the process  {lost}")
    good = len(same) == frames == len(killed) and max(lines.values()) == 1 and len(repeated) == lost
    print("good" if good else "NOT GOOD")
    return 0 if good else 1


def frames_of(results: Path) -> dict[str, Any]:
    """The record of every frame, without what differs between any two runs (seconds, attempts)."""
    found = {}
    for path in results.glob("*/frames.jsonl"):
        for line in whole_lines(path):
            frame = json.loads(line)
            frame.pop("latency_s")
            for call in frame["calls"]:
                for name in ("latency_s", "attempts", "cached"):
                    call.pop(name)
            found[frame["sample_token"]] = frame
    return found


def whole_lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line]


if __name__ == "__main__":
    sys.exit(main())
