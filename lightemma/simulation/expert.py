"""The expert: a driver that knows the whole world and plans six pairs of speed and curvature.

Speed: the intelligent driver model behind a leader, a comfortable stop at every line where it must stop, bends at a
bounded lateral acceleration. Steering: the curvature of the lane's middle (shifted where something is passed) and a linear
correction of position and heading.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lightemma.frame import FloatArray
from lightemma.simulation.ego import EgoCar, Limits
from lightemma.simulation.hazards import Concern, Situation, assess
from lightemma.simulation.idm import Style, calm_idm, idm
from lightemma.simulation.mean_pairs import Motion, MotionRecorder
from lightemma.simulation.routes import permitted_speeds
from lightemma.simulation.steering import LATERAL, calm_speed, steer
from lightemma.simulation.world import CitySimulation

#: m/s² of slowing down before bends.
EASE = 1.3
#: m/s² of a stop at a line that is seen in time.
STOP_BRAKE = 1.4
#: Metres between the bumper and the line.
STOP_MARGIN = 0.8
STYLE = Style(headway=1.5, standstill=2.5, accelerate=1.6, brake=1.8)
#: Seconds between two decisions on the acceleration within a plan.
TICK = 0.1


@dataclass(frozen=True, slots=True)
class ExpertPlan:
    """A plan of the expert, with what it was decided by.

    Attributes:
        actions: (6, 2) what the car is told for 0.5 s each: the speed to reach at the end (m/s), and the curvature (1/m).
        motion: where a car with limits gets by them; as pairs of the protocol, see `mean_pairs`.
        situation: all concerns at the time of the plan.
        governing: the concern for which it brakes hardest, or that limits its speed now, or None on a free road.
        bend: distance in metres to the bend or turn that limits its speed, or None.
    """

    actions: FloatArray
    motion: Motion
    situation: Situation
    governing: Concern | None
    bend: float | None


class Expert:
    """Makes a new plan at every call; keeps the tables of its route."""

    def __init__(self, style: Style = STYLE) -> None:
        self._style = style
        self._tables: dict[int, FloatArray] = {}

    def plan(self, world: CitySimulation) -> ExpertPlan:
        """The next 3 s.

        Raises:
            Nothing: every state has a plan.
        """
        situation = assess(world)
        allowed = self._allowed(world)
        car = EgoCar(world.ego.pose, world.ego.speed, world.ego.curvature, world.ego.limits or Limits(), world.protocol)
        protocol = world.protocol
        path = world.route.path
        actions = np.zeros((protocol.plan_steps, 2))
        at, speed, previous = situation.at, world.ego.speed, world.ego.acceleration
        governing: Concern | None = None
        bend: float | None = None
        ticks, hardest = round(protocol.dt / TICK), -0.3
        recorder = MotionRecorder(car, protocol)
        for i in range(protocol.plan_steps):
            begin = speed
            calm = calm_speed(world, car)
            for tick in range(ticks):
                elapsed = i * protocol.dt + tick * TICK
                wanted, concern, limited = self._accelerate(world, situation, allowed, at, speed, elapsed)
                if speed > calm:
                    wanted = min(wanted, max(-2.5, (calm - speed) / 0.8))
                # Comfortable accelerations change only a little from one tick to the next; an emergency applies immediately.
                wanted = min(wanted, previous + 2.0 * TICK)
                if wanted > -3.0:
                    wanted = max(wanted, previous - 3.0 * TICK)
                previous = wanted
                after = max(0.0, speed + wanted * TICK)
                at += (speed + after) / 2.0 * TICK
                speed = after
                if (i == 0 and tick == 0) or wanted < hardest:
                    governing, bend = concern, limited
                    hardest = min(wanted, -0.3)
            previous = (speed - begin) / protocol.dt
            curvature = steer(world, car, (begin + speed) / 2.0)
            actions[i] = speed, curvature
            for tick in range(ticks):
                car.step(speed, curvature, TICK, protocol.dt - tick * TICK)
            recorder.note()
            at = path.project(car.pose.x, car.pose.y, near=at)[0]
        return ExpertPlan(np.round(actions, 4) + 0.0, recorder.motion, situation, governing, bend)

    def _allowed(self, world: CitySimulation) -> FloatArray:
        if id(world) not in self._tables:
            path = world.route.path
            places = np.arange(math.ceil(path.length / 0.5) + 1) * 0.5
            limit = np.minimum(
                [world.route.limit_at(world.traffic.network, float(s)) for s in places],
                world.setup.desired,
            )
            for narrowing in world.setup.narrowings:
                slow = (places > narrowing.start - 8.0) & (places < narrowing.end + 2.0)
                limit = np.where(slow, np.minimum(limit, narrowing.speed), limit)
            curvature = np.array([path.curvature(float(s)) for s in places])
            self._tables = {id(world): permitted_speeds(limit, curvature, 0.5, LATERAL, EASE)}
        return self._tables[id(world)]

    def _accelerate(
        self, world: CitySimulation, situation: Situation, allowed: FloatArray, at: float, speed: float, elapsed: float
    ) -> tuple[float, Concern | None, float | None]:
        """Acceleration at one position of the plan, the concern that decided it, and the distance of a bend if that decided."""
        index = min(max(int((at + 0.3 * speed) / 0.5), 0), len(allowed) - 1)
        desired = float(allowed[index])
        limited: float | None = None
        if desired < world.setup.desired - 0.7:
            slowest = int(np.argmin(allowed[index : index + 120]))
            limited = slowest * 0.5
        chosen = idm(speed, desired, math.inf, 0.0, self._style)
        if speed > desired + 0.05:
            chosen = max(-2.5, (desired - speed) / 0.8)
        front = at + situation.front - situation.at
        decided: Concern | None = None
        for concern in situation.concerns:
            value: float | None = None
            if concern.kind == "leader":
                # A leader that brakes is assumed to brake for one more second.
                brakes = min(concern.acceleration, 0.0)
                ends = min(elapsed, 1.0, concern.speed / -brakes if brakes < 0.0 else elapsed)
                leading = concern.speed + brakes * ends
                place = concern.line + concern.speed * elapsed + brakes * ends * (elapsed - ends / 2.0)
                value = calm_idm(
                    speed, max(desired, 1.0), place - front, leading, brakes if elapsed < 1.0 else 0.0, self._style
                )
            elif concern.stops:
                value = stop_at(speed, concern.line - STOP_MARGIN - front)
            if value is not None and value < chosen:
                chosen, decided = value, concern
        return min(max(chosen, -7.5), self._style.accelerate), decided, limited if decided is None else None


def stop_at(speed: float, distance: float) -> float:
    """Acceleration that brings a car to rest at a line ``distance`` metres ahead, comfortably when it is far enough."""
    if distance <= 0.05:
        return -4.0 if speed > 0.5 else -1.5
    needed = speed * speed / (2.0 * distance)
    if needed > STOP_BRAKE:
        return -needed
    return (math.sqrt(2.0 * STOP_BRAKE * distance) - speed) / 0.7
