"""Plane geometry of the city: paths of straights and arcs, contact of boxes, points inside polygons.

World frame as in `lightemma.simulation.state`: metres, radians counter-clockwise, positive curvature and offset = left.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from lightemma.boxes import BoolArray, overlap
from lightemma.frame import FloatArray, Pose


@dataclass(frozen=True, slots=True)
class Segment:
    """A straight (curvature 0) or an arc: its first pose, its curvature (1/m, left positive) and its length (m)."""

    x: float
    y: float
    heading: float
    curvature: float
    length: float

    def pose(self, along: float) -> Pose:
        """The pose ``along`` metres from its start; beyond its ends it continues with the same curvature."""
        return arc_pose(self.x, self.y, self.heading, self.curvature, along)

    def project(self, x: float, y: float) -> tuple[float, float, float]:
        """The nearest point on it: metres along it, offset to the left, and distance squared."""
        dx, dy = x - self.x, y - self.y
        cos, sin = math.cos(self.heading), math.sin(self.heading)
        forward, left = dx * cos + dy * sin, dy * cos - dx * sin
        if self.curvature == 0.0:
            along = min(max(forward, 0.0), self.length)
            return along, left, (forward - along) ** 2 + left * left
        radius = 1.0 / self.curvature
        # Seen from the arc's centre the start is at angle 0, counted in the direction of travel.
        along = math.atan2(forward, math.copysign(1.0, radius) * (radius - left)) * abs(radius)
        if along < 0.0 or along > self.length:
            round_trip = 2.0 * math.pi * abs(radius)
            wrapped = along + round_trip if along < 0.0 else along
            if wrapped <= self.length:
                along = wrapped
            else:
                along = 0.0 if forward**2 + left**2 < self._end_distance(x, y) else self.length
        offset = radius - math.copysign(math.hypot(forward, radius - left), radius)
        end = self.pose(along)
        return along, offset, (x - end.x) ** 2 + (y - end.y) ** 2

    def _end_distance(self, x: float, y: float) -> float:
        end = self.pose(self.length)
        return (x - end.x) ** 2 + (y - end.y) ** 2


@dataclass(frozen=True, slots=True)
class Path:
    """Segments, each starting where the one before ends.

    Attributes:
        segments: in order of travel.
        starts: metres from the path's start at which each segment begins.
        length: metres.
    """

    segments: tuple[Segment, ...]
    starts: tuple[float, ...]
    length: float

    @classmethod
    def of(cls, segments: Iterable[Segment]) -> Path:
        """A path of these segments; those shorter than a micrometre are dropped."""
        kept = tuple(segment for segment in segments if segment.length > 1e-6)
        if not kept:
            raise ValueError("a path needs a segment that is longer than 0")
        starts, total = [], 0.0
        for segment in kept:
            starts.append(total)
            total += segment.length
        return cls(kept, tuple(starts), total)

    @classmethod
    def from_pieces(cls, start: Pose, pieces: Sequence[tuple[float, float]]) -> Path:
        """A path from ``start`` through pieces of (length, curvature)."""
        segments = []
        for length, curvature in pieces:
            segment = Segment(start.x, start.y, start.heading, curvature, length)
            segments.append(segment)
            start = segment.pose(length)
        return cls.of(segments)

    @classmethod
    def joined(cls, paths: Iterable[Path]) -> Path:
        """One path of several, each starting where the one before ends."""
        return cls.of(segment for path in paths for segment in path.segments)

    def pose(self, along: float) -> Pose:
        """The pose at ``along`` metres; beyond its ends the path continues straight."""
        if along < 0.0:
            first = self.segments[0]
            return Segment(first.x, first.y, first.heading, 0.0, 1.0).pose(along)
        if along > self.length:
            end = self.segments[-1].pose(self.segments[-1].length)
            return Segment(end.x, end.y, end.heading, 0.0, 1.0).pose(along - self.length)
        index = max(bisect_right(self.starts, along) - 1, 0)
        return self.segments[index].pose(along - self.starts[index])

    def offset_pose(self, along: float, offset: float) -> Pose:
        """The pose at ``along`` metres, shifted ``offset`` metres to the left."""
        pose = self.pose(along)
        return Pose(pose.x - offset * math.sin(pose.heading), pose.y + offset * math.cos(pose.heading), pose.heading)

    def curvature(self, along: float) -> float:
        """1/m at ``along`` metres, 0 beyond the ends."""
        if along < 0.0 or along > self.length:
            return 0.0
        return self.segments[max(bisect_right(self.starts, along) - 1, 0)].curvature

    def project(self, x: float, y: float, near: float | None = None, window: float = 25.0) -> tuple[float, float]:
        """The nearest point on the path: metres along it and offset to the left.

        Args:
            x: metres.
            y: metres.
            near: metres along it of the last result; only segments within ``window`` metres of it are then searched.
            window: metres.
        """
        best = (math.inf, 0.0, 0.0)
        first, last = 0, len(self.segments)
        if near is not None:
            # The segment before the window's beginning may reach into it.
            first = max(bisect_right(self.starts, near - window) - 2, 0)
            last = bisect_right(self.starts, near + window)
        for index in range(first, last):
            segment, start = self.segments[index], self.starts[index]
            if near is not None and start + segment.length < near - window:
                continue
            along, offset, distance = segment.project(x, y)
            if distance < best[0]:
                best = (distance, start + along, offset)
        if best[1] <= 0.0 or best[1] >= self.length:  # before the start or beyond the end: along the tangent
            end = self.pose(0.0 if best[1] <= 0.0 else self.length)
            dx, dy = x - end.x, y - end.y
            cos, sin = math.cos(end.heading), math.sin(end.heading)
            if best[0] < math.inf:
                return best[1] + dx * cos + dy * sin, dy * cos - dx * sin
        return best[1], best[2]

    def shifted(self, offset: float) -> Path:
        """The parallel path ``offset`` metres to the left (an arc keeps its centre)."""
        segments = []
        for segment, start in zip(self.segments, self.starts, strict=True):
            pose = self.offset_pose(start, offset)
            scale = 1.0 - segment.curvature * offset
            segments.append(Segment(pose.x, pose.y, segment.heading, segment.curvature / scale, segment.length * scale))
        return Path.of(segments)

    def reversed(self) -> Path:
        """The same line in the opposite direction."""
        segments = []
        for segment in reversed(self.segments):
            end = segment.pose(segment.length)
            segments.append(Segment(end.x, end.y, end.heading + math.pi, -segment.curvature, segment.length))
        return Path.of(segments)

    def mirrored(self) -> Path:
        """The path with y turned into -y."""
        return Path.of(Segment(s.x, -s.y, -s.heading, -s.curvature, s.length) for s in self.segments)

    def between(self, start: float, end: float) -> Path:
        """The part from ``start`` to ``end`` metres (both within the path)."""
        segments = []
        for segment, first in zip(self.segments, self.starts, strict=True):
            low, high = max(start, first), min(end, first + segment.length)
            if high > low:
                pose = segment.pose(low - first)
                segments.append(Segment(pose.x, pose.y, pose.heading, segment.curvature, high - low))
        return Path.of(segments)

    def line(self, offset: float = 0.0, step: float = 2.0) -> FloatArray:
        """The path as a line of points, (n, 2) metres: ends of segments, and points every ``step`` metres of an arc."""
        places: list[float] = []
        for segment, start in zip(self.segments, self.starts, strict=True):
            count = 1 if segment.curvature == 0.0 else max(1, math.ceil(segment.length / step))
            places.extend(start + segment.length * i / count for i in range(count))
        places.append(self.length)
        poses = [self.offset_pose(place, offset) for place in places]
        return np.array([(pose.x, pose.y) for pose in poses])

    def strip(self, right: float, left: float) -> FloatArray:
        """The polygon between two offsets (left positive, ``right`` < ``left``), (n, 2) metres, counter-clockwise."""
        return np.concatenate([self.line(right), self.line(left)[::-1]])


def arc_pose(x: float, y: float, heading: float, curvature: float, along: float) -> Pose:
    """The pose ``along`` metres from a pose on a straight (curvature 0) or an arc (1/m, left positive)."""
    # A chord of an arc points along the mean heading and is sinc(turn / 2) of the arc long.
    half = curvature * along / 2.0
    chord = along * math.sin(half) / half if half else along
    mean = heading + half
    return Pose(x + chord * math.cos(mean), y + chord * math.sin(mean), heading + 2.0 * half)


def curvature_to(pose: Pose, aim: Pose) -> float:
    """1/m of the arc from a pose through a point: 2 y / d² (pure pursuit, Coulter 1992)."""
    dx, dy = aim.x - pose.x, aim.y - pose.y
    left = dy * math.cos(pose.heading) - dx * math.sin(pose.heading)
    return 2.0 * left / max(dx * dx + dy * dy, 1e-6)


def wrap(angle: float) -> float:
    """The angle in [-pi, pi)."""
    return (angle + math.pi) % (2.0 * math.pi) - math.pi


def box_corners(x: float, y: float, heading: float, length: float, width: float) -> FloatArray:
    """Corners of a box about its centre: (4, 2) metres, counter-clockwise from the front left."""
    cos, sin = math.cos(heading), math.sin(heading)
    a, b = length / 2.0, width / 2.0
    return np.array([(x + u * cos - v * sin, y + u * sin + v * cos) for u, v in ((a, b), (-a, b), (-a, -b), (a, -b))])


def contact_within(
    within: float, box: Sequence[float], other: Sequence[float], relative: tuple[float, float], cos: float, sin: float
) -> float:
    """When two boxes that keep their velocity and heading first touch: `lightemma.boxes.first_contact` in plain numbers.

    Arrays of one box would cost more than the computation itself, which runs twenty times a second; this also stops early.

    Args:
        within: seconds; a later contact does not count.
        box: centre x, y, heading, length, width.
        other: the same of the other box.
        relative: m/s, the other's velocity less that of the first.
        cos: of the other's heading.
        sin: of the other's heading.

    Returns:
        Seconds; 0 where they overlap already, inf where they do not touch within that time.
    """
    dx, dy = other[0] - box[0], other[1] - box[1]
    half_length, half_width = box[3] / 2.0, box[4] / 2.0
    its_length, its_width = other[3] / 2.0, other[4] / 2.0
    own_cos, own_sin = math.cos(box[2]), math.sin(box[2])
    along = abs(own_cos * cos + own_sin * sin)
    across = abs(own_cos * sin - own_sin * cos)
    enter, leave = 0.0, math.inf
    for ux, uy, reach in (
        (own_cos, own_sin, half_length + its_length * along + its_width * across),
        (-own_sin, own_cos, half_width + its_length * across + its_width * along),
        (cos, sin, its_length + half_length * along + half_width * across),
        (-sin, cos, its_width + half_length * across + half_width * along),
    ):
        gap = dx * ux + dy * uy
        rate = relative[0] * ux + relative[1] * uy
        if abs(rate) < 1e-9:
            if abs(gap) > reach:
                return math.inf
            continue
        one, last = (-reach - gap) / rate, (reach - gap) / rate
        enter, leave = max(enter, min(one, last)), min(leave, max(one, last))
        if enter > leave or enter >= within:
            return math.inf
    return enter


def boxes_overlap(box: FloatArray, boxes: FloatArray) -> BoolArray:
    """Which boxes overlap one box (separating-axis theorem).

    Args:
        box: (5,) centre x, y, heading, length, width.
        boxes: (n, 5) the same of the others.

    Returns:
        (n,) whether they overlap.
    """
    return overlap(box[:2], box[2], box[3:5], boxes[:, :2], boxes[:, 2], boxes[:, 3:5])


def box_meets(box: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two boxes (x, y, heading, length, width) overlap: `boxes_overlap` in plain numbers, which is faster."""
    dx, dy = other[0] - box[0], other[1] - box[1]
    turn = other[2] - box[2]
    along, across = abs(math.cos(turn)), abs(math.sin(turn))
    for first, second in ((box, other), (other, box)):
        cos, sin = math.cos(first[2]), math.sin(first[2])
        if abs(dx * cos + dy * sin) > (first[3] + second[3] * along + second[4] * across) / 2.0:
            return False
        if abs(dy * cos - dx * sin) > (first[4] + second[3] * across + second[4] * along) / 2.0:
            return False
    return True


class Area:
    """A union of polygons that says which points are inside; it first tries the polygon that last contained all points."""

    def __init__(self, polygons: Sequence[FloatArray]) -> None:
        rings = [np.asarray(polygon, dtype=np.float64) for polygon in polygons]
        self._boxes = [(*polygon.min(axis=0).tolist(), *polygon.max(axis=0).tolist()) for polygon in rings]
        self._edges = [(polygon, np.roll(polygon, -1, axis=0)) for polygon in rings]
        self._order = list(range(len(rings)))

    def contains(self, points: FloatArray) -> BoolArray:
        """Which points are inside any polygon, by counting crossings of a ray along x.

        Args:
            points: (n, 2) metres.

        Returns:
            (n,) booleans.
        """
        inside = np.zeros(len(points), dtype=np.bool_)
        low_x, low_y = points.min(axis=0).tolist()
        high_x, high_y = points.max(axis=0).tolist()
        for place, number in enumerate(self._order):
            left, bottom, right, top = self._boxes[number]
            if low_x > right or high_x < left or low_y > top or high_y < bottom:
                continue
            inside |= crossings_odd(points, *self._edges[number])
            if inside.all():
                if place:
                    self._order.insert(0, self._order.pop(place))
                break
        return inside


def crossings_odd(points: FloatArray, start: FloatArray, end: FloatArray) -> BoolArray:
    """Whether a ray from each point crosses the polygon's edges an odd number of times.

    Args:
        points: (n, 2) metres.
        start: (m, 2) first ends of the edges.
        end: (m, 2) second ends.

    Returns:
        (n,) booleans.
    """
    x, y = points[:, :1], points[:, 1:]
    spans = (start[:, 1] > y) != (end[:, 1] > y)
    rise = end[:, 1] - start[:, 1]
    at = start[:, 0] + (y - start[:, 1]) * (end[:, 0] - start[:, 0]) / np.where(rise == 0.0, 1.0, rise)
    odd: BoolArray = (np.count_nonzero(spans & (x < at), axis=1) % 2).astype(np.bool_)
    return odd


def counter_clockwise(polygon: FloatArray) -> FloatArray:
    """The polygon in counter-clockwise order; its direction is found by the shoelace formula."""
    after = np.roll(polygon, -1, axis=0)
    area = float(np.sum(polygon[:, 0] * after[:, 1] - after[:, 0] * polygon[:, 1]))
    ordered: FloatArray = polygon if area > 0.0 else polygon[::-1].copy()
    return ordered
