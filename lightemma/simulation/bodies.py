"""The bodies of road users as a few boxes each, nearer to their shapes than the one box around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from lightemma.frame import FloatArray

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
