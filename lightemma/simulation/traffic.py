"""The traffic: vehicles that follow their routes behind each other, stop where they must, and react to the ego.

Stops and accelerations are decided five times a second; positions change at every step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from lightemma.frame import FloatArray
from lightemma.simulation.actors import Command, Thing, Vehicle
from lightemma.simulation.fleet import CHANGE_TIME, Fleet
from lightemma.simulation.idm import idm_many
from lightemma.simulation.network import Network
from lightemma.simulation.pedestrians import Walker
from lightemma.simulation.rules import Rules
from lightemma.simulation.signals import Controller

#: Steps of 0.05 s between two decisions on stops and accelerations.
DECIDE_EVERY = 4
HARDEST = 8.0


class Traffic(Fleet):
    """The fleet, with drivers that follow the rules.

    Args:
        network: lanes and crossings.
        vehicles: the ego's route first, then the others.
        things: what stands still; whatever reaches into a lane blocks it for the traffic.
        walkers: people, for whom vehicles stop at crossings.
        controllers: lights by junction.

    Attributes:
        rules: where each vehicle must stop.
    """

    def __init__(
        self,
        network: Network,
        vehicles: Sequence[Vehicle],
        things: Sequence[Thing],
        walkers: Sequence[Walker],
        controllers: dict[int, Controller],
    ) -> None:
        super().__init__(network, vehicles, things)
        count = len(vehicles)
        self.desired: FloatArray = np.array([v.desired for v in vehicles], dtype=np.float64)
        self._headway = np.array([v.style.headway for v in vehicles])
        self._standstill = np.array([v.style.standstill for v in vehicles])
        self._accelerate = np.array([v.style.accelerate for v in vehicles])
        self._brake = np.array([v.style.brake for v in vehicles])
        self.stop: FloatArray = np.full(count, np.inf)
        self.cap: FloatArray = np.full(count, np.inf)
        self._cap_brake = np.full(count, 3.0)
        self._next_number = 1000
        self._commands: list[list[Command]] = [list(v.commands) for v in vehicles]
        self.rules = Rules(self, walkers, controllers)
        self._ticks = 0

    def step(self, time: float, dt: float) -> None:
        """Moves all vehicles (except an ego that is driven from outside) for ``dt`` seconds."""
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

    def _shift(self, dt: float) -> None:
        self._shifting = bool(self._shift_since.min() < CHANGE_TIME)
        self._shift_since += dt
        share = np.clip(self._shift_since / CHANGE_TIME, 0.0, 1.0)
        smooth = 1.0 - share * share * (3.0 - 2.0 * share)
        changing = np.isfinite(self._shift_since)
        self.offset = np.where(changing, self._shift_from * smooth, self.offset)
        self._left_lane[self._shift_since > CHANGE_TIME * 0.75] = -1

    def _leave(self) -> None:
        past = self.at + self.front > self._ends
        if not past.any():
            return
        self.settle()  # a vehicle that leaves is last seen at the end of its route
        for n in np.flatnonzero(past & self.active):
            if n == 0:
                continue
            vehicle = self.vehicles[n]
            self.route[n] = self.routes.number(vehicle.lanes)
            self.active[n] = False
            self.at[n], self.speed[n], self.offset[n] = -1e4 - 100.0 * n, 0.0, vehicle.offset
            self._shift_since[n] = np.inf
            self._left_lane[n] = -1
        self._rerouted()
        self._come_back()

    def _come_back(self) -> None:
        for n in np.flatnonzero(~self.active).tolist():
            vehicle = self.vehicles[n]
            if not vehicle.returns:
                continue
            start = self.route_of(n).path.pose(0.0)
            distance = np.hypot(self.boxes[:, 0] - start.x, self.boxes[:, 1] - start.y)
            if distance.min() > 30.0:
                self.active[n] = True
                self.at[n], self.speed[n] = self.front[n] + 1.0, vehicle.desired * 0.8
                self.number[n], self._next_number = self._next_number, self._next_number + 1
                self._moved = True

    # Accelerations

    def _choose_accelerations(self) -> None:
        gap, leading, _ = self.leaders()
        desired = np.minimum(self.desired, self.allowed())
        style = (self._headway, self._standstill, self._accelerate, self._brake)
        closing = self.speed - leading
        line = self.stop - (self.at + self.front)
        stops = line < np.inf
        if stops.any():
            # The leader's row and the line's row in one call.
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

    def indicator(self, n: int) -> Literal["off", "left", "right", "both"]:
        """Which indicator a vehicle shows: towards the lane it changes to or the turn it takes within 35 m."""
        if self.changes_lane(n):
            return "right" if self._shift_from[n] > 0 else "left"
        for way, start in self.ways_of(n):
            lane = self.network.lanes[way]
            if -35.0 < self.at[n] - start < lane.path.length - 3.0:
                return "off" if lane.turn == "straight" else lane.turn
        return "off"

    # Commands and changes of lanes

    def _obey_commands(self, time: float) -> None:
        for n, commands in enumerate(self._commands):
            while commands and commands[0].time <= time:
                command = commands.pop(0)
                self.limit(n, command.speed, command.brake)

    def limit(self, n: int, speed: float, brake: float = 3.0) -> None:
        """Gives a vehicle a top speed (m/s; inf for none), to which it slows down with ``brake`` m/s²."""
        self.cap[n], self._cap_brake[n] = speed, brake

    def gap_to_ego(self, n: int) -> float:
        """Metres from the ego's front to a vehicle's rear, along the ego's route."""
        path = self.route_of(0).path
        along, _ = path.project(float(self.boxes[n, 0]), float(self.boxes[n, 1]))
        return float(along - self.size[n, 0] / 2 - (self.at[0] + self.front[0]))

    def _change_lanes(self) -> None:
        """Lets drivers change to a faster lane (a simple form of MOBIL, Kesting, Treiber and Helbing 2007)."""
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
            place = self.centre[n] - self.start_of(n, own.number)
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
