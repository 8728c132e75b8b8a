"""Times opening nuScenes tables: nuscenes-devkit, our reader without an index, our reader with one.

Writes made-up tables of a real release's size and layout, then opens them three times, each in a process of its own,
one after the other. Seconds leave the imports out, the peak memory has them in. The files were written just before,
so all three read from the page cache where memory allows.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import math
import random
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import script_input

CAMERAS = ("CAM_FRONT", "CAM_FRONT_RIGHT", "CAM_BACK_RIGHT", "CAM_BACK", "CAM_BACK_LEFT", "CAM_FRONT_LEFT")
RADARS = ("RADAR_FRONT", "RADAR_FRONT_LEFT", "RADAR_FRONT_RIGHT", "RADAR_BACK_LEFT", "RADAR_BACK_RIGHT")
LIDAR = "LIDAR_TOP"
# Rows of each sensor per key frame, the key frame's own included: together 77, as in v1.0-trainval.
RATES = dict.fromkeys(CAMERAS, 6) | dict.fromkeys(RADARS, 6) | {LIDAR: 11}
INTERVAL_US = 500_000
INDEX_FOLDER = ".bench-index"
MAPS_FOLDER = "bench-maps"


@dataclass(frozen=True)
class Size:
    """How large the tables are: scenes, key frames and annotations in all."""

    version: str
    scenes: int
    samples: int
    annotations: int


SIZES = {
    "trainval": Size("v1.0-trainval", 850, 34_149, 1_166_187),
    "test": Size("v1.0-test", 150, 6_008, 0),
    "small": Size("v1.0-small", 10, 404, 18_538),
}


def row_template(**columns: Any) -> str:
    """A %-template of one row as ``json.dump(indent=0)`` writes it; ``<%d>`` is a number, ``%s`` a string."""
    return json.dumps(columns, indent=0).replace('"<', "").replace('>"', "")


SAMPLE_DATA_ROW = row_template(
    **dict.fromkeys(("token", "sample_token", "ego_pose_token", "calibrated_sensor_token"), "%s"),
    timestamp="<%d>",
    fileformat="%s",
    is_key_frame="<%s>",
    height="<%d>",
    width="<%d>",
    filename="%s/%s/%s__%s__%d.%s",
    prev="%s",
    next="%s",
)
EGO_POSE_ROW = row_template(token="%s", timestamp="<%d>", rotation=["<%r>"] * 4, translation=["<%r>", "<%r>", 0.0])
ANNOTATION_ROW = row_template(
    **dict.fromkeys(("token", "sample_token", "instance_token"), "%s"),
    visibility_token="%d",
    attribute_tokens=["%s"],
    translation=["<%r>"] * 3,
    size=["<%r>"] * 3,
    rotation=["<%r>", 0.0, 0.0, "<%r>"],
    prev="%s",
    next="%s",
    num_lidar_pts="<%d>",
    num_radar_pts="<%d>",
)


class Tokens:
    """Endless random 32-digit tokens, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def take(self, count: int) -> list[str]:
        text = self._random.randbytes(16 * count).hex()
        return [text[start : start + 32] for start in range(0, 32 * count, 32)]

    def one(self) -> str:
        return self.take(1)[0]


class TableFile:
    """A table written row by row in the layout of ``json.dump(rows, file, indent=0)``."""

    def __init__(self, path: Path) -> None:
        self._file: TextIO = path.open("w", encoding="utf-8")
        self._separator = "[\n"

    def write(self, rows: Iterable[str]) -> None:
        text = ",\n".join(rows)
        if text:
            self._file.write(self._separator + text)
            self._separator = ",\n"

    def close(self) -> None:
        self._file.write("\n]" if self._separator != "[\n" else "[]")
        self._file.close()


@dataclass
class SmallTables:
    """The tables that are small enough to keep as rows until the end."""

    tokens: Tokens
    random: random.Random
    logs: list[dict[str, Any]] = field(default_factory=list)
    scenes: list[dict[str, Any]] = field(default_factory=list)
    samples: list[dict[str, Any]] = field(default_factory=list)
    calibrated: list[dict[str, Any]] = field(default_factory=list)
    instances: list[dict[str, Any]] = field(default_factory=list)


def blank_png() -> bytes:
    """One black pixel, for the map picture that the devkit insists on."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")


def write_tables(root: Path, size: Size, seed: int = 7) -> None:
    """Writes every table of a release under ``root``.

    Args:
        root: an existing folder.
        size: how much of everything.
        seed: makes the same tables again.
    """
    folder = root / f"{size.version}.part"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (root / MAPS_FOLDER).mkdir(exist_ok=True)
    (root / MAPS_FOLDER / "blank.png").write_bytes(blank_png())
    tokens = Tokens(seed)
    small = SmallTables(tokens, random.Random(seed))
    small.logs = [
        {
            "token": tokens.one(),
            "logfile": f"n{number:03d}-2018-08-01-15-16-36-0400",
            "vehicle": f"n{number:03d}",
            "date_captured": "2018-08-01",
            "location": "singapore-onenorth",
        }
        for number in range(1, max(2, size.scenes // 12) + 1)
    ]
    sensors = {channel: tokens.one() for channel in RATES}
    big = {name: TableFile(folder / f"{name}.json") for name in ("sample_data", "ego_pose", "sample_annotation")}
    category, attributes = tokens.one(), tokens.take(8)
    for number in range(size.scenes):
        first, last = (size.samples * edge // size.scenes for edge in (number, number + 1))
        samples = write_scene(small, number, last - first, sensors, big)
        first, last = (size.annotations * edge // size.scenes for edge in (number, number + 1))
        big["sample_annotation"].write(annotation_rows(small, samples, last - first, category, attributes))
    for table in big.values():
        table.close()
    rest: dict[str, list[dict[str, Any]]] = {
        "scene": small.scenes,
        "sample": small.samples,
        "calibrated_sensor": small.calibrated,
        "instance": small.instances,
        "log": small.logs,
        "sensor": [
            {"token": token, "channel": channel, "modality": channel.split("_")[0].lower().replace("cam", "camera")}
            for channel, token in sensors.items()
        ],
        "category": [{"token": category, "name": "vehicle.car", "description": "", "index": 17}],
        "attribute": [{"token": token, "name": f"attribute.{token[:4]}", "description": ""} for token in attributes],
        "visibility": [{"token": str(n), "level": f"v{n}", "description": ""} for n in range(1, 5)],
        "map": [
            {
                "token": tokens.one(),
                "category": "semantic_prior",
                "filename": f"{MAPS_FOLDER}/blank.png",
                "log_tokens": [log["token"] for log in small.logs],
            }
        ],
    }
    for name, rows in rest.items():
        with (folder / f"{name}.json").open("w", encoding="utf-8") as file:
            json.dump(rows, file, indent=0)
    folder.rename(root / size.version)


def write_scene(
    small: SmallTables, number: int, count: int, sensors: dict[str, str], big: dict[str, TableFile]
) -> list[str]:
    """Adds one scene with all its sensors' rows; gives back its sample tokens."""
    tokens, rng = small.tokens, small.random
    scene, log, start = tokens.one(), small.logs[number % len(small.logs)], 1_533_000_000_000_000 + number * 60_000_000
    samples = tokens.take(count)
    small.scenes.append(
        {
            "token": scene,
            "log_token": log["token"],
            "nbr_samples": count,
            "first_sample_token": samples[0],
            "last_sample_token": samples[-1],
            "name": f"scene-{number + 1:04d}",
            "description": "Made up",
        }
    )
    small.samples.extend(
        {"token": token, "timestamp": start + place * INTERVAL_US, "prev": prev, "next": after, "scene_token": scene}
        for place, (prev, token, after) in enumerate(zip(["", *samples], samples, [*samples[1:], ""], strict=False))
    )
    speed, turn, heading = rng.uniform(2, 14), rng.uniform(-0.05, 0.05), rng.uniform(-3, 3)
    place_x, place_y = rng.uniform(100, 2500), rng.uniform(100, 2500)
    for channel, rate in RATES.items():
        calibration = tokens.one()
        is_camera = channel in CAMERAS
        small.calibrated.append(
            {
                "token": calibration,
                "sensor_token": sensors[channel],
                "translation": [rng.uniform(0, 2), rng.uniform(-1, 1), rng.uniform(0, 2)],
                "rotation": [0.5, -0.5, 0.5, -0.5],
                "camera_intrinsic": [[1266.4, 0.0, 816.3], [0.0, 1266.4, 491.5], [0.0, 0.0, 1.0]] if is_camera else [],
            }
        )
        height, width, ending = (900, 1600, "jpg") if is_camera else (0, 0, "pcd")
        chain = tokens.take(count * rate)
        rows, poses = [], []
        for place, (prev, token, after) in enumerate(zip(["", *chain], chain, [*chain[1:], ""], strict=False)):
            sample, step = divmod(place, rate)
            key = step == 0
            stamp = start + sample * INTERVAL_US + step * INTERVAL_US // rate + rng.randrange(9000)
            state = ("true", "samples") if key else ("false", "sweeps")
            rows.append(
                SAMPLE_DATA_ROW
                % (
                    *(token, samples[sample], token, calibration, stamp, ending, state[0], height, width),
                    *(state[1], channel, log["logfile"], channel, stamp, ending, prev, after),
                )
            )
            seconds = (stamp - start) / 1e6
            now = heading + turn * seconds
            along = speed * seconds
            poses.append(
                EGO_POSE_ROW
                % (
                    *(token, stamp, math.cos(now / 2), rng.gauss(0, 1e-3), rng.gauss(0, 1e-3), math.sin(now / 2)),
                    *(place_x + along * math.cos(now), place_y + along * math.sin(now)),
                )
            )
        big["sample_data"].write(rows)
        big["ego_pose"].write(poses)
    return samples


def annotation_rows(
    small: SmallTables, samples: list[str], count: int, category: str, attributes: list[str]
) -> Iterator[str]:
    """One scene's annotations, the instances' tracks in turn."""
    made, rng = 0, small.random
    while made < count:
        length = min(len(samples), count - made, rng.randint(4, 32))
        instance, chain = small.tokens.one(), small.tokens.take(length)
        small.instances.append(
            {
                "token": instance,
                "category_token": category,
                "nbr_annotations": length,
                "first_annotation_token": chain[0],
                "last_annotation_token": chain[-1],
            }
        )
        place, dims, turn = (
            (rng.uniform(100, 2500), rng.uniform(100, 2500), rng.random()),
            (1.95, 4.6, 1.73),
            rng.random(),
        )
        links = zip(["", *chain], chain, [*chain[1:], ""], samples, strict=False)
        for step, (prev, token, after, sample) in enumerate(links):
            yield ANNOTATION_ROW % (
                *(token, sample, instance, 1 + made % 4, attributes[made % len(attributes)]),
                *(round(place[0] + step / 3, 3), round(place[1] - step / 3, 3), round(place[2], 3), *dims),
                *(math.cos(turn), math.sin(turn), prev, after, rng.randrange(99), rng.randrange(9)),
            )
        made += length


@dataclass(frozen=True)
class Opened:
    """What one opening took and what it found."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    key_frames: int
    digest: str


class Stopwatch:
    """Wall and CPU seconds since it was made, and the process's peak memory."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def stop(self) -> tuple[float, float, float]:
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        return wall, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def open_devkit(root: Path, version: str) -> Opened:
    from nuscenes.nuscenes import NuScenes

    watch = Stopwatch()
    tables = NuScenes(version=version, dataroot=str(root), verbose=False)
    taken = watch.stop()
    digest, count = hashlib.sha256(), 0
    for scene in tables.scene:
        token = scene["first_sample_token"]
        while token:
            sample = tables.get("sample", token)
            pose = tables.get("ego_pose", tables.get("sample_data", sample["data"]["CAM_FRONT"])["ego_pose_token"])
            digest.update(token.encode() + struct.pack("<2d", *pose["translation"][:2]))
            token, count = sample["next"], count + 1
    return Opened(*taken, count, digest.hexdigest())


def open_ours(root: Path, version: str, cache: Path) -> Opened:
    from lightemma.data.nuscenes import NuScenesSource

    watch = Stopwatch()
    source = NuScenesSource(root, version, cache_dir=cache)
    taken = watch.stop()
    digest, index = hashlib.sha256(), source.index
    for token, position in zip(index.sample_tokens, index.positions.tolist(), strict=True):
        digest.update(token.encode() + struct.pack("<2d", *position))
    return Opened(*taken, len(index.sample_tokens), digest.hexdigest())


def measure(way: str, root: Path, version: str) -> Opened:
    """Opens the tables in a process of its own."""
    command = [sys.executable, __file__, "--open", way, "--dir", str(root), "--version-size", version]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"opening with {way} failed:\n{done.stderr}")
    return Opened(**json.loads(done.stdout))


def compare(root: Path, size: Size, size_name: str) -> None:
    """Opens the tables in every way and prints the table of figures."""
    shutil.rmtree(root / INDEX_FOLDER, ignore_errors=True)
    results = {way: measure(way, root, size_name) for way in ("devkit", "cold", "warm")}
    print(f"\n{size.version}-like tables, {size.scenes} scenes, {size.samples} key frames")
    print(f"{'way':<8} {'wall s':>9} {'CPU s':>9} {'peak MB':>9} {'key frames':>11}  digest")
    for way, opened in results.items():
        print(
            f"{way:<8} {opened.wall_s:>9.3f} {opened.cpu_s:>9.3f} {opened.peak_mb:>9.1f} {opened.key_frames:>11}  "
            f"{opened.digest[:16]}"
        )
    reference = results["devkit"]
    for way in ("cold", "warm"):
        opened = results[way]
        print(
            f"{way} against devkit: {reference.wall_s / opened.wall_s:.1f}x wall, "
            f"{reference.cpu_s / opened.cpu_s:.1f}x CPU, {reference.peak_mb / opened.peak_mb:.1f}x less peak memory"
        )
    found = {(opened.key_frames, opened.digest) for opened in results.values()}
    if len(found) > 1 or reference.key_frames != size.samples:
        raise SystemExit("The three ways do not give the same key frames.")
    print("All three give the same key frames.")


def main() -> None:
    """Reads the command line, writes the tables, measures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version-size", choices=list(SIZES), default="small", help="which release's size to imitate")
    parser.add_argument(
        "--dir", type=script_input.new_folder, help="where to write the tables (default: a temporary folder)"
    )
    parser.add_argument("--keep", action="store_true", help="leave the tables there; tables already there are used")
    parser.add_argument("--open", choices=["devkit", "cold", "warm"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    size = SIZES[options.version_size]
    if options.open:
        root = options.dir
        opened = (
            open_devkit(root, size.version)
            if options.open == "devkit"
            else open_ours(root, size.version, root / INDEX_FOLDER)
        )
        print(json.dumps(opened.__dict__))
        return
    if importlib.util.find_spec("nuscenes") is None:
        raise SystemExit(
            "There is nothing to compare with: pip install 'lightemma[nuscenes]', as make bench does in an environment for it."
        )
    if options.dir:
        options.dir.mkdir(parents=True, exist_ok=True)
    root = options.dir or Path(tempfile.mkdtemp(prefix="bench-tables-"))
    found = (root / size.version).exists()
    try:
        if not found:
            start = time.perf_counter()
            write_tables(root, size)
            print(f"Wrote the tables in {time.perf_counter() - start:.0f} s:")
        for path in sorted((root / size.version).iterdir(), key=lambda path: -path.stat().st_size)[:4]:
            print(f"  {path.name:<24} {path.stat().st_size / 2**20:>8.1f} MiB")
        compare(root, size, options.version_size)
    finally:
        shutil.rmtree(root / INDEX_FOLDER, ignore_errors=True)
        if not options.dir and not options.keep:
            shutil.rmtree(root, ignore_errors=True)
        elif not found and not options.keep:  # tables that were there before are never taken away
            for name in (size.version, f"{size.version}.part", MAPS_FOLDER):
                shutil.rmtree(root / name, ignore_errors=True)
        elif options.keep:
            print(f"The tables are in {root}.")


if __name__ == "__main__":
    script_input.ends(main)
