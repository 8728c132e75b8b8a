"""dark: too short an exposure."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from lightemma.frame import Camera, PixelArray
from lightemma.probes.corruptions.base import Corruption, as_pixels

#: Of sRGB, about: light = value ** GAMMA.
GAMMA = 2.2
#: Electrons of a white pixel at full exposure; what is dark is noisy, since photons come in whole numbers.
WELL = 4000.0


class Dark(Corruption):
    """A quarter, a twelfth and a fortieth of the light, with the photon noise of so little of it."""

    name: ClassVar[str] = "dark"
    values: ClassVar[tuple[float, ...]] = (1 / 4, 1 / 12, 1 / 40)

    def damage(self, pixels: PixelArray, rng: np.random.Generator, camera: Camera | None) -> PixelArray:
        """Takes light away."""
        light = (np.arange(256) / 255.0) ** GAMMA * self.value
        photons = (light * WELL).astype(np.float32)[pixels]
        # Normal noise of the same variance as Poisson's: many times faster, and the same above a few photons.
        photons += np.sqrt(photons) * rng.standard_normal(pixels.shape, dtype=np.float32)
        return as_pixels(255.0 * np.maximum(photons / np.float32(WELL), 0.0) ** np.float32(1 / GAMMA))
