"""Routes as tables, so that the position, lane and permitted speed of many vehicles are found in one look-up."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lightemma.frame import FloatArray
from lightemma.simulation.network import Network, Route

IntArray = npt.NDArray[np.int64]
#: Metres between two entries of a table.
STEP = 0.5
#: m/s² to the side that drivers of the traffic accept in bends, and at which they slow down before them.
LATERAL, EASE = 2.2, 1.6


@dataclass(frozen=True, slots=True)
class Control:
    """A place on a route where a vehicle may have to stop.

    Attributes:
        stop: metres along the route of the line.
        kind: ``signal``, ``yield`` (at the line before a junction), ``inside`` (within it) or ``crossing``.
        number: of the lane whose line it is, of the way through the junction, or of the crossing.
    """

    stop: float
    kind: str
    number: int


@dataclass(frozen=True)
class RouteTables:
    """One route with everything that is computed for it once.

    Attributes:
        route: the route.
        controls: where a vehicle may have to stop, in order.
        ways: numbers of the lanes on it that lead through junctions, with the metres at which they begin.
    """

    route: Route
    controls: tuple[Control, ...]
    ways: tuple[tuple[int, float], ...]


class RouteBook:
    """All routes in use, numbered in the order in which they were first needed."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._numbers: dict[tuple[int, ...], int] = {}
        self.entries: list[RouteTables] = []
        self._first: list[int] = []
        self.first: IntArray = np.zeros(0, dtype=np.int64)
        self.last: IntArray = np.zeros(0, dtype=np.int64)
        #: (points, 4) x, y, heading, permitted speed.
        self.table: FloatArray = np.zeros((0, 4))
        self.lane: IntArray = np.zeros(0, dtype=np.int64)
        #: The same as plain numbers.
        self.lane_numbers: list[int] = []
        #: (routes, lanes + 1) metres along the route at which a lane begins, nan where it is not on it.
        self.starts: FloatArray = np.zeros((0, len(network.lanes) + 1))

    def number(self, lanes: tuple[int, ...]) -> int:
        """The number of the route through these lanes; its table is made if it is new."""
        if lanes not in self._numbers:
            self._numbers[lanes] = len(self.entries)
            self._add(self._network.route(lanes))
        return self._numbers[lanes]

    def _add(self, route: Route) -> None:
        count = math.ceil(route.path.length / STEP) + 1
        places = np.arange(count) * STEP
        poses = [route.path.pose(float(place)) for place in places]
        table = np.array([(pose.x, pose.y, pose.heading, 0.0) for pose in poses])
        table[:, 2] = np.unwrap(table[:, 2])  # between two entries headings are interpolated
        on = [route.lane_at(min(float(place), route.path.length)) for place in places]
        lanes = np.array([lane for lane, _ in on])
        table[:, 3] = permitted_speeds(
            np.array([self._network.lanes[lane].limit_at(along) for lane, along in on]),
            np.array([route.path.curvature(float(place)) for place in places]),
            STEP,
            LATERAL,
            EASE,
        )
        starts = np.full(len(self._network.lanes) + 1, np.nan)
        for lane, start in zip(route.lanes, route.starts, strict=True):
            starts[lane] = start
        self.first = np.append(self.first, len(self.table))
        self.last = np.append(self.last, len(self.table) + count - 1)
        self.table = np.concatenate([self.table, table])
        self.lane = np.concatenate([self.lane, lanes])
        self.lane_numbers += lanes.tolist()
        self.starts = np.vstack([self.starts, starts])
        ways = tuple(
            (lane, start)
            for lane, start in zip(route.lanes, route.starts, strict=True)
            if self._network.lanes[lane].junction is not None
        )
        self.entries.append(RouteTables(route, controls(self._network, route), ways))


def permitted_speeds(limit: FloatArray, curvature: FloatArray, step: float, lateral: float, ease: float) -> FloatArray:
    """The highest speed at each place that allows to slow down in time for the bends and limits ahead.

    Args:
        limit: (n,) m/s.
        curvature: (n,) 1/m.
        step: metres between places.
        lateral: m/s² to the side.
        ease: m/s² of slowing down.

    Returns:
        (n,) m/s.
    """
    allowed = np.minimum(limit, np.sqrt(lateral / np.maximum(np.abs(curvature), 1e-6)))
    for i in range(len(allowed) - 2, -1, -1):
        allowed[i] = min(allowed[i], math.sqrt(allowed[i + 1] ** 2 + 2.0 * ease * step))
    return allowed


def controls(network: Network, route: Route) -> tuple[Control, ...]:
    """The places on a route where a vehicle may have to stop, in order."""
    found = []
    for lane, start in zip(route.lanes, route.starts, strict=True):
        own = network.lanes[lane]
        if own.stop_at is not None and lane != route.lanes[-1]:
            kind = "signal" if own.group is not None else "yield"
            found.append(Control(start + own.stop_at, kind, lane))
        if own.waits_inside:
            enters = [conflict.enter for conflict in network.conflicts.get(lane, ()) if conflict.yields]
            if enters:
                found.append(Control(start + max(min(enters) - 1.2, 0.2), "inside", lane))
    for crossing in network.crossings:
        for lane, along in crossing.lanes:
            if lane in route.start_of:
                found.append(
                    Control(route.start_of[lane] + along - crossing.width / 2.0 - 1.0, "crossing", crossing.number)
                )
    return tuple(sorted(found, key=lambda control: control.stop))
