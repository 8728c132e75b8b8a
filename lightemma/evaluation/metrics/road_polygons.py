"""Whether a plan stays on drivable ground and in its own lane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lightemma.agents import BoolArray, GroundMap, IntArray, MapLookup
from lightemma.boxes import corners
from lightemma.evaluation.metrics.agents_around import AgentsAround
from lightemma.evaluation.metrics.collisions import car_centres, car_size
from lightemma.frame import FloatArray


@dataclass(frozen=True)
class _SceneGround:
    """One scene's map and what the recorded car did on it.

    Attributes:
        rows: (f,) the scene's frames.
        ground: its map.
        lanes: (f) the lanes that the recorded car was in from each frame to the scene's end.
        outside: (f, 6) whether the recorded car had a corner outside the drivable ground.
        strayed: (f, 6) whether the recorded car itself was in none of ``lanes``.
    """

    rows: IntArray
    ground: GroundMap
    lanes: Sequence[frozenset[int]]
    outside: BoolArray
    strayed: BoolArray


@dataclass(frozen=True)
class RoadDepartures:
    """What a run's plans did on the ground.

    Attributes:
        off_road: (n, 6) 1.0 where a corner of the car is off the drivable ground, 0.0 where not, NaN where unknown.
        lane_departure: (n, 6) the same of the rear axle leaving the own lane.
    """

    off_road: FloatArray
    lane_departure: FloatArray


class Ground:
    """The ground under many frames, gathered once and used for every run.

    Args:
        around: of the frames.
        maps: scene name to map.
    """

    def __init__(self, around: AgentsAround, maps: MapLookup) -> None:
        self._around = around
        self._scenes: list[_SceneGround] = []
        names = np.array(around.scenes, dtype=object)
        placed = ~np.isnan(around.poses[:, 0])
        for scene in dict.fromkeys(around.scenes):
            rows = np.flatnonzero((names == scene) & placed)
            ground = maps(scene) if rows.size else None
            if ground is not None:
                self._scenes.append(self._scene(rows, ground))

    @property
    def found(self) -> bool:
        """Whether any frame has a map under it."""
        return bool(self._scenes)

    def judge(self, poses: FloatArray) -> RoadDepartures:
        """Judges a drive step by step.

        Args:
            poses: (n, 7, 3) of the rear axle: x, y (metres), heading (radians), ego frame, now first.
        """
        count, steps = len(poses), poses.shape[1] - 1
        off_road, departure = np.full((count, steps), np.nan), np.full((count, steps), np.nan)
        for scene in self._scenes:
            driven = poses[scene.rows, 1:]
            there = ~np.any(np.isnan(driven), axis=(1, 2), keepdims=True)[..., 0]
            outside = self._outside(scene.rows, scene.ground, driven) & ~scene.outside
            off_road[scene.rows] = np.where(there, outside, np.nan)
            strayed = self._strayed(scene.rows, scene.ground, scene.lanes, driven) & ~scene.strayed
            judged = there & np.array([bool(lanes) for lanes in scene.lanes])[:, None]
            departure[scene.rows] = np.where(judged, strayed, np.nan)
        return RoadDepartures(off_road, departure)

    def _scene(self, rows: IntArray, ground: GroundMap) -> _SceneGround:
        routes = [self._world(np.array([row]), self._around.routes[row][None])[0] for row in rows.tolist()]
        lanes = _lanes_of(ground, routes)
        recorded = self._around.ego[rows, 1:]
        unknown = np.isnan(recorded).any(axis=2)
        recorded = np.nan_to_num(recorded)
        return _SceneGround(
            rows=rows,
            ground=ground,
            lanes=lanes,
            outside=self._outside(rows, ground, recorded) & ~unknown,
            strayed=self._strayed(rows, ground, lanes, recorded) & ~unknown,
        )

    def _outside(self, rows: IntArray, ground: GroundMap, driven: FloatArray) -> BoolArray:
        """(f, 6, 3) poses to (f, 6): a corner is off the drivable ground."""
        boxes = corners(car_centres(driven), driven[..., 2], car_size())
        points = self._world(rows, boxes.reshape(len(rows), -1, 2))
        inside = ground.contains(points.reshape(-1, 2)).reshape(boxes.shape[:3])
        outside: BoolArray = ~np.all(inside, axis=2)
        return outside

    def _strayed(
        self, rows: IntArray, ground: GroundMap, lanes: Sequence[frozenset[int]], driven: FloatArray
    ) -> BoolArray:
        """(f, 6, 3) poses to (f, 6): the rear axle is in none of the frame's own lanes, and not past the route's end."""
        steps = driven.shape[1]
        points = self._world(rows, driven[..., :2]).reshape(-1, 2)
        inside: BoolArray = np.zeros((len(rows), steps), dtype=np.bool_)
        for point, lane in ground.lanes_at(points).tolist():
            frame, step = divmod(point, steps)
            if lane in lanes[frame]:
                inside[frame, step] = True
        past = np.array([_past(driven[i, :, :2], self._around.routes[row]) for i, row in enumerate(rows.tolist())])
        strayed: BoolArray = ~inside & ~past.reshape(inside.shape)
        return strayed

    def _world(self, rows: IntArray, points: FloatArray) -> FloatArray:
        """(f, k, 2) places in the ego frames of ``rows`` to the world. NaN stays."""
        x, y, heading = self._around.poses[rows].T[..., None]
        cos, sin = np.cos(heading), np.sin(heading)
        ahead, left = points[..., 0], points[..., 1]
        world: FloatArray = np.stack([x + cos * ahead - sin * left, y + sin * ahead + cos * left], axis=-1)
        return world


def _lanes_of(ground: GroundMap, routes: Sequence[FloatArray]) -> list[frozenset[int]]:
    """The lanes that each of some routes, (m, 2) metres in the world, runs through."""
    if not routes:
        return []
    frames = np.repeat(np.arange(len(routes)), [len(route) for route in routes])
    found: list[set[int]] = [set() for _ in routes]
    for point, lane in ground.lanes_at(np.concatenate(routes)).tolist():
        found[frames[point]].add(lane)
    return [frozenset(lanes) for lanes in found]


def _past(points: FloatArray, route: FloatArray) -> BoolArray:
    """Which of (k, 2) places are past the end of a route (m, 2): nearest to its last place, and ahead of it.

    A route without length ends at its only place, and its heading is that of now, along x.
    """
    if not len(route):
        nowhere: BoolArray = np.ones(len(points), dtype=np.bool_)
        return nowhere
    gaps = np.linalg.norm(route[-1] - route, axis=1)
    earlier = np.flatnonzero(gaps > 1.0)
    onward = route[-1] - route[earlier[-1]] if earlier.size else np.array([1.0, 0.0])
    distances = np.linalg.norm(points[:, None] - route, axis=2)
    last = distances[:, -1] <= distances.min(axis=1) + 1e-9
    past: BoolArray = last & ((points - route[-1]) @ onward > 0)
    return past
