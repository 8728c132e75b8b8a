"""Small made-up nuScenes tables in any JSON layout, with what a reader must find in them."""

from __future__ import annotations

import json
import math
import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Row = dict[str, Any]
Layout = Callable[[list[Row]], str]
CHANNELS = ("CAM_FRONT_LEFT", "CAM_FRONT", "LIDAR_TOP")


def _reordered(rows: list[Row]) -> list[Row]:
    return [dict(reversed(row.items())) for row in rows]


LAYOUTS: dict[str, Layout] = {
    "compact": json.dumps,
    "indent0": lambda rows: json.dumps(rows, indent=0),
    "indent4": lambda rows: json.dumps(rows, indent=4) + "\n",
    "no_spaces": lambda rows: json.dumps(rows, separators=(",", ":")),
    "escaped_slashes": lambda rows: json.dumps(rows).replace("/", "\\/"),
    "utf8": lambda rows: json.dumps(rows, ensure_ascii=False, indent=2),
    "windows_lines": lambda rows: "\r\n" + json.dumps(rows, indent=2).replace("\n", "\r\n") + "\r\n",
    "keys_reordered": lambda rows: json.dumps(_reordered(rows), indent=0),
}


@dataclass
class KeyFrame:
    """What a reader must find for one CAM_FRONT key frame."""

    sample_token: str
    timestamp: int
    position: tuple[float, float]
    rotation: tuple[float, float, float, float]
    image: str
    calibration: str


@dataclass
class World:
    """Tables by name, and the key frames of every scene in time order."""

    tables: dict[str, list[Row]] = field(default_factory=dict)
    truth: dict[str, list[KeyFrame]] = field(default_factory=dict)

    def write(self, root: Path, version: str = "v1.0-tiny", layout: str = "indent0", pictures: bool = False) -> Path:
        """Writes the version folder and gives it back."""
        folder = root / version
        folder.mkdir(parents=True, exist_ok=True)
        for name, rows in self.tables.items():
            (folder / f"{name}.json").write_text(LAYOUTS[layout](rows), encoding="utf-8", newline="")
        (root / "maps").mkdir(exist_ok=True)
        (root / "maps" / "blank.png").write_bytes(_png())
        if pictures:
            for frames in self.truth.values():
                for frame in frames:
                    path = root / frame.image
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(_png())
        return folder


def make_world(
    lengths: tuple[int, ...] = (16, 15, 3),
    *,
    names: tuple[str, ...] = ("scene-0001", "scène-雪", 'odd "} { name'),
    links: bool = True,
    shared_pose_tokens: bool = True,
    folder: str = "samples/CAM_FRONT",
    seed: int = 3,
) -> World:
    """Scenes of the given numbers of key frames, three sensors each, two sweeps behind every camera key frame.

    Args:
        lengths: key frames of each scene.
        names: scene names.
        links: rows have ``prev`` and ``next``.
        shared_pose_tokens: an ego pose has the token of its sample_data row, as in nuScenes.
        folder: where CAM_FRONT key frames' pictures are.
        seed: makes the same world again.
    """
    rng = random.Random(seed)
    world = World({name: [] for name in ("scene", "sample", "sample_data", "ego_pose", "calibrated_sensor", "sensor")})
    tables = world.tables
    sensors = {channel: _token(rng) for channel in CHANNELS}
    for channel, token in sensors.items():
        modality = "lidar" if channel == "LIDAR_TOP" else "camera"
        tables["sensor"].append({"token": token, "channel": channel, "modality": modality})
    log = {"token": _token(rng), "logfile": "n001-log", "vehicle": "n001", "date_captured": "", "location": "here"}
    for number, (name, length) in enumerate(zip(names, lengths, strict=False)):
        _add_scene(world, rng, name, number, length, sensors, log, folder, shared_pose_tokens)
    rng.shuffle(tables["sample_data"])
    rng.shuffle(tables["ego_pose"])
    if not links:
        for table in ("sample", "sample_data"):
            for row in tables[table]:
                row.pop("prev"), row.pop("next")
    for empty in ("attribute", "category", "instance", "sample_annotation", "visibility"):
        tables[empty] = []
    tables["log"] = [log]
    tables["map"] = [
        {"token": _token(rng), "category": "", "filename": "maps/blank.png", "log_tokens": [log["token"]]},
    ]
    return world


def _add_scene(
    world: World,
    rng: random.Random,
    name: str,
    number: int,
    length: int,
    sensors: dict[str, str],
    log: Row,
    folder: str,
    shared_pose_tokens: bool,
) -> None:
    tables, scene = world.tables, _token(rng)
    samples = [_token(rng) for _ in range(length)]
    start, heading = 1_532_402_927_000_000 + number * 10**9, rng.uniform(-3, 3)
    tables["scene"].append(
        {
            "token": scene,
            "log_token": log["token"],
            "nbr_samples": length,
            "first_sample_token": samples[0],
            "last_sample_token": samples[-1],
            "name": name,
            "description": "rain, bus in samples/CAM_FRONT/",
        }
    )
    for place, token in enumerate(samples):
        before, after = samples[place - 1] if place else "", samples[place + 1] if place + 1 < length else ""
        row = {"token": token, "timestamp": start + place * 500_000, "prev": before, "next": after}
        tables["sample"].append(row | {"scene_token": scene})
    truth = world.truth.setdefault(name, [])
    for channel, sensor in sensors.items():
        calibration = {
            "token": _token(rng),
            "sensor_token": sensor,
            "translation": [1.7 + number, 0.01, 1.5],
            "rotation": [0.5, -0.5, 0.5, -0.5],
            "camera_intrinsic": [] if channel == "LIDAR_TOP" else [[1266.4, 0.0, 816], [0, 1266.4, 491.5], [0, 0, 1]],
        }
        tables["calibrated_sensor"].append(calibration)
        for place, sample in enumerate(samples):
            for step in range(3):
                stamp = start + place * 500_000 + step * 166_000 + rng.randrange(9000)
                angle = heading + 0.02 * (stamp - start) / 1e6
                rotation = (math.cos(angle / 2), 0.0, 0.0, math.sin(angle / 2))
                along = 5.1 * (stamp - start) / 1e6
                position = (400.0 + along * math.cos(angle), 1000.0 + along * math.sin(angle) - 0.1 * rng.random())
                token = _token(rng)
                pose = token if shared_pose_tokens else _token(rng)
                key = step == 0
                where = (folder if channel == "CAM_FRONT" else f"samples/{channel}") if key else f"sweeps/{channel}"
                image = f"{where}/n001-é__{channel}__{stamp}.jpg"
                tables["sample_data"].append(
                    {
                        "token": token,
                        "sample_token": sample,
                        "ego_pose_token": pose,
                        "calibrated_sensor_token": calibration["token"],
                        "timestamp": stamp,
                        "fileformat": "jpg",
                        "is_key_frame": key,
                        "height": 900,
                        "width": 1600,
                        "filename": image,
                        "prev": "",
                        "next": "",
                    }
                )
                tables["ego_pose"].append(
                    {"token": pose, "timestamp": stamp, "rotation": [*rotation], "translation": [*position, 0.0]}
                )
                if key and channel == "CAM_FRONT":
                    truth.append(KeyFrame(sample, stamp, position, rotation, image, calibration["token"]))


def _token(rng: random.Random) -> str:
    return rng.randbytes(16).hex()


def _png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body
