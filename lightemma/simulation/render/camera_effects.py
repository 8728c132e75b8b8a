"""What a real camera adds to a clean picture: a little blur, sensor noise, darker corners, rain before the lens, JPEG."""

from __future__ import annotations

import io
import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lightemma.errors import UserError
from lightemma.simulation.render.base import Pixels
from lightemma.simulation.render.compiled import compiler
from lightemma.simulation.render.palettes import Look

if TYPE_CHECKING:
    from PIL.Image import Image

_RAIN = np.array([214, 220, 226], dtype=np.uint16)
_TILE = 512
_BAND = 32
"""Rows that are worked on together; a part of a tile."""


def as_taken(pixels: Pixels, look: Look, seed: int) -> Pixels:
    """The picture as a camera would have taken it; the same seed gives the same bytes.

    Args:
        pixels: (h, w, 3) a clean picture.
        look: light and weather; there is more noise in the dark, and streaks in rain.
        seed: of noise and rain.
    """
    rng = np.random.default_rng([seed, 9])
    # A lens spreads a point over a little more than a pixel of the full size.
    blurred = _spread(pixels, 5 if pixels.shape[1] > 1100 else 9)
    if look.wet >= 1.0:
        _add_rain(blurred, rng)
    _add_noise(blurred, 2.4 if look.lamps > 0 else 1.4, rng)
    return blurred


def _spread(pixels: Pixels, core: int) -> Pixels:
    """Each pixel mixed with its eight neighbours by the weights 1, core, 1 both ways; the picture's edge stays as it is."""
    spread = pixels.copy()
    if compiler() is not None:
        from lightemma.simulation.render import camera_rows

        camera_rows.spread(np.ascontiguousarray(pixels), spread, core)
        return spread
    whole = (core + 2) ** 2
    # A few rows at a time stay in the processor's cache.
    for top in range(0, pixels.shape[0] - 2, _BAND):
        wide = pixels[top : top + _BAND + 2].astype(np.uint16)
        rows = wide[:, 1:-1] * np.uint16(core)
        rows += wide[:, :-2]
        rows += wide[:, 2:]
        sums = rows[1:-1] * np.uint16(core)
        sums += rows[:-2]
        sums += rows[2:]
        sums += np.uint16(whole // 2)
        sums //= np.uint16(whole)
        spread[top + 1 : top + 1 + len(sums), 1:-1] = sums
    return spread


def encode_jpeg(pixels: Pixels, quality: int = 90) -> bytes:
    """The picture as a JPEG.

    Args:
        pixels: (h, w, 3).
        quality: 1 … 95.

    Raises:
        UserError: if the quality is out of range.
    """
    from PIL import Image

    if not 1 <= quality <= 95:
        raise UserError(f"a JPEG quality of {quality} does not exist; take 1 to 95.")
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
    return buffer.getvalue()


@lru_cache(maxsize=1)
def _noise_tile() -> npt.NDArray[np.int8]:
    """(512, 512, 3) noise with a standard deviation of 16: mostly brightness, a little colour."""
    rng = np.random.default_rng(23)
    noise = rng.standard_normal((_TILE, _TILE, 1)) * 14 + rng.standard_normal((_TILE, _TILE, 3)) * 7
    tile: npt.NDArray[np.int8] = np.clip(np.rint(noise), -120, 120).astype(np.int8)
    return tile


@lru_cache(maxsize=4)
def _noise(strength: float, mirrored: bool) -> npt.NDArray[np.int16]:
    """(512, 512, 3) what the tile adds in grey levels."""
    levels: npt.NDArray[np.int16] = np.rint(_noise_tile()[:, :: -1 if mirrored else 1] * (strength / 16)).astype(
        np.int16
    )
    return levels


@lru_cache(maxsize=4)
def _noise_levels(strength: float, mirrored: bool) -> tuple[Pixels, Pixels]:
    """(512 + a band, 1024, 3) twice: what the tile, repeated, adds in grey levels, and what it takes away."""
    levels = _noise(strength, mirrored)
    levels = np.concatenate([np.tile(levels, (1, 2, 1)), np.tile(levels[:_BAND], (1, 2, 1))])
    return np.maximum(levels, 0).astype(np.uint8), np.maximum(-levels, 0).astype(np.uint8)


def _add_noise(pixels: Pixels, strength: float, rng: np.random.Generator) -> None:
    """Adds noise of ``strength`` grey levels: one tile, shifted and mirrored at random, repeated."""
    down, right = rng.integers(0, _TILE, 2).tolist()
    upwards, mirrored = int(rng.choice([-1, 1])) < 0, int(rng.choice([-1, 1])) < 0
    if compiler() is not None:
        from lightemma.simulation.render import camera_rows

        first, step = (-1 - down, -1) if upwards else (-down, 1)
        camera_rows.add_noise(
            pixels, _noise(strength, mirrored), first % _TILE, (right if mirrored else -right) % _TILE, step
        )
        return
    brighter, darker = _noise_levels(strength, mirrored)
    first = right if mirrored else _TILE - right
    for top in range(0, pixels.shape[0], _BAND):
        if upwards:
            # The band ends with this row, and is taken from its end.
            final = (_TILE - 1 - down - top) % _TILE
            final += 0 if final >= _BAND - 1 else _TILE
            rows = slice(final, final - _BAND if final >= _BAND else None, -1)
        else:
            begin = (top - down) % _TILE
            rows = slice(begin, begin + _BAND)
        adds, takes = brighter[rows], darker[rows]
        for column in range(0, pixels.shape[1], _TILE):
            part = pixels[top : top + _BAND, column : column + _TILE]
            here = slice(part.shape[0]), slice(first, first + part.shape[1])
            # Never beyond black and white, in single bytes.
            part += np.minimum(adds[here], ~part)
            part -= np.minimum(takes[here], part)


def _add_rain(pixels: Pixels, rng: np.random.Generator) -> None:
    """Adds faint slanted streaks."""
    from PIL import Image as Pictures
    from PIL import ImageDraw

    height, width = pixels.shape[:2]
    layer = Pictures.new("L", (width, height), 0)
    draw = ImageDraw.Draw(layer)
    scale = width / 1600
    line = draw.draw.draw_lines
    for x, y, long, bright in rng.uniform((0, -0.1, 25, 14), (1, 1, 95, 46), (240, 4)).tolist():
        column, row = x * width, y * height
        ends = (column, row, column - 0.07 * long * scale, row + long * scale)
        line(ends, int(bright), max(1, round(1.6 * scale)))
    levels = _softened(layer, 0.9 * scale)
    if compiler() is not None:
        from lightemma.simulation.render import camera_rows

        camera_rows.blend(pixels, levels, _RAIN)
        return
    shares, every = levels.reshape(-1), pixels.reshape(-1, 3)
    wet = np.flatnonzero(shares != 0)
    shares = shares.take(wet)
    mixed = every.take(wet, axis=0) * (255 - shares.astype(np.uint16))[:, None]
    tints = np.arange(256, dtype=np.uint16)[:, None] * _RAIN
    mixed += (tints + np.uint16(128)).take(shares, axis=0)
    # Divided by 255, rounded, as Pillow does it.
    every[wet] = ((mixed >> np.uint16(8)) + mixed) >> np.uint16(8)


def _softened(layer: Image, radius: float) -> Pixels:
    """(h, w) a layer of levels below 64 after a Gaussian blur as Pillow does it, with its three box filters in one."""
    from PIL import ImageFilter

    # Half the length of a box beyond its middle (Gwosdek et al. 2011).
    half = (math.sqrt(4 * radius**2 + 1) - 1) / 2
    if half >= 1.0:
        return np.array(layer.filter(ImageFilter.GaussianBlur(radius)))
    box = np.array([half, 1.0, half]) / (1 + 2 * half)
    weights = np.convolve(np.convolve(box, box), box)[3:]
    # Whole numbers of 16 bits: the first sums are multiples of 1/256, the second of 1/1024.
    across, down = (np.rint(weights * parts).astype(np.uint16) for parts in (256, 64))
    if compiler() is not None:
        from lightemma.simulation.render import camera_rows

        return camera_rows.soften(np.asarray(layer), across, down)
    # Beyond the edges there is nothing.
    levels = np.pad(np.asarray(layer), 3)
    soft = np.empty((layer.height, layer.width), dtype=np.uint8)
    for top in range(0, layer.height, _BAND):
        band = levels[top : top + _BAND + 6].astype(np.uint16)
        wide = (_mixed(band.T, across).T + np.uint16(8)) >> np.uint16(4)
        soft[top : top + _BAND] = (_mixed(wide, down) + np.uint16(512)) >> np.uint16(10)
    return soft


def _mixed(levels: npt.NDArray[np.uint16], weights: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
    """(h - 6, w) each row of (h, w) with the three at each side, by (4,) whole weights."""
    middle, *others = weights
    height = len(levels) - 6
    mixed: npt.NDArray[np.uint16] = levels[3:-3] * middle
    for away, weight in enumerate(others, start=1):
        if weight:
            mixed += (levels[3 - away :][:height] + levels[3 + away :][:height]) * weight
    return mixed
