"""How the intelligent driver model drives in an imagined drive, where nobody else is known but to the pictures."""

from __future__ import annotations

import math

import numpy as np

from lightemma.closed_loop.world import CarState
from lightemma.closed_loop.worlds.line_recovery import led_back
from lightemma.frame import FloatArray
from lightemma.protocol import LIGHTEMMA
from lightemma.simulation.idm import Style, idm
from lightemma.worldmodel.logged_line import LoggedLine

#: m/s that it wants at the least, also where the recorded car stood all the time.
_LEAST_WANTED = 5.0


def free_road_plan(line: LoggedLine, car: CarState) -> FloatArray:
    """(6, 2) speeds by the model on a free road, and curvatures back to the recorded line.

    It goes as fast as the recorded car ever did there, sees nobody, and so keeps no distance.

    Args:
        line: the recorded way.
        car: as it is now.
    """
    speed, steps = car.speed, []
    along, _ = line.place(car.pose)
    wanted = max(float(line.pairs(0.0, len(line.log)).max(axis=0)[0]), _LEAST_WANTED)
    for _ in range(LIGHTEMMA.plan_steps):
        after = max(0.0, speed + idm(speed, wanted, math.inf, 0.0, Style()) * LIGHTEMMA.dt)
        mean = (speed + after) / 2.0
        steps.append((mean, line.curvature(along + mean * LIGHTEMMA.dt / 2.0)))
        along, speed = along + mean * LIGHTEMMA.dt, after
    return led_back(np.array(steps), car.pose, line.log)
