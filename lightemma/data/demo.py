"""The embedded demo data: synthetic drives, written as a small nuScenes data set.

Everything is made on the spot and the same every time: the car's poses, the tables and the painted pictures. It serves
to show and test the whole program without a download; a score on it says nothing about driving on real roads.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from lightemma.data import demo_shapes as shapes
from lightemma.data.demo_drives import DRIVES, Drive, Motion
from lightemma.data.demo_world import Seen, World
from lightemma.data.painter import backdrop, grain, paint, with_grain
from lightemma.errors import UserError
from lightemma.frame import Camera, FloatArray, Pose

VERSION = "v1.0-demo"
"""Name of the tables' folder, as nuScenes calls a version."""

MARKER = "demo-complete.json"
"""Written last: which files there are. Without it, or without one of its files, the data is written again."""

EDITION = 1
"""Goes up whenever the demo data changes, so that an old copy is written again."""

CAMERA = Camera(
    intrinsic=np.array([[633.2, 0.0, 408.1], [0.0, 633.2, 245.8], [0.0, 0.0, 1.0]]),
    rotation=np.array([0.5, -0.5, 0.5, -0.5]),
    translation=np.array([1.7, 0.0, 1.5]),
    size=(800, 450),
)
"""The demo car's front camera: that of nuScenes at half the size, looking straight ahead."""

_START_TIME = 1_600_000_000_000_000  # microseconds
_ANNOTATED = 80.0  # metres around the car
_CATEGORIES = {"car": "vehicle.car", "van": "vehicle.truck", "person": "human.pedestrian.adult"}
_ATTRIBUTES = (
    "vehicle.moving",
    "vehicle.stopped",
    "vehicle.parked",
    "pedestrian.moving",
    "pedestrian.standing",
)
_SIZES = {"car": shapes.CAR_SIZE, "van": shapes.VAN_SIZE, "person": shapes.PERSON_SIZE}

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Track:
    """The car in one drive.

    Attributes:
        timestamps: (n,) microseconds.
        seconds: (n,) since the drive's start.
        poses: n poses in the frame of the drive's start, with measuring noise.
    """

    timestamps: npt.NDArray[np.int64]
    seconds: FloatArray
    poses: tuple[Pose, ...]


@dataclass(slots=True)
class Tables:
    """The rows of the thirteen nuScenes tables."""

    category: list[Row] = field(default_factory=list)
    attribute: list[Row] = field(default_factory=list)
    visibility: list[Row] = field(default_factory=list)
    instance: list[Row] = field(default_factory=list)
    sensor: list[Row] = field(default_factory=list)
    calibrated_sensor: list[Row] = field(default_factory=list)
    ego_pose: list[Row] = field(default_factory=list)
    log: list[Row] = field(default_factory=list)
    scene: list[Row] = field(default_factory=list)
    sample: list[Row] = field(default_factory=list)
    sample_data: list[Row] = field(default_factory=list)
    sample_annotation: list[Row] = field(default_factory=list)
    map: list[Row] = field(default_factory=list)


def demo_ready(root: Path) -> Path:
    """Writes the demo data unless it is there and complete.

    Args:
        root: the folder of the data set.

    Returns:
        ``root``.

    Raises:
        UserError: if the folder cannot be written.
    """
    if not _complete(root):
        write_demo(root)
    return root


def write_demo(root: Path, drives: tuple[Drive, ...] = DRIVES) -> None:
    """Writes the demo data in the layout of nuScenes (version ``v1.0-demo``), over what may be there.

    Args:
        root: the folder of the data set, made if need be.
        drives: which drives.

    Raises:
        UserError: if the folder cannot be written.
    """
    try:
        (root / MARKER).unlink(missing_ok=True)
        sizes: dict[str, int] = {}
        for name, data in _files(drives):
            _write(root / name, data)
            sizes[name] = len(data)
        _write(root / MARKER, _json({"edition": EDITION, "files": sizes}))
    except OSError as error:
        raise UserError(
            f"The demo data cannot be written to '{root}' ({error.strerror or error}); "
            "choose a folder on a disk with 20 MB free that you may write to."
        ) from error


def drive_track(drive: Drive) -> Track:
    """Time stamps and poses of a drive: exact motion at slightly uneven times, measured with millimetres of noise."""
    rng, count = np.random.default_rng(drive.seed), drive.key_frames
    jitter = np.clip(rng.normal(0.0, 3e-3, count), -8e-3, 8e-3)
    offsets = np.rint((0.5 * np.arange(count) + jitter) * 1e6).astype(np.int64)
    seconds = offsets / 1e6
    path = drive.path
    stations = Motion(0.0, drive.speed).stations(seconds)
    # Nobody keeps to the middle of a lane: a slow weave of 8 cm, 60 m long.
    phase = rng.uniform(0, 2 * np.pi)
    wave = 2 * np.pi / 60.0
    weave = 0.08 * np.sin(wave * stations + phase)
    slope = 0.08 * wave * np.cos(wave * stations + phase)
    places = path.beside(stations, weave) + rng.normal(0.0, 2e-3, (count, 2))
    headings = path.heading(stations) + np.arctan(slope) + rng.normal(0.0, 4e-4, count)
    poses = tuple(Pose(float(x), float(y), float(turn)) for (x, y), turn in zip(places, headings, strict=True))
    start = _START_TIME + 3_600_000_000 * drive.seed
    return Track(start + offsets, seconds, poses)


def picture_name(drive: Drive, timestamp: int) -> str:
    """A picture's path inside the data set."""
    return f"samples/CAM_FRONT/{drive.name}__CAM_FRONT__{timestamp}.jpg"


def _files(drives: tuple[Drive, ...]) -> Iterator[tuple[str, bytes]]:
    """All files but the marker, as pairs of name and bytes: pictures, the map, then the tables."""
    tables = _common_tables(drives)
    noise = grain(CAMERA, np.random.default_rng(0))
    behind: dict[str, Image.Image] = {}
    for drive in drives:
        world, track = World(drive), drive_track(drive)
        if drive.setting not in behind:
            behind[drive.setting] = backdrop(CAMERA, world.setting.look)
        yield from _pictures(world, track, behind[drive.setting], noise)
        _add_scene(tables, world, track)
    yield "maps/demo-blank.png", _blank_map()
    for name in Tables.__dataclass_fields__:
        yield f"{VERSION}/{name}.json", _json(getattr(tables, name))


def _pictures(
    world: World, track: Track, behind: Image.Image, noise: npt.NDArray[np.int16]
) -> Iterator[tuple[str, bytes]]:
    """The front camera's pictures of one drive, as pairs of name and bytes."""
    rng = np.random.default_rng(world.drive.seed + 1)
    for timestamp, seconds, pose in zip(track.timestamps, track.seconds, track.poses, strict=True):
        mesh = world.mesh(float(seconds)).seen_from(pose)
        picture = paint(mesh, CAMERA, world.setting.look.seen_from(pose.heading), behind)
        buffer = io.BytesIO()
        with_grain(picture, noise, rng).save(buffer, "JPEG", quality=86)
        yield picture_name(world.drive, int(timestamp)), buffer.getvalue()


def _common_tables(drives: tuple[Drive, ...]) -> Tables:
    """The rows that do not belong to one scene."""
    tables = Tables()
    described = {"car": "A car.", "van": "A delivery van.", "person": "A person on foot."}
    for kind, name in _CATEGORIES.items():
        tables.category.append({"token": token("category", name), "name": name, "description": described[kind]})
    for name in _ATTRIBUTES:
        tables.attribute.append({"token": token("attribute", name), "name": name, "description": name})
    for number, level in enumerate(("v0-40", "v40-60", "v60-80", "v80-100"), start=1):
        tables.visibility.append({"token": str(number), "level": level, "description": f"visibility {level[1:]} %"})
    sensor = token("sensor")
    tables.sensor.append({"token": sensor, "channel": "CAM_FRONT", "modality": "camera"})
    tables.calibrated_sensor.append(
        {
            "token": token("calibrated_sensor"),
            "sensor_token": sensor,
            "translation": CAMERA.translation.tolist(),
            "rotation": CAMERA.rotation.tolist(),
            "camera_intrinsic": CAMERA.intrinsic.tolist(),
        }
    )
    tables.map.append(
        {
            "token": token("map"),
            "category": "semantic_prior",
            "filename": "maps/demo-blank.png",
            "log_tokens": [token("log", drive.name) for drive in drives],
        }
    )
    return tables


def _add_scene(tables: Tables, world: World, track: Track) -> None:
    """The rows of one drive."""
    drive = world.drive
    samples = [token("sample", drive.name, index) for index in range(drive.key_frames)]
    pictures = [token("sample_data", drive.name, index) for index in range(drive.key_frames)]
    tables.log.append(
        {
            "token": token("log", drive.name),
            "logfile": drive.name,
            "vehicle": "SYNTHETIC",
            "date_captured": "2020-09-13",
            "location": "synthetic-road",
        }
    )
    tables.scene.append(
        {
            "token": token("scene", drive.name),
            "log_token": token("log", drive.name),
            "nbr_samples": drive.key_frames,
            "first_sample_token": samples[0],
            "last_sample_token": samples[-1],
            "name": drive.name,
            "description": f"SYNTHETIC: {drive.description}",
        }
    )
    origin = _origin(drive)
    width, height = CAMERA.size or (0, 0)
    for index, pose in enumerate(track.poses):
        timestamp = int(track.timestamps[index])
        tables.sample.append(
            {
                "token": samples[index],
                "timestamp": timestamp,
                **_links(samples, index),
                "scene_token": token("scene", drive.name),
            }
        )
        tables.ego_pose.append({"token": pictures[index], "timestamp": timestamp, **_placed(pose, origin, 0.0)})
        tables.sample_data.append(
            {
                "token": pictures[index],
                "sample_token": samples[index],
                "ego_pose_token": pictures[index],
                "calibrated_sensor_token": token("calibrated_sensor"),
                "timestamp": timestamp,
                "fileformat": "jpg",
                "is_key_frame": True,
                "height": height,
                "width": width,
                "filename": picture_name(drive, timestamp),
                **_links(pictures, index),
            }
        )
    _add_annotations(tables, world, track, samples)


def _add_annotations(tables: Tables, world: World, track: Track, samples: list[str]) -> None:
    """Boxes of the other road users near the car.

    Nobody works out who hides whom: every box says the highest level of visibility. There is no lidar, so no points.
    """
    drive, origin = world.drive, _origin(world.drive)
    seen: dict[int, list[tuple[int, Seen]]] = {}
    for frame, (seconds, pose) in enumerate(zip(track.seconds, track.poses, strict=True)):
        for user in world.road_users(float(seconds)):
            if np.hypot(user.pose.x - pose.x, user.pose.y - pose.y) < _ANNOTATED:
                seen.setdefault(user.index, []).append((frame, user))
    for number, sightings in sorted(seen.items()):
        kind = sightings[0][1].actor.kind
        names = [token("annotation", drive.name, number, frame) for frame, _ in sightings]
        instance = token("instance", drive.name, number)
        tables.instance.append(
            {
                "token": instance,
                "category_token": token("category", _CATEGORIES[kind]),
                "nbr_annotations": len(names),
                "first_annotation_token": names[0],
                "last_annotation_token": names[-1],
            }
        )
        for index, (frame, user) in enumerate(sightings):
            tables.sample_annotation.append(
                {
                    "token": names[index],
                    "sample_token": samples[frame],
                    "instance_token": instance,
                    "visibility_token": "4",
                    "attribute_tokens": [token("attribute", _attribute(user))],
                    **_placed(user.pose, origin, _SIZES[kind][2] / 2),
                    "size": list(_SIZES[kind]),
                    **_links(names, index),
                    "num_lidar_pts": 0,
                    "num_radar_pts": 0,
                }
            )


def _attribute(user: Seen) -> str:
    """What a road user is doing, in nuScenes' words."""
    if user.actor.kind == "person":
        return "pedestrian.moving" if user.moving else "pedestrian.standing"
    if user.moving:
        return "vehicle.moving"
    drives = user.actor.waits or any(speed for _, speed in user.actor.motion.speed.knots)
    return "vehicle.stopped" if drives else "vehicle.parked"


def token(*parts: object) -> str:
    """The token of a row: 32 hexadecimal digits made from what the row is about."""
    return hashlib.sha256("/".join(["lightemma-demo", *map(str, parts)]).encode()).hexdigest()[:32]


def _origin(drive: Drive) -> Pose:
    """Where on the map a drive starts."""
    rng = np.random.default_rng(drive.seed + 2)
    x, y = rng.uniform(300.0, 1500.0, 2)
    return Pose(float(x), float(y), float(rng.uniform(-np.pi, np.pi)))


def _placed(pose: Pose, origin: Pose, height: float) -> Row:
    """Translation and rotation on the map; rounded, so that every machine writes the same digits."""
    cos, sin = np.cos(origin.heading), np.sin(origin.heading)
    x, y = origin.x + cos * pose.x - sin * pose.y, origin.y + sin * pose.x + cos * pose.y
    half = (origin.heading + pose.heading) / 2
    rotation = [round(float(np.cos(half)), 9), 0.0, 0.0, round(float(np.sin(half)), 9)]
    return {"translation": [round(float(x), 6), round(float(y), 6), round(height, 6)], "rotation": rotation}


def _links(tokens: list[str], index: int) -> Row:
    """Links to the neighbours, empty at the ends."""
    return {
        "prev": tokens[index - 1] if index else "",
        "next": tokens[index + 1] if index + 1 < len(tokens) else "",
    }


def _blank_map() -> bytes:
    """A tiny map without anything on it, which nuScenes readers want to find."""
    buffer = io.BytesIO()
    Image.new("L", (8, 8)).save(buffer, "PNG")
    return buffer.getvalue()


def _json(rows: Any) -> bytes:
    """Rows as JSON."""
    return (json.dumps(rows, indent=1) + "\n").encode()


def _write(path: Path, data: bytes) -> None:
    """Writes a whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_bytes(data)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _complete(root: Path) -> bool:
    """Whether all that the marker lists is there, in the right size, and of this edition."""
    try:
        marker = json.loads((root / MARKER).read_bytes())
        if marker["edition"] != EDITION:
            return False
        return all((root / name).stat().st_size == size for name, size in marker["files"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
