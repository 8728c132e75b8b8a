"""The painter's canvas: memory on which Pillow draws and with which NumPy computes, without copies in between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from lightemma.simulation.render.base import Pixels
from lightemma.simulation.render.compiled import compiler

if TYPE_CHECKING:
    from PIL.Image import Image

FINE = 2
"""Spots painted per pixel along each side."""

_BAND = 30
"""Rows that are worked on together; they stay in the processor's cache."""
_EVEN = 0x00FF00FF00FF00FF
_ROUND = 0x00020002


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
        """Makes each pixel the mean of its four spots, rounded, halves up."""
        height, width = self.pixels.levels.shape[:2]
        if compiler() is not None:
            from lightemma.simulation.render.painter_rows import average

            spots = self.spots.levels.reshape(height * FINE, -1)
            average(spots.view(np.uint64), self.pixels.levels.reshape(height, -1).view(np.uint32))
            return
        # Two spots beside each other in one number. Every other of its bytes has room for sums in the byte that is masked away.
        pairs = self.spots.levels.reshape(height, FINE, FINE * width * 4).view(np.uint64)
        pixels = self.pixels.levels.reshape(height, width * 4).view(np.uint32)
        sums, others, more = np.empty((3, _BAND, width), dtype=np.uint64)
        low, high = np.empty((2, _BAND, width), dtype=np.uint32)
        mask, byte, half = np.uint64(_EVEN), np.uint64(8), np.uint64(32)
        for top in range(0, height, _BAND):
            upper, lower, out = pairs[top : top + _BAND, 0], pairs[top : top + _BAND, 1], pixels[top : top + _BAND]
            if len(out) < _BAND:
                sums, others, more = (one[: len(out)] for one in (sums, others, more))
                low, high = (one[: len(out)] for one in (low, high))
            np.bitwise_and(upper, mask, out=sums)
            sums += np.bitwise_and(lower, mask, out=more)
            np.right_shift(upper, byte, out=others)
            others &= mask
            np.right_shift(lower, byte, out=more)
            more &= mask
            others += more
            sums += np.right_shift(sums, half, out=more)
            others += np.right_shift(others, half, out=more)
            np.copyto(low, sums, casting="unsafe")
            np.copyto(high, others, casting="unsafe")
            low += np.uint32(_ROUND)
            low >>= np.uint32(2)
            low &= np.uint32(_EVEN & 0xFFFFFFFF)
            high += np.uint32(_ROUND)
            high <<= np.uint32(6)
            high &= np.uint32((_EVEN << 8) & 0xFFFFFFFF)
            np.bitwise_or(low, high, out=out)
