"""Who was around each key frame during the next three seconds, from the boxes of a nuScenes version folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lightemma.agents import OTHER, PEDESTRIAN, VEHICLE, Agents, IntArray, Surroundings, plan_times
from lightemma.data.annotation_columns import AnnotationColumns, box_cache, read_annotations
from lightemma.data.nuscenes import NuScenesSource
from lightemma.data.nuscenes_index import KeyFrameIndex
from lightemma.data.tracks import Tracks, wrapped
from lightemma.frame import FloatArray, Pose
from lightemma.kinematics import to_ego_frame, yaw_from_quaternion


@dataclass(frozen=True, slots=True)
class NoAnnotations:
    """Why nobody knows who was around: one sentence."""

    reason: str


@dataclass(frozen=True)
class _Scene:
    """One scene made ready for lookups.

    Attributes:
        name: of the scene.
        rows: each key frame's place in the scene by its sample token.
        times: (n,) microseconds, of the key frames.
        places: (n, 2) metres, world.
        headings: (n,) radians, world.
        car: the recorded car.
        others: everyone else; None where nobody wrote them down.
        firsts: (a,) each other's first box among all columns.
    """

    name: str
    rows: dict[str, int]
    times: npt.NDArray[np.int64]
    places: FloatArray
    headings: FloatArray
    car: Tracks
    others: Tracks | None
    firsts: IntArray


class AnnotationIndex:
    """The surroundings of every key frame of one nuScenes version folder.

    Args:
        frames: the key frames.
        boxes: the annotations, or why there are none; then surroundings have poses and no agents.
    """

    def __init__(self, frames: KeyFrameIndex, boxes: AnnotationColumns | NoAnnotations) -> None:
        self._frames = frames
        self._boxes = boxes if isinstance(boxes, AnnotationColumns) else None
        self._names = list(self._boxes.categories) if self._boxes else []
        self._kinds = np.array([kind_of(name) for name in self._names], dtype=np.int64)
        self._box_scenes = {name: number for number, name in enumerate(self._boxes.scene_names)} if self._boxes else {}
        #: Why there are no annotations, as a sentence; empty where there are some.
        self.missing = boxes.reason if isinstance(boxes, NoAnnotations) else ""
        self._last: _Scene | None = None

    @classmethod
    def load(cls, root: Path, version: str, cache_dir: Path | None = None) -> AnnotationIndex:
        """Reads the tables, or what an earlier run kept of them.

        Args:
            root: the data root, which holds the version folder.
            version: the version folder, such as ``v1.0-trainval``.
            cache_dir: where the columns are kept between runs; None keeps none.

        Raises:
            UserError: if a table is broken or incomplete; missing or empty annotations are no error, see ``missing``.
        """
        frames = NuScenesSource(root, version, cache_dir=cache_dir).index
        return cls(frames, load_boxes(root, version, cache_dir))

    def surroundings(self, scene: str, token: str) -> Surroundings | None:
        """What was around a key frame; quickest when the frames of a scene are asked for one after the other.

        Agents' places are taken linearly in time between their two neighbouring boxes, headings by the shortest arc, since
        boxes are at the samples' times and plans in 0.5 s steps from the picture's. Before its first and after its last
        box an agent stays there for 0.25 s; gaps of up to 1.25 s between two boxes are bridged.

        Args:
            scene: the scene's name.
            token: the key frame's sample token.

        Returns:
            None where there is no such scene or key frame.
        """
        if self._last is None or self._last.name != scene:
            if scene not in self._frames.scene_numbers:
                return None
            self._last = self._scene(scene)
        known = self._last
        row = known.rows.get(token)
        if row is None:
            return None
        here, heading = known.places[row], float(known.headings[row])
        wanted = known.times[row] + np.rint(plan_times() * 1e6).astype(np.int64)
        driven = known.car.at(wanted)[0][0]
        return Surroundings(
            pose=Pose(float(here[0]), float(here[1]), heading),
            ego=np.column_stack([to_ego_frame(driven[:, :2], here, heading), wrapped(driven[:, 2] - heading)]),
            route=to_ego_frame(known.places[row:], here, heading),
            agents=self._agents(known, here, heading, wanted),
        )

    def _agents(self, scene: _Scene, here: FloatArray, heading: float, wanted: npt.NDArray[np.int64]) -> Agents | None:
        boxes = self._boxes
        if boxes is None or scene.others is None:
            return None
        poses, valid = scene.others.at(wanted)
        present = valid.any(axis=1)
        poses, valid, firsts = poses[present], valid[present], scene.firsts[present]
        categories = boxes.category_numbers[firsts]
        return Agents(
            centres=to_ego_frame(poses[..., :2], here, heading),
            yaws=wrapped(poses[..., 2] - heading),
            sizes=boxes.sizes[firsts].astype(np.float64),
            kinds=self._kinds[categories],
            valid=valid,
            categories=[self._names[number] for number in categories.tolist()],
        )

    def _scene(self, name: str) -> _Scene:
        frames, rows = self._frames, self._frames.rows_of(name)
        times, places, headings = (
            frames.timestamps[rows], frames.positions[rows], yaw_from_quaternion(frames.rotations[rows])
        )  # fmt: skip
        boxes, others, firsts = self._boxes, None, np.empty(0, dtype=np.int64)
        if boxes is not None:
            number = self._box_scenes[name]
            part = slice(int(boxes.scene_starts[number]), int(boxes.scene_starts[number + 1]))
            starts = np.flatnonzero(np.diff(boxes.agents[part], prepend=-1)).astype(np.int64)
            others = Tracks(
                np.append(starts, part.stop - part.start),
                boxes.positions[part],
                boxes.yaws[part].astype(np.float64),
                boxes.times[part],
            )
            firsts = starts + part.start
        return _Scene(
            name=name,
            rows={token: row for row, token in enumerate(frames.sample_tokens[rows])},
            times=times,
            places=places,
            headings=headings,
            car=Tracks(np.array([0, len(times)]), places, headings, times),
            others=others,
            firsts=firsts,
        )


def load_boxes(root: Path, version: str, cache_dir: Path | None = None) -> AnnotationColumns | NoAnnotations:
    """The boxes of a version folder, from the tables or from what an earlier run kept of them.

    Raises:
        UserError: if a table is broken or incomplete.
    """
    path = root / version / "sample_annotation.json"
    if not path.is_file():
        return NoAnnotations(f"{version} has no sample_annotation.json, so collisions are unknown.")
    if path.stat().st_size < 64 and b"".join(path.read_bytes().split()) == b"[]":
        return NoAnnotations(f"The sample_annotation.json of {version} is empty, so collisions are unknown.")
    cache = None if cache_dir is None else box_cache(cache_dir, root, version)
    boxes = cache.load() if cache else None
    if boxes is None:
        boxes = read_annotations(root / version)
        if cache:
            cache.save(boxes)
    return boxes


def kind_of(category: str) -> int:
    """Code of a nuScenes category: vehicle.* (bicycles among them), human.*, all else (cones, barriers, animals)."""
    if category.startswith("vehicle."):
        return VEHICLE
    return PEDESTRIAN if category.startswith("human.") else OTHER
