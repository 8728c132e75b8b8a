"""Disk per call of runs of different sizes, with recorded answers: while a run goes on, and once it has ended.

    bench_disk.py ARCHIVE... [--against FOLDER] [--frames 3 5 10 20 81 208]

Runs of three calls a frame over made-up drives, whose calls are answered as LightEMMA's published archives recorded them: runs
of each size until they end, and a longer one that is looked at whenever it has as many frames. Everything in the run's folder
counts: manifest, samples of prompts, frames, and its lock while it goes on. The cache of answers, which all runs of a folder
share, does not; it is told by itself. Bytes are those of the files, not the blocks that a file system gives them.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from itertools import islice
from pathlib import Path
from typing import Any

import script_input
from made_up_scenes import VERSION, write_scenes

from lightemma.backends.base import Backend, Completion, Request
from lightemma.data.published import PublishedArchive
from lightemma.run_folder.records import Usage
from lightemma.run_folder.store import read_outcomes
from lightemma.sessions.benchmark import Benchmark
from lightemma.sessions.frames_of_source import open_runs

ROOT = Path(__file__).resolve().parents[1]
CALLS = 3
#: Benchmark frames of a scene of 40 key frames.
PER_SCENE = 26


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument(
        "archives", type=script_input.file, nargs="+", help="published archives whose answers are taken"
    )
    arguments.add_argument("--against", type=script_input.checkout, help="a checkout of another version")
    arguments.add_argument("--frames", type=script_input.count, nargs="+", default=[3, 5, 10, 20, 81, 208])
    options = arguments.parse_args()
    trees = {"this version": ROOT} | ({"the other version": options.against} if options.against else {})
    with tempfile.TemporaryDirectory() as temporary:
        data = Path(temporary)
        write_scenes(data, -(-(max(options.frames) + 1) // PER_SCENE), PER_SCENE + 14)
        print("kB per call, the mean of the archives (the least to the most)")
        for name, tree in trees.items():
            found = [own_process(tree, data, archive, options.frames) for archive in options.archives]
            print(f"\n{name:<20} {'while it goes on':<22} {'ended':<22} cache of answers")
            for frames in map(str, options.frames):
                parts = [figures([one[part][frames] for one in found]) for part in ("grows", "ended", "cache")]
                print(f"{frames:>5} frames         {parts[0]:<22} {parts[1]:<22} {parts[2]}")


def figures(found: list[float]) -> str:
    """Mean and range of kilobytes."""
    return f"{statistics.fmean(found):.2f} ({min(found):.2f} to {max(found):.2f})"


def own_process(tree: Path, data: Path, archive: Path, frames: list[int]) -> dict[str, dict[str, float]]:
    """What one version needs for the answers of one archive."""
    command = [sys.executable, __file__, "--inside", str(data), str(archive), *map(str, frames)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tree), str(ROOT / "scripts")])}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    found: dict[str, dict[str, float]] = json.loads(done.stdout.splitlines()[-1])
    return found


# --- measured in separate processes -----------------------------------------------------------------------------


class Recorded(Backend):
    """Answers the calls of one frame after the other as an archive recorded them."""

    #: Answers of the archive by frame and stage.
    answers: list[dict[str, str]]
    #: Places of the frames by their tokens, in the order in which they were asked for.
    places: dict[str, int]
    #: The folder that is looked at, sizes that are wanted, and bytes of those that were met.
    watched: Path
    wanted: frozenset[int] = frozenset()
    met: dict[int, int]

    async def generate(self, request: Request) -> Completion:
        """The recorded text; before it, a look at the folder."""
        kind = type(self)
        if kind.wanted:
            recorded = len(read_outcomes(kind.watched))
            if recorded in kind.wanted:
                kind.met.setdefault(recorded, size_of(kind.watched))
        place = kind.places.setdefault(request.sample_token, len(kind.places))
        text = kind.answers[place][request.stage]
        drawn = random.Random(f"{request.sample_token} {request.stage}")
        asked = sum(len(part.text) for message in request.messages for part in message.parts if hasattr(part, "text"))
        return Completion(text, Usage(1100 + asked // 4 + drawn.randrange(40), 0, len(text) // 4 + drawn.randrange(20)))


def inside(data: Path, archive: Path, frames: list[int]) -> None:
    """Measures, and prints kilobytes per call."""
    Recorded.answers = list(islice(answers_of(archive), max(frames) + 1))
    found: dict[str, dict[str, float]] = {"grows": {}, "ended": {}, "cache": {}}
    with tempfile.TemporaryDirectory() as temporary:
        for count in frames:
            results = Path(temporary) / f"of-{count}"
            drive(data, results, count)
            found["ended"][str(count)] = size_of(results / "run") / (CALLS * count * 1000)
            found["cache"][str(count)] = (results / "responses.sqlite").stat().st_size / (CALLS * count * 1000)
        results = Path(temporary) / "longer"
        Recorded.watched, Recorded.wanted, Recorded.met = results / "run", frozenset(frames), {}
        drive(data, results, max(frames) + 1)
    found["grows"] = {str(count): size / (CALLS * count * 1000) for count, size in Recorded.met.items()}
    print(json.dumps(found))


def drive(data: Path, results: Path, frames: int) -> None:
    """One run, one call at a time."""
    Recorded.places = {}
    results.mkdir()
    config = results / "model.yaml"
    config.write_text("name: recorded\nprovider: bench_disk:Recorded\nmodel: recorded\nlimits: {concurrency: 1}\n")
    where = f"nuscenes:{data}@{VERSION}"
    open_runs(Benchmark(data=where, models=[str(config)], limit=frames, name="run", concurrency=1), results).run()


def answers_of(archive: Path) -> Any:
    """The answers of frames that have all three, in their order."""
    for record in PublishedArchive(archive).records("strict"):
        said = {call.stage: call.response for call in record.calls if call.response}
        if len(said) == CALLS:
            yield said


def size_of(folder: Path) -> int:
    """Bytes of all files of a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    if "--inside" in sys.argv:
        place, archive, *counts = sys.argv[sys.argv.index("--inside") + 1 :]
        import bench_disk  # the class that the YAML names, not a second one of this module

        bench_disk.inside(Path(place), Path(archive), list(map(int, counts)))
    else:
        script_input.ends(main)
