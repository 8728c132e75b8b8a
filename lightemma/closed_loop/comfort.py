"""How harshly a car was driven, from its speeds and curvatures every half second."""

from __future__ import annotations

import numpy as np

from lightemma.frame import FloatArray
from lightemma.protocol import LIGHTEMMA

#: nuPlan's comfort bounds (Karnchanachari et al., ICRA 2024): m/s² along (speeding up, braking) and across, m/s³ along.
ACCELERATE, BRAKE, LATERAL, JERK = 2.40, -4.05, 4.89, 4.13
#: m/s below which a car stands.
STANDING = 0.1


def harsh_seconds(speeds: FloatArray, curvatures: FloatArray) -> float:
    """Seconds beyond any of the bounds.

    Args:
        speeds: (n,) m/s every half second.
        curvatures: (n,) 1/m.
    """
    along = np.diff(speeds) / LIGHTEMMA.dt
    jerk = np.abs(np.diff(along, prepend=along[:1])) / LIGHTEMMA.dt
    across = np.abs(speeds[1:] ** 2 * curvatures[1:])
    harsh = (along > ACCELERATE) | (along < BRAKE) | (across > LATERAL) | (jerk > JERK)
    return float(harsh.sum() * LIGHTEMMA.dt)


def standing_seconds(speeds: FloatArray) -> float:
    """Seconds stood still; ``speeds`` is (n,) m/s every half second."""
    return float((speeds[1:] < STANDING).sum() * LIGHTEMMA.dt)
