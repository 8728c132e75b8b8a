"""A car's motion as pairs: the mean speed of each half second, and the curvature at its beginning."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from lightemma.frame import FloatArray
from lightemma.kinematics import LEAST_CHORD, actions_from_poses
from lightemma.protocol import Protocol
from lightemma.simulation.ego import EgoCar, Limits
from lightemma.simulation.geometry import arc_pose

#: Times the turn by which the integrator's chords are behind at 1 s that the second and the third pair make up for: together
#: more than 1, so that the points come nearer to the motion again.
TURNED_BACK = np.array([0.6, 1.4])


@dataclass(frozen=True, slots=True)
class Motion:
    """Where a car is going to be.

    Attributes:
        points: (n + 2, 2) metres: one ``dt`` before, now, and after each action.
        heading: radians, now.
        curvatures: (n + 1,) 1/m of the car's path now and after each action.
    """

    points: FloatArray
    heading: float
    curvatures: FloatArray


class MotionRecorder:
    """Notes a car's motion while it is rolled through a plan; call :meth:`note` after each action.

    The point before now is where a car with the present speed and curvature comes from.
    """

    def __init__(self, car: EgoCar, protocol: Protocol) -> None:
        self._car = car
        before = arc_pose(car.pose.x, car.pose.y, car.pose.heading, car.curvature, -car.speed * protocol.dt)
        self._points = [(before.x, before.y)]
        self._curvatures: list[float] = []
        self._heading = car.pose.heading
        self.note()

    def note(self) -> None:
        """Notes where the car is now."""
        self._points.append((self._car.pose.x, self._car.pose.y))
        self._curvatures.append(self._car.curvature)

    @property
    def motion(self) -> Motion:
        """What has been noted."""
        return Motion(np.array(self._points), self._heading, np.array(self._curvatures))


def mean_pairs(motion: Motion, limits: Limits, protocol: Protocol, *, made_up: bool = True) -> FloatArray:
    """The pairs of a motion, by the protocol's own measure of recorded poses, and within what the car can do.

    These are what the protocol measures on the motion (`actions_from_poses`). Its integrator moves before it turns, so that
    by these curvatures it would stay half a step behind in every turn. If that is ``made_up`` for, the first pair is as
    measured, and the later ones lead its points back to the motion from 1.5 s on. Where the car hardly moves three points
    have no curvature; there it is that of the car's wheels.

    Args:
        motion: of n actions.
        limits: bounds of the curvature, of its change, and of the acceleration across.
        protocol: gives ``dt``.
        made_up: True for pairs that are integrated, False for pairs that are driven for more than half a second or two.

    Returns:
        (n, 2) mean speed (m/s) and curvature (1/m); 4 decimals.
    """
    points = motion.points
    # Nothing is cut as noise: these positions are known exactly.
    exact = replace(protocol, min_speed=0.0, max_curvature=math.inf, decimals=6)
    times: FloatArray = np.arange(len(points), dtype=np.float64) * protocol.dt
    pairs = actions_from_poses(points, times, exact)
    chords = np.linalg.norm(np.diff(points, axis=0), axis=1)
    moves = np.minimum(chords[:-1], chords[1:]) >= LEAST_CHORD
    pairs[:, 1] = np.where(moves, pairs[:, 1], motion.curvatures[:-1])
    if made_up and chords.min() >= LEAST_CHORD:
        pairs[:, 1] = _made_up(pairs[:, 1], motion)
    wheels = math.atan(float(motion.curvatures[0]) * limits.wheelbase)
    for row in pairs:
        sharpest = min(limits.curvature, limits.lateral / max(float(row[0]), 0.1) ** 2)
        turned = limits.steering_rate * protocol.dt
        reached = min(max(math.atan(float(row[1]) * limits.wheelbase), wheels - turned), wheels + turned)
        row[1] = min(max(math.tan(reached) / limits.wheelbase, -sharpest), sharpest)
        wheels = math.atan(float(row[1]) * limits.wheelbase)
    rounded: FloatArray = np.trunc(pairs * 1e4) / 1e4 + 0.0
    rounded[:, 0] = np.round(pairs[:, 0], 4)
    return rounded


def _made_up(curvatures: FloatArray, motion: Motion) -> FloatArray:
    """The curvatures with which the integrator's chords come back to those of the motion, from the third on."""
    chords = np.diff(motion.points[1:], axis=0)
    lengths = np.hypot(chords[:, 0], chords[:, 1])
    ahead = np.unwrap([motion.heading, *np.arctan2(chords[:, 1], chords[:, 0])])[1:] - motion.heading
    made = curvatures.copy()
    behind = ahead[2] - float(curvatures[:2] @ lengths[:2])
    made[2:-1] = np.diff(ahead[2:]) / lengths[2:-1]
    made[1:3] += TURNED_BACK * behind / lengths[1:3]
    return made
