"""A second reading of one moment, for check_facts.py: from pixels of ids and depth, and from plain shapes.

It shares with `lightemma.simulation.observed` the state of the world, the camera and the paint on the road, and no code.
"""

from __future__ import annotations

import cmath
import math
from dataclasses import replace
from functools import cached_property

import numpy as np
import shapely
import shapely.affinity
import shapely.ops

from lightemma.frame import Camera, FloatArray
from lightemma.simulation.render.base import FIRST_SIGNAL, GROUND, Layers
from lightemma.simulation.render.meshes.scene import Placed, placed_things, shape_of
from lightemma.simulation.render.painter_layers import paint_layers
from lightemma.simulation.render.palettes import look_of
from lightemma.simulation.state import ActorState, WorldState
from lightemma.simulation.world import CitySimulation

#: Metres from the rear axle to the bumper: a car of 4.084 m whose rear is 0.657 m behind its axle.
BUMPER = 4.084 - 0.657
#: Pixels along the longer side of the window in which a whole body is counted.
_WINDOW = 160


class Anew:
    """What one moment shows.

    Args:
        world: at that moment.
        state: of it.
        camera: on the car.
        layers: depth and ids of every pixel.
    """

    def __init__(self, world: CitySimulation, state: WorldState, camera: Camera, layers: Layers) -> None:
        self.world, self.state, self.camera, self.layers = world, state, camera, layers
        self.actors = {actor.number: actor for actor in state.actors}
        ego = state.ego.pose
        self._ego, self._turn = complex(ego.x, ego.y), cmath.rect(1.0, -ego.heading)
        self.bumper = self._ego + BUMPER * cmath.rect(1.0, ego.heading)
        numbers, counts = np.unique(layers.ids, return_counts=True)
        self.pixels: dict[int, int] = dict(zip(numbers.tolist(), counts.tolist(), strict=True))

    # Bodies

    def into_ego(self, place: complex) -> complex:
        """A place of the world in the ego frame."""
        return (place - self._ego) * self._turn

    def extent(self, number: int) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of an actor's pixels."""
        rows, columns = np.nonzero(self.layers.ids == number)
        return columns.min() - 0.5, rows.min() - 0.5, columns.max() + 0.5, rows.max() + 0.5

    def share_within(self, number: int, box: tuple[float, float, float, float]) -> float:
        """The share of an actor's pixels that is in a rectangle."""
        rows, columns = np.nonzero(self.layers.ids == number)
        left, top, right, bottom = box
        return float(((columns >= left) & (columns <= right) & (rows >= top) & (rows <= bottom)).mean())

    def points(self, number: int) -> FloatArray:
        """(n, 3) metres, ego frame: what the depths of an actor's pixels say."""
        rows, columns = np.nonzero(self.layers.ids == number)
        depth = self.layers.depth[rows, columns].astype(np.float64)
        k, (x, y, z) = self.camera.intrinsic, self.camera.translation
        return np.column_stack(
            [x + depth, y - depth * (columns - k[0, 2]) / k[0, 0], z - depth * (rows - k[1, 2]) / k[1, 1]]
        )

    @cached_property
    def _placed(self) -> dict[int, Placed]:
        city = self.world.city
        return {one.owner: one for one in placed_things(city, look_of(city.conditions), self.state, fine=True)}

    def whole(self, number: int) -> float:
        """Pixels that an actor would have in a boundless picture if nothing hid it; nan if it is at the camera."""
        placed = self._placed[number]
        mesh = shape_of(placed.key).mesh.placed(placed.pose, placed.height)
        corners = mesh.seen_from(self.state.ego.pose).corners - self.camera.translation
        if corners[:, 0].min() < 0.5:
            return math.nan
        columns = -self.camera.intrinsic[0, 0] * corners[:, 1] / corners[:, 0]
        rows = -self.camera.intrinsic[1, 1] * corners[:, 2] / corners[:, 0]
        wide, high = np.ptp(columns) + 4.0, np.ptp(rows) + 4.0
        scale = _WINDOW / max(wide, high)
        size = max(round(wide * scale), 2), max(round(high * scale), 2)
        k = np.diag([self.camera.intrinsic[0, 0] * scale, self.camera.intrinsic[1, 1] * scale, 1.0])
        k[0, 2], k[1, 2] = 2.0 * scale - columns.min() * scale, 2.0 * scale - rows.min() * scale
        window = replace(self.camera, intrinsic=k, size=size)
        alone = paint_layers(mesh, np.full(len(mesh.counts), number), window, self.state.ego.pose)
        return float((alone.ids == number).sum()) / scale**2

    def outline(self, actor: ActorState) -> shapely.Polygon:
        """An actor's box on the ground, world frame."""
        box = shapely.box(-actor.length / 2, -actor.width / 2, actor.length / 2, actor.width / 2)
        turned = shapely.affinity.rotate(box, actor.pose.heading, origin=(0, 0), use_radians=True)
        return shapely.affinity.translate(turned, actor.pose.x, actor.pose.y)

    def distance(self, actor: ActorState) -> float:
        """Metres from the bumper to an actor's box."""
        return float(self.outline(actor).distance(shapely.Point(self.bumper.real, self.bumper.imag)))

    # The lane

    @cached_property
    def line(self) -> shapely.LineString:
        """The middle of the route, a point every 0.25 m."""
        path = self.world.route.path
        poses = [path.pose(at) for at in np.arange(0.0, path.length, 0.25).tolist()]
        return shapely.LineString([(pose.x, pose.y) for pose in poses])

    @cached_property
    def at(self) -> float:
        """Metres of the line up to the rear axle."""
        return float(self.line.project(shapely.Point(self._ego.real, self._ego.imag)))

    def _tangent(self, at: float, half: float = 0.4) -> complex:
        one, two = self.line.interpolate(max(at - half, 0.0)), self.line.interpolate(at + half)
        return complex(two.x - one.x, two.y - one.y)

    def offset_and_heading(self) -> tuple[float, float]:
        """Metres to the left of the line, and radians by which the car points to its left."""
        foot, along = self.line.interpolate(self.at), self._tangent(self.at)
        away = (self._ego - complex(foot.x, foot.y)) / (along / abs(along))
        return away.imag, -cmath.phase(along * self._turn)

    def curvature(self, ahead: float, half: float = 1.5) -> float:
        """1/m of the line so many metres before the bumper, as the change of its direction over 3 m."""
        at = self.at + BUMPER + ahead
        return cmath.phase(self._tangent(at + half) / self._tangent(at - half)) / (2.0 * half)

    def bends_evenly(self, ahead: float) -> bool:
        """Whether the curvature is the same 2.5 m before and behind."""
        values = [self.curvature(ahead + shift, 0.8) for shift in (-2.5, -1.2, 0.0, 1.2, 2.5)]
        return max(values) - min(values) < 4e-3

    def ground_seen(self, places: list[complex]) -> float:
        """The share of places on the ground (ego frame) whose pixels show ground, as far away as they are."""
        seen = 0
        k, (x, y, z) = self.camera.intrinsic, self.camera.translation
        height, width = self.layers.ids.shape
        for place in places:
            depth = place.real - x
            if depth < 0.5:
                continue
            column, row = k[0, 2] - k[0, 0] * (place.imag - y) / depth, k[1, 2] + k[1, 1] * z / depth
            if not (-0.5 <= column <= width - 0.5 and -0.5 <= row <= height - 0.5):
                continue
            pixel = min(round(row), height - 1), min(round(column), width - 1)
            # Half a row is metres of ground far away.
            off = 0.6 * depth * depth / (k[1, 1] * z) + 0.05 * depth + 0.3
            seen += bool(self.layers.ids[pixel] == GROUND and abs(self.layers.depth[pixel] - depth) < off)
        return seen / len(places)

    def lane_seen(self, ahead: float) -> float:
        """The share of the lane's width that is seen so many metres before the bumper."""
        at = self.at + BUMPER + ahead
        foot, along = self.line.interpolate(at), self._tangent(at)
        across = 1j * along / abs(along)
        places = [complex(foot.x, foot.y) + across * offset for offset in np.linspace(-1.5, 1.5, 7).tolist()]
        return self.ground_seen([self.into_ego(place) for place in places])

    def stop_line(self) -> tuple[float, float] | None:
        """Metres from the bumper to the next painted stop line across the route before any junction, and its seen share."""
        found = None
        for marking in self.world.city.markings:
            if marking.kind != "stop":
                continue
            paint = shapely.LineString(marking.line)
            met = self.line.intersection(paint)
            if met.is_empty:
                continue
            ahead = float(self.line.project(met.centroid)) - self.at - BUMPER
            if ahead >= 0.0 and (found is None or ahead < found[0]):
                ends = [complex(*end) for end in marking.line.tolist()]
                places = [ends[0] + (ends[1] - ends[0]) * share for share in np.linspace(0.05, 0.95, 9).tolist()]
                found = ahead, self.ground_seen([self.into_ego(place) for place in places])
        return found

    def leader(self, numbers: set[int]) -> tuple[int, float] | None:
        """The nearest of some actors that reaches into the lane ahead and goes along it, and the gap to it."""
        reach = shapely.ops.substring(self.line, self.at, min(self.at + 90.0, self.line.length))
        lane = reach.buffer(1.1, cap_style="flat")
        found = None
        for number in numbers:
            actor = self.actors[number]
            outline = self.outline(actor)
            if actor.kind in ("pedestrian", "officer", "worker") or not lane.intersects(outline):
                continue
            middle = self.line.project(outline.centroid)
            askew = abs(cmath.phase(cmath.rect(1.0, actor.pose.heading) / self._tangent(middle)))
            if middle <= self.at or (actor.kind not in ("cone", "barrier") and askew > math.radians(60.0)):
                continue
            gap = (
                min(self.line.project(shapely.Point(*corner)) for corner in outline.exterior.coords) - self.at - BUMPER
            )
            if found is None or gap < found[1]:
                found = number, gap
        return found

    # Lights

    def heads(self) -> dict[int, int]:
        """Pixels of the heads' boards that face the car, by the head's number."""
        found = {}
        for signal in self.state.signals:
            towards = complex(signal.pose.x, signal.pose.y) - self._ego
            if (cmath.rect(1.0, signal.pose.heading) / (towards / abs(towards))).real > 0.3:
                found[signal.number] = self.pixels.get(FIRST_SIGNAL + signal.number, 0)
        return found

    def share_of_box(self, box: tuple[float, float, float, float], owner: int) -> float:
        """The share of the pixels with middles in a rectangle that are an owner's."""
        left, top, right, bottom = box
        part = self.layers.ids[math.ceil(top) : math.floor(bottom) + 1, math.ceil(left) : math.floor(right) + 1]
        return float((part == owner).mean()) if part.size else math.nan
