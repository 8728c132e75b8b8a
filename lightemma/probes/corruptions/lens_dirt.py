"""lens-dirt: spots on the lens."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from lightemma.frame import Camera, PixelArray
from lightemma.probes.corruptions.base import Corruption, as_pixels

#: Colour of dried mud.
MUD = (58.0, 50.0, 42.0)


class LensDirt(Corruption):
    """Soft brown spots, out of focus since the lens is near; 6, 14 and 30 of them, each at most a twelfth of the width."""

    name: ClassVar[str] = "lens-dirt"
    values: ClassVar[tuple[float, ...]] = (6.0, 14.0, 30.0)

    def damage(self, pixels: PixelArray, rng: np.random.Generator, camera: Camera | None) -> PixelArray:
        """Puts spots on."""
        from PIL import Image, ImageDraw, ImageFilter

        height, width = pixels.shape[:2]
        spots = Image.new("L", (width, height), 0)
        draw = ImageDraw.Draw(spots)
        for across, down, large, round_, thick in rng.random((int(self.value), 5)).tolist():
            radius = width * (0.02 + 0.063 * large)
            x, y, tall = across * width, down * height, radius * (0.6 + 0.4 * round_)
            draw.ellipse((x - radius, y - tall, x + radius, y + tall), fill=int(150 + 95 * thick))
        spots = spots.filter(ImageFilter.GaussianBlur(width / 130))
        dirt = np.asarray(spots, dtype=np.float32)[:, :, None] / 255.0
        return as_pixels(pixels * (1 - dirt) + np.array(MUD, dtype=np.float32) * dirt)
