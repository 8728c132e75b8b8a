"""Whether a car keeps a lane, by the map under it: what an agent that learns to drive is paid for."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lightemma.agents import GroundMap
from lightemma.data.drivable import DrivableArea
from lightemma.frame import FloatArray

BoolArray = npt.NDArray[np.bool_]
#: Metres beside the car's middle, to either side, that must be in the lane with it: in a lane of the usual 3.5 m the car is
#: then at most 1 m beside its middle line.
BESIDE = 0.75
#: Radians by which a car may be askew to its lane.
ASKEW = np.radians(40.0)


def keeps_lane(middle: FloatArray, heading: FloatArray, ground: GroundMap, directed: bool) -> BoolArray:
    """Whether the car is well inside of a lane, and goes its way.

    Any lane will do, also another one than that in which the drive began: a lane ends where a crossing begins.

    Args:
        middle: (n, 2) metres, world, the car's middle.
        heading: (n,) radians.
        ground: the map.
        directed: whether its lanes' rings begin with the left border as it runs, as those of simulated drives do; elsewhere
            the way of a lane is not known, and none is asked.

    Returns:
        (n,).
    """
    aside = BESIDE * np.column_stack([-np.sin(heading), np.cos(heading)])
    left, right = (_pairs(ground, middle + side) for side in (aside, -aside))
    kept = np.zeros(len(middle), dtype=np.bool_)
    for point, lane in sorted(left & right):
        if kept[point] or not (directed and isinstance(ground, DrivableArea)):
            kept[point] = True
            continue
        kept[point] = abs(_between(heading[point], _way(ground.lane_ring(lane), middle[point]))) <= ASKEW
    return kept


def _pairs(ground: GroundMap, points: FloatArray) -> set[tuple[int, int]]:
    return {(point, lane) for point, lane in ground.lanes_at(points).tolist()}


def _way(ring: FloatArray, point: FloatArray) -> float:
    """Heading of the border piece nearest to a point, among those of the first half of a ring."""
    border = ring[: len(ring) // 2]
    pieces = np.diff(border, axis=0)
    share = np.einsum("ij,ij->i", point - border[:-1], pieces) / np.maximum((pieces**2).sum(axis=1), 1e-9)
    nearest = border[:-1] + np.clip(share, 0.0, 1.0)[:, None] * pieces
    along = pieces[int(np.argmin(((nearest - point) ** 2).sum(axis=1)))]
    return float(np.arctan2(along[1], along[0]))


def _between(one: float, other: float) -> float:
    return float((one - other + np.pi) % (2.0 * np.pi) - np.pi)
