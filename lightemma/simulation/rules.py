"""Where each vehicle must stop: red lights, people on crossings, traffic with priority, junctions that are not free."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from lightemma.frame import FloatArray
from lightemma.simulation.fleet import Fleet
from lightemma.simulation.network import Conflict
from lightemma.simulation.pedestrians import Walker
from lightemma.simulation.routes import Control
from lightemma.simulation.signals import Controller

#: How far ahead (metres) places to stop at are looked at.
LOOK = 55.0
#: m/s²: a driver who would have to brake harder does not stop for a light that has just turned amber.
LIGHT_BRAKE = 3.2
#: m/s²: nobody steps off before traffic that would have to brake harder than this, or before an ego that would.
TRAFFIC_BRAKE, EGO_BRAKE = 2.6, 4.0


class Rules:
    """The rules of the road for all vehicles.

    Args:
        fleet: the vehicles.
        walkers: the people.
        controllers: lights by junction.
    """

    def __init__(self, fleet: Fleet, walkers: Sequence[Walker], controllers: dict[int, Controller]) -> None:
        self._fleet = fleet
        self.walkers = [walker for walker in walkers if walker.person.crossing is not None]
        self._controllers = controllers
        #: Rows of vehicles that stop for an ego that is on a junction before them though they go first.
        self.for_ego: set[int] = set()
        self._entry = {way: lane for lane in fleet.network.lanes for way in lane.successors}
        self._across: dict[tuple[int, int], float] = {}
        for crossing in fleet.network.crossings:
            for lane, along in crossing.lanes:
                pose = fleet.network.lanes[lane].path.pose(along)
                self._across[crossing.number, lane] = math.dist(crossing.start, (pose.x, pose.y))

    def stops(self, time: float) -> FloatArray:
        """(n,) metres along each vehicle's route of the first line it must stop at, inf for none."""
        fleet = self._fleet
        self.for_ego.clear()
        result = np.full(len(fleet.at), np.inf)
        fronts = fleet.at + fleet.front
        for n in range(1 if fleet.ego_driven else 0, len(fleet.at)):
            if not fleet.active[n]:
                continue
            front = float(fronts[n])
            for control in fleet.controls_of(n):
                if control.stop < front - 0.8:
                    continue
                if control.stop > front + LOOK:
                    break
                if self.must_stop(n, control, time):
                    result[n] = control.stop
                    break
            result[n] = min(result[n], self.ground_taken(n, front))
        return result

    def must_stop(self, n: int, control: Control, time: float) -> bool:
        """Whether a vehicle must stop at a control ahead of it."""
        if control.kind == "signal":
            return self.light_stops(n, control, time) or not self.way_free(n, control, time)
        if control.kind == "crossing":
            return self.person_in_the_way(n, control, time) is not None
        return not self.way_free(n, control, time)

    def light_stops(self, n: int, control: Control, time: float) -> bool:
        """Whether a vehicle must stop for the light at a control: red, or amber that it can still stop for."""
        fleet = self._fleet
        group = fleet.network.lanes[control.number].group
        if group is None or group[0] not in self._controllers:
            return False
        colour = self._controllers[group[0]].colour(group[1], time)
        if colour == "green":
            return False
        distance = control.stop - float(fleet.at[n] + fleet.front[n])
        if distance < -0.5:
            return False
        needed = float(fleet.speed[n]) ** 2 / (2.0 * max(distance, 0.1))
        return needed < (LIGHT_BRAKE if colour == "amber" else 7.0)

    def person_in_the_way(self, n: int, control: Control, time: float) -> Walker | None:
        """The person on the crossing ahead, or about to step on it, in or before the vehicle's lane."""
        fleet = self._fleet
        crossing = fleet.network.crossings[control.number]
        route = fleet.route_of(n)
        lane = next((number for number, _ in crossing.lanes if number in route.start_of), None)
        if lane is None:
            return None
        across = self._across[crossing.number, lane]
        distance = control.stop - float(fleet.at[n] + fleet.front[n])
        if float(fleet.speed[n]) ** 2 / (2.0 * max(distance, 0.1)) > 7.5:
            return None
        for walker in self.walkers:
            if walker.hidden or walker.person.crossing != crossing.number:
                continue
            margin = 2.0 if walker.person.towards else -2.0
            if walker.activity == "walk" and not walker.clears(across + margin):
                return walker
            if (
                walker.activity == "wait"
                and crossing.group is None
                and (n == 0 or time > walker.shown)
                and distance > 0.0
            ):
                return walker
        return None

    def may_step_off(self, walker: Walker, time: float) -> bool:
        """Whether a person who waits may walk: the light permits it, and every vehicle that comes can still stop."""
        fleet = self._fleet
        crossing = fleet.network.crossings[walker.person.crossing or 0]
        if time < walker.ready:
            return False
        if crossing.group is not None and crossing.group[0] in self._controllers:
            colour, left = self._controllers[crossing.group[0]].look(crossing.group[1], time)
            if colour != "red" or left < crossing.length / walker.person.speed + 1.0:
                return False
        rear, front = fleet.at + fleet.back, fleet.at + fleet.front
        for lane, along in crossing.lanes:
            at = fleet.starts_along(lane) + along
            near = at - crossing.width / 2.0 - front
            stop = np.maximum(near - 1.0, 0.01)
            comes = fleet.active & (rear < at + crossing.width / 2.0) & (near < 60.0)
            bearable = np.full(len(near), TRAFFIC_BRAKE)
            bearable[0] = EGO_BRAKE
            if (comes & (fleet.speed > 0.3) & (fleet.speed**2 / (2.0 * stop) > bearable)).any():
                return False
            if (comes & (near < 0.0)).any():
                return False
        return True

    def way_free(self, n: int, control: Control, time: float) -> bool:
        """Whether a vehicle may drive into the junction ahead: no vehicle with priority comes, and there is room behind it."""
        way = self.way_of(n, control)
        if way is None:
            return True
        if control.kind != "inside" and self.vehicle_blocking_exit(n, way) is not None:
            return False
        return self.vehicle_with_priority(n, control, way, time) is None

    def vehicle_with_priority(self, n: int, control: Control, way: int, time: float) -> int | None:
        """The vehicle that another at a control must let pass first, or None."""
        network = self._fleet.network
        start = self._fleet.start_of(n, way)
        for conflict in network.conflicts.get(way, ()):
            if control.kind == "signal" and conflict.yields and network.lanes[way].waits_inside:
                continue  # waits inside the junction
            other = self.oncoming(n, conflict, start, time)
            if other is not None:
                if other == 0 and not conflict.yields:
                    self.for_ego.add(n)
                return other
        return None

    def way_of(self, n: int, control: Control) -> int | None:
        """The way through the junction that follows a control of a vehicle's route."""
        route = self._fleet.route_of(n)
        if control.kind == "inside":
            return control.number
        index = route.lanes.index(control.number) + 1
        return route.lanes[index] if index < len(route.lanes) else None

    def vehicle_blocking_exit(self, n: int, way: int) -> int | None:
        """The vehicle standing so close behind the junction that there is no room for another, or None."""
        fleet = self._fleet
        exit_lane = fleet.network.lanes[way].successors[0]
        start = fleet.starts_along(exit_lane)
        place = fleet.at + fleet.back - start
        lane = fleet.lanes_at(fleet.at + fleet.front)
        need = float(fleet.size[n, 0]) + 3.5
        standing = fleet.active & (fleet.speed < 1.5) & (lane == exit_lane) & (place < need) & (place > -4.0)
        standing[n] = False
        who = np.flatnonzero(standing)
        return int(who[0]) if len(who) else None

    def oncoming(self, n: int, conflict: Conflict, start: float, time: float) -> int | None:
        """The vehicle for which another must wait at a conflict, or None.

        Args:
            n: the vehicle that may have to wait.
            conflict: between its way and another's.
            start: metres along its route where its way begins.
            time: seconds.
        """
        fleet = self._fleet
        own_front = float(fleet.at[n] + fleet.front[n])
        enter, leave = start + conflict.enter, start + conflict.leave
        if own_front > enter + 0.5:
            return None  # already in the conflict: the others wait
        first, last = _times(
            max(enter - own_front, 0.0), leave - own_front + float(fleet.size[n, 0]), float(fleet.speed[n])
        )
        starts = fleet.starts_along(conflict.other)
        for m in np.flatnonzero(fleet.active & np.isfinite(starts)):
            if m == n or (m == 0 and not fleet.attentive[n]):
                continue
            front = float(fleet.at[m] + fleet.front[m] - starts[m])
            rear = float(fleet.at[m] + fleet.back[m] - starts[m])
            if rear > conflict.other_leave or front < -75.0:
                continue
            speed = float(fleet.speed[m])
            gone = (conflict.other_leave - front + float(fleet.size[m, 0])) / max(speed, 0.3)
            if front > conflict.other_enter:
                if conflict.merges and rear > conflict.other_enter + 2.0 and fleet.speed[m] > 3.0:
                    continue
                if conflict.yields and speed > 3.0 and gone < first - 0.8:
                    continue  # away before this one is there, as judged before it was in the conflict
                return int(m)
            arrive = (conflict.other_enter - front) / max(speed, 0.3)
            if conflict.yields:
                if speed < 0.5 and front < 0.0:
                    continue
                if self._waits_at_light(int(m), conflict.other, front, speed, time):
                    continue
                if arrive < last + 1.2 and gone > first - 0.8:
                    return int(m)
            elif front > 0.0 and speed > 0.5 and arrive < min(first, last) + 0.5:
                return int(m)
        return None

    def _waits_at_light(self, m: int, way: int, front: float, speed: float, time: float) -> bool:
        """Whether a vehicle on its way to a junction will stop at its own red light."""
        entry = self._entry[way]
        if entry.group is None or entry.stop_at is None or entry.group[0] not in self._controllers:
            return False
        colour = self._controllers[entry.group[0]].colour(entry.group[1], time)
        distance = -front - (entry.path.length - entry.stop_at)
        return distance > 0.0 and colour != "green" and speed**2 / (2.0 * max(distance, 0.1)) < LIGHT_BRAKE

    def ground_taken(self, n: int, front: float) -> float:
        """Where a vehicle already inside a junction must stop because another occupies the ground ahead."""
        fleet = self._fleet
        result = math.inf
        for way, start in fleet.ways_of(n):
            if not start - 3.0 < front < start + fleet.network.lanes[way].path.length:
                continue
            for conflict in fleet.network.conflicts.get(way, ()):
                enter = start + conflict.enter
                if front > enter + 0.5:
                    continue
                starts = fleet.starts_along(conflict.other)
                there = fleet.at + fleet.front - starts
                gone = fleet.at + fleet.back - starts
                inside = fleet.active & (there > conflict.other_enter + 0.5) & (gone < conflict.other_leave)
                inside[n] = False
                inside[0] &= fleet.attentive[n]
                if inside.any():
                    result = min(result, enter - 1.0)
                    if inside[0] and not conflict.yields:
                        self.for_ego.add(n)
        return result


def _times(enter: float, leave: float, speed: float, accelerate: float = 1.6, top: float = 7.0) -> tuple[float, float]:
    """Seconds until a vehicle that starts now reaches two distances (metres), speeding up gently to a turning speed."""
    return _time_to(enter, speed, accelerate, top), _time_to(leave, speed, accelerate, top)


def _time_to(distance: float, speed: float, accelerate: float, top: float) -> float:
    if distance <= 0.0:
        return 0.0
    speed = min(speed, top)
    building = (top * top - speed * speed) / (2.0 * accelerate)
    if distance <= building:
        return (math.sqrt(speed * speed + 2.0 * accelerate * distance) - speed) / accelerate
    return (top - speed) / accelerate + (distance - building) / top
