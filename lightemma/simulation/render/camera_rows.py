"""A camera's blur, noise and rain pixel by pixel, as machine code; for where numba is installed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lightemma.simulation.render.base import Pixels
from lightemma.simulation.render.compiled import compiled


@compiled
def spread(pixels: Pixels, mixture: Pixels, core: int) -> None:
    """Mixes each pixel but those at the edge with its neighbours, by 1, ``core``, 1 both ways.

    Args:
        pixels: (h, w, 3) the picture.
        mixture: (h, w, 3) where the mixed pixels are written to.
        core: the weight of the pixel itself, 5 … 9.
    """
    height, width = pixels.shape[:2]
    many = 3 * (width - 2)
    middle, whole = np.uint16(core), (core + 2) ** 2
    # A division by multiplying: exact for all sums, which are below 2 ** 15.
    half, inverse, shift = np.uint32(whole // 2), np.uint32(2**22 // whole + 1), np.uint32(22)
    rows = np.empty((3, many), dtype=np.uint16)
    for row in range(height):
        line, mixed = pixels[row].reshape(-1), rows[row % 3]
        left, here, right = line[:many], line[3 : many + 3], line[6:]
        for at in range(many):
            mixed[at] = np.uint16(left[at]) + np.uint16(right[at]) + middle * np.uint16(here[at])
        if row > 1:
            above, between, out = rows[(row - 2) % 3], rows[(row - 1) % 3], mixture[row - 1].reshape(-1)[3 : many + 3]
            for at in range(many):
                total = np.uint32(above[at]) + np.uint32(mixed[at]) + np.uint32(middle) * np.uint32(between[at])
                out[at] = ((total + half) * inverse) >> shift


@compiled
def add_noise(pixels: Pixels, noise: npt.NDArray[np.int16], down: int, right: int, step: int) -> None:
    """Adds a tile of noise (n, n, 3), repeated, to (h, w, 3), never beyond black and white.

    Args:
        pixels: the picture.
        noise: grey levels.
        down: row of the tile at the picture's first.
        right: column of the tile at the picture's first.
        step: 1, or -1 where the tile is turned upside down.
    """
    height, width = pixels.shape[:2]
    size = len(noise)
    for row in range(height):
        line, adds = pixels[row].reshape(-1), noise[(down + step * row) % size].reshape(-1)
        column, start = 0, right
        while column < width:
            many = min(size - start, width - column)
            part, more = line[3 * column : 3 * (column + many)], adds[3 * start : 3 * (start + many)]
            for at in range(3 * many):
                level = np.int16(part[at]) + more[at]
                part[at] = min(max(level, np.int16(0)), np.int16(255))
            column, start = column + many, 0


@compiled
def soften(levels: Pixels, across: npt.NDArray[np.uint16], down: npt.NDArray[np.uint16]) -> Pixels:
    """(h, w) levels below 64, each mixed with the three at each side; there is nothing beyond the edges.

    Args:
        levels: (h, w).
        across: (4,) weights of the middle and of the first to the third beside it, in 256ths.
        down: (4,) the same in 64ths.
    """
    height, width = levels.shape
    wide, rows = np.zeros(width + 6, dtype=np.uint16), np.zeros((7, width), dtype=np.uint16)
    soft = np.empty((height, width), dtype=np.uint8)
    for row in range(height + 3):
        mixed = rows[row % 7]
        if row < height:
            wide[3 : width + 3] = levels[row]
            for at in range(width):
                total = across[0] * wide[at + 3] + across[1] * (wide[at + 2] + wide[at + 4])
                total += across[2] * (wide[at + 1] + wide[at + 5]) + across[3] * (wide[at] + wide[at + 6])
                mixed[at] = (np.uint16(total) + np.uint16(8)) >> np.uint16(4)
        else:
            mixed[:] = 0
        if row > 2:
            out = soft[row - 3]
            a, b, c, d = rows[row % 7], rows[(row - 1) % 7], rows[(row - 2) % 7], rows[(row - 3) % 7]
            e, f, g = rows[(row - 4) % 7], rows[(row - 5) % 7], rows[(row - 6) % 7]
            for at in range(width):
                total = down[0] * d[at] + down[1] * (c[at] + e[at]) + down[2] * (b[at] + f[at])
                total += down[3] * (a[at] + g[at])
                out[at] = (np.uint16(total) + np.uint16(512)) >> np.uint16(10)
    return soft


@compiled
def blend(pixels: Pixels, levels: Pixels, tint: npt.NDArray[np.uint16]) -> None:
    """Blends a (3,) tint into a picture (h, w, 3), by (h, w) levels, of 255; divided as Pillow does it, rounded."""
    for row in range(pixels.shape[0]):
        line, shares = pixels[row], levels[row]
        for column in range(len(shares)):
            share = np.uint32(shares[column])
            if share > 0:
                for band in range(3):
                    total = (
                        np.uint32(line[column, band]) * (np.uint32(255) - share) + tint[band] * share + np.uint32(128)
                    )
                    line[column, band] = ((total >> np.uint32(8)) + total) >> np.uint32(8)
