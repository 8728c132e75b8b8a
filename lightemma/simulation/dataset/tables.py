"""A recording as rows of the thirteen nuScenes tables."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from lightemma.frame import Camera, Pose
from lightemma.simulation.actor_kinds import ACTOR_KINDS, kind_named
from lightemma.simulation.dataset.drives import Drive
from lightemma.simulation.dataset.ground import Placement, placement_of
from lightemma.simulation.dataset.recording import Look, Recording
from lightemma.simulation.dataset.visibility import visibility_token
from lightemma.simulation.sight import visible_shares
from lightemma.simulation.state import ActorState

TABLES = (
    *("category", "attribute", "visibility", "instance", "sensor", "calibrated_sensor", "ego_pose", "log"),
    *("scene", "sample", "sample_data", "sample_annotation", "map"),
)
LOCATION = "simulated-city"
CHANNEL = "CAM_FRONT"

#: Road users farther from the car than this (metres) are not annotated.
ANNOTATED = 80.0
_STANDING = 0.2  # m/s: slower is standing

_ATTRIBUTES = {
    "vehicle.moving": "The vehicle moves.",
    "vehicle.stopped": "The vehicle stands and will go on.",
    "vehicle.parked": "The vehicle stands for good.",
    "cycle.with_rider": "Somebody rides the bicycle.",
    "pedestrian.moving": "The person walks.",
    "pedestrian.standing": "The person stands.",
}
_LEVELS = ("v0-40", "v40-60", "v60-80", "v80-100")

Row = dict[str, Any]
Tables = dict[str, list[Row]]


def token(*parts: object) -> str:
    """The token of a row: 32 hexadecimal digits made from what the row is about."""
    return hashlib.sha256("/".join(["lightemma-simulation", *map(str, parts)]).encode()).hexdigest()[:32]


def picture_name(drive: Drive, look: Look) -> str:
    """A picture's path inside the data set."""
    folder = "sweeps" if look.key_frame is None else "samples"
    return f"{folder}/{CHANNEL}/SYNTHETIC-{drive.name}__{CHANNEL}__{look.timestamp}.jpg"


def sample_tokens(recording: Recording) -> list[str]:
    """The tokens of its key frames."""
    return [token("sample", recording.drive.name, number) for number in range(len(recording.key_frames))]


def common_rows(camera: Camera) -> Tables:
    """The rows that belong to no scene: categories, attributes, visibility levels, and the camera."""
    tables: Tables = {name: [] for name in TABLES}
    for name, description in {kind.category: kind.described for kind in ACTOR_KINDS.values()}.items():
        tables["category"].append({"token": token("category", name), "name": name, "description": description})
    for name, description in _ATTRIBUTES.items():
        tables["attribute"].append({"token": token("attribute", name), "name": name, "description": description})
    for number, level in enumerate(_LEVELS, start=1):
        described = f"{level[1:]} % of the box is seen by the front camera (an estimate from the boxes)"
        tables["visibility"].append({"token": str(number), "level": level, "description": described})
    tables["sensor"].append({"token": token("sensor"), "channel": CHANNEL, "modality": "camera"})
    tables["calibrated_sensor"].append(
        {
            "token": token("calibrated_sensor"),
            "sensor_token": token("sensor"),
            "translation": camera.translation.tolist(),
            "rotation": camera.rotation.tolist(),
            "camera_intrinsic": camera.intrinsic.tolist(),
        }
    )
    return tables


def scene_rows(recording: Recording, camera: Camera) -> Tables:
    """The rows of one scene.

    Args:
        recording: the drive.
        camera: of the pictures; its size must be known.
    """
    drive, placement = recording.drive, placement_of(recording.city)
    name, keys = drive.name, recording.key_frames
    samples = sample_tokens(recording)
    tables: Tables = {table: [] for table in TABLES}
    tables["log"].append(
        {
            "token": token("log", name),
            "logfile": f"SYNTHETIC-{name}",
            "vehicle": "synthetic",
            "date_captured": datetime.fromtimestamp(keys[0].timestamp / 1e6, UTC).date().isoformat(),
            "location": LOCATION,
        }
    )
    tables["map"].append(
        {
            "token": token("map", name),
            "category": "semantic_prior",
            "filename": f"maps/{name}.png",
            "log_tokens": [token("log", name)],
        }
    )
    tables["scene"].append(
        {
            "token": token("scene", name),
            "log_token": token("log", name),
            "nbr_samples": len(samples),
            "first_sample_token": samples[0],
            "last_sample_token": samples[-1],
            "name": name,
            "description": drive.described(recording.what),
        }
    )
    for number, look in enumerate(keys):
        row = {"token": samples[number], "timestamp": look.timestamp, **_links(samples, number)}
        tables["sample"].append(row | {"scene_token": token("scene", name)})
    _add_pictures(tables, recording, camera, placement, samples)
    _add_annotations(tables, recording, camera, placement, samples)
    return tables


def joined(parts: Iterable[Tables]) -> Tables:
    """The rows of several tables, one after the other."""
    tables: Tables = {name: [] for name in TABLES}
    for part in parts:
        for name, rows in part.items():
            tables[name].extend(rows)
    return tables


def table_bytes(rows: list[Row]) -> bytes:
    """A table as compact JSON, one row per line."""
    lines = ",\n".join(json.dumps(row, separators=(",", ":"), ensure_ascii=False) for row in rows)
    return f"[\n{lines}\n]\n".encode()


def _add_pictures(
    tables: Tables, recording: Recording, camera: Camera, placement: Placement, samples: list[str]
) -> None:
    """Rows of poses and pictures, key frames and sweeps in one chain; a sweep belongs to the key frame that follows it."""
    drive, looks = recording.drive, recording.looks
    width, height = camera.size or (0, 0)
    names = [token("sample_data", drive.name, _place(looks, number)) for number in range(len(looks))]
    following = len(samples) - 1
    owners = []
    for look in reversed(looks):
        following = following if look.key_frame is None else look.key_frame
        owners.append(samples[following])
    for number, (look, owner) in enumerate(zip(looks, reversed(owners), strict=True)):
        placed = _placed(look.pose, placement, 0.0)
        tables["ego_pose"].append({"token": names[number], "timestamp": look.timestamp, **placed})
        tables["sample_data"].append(
            {
                "token": names[number],
                "sample_token": owner,
                "ego_pose_token": names[number],
                "calibrated_sensor_token": token("calibrated_sensor"),
                "timestamp": look.timestamp,
                "fileformat": "jpg",
                "is_key_frame": look.key_frame is not None,
                "height": height,
                "width": width,
                "filename": picture_name(drive, look),
                **_links(names, number),
            }
        )


def _place(looks: tuple[Look, ...], number: int) -> str:
    """A name of a look that does not change when sweeps are added: the key frame before it and its place after that."""
    behind = 0
    while looks[number - behind].key_frame is None:
        behind += 1
    return f"{looks[number - behind].key_frame}.{behind}"


def _add_annotations(
    tables: Tables, recording: Recording, camera: Camera, placement: Placement, samples: list[str]
) -> None:
    """Rows of the other road users near the car, grouped by road user as in nuScenes."""
    name = recording.drive.name
    sightings: dict[int, list[tuple[int, ActorState, float]]] = {}
    for number, look in enumerate(recording.key_frames):
        ego = look.state.ego.pose
        near = tuple(
            actor for actor in look.state.actors if math.hypot(actor.pose.x - ego.x, actor.pose.y - ego.y) < ANNOTATED
        )
        shares = visible_shares(replace(look.state, actors=near), recording.city, camera)
        for actor, share in zip(near, shares.tolist(), strict=True):
            sightings.setdefault(actor.number, []).append((number, actor, share))
    for actor_number, seen in sorted(sightings.items()):
        names = [token("annotation", name, actor_number, number) for number, _, _ in seen]
        instance = token("instance", name, actor_number)
        tables["instance"].append(
            {
                "token": instance,
                "category_token": token("category", kind_named(seen[0][1].kind).category),
                "nbr_annotations": len(names),
                "first_annotation_token": names[0],
                "last_annotation_token": names[-1],
            }
        )
        for index, (number, actor, share) in enumerate(seen):
            tables["sample_annotation"].append(
                {
                    "token": names[index],
                    "sample_token": samples[number],
                    "instance_token": instance,
                    "visibility_token": visibility_token(share),
                    "attribute_tokens": [token("attribute", name) for name in _attributes(actor)],
                    **_placed(actor.pose, placement, actor.height / 2),
                    "size": [round(size, 4) for size in (actor.width, actor.length, actor.height)],
                    **_links(names, index),
                    # There is no lidar and no radar, so there are no points of either.
                    "num_lidar_pts": 0,
                    "num_radar_pts": 0,
                }
            )


def _attributes(actor: ActorState) -> list[str]:
    """What a road user is doing, as names of nuScenes' attributes; things that never move by themselves have none."""
    moving = actor.speed > _STANDING
    kind = kind_named(actor.kind)
    struck = kind.struck
    if kind.rides:
        return ["cycle.with_rider"]
    if struck == "person":
        return ["pedestrian.moving" if moving else "pedestrian.standing"]
    if struck == "vehicle":
        return ["vehicle.parked" if actor.parked else "vehicle.moving" if moving else "vehicle.stopped"]
    return []


def _placed(pose: Pose, placement: Placement, height: float) -> Row:
    """Translation and rotation on the map; rounded, so that every machine writes the same digits."""
    half = pose.heading / 2
    return {
        "translation": [
            round(pose.x + placement.east, 6),
            round(pose.y + placement.north, 6),
            round(height, 6),
        ],
        "rotation": [round(math.cos(half), 9), 0.0, 0.0, round(math.sin(half), 9) + 0.0],
    }


def _links(tokens: list[str], index: int) -> Row:
    """Links to the neighbours, empty at the ends."""
    return {
        "prev": tokens[index - 1] if index else "",
        "next": tokens[index + 1] if index + 1 < len(tokens) else "",
    }
