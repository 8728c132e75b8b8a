"""The drivers that know the world, as they plan where the world is."""

from __future__ import annotations

import math

import numpy as np

from lightemma.closed_loop.city_world import CityWorld
from lightemma.closed_loop.spec import EpisodeSpec
from lightemma.closed_loop.worlds import World
from lightemma.frame import FloatArray, Pose
from lightemma.protocol import LIGHTEMMA
from lightemma.simulation.geometry import Segment
from lightemma.simulation.hazards import assess
from lightemma.simulation.idm import Style, idm

#: m/s² beyond which the IDM driver does not brake.
HARDEST = -8.0
#: The point on the route it steers for: seconds and metres ahead; and 1/m, its sharpest turn.
AIM_S, AIM_M, SHARPEST = 0.55, 1.6, 0.2


class ExpertDriver:
    """Does what the expert would."""

    def __init__(self, spec: EpisodeSpec) -> None:
        del spec  # it draws no lots

    def plan(self, world: World) -> FloatArray:
        """(6, 2) the expert's plan."""
        return world.expert_plan()


class IdmDriver:
    """Follows the route and keeps its distance to whoever is ahead; sees no lights, no signs and nobody on foot."""

    def __init__(self, spec: EpisodeSpec) -> None:
        del spec  # it draws no lots

    def plan(self, world: World) -> FloatArray:
        """(6, 2) a plan of constant acceleration, and of arcs towards the route.

        Raises:
            TypeError: if the world is not the city's.
        """
        if not isinstance(world, CityWorld):
            raise TypeError("the IDM driver drives in the city")
        inner, steps, dt = world.world, LIGHTEMMA.plan_steps, LIGHTEMMA.dt
        ego = inner.ego
        leader = next((concern for concern in assess(inner).concerns if concern.kind == "leader"), None)
        gap, other = (leader.distance, leader.speed) if leader else (math.inf, 0.0)
        path, pose, speed = inner.route.path, ego.pose, ego.speed
        actions = np.zeros((steps, 2))
        for step in range(steps):
            wanted = idm(speed, inner.setup.desired, gap, speed - other, Style())
            before, speed = speed, max(0.0, speed + max(wanted, HARDEST) * dt)
            gap += (other - (before + speed) / 2.0) * dt
            at, _ = path.project(pose.x, pose.y)
            curvature = _pursue(pose, path.pose(at + AIM_S * speed + AIM_M))
            actions[step] = speed, min(max(curvature, -SHARPEST), SHARPEST)
            distance = (before + speed) / 2.0 * dt
            pose = Segment(pose.x, pose.y, pose.heading, curvature, distance).pose(distance)
        return actions


class LotteryDriver:
    """Draws by lot: a speed up to 12 m/s and a curvature up to 0.05 1/m to either side for each action."""

    def __init__(self, spec: EpisodeSpec) -> None:
        self._rng = np.random.default_rng([spec.seed, *spec.scenario.encode()])

    def plan(self, world: World) -> FloatArray:
        """(6, 2) drawn anew each time."""
        del world
        return self._rng.uniform((0.0, -0.05), (12.0, 0.05), (LIGHTEMMA.plan_steps, 2))


def _pursue(pose: Pose, aim: Pose) -> float:
    """Curvature of the arc from a pose through a point: 2 y / d² (pure pursuit, Coulter 1992)."""
    dx, dy = aim.x - pose.x, aim.y - pose.y
    left = dy * math.cos(pose.heading) - dx * math.sin(pose.heading)
    return 2.0 * left / max(dx * dx + dy * dy, 1e-6)
