"""rain: streaks before the lens."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from lightemma.frame import Camera, PixelArray
from lightemma.probes.corruptions.base import Corruption, as_pixels
from lightemma.probes.corruptions.fog import AIRLIGHT, street_distance

#: Of the picture's height: the longest streak. And how far it goes aside, of its length, at the most.
LONGEST = 0.09
SLANT = 0.15
#: Metres of sight that a shower of strength 1 leaves.
VISIBILITY = 400.0


class Rain(Corruption):
    """Streaks that blur past, and the haze of a shower; 300, 900 and 2,200 streaks."""

    name: ClassVar[str] = "rain"
    values: ClassVar[tuple[float, ...]] = (300.0, 900.0, 2200.0)

    def damage(self, pixels: PixelArray, rng: np.random.Generator, camera: Camera | None) -> PixelArray:
        """Draws streaks."""
        from PIL import Image, ImageDraw, ImageFilter

        height, width = pixels.shape[:2]
        streaks = Image.new("L", (width, height), 0)
        draw = ImageDraw.Draw(streaks)
        slant = SLANT * (2 * rng.random() - 1)
        # Near drops make long, bright streaks.
        for across, down, near, bright in rng.random((int(self.value), 4)).tolist():
            length = LONGEST * height * (0.25 + 0.75 * near**2)
            x, y = across * width * 1.2 - 0.1 * width, down * height * 1.1 - 0.1 * height
            wide = max(1, round(width / 1600 * (1 + 2 * near)))
            draw.line((x, y, x + slant * length, y + length), fill=int(70 + 110 * bright * near), width=wide)
        streaks = streaks.filter(ImageFilter.GaussianBlur(0.8 * width / 1600))
        wet = np.asarray(streaks, dtype=np.float32)[:, :, None] / 255.0
        sight = VISIBILITY / math.sqrt(self.value / self.values[0])
        clear = (0.05 ** (street_distance(pixels.shape[:2], camera) / sight)).astype(np.float32)[:, :, None]
        hazy = pixels * clear + np.float32(AIRLIGHT * 0.8) * (1 - clear)
        return as_pixels(hazy * (1 - wet) + np.float32(225.0) * wet)
