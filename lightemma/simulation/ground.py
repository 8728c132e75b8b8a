"""The ground of the streets as polygons: carriageway, lanes and walkways."""

from __future__ import annotations

import math

import numpy as np

from lightemma.frame import FloatArray
from lightemma.simulation import ground_round as rounds
from lightemma.simulation.geometry import counter_clockwise
from lightemma.simulation.streets import BUILD_OUT, WALKWAY, Junction, Road, Streets

#: Metres by which a junction's ground reaches into its roads, so that there is no gap between them.
OVERLAP = 0.3
#: Half the length of the widened walkway at a crossing next to a parking strip (metres).
CROSSING_CLEAR = 6.0


def drivable(streets: Streets) -> list[FloatArray]:
    """Polygons (n, 2) of the carriageway, parking strips and junctions included."""
    found = [_strip(streets, road, -road.half, road.half) for road in streets.roads]
    for road in streets.roads:
        for low, high, begin, end in parking_strips(road):
            found.append(_strip(streets, road, low, high, begin, end))
    for junction in streets.junctions:
        if junction.quarters:
            found += rounds.drivable(
                streets.network, junction.quarters, junction.centre, junction.plan.ring, streets.side
            )
        else:
            found.append(_junction_ground(junction, streets.side))
    return found


def lanes(streets: Streets) -> list[FloatArray]:
    """Polygons (n, 2), one per lane and way through a junction."""
    return [counter_clockwise(lane.path.strip(-lane.width / 2.0, lane.width / 2.0)) for lane in streets.network.lanes]


def walkways(streets: Streets) -> list[FloatArray]:
    """Polygons (n, 2) of the pavements along roads and round corners."""
    found = []
    for road in streets.roads:
        right, left = road.half + road.parking[0], road.half + road.parking[1]
        found.append(_strip(streets, road, -right - WALKWAY, -right))
        found.append(_strip(streets, road, left, left + WALKWAY))
        for low, high, begin, end in _build_outs(road):
            found.append(_strip(streets, road, low, high, begin, end))
    for junction in streets.junctions:
        if junction.quarters:
            found += rounds.walkways(
                streets.network, junction.quarters, junction.centre, junction.plan.ring, streets.side
            )
        else:
            found.extend(_corners(junction, streets.side))
    return found


def parking_strips(road: Road) -> list[tuple[float, float, float, float]]:
    """Where cars may park: offsets from the middle (low, high) and metres along the road (begin, end)."""
    found = []
    for low, high in _sides(road):
        place = BUILD_OUT
        for crossing in (*sorted(road.crossings), road.middle.length - BUILD_OUT + CROSSING_CLEAR):
            end = crossing - CROSSING_CLEAR
            if end > place + 4.0:
                found.append((low, high, place, end))
            place = max(place, crossing + CROSSING_CLEAR)
    return found


def _build_outs(road: Road) -> list[tuple[float, float, float, float]]:
    """The rest of the parking strips' room: widened walkway at the ends and at crossings."""
    found = []
    strips = parking_strips(road)
    for low, high in _sides(road):
        place = 0.0
        for other_low, _, begin, end in strips:
            if other_low == low:
                found.append((low, high, place, begin))
                place = end
        found.append((low, high, place, road.middle.length))
    return [entry for entry in found if entry[3] > entry[2] + 0.1]


def _sides(road: Road) -> list[tuple[float, float]]:
    found = []
    if road.parking[0]:
        found.append((-road.half - road.parking[0], -road.half))
    if road.parking[1]:
        found.append((road.half, road.half + road.parking[1]))
    return found


def _strip(
    streets: Streets, road: Road, low: float, high: float, begin: float | None = None, end: float | None = None
) -> FloatArray:
    path = road.middle if begin is None or end is None else road.middle.between(begin, end)
    low, high = sorted((low * streets.side, high * streets.side))
    return counter_clockwise(path.strip(low, high))


def _junction_ground(junction: Junction, side: int) -> FloatArray:
    """The junction's carriageway: around its corners, counter-clockwise, as laid out before mirroring."""
    points: list[tuple[float, float]] = []
    for sx, sy, outwards in ((1, -1, False), (1, 1, True), (-1, 1, False), (-1, -1, True)):
        has_arm = junction.plan.left if sy > 0 else junction.plan.right
        x, y = sx * junction.half_x, sy * junction.half_y
        corner = [(sx * (junction.half_x + OVERLAP), sy * junction.kerb_main)]
        if has_arm:
            corner += [(x - sx * u, y - sy * v) for u, v in _quarter(junction.plan.radius)]
            corner.append((sx * junction.kerb_side, sy * (junction.half_y + OVERLAP)))
        points.extend(corner if outwards else corner[::-1])
    return _placed(junction, np.array(points), side)


def _corners(junction: Junction, side: int) -> list[FloatArray]:
    found = []
    for sy, has_arm in ((1, junction.plan.left), (-1, junction.plan.right)):
        if not has_arm:
            near, far = sy * junction.kerb_main, sy * (junction.kerb_main + WALKWAY)
            box = [(-junction.half_x, near), (junction.half_x, near), (junction.half_x, far), (-junction.half_x, far)]
            found.append(_placed(junction, np.array(box), side))
            continue
        for sx in (1, -1):
            x, y = sx * junction.half_x, sy * junction.half_y
            outer = _quarter(junction.plan.radius)
            inner = _quarter(max(junction.plan.radius - WALKWAY, 0.5))
            ring = [(x - sx * u, y - sy * v) for u, v in outer + inner[::-1]]
            found.append(_placed(junction, np.array(ring), side))
    return found


def _quarter(radius: float, count: int = 9) -> list[tuple[float, float]]:
    """From (0, radius) to (radius, 0) round a quarter circle."""
    angles = [math.pi / 2.0 * i / (count - 1) for i in range(count)]
    return [(radius * math.sin(angle), radius * math.cos(angle)) for angle in angles]


def _placed(junction: Junction, points: FloatArray, side: int) -> FloatArray:
    """Points of a junction's own frame (x along the main street, y left before mirroring) in the world."""
    centre = junction.centre
    cos, sin = math.cos(centre.heading), math.sin(centre.heading)
    x, y = points[:, 0], points[:, 1] * side
    return counter_clockwise(np.column_stack([centre.x + x * cos - y * sin, centre.y + x * sin + y * cos]))
