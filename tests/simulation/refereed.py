"""A world with a referee that looks at it after every step, as in the closed loop."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lightemma.closed_loop.comfort import harsh_seconds
from lightemma.simulation import scenarios
from lightemma.simulation.events import Referee
from lightemma.simulation.world import STEP_TIME, CitySimulation


class Refereed:
    """Every other attribute is the world's."""

    def __init__(self, world: CitySimulation) -> None:
        self.world, self.referee = world, Referee(world)
        self.motion = [(world.ego.speed, world.ego.curvature)]
        self.steps = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.world, name)

    def step(self, speed: float, curvature: float) -> None:
        self.world.step(speed, curvature)
        self.referee.look()
        self.steps += 1
        if self.steps % round(0.5 / STEP_TIME) == 0:
            self.motion.append((self.world.ego.speed, self.world.ego.curvature))

    def hold(self, speed: float, curvature: float) -> None:
        """Steps until the next half second with one pair held."""
        self.step(speed, curvature)
        while self.steps % round(0.5 / STEP_TIME):
            self.step(speed, curvature)

    @property
    def finished(self) -> bool:
        return self.referee.finished

    @property
    def harsh_s(self) -> float:
        """Seconds beyond the comfort bounds."""
        speeds, curvatures = np.array(self.motion).T
        return harsh_seconds(speeds, curvatures)


def make_world(*arguments: Any, **named: Any) -> Any:
    """`scenarios.make_world` with a referee."""
    return Refereed(scenarios.make_world(*arguments, **named))


def steering(simulation: Any, speed: float) -> float:
    """1/m: the curvature of an arc back to the ego's route, for drivers that keep their lane and ignore all else."""
    pose, at = simulation.ego.pose, float(simulation.traffic.at[0])
    aim = simulation.route.path.pose(at + 0.55 * speed + 2.0)
    dx, dy = aim.x - pose.x, aim.y - pose.y
    left = dy * math.cos(pose.heading) - dx * math.sin(pose.heading)
    return float(np.clip(2.0 * left / max(dx * dx + dy * dy, 1e-6), -0.2, 0.2))
