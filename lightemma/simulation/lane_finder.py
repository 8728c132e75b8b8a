"""Which lanes are near a position, and which are blocked by things in them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lightemma.simulation.actor_kinds import kind_named
from lightemma.simulation.actors import Thing
from lightemma.simulation.geometry import box_corners
from lightemma.simulation.network import Network

#: Metres: side of the squares by which lanes are looked up, and the largest distance at which a lane can be found.
SQUARE, WITHIN = 8.0, 6.0


class LaneFinder:
    """Finds lanes by position; each square of the plane is searched when it is first needed."""

    def __init__(self, network: Network) -> None:
        self._around = lane_rectangles(network)
        self._by_square: dict[tuple[int, int], list[int]] = {}

    def near(self, x: float, y: float, within: float = WITHIN) -> list[int]:
        """Lanes whose surrounding rectangle, made wider by ``within`` (up to 6) metres, contains a position."""
        square = (math.floor(x / SQUARE), math.floor(y / SQUARE))
        if square not in self._by_square:
            self._by_square[square] = self._about(square)
        found = []
        for lane in self._by_square[square]:
            left, bottom, right, top = self._around[lane]
            if left - within < x < right + within and bottom - within < y < top + within:
                found.append(lane)
        return found

    def _about(self, square: tuple[int, int]) -> list[int]:
        """Lanes whose surrounding rectangle, made wider, meets a square of the plane."""
        west, south = square[0] * SQUARE - WITHIN, square[1] * SQUARE - WITHIN
        east, north = west + SQUARE + 2.0 * WITHIN, south + SQUARE + 2.0 * WITHIN
        return [
            lane
            for lane, (left, bottom, right, top) in enumerate(self._around)
            if left <= east and right >= west and bottom <= north and top >= south
        ]


def lane_rectangles(network: Network) -> list[tuple[float, float, float, float]]:
    """Left, bottom, right and top (metres) of the rectangle around each lane's middle."""
    found = []
    for lane in network.lanes:
        line = lane.path.line()
        (left, bottom), (right, top) = line.min(axis=0).tolist(), line.max(axis=0).tolist()
        found.append((left, bottom, right, top))
    return found


def things_in_lanes(network: Network, things: Sequence[Thing]) -> list[tuple[int, float, float]]:
    """Lane, rear and middle (metres along it) of each thing that reaches so far into a lane that no car passes in it."""
    found = []
    around = lane_rectangles(network)
    for thing in things:
        length, width, _ = kind_named(thing.kind).size
        corners = box_corners(thing.pose.x, thing.pose.y, thing.pose.heading, length, width)
        for lane, (left, bottom, right, top) in zip(network.lanes, around, strict=True):
            if not (left - 8.0 < thing.pose.x < right + 8.0 and bottom - 8.0 < thing.pose.y < top + 8.0):
                continue
            places = [lane.path.project(float(x), float(y)) for x, y in corners]
            along = [place[0] for place in places]
            offsets = [place[1] for place in places]
            if max(along) < 0.0 or min(along) > lane.path.length:
                continue
            if min(offsets) < 1.1 and max(offsets) > -1.1:
                found.append((lane.number, min(along), sum(along) / 4.0))
    return found
