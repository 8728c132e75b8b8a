"""What a real camera adds to a clean picture: a little blur, sensor noise, darker corners, rain before the lens, JPEG."""

from __future__ import annotations

import io
import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lightemma.errors import UserError
from lightemma.frame import FloatArray
from lightemma.simulation.render.base import Pixels
from lightemma.simulation.render.palettes import Look

if TYPE_CHECKING:
    from PIL.Image import Image

_TILE = 512


def as_taken(pixels: Pixels, look: Look, seed: int) -> Pixels:
    """The picture as a camera would have taken it; the same seed gives the same bytes.

    Args:
        pixels: (h, w, 3) a clean picture.
        look: light and weather; there is more noise in the dark, and streaks in rain.
        seed: of noise and rain.
    """
    from PIL import Image

    rng = np.random.default_rng([seed, 9])
    # A lens spreads a point over a little more than a pixel of the full size.
    blurred = _spread(pixels, 5 if pixels.shape[1] > 1100 else 9)
    if look.wet >= 1.0:
        blurred = np.asarray(_with_rain(Image.fromarray(blurred), rng))
    return _with_noise(blurred, 2.4 if look.lamps > 0 else 1.4, rng)


def _spread(pixels: Pixels, core: int) -> Pixels:
    """Each pixel mixed with its eight neighbours by the weights 1, core, 1 both ways; the picture's edge stays as it is."""
    wide = pixels.astype(np.uint16)
    rows = wide[:, 1:-1] * np.uint16(core)
    rows += wide[:, :-2]
    rows += wide[:, 2:]
    sums = rows[1:-1] * np.uint16(core)
    sums += rows[:-2]
    sums += rows[2:]
    whole = (core + 2) ** 2
    sums += np.uint16(whole // 2)
    sums //= np.uint16(whole)
    spread = pixels.copy()
    spread[1:-1, 1:-1] = sums
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


@lru_cache(maxsize=2)
def _noise_levels(strength: float) -> npt.NDArray[np.int16]:
    """(512, 512, 3) the tile in grey levels."""
    levels: npt.NDArray[np.int16] = np.rint(_noise_tile() * (strength / 16)).astype(np.int16)
    return levels


def _with_noise(pixels: Pixels, strength: float, rng: np.random.Generator) -> Pixels:
    """The picture with noise of ``strength`` grey levels: one tile, shifted and mirrored at random, repeated."""
    tile = np.roll(_noise_levels(strength), tuple(rng.integers(0, _TILE, 2)), axis=(0, 1))
    levels = tile[:: int(rng.choice([-1, 1])), :: int(rng.choice([-1, 1]))]
    noisy = pixels.astype(np.int16)
    for row in range(0, noisy.shape[0], _TILE):
        for column in range(0, noisy.shape[1], _TILE):
            part = noisy[row : row + _TILE, column : column + _TILE]
            part += levels[: part.shape[0], : part.shape[1]]
    return np.clip(noisy, 0, 255).astype(np.uint8)


def _with_rain(image: Image, rng: np.random.Generator) -> Image:
    """The picture, changed, with faint slanted streaks."""
    from PIL import Image as Pictures
    from PIL import ImageDraw

    width, height = image.size
    layer = Pictures.new("L", image.size, 0)
    draw = ImageDraw.Draw(layer)
    scale = width / 1600
    for x, y, long, bright in rng.uniform((0, -0.1, 25, 14), (1, 1, 95, 46), (240, 4)):
        start = (x * width, y * height)
        draw.line(
            [start, (start[0] - 0.07 * long * scale, start[1] + long * scale)],
            fill=int(bright),
            width=max(1, round(1.6 * scale)),
        )
    streaks = Pictures.new("RGB", image.size, (214, 220, 226))
    image.paste(streaks, (0, 0), _softened(layer, 0.9 * scale))
    return image


def _softened(layer: Image, radius: float) -> Image:
    """A layer of levels below 64 after a Gaussian blur as Pillow does it, by three box filters, but with all three in one."""
    from PIL import Image as Pictures
    from PIL import ImageFilter

    # Half the length of a box beyond its middle (Gwosdek et al. 2011).
    half = (math.sqrt(4 * radius**2 + 1) - 1) / 2
    if half >= 1.0:
        return layer.filter(ImageFilter.GaussianBlur(radius))
    box = np.array([half, 1.0, half]) / (1 + 2 * half)
    weights = np.convolve(np.convolve(box, box), box)[3:]
    levels = np.asarray(layer).astype(np.uint16)
    # Whole numbers of 16 bits: the first sums are multiples of 1/256, the second of 1/1024.
    across = (_mixed(levels, np.rint(weights * 256)) + np.uint16(8)) >> np.uint16(4)
    both = (_mixed(across.T, np.rint(weights * 64)).T + np.uint16(512)) >> np.uint16(10)
    return Pictures.fromarray(both.astype(np.uint8))


def _mixed(levels: npt.NDArray[np.uint16], weights: FloatArray) -> npt.NDArray[np.uint16]:
    """Each column of (h, w) with the three at each side, by (4,) whole weights; beyond the edges there is nothing."""
    middle, *others = weights.astype(np.uint16)
    mixed: npt.NDArray[np.uint16] = levels * middle
    for away, weight in enumerate(others, start=1):
        if weight:
            part = levels * weight
            mixed[:, away:] += part[:, :-away]
            mixed[:, :-away] += part[:, away:]
    return mixed
