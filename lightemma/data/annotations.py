"""Who was around each key frame during the next three seconds, from the boxes of a nuScenes version folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lightemma.agents import OTHER, PEDESTRIAN, VEHICLE, Surroundings, Unknown
from lightemma.data.annotation_columns import AnnotationColumns, box_cache, read_annotations
from lightemma.data.nuscenes_index import KeyFrameIndex
from lightemma.data.nuscenes_readers import load_index
from lightemma.data.surroundings import SceneSurroundings, TrackedAgents
from lightemma.data.tracks import Tracks
from lightemma.kinematics import yaw_from_quaternion


class AnnotationIndex:
    """The surroundings of every key frame of one nuScenes version folder.

    Args:
        frames: the key frames.
        boxes: the annotations, or why there are none; then surroundings have poses and no agents.
    """

    def __init__(self, frames: KeyFrameIndex, boxes: AnnotationColumns | Unknown) -> None:
        self._frames = frames
        self._boxes = boxes if isinstance(boxes, AnnotationColumns) else None
        self._names = list(self._boxes.categories) if self._boxes else []
        self._kinds = np.array([kind_of(name) for name in self._names], dtype=np.int64)
        self._box_scenes = {name: number for number, name in enumerate(self._boxes.scene_names)} if self._boxes else {}
        # Where no box of the data has a point there was no lidar, and where none has a level nobody wrote it down.
        self._lidar = self._boxes is not None and bool((self._boxes.lidar_points > 0).any())
        self._levels = self._boxes is not None and bool((self._boxes.visibilities > 0).any())
        #: Why there are no annotations, as a sentence; empty where there are some.
        self.missing = boxes.reason if isinstance(boxes, Unknown) else ""
        self._last: tuple[str, SceneSurroundings] | None = None

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
        frames = load_index(root, version, cache_dir=cache_dir)
        return cls(frames, load_boxes(root, version, cache_dir))

    def surroundings(self, scene: str, token: str) -> Surroundings | None:
        """What was around a key frame; quickest when the frames of a scene are asked for one after the other.

        Args:
            scene: the scene's name.
            token: the key frame's sample token.

        Returns:
            None where there is no such scene or key frame.
        """
        if self._last is None or self._last[0] != scene:
            if scene not in self._frames.scene_numbers:
                return None
            self._last = scene, self._scene(scene)
        return self._last[1].at(token)

    def _scene(self, name: str) -> SceneSurroundings:
        frames, rows = self._frames, self._frames.rows_of(name)
        return SceneSurroundings(
            tokens=frames.sample_tokens[rows],
            times=frames.timestamps[rows],
            places=frames.positions[rows],
            headings=yaw_from_quaternion(frames.rotations[rows]),
            agents=self._agents(name),
        )

    def _agents(self, scene: str) -> TrackedAgents | None:
        boxes = self._boxes
        if boxes is None:
            return None
        number = self._box_scenes[scene]
        part = slice(int(boxes.scene_starts[number]), int(boxes.scene_starts[number + 1]))
        starts = np.flatnonzero(np.diff(boxes.agents[part], prepend=-1)).astype(np.int64)
        firsts = starts + part.start
        categories = boxes.category_numbers[firsts]
        return TrackedAgents(
            tracks=Tracks(
                np.append(starts, part.stop - part.start),
                boxes.positions[part],
                boxes.yaws[part].astype(np.float64),
                boxes.times[part],
            ),
            sizes=boxes.sizes[firsts].astype(np.float64),
            kinds=self._kinds[categories],
            categories=[self._names[category] for category in categories.tolist()],
            # Of a single box, what is unknown counts as visible.
            visible=boxes.visibilities[part] != 1 if self._levels else None,
            has_lidar=boxes.lidar_points[part] != 0 if self._lidar else None,
        )


def load_boxes(root: Path, version: str, cache_dir: Path | None = None) -> AnnotationColumns | Unknown:
    """The boxes of a version folder, from the tables or from what an earlier run kept of them.

    Raises:
        UserError: if a table is broken or incomplete.
    """
    path = root / version / "sample_annotation.json"
    if not path.is_file():
        return Unknown(f"{version} has no sample_annotation.json, so collisions are unknown.")
    if path.stat().st_size < 64 and b"".join(path.read_bytes().split()) == b"[]":
        return Unknown(f"The sample_annotation.json of {version} is empty, so collisions are unknown.")
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
