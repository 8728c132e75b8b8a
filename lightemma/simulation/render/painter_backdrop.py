"""The painter's sky and bare ground, and the effects on the ground: haze, the sheen of rain, the ego's beams."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from lightemma.camera import rotation_matrix, times
from lightemma.frame import Camera, FloatArray
from lightemma.simulation.render.base import Pixels
from lightemma.simulation.render.palettes import Look, shown

if TYPE_CHECKING:
    from PIL.Image import Image


Box = tuple[int, int, int, int]
"""Pixels: the left, the upper, the right and the lower edge of a part of a picture."""


@dataclass(frozen=True, slots=True)
class Mask:
    """Where and how much something is blended in: the levels 0 … 255 of a part of the picture, and its edges there."""

    levels: Image
    box: Box


@dataclass(frozen=True, slots=True)
class Backdrop:
    """What depends on camera and weather only.

    Attributes:
        spots: (h * fine, w * fine, 4) sky over bare ground, without haze on the ground, several spots a pixel. The fourth
            byte of each spot is full, because it is flat.
        haze: how much of each ground pixel is haze, or the sky that a wet ground mirrors, which has the same colour.
        sky: a picture of that colour, as large as the haze.
        beam: how bright the ego's head lamps make the ground; None where they are off.
    """

    spots: Pixels
    haze: Mask | None
    sky: Image | None
    beam: Mask | None


@dataclass(frozen=True, slots=True)
class _Asked:
    """What decides a backdrop: equal ones give equal backdrops. Cities of one weather differ only in where their sun is."""

    key: tuple[object, ...]
    camera: Camera = field(compare=False)
    look: Look = field(compare=False)
    ground: FloatArray = field(compare=False)
    fine: int


def backdrop(camera: Camera, look: Look, ground: FloatArray, fine: int) -> Backdrop:
    """Sky and ground of a camera; ``ground`` is (3,) of linear colour, ``fine`` the spots a pixel along each side."""
    arrays = (camera.intrinsic, camera.rotation, camera.translation, ground)
    light = [getattr(look, each.name) for each in fields(look) if each.name != "sun"]
    key = (camera.size, *(each.tobytes() for each in arrays), float(look.sun[2]), *light)
    return _backdrop(_Asked(key, camera, look, ground, fine))


# Every weather has two kinds of ground.
@lru_cache(maxsize=8)
def _backdrop(asked: _Asked) -> Backdrop:
    from PIL import Image

    camera, look, ground, fine = asked.camera, asked.look, asked.ground, asked.fine
    assert camera.size is not None
    width, height = camera.size
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float64), np.arange(height, dtype=np.float64))
    pixels = np.column_stack([columns.ravel(), rows.ravel(), np.ones(width * height)])
    inverse: FloatArray = np.linalg.inv(camera.intrinsic).astype(np.float64, copy=False)
    rays = times(times(pixels, inverse.T), rotation_matrix(camera.rotation).T)
    rays /= np.sqrt(np.sum(rays**2, axis=1, keepdims=True))
    above, below = rays[:, 2] > 0, np.flatnonzero(rays[:, 2] < 0)
    share = np.sqrt(np.clip(rays[above, 2:] * 1.25, 0.0, 1.0))
    low, high = np.array(look.sky_low), np.array(look.sky_high)
    lit = ground * (np.array(look.above) + np.array(look.sunlight) * look.sun[2])
    bytes_shown = np.full((width * height, 4), 255, dtype=np.uint8)
    bytes_shown[:, :3] = as_bytes(shown(lit, look.exposure))
    bytes_shown[above, :3] = as_bytes(shown(low + (high - low) * share, look.exposure))

    x, y, down = rays[below, 0], rays[below, 1], -rays[below, 2]
    distance = camera.translation[2] / np.maximum(down, 1e-6)
    haze = 1.0 - np.exp(-distance / look.haze)
    if look.wet > 0:
        sheen = 0.6 * look.wet * (0.05 + 0.95 * (1.0 - np.clip(down, 0, 1)) ** 5)
        haze = 1.0 - (1.0 - haze) * (1.0 - sheen)
    beam = None
    if look.lamps > 0:
        ahead = x / np.maximum(down, 1e-6) * camera.translation[2] + camera.translation[0] - 3.4
        aside = y / np.maximum(down, 1e-6) * camera.translation[2]
        beam = np.exp(-((aside / np.maximum(ahead, 1.0)) ** 2) * 9) / (1 + 0.002 * np.clip(ahead, 0, 1e3) ** 2)
        beam = np.where(ahead > 0, beam * np.clip((ahead - 1.5) / 7.5, 0, 1), 0.0)

    def mask(values: FloatArray | None) -> Mask | None:
        if values is None:
            return None
        levels = np.zeros(width * height, dtype=np.uint8)
        levels[below] = np.rint(values * 255)
        whole = Image.fromarray(levels.reshape(height, width))
        box = whole.getbbox()
        if box is None:
            return None
        return Mask(whole.crop(box), box)

    spots = bytes_shown.reshape(height, width, 4).repeat(fine, axis=0).repeat(fine, axis=1)
    hazy = mask(haze)
    # Pillow blends a picture in in half the time that it takes for a colour.
    colour = tuple(as_bytes(shown(low[None], look.exposure))[0].tolist())
    sky = None if hazy is None else Image.new("RGB", hazy.levels.size, colour)
    return Backdrop(spots, hazy, sky, mask(beam))


def as_bytes(colours: FloatArray) -> Pixels:
    """Shown colours as bytes."""
    rounded: Pixels = np.clip(np.rint(colours * 255), 0, 255).astype(np.uint8)
    return rounded
