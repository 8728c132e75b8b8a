"""The intelligent driver model where nobody else is known: in an imagined drive, whose pictures alone show who is there."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from lightemma.closed_loop.privileged import PrivilegedDriver, WorldPlan
from lightemma.closed_loop.spec import EpisodeSpec
from lightemma.closed_loop.world import World
from lightemma.closed_loop.worlds.city_imitator import led_back
from lightemma.closed_loop.worlds.imagined_world import ImaginedWorld
from lightemma.errors import UserError
from lightemma.frame import FloatArray
from lightemma.protocol import LIGHTEMMA
from lightemma.simulation.idm import Style, idm

#: m/s that it wants at the least, also where the recorded car stood all the time.
_LEAST_WANTED = 5.0


class FreeRoadIdm(PrivilegedDriver):
    """Goes along the recorded way, as fast as the recorded car ever did there; sees nobody, so it keeps no distance."""

    name: ClassVar[str] = "idm"

    def begin(self, spec: EpisodeSpec) -> WorldPlan:
        """Plans speeds by the model on a free road, and curvatures back to the recorded line.

        Raises:
            UserError: at the first plan, if the world is no imagined one.
        """

        def plan(world: World) -> FloatArray:
            if not isinstance(world, ImaginedWorld):
                raise UserError("This driver drives in imagined worlds only; let another planner drive.")
            line, speed, steps = world.line, world.car.speed, []
            along, _ = line.place(world.car.pose)
            wanted = max(float(line.pairs(0.0, len(line.log)).max(axis=0)[0]), _LEAST_WANTED)
            for _ in range(LIGHTEMMA.plan_steps):
                after = max(0.0, speed + idm(speed, wanted, math.inf, 0.0, Style()) * LIGHTEMMA.dt)
                mean = (speed + after) / 2.0
                steps.append((mean, line.curvature(along + mean * LIGHTEMMA.dt / 2.0)))
                along, speed = along + mean * LIGHTEMMA.dt, after
            return led_back(np.array(steps), world.car.pose, line.log)

        return plan
