"""Whose fault a collision is, after nuPlan's classes of collisions (Karnchanachari et al., 2024)."""

from __future__ import annotations

import math

import numpy as np

from lightemma.frame import FloatArray
from lightemma.simulation.geometry import box_corners, boxes_overlap, wrap
from lightemma.simulation.world import CitySimulation

#: m/s below which a car counts as standing (nuPlan: 5e-2).
STANDING = 0.05


def blame(
    world: CitySimulation, box: FloatArray, other: FloatArray, velocity: FloatArray, row: int
) -> tuple[bool, str]:
    """Whether the ego is to blame, and how they met, after nuPlan's classes of collisions.

    Not to blame: the ego stood still, or was hit from behind. To blame: it hit something with its front, or something that
    stood still. In a contact at its side: to blame only when it was not within one lane of its own direction, or, beyond
    nuPlan's rules, was on a junction in the way of one who goes first there.

    Args:
        world: as it is now.
        box: the ego's, as `geometry.box_corners` takes it.
        other: the other's.
        velocity: the other's, x and y in m/s.
        row: the other's in the world's boxes.
    """
    ego = world.ego
    if ego.speed <= STANDING:
        return False, "the ego stood"
    if float(np.hypot(*velocity)) <= STANDING:
        return True, "hit something that stood"
    front = box_corners(box[0], box[1], box[2], box[3], box[4])
    bumper = _slab(front[0], front[3], box)
    if boxes_overlap(bumper, other[None, :])[0]:
        return True, "hit with its front"
    if _goes_first(world, row):
        return True, "in the way of one who goes first"
    tail = _slab(front[1], front[2], box)
    if boxes_overlap(tail, other[None, :])[0]:
        return False, "hit from behind"
    return not _within_lane(world, box), "met side to side"


def _goes_first(world: CitySimulation, row: int) -> bool:
    """Whether another vehicle is on a way that the ego's way through a junction has to yield to."""
    traffic = world.traffic
    if row >= len(traffic.at):
        return False
    at, network = float(traffic.at[0]), traffic.network
    own = {world.route.lane_at(at + float(part))[0] for part in (traffic.front[0], traffic.back[0])}
    its = {int(traffic.lanes_at(traffic.at + part)[row]) for part in (traffic.front, traffic.back)}
    return any(c.yields and c.other in its for lane in own for c in network.conflicts.get(lane, ()))


def _within_lane(world: CitySimulation, box: FloatArray) -> bool:
    corners = box_corners(*(float(value) for value in box))
    for number in world.traffic.lanes.near(float(box[0]), float(box[1])):
        lane = world.traffic.network.lanes[number]
        if all(abs(lane.path.project(float(x), float(y))[1]) <= lane.width / 2 + 0.1 for x, y in corners):
            along, _ = lane.path.project(float(box[0]), float(box[1]))
            return abs(wrap(float(box[2]) - lane.path.pose(along).heading)) < math.pi / 2
    return False


def _slab(one: FloatArray, other: FloatArray, box: FloatArray) -> FloatArray:
    """A bumper: a box of 0.3 m depth around the line between two corners."""
    middle = (one + other) / 2.0
    return np.array((middle[0], middle[1], box[2], 0.3, box[4]))
