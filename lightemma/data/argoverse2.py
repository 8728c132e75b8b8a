"""Argoverse 2 sensor logs: each log is a scene, thinned to 2 Hz key frames. docs/data.md says how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lightemma.agents import AgentLookup, MapLookup, Surroundings, Unknown
from lightemma.data.annotations import kind_of
from lightemma.data.argoverse2_maps import city_of, map_file, read_map
from lightemma.data.argoverse2_tables import (
    ANNOTATIONS,
    FRONT_CAMERA,
    POSES,
    CityPoses,
    check_reader,
    read_boxes,
    read_front_camera,
    read_sweep_times,
    rotated,
    yaws_of,
)
from lightemma.data.base import DataInfo, FrameSource, SourceSettings
from lightemma.data.drivable import DrivableArea
from lightemma.data.key_times import key_rows
from lightemma.data.scenes import SceneTrack, frames_of_track
from lightemma.data.surroundings import SceneSurroundings, TrackedAgents
from lightemma.data.tracks import Tracks
from lightemma.errors import UserError
from lightemma.frame import Camera, Frame
from lightemma.kinematics import yaw_from_quaternion
from lightemma.protocol import LIGHTEMMA, Protocol
from lightemma.scene_facts import SceneFacts

SPLITS = ("train", "val", "test")

#: nuScenes' name, and so the kind, of each category of Argoverse 2.
CATEGORIES: Mapping[str, str] = {
    "REGULAR_VEHICLE": "vehicle.car",
    "LARGE_VEHICLE": "vehicle.truck",
    "BOX_TRUCK": "vehicle.truck",
    "TRUCK": "vehicle.truck",
    "TRUCK_CAB": "vehicle.truck",
    "VEHICULAR_TRAILER": "vehicle.trailer",
    "MESSAGE_BOARD_TRAILER": "vehicle.trailer",
    "TRAFFIC_LIGHT_TRAILER": "vehicle.trailer",
    "BUS": "vehicle.bus.rigid",
    "SCHOOL_BUS": "vehicle.bus.rigid",
    "ARTICULATED_BUS": "vehicle.bus.bendy",
    "RAILED_VEHICLE": "vehicle.rail",
    "BICYCLE": "vehicle.bicycle",
    "BICYCLIST": "vehicle.bicycle",
    "MOTORCYCLE": "vehicle.motorcycle",
    "MOTORCYCLIST": "vehicle.motorcycle",
    "WHEELED_DEVICE": "human.pedestrian.personal_mobility",
    "WHEELED_RIDER": "human.pedestrian.personal_mobility",
    "PEDESTRIAN": "human.pedestrian.adult",
    "OFFICIAL_SIGNALER": "human.pedestrian.police_officer",
    "STROLLER": "human.pedestrian.stroller",
    "WHEELCHAIR": "human.pedestrian.wheelchair",
    "ANIMAL": "animal",
    "DOG": "animal",
    "BOLLARD": "static_object.bollard",
    "CONSTRUCTION_CONE": "movable_object.trafficcone",
    "CONSTRUCTION_BARREL": "movable_object.barrier",
    "SIGN": "static_object.sign",
    "STOP_SIGN": "static_object.sign",
    "MOBILE_PEDESTRIAN_CROSSING_SIGN": "movable_object.sign",
}

#: Nanoseconds between two sweeps, and between a key frame and its picture; the front camera takes one every 50 ms.
SWEEP_NS, _PICTURE_NS = 100_000_000, 50_000_000

NO_AGENTS = "None of these Argoverse 2 logs has annotations.feather, so collisions are unknown."
NO_MAPS = "None of these Argoverse 2 logs has map/log_map_archive_*.json, so leaving the road is unknown."


class Argoverse2Source(FrameSource):
    """Sensor logs of Argoverse 2. The ego frame is at the rear axle, as nuScenes' is.

    A log's key frames are the annotated sweeps nearest to every 0.5 s from the first one on (at 10 Hz every fifth); the pose
    is that of the sweep, and the picture the front camera's nearest one. Logs without annotations are cut at the times of
    their pictures.

    Args:
        root: the folder that holds ``sensor/{train,val,test}``, or ``{train,val,test}``, or the logs themselves.
        protocol: how scenes are cut.

    Raises:
        UserError: if there are no logs, or pyarrow is missing.
    """

    def __init__(self, root: Path, protocol: Protocol = LIGHTEMMA) -> None:
        check_reader()
        self._root, self._protocol = root, protocol
        self._logs = _find_logs(root)
        self._opened = lru_cache(maxsize=4)(self._open_log)

    @classmethod
    def open(cls, place: str, settings: SourceSettings) -> Argoverse2Source:
        """The source behind ``argoverse2:ROOT``."""
        return cls(Path(place).expanduser(), settings.protocol)

    @property
    def info(self) -> DataInfo:
        """What this source is; its version is the splits that the logs are of."""
        splits = {log.parent.name for log in self._logs.values()} & set(SPLITS)
        version = "+".join(split for split in SPLITS if split in splits)
        return DataInfo("argoverse2", self._root.resolve().name, version, len(self._logs))

    @property
    def packages(self) -> tuple[str, ...]:
        """The reader of the tables."""
        return ("pyarrow",)

    @property
    def scene_names(self) -> Sequence[str]:
        """Ids of the logs."""
        return list(self._logs)

    def scene_frames(self, scene: str) -> list[Frame]:
        """The benchmark frames of one log, in time order.

        Raises:
            UserError: if a table is missing or broken.
            KeyError: if there is no such log.
        """
        log = self._opened(scene)
        places, rotations = log.key_poses
        camera = log.front_camera()
        track = SceneTrack(
            scene=scene,
            sample_tokens=log.tokens,
            timestamps=log.key_times,
            positions=places[:, :2],
            rotations=rotations,
            images=log.images(self._root),
            cameras=[camera] * len(log.tokens),
            root=self._root if log.has_pictures else None,
            also=[self._logs[scene]],
        )
        return frames_of_track(track, self._protocol)

    def agents(self) -> AgentLookup | Unknown:
        """Who was around each frame, from the annotations; broken ones raise when their log is looked up."""
        if not any((log / ANNOTATIONS).is_file() for log in self._logs.values()):
            return Unknown(NO_AGENTS, self._around)
        return self._around

    def maps(self) -> MapLookup | Unknown:
        """The vector maps; broken ones raise when their log is looked up."""
        if not any(map_file(log) for log in self._logs.values()):
            return Unknown(NO_MAPS)

        @lru_cache(maxsize=4)
        def look(scene: str) -> DrivableArea | None:
            path = map_file(self._logs[scene]) if scene in self._logs else None
            return read_map(path) if path else None

        return look

    def facts(self) -> Mapping[str, SceneFacts]:
        """The city of each log, by the file name of its map."""
        maps = {name: map_file(log) for name, log in self._logs.items()}
        return {name: SceneFacts(location=city_of(path), traffic="right") for name, path in maps.items() if path}

    def log_folder(self, scene: str) -> Path:
        """Where a log is.

        Raises:
            KeyError: if there is no such log.
        """
        return self._logs[scene]

    def _around(self, scene: str, token: str) -> Surroundings | None:
        return self._opened(scene).surroundings.at(token) if scene in self._logs else None

    def _open_log(self, scene: str) -> _Log:
        return _Log(scene, self._logs[scene])


class _Log:
    """One log, read as far as asked for."""

    def __init__(self, name: str, folder: Path) -> None:
        self._folder = folder
        self._poses = CityPoses(folder / POSES)
        self._pictures = _picture_times(folder)
        self._annotated = (folder / ANNOTATIONS).is_file()
        if self._annotated:
            self._sweeps = read_sweep_times(folder / ANNOTATIONS)
        elif len(self._pictures):
            self._sweeps = self._pictures
        else:
            raise UserError(
                f"The log {folder} has neither {ANNOTATIONS} nor pictures of {FRONT_CAMERA}, so the times of its key frames "
                "are unknown; download one of the two, or leave the log out with --scenes."
            )
        step = float(np.median(np.diff(self._sweeps))) if len(self._sweeps) > 1 else SWEEP_NS
        if step < SWEEP_NS / 100:
            raise UserError(
                f"The times of {ANNOTATIONS if self._annotated else 'the pictures'} of the log {folder} are {step:,.0f} apart, "
                "so they seem to be in another unit; timestamp_ns is in nanoseconds, and sweeps are 0.1 s apart."
            )
        self._keys = self._sweeps[key_rows(_microseconds(self._sweeps))]
        self.key_times = _microseconds(self._keys)
        self.key_poses = self._poses.at(self._keys)
        self.tokens = [f"{name}-{time}" for time in self._keys.tolist()]

    @property
    def has_pictures(self) -> bool:
        """Whether the log came with the front camera's pictures."""
        return bool(len(self._pictures))

    def images(self, root: Path) -> list[str]:
        """(k) names relative to the root: the pictures nearest to the key frames; empty where the log has none.

        A key frame without a picture near it names the one that it should have, which is then found to be missing.
        """
        if not self.has_pictures:
            return [""] * len(self._keys)
        folder = (self._folder / "sensors" / "cameras" / FRONT_CAMERA).relative_to(root)
        after = np.clip(np.searchsorted(self._pictures, self._keys), 1, max(len(self._pictures) - 1, 1))
        choices = self._pictures[np.stack([after - 1, np.minimum(after, len(self._pictures) - 1)])]
        nearest = choices[np.abs(choices - self._keys).argmin(axis=0), np.arange(len(self._keys))]
        times = np.where(np.abs(nearest - self._keys) <= _PICTURE_NS, nearest, self._keys)
        return [(folder / f"{time}.jpg").as_posix() for time in times.tolist()]

    def front_camera(self) -> Camera | None:
        return read_front_camera(self._folder / "calibration")

    @cached_property
    def surroundings(self) -> SceneSurroundings:
        """The boxes of the log, turned into the city's frame by the car's pose of each sweep."""
        places, rotations = self.key_poses
        dense, turns = self._poses.at(self._sweeps)
        return SceneSurroundings(
            tokens=self.tokens,
            times=self.key_times,
            places=places[:, :2],
            headings=yaw_from_quaternion(rotations),
            agents=self._agents() if self._annotated else None,
            car=Tracks(
                np.array([0, len(dense)]), dense[:, :2], yaw_from_quaternion(turns), _microseconds(self._sweeps)
            ),
        )

    def _agents(self) -> TrackedAgents:
        boxes = read_boxes(self._folder / ANNOTATIONS)
        places, rotations = self._poses.at(boxes.times)
        starts = np.flatnonzero(np.diff(boxes.tracks, prepend=-1)).astype(np.int64)
        names = [category_name(boxes.categories[start]) for start in starts.tolist()]
        return TrackedAgents(
            tracks=Tracks(
                np.append(starts, len(boxes.times)),
                (places + rotated(rotations, boxes.places))[:, :2],
                yaws_of(rotations, boxes.rotations),
                _microseconds(boxes.times),
            ),
            sizes=boxes.sizes[starts],
            kinds=np.array([kind_of(name) for name in names], dtype=np.int64),
            categories=names,
        )


def category_name(category: str) -> str:
    """nuScenes' name of a category of Argoverse 2; ``other.…`` for one that this table does not know."""
    return CATEGORIES.get(category, f"other.{category.lower()}")


def _microseconds(times: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return (times + 500) // 1000


def _picture_times(folder: Path) -> npt.NDArray[np.int64]:
    """(p,) nanoseconds, by the pictures' names, increasing."""
    names = (path.stem for path in (folder / "sensors" / "cameras" / FRONT_CAMERA).glob("*.jpg"))
    return np.array(sorted(int(name) for name in names if name.isdecimal()), dtype=np.int64)


def _find_logs(root: Path) -> dict[str, Path]:
    """Folders of the logs by their ids, split after split."""
    if not root.is_dir():
        raise UserError(
            f"There is no folder {root}; give the Argoverse 2 root, the folder that holds sensor/val and the like."
        )
    if (root / POSES).is_file():
        raise UserError(f"{root} is one log; give the folder that holds the logs, {root.resolve().parent}.")
    logs: dict[str, Path] = {}
    for place in (*(root / "sensor" / split for split in SPLITS), *(root / split for split in SPLITS), root):
        for path in sorted(place.glob(f"*/{POSES}")):
            name = path.parent.name
            if name in logs:
                raise UserError(f"The log {name} is at {logs[name]} and at {path.parent}; leave one of them out.")
            logs[name] = path.parent
    if not logs:
        raise UserError(
            f"{root} has no Argoverse 2 sensor logs: no folder with a {POSES} in sensor/{{train,val,test}}, {{train,val,test}} "
            "or in itself."
        )
    return logs
