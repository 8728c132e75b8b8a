"""Where the city's route goes next, as a navigation device would say it. It knows the route, not what traffic will do."""

from __future__ import annotations

import math

from lightemma.frame import Pose
from lightemma.simulation.geometry import Path

#: Metres of route ahead that are looked at, and the turn from which on they count as one.
AHEAD_M = 40.0
TURN = math.radians(30.0)


def route_command(path: Path, pose: Pose) -> str:
    """``left``, ``right`` or ``straight``: how the route turns within the next 40 m.

    Args:
        path: of the route.
        pose: of the car.
    """
    along, _ = path.project(pose.x, pose.y)
    turn = math.remainder(path.pose(along + AHEAD_M).heading - path.pose(along).heading, 2.0 * math.pi)
    if turn >= TURN:
        return "left"
    return "right" if turn <= -TURN else "straight"
