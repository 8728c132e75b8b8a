"""fog: thicker with distance."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from lightemma.camera import rotation_matrix
from lightemma.frame import Camera, FloatArray, PixelArray
from lightemma.probes.corruptions.base import Corruption, as_pixels

#: Grey of the fog.
AIRLIGHT = 200.0
#: Metres to whatever is farther than that, the sky included.
FARTHEST = 120.0
#: Metres to houses and trees on either side.
ASIDE = 12.0
#: At the visibility, this share of contrast is left (Koschmieder; World Meteorological Organization).
CONTRAST = 0.05


class Fog(Corruption):
    """Koschmieder's law, I t + A (1 - t) with t = 0.05 ^ (distance / visibility); visibilities of 200, 80 and 40 m.

    Distances are those of a street: level ground, by the calibration, between walls 12 m to the left and to the right.
    """

    name: ClassVar[str] = "fog"
    values: ClassVar[tuple[float, ...]] = (200.0, 80.0, 40.0)

    def damage(self, pixels: PixelArray, rng: np.random.Generator, camera: Camera | None) -> PixelArray:
        """Puts fog between camera and street."""
        clear = (CONTRAST ** (street_distance(pixels.shape[:2], camera) / self.value)).astype(np.float32)[:, :, None]
        return as_pixels(pixels * clear + np.float32(AIRLIGHT) * (1 - clear))


def street_distance(shape: tuple[int, ...], camera: Camera | None) -> FloatArray:
    """Metres to the ground or to the wall of a street that each pixel shows.

    Args:
        shape: rows and columns.
        camera: with intrinsics for this picture; None takes the middle row for the horizon and nuScenes' field of view.

    Returns:
        (rows, columns), at most ``FARTHEST``.
    """
    rows, columns = np.arange(shape[0])[:, None], np.arange(shape[1])[None, :]
    if camera is None:
        height, focal, centre = 1.5, 0.79 * shape[1], (shape[0] - 1) / 2
        across, down, drop = (columns - (shape[1] - 1) / 2) / focal, (rows - centre) / focal, (rows - centre) / focal
    else:
        height = max(float(camera.translation[2]), 0.5)
        down = (rows - camera.intrinsic[1, 2]) / camera.intrinsic[1, 1]
        across = (columns - camera.intrinsic[0, 2] - camera.intrinsic[0, 1] * down) / camera.intrinsic[0, 0]
        x, y, z = (-rotation_matrix(camera.rotation)[2]).tolist()
        drop = x * across + y * down + z
    length = np.sqrt(across**2 + down**2 + 1)
    drop = np.broadcast_to(drop, length.shape)
    nearest = 1e-6  # of a direction's slope: what is level or straight ahead is far
    ground = height * length / np.maximum(drop, nearest)
    wall = ASIDE * length / np.maximum(np.abs(across), nearest)
    found: FloatArray = np.minimum(np.minimum(ground, wall), FARTHEST)
    return found
