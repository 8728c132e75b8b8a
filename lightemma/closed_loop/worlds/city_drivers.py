"""Drivers that know the city: its expert, the intelligent driver model, and the imitator of recorded drives."""

from __future__ import annotations

import math
from typing import ClassVar

from lightemma.closed_loop.plan_follower import TICKS_PER_S
from lightemma.closed_loop.privileged import ExpertDriver, PrivilegedDriver, WorldPlan
from lightemma.closed_loop.spec import EpisodeSpec
from lightemma.closed_loop.world import World
from lightemma.closed_loop.worlds.city_imitator import recorded_plan
from lightemma.closed_loop.worlds.city_world import CityWorld
from lightemma.errors import UserError
from lightemma.frame import FloatArray, Pose
from lightemma.protocol import LIGHTEMMA
from lightemma.simulation.ego import EgoCar, Limits
from lightemma.simulation.hazards import assess
from lightemma.simulation.idm import Style, idm
from lightemma.simulation.mean_pairs import MotionRecorder, mean_pairs
from lightemma.simulation.world import CitySimulation

#: m/s² beyond which the IDM driver does not brake.
HARDEST = -8.0
#: The point on the route that it steers to: seconds and metres ahead; and 1/m, its sharpest turn.
AIM_S, AIM_M, SHARPEST = 0.55, 1.6, 0.2


class CityExpertDriver(ExpertDriver):
    """Drives as the city's own expert: knows the route, the rules and the position and speed of all road users."""

    def begin(self, spec: EpisodeSpec) -> WorldPlan:
        """Plans with the city's expert.

        Raises:
            UserError: at the first plan, if the world has no expert.
        """
        elsewhere = super().begin(spec)

        def plan(world: World) -> FloatArray:
            return world.expert_plan() if isinstance(world, CityWorld) else elsewhere(world)

        return plan


class IdmDriver(PrivilegedDriver):
    """Follows its route and keeps its distance by the intelligent driver model; ignores lights, signs and people."""

    name: ClassVar[str] = "idm"

    def begin(self, spec: EpisodeSpec) -> WorldPlan:
        """Plans of constant acceleration, and of arcs towards the route.

        Raises:
            UserError: at the first plan, if the world is not the city.
        """

        def plan(world: World) -> FloatArray:
            if not isinstance(world, CityWorld):
                raise UserError("The driver 'idm' drives in the city only; let another planner drive.")
            return _idm_plan(world.simulation)

        return plan


class ImitatorDriver(PrivilegedDriver):
    """Plans the speeds and curvatures that were recorded of the expert's drive of the same episode, half second by half second.

    It looks at nobody: what it does is right only if the loop drives pairs as the protocol means them. The curvatures of a
    drive of half a minute, rounded as in a history, lead a few metres astray; so it also steers back to the recorded line,
    as anybody does who sees the road.
    """

    name: ClassVar[str] = "imitator"

    def begin(self, spec: EpisodeSpec) -> WorldPlan:
        """Plans by the recorded drive.

        Raises:
            UserError: at the first plan, if the world is not the city.
        """

        def plan(world: World) -> FloatArray:
            if not isinstance(world, CityWorld):
                raise UserError("The driver 'imitator' drives in the city only; let another planner drive.")
            return recorded_plan(spec, world.simulation.time, world.car.pose)

        return plan


def _idm_plan(simulation: CitySimulation) -> FloatArray:
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
        curvature = _pursue(car.pose, path.pose(at + AIM_S * speed + AIM_M))
        for tick in range(ticks):
            car.step(speed, min(max(curvature, -SHARPEST), SHARPEST), dt / ticks, dt - tick * dt / ticks)
        recorder.note()
    # What the protocol measures on that motion: the loop drives pairs as what is measured.
    return mean_pairs(recorder.motion, limits, LIGHTEMMA, made_up=False)


def _pursue(pose: Pose, aim: Pose) -> float:
    """Curvature of the arc from a pose through a point: 2 y / d² (pure pursuit, Coulter 1992)."""
    dx, dy = aim.x - pose.x, aim.y - pose.y
    left = dy * math.cos(pose.heading) - dx * math.sin(pose.heading)
    return 2.0 * left / max(dx * dx + dy * dy, 1e-6)
