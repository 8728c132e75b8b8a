"""The painter's sky and bare ground, and the effects on the ground: haze, the sheen of rain, the ego's beams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lightemma.camera import rotation_matrix, times
from lightemma.frame import Camera, FloatArray
from lightemma.simulation.render.base import Pixels
from lightemma.simulation.render.palettes import Look, shown

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True, slots=True)
class Backdrop:
    """What depends on camera and weather only.

    Attributes:
        picture: sky over bare ground, without haze on the ground.
        haze: 0 … 255: how much of each ground pixel is haze; 0 in the sky.
        sheen: the same for the sky that a wet ground mirrors.
        beam: how bright the ego's head lamps make the ground.
    """

    picture: Image
    haze: Image
    sheen: Image
    beam: Image


def backdrop(camera: Camera, look: Look, ground: FloatArray) -> Backdrop:
    """Sky and ground of a camera; ``ground`` is (3,) of linear colour."""
    from PIL import Image

    assert camera.size is not None
    width, height = camera.size
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float64), np.arange(height, dtype=np.float64))
    pixels = np.column_stack([columns.ravel(), rows.ravel(), np.ones(width * height)])
    inverse: FloatArray = np.linalg.inv(camera.intrinsic).astype(np.float64, copy=False)
    rays = times(times(pixels, inverse.T), rotation_matrix(camera.rotation).T)
    rays /= np.sqrt(np.sum(rays**2, axis=1, keepdims=True))
    up = rays[:, 2:]
    share = np.sqrt(np.clip(up * 1.25, 0.0, 1.0))
    low, high = np.array(look.sky_low), np.array(look.sky_high)
    sky = low + (high - low) * share
    lit = ground * (np.array(look.above) + np.array(look.sunlight) * look.sun[2])
    colours = np.where(up > 0, sky, lit)
    distance = camera.translation[2] / np.maximum(-up[:, 0], 1e-6)
    haze = np.where(up[:, 0] < 0, 1.0 - np.exp(-distance / look.haze), 0.0)
    edge = 1.0 - np.clip(-up[:, 0], 0, 1)
    sheen = np.where(up[:, 0] < 0, 0.6 * look.wet * (0.05 + 0.95 * edge**5), 0.0)

    ahead = rays[:, 0] / np.maximum(-up[:, 0], 1e-6) * camera.translation[2] + camera.translation[0] - 3.4
    aside = rays[:, 1] / np.maximum(-up[:, 0], 1e-6) * camera.translation[2]
    beam = np.exp(-((aside / np.maximum(ahead, 1.0)) ** 2) * 9) / (1 + 0.002 * np.clip(ahead, 0, 1e3) ** 2)
    beam = np.where((up[:, 0] < 0) & (ahead > 0), beam * np.clip((ahead - 1.5) / 7.5, 0, 1), 0.0)

    def mask(values: FloatArray) -> Image.Image:
        return Image.fromarray(np.rint(values * 255).astype(np.uint8).reshape(height, width))

    picture = Image.fromarray(as_bytes(shown(colours, look.exposure)).reshape(height, width, 3))
    return Backdrop(picture, mask(haze), mask(sheen), mask(beam))


def as_bytes(colours: FloatArray) -> Pixels:
    """Shown colours as bytes."""
    rounded: Pixels = np.clip(np.rint(colours * 255), 0, 255).astype(np.uint8)
    return rounded
