"""The lane graph: lanes, ways through junctions, conflicts between ways and which of them yields, and routes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from lightemma.frame import FloatArray
from lightemma.simulation.geometry import Path

Turn = Literal["straight", "left", "right"]
#: A junction's number and which of its two signal phases.
Group = tuple[int, Literal["main", "side"]]

#: Two ways conflict where their middle lines come nearer than this (metres): a car's width and a margin.
CONFLICT_DISTANCE = 2.9
#: The same of a car's way and a cyclist's.
CYCLE_DISTANCE = 2.0


@dataclass(frozen=True, slots=True)
class Lane:
    """A lane of a road, or a way through a junction.

    Attributes:
        number: its place in `Network.lanes`.
        path: its middle, in the direction of travel.
        width: metres.
        limit: m/s.
        neighbours: lanes of the same road and direction next to it.
        successors: lanes that its end leads to.
        junction: the junction it crosses, or None for a lane of a road.
        turn: its direction through its junction.
        stop_at: metres along it of the line to stop at, or None.
        group: the signal phase for it at that line, or None.
        must_yield: whether, without signals, it gives way at that line.
        waits_inside: whether, on a way through a junction, it gives way inside (left turns; right turns in left-hand traffic).
        zones: where another limit holds: from and to (metres along it), and the limit (m/s).
        cycle: whether it is for cyclists only.
        ring: whether it is a part of a roundabout: into it, round it, or out of it.
    """

    number: int
    path: Path
    width: float
    limit: float
    neighbours: tuple[int, ...] = ()
    successors: tuple[int, ...] = ()
    junction: int | None = None
    turn: Turn = "straight"
    stop_at: float | None = None
    group: Group | None = None
    must_yield: bool = False
    waits_inside: bool = False
    zones: tuple[tuple[float, float, float], ...] = ()
    cycle: bool = False
    ring: bool = False

    def limit_at(self, along: float) -> float:
        """The speed limit in m/s at a place, in metres along the lane."""
        return min((speed for begin, end, speed in self.zones if begin <= along <= end), default=self.limit)


@dataclass(frozen=True, slots=True)
class Crossing:
    """A crossing for people on foot.

    Attributes:
        number: its place in `Network.crossings`.
        start: x, y on the walkway at one end.
        end: x, y at the other.
        width: metres along the road.
        lanes: the lanes it crosses and the metres along each at its middle.
        group: the signal phase of the traffic it crosses; people walk while that is red. None without signals.
    """

    number: int
    start: tuple[float, float]
    end: tuple[float, float]
    width: float
    lanes: tuple[tuple[int, float], ...]
    group: Group | None = None

    @property
    def length(self) -> float:
        """Metres from end to end."""
        return math.dist(self.start, self.end)


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two ways through a junction that cross or merge, seen from one of them.

    Attributes:
        own: the lane it is seen from.
        other: the other lane.
        enter: metres along ``own`` where the shared ground begins.
        leave: metres along ``own`` where it ends.
        other_enter: the same along ``other``.
        other_leave: the same along ``other``.
        yields: whether ``own`` gives way.
        merges: whether both end in the same lane.
    """

    own: int
    other: int
    enter: float
    leave: float
    other_enter: float
    other_leave: float
    yields: bool
    merges: bool


@dataclass(frozen=True)
class Route:
    """Lanes, each starting where the one before ends.

    Attributes:
        lanes: their numbers.
        path: their middles joined.
        starts: metres along the route at which each begins.
    """

    lanes: tuple[int, ...]
    path: Path
    starts: tuple[float, ...]

    @cached_property
    def start_of(self) -> dict[int, float]:
        """Metres along the route at which each lane begins, by the lane's number."""
        return dict(zip(self.lanes, self.starts, strict=True))

    def lane_at(self, along: float) -> tuple[int, float]:
        """The lane at ``along`` metres of the route, and the metres along that lane."""
        for lane, start in zip(reversed(self.lanes), reversed(self.starts), strict=True):
            if along >= start:
                return lane, along - start
        return self.lanes[0], along

    def limit_at(self, network: Network, along: float) -> float:
        """The speed limit in m/s at ``along`` metres of the route."""
        lane, place = self.lane_at(along)
        return network.lanes[lane].limit_at(place)


@dataclass(frozen=True)
class Network:
    """All lanes and crossings, and where ways conflict.

    Attributes:
        lanes: by number.
        crossings: by number.
        conflicts: by the number of the lane they are seen from.
    """

    lanes: tuple[Lane, ...]
    crossings: tuple[Crossing, ...]
    conflicts: dict[int, tuple[Conflict, ...]] = field(default_factory=dict)

    def route(self, lanes: Sequence[int]) -> Route:
        """The route through these lanes.

        Raises:
            ValueError: if one does not follow on the one before.
        """
        for one, after in itertools.pairwise(lanes):
            if after not in self.lanes[one].successors:
                raise ValueError(f"lane {after} does not follow on lane {one}")
        starts, total = [], 0.0
        for number in lanes:
            starts.append(total)
            total += self.lanes[number].path.length
        return Route(tuple(lanes), Path.joined(self.lanes[number].path for number in lanes), tuple(starts))

    def between(self, first: int, last: int) -> tuple[int, ...]:
        """The fewest lanes that lead from one lane to another, both included.

        Raises:
            ValueError: if none do.
        """
        ways: list[tuple[int, ...]] = [(first,)]
        seen = {first}
        while ways:
            way = ways.pop(0)
            if way[-1] == last:
                return way
            for after in self.lanes[way[-1]].successors:
                if after not in seen:
                    seen.add(after)
                    ways.append((*way, after))
        raise ValueError(f"no way leads from lane {first} to lane {last}")

    def onward(self, lane: int, turn: Turn = "straight") -> tuple[int, ...]:
        """The lanes from ``lane`` on: at junctions the way that turns ``turn`` where there is one, else the first way."""
        chain = [lane]
        while self.lanes[chain[-1]].successors:
            ways = self.lanes[chain[-1]].successors
            fitting = [way for way in ways if self.lanes[way].turn == turn]
            chosen = fitting[0] if fitting else ways[0]
            if chosen in chain:
                break
            chain.append(chosen)
        return tuple(chain)


def find_conflict(own: Lane, other: Lane, one: FloatArray, two: FloatArray, yields: bool) -> Conflict | None:
    """Where two ways overlap, or None where they do not.

    Args:
        own: the way it is seen from.
        other: the other way.
        one: (n, 2) `middle_points` of the first.
        two: (m, 2) `middle_points` of the second.
        yields: whether the first gives way.
    """
    distance = CYCLE_DISTANCE if own.cycle or other.cycle else CONFLICT_DISTANCE
    near = np.hypot(one[:, None, 0] - two[None, :, 0], one[:, None, 1] - two[None, :, 1]) < distance
    if not near.any():
        return None
    mine, theirs = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
    step, step_other = own.path.length / (len(one) - 1), other.path.length / (len(two) - 1)
    return Conflict(
        own=own.number,
        other=other.number,
        enter=float(mine[0] * step),
        leave=float(mine[-1] * step),
        other_enter=float(theirs[0] * step_other),
        other_leave=float(theirs[-1] * step_other),
        yields=yields,
        merges=bool(set(own.successors) & set(other.successors)),
    )


def middle_points(path: Path) -> FloatArray:
    """(n, 2) points about every half metre of a path, its ends included."""
    count = max(2, math.ceil(path.length / 0.5))
    poses = [path.pose(path.length * i / count) for i in range(count + 1)]
    return np.array([(pose.x, pose.y) for pose in poses])
