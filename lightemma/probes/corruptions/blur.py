"""blur: out of focus."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from lightemma.frame import Camera, PixelArray
from lightemma.probes.corruptions.base import Corruption

#: Width in pixels for which the radii are meant.
WIDTH = 1600


class Blur(Corruption):
    """Gaussian blur; radii of 3, 6 and 12 pixels in a picture 1600 pixels wide."""

    name: ClassVar[str] = "blur"
    values: ClassVar[tuple[float, ...]] = (3.0, 6.0, 12.0)

    def damage(self, pixels: PixelArray, rng: np.random.Generator, camera: Camera | None) -> PixelArray:
        """Blurs."""
        from PIL import Image, ImageFilter

        radius = self.value * pixels.shape[1] / WIDTH
        return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius)), dtype=np.uint8)
