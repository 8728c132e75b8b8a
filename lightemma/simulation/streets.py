"""A main street with side streets: its plan of stretches and junctions, and what was laid out of it.

`street_builder.build_streets` lays out a plan, for right-hand traffic along the street's middle; `Streets.mirrored` turns it
into left-hand traffic. Offsets count to the left of the main street's direction, so that the forward lanes have negative ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from lightemma.frame import Pose
from lightemma.simulation.geometry import Path
from lightemma.simulation.network import Network, Turn
from lightemma.simulation.roundabouts import Quarter

#: Between the outer lane's border and the kerb (metres).
GUTTER = 0.3
WALKWAY = 3.2
PARKING = 2.3
#: How far before a junction the parking strip ends (metres).
BUILD_OUT = 14.0
#: Extent of a crossing along the road, its distance from the junction, and that of the stop line from the crossing.
CROSSING_WIDTH, CROSSING_GAP, STOP_GAP = 3.6, 1.0, 1.2
#: Extent along the road of the way of somebody who crosses where there is no crossing.
WALK_WIDTH = 1.6
#: Metres from the kerb at which that way begins, between the cars on the parking strip.
WALK_FROM = 1.5


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece of the main street between junctions.

    Attributes:
        pieces: (length, curvature) of its middle.
        parking: whether there is a parking strip on the right and on the left.
        crossings: metres along it where people may cross.
        walks: metres along it where somebody may cross though there is no crossing.
        zone: from and to (metres along it) where another speed limit holds, and that limit in m/s.
    """

    pieces: tuple[tuple[float, float], ...]
    parking: tuple[bool, bool] = (False, False)
    crossings: tuple[float, ...] = ()
    walks: tuple[float, ...] = ()
    zone: tuple[float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class JunctionPlan:
    """A junction on the main street.

    Attributes:
        left: whether a side street leaves to the left.
        right: whether one leaves to the right.
        signals: whether it has lights; without, the main street has priority.
        radius: of its kerbs, metres.
        side_length: of its side streets, metres.
        ring: metres from its middle to the middle of the lane round it, for a roundabout; 0 for a plain junction.
    """

    left: bool = True
    right: bool = True
    signals: bool = True
    radius: float = 7.5
    side_length: float = 160.0
    ring: float = 0.0


@dataclass(frozen=True, slots=True)
class StreetPlan:
    """The plan of a street.

    Attributes:
        start: pose of the street's middle at its beginning.
        elements: stretches and junctions in order; the first and the last are stretches.
        lanes: per direction.
        lane_width: metres.
        limit: m/s.
        cycle: metres of a lane for cyclists at both sides of the main street, 0 without.
    """

    start: Pose
    elements: tuple[Stretch | JunctionPlan, ...]
    lanes: int = 1
    lane_width: float = 3.4
    limit: float = 50 / 3.6
    cycle: float = 0.0


@dataclass(frozen=True, slots=True)
class Road:
    """A straight or bent road: its middle, its lanes and its extent.

    Attributes:
        middle: path of its middle line.
        forward: numbers of the lanes along it, from the middle outwards.
        backward: numbers of the lanes against it, from the middle outwards.
        half: metres from the middle to the kerb.
        parking: width of the parking strip on the right and on the left, 0 without.
        crossings: metres along it of its crossings.
        stops: metres along it of the stop lines at its beginning (for ``backward``) and its end, or None.
        zone: as of its stretch.
        cycle: numbers of the lanes for cyclists, along it and against it; empty without.
    """

    middle: Path
    forward: tuple[int, ...]
    backward: tuple[int, ...]
    half: float
    parking: tuple[float, float] = (0.0, 0.0)
    crossings: tuple[float, ...] = ()
    stops: tuple[float | None, float | None] = (None, None)
    zone: tuple[float, float, float] | None = None
    cycle: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Junction:
    """A junction as laid out.

    Attributes:
        number: counted along the main street.
        centre: pose of its middle, along the main street.
        half_x: metres from its middle to where the main street begins.
        half_y: metres from its middle to where the side streets begin.
        kerb_main: metres from the main street's middle to its kerb.
        kerb_side: the same of the side street.
        plan: what was asked for.
        arms: roads by name; every arm's road starts at the junction, but ``west`` which ends there.
        quarters: of a roundabout, the lanes from each arm to the next: in, along, out.
    """

    number: int
    centre: Pose
    half_x: float
    half_y: float
    kerb_main: float
    kerb_side: float
    plan: JunctionPlan
    arms: dict[Literal["west", "east", "north", "south"], Road]
    quarters: tuple[Quarter, ...] = ()


@dataclass(frozen=True)
class Streets:
    """Streets as laid out.

    Attributes:
        network: lanes and crossings.
        middle: the main street's middle from beginning to end.
        roads: all roads, the main street's stretches first.
        stretches: the main street's roads in order.
        junctions: in order along the main street.
        side: 1 in right-hand traffic, -1 in left-hand traffic: multiply offsets by it.
    """

    network: Network
    middle: Path
    roads: tuple[Road, ...]
    stretches: tuple[Road, ...]
    junctions: tuple[Junction, ...]
    side: int = 1
    lane_width: float = 3.4

    def offset_pose(self, along: float, offset: float) -> Pose:
        """A pose at an offset from the main street's middle; the offset counts away from the forward lanes."""
        return self.middle.offset_pose(along, offset * self.side)

    def mirrored(self) -> Streets:
        """The same streets in left-hand traffic."""
        roads = {id(road): replace(road, middle=road.middle.mirrored()) for road in self.roads}
        swap: dict[Turn, Turn] = {"left": "right", "right": "left", "straight": "straight"}
        network = Network(
            tuple(replace(lane, path=lane.path.mirrored(), turn=swap[lane.turn]) for lane in self.network.lanes),
            tuple(
                replace(c, start=(c.start[0], -c.start[1]), end=(c.end[0], -c.end[1])) for c in self.network.crossings
            ),
            self.network.conflicts,
        )
        junctions = tuple(
            replace(
                j,
                centre=Pose(j.centre.x, -j.centre.y, -j.centre.heading),
                arms={name: roads[id(road)] for name, road in j.arms.items()},
            )
            for j in self.junctions
        )
        return Streets(
            network,
            self.middle.mirrored(),
            tuple(roads[id(road)] for road in self.roads),
            tuple(roads[id(road)] for road in self.stretches),
            junctions,
            -self.side,
            self.lane_width,
        )
