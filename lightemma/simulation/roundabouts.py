"""Roundabouts: one lane round an island, entered by giving way to whoever is on it, in right-hand traffic counter-clockwise.

Every arm's way in bends to the right and meets the ring on a straight that touches it, and so does its way out; between the two
the ring leads past the arm.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lightemma.frame import FloatArray, Pose
from lightemma.simulation.geometry import Path
from lightemma.simulation.network import Conflict, Lane, Turn, find_conflict

#: Metres: radius of the arcs into the ring and out of it, of straight road between them and the arms, and between them and the
#: ring, on which the wheels are turned the other way.
BEND_IN, STRAIGHT, TANGENT = 14.0, 1.5, 3.5
#: Radians, counter-clockwise, from the middle to each arm.
ANGLES = {"east": 0.0, "north": math.pi / 2.0, "west": math.pi, "south": 1.5 * math.pi}


@dataclass(frozen=True, slots=True)
class Quarter:
    """The part of a roundabout from one arm to the next.

    Attributes:
        lanes: numbers of the lanes in from the arm, along the ring, and out to the next arm.
        past: number of the lane along the ring past the arm that it begins at.
    """

    lanes: tuple[int, int, int]
    past: int


def reach_of(ring: float, lane_width: float) -> float:
    """Metres from a roundabout's middle to where its arms begin, for the radius of its ring."""
    apart = _apart(ring, lane_width)
    return (ring + BEND_IN) * math.cos(apart) + TANGENT * math.sin(apart) + STRAIGHT


def _apart(ring: float, lane_width: float) -> float:
    """Radians between an arm and where the way from it reaches the ring.

    The arc ends in the lane's middle: (ring + bend) sin a - tangent cos a = bend + lane_width / 2.
    """
    whole = math.hypot(ring + BEND_IN, TANGENT)
    return math.atan2(TANGENT, ring + BEND_IN) + math.asin((BEND_IN + lane_width / 2.0) / whole)


def lay_round(
    first: int,
    junction: int,
    centre: Pose,
    ring: float,
    ends: Mapping[str, tuple[int, int]],
    lanes: Sequence[Lane],
) -> tuple[list[Lane], dict[int, int], tuple[Quarter, ...]]:
    """The lanes of a roundabout.

    Args:
        first: the number of its first lane.
        junction: its number.
        centre: its middle.
        ring: metres from there to the middle of the lane round it.
        ends: by the arm's name, the numbers of the lane that leads to the roundabout and of the one that leads away.
        lanes: all lanes so far.

    Returns:
        The lanes; by a lane that leads to the roundabout, the lane into it; and the quarters.
    """
    names = sorted(ends, key=ANGLES.__getitem__)
    width = lanes[ends[names[0]][0]].width
    apart = _apart(ring, width)
    bend = (BEND_IN * (math.pi / 2.0 - apart), -1.0 / BEND_IN)
    found: list[Lane] = []
    entries: dict[int, int] = {}
    quarters = []
    limit = lanes[ends[names[0]][0]].limit
    for index, name in enumerate(names):
        here, after = ANGLES[name], ANGLES[names[(index + 1) % len(names)]]
        between = (after - here) % (2.0 * math.pi) or 2.0 * math.pi
        number = first + 4 * index
        into, past, along, out = number, number + 1, number + 2, number + 3
        last = first + 4 * ((index + 1) % len(names))
        lane_in, lane_out = ends[name][0], ends[names[(index + 1) % len(names)]][1]
        end = lanes[lane_in].path.pose(lanes[lane_in].path.length)
        paths = (
            Path.from_pieces(end, [(STRAIGHT, 0.0), bend, (TANGENT, 0.0)]),
            _arc(centre, ring, here - apart, 2.0 * apart),
            _arc(centre, ring, here + apart, between - 2.0 * apart),
            Path.from_pieces(_on_ring(centre, ring, after - apart), [(TANGENT, 0.0), bend, (STRAIGHT, 0.0)]),
        )
        follow = ((along,), (along,), (out, last + 1), (lane_out,))
        for k, (path, successors) in enumerate(zip(paths, follow, strict=True)):
            turn: Turn = "right" if k == 3 else "straight"
            found.append(Lane(number + k, path, width, limit, (), successors, junction, turn, ring=True))
        entries[lane_in] = into
        quarters.append(Quarter((into, along, out), past))
    return found, entries, tuple(quarters)


def _on_ring(centre: Pose, ring: float, angle: float) -> Pose:
    """A pose on the ring; the angle counts from the main street's direction."""
    turned = centre.heading + angle
    return Pose(centre.x + ring * math.cos(turned), centre.y + ring * math.sin(turned), turned + math.pi / 2.0)


def _arc(centre: Pose, ring: float, start: float, angle: float) -> Path:
    return Path.from_pieces(_on_ring(centre, ring, start), [(ring * angle, 1.0 / ring)])


def conflicts_round(own: Lane, lanes: Sequence[Lane], points: Mapping[int, FloatArray]) -> tuple[Conflict, ...]:
    """The conflict of a way into a roundabout with the ring past its arm, seen from either; the way in gives way."""
    found = []
    for other in lanes:
        if not other.ring or other.junction != own.junction or other.number == own.number:
            continue
        if other.successors != own.successors or len(own.successors) != 1:
            continue
        comes_in = own.path.segments[-1].curvature == 0.0  # the ring past the arm is bent all the way
        conflict = find_conflict(own, other, points[own.number], points[other.number], comes_in)
        if conflict:
            found.append(conflict)
    return tuple(found)
