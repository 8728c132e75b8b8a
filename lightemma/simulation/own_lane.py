"""The lane that the ego is in and where it leads, as a driver who is told the command would take it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lightemma.frame import Pose
from lightemma.simulation.geometry import Path, wrap
from lightemma.simulation.network import Lane, Route
from lightemma.simulation.state import EGO_CENTRE_AHEAD, EGO_LENGTH
from lightemma.simulation.world import CitySimulation

#: Metres from the rear axle to the front bumper.
FRONT = EGO_CENTRE_AHEAD + EGO_LENGTH / 2.0
#: Metres from a lane's middle, and radians from its direction, within which the car is in it.
BESIDE, ASKEW = 2.0, math.radians(60.0)


@dataclass(frozen=True, slots=True)
class OwnLane:
    """The lane that the car is in, and the lanes that follow.

    Attributes:
        route: the lanes.
        at: metres along it of the rear axle.
        offset: metres of the rear axle to the left of its middle.
        heading_error: radians by which the car points to the left of it.
        ends: metres along it up to which it is known where it leads.
    """

    route: Route
    at: float
    offset: float
    heading_error: float
    ends: float

    @property
    def path(self) -> Path:
        """The middle of the lanes."""
        return self.route.path

    @property
    def front(self) -> float:
        """Metres along it of the front bumper."""
        return self.at + FRONT


def own_lane(world: CitySimulation, command: str | None) -> OwnLane | None:
    """The lane that the car is in, or None where it is in none.

    Args:
        world: as it is now.
        command: ``left`` or ``right`` at the next junction; anything else is straight on. Without a command it is unknown
            where the car goes at a junction with several ways.
    """
    pose = world.ego.pose
    found = _placed(world, world.route, pose, command)
    if found is not None:
        return found
    network, best = world.traffic.network, None
    turn = command if command in ("left", "right") else "straight"
    for number in world.traffic.lanes.near(pose.x, pose.y):
        lane = network.lanes[number]
        place = _placed(world, network.route(network.onward(number, turn)), pose, command)  # type: ignore[arg-type]
        if place is None or place.at > lane.path.length:
            continue
        # In a junction lanes lie over one another; a lane of a road goes before them.
        rank = (lane.junction is not None, abs(place.offset) + 2.0 * abs(place.heading_error))
        if best is None or rank < best[0]:
            best = rank, place
    return best[1] if best else None


def _placed(world: CitySimulation, route: Route, pose: Pose, command: str | None) -> OwnLane | None:
    at, offset = (float(value) for value in route.path.project(float(pose.x), float(pose.y)))
    error = wrap(float(pose.heading) - route.path.pose(at).heading)
    if abs(offset) > BESIDE or abs(error) > ASKEW or not 0.0 <= at <= route.path.length:
        return None
    ends = route.path.length
    if command is None:
        lanes = world.traffic.network.lanes
        for number, start in zip(route.lanes, route.starts, strict=True):
            after = start + lanes[number].path.length
            if after > at and len(lanes[number].successors) > 1:
                ends = after
                break
    return OwnLane(route, at, offset, error, ends)


def next_line(world: CitySimulation, lane: OwnLane, reach: float, *, lit: bool = False) -> tuple[Lane, float] | None:
    """The lane with the next line to stop at before the next junction, or behind the one that the car is in, and its distance.

    With ``lit``, only a line with lights counts, and up to the junction also after the car has crossed it.
    """
    begun = False
    for number, start in zip(lane.route.lanes, lane.route.starts, strict=True):
        one = world.traffic.network.lanes[number]
        if start + one.path.length <= lane.at:
            continue
        if begun and one.junction is not None:
            return None
        begun = True
        if one.stop_at is None or start > lane.ends:
            continue
        distance = start + one.stop_at - lane.front
        if distance > reach:
            return None
        if not lit and distance >= 0.0:
            return one, distance
        if lit and one.group is not None and one.group[0] in world.controllers:
            return one, distance
    return None
