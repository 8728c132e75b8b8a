"""noise: of the sensor."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from lightemma.frame import Camera, PixelArray
from lightemma.probes.corruptions.base import Corruption, as_pixels


class Noise(Corruption):
    """Normal noise on every colour of every pixel; the standard deviations 0.08, 0.18 and 0.38 of ImageNet-C's 1, 3 and 5."""

    name: ClassVar[str] = "noise"
    values: ClassVar[tuple[float, ...]] = (0.08, 0.18, 0.38)

    def damage(self, pixels: PixelArray, rng: np.random.Generator, camera: Camera | None) -> PixelArray:
        """Adds noise."""
        unrest = rng.standard_normal(pixels.shape, dtype=np.float32)
        return as_pixels(pixels + np.float32(255.0 * self.value) * unrest)
