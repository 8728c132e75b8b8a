"""The fleet: the route, position and speed of every vehicle, and which vehicle is ahead of which.

Stored in arrays with one row per vehicle; row 0 is the ego car, which drives like the others until it is driven from outside.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from lightemma.boxes import BoolArray
from lightemma.frame import FloatArray, Pose
from lightemma.simulation.actor_kinds import kind_named
from lightemma.simulation.actors import AHEAD, Thing, Vehicle
from lightemma.simulation.geometry import wrap
from lightemma.simulation.lane_finder import LaneFinder, things_in_lanes
from lightemma.simulation.network import Network, Route
from lightemma.simulation.routes import STEP, Control, IntArray, RouteBook, RouteTables
from lightemma.simulation.state import EGO_CENTRE_AHEAD, EGO_HEIGHT, EGO_LENGTH, EGO_WIDTH, EgoState

#: Seconds that a change of lanes takes.
CHANGE_TIME = 2.8


class Fleet:
    """The state of all vehicles; what they do is decided elsewhere (`simulation.traffic`).

    Args:
        network: lanes and crossings.
        vehicles: the ego's route first, then the others.
        things: what stands still; whatever reaches into a lane blocks it for the traffic.

    Attributes:
        network: as given.
        vehicles: as given.
        routes: tables of all routes in use.
        route: (n,) number of each vehicle's route.
        at: (n,) metres along its route of its rear axle.
        speed: (n,) m/s.
        acceleration: (n,) m/s².
        offset: (n,) metres to the left of its route.
        size: (n, 3) length, width and height in metres.
        ahead: (n,) metres from the rear axle to the box's centre.
        front: (n,) metres from the rear axle to the front bumper.
        back: (n,) metres from the rear axle to the rear bumper, negative.
        active: (n,) whether it is on the road.
        number: actors' numbers.
        ego_driven: whether the ego is moved from outside.
        lanes: finds lanes by place.
    """

    def __init__(self, network: Network, vehicles: Sequence[Vehicle], things: Sequence[Thing]) -> None:
        self.network = network
        self.vehicles = list(vehicles)
        self.routes = RouteBook(network)
        count = len(vehicles)
        self.route: IntArray = np.array([self.routes.number(v.lanes) for v in vehicles], dtype=np.int64)
        self.at: FloatArray = np.array([v.at for v in vehicles], dtype=np.float64)
        self.speed: FloatArray = np.array([v.speed for v in vehicles], dtype=np.float64)
        self.acceleration: FloatArray = np.zeros(count)
        sizes = [(EGO_LENGTH, EGO_WIDTH, EGO_HEIGHT)] + [kind_named(v.kind).size for v in vehicles[1:]]
        self.size: FloatArray = np.array(sizes, dtype=np.float64)
        self.ahead: FloatArray = self.size[:, 0] * AHEAD
        self.ahead[0] = EGO_CENTRE_AHEAD
        self.front: FloatArray = self.ahead + self.size[:, 0] / 2.0
        self.back: FloatArray = self.ahead - self.size[:, 0] / 2.0
        self.offset: FloatArray = np.array([v.offset for v in vehicles], dtype=np.float64)
        self._shift_from = np.zeros(count)
        self._shift_since = np.full(count, np.inf)
        self._left_lane = np.full(count, -1)
        self._shifting = False
        self.active: BoolArray = np.ones(count, dtype=np.bool_)
        self.number: list[int] = list(range(count))
        #: Whether the drivers brake for an ego that is in their way.
        self.attentive: list[bool] = [v.attentive for v in vehicles]
        #: Rows of those who ride a bicycle.
        self.riders: tuple[int, ...] = tuple(n for n, v in enumerate(vehicles) if n and kind_named(v.kind).rides)
        self.ego_driven = False
        self._ego_rows: list[tuple[int, float, float, float]] = []
        self._thing_rows = things_in_lanes(network, things)
        # The values of `boxes` and `velocities`; out of date while `_moved` is set.
        self._boxes: FloatArray = np.zeros((count, 5))
        self._boxes[:, 3:] = self.size[:, :2]
        self._velocities: FloatArray = np.zeros((count, 2))
        self._moved = True
        self.lanes = LaneFinder(network)
        self._rerouted()

    @property
    def boxes(self) -> FloatArray:
        """(n, 5) centre x, y (metres), heading, length and width of each vehicle's box; computed on access."""
        self.settle()
        return self._boxes

    @property
    def velocities(self) -> FloatArray:
        """(n, 2) m/s."""
        self.settle()
        return self._velocities

    def settle(self) -> None:
        """Computes `boxes` and `velocities` if they are out of date."""
        if self._moved:
            self._place()

    def keep_boxes_in(self, boxes: FloatArray, velocities: FloatArray) -> None:
        """Makes `boxes` and `velocities` views, (n, 5) and (n, 2), of arrays that contain other actors as well."""
        boxes[:], velocities[:] = self.boxes, self.velocities
        self._boxes, self._velocities = boxes, velocities

    @property
    def centre(self) -> FloatArray:
        """(n,) metres along the routes of the boxes' centres."""
        centre: FloatArray = self.at + self.ahead
        return centre

    def place_ego(self, state: EgoState) -> None:
        """Moves the ego to where it was driven."""
        self.ego_driven = True
        route = self._entries[0].route
        along, offset = route.path.project(state.pose.x, state.pose.y, near=float(self.at[0]))
        self.at[0], self.offset[0] = along, offset
        self.speed[0], self.acceleration[0] = state.speed, state.acceleration
        heading = state.pose.heading
        cos, sin = math.cos(heading), math.sin(heading)
        self._boxes[0, :3] = (state.pose.x + EGO_CENTRE_AHEAD * cos, state.pose.y + EGO_CENTRE_AHEAD * sin, heading)
        self._velocities[0] = (state.speed * cos, state.speed * sin)

    # Routes

    def route_of(self, n: int) -> Route:
        """A vehicle's route."""
        return self._entries[n].route

    def controls_of(self, n: int) -> tuple[Control, ...]:
        """The places on a vehicle's route where it may have to stop, in order."""
        return self._entries[n].controls

    def ways_of(self, n: int) -> tuple[tuple[int, float], ...]:
        """The lanes of a vehicle's route that lead through junctions, with the metres at which they begin."""
        return self._entries[n].ways

    def starts_of(self, n: int) -> FloatArray:
        """(lanes + 1,) metres along a vehicle's route at which each lane begins, NaN where it is not on it."""
        starts: FloatArray = self.routes.starts[self.route[n]]
        return starts

    def start_of(self, n: int, lane: int) -> float:
        """Metres along a vehicle's route at which a lane begins, NaN if it is not on it."""
        return float(self.routes.starts[self.route[n], lane])

    def starts_along(self, lane: int) -> FloatArray:
        """(n,) metres along each vehicle's route at which a lane begins, NaN where it is not on it."""
        starts: FloatArray = self.routes.starts[self.route, lane]
        return starts

    # Positions of all vehicles

    def _rerouted(self) -> None:
        """Looks up the vehicles' routes in the tables; to be called whenever a route has changed."""
        self._first: IntArray = self.routes.first[self.route]
        self._last: IntArray = self.routes.last[self.route] - self._first
        self._ends: FloatArray = self._last.astype(np.float64) * STEP - 1.0
        self._entries: list[RouteTables] = [self.routes.entries[number] for number in self.route.tolist()]
        self._table_rows: list[tuple[int, int]] = list(zip(self._first.tolist(), self._last.tolist(), strict=True))

    def _place(self) -> None:
        """Computes boxes and velocities from the positions along the routes."""
        self._moved = False
        first = 1 if self.ego_driven else 0
        place = self.at[first:] / STEP
        index = np.minimum(np.maximum(place.astype(np.int64), 0), self._last[first:] - 1)
        rest = (place - index)[:, None]
        index += self._first[first:]
        table = self.routes.table
        here = table.take(index, axis=0) * (1.0 - rest) + table.take(index + 1, axis=0) * rest
        heading = here[:, 2]
        cos, sin = np.cos(heading), np.sin(heading)
        offset = self.offset[first:]
        ahead = self.ahead[first:]
        boxes = self._boxes[first:]
        if self._shifting:
            lean = self._lean()[first:]
            cos_nose, sin_nose = np.cos(heading + lean), np.sin(heading + lean)
            boxes[:, 2] = heading + lean
        else:
            cos_nose, sin_nose = cos, sin
            boxes[:, 2] = heading
        boxes[:, 0] = here[:, 0] - offset * sin + ahead * cos_nose
        boxes[:, 1] = here[:, 1] + offset * cos + ahead * sin_nose
        speed = self.speed[first:]
        self._velocities[first:, 0] = speed * cos_nose
        self._velocities[first:, 1] = speed * sin_nose

    def _lean(self) -> FloatArray:
        """(n,) radians by which vehicles point away from their lane while they change it."""
        share = np.clip(self._shift_since / CHANGE_TIME, 0.0, 1.0)
        rate = -self._shift_from * 6.0 * share * (1.0 - share) / CHANGE_TIME
        lean: FloatArray = np.arctan2(rate, np.maximum(self.speed, 3.0))
        return lean

    # Which vehicle is ahead of which

    def lanes_at(self, along: FloatArray) -> IntArray:
        """(n,) numbers of the lanes at places along the vehicles' routes."""
        index = np.minimum(np.maximum((along / STEP).astype(np.int64), 0), self._last)
        lanes: IntArray = self.routes.lane[index + self._first]
        return lanes

    def _lane_at(self, n: int, along: float) -> int:
        """`lanes_at` of one vehicle."""
        first, last = self._table_rows[n]
        return self.routes.lane_numbers[min(max(int(along / STEP), 0), last) + first]

    def rows(self) -> tuple[IntArray, FloatArray, FloatArray, FloatArray, IntArray]:
        """Occupied parts of lanes: lane, rear and centre along it (metres), speed (m/s) and owner (-1: a thing) of each row."""
        columns = self._rows()
        return (
            np.array(columns[0], dtype=np.int64),
            np.array(columns[1]),
            np.array(columns[2]),
            np.array(columns[3]),
            np.array(columns[4], dtype=np.int64),
        )

    def _rows(self) -> tuple[list[int], list[float], list[float], list[float], list[int]]:
        """`rows` in plain numbers: with so few vehicles these are faster than arrays."""
        none = len(self.network.lanes)
        rears, fronts = (self.at + self.back).tolist(), (self.at + self.front).tolist()
        centres, speeds, active = self.centre.tolist(), self.speed.tolist(), self.active.tolist()
        if self.ego_driven:
            active[0] = False
        lanes: list[int] = []
        lows: list[float] = []
        middles: list[float] = []
        for ends in (fronts, rears):
            for n, end in enumerate(ends):
                lane = self._lane_at(n, end) if active[n] else none
                start = self._entries[n].route.start_of.get(lane, math.nan)
                lanes.append(lane)
                lows.append(rears[n] - start)
                middles.append(centres[n] - start)
        speeds += speeds
        owners = [*range(len(rears)), *range(len(rears))]
        extra = [(*row, 0) for row in self._ego_rows]
        extra += [(*row, 0.0, -1) for row in self._thing_rows]
        for n, left in enumerate(self._left_lane.tolist()):
            if left >= 0:
                along = self.network.lanes[left].path.project(*self.boxes[n, :2].tolist())[0]
                extra.append((left, along - float(self.size[n, 0]) / 2, along, speeds[n], n))
        for lane, low, middle, speed, owner in extra:
            lanes.append(lane)
            lows.append(low)
            middles.append(middle)
            speeds.append(speed)
            owners.append(owner)
        return lanes, lows, middles, speeds, owners

    def leaders(self) -> tuple[FloatArray, FloatArray, IntArray]:
        """The gap to what is ahead on the route (metres, inf without), its speed, its owner (-1: a thing, -2: nothing)."""
        lanes, lows, middles, speeds, owners = self._rows()
        by_lane: dict[int, list[int]] = {}
        for row, lane in enumerate(lanes):
            by_lane.setdefault(lane, []).append(row)
        fronts, centres = (self.at + self.front).tolist(), self.centre.tolist()
        gaps: list[float] = []
        leading: list[float] = []
        who: list[int] = []
        for n, entry in enumerate(self._entries):
            nearest, first = math.inf, -1
            for lane, start in entry.route.start_of.items():
                for row in by_lane.get(lane, ()):
                    if (
                        owners[row] == n
                        or (owners[row] == 0 and not self.attentive[n])
                        or start + middles[row] - centres[n] <= 0.0
                    ):
                        continue
                    gap = start + lows[row] - fronts[n]
                    if gap < nearest or (gap == nearest and row < first):
                        nearest, first = gap, row
            gaps.append(nearest)
            leading.append(speeds[max(first, 0)])
            who.append(owners[first] if first >= 0 else -2)
        return np.array(gaps), np.array(leading), np.array(who, dtype=np.int64)

    def allowed(self) -> FloatArray:
        """(n,) m/s permitted by limits and bends where the vehicles are."""
        index = np.minimum(np.maximum((self.at / STEP).astype(np.int64), 0), self._last)
        allowed: FloatArray = self.routes.table[index + self._first, 3]
        return allowed

    def permitted_between(self, n: int, start: float, end: float) -> FloatArray:
        """(k,) m/s permitted by limits and bends every half metre of a vehicle's route between two places (metres along it)."""
        first, last = self._table_rows[n]
        low, high = (min(max(int(place / STEP), 0), last) for place in (start, end))
        permitted: FloatArray = self.routes.table[first + low : first + high, 3]
        return permitted

    # The ego on others' lanes

    def _ego_in_lanes(self) -> list[tuple[int, float, float, float]]:
        """Rows for the lanes that the ego's box reaches into, wherever it is."""
        x, y, heading, length, width = self._boxes[0].tolist()
        at, speed = float(self.at[0]), float(self.speed[0])
        rear, centre = at + float(self.back[0]), at + float(self.ahead[0])
        found = []
        own: set[int] = set()
        if abs(self.offset[0]) < 2.2:
            own = {self._lane_at(0, at + float(self.front[0])), self._lane_at(0, rear)}
            start_of = self._entries[0].route.start_of
            found = [(lane, rear - start_of[lane], centre - start_of[lane], speed) for lane in own]
        # A lane that the box reaches into has its middle within 4 m.
        for lane in self.lanes.near(x, y, 4.5):
            if lane in own:
                continue
            path = self.network.lanes[lane].path
            along, offset = path.project(x, y)
            if not -length / 2 < along < path.length + length / 2:
                continue
            turned = wrap(heading - path.pose(along).heading)
            reach = abs(math.sin(turned)) * length / 2 + abs(math.cos(turned)) * width / 2
            if abs(offset) < reach + 1.1:
                half = abs(math.cos(turned)) * length / 2 + abs(math.sin(turned)) * width / 2
                found.append((lane, along - half, along, speed * math.cos(turned)))
        return found

    # Changes of lanes

    def changes_lane(self, n: int) -> bool:
        """Whether a vehicle is changing lanes."""
        return bool(self._shift_since[n] < CHANGE_TIME)

    def start_change(self, n: int, lane: int) -> None:
        """Starts a vehicle's change into a neighbouring lane."""
        x, y = self.boxes[n, :2] - self.ahead[n] * self._nose(n)
        path = self.network.lanes[lane].path
        along, offset = path.project(float(x), float(y))
        old = int(self.lanes_at(self.centre)[n])
        self.route[n] = self.routes.number(self.network.onward(lane))
        self._rerouted()
        self.at[n], self.offset[n] = along, offset
        self._shift_from[n], self._shift_since[n], self._left_lane[n] = offset, 0.0, old
        self._shifting = True

    def _nose(self, n: int) -> FloatArray:
        heading = self.boxes[n, 2]
        return np.array([math.cos(heading), math.sin(heading)])


def pose_of(box: FloatArray) -> Pose:
    """The pose of a box's centre."""
    return Pose(float(box[0]), float(box[1]), float(box[2]))
