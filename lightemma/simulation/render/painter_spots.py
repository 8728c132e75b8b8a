"""The painter's canvas: memory on which Pillow draws and with which NumPy computes, without copies in between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from lightemma.simulation.render.base import Pixels

if TYPE_CHECKING:
    from PIL.Image import Image

FINE = 2
"""Spots painted per pixel along each side."""

_BAND = 30
"""Rows that are worked on together; they stay in the processor's cache."""
_LOW_BITS = 0xFEFEFEFEFEFEFEFE


@dataclass(frozen=True, slots=True)
class Shared:
    """A picture in memory that Pillow and NumPy share.

    Attributes:
        levels: (h, w, 4) red, green, blue, and a byte that Pillow keeps and does not look at.
        image: the same for Pillow, of mode RGB.
    """

    levels: Pixels
    image: Image

    @staticmethod
    def of(size: tuple[int, int]) -> Shared:
        """A black one of a width and height in pixels."""
        from PIL import Image as Pictures

        levels = np.zeros((size[1], size[0], 4), dtype=np.uint8)
        # As `Image.frombuffer`, which has no word for three colours in four bytes.
        held = cast("Any", Pictures).core.map_buffer(levels, size, "raw", 0, ("RGB", 0, 1))
        image: Image = cast("Any", Pictures.new("RGB", (0, 0)))._new(held)
        return Shared(levels, image)

    def drawn_on(self, *, blend: bool) -> Any:
        """What Pillow's ``ImageDraw`` draws with; with ``blend`` the ink's fourth byte says how much it covers."""
        from PIL import Image as Pictures

        return cast("Any", Pictures).core.draw(self.image.im, int(blend))


@dataclass(frozen=True, slots=True)
class Sheets:
    """What one renderer paints its pictures of one size on, one after the other.

    Attributes:
        spots: several of each pixel.
        pixels: the picture.
    """

    spots: Shared
    pixels: Shared

    @staticmethod
    def of(size: tuple[int, int]) -> Sheets:
        """Those of pictures of a width and height in pixels."""
        return Sheets(Shared.of((size[0] * FINE, size[1] * FINE)), Shared.of(size))

    def average(self) -> None:
        """Makes each pixel the mean of its four spots: of those above each other rounded up, of the two results down."""
        height, width = self.pixels.levels.shape[:2]
        # Two spots beside each other in one number, eight bytes of it at once: the mean of two bytes is what they have in
        # common, or what either has, and half of what they differ by.
        pairs = self.spots.levels.reshape(height, FINE, FINE * width * 4).view(np.uint64)
        pixels = self.pixels.levels.reshape(height, width * 4).view(np.uint32)
        differ, mean = np.empty((2, _BAND, width), dtype=np.uint64)
        left, right = np.empty((2, _BAND, width), dtype=np.uint32)
        for top in range(0, height, _BAND):
            upper, lower, out = pairs[top : top + _BAND, 0], pairs[top : top + _BAND, 1], pixels[top : top + _BAND]
            if len(out) < _BAND:
                differ, mean, left, right = (one[: len(out)] for one in (differ, mean, left, right))
            np.bitwise_xor(upper, lower, out=differ)
            np.bitwise_or(upper, lower, out=mean)
            differ &= np.uint64(_LOW_BITS)
            differ >>= np.uint64(1)
            mean -= differ
            np.copyto(left, mean, casting="unsafe")
            mean >>= np.uint64(32)
            np.copyto(right, mean, casting="unsafe")
            np.bitwise_and(left, right, out=out)
            left ^= right
            left &= np.uint32(_LOW_BITS & 0xFFFFFFFF)
            left >>= np.uint32(1)
            out += left
