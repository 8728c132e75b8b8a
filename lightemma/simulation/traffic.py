"""The traffic: vehicles that follow their routes behind each other, stop where they must, and react to the ego.

Places are kept in arrays with one row per vehicle; row 0 is the ego car, which drives like the others until it is taken over.
Who must stop where and how hard everybody accelerates is decided five times a second, places change at every step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from lightemma.frame import FloatArray, Pose
from lightemma.simulation.actors import AHEAD, SIZES, Command, Thing, Vehicle
from lightemma.simulation.geometry import BoolArray, wrap
from lightemma.simulation.idm import idm_many
from lightemma.simulation.lane_finder import LaneFinder, things_in_lanes
from lightemma.simulation.network import Network
from lightemma.simulation.pedestrians import Walker
from lightemma.simulation.routes import STEP, IntArray, RouteBook
from lightemma.simulation.rules import Rules
from lightemma.simulation.signals import Controller
from lightemma.simulation.state import EGO_CENTRE_AHEAD, EGO_HEIGHT, EGO_LENGTH, EGO_WIDTH, EgoState

#: Seconds that a change of lanes takes.
CHANGE_TIME = 2.8
#: Steps of 0.05 s between two looks at who must stop where and how hard to accelerate.
DECIDE_EVERY = 4
HARDEST = 8.0


class Traffic:
    """All vehicles.

    Args:
        network: lanes and crossings.
        vehicles: the ego's route first, then the others.
        things: what stands still; whatever reaches into a lane blocks it for the traffic.
        walkers: people, for whom vehicles stop at crossings.
        controllers: lights by junction.
    """

    def __init__(
        self,
        network: Network,
        vehicles: Sequence[Vehicle],
        things: Sequence[Thing],
        walkers: Sequence[Walker],
        controllers: dict[int, Controller],
    ) -> None:
        self.network = network
        self.vehicles = list(vehicles)
        self.book = RouteBook(network)
        count = len(vehicles)
        self.route: IntArray = np.array([self.book.number(v.lanes) for v in vehicles], dtype=np.int64)
        self.at: FloatArray = np.array([v.at for v in vehicles], dtype=np.float64)
        self.speed: FloatArray = np.array([v.speed for v in vehicles], dtype=np.float64)
        self.acceleration: FloatArray = np.zeros(count)
        self.desired: FloatArray = np.array([v.desired for v in vehicles], dtype=np.float64)
        sizes = [(EGO_LENGTH, EGO_WIDTH, EGO_HEIGHT)] + [SIZES[v.kind] for v in vehicles[1:]]
        self.size: FloatArray = np.array(sizes, dtype=np.float64)
        self.ahead: FloatArray = self.size[:, 0] * AHEAD
        self.ahead[0] = EGO_CENTRE_AHEAD
        self.front: FloatArray = self.ahead + self.size[:, 0] / 2.0
        self.back: FloatArray = self.ahead - self.size[:, 0] / 2.0
        self._headway = np.array([v.style.headway for v in vehicles])
        self._standstill = np.array([v.style.standstill for v in vehicles])
        self._accelerate = np.array([v.style.accelerate for v in vehicles])
        self._brake = np.array([v.style.brake for v in vehicles])
        self.offset: FloatArray = np.zeros(count)
        self._shift_from = np.zeros(count)
        self._shift_since = np.full(count, np.inf)
        self._left_lane = np.full(count, -1)
        self._shifting = False
        self.stop: FloatArray = np.full(count, np.inf)
        self.cap: FloatArray = np.full(count, np.inf)
        self._cap_brake = np.full(count, 3.0)
        self.active: BoolArray = np.ones(count, dtype=np.bool_)
        self.number: list[int] = list(range(count))
        self._next_number = 1000
        self._commands: list[list[Command]] = [list(v.commands) for v in vehicles]
        self._pace: list[float | None] = [v.pace for v in vehicles]
        #: Whether the ego is moved from outside.
        self.ego_driven = False
        self._ego_rows: list[tuple[int, float, float, float]] = []
        self._thing_rows = things_in_lanes(network, things)
        # What is asked for by `boxes` and `velocities`; out of date while `_moved` is set.
        self._boxes: FloatArray = np.zeros((count, 5))
        self._boxes[:, 3:] = self.size[:, :2]
        self._velocities: FloatArray = np.zeros((count, 2))
        self._moved = True
        self.lanes = LaneFinder(network)
        self._rerouted()
        self.rules = Rules(self, walkers, controllers)
        self._ticks = 0

    @property
    def boxes(self) -> FloatArray:
        """(n, 5) centre x, y (metres), heading, length and width of each vehicle's box; worked out when they are asked for."""
        self.settle()
        return self._boxes

    @property
    def velocities(self) -> FloatArray:
        """(n, 2) m/s."""
        self.settle()
        return self._velocities

    def settle(self) -> None:
        """Works out `boxes` and `velocities` if they are out of date."""
        if self._moved:
            self._place()

    def keep_boxes_in(self, boxes: FloatArray, velocities: FloatArray) -> None:
        """Makes `boxes` and `velocities` views, (n, 5) and (n, 2), of arrays that hold others as well."""
        boxes[:], velocities[:] = self.boxes, self.velocities
        self._boxes, self._velocities = boxes, velocities

    @property
    def centre(self) -> FloatArray:
        """(n,) metres along the routes of the boxes' centres."""
        centre: FloatArray = self.at + self.ahead
        return centre

    def place_ego(self, state: EgoState) -> None:
        """Puts the ego where it was driven to."""
        self.ego_driven = True
        route = self._entries[0].route
        along, offset = route.path.project(state.pose.x, state.pose.y, near=float(self.at[0]))
        self.at[0], self.offset[0] = along, offset
        self.speed[0], self.acceleration[0] = state.speed, state.acceleration
        heading = state.pose.heading
        cos, sin = math.cos(heading), math.sin(heading)
        self._boxes[0, :3] = (state.pose.x + EGO_CENTRE_AHEAD * cos, state.pose.y + EGO_CENTRE_AHEAD * sin, heading)
        self._velocities[0] = (state.speed * cos, state.speed * sin)

    def step(self, time: float, dt: float) -> None:
        """Moves everybody (but an ego that is driven from outside) for ``dt`` seconds."""
        if self._ticks % DECIDE_EVERY == 0:
            self._obey_commands(time)
            if self.ego_driven:
                self._ego_rows = self._ego_in_lanes()
            self.stop = self.rules.stops(time)
            self._choose_accelerations()
        if self._ticks % 20 == 10:
            self._change_lanes()
        self._ticks += 1
        first = 1 if self.ego_driven else 0
        before = self.speed[first:]
        after = np.maximum(before + self.acceleration[first:] * dt, 0.0)
        self.at[first:] += (before + after) * (dt / 2.0)
        self.speed[first:] = after
        if self._shifting:
            self._shift(dt)
        self._moved = True
        if self._ticks % DECIDE_EVERY == 0:
            self._leave()

    # Where everybody is

    def _rerouted(self) -> None:
        """Notes where the vehicles' routes lie in the tables; to be called whenever a route has changed."""
        self._first: IntArray = self.book.first[self.route]
        self._last: IntArray = self.book.last[self.route] - self._first
        self._ends: FloatArray = self._last.astype(np.float64) * STEP - 1.0
        self._entries = [self.book.entries[number] for number in self.route.tolist()]
        self._table_rows: list[tuple[int, int]] = list(zip(self._first.tolist(), self._last.tolist(), strict=True))

    def _place(self) -> None:
        """Works out boxes and velocities from the places along the routes."""
        self._moved = False
        first = 1 if self.ego_driven else 0
        place = self.at[first:] / STEP
        index = np.minimum(np.maximum(place.astype(np.int64), 0), self._last[first:] - 1)
        rest = (place - index)[:, None]
        index += self._first[first:]
        table = self.book.table
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

    def _shift(self, dt: float) -> None:
        self._shifting = bool(self._shift_since.min() < CHANGE_TIME)
        self._shift_since += dt
        share = np.clip(self._shift_since / CHANGE_TIME, 0.0, 1.0)
        smooth = 1.0 - share * share * (3.0 - 2.0 * share)
        changing = np.isfinite(self._shift_since)
        self.offset = np.where(changing, self._shift_from * smooth, self.offset)
        self._left_lane[self._shift_since > CHANGE_TIME * 0.75] = -1

    def _lean(self) -> FloatArray:
        """(n,) radians by which vehicles point away from their lane while they change it."""
        share = np.clip(self._shift_since / CHANGE_TIME, 0.0, 1.0)
        rate = -self._shift_from * 6.0 * share * (1.0 - share) / CHANGE_TIME
        lean: FloatArray = np.arctan2(rate, np.maximum(self.speed, 3.0))
        return lean

    def _leave(self) -> None:
        past = self.at + self.front > self._ends
        if not past.any():
            return
        self.settle()  # who leaves is last seen at the end of the route
        for n in np.flatnonzero(past & self.active):
            if n == 0:
                continue
            vehicle = self.vehicles[n]
            self.route[n] = self.book.number(vehicle.lanes)
            self.active[n] = False
            self.at[n], self.speed[n], self.offset[n], self._shift_since[n] = -1e4 - 100.0 * n, 0.0, 0.0, np.inf
            self._left_lane[n] = -1
        self._rerouted()
        self._come_back()

    def _come_back(self) -> None:
        for n in np.flatnonzero(~self.active):
            vehicle = self.vehicles[n]
            if not vehicle.returns:
                continue
            start = self.book.entries[self.route[n]].route.path.pose(0.0)
            distance = np.hypot(self.boxes[:, 0] - start.x, self.boxes[:, 1] - start.y)
            if distance.min() > 30.0:
                self.active[n] = True
                self.at[n], self.speed[n] = self.front[n] + 1.0, vehicle.desired * 0.8
                self.number[n], self._next_number = self._next_number, self._next_number + 1
                self._moved = True

    # How hard everybody accelerates

    def lanes_at(self, along: FloatArray) -> IntArray:
        """(n,) numbers of the lanes at places along the vehicles' routes."""
        index = np.minimum(np.maximum((along / STEP).astype(np.int64), 0), self._last)
        lanes: IntArray = self.book.lane[index + self._first]
        return lanes

    def _lane_at(self, n: int, along: float) -> int:
        """`lanes_at` of one vehicle."""
        first, last = self._table_rows[n]
        return self.book.lane_numbers[min(max(int(along / STEP), 0), last) + first]

    def rows(self) -> tuple[IntArray, FloatArray, FloatArray, FloatArray, IntArray]:
        """Which ground is taken: lane, rear and centre along it (metres), speed (m/s) and owner (-1: a thing) of each row."""
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
        """The gap to whoever is ahead on the route (metres, inf without), its speed, its owner (-1: a thing, -2: nobody)."""
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
                    if owners[row] == n or start + middles[row] - centres[n] <= 0.0:
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
        allowed: FloatArray = self.book.table[index + self._first, 3]
        return allowed

    def _choose_accelerations(self) -> None:
        gap, leading, _ = self.leaders()
        desired = np.minimum(self.desired, self.allowed())
        style = (self._headway, self._standstill, self._accelerate, self._brake)
        closing = self.speed - leading
        line = self.stop - (self.at + self.front)
        stops = line < np.inf
        if stops.any():
            # The leader's row and the line's row at once.
            gaps = np.stack([gap, np.maximum(line, 0.1) + 1.2])
            chosen, stopping = idm_many(self.speed, desired, gaps, np.stack([closing, self.speed]), *style)
            chosen = np.where(stops, np.minimum(chosen, stopping), chosen)
        else:
            chosen = idm_many(self.speed, desired, gap, closing, *style)
        capped = self.cap < np.inf
        if capped.any():
            over = self.speed > self.cap
            need = -np.minimum(self._cap_brake, (self.speed - self.cap) / 0.1)
            chosen = np.where(over, np.minimum(chosen, need), chosen)
            chosen = np.where(capped & ~over, np.minimum(chosen, (self.cap - self.speed) / 0.5), chosen)
        keep = self.acceleration[0]
        self.acceleration = np.where(self.active, np.minimum(np.maximum(chosen, -HARDEST), 3.0), 0.0)
        if self.ego_driven:
            self.acceleration[0] = keep

    # The ego on others' lanes

    def _ego_in_lanes(self) -> list[tuple[int, float, float, float]]:
        """Rows for the lanes that the ego's box reaches into, wherever it was driven to."""
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

    def indicator(self, n: int) -> Literal["off", "left", "right", "both"]:
        """Which indicator a vehicle shows: towards the lane it changes to or the turn it takes within 35 m."""
        if self.changes_lane(n):
            return "right" if self._shift_from[n] > 0 else "left"
        for way, start in self._entries[n].ways:
            lane = self.network.lanes[way]
            if -35.0 < self.at[n] - start < lane.path.length - 3.0:
                return "off" if lane.turn == "straight" else lane.turn
        return "off"

    # Orders and changes of lanes

    def _obey_commands(self, time: float) -> None:
        for n, commands in enumerate(self._commands):
            pace = self._pace[n]
            gap = 0.0
            if pace is not None:
                gap = self._gap_to_ego(n)
                self.desired[n] = min(max(self.speed[0] + 0.5 * (pace - gap), 3.0), self.vehicles[n].desired)
            while commands and commands[0].time <= time:
                command = commands[0]
                if command.lane is not None and pace is not None and not pace - 3.0 < gap < pace + 8.0:
                    break
                commands.pop(0)
                self.cap[n], self._cap_brake[n] = command.speed, command.brake
                if command.lane is not None:
                    self.start_change(n, command.lane)
                    self._pace[n] = None
                    self.desired[n] = self.vehicles[n].desired

    def _gap_to_ego(self, n: int) -> float:
        """Metres from the ego's front to a vehicle's rear, along the ego's route."""
        path = self._entries[0].route.path
        along, _ = path.project(float(self.boxes[n, 0]), float(self.boxes[n, 1]))
        return float(along - self.size[n, 0] / 2 - (self.at[0] + self.front[0]))

    def changes_lane(self, n: int) -> bool:
        """Whether a vehicle is on its way from one lane into another."""
        return bool(self._shift_since[n] < CHANGE_TIME)

    def start_change(self, n: int, lane: int) -> None:
        """Starts a vehicle's change into a neighbouring lane."""
        x, y = self.boxes[n, :2] - self.ahead[n] * self._nose(n)
        path = self.network.lanes[lane].path
        along, offset = path.project(float(x), float(y))
        old = int(self.lanes_at(self.centre)[n])
        self.route[n] = self.book.number(self.network.onward(lane))
        self._rerouted()
        self.at[n], self.offset[n] = along, offset
        self._shift_from[n], self._shift_since[n], self._left_lane[n] = offset, 0.0, old
        self._shifting = True

    def _nose(self, n: int) -> FloatArray:
        heading = self.boxes[n, 2]
        return np.array([math.cos(heading), math.sin(heading)])

    def _change_lanes(self) -> None:
        """Lets drivers who want to get on change lanes (a plain form of MOBIL, Kesting, Treiber and Helbing 2007)."""
        if not any(vehicle.changes for vehicle in self.vehicles):
            return
        lane, low, middle, speed, owner = self.rows()
        lanes = self.lanes_at(self.centre)
        gaps, leading, _ = self.leaders()
        for n, vehicle in enumerate(self.vehicles):
            own = self.network.lanes[lanes[n]]
            if (
                not vehicle.changes
                or not self.active[n]
                or self._shift_since[n] < CHANGE_TIME + 4.0
                or self.speed[n] < 3
            ):
                continue
            place = self.centre[n] - self.book.starts[self.route[n], own.number]
            if own.path.length - place < 70.0 or place < 10.0 or gaps[n] > 40.0 or leading[n] > self.desired[n] - 2.0:
                continue
            for target in own.neighbours:
                there = (lane == target) & (owner != n)
                ahead = there & (middle > place)
                behind = there & (middle <= place)
                gap = (low[ahead] - place).min() - self.size[n, 0] / 2 if ahead.any() else 100.0
                rear = place - self.size[n, 0] / 2
                safe = all(
                    rear - (2 * middle[i] - low[i]) > 4.0 + max(0.0, speed[i] - self.speed[n]) * 3.0 + 0.8 * speed[i]
                    for i in np.flatnonzero(behind)
                )
                if gap > gaps[n] + 8.0 and gap > 12.0 and safe:
                    self.start_change(n, target)
                    break


def pose_of(box: FloatArray) -> Pose:
    """The pose of a box's centre."""
    return Pose(float(box[0]), float(box[1]), float(box[2]))
