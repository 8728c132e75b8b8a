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
from lightemma.simulation.geometry import BoolArray, box_corners, wrap
from lightemma.simulation.idm import idm_many
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
        #: (n, 5) boxes: centre x, y, heading, length, width; and (n, 2) velocities.
        self.boxes: FloatArray = np.zeros((count, 5))
        self.boxes[:, 3:] = self.size[:, :2]
        self.velocities: FloatArray = np.zeros((count, 2))
        self._rerouted()
        self.rules = Rules(self, walkers, controllers)
        self._ticks = 0
        self._place()

    @property
    def centre(self) -> FloatArray:
        """(n,) metres along the routes of the boxes' centres."""
        centre: FloatArray = self.at + self.ahead
        return centre

    def place_ego(self, state: EgoState) -> None:
        """Puts the ego where it was driven to."""
        self.ego_driven = True
        route = self.book.entries[self.route[0]].route
        along, offset = route.path.project(state.pose.x, state.pose.y, near=float(self.at[0]))
        self.at[0], self.offset[0] = along, offset
        self.speed[0], self.acceleration[0] = state.speed, state.acceleration
        heading = state.pose.heading
        cos, sin = math.cos(heading), math.sin(heading)
        self.boxes[0, :3] = (state.pose.x + EGO_CENTRE_AHEAD * cos, state.pose.y + EGO_CENTRE_AHEAD * sin, heading)
        self.velocities[0] = (state.speed * cos, state.speed * sin)

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
        self._place()
        if self._ticks % DECIDE_EVERY == 0:
            self._leave()

    # Where everybody is

    def _rerouted(self) -> None:
        """Notes where the vehicles' routes lie in the tables; to be called whenever a route has changed."""
        self._first: IntArray = self.book.first[self.route]
        self._last: IntArray = self.book.last[self.route] - self._first

    def _place(self) -> None:
        first = 1 if self.ego_driven else 0
        place = self.at[first:] / STEP
        index = np.minimum(np.maximum(place.astype(np.int64), 0), self._last[first:] - 1)
        rest = (place - index)[:, None]
        index += self._first[first:]
        here = self.book.table[index, :3] * (1.0 - rest) + self.book.table[index + 1, :3] * rest
        heading = here[:, 2]
        cos, sin = np.cos(heading), np.sin(heading)
        offset = self.offset[first:]
        ahead = self.ahead[first:]
        boxes = self.boxes[first:]
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
        self.velocities[first:, 0] = speed * cos_nose
        self.velocities[first:, 1] = speed * sin_nose

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
        lengths = self._last * STEP
        if not (self.at + self.front > lengths - 1.0).any():
            return
        for n in np.flatnonzero((self.at + self.front > lengths - 1.0) & self.active):
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
                self._place()

    # How hard everybody accelerates

    def lanes_at(self, along: FloatArray) -> IntArray:
        """(n,) numbers of the lanes at places along the vehicles' routes."""
        index = np.minimum(np.maximum((along / STEP).astype(np.int64), 0), self._last)
        lanes: IntArray = self.book.lane[index + self._first]
        return lanes

    def rows(self) -> tuple[IntArray, FloatArray, FloatArray, FloatArray, IntArray]:
        """Which ground is taken: lane, rear and centre along it (metres), speed (m/s) and owner (-1: a thing) of each row."""
        rear, centre, front = self.at + self.back, self.centre, self.at + self.front
        lane_front, lane_rear = self.lanes_at(front), self.lanes_at(rear)
        none = len(self.network.lanes)
        inactive = ~self.active
        lane_front[inactive] = none
        lane_rear[inactive] = none
        if self.ego_driven:
            lane_front[0] = lane_rear[0] = none
        starts = self.book.starts
        owner = np.arange(len(self.at))
        lane = np.concatenate([lane_front, lane_rear])
        twice = np.concatenate([owner, owner])
        start = starts[self.route[twice], lane]
        low, middle = rear[twice] - start, centre[twice] - start
        speed = self.speed[twice]
        extra = list(self._ego_rows) + [(row[0], row[1], row[2], 0.0) for row in self._thing_rows]
        owners = [0] * len(self._ego_rows) + [-1] * len(self._thing_rows)
        if (self._left_lane >= 0).any():
            for n in np.flatnonzero(self._left_lane >= 0):
                old = self.network.lanes[self._left_lane[n]].path
                along = old.project(float(self.boxes[n, 0]), float(self.boxes[n, 1]))[0]
                extra.append((int(self._left_lane[n]), along - self.size[n, 0] / 2, along, float(self.speed[n])))
                owners.append(int(n))
        if extra:
            more = np.array(extra, dtype=np.float64)
            lane = np.concatenate([lane, more[:, 0].astype(np.int64)])
            low, middle = np.concatenate([low, more[:, 1]]), np.concatenate([middle, more[:, 2]])
            speed = np.concatenate([speed, more[:, 3]])
            twice = np.concatenate([twice, np.array(owners, dtype=np.int64)])
        return lane, low, middle, speed, twice

    def leaders(self) -> tuple[FloatArray, FloatArray, IntArray]:
        """The gap to whoever is ahead on the route (metres, inf without), its speed, its owner (-1: a thing, -2: nobody)."""
        lane, low, middle, speed, owner = self.rows()
        start = self.book.starts[self.route[:, None], lane[None, :]]
        behind = (start + middle) - self.centre[:, None]
        valid = (behind > 0.0) & (owner[None, :] != np.arange(len(self.at))[:, None])
        gap = np.where(valid, start + low - (self.at + self.front)[:, None], np.inf)
        nearest = np.argmin(gap, axis=1)
        every = np.arange(len(self.at))
        nearest_gap = gap[every, nearest]
        who = np.where(np.isfinite(nearest_gap), owner[nearest], -2)
        return nearest_gap, speed[nearest], who

    def allowed(self) -> FloatArray:
        """(n,) m/s permitted by limits and bends where the vehicles are."""
        index = np.minimum(np.maximum((self.at / STEP).astype(np.int64), 0), self._last)
        allowed: FloatArray = self.book.table[index + self._first, 3]
        return allowed

    def _choose_accelerations(self) -> None:
        gap, leading, _ = self.leaders()
        desired = np.minimum(self.desired, self.allowed())
        style = (self._headway, self._standstill, self._accelerate, self._brake)
        chosen = idm_many(self.speed, desired, gap, self.speed - leading, *style)
        line = self.stop - (self.at + self.front)
        stopping = idm_many(self.speed, desired, np.maximum(line, 0.1) + 1.2, self.speed, *style)
        chosen = np.where(np.isfinite(line), np.minimum(chosen, stopping), chosen)
        over = self.speed > self.cap
        if over.any():
            need = -np.minimum(self._cap_brake, (self.speed - self.cap) / 0.1)
            chosen = np.where(over, np.minimum(chosen, need), chosen)
        capped = np.isfinite(self.cap) & ~over
        if capped.any():
            chosen = np.where(capped, np.minimum(chosen, (self.cap - self.speed) / 0.5), chosen)
        keep = self.acceleration[0]
        self.acceleration = np.where(self.active, np.clip(chosen, -HARDEST, 3.0), 0.0)
        if self.ego_driven:
            self.acceleration[0] = keep

    # The ego on others' lanes

    def _ego_in_lanes(self) -> list[tuple[int, float, float, float]]:
        """Rows for the lanes that the ego's box reaches into, wherever it was driven to."""
        x, y, heading, length, width = self.boxes[0]
        found = []
        route_lane = int(self.lanes_at(self.at + self.front)[0])
        tail_lane = int(self.lanes_at(self.at + self.back)[0])
        start = self.book.starts[self.route[0]]
        if abs(self.offset[0]) < 2.2:
            for lane in {route_lane, tail_lane}:
                found.append(
                    (
                        lane,
                        float(self.at[0] + self.back[0] - start[lane]),
                        float(self.centre[0] - start[lane]),
                        float(self.speed[0]),
                    )
                )
        for lane in self.lanes_near(float(x), float(y)):
            if lane in (route_lane, tail_lane) and abs(self.offset[0]) < 2.2:
                continue
            path = self.network.lanes[lane].path
            along, offset = path.project(float(x), float(y))
            if not -length / 2 < along < path.length + length / 2:
                continue
            turned = wrap(float(heading) - path.pose(along).heading)
            reach = abs(math.sin(turned)) * length / 2 + abs(math.cos(turned)) * width / 2
            if abs(offset) < reach + 1.1:
                half = abs(math.cos(turned)) * length / 2 + abs(math.sin(turned)) * width / 2
                found.append((lane, along - half, along, float(self.speed[0]) * math.cos(turned)))
        return found

    def lanes_near(self, x: float, y: float, within: float = 6.0) -> list[int]:
        """Lanes whose surrounding rectangle holds a place."""
        if not hasattr(self, "_lane_boxes"):
            lines = [lane.path.line() for lane in self.network.lanes]
            self._lane_boxes = np.array([(*line.min(axis=0), *line.max(axis=0)) for line in lines])
        box = self._lane_boxes
        near = (x > box[:, 0] - within) & (x < box[:, 2] + within) & (y > box[:, 1] - within) & (y < box[:, 3] + within)
        return [int(n) for n in np.flatnonzero(near)]

    def indicator(self, n: int) -> Literal["off", "left", "right", "both"]:
        """Which indicator a vehicle shows: towards the lane it changes to or the turn it takes within 35 m."""
        if self.changes_lane(n):
            return "right" if self._shift_from[n] > 0 else "left"
        for way, start in self.book.entries[self.route[n]].ways:
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
        path = self.book.entries[self.route[0]].route.path
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


def things_in_lanes(network: Network, things: Sequence[Thing]) -> list[tuple[int, float, float]]:
    """Lane, rear and middle (metres along it) of each thing that reaches so far into a lane that no car passes in it."""
    found = []
    lines = [lane.path.line() for lane in network.lanes]
    around = [(*line.min(axis=0), *line.max(axis=0)) for line in lines]
    for thing in things:
        length, width, _ = SIZES[thing.kind]
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


def pose_of(box: FloatArray) -> Pose:
    """The pose of a box's centre."""
    return Pose(float(box[0]), float(box[1]), float(box[2]))
