"""The ground of roundabouts as polygons: carriageway, pavements around it, and islands."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lightemma.frame import FloatArray, Pose
from lightemma.simulation.geometry import Path, counter_clockwise
from lightemma.simulation.network import Network
from lightemma.simulation.roundabouts import Quarter

#: Metres from the middle of the ring's lane to its inner and outer kerb; of the latter, at the arms' ends.
INNER, OUTER, NARROW = 3.0, 2.8, 2.0
#: Metres over which a way becomes wider after an arm's end, and width of the pavement.
TAPER, WIDE = 9.0, 3.2


def drivable(network: Network, quarters: Sequence[Quarter], centre: Pose, ring: float, side: int) -> list[FloatArray]:
    """Polygons (n, 2): each quarter's way in, along and out, and the ring in eighths."""
    found = []
    for quarter in quarters:
        path = _path(network, quarter)
        right, left = _border(path, -side), path.line(side * NARROW, 0.7)
        found.append(counter_clockwise(np.concatenate([right, left[::-1]])))
    for before, quarter in zip((quarters[-1], *quarters[:-1]), quarters, strict=True):
        # Between the ways in and out of an arm.
        way_in, way_out = network.lanes[quarter.lanes[0]].path, network.lanes[before.lanes[2]].path
        found.append(counter_clockwise(np.concatenate([way_in.line(0.0, 0.7), way_out.line(0.0, 0.7)])))
    for eighth in range(8):
        angles = math.pi / 4.0 * eighth + np.linspace(-0.02, math.pi / 4.0 + 0.02, 9)
        outer, inner = (_circle(centre, radius, angles) for radius in (ring + OUTER, ring - INNER))
        found.append(counter_clockwise(np.concatenate([outer, inner[::-1]])))
    return found


def walkways(network: Network, quarters: Sequence[Quarter], centre: Pose, ring: float, side: int) -> list[FloatArray]:
    """Polygons (n, 2): the island in the middle, and the pavement outside each quarter."""
    found = [counter_clockwise(_circle(centre, ring - INNER, np.arange(36) * (math.pi / 18.0)))]
    for quarter in quarters:
        path = _path(network, quarter)
        near, far = _border(path, -side), _border(path, -side, WIDE)
        found.append(counter_clockwise(np.concatenate([near, far[::-1]])))
    return found


def edge(network: Network, quarter: Quarter, side: int) -> FloatArray:
    """(n, 2) metres: the line along a quarter's outer kerb."""
    return _border(_path(network, quarter), -side, -0.15)


def _path(network: Network, quarter: Quarter) -> Path:
    return Path.joined(network.lanes[number].path for number in quarter.lanes)


def _border(path: Path, side: int, beyond: float = 0.0) -> FloatArray:
    """The kerb at one side (1: left) of a quarter's path, or a line ``beyond`` it: narrow at both ends, wide between them."""
    places = np.linspace(0.0, path.length, max(2, math.ceil(path.length / 0.7)) + 1)
    share = np.clip(np.minimum(places, path.length - places) / TAPER, 0.0, 1.0)
    offsets = NARROW + (OUTER - NARROW) * share + beyond
    poses = [path.offset_pose(float(s), side * float(o)) for s, o in zip(places, offsets, strict=True)]
    return np.array([(pose.x, pose.y) for pose in poses])


def _circle(centre: Pose, radius: float, angles: npt.NDArray[np.floating]) -> FloatArray:
    turned = centre.heading + angles
    return np.column_stack([centre.x + radius * np.cos(turned), centre.y + radius * np.sin(turned)])
