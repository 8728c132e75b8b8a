"""How the intelligent driver model drives in the city: along its route, behind the car ahead."""

from __future__ import annotations

import math

from lightemma.closed_loop.plan_follower import TICKS_PER_S
from lightemma.frame import FloatArray
from lightemma.protocol import LIGHTEMMA
from lightemma.simulation.ego import EgoCar, Limits
from lightemma.simulation.geometry import curvature_to
from lightemma.simulation.hazards import assess
from lightemma.simulation.idm import Style, idm
from lightemma.simulation.mean_pairs import MotionRecorder, mean_pairs
from lightemma.simulation.world import CitySimulation

#: m/s² beyond which the IDM driver does not brake.
HARDEST = -8.0
#: The point on the route that it steers to: seconds and metres ahead; and 1/m, its sharpest turn.
AIM_S, AIM_M, SHARPEST = 0.55, 1.6, 0.2


def idm_plan(simulation: CitySimulation) -> FloatArray:
    """(6, 2) a plan of constant acceleration, and of arcs towards the route, as pairs of the car's motion by it."""
    steps, dt = LIGHTEMMA.plan_steps, LIGHTEMMA.dt
    ego, limits = simulation.ego, simulation.ego.limits or Limits()
    leader = next((concern for concern in assess(simulation).concerns if concern.kind == "leader"), None)
    gap, other = (leader.distance, leader.speed) if leader else (math.inf, 0.0)
    path = simulation.route.path
    car = EgoCar(ego.pose, ego.speed, ego.curvature, limits)
    recorder = MotionRecorder(car, LIGHTEMMA)
    ticks = round(dt * TICKS_PER_S)
    for _ in range(steps):
        before = car.speed
        wanted = idm(before, simulation.setup.desired, gap, before - other, Style())
        speed = max(0.0, before + max(wanted, HARDEST) * dt)
        gap += (other - (before + speed) / 2.0) * dt
        at, _ = path.project(car.pose.x, car.pose.y)
        curvature = curvature_to(car.pose, path.pose(at + AIM_S * speed + AIM_M))
        for tick in range(ticks):
            car.step(speed, min(max(curvature, -SHARPEST), SHARPEST), dt / ticks, dt - tick * dt / ticks)
        recorder.note()
    # What the protocol measures on that motion: the loop drives pairs as what is measured.
    return mean_pairs(recorder.motion, limits, LIGHTEMMA, made_up=False)
