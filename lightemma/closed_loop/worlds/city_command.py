"""Where the city's route goes next, as a navigation device would say it. It knows the route, not what traffic will do."""

from __future__ import annotations

import math

from lightemma.frame import Pose
from lightemma.simulation.network import Network, Route

#: Metres ahead within which a junction is announced: at 50 km/h a car stops from there without haste.
REACH_M = 50.0
#: The change of heading from which on a way through a junction is a turn.
TURN = math.radians(30.0)
#: What is left of a turn when it is as good as made, so that nobody is told to turn who has to straighten up.
DONE = math.radians(15.0)
#: Ways that are no further apart (metres) are one junction to a driver, such as the ways in, round and out of a roundabout.
TOGETHER_M = 15.0


def route_command(network: Network, route: Route, pose: Pose) -> tuple[str, float | None]:
    """``left``, ``right`` or ``straight`` at the next junction, with the metres to it; ``follow`` where none is in reach.

    Args:
        network: of the streets.
        route: of the car.
        pose: of the car.

    Returns:
        The command, and the metres along the route to where its way through the junction begins: 0 on that way, None for
        ``follow``.
    """
    along, _ = route.path.project(pose.x, pose.y)
    for start, end in _junctions(network, route):
        if along >= end:
            continue
        if start - along > REACH_M:
            break
        turn = _turn(route, start, end)
        if abs(turn) >= TURN and along > start and abs(_turn(route, along, end)) < DONE:
            continue
        name = "left" if turn >= TURN else "right" if turn <= -TURN else "straight"
        return name, round(max(start - along, 0.0), 1)
    return "follow", None


def _turn(route: Route, start: float, end: float) -> float:
    """Radians to the left between two places of a route."""
    return math.remainder(route.path.pose(end).heading - route.path.pose(start).heading, 2.0 * math.pi)


def _junctions(network: Network, route: Route) -> list[tuple[float, float]]:
    """Metres along the route at which each junction's ways begin and end, in order."""
    found: list[tuple[float, float]] = []
    for lane, start in zip(route.lanes, route.starts, strict=True):
        if network.lanes[lane].junction is None:
            continue
        end = start + network.lanes[lane].path.length
        if found and start - found[-1][1] <= TOGETHER_M:
            found[-1] = found[-1][0], end
        else:
            found.append((start, end))
    return found
