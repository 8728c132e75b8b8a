"""How the cars of imagined drives move: what a choice asks for, and what a car with limits makes of it in one time step."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from lightemma.closed_loop.plan_follower import TICKS_PER_S
from lightemma.simulation.ego import Limits


class Acting(Protocol):
    """Turns choices into the actions that a world is told."""

    def begin(self, done: Tensor) -> None:
        """Takes over after recorded actions, (n, t, a)."""

    def act(self, choices: Tensor) -> Tensor:
        """(n,) numbers of choices to the actions that they become, (n, a)."""


class Listed:
    """Each choice is one action, whatever came before.

    Args:
        actions: (count, a).
    """

    def __init__(self, actions: Tensor) -> None:
        self._actions = actions

    def begin(self, done: Tensor) -> None:
        """Nothing is remembered."""

    def act(self, choices: Tensor) -> Tensor:
        """(n,) to (n, a)."""
        return self._actions[choices]


class Cars:
    """Cars with the limits of the simulator's, which are asked for a speed and a curvature for a whole time step.

    A front wheel needs half a second to turn to a curvature of 0.08 1/m. An agent that learned with cars that have every
    curvature at once would steer the true car too late. The motion is that of ``simulation.ego.EgoCar``, for many at once.

    Args:
        wanted: (count, 3) speed (m/s), curvature (1/m) and seconds of each choice; the seconds are the same for all.
        limits: of the cars.
    """

    def __init__(self, wanted: Tensor, limits: Limits | None = None) -> None:
        self._wanted, self._limits = wanted, limits or Limits()
        self._seconds = float(wanted[0, 2])
        self._ticks = max(1, round(self._seconds * TICKS_PER_S))
        self._speed: Tensor = torch.empty(0)
        self._curvature: Tensor = torch.empty(0)

    def begin(self, done: Tensor) -> None:
        """The cars have the last recorded speed and curvature, within their limits."""
        self._speed = done[:, -1, 0].clamp(min=0.0)
        self._curvature = done[:, -1, 1].clamp(-self._limits.curvature, self._limits.curvature)

    def act(self, choices: Tensor) -> Tensor:
        """(n,) to (n, 3): the mean speed and curvature that become of it."""
        limits, dt = self._limits, self._seconds / self._ticks
        wanted = self._wanted[choices]
        way, turned = torch.zeros_like(self._speed), torch.zeros_like(self._speed)
        for tick in range(self._ticks):
            gain = (wanted[:, 0] - self._speed) / (self._seconds - tick * dt)
            before = self._speed
            self._speed = (before + gain.clamp(-limits.brake, limits.accelerate) * dt).clamp(min=0.0)
            sharpest = (limits.lateral / self._speed.clamp(min=0.1) ** 2).clamp(max=limits.curvature)
            angle = torch.atan(torch.maximum(torch.minimum(wanted[:, 1], sharpest), -sharpest) * limits.wheelbase)
            now = torch.atan(self._curvature * limits.wheelbase)
            turn = (angle - now).clamp(-limits.steering_rate * dt, limits.steering_rate * dt)
            reached = torch.tan(now + turn) / limits.wheelbase
            reached = torch.maximum(torch.minimum(reached, sharpest), -sharpest)
            step = (before + self._speed) / 2.0 * dt
            way = way + step
            turned = turned + step * torch.where(
                self._curvature.abs() <= sharpest, (self._curvature + reached) / 2.0, reached
            )
            self._curvature = reached
        curvature = torch.where(way > 0.05, turned / way.clamp(min=0.05), torch.zeros_like(way))
        return torch.stack([way / self._seconds, curvature, torch.full_like(way, self._seconds)], dim=1)
