"""The bodies of road users as a few boxes each, nearer to their shapes than the one box around them; and posts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from lightemma.frame import FloatArray, Pose
from lightemma.simulation.state import City, SignalState

#: By kind: rear and front end in lengths from the middle, half the width in widths, lower and upper end in heights.
#: Measured on the shapes of `render.meshes`; a kind that is not here is its box.
_PARTS: Final[dict[str, tuple[tuple[float, float, float, float, float], ...]]] = {
    "car": ((-0.50, 0.50, 0.50, 0.05, 0.62), (-0.36, 0.19, 0.42, 0.62, 1.0)),
    "van": ((-0.50, 0.50, 0.50, 0.05, 0.50), (-0.48, 0.36, 0.46, 0.50, 1.0)),
    "truck": ((-0.50, 0.50, 0.50, 0.05, 0.88), (-0.50, 0.23, 0.50, 0.88, 1.0)),
    "pedestrian": ((-0.30, 0.40, 0.26, 0.0, 0.37), (-0.25, 0.34, 0.44, 0.37, 0.87), (-0.23, 0.22, 0.14, 0.87, 1.0)),
    "officer": ((-0.15, 0.20, 0.25, 0.0, 0.40), (-0.30, 0.30, 0.32, 0.40, 0.87), (-0.26, 0.26, 0.18, 0.87, 1.0)),
    "worker": ((-0.15, 0.20, 0.25, 0.0, 0.40), (-0.30, 0.30, 0.44, 0.40, 0.87), (-0.25, 0.25, 0.16, 0.87, 1.0)),
    "cone": ((-0.50, 0.50, 0.50, 0.0, 0.08), (-0.32, 0.32, 0.32, 0.08, 0.50), (-0.20, 0.20, 0.20, 0.50, 1.0)),
    "barrier": ((-0.12, 0.12, 0.50, 0.20, 1.0),),
}
_BOX: Final = ((-0.50, 0.50, 0.50, 0.0, 1.0),)


def bodies_of(kinds: Sequence[str], boxes: FloatArray) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    """The boxes of all bodies, and whose each is.

    Args:
        kinds: of the actors.
        boxes: (actors, 7) x, y, heading, length, width, height, and the ground's height.

    Returns:
        (b, 7) boxes in the same form, and (b,) places of their actors.
    """
    found, owners = [], []
    for place, (kind, box) in enumerate(zip(kinds, boxes.tolist(), strict=True)):
        x, y, heading, length, width, height, ground = box
        for rear, front, half, low, high in _PARTS.get(kind, _BOX):
            ahead = (rear + front) / 2.0 * length
            found.append(
                (
                    x + ahead * np.cos(heading),
                    y + ahead * np.sin(heading),
                    heading,
                    (front - rear) * length,
                    2.0 * half * width,
                    (high - low) * height,
                    ground + low * height,
                )
            )
            owners.append(place)
    return np.array(found).reshape(-1, 7), np.array(owners, dtype=np.int64)


#: Metres: thickness of a plate, side of a post, half the width of a sign, its lower and upper end.
_PLATE, _POST, _SIGN = 0.05, 0.14, (0.40, 1.97, 2.73)
#: Metres: height of a lamp post; half the width and height of a traffic light's board, and its middle on and beside a post.
_LAMP_POST, _BOARD, _MIDDLES = 7.2, (0.36, 0.80), (2.95, 5.45)


def posts_of(city: City, signals: Sequence[SignalState]) -> FloatArray:
    """(b, 7) boxes, world frame, of signs, street lamps and traffic lights, which are thin and yet hide what is far away."""
    found = []
    for sign in city.signs:
        half, low, high = _SIGN
        found.append(_upright(sign.pose, 0.0, _POST, _POST, 0.0, low))
        found.append(_upright(sign.pose, 0.0, _PLATE, 2.0 * half, low, high))
    found += [_upright(post, 0.0, _POST, _POST, 0.0, _LAMP_POST) for post in city.lamp_posts]
    for signal in signals:
        hangs = abs(signal.arm) > 0.3
        middle, (half, high) = _MIDDLES[hangs], _BOARD
        found.append(_upright(signal.pose, 0.0, _POST, _POST, 0.0, middle))
        out = signal.arm if hangs else 0.0
        found.append(_upright(signal.pose, out, _PLATE, 2.0 * half, middle - high, middle + high))
    return np.array(found).reshape(-1, 7)


def _upright(pose: Pose, left: float, thick: float, wide: float, low: float, high: float) -> tuple[float, ...]:
    x, y = pose.x - left * np.sin(pose.heading), pose.y + left * np.cos(pose.heading)
    return x, y, pose.heading, thick, wide, high - low, low
