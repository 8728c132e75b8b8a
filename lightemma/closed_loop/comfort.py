"""How harshly a car was driven, from its speeds and curvatures every half second."""

from __future__ import annotations

import numpy as np

from lightemma.evaluation.metrics.comfort import MAX_LAT_ACCEL, MAX_LON_ACCEL, MAX_LON_JERK, MIN_LON_ACCEL
from lightemma.frame import FloatArray
from lightemma.protocol import LIGHTEMMA

#: m/s below which a car stands.
STANDING = 0.1


def harsh_seconds(speeds: FloatArray, curvatures: FloatArray) -> float:
    """Seconds beyond any of nuPlan's bounds along (speeding up, braking, jerk) and across.

    Args:
        speeds: (n,) m/s every half second.
        curvatures: (n,) 1/m.
    """
    along = np.diff(speeds) / LIGHTEMMA.dt
    jerk = np.abs(np.diff(along, prepend=along[:1])) / LIGHTEMMA.dt
    across = np.abs(speeds[1:] ** 2 * curvatures[1:])
    harsh = (along > MAX_LON_ACCEL) | (along < MIN_LON_ACCEL) | (across > MAX_LAT_ACCEL) | (jerk > MAX_LON_JERK)
    return float(harsh.sum() * LIGHTEMMA.dt)


def standing_seconds(speeds: FloatArray) -> float:
    """Seconds stood still; ``speeds`` is (n,) m/s every half second."""
    return float((speeds[1:] < STANDING).sum() * LIGHTEMMA.dt)
