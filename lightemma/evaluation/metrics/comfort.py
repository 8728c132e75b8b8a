"""Whether a car could drive a plan, and how comfortably: the bounds of nuPlan's comfort metric and of physics.

Plans are steps of 0.5 s of steady speed and curvature, so derivatives are differences of neighbouring steps over 0.5 s, the
first against the current action. They are means over half a second: a peak within a step is not seen, and a single
outlying step shows twice. Numbers compare with one another and with the recorded drive, not with nuPlan's, which are
taken from a filtered track at 10 Hz.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightemma.agents import BoolArray
from lightemma.frame import FloatArray
from lightemma.protocol import LIGHTEMMA

# nuplan-devkit, ``ego_is_comfortable`` and its thresholds.
MIN_LON_ACCEL, MAX_LON_ACCEL = -4.05, 2.40  # m/s^2
MAX_LAT_ACCEL = 4.89  # m/s^2
MAX_LON_JERK = 4.13  # m/s^3
MAX_JERK = 8.37  # m/s^3
MAX_YAW_RATE = 0.95  # rad/s
MAX_YAW_ACCEL = 1.93  # rad/s^2
# Alpamayo's unicycle action space: no tyre holds more than about 1 g, no car turns within 5 m.
PHYSICAL_ACCEL = 9.8  # m/s^2, both directions together
PHYSICAL_CURVATURE = 0.2  # 1/m
#: A model may write any number; one beyond this counts as this, so that no product overflows.
_LARGEST = 1e6


@dataclass(frozen=True)
class Motion:
    """What a passenger feels in each step of ``n`` plans. NaN where there is no plan.

    Attributes:
        lon_accel: (n, 6) m/s^2, change of speed into each step.
        lat_accel: (n, 6) m/s^2, speed squared x curvature.
        lon_jerk: (n, 6) m/s^3, change of ``lon_accel`` (the first from the last recorded one).
        jerk: (n, 6) m/s^3, change of the whole acceleration's size.
        yaw_rate: (n, 6) rad/s, speed x curvature.
        yaw_accel: (n, 6) rad/s^2, change of ``yaw_rate``.
        curvature: (n, 6) 1/m.
        curvature_rate: (n, 6) 1/(m s), change of curvature.
        speed_jump: (n,) m/s between the current and the first planned speed, unsigned.
        curvature_jump: (n,) 1/m, the same of curvature.
    """

    lon_accel: FloatArray
    lat_accel: FloatArray
    lon_jerk: FloatArray
    jerk: FloatArray
    yaw_rate: FloatArray
    yaw_accel: FloatArray
    curvature: FloatArray
    curvature_rate: FloatArray
    speed_jump: FloatArray
    curvature_jump: FloatArray

    @property
    def total_accel(self) -> FloatArray:
        """(n, 6) m/s^2, both directions together."""
        total: FloatArray = np.hypot(self.lon_accel, self.lat_accel)
        return total

    def broken(self) -> dict[str, BoolArray]:
        """Which plans break which bound at any step, (n,) each; a frame without a plan breaks none."""
        return {
            "lon_accel": _any((self.lon_accel < MIN_LON_ACCEL) | (self.lon_accel > MAX_LON_ACCEL)),
            "lat_accel": _any(np.abs(self.lat_accel) > MAX_LAT_ACCEL),
            "lon_jerk": _any(np.abs(self.lon_jerk) > MAX_LON_JERK),
            "jerk": _any(np.abs(self.jerk) > MAX_JERK),
            "yaw_rate": _any(np.abs(self.yaw_rate) > MAX_YAW_RATE),
            "yaw_accel": _any(np.abs(self.yaw_accel) > MAX_YAW_ACCEL),
            "physical_accel": _any(self.total_accel > PHYSICAL_ACCEL),
            "physical_curvature": _any(np.abs(self.curvature) > PHYSICAL_CURVATURE),
        }


#: The bounds of comfort among those of ``Motion.broken``; the others are physics.
COMFORT = ("lon_accel", "lat_accel", "lon_jerk", "jerk", "yaw_rate", "yaw_accel")
PHYSICS = ("physical_accel", "physical_curvature")


def motion(actions: FloatArray, history: FloatArray, dt: float = LIGHTEMMA.dt) -> Motion:
    """The accelerations, jerks and rates of plans.

    Args:
        actions: (n, 6, 2) planned speed (m/s) and curvature (1/m); NaN where there is no plan.
        history: (n, 6, 2) past actions, the current one last.
        dt: seconds of a step.
    """
    # The step before the current one is there for the first jerk's sake.
    whole = np.clip(np.concatenate([history[:, -2:], actions], axis=1), -_LARGEST, _LARGEST)
    speed, curvature = whole[..., 0], whole[..., 1]
    lon_accel = np.diff(speed, axis=1) / dt
    lat_accel = (speed**2 * curvature)[:, 1:]
    yaw_rate = (speed * curvature)[:, 1:]
    accel = np.hypot(lon_accel, lat_accel)
    return Motion(
        lon_accel=lon_accel[:, 1:],
        lat_accel=lat_accel[:, 1:],
        lon_jerk=np.diff(lon_accel, axis=1) / dt,
        jerk=np.diff(accel, axis=1) / dt,
        yaw_rate=yaw_rate[:, 1:],
        yaw_accel=np.diff(yaw_rate, axis=1) / dt,
        curvature=curvature[:, 2:],
        curvature_rate=np.diff(curvature, axis=1)[:, 1:] / dt,
        speed_jump=np.abs(speed[:, 2] - speed[:, 1]),
        curvature_jump=np.abs(curvature[:, 2] - curvature[:, 1]),
    )


def history_breaks(history: FloatArray, dt: float = LIGHTEMMA.dt) -> BoolArray:
    """(n,) Whether the recorded three seconds before now, (n, 6, 2) actions, break a bound of comfort by themselves."""
    felt = motion(history[:, 2:], history[:, :2], dt).broken()
    broken: BoolArray = np.any([felt[bound] for bound in COMFORT], axis=0)
    return broken


def _any(steps: BoolArray) -> BoolArray:
    """(n, 6) to (n,)."""
    some: BoolArray = np.any(steps, axis=1)
    return some
