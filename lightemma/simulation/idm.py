"""The intelligent driver model: how hard a driver accelerates behind another.

Treiber, Hennecke and Helbing, "Congested traffic states in empirical observations and microscopic simulations",
Physical Review E 62 (2000), equations 3 and 4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lightemma.frame import FloatArray


@dataclass(frozen=True, slots=True)
class Style:
    """The parameters of one driver.

    Attributes:
        headway: seconds kept to the car ahead.
        standstill: metres kept in a queue.
        accelerate: m/s², the hardest used by choice.
        brake: m/s², comfortable.
    """

    headway: float = 1.4
    standstill: float = 2.0
    accelerate: float = 1.6
    brake: float = 2.0


def idm(speed: float, desired: float, gap: float, closing: float, style: Style) -> float:
    """Acceleration behind a leader, m/s².

    Args:
        speed: m/s.
        desired: m/s that the driver wants on a free road.
        gap: metres from bumper to bumper, inf without a leader.
        closing: m/s by which the gap shrinks.
        style: the driver's parameters.
    """
    free = 1.0 - (speed / max(desired, 0.1)) ** 4
    wanted = style.standstill + max(
        0.0, speed * style.headway + speed * closing / (2.0 * math.sqrt(style.accelerate * style.brake))
    )
    return style.accelerate * (max(free, -2.0) - (wanted / max(gap, 0.3)) ** 2)


def calm_idm(
    speed: float, desired: float, gap: float, leading: float, leader_acceleration: float, style: Style
) -> float:
    """`idm` that does not brake hard behind a car that has cut in close but is not slower.

    The blend with the constant-acceleration heuristic of Kesting, Treiber and Helbing, "Enhanced intelligent driver model to
    access the impact of driving strategies on traffic capacity", Phil. Trans. R. Soc. A 368 (2010), equations 2.7 to 2.9,
    with a coolness of 0.99.

    Args:
        speed: m/s.
        desired: m/s on a free road.
        gap: metres from bumper to bumper.
        leading: m/s of the leader.
        leader_acceleration: m/s² of the leader.
        style: the driver's parameters.
    """
    plain = idm(speed, desired, gap, speed - leading, style)
    gap = max(gap, 0.3)
    pulling = min(leader_acceleration, style.accelerate)
    closing = max(speed - leading, 0.0)
    if leading * (speed - leading) <= -2.0 * gap * pulling:
        heuristic = speed * speed * pulling / max(leading * leading - 2.0 * gap * pulling, 1e-3)
    else:
        heuristic = pulling - closing * closing / (2.0 * gap)
    if plain >= heuristic:
        return plain
    calm = heuristic + style.brake * math.tanh((plain - heuristic) / style.brake)
    return 0.01 * plain + 0.99 * calm


def idm_many(
    speed: FloatArray,
    desired: FloatArray,
    gap: FloatArray,
    closing: FloatArray,
    headway: FloatArray,
    standstill: FloatArray,
    accelerate: FloatArray,
    brake: FloatArray,
) -> FloatArray:
    """`idm` for many drivers in one call: all arrays are (n,), so is the result."""
    free = np.maximum(1.0 - (speed / np.maximum(desired, 0.1)) ** 4, -2.0)
    wanted = standstill + np.maximum(0.0, speed * headway + speed * closing / (2.0 * np.sqrt(accelerate * brake)))
    result: FloatArray = accelerate * (free - (wanted / np.maximum(gap, 0.3)) ** 2)
    return result
