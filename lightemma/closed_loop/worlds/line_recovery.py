"""Recorded plans, led back to the line along which they were recorded."""

from __future__ import annotations

import math

import numpy as np

from lightemma.frame import FloatArray, Pose
from lightemma.protocol import LIGHTEMMA
from lightemma.simulation.geometry import wrap

#: A deviation from the recorded line is corrected over this many half seconds, and at no more than these radians.
CORRECTION, STEEPEST = 2.3, 0.6


def led_back(pairs: FloatArray, pose: Pose, line: FloatArray) -> FloatArray:
    """Recorded pairs with the turns in addition that lead a car back to the recorded line.

    Args:
        pairs: (n, 2) speed (m/s) and curvature (1/m) of every half second from now.
        pose: of the car.
        line: (m, 3) recorded poses, of which the nearest is taken.

    Returns:
        (n, 2).
    """
    actions: FloatArray = pairs.copy()
    error, askew = _deviation(pose, line)
    for action in actions:
        way = float(action[0]) * LIGHTEMMA.dt
        reach = CORRECTION * max(way, 1.2)
        lean = min(max(error / (1.5 * reach), -STEEPEST), STEEPEST)
        turn = -1.5 * (askew + lean) / reach
        action[1] += turn
        error += way * (askew + turn * way / 2.0)
        askew += turn * way
    return actions


def _deviation(pose: Pose, poses: FloatArray) -> tuple[float, float]:
    """Metres to the left of the recorded line, and radians to the left of its direction."""
    nearest = int(np.argmin(np.hypot(poses[:, 0] - pose.x, poses[:, 1] - pose.y)))
    x, y, heading = poses[nearest].tolist()
    error = (pose.y - y) * math.cos(heading) - (pose.x - x) * math.sin(heading)
    return error, wrap(pose.heading - heading)
