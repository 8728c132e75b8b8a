"""Writes nuScenes tables of invented drives with tiny pictures, all different: data for benchmarks of any size."""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import math
import random
from collections.abc import Sequence
from pathlib import Path

import script_input
from PIL import Image

VERSION = "v1.0-made-up"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("root", type=script_input.new_folder)
    arguments.add_argument("--scenes", type=script_input.count, default=10)
    arguments.add_argument("--key-frames", type=script_input.count, default=40)
    options = arguments.parse_args()
    print(
        f"{write_scenes(options.root, options.scenes, options.key_frames)} benchmark frames in {options.root}@{VERSION}"
    )


def write_scenes(
    root: Path,
    scenes: int,
    key_frames: int,
    seed: int = 1,
    jpegs: Sequence[bytes] = (),
    size: tuple[int, int] = (160, 90),
) -> int:
    """Writes the tables and pictures; returns how many benchmark frames they give.

    Args:
        root: the folder.
        scenes: how many.
        key_frames: of each scene.
        seed: of the drives.
        jpegs: pictures to take in turn; noise if there are none.
        size: of the pictures, width and height.
    """
    rng = random.Random(seed)
    pictures = root / "samples" / "CAM_FRONT"
    pictures.mkdir(parents=True, exist_ok=True)
    if not jpegs:
        buffer = io.BytesIO()
        Image.effect_noise(size, 60).convert("RGB").save(buffer, "JPEG", quality=60)
        jpegs = (buffer.getvalue(),)
    width, height = size
    sensor, calibration = token("sensor"), token("calibration")
    tables: dict[str, list[dict[str, object]]] = {
        "sensor": [{"token": sensor, "channel": "CAM_FRONT", "modality": "camera"}],
        "calibrated_sensor": [
            {
                "token": calibration,
                "sensor_token": sensor,
                "translation": [1.7, 0.0, 1.5],
                "rotation": [0.5, -0.5, 0.5, -0.5],
                "camera_intrinsic": [[0.79 * width, 0.0, width / 2], [0.0, 0.79 * width, height / 2], [0.0, 0.0, 1.0]],
            }
        ],
        "scene": [],
        "sample": [],
        "sample_data": [],
        "ego_pose": [],
    }
    for number in range(scenes):
        scene = token("scene", number)
        samples = [token("sample", number, index) for index in range(key_frames)]
        tables["scene"].append(
            {
                "token": scene,
                "log_token": "",
                "nbr_samples": key_frames,
                "first_sample_token": samples[0],
                "last_sample_token": samples[-1],
                "name": f"scene-{number:04d}",
                "description": "made up",
            }
        )
        x, y, heading, speed, bend = 0.0, 0.0, rng.uniform(-3, 3), rng.uniform(2, 10), rng.uniform(-0.03, 0.03)
        for index, sample in enumerate(samples):
            timestamp = 1_500_000_000_000_000 + number * 10**9 + index * 500_000
            name = f"samples/CAM_FRONT/{number:04d}-{index:03d}.jpg"
            # A comment segment after the start marker makes every file different.
            comment = f"{number}/{index}".encode()
            jpeg = jpegs[(number * key_frames + index) % len(jpegs)]
            data = jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + jpeg[2:]
            (root / name).write_bytes(data)
            pose, row = token("pose", number, index), token("data", number, index)
            tables["sample"].append({"token": sample, "timestamp": timestamp, "scene_token": scene})
            tables["ego_pose"].append(
                {
                    "token": pose,
                    "timestamp": timestamp,
                    "rotation": [math.cos(heading / 2), 0.0, 0.0, math.sin(heading / 2)],
                    "translation": [x, y, 0.0],
                }
            )
            tables["sample_data"].append(
                {
                    "token": row,
                    "sample_token": sample,
                    "ego_pose_token": pose,
                    "calibrated_sensor_token": calibration,
                    "timestamp": timestamp,
                    "fileformat": "jpg",
                    "is_key_frame": True,
                    "height": height,
                    "width": width,
                    "filename": name,
                }
            )
            speed = min(max(speed + rng.uniform(-0.8, 0.8), 0.0), 15.0)
            x, y = x + speed * 0.5 * math.cos(heading), y + speed * 0.5 * math.sin(heading)
            heading += bend * speed * 0.5
    folder = root / VERSION
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        (folder / f"{name}.json").write_text(json.dumps(rows), encoding="utf-8")
    return scenes * max(key_frames - 14, 0)


def token(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


if __name__ == "__main__":
    script_input.ends(main)
