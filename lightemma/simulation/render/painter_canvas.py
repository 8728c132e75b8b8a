"""One picture while it is painted: faces from far to near, haze over the ground, and the glow of lamps."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lightemma.frame import FloatArray
from lightemma.simulation.render.base import Pixels
from lightemma.simulation.render.compiled import compiler
from lightemma.simulation.render.meshes.mesh import Layer
from lightemma.simulation.render.meshes.scene import PlacedHalos
from lightemma.simulation.render.painter_backdrop import Backdrop, Box, Mask, as_bytes
from lightemma.simulation.render.painter_faces import Eye, Places
from lightemma.simulation.render.painter_hidden import in_picture
from lightemma.simulation.render.painter_polygons import cut_spots, outlines, paint_polygons
from lightemma.simulation.render.painter_spots import FINE, Sheets
from lightemma.simulation.render.painter_view import View, lit
from lightemma.simulation.render.palettes import Look

if TYPE_CHECKING:
    from PIL.Image import Image

_POOL = ((11.0, 30), (8.5, 55), (6.5, 85), (4.5, 115), (2.5, 140))
"""Metres from the foot of a lamp, and how bright the ground within them is, 0 … 255."""


_COARSE = 2
"""Pixels along a side of what one level of the pools of light stands for."""

_SOFT = 3
"""Of these, the standard deviation of their blur."""

_SHADE = 48
"""Of 255: how dark one layer of the shadow under a thing is."""


class Canvas:
    """One picture while it is painted.

    The canvas has several spots a pixel, and a fourth byte that is full where something flat is seen and 0 where something
    stands before it. So the light on the ground and the haze over it can wait until the spots are pixels.
    """

    def __init__(self, behind: Backdrop, eye: Eye, look: Look, sheets: Sheets) -> None:
        camera = eye.camera
        assert camera.size is not None
        self._behind, self._camera, self._look, self._ego, self._sheets = behind, camera, look, eye.ego, sheets
        self._eye = eye
        self._size = camera.size

    def paint(
        self, view: View | None, street: FloatArray | None, lamps: FloatArray, groups: list[PlacedHalos]
    ) -> Pixels:
        """(h, w, 3) the picture.

        Args:
            view: the faces.
            street: (v,) light of street lamps, where those are lit.
            lamps: (l, 2) metres, world frame.
            groups: what glows.
        """
        from PIL import Image as Pictures

        np.copyto(self._sheets.spots.levels, self._behind.spots)
        if view is not None:
            self._paint_faces(view, street)
        self._sheets.average()
        # Whatever is blended in changes the fourth byte.
        self._flat = Pictures.fromarray(np.ascontiguousarray(self._sheets.pixels.levels[:, :, 3]))
        if self._look.lamps > 0:
            self._light_pools(lamps)
        haze, sky = self._behind.haze, self._behind.sky
        if haze is not None and sky is not None:
            self._blend(sky, haze)
        self._glow(groups)
        return np.asarray(self._sheets.pixels.image)

    def _paint_faces(self, view: View, street: FloatArray | None) -> None:
        layers = view.faces.layers[view.order]
        shady = int(np.searchsorted(layers, int(Layer.SHADOW), side="left"))
        stands = int(np.searchsorted(layers, int(Layer.SHADOW), side="right"))
        inks = _inks(as_bytes(lit(view, self._eye, self._look, street)), stands)
        spots = self._sheets.spots
        if compiler() is not None:
            from lightemma.simulation.render.painter_rows import fill, shade

            points, begins, ends = outlines(view, self._camera)
            numbers = spots.levels.view(np.int32)[:, :, 0]
            fill(numbers, points, begins[:shady], ends[:shady], inks[:shady])
            shade(spots.levels, points, begins[shady:stands], ends[shady:stands], _shades())
            fill(numbers, points, begins[stands:], ends[stands:], inks[stands:])
            return
        solid, thin = spots.drawn_on(blend=False), spots.drawn_on(blend=True)
        paint_polygons(solid, view, self._camera, inks[:shady].tolist())
        shade_ink: int = thin.draw_ink((0, 0, 0, _SHADE))
        paint_polygons(thin, view, self._camera, [shade_ink] * (stands - shady), shady)
        paint_polygons(solid, view, self._camera, inks[stands:].tolist(), stands)

    def _blend(self, other: Image, mask: Mask) -> None:
        """Blends another picture in, where the ground is seen."""
        from PIL import ImageChops

        seen = ImageChops.multiply(mask.levels, self._flat.crop(mask.box))
        # Not `Image.paste`, which would first copy memory that is shared.
        self._sheets.pixels.image.im.paste(other.im, mask.box, seen.im)

    def _light_pools(self, lamps: FloatArray) -> None:
        """Brightens the ground under the street lamps and before the ego's head lamps."""
        from PIL import Image as Pictures
        from PIL import ImageFilter

        pools = self._pools(lamps)
        lit = pools.getbbox()
        if lit is not None:
            # What is farther than the blur reaches stays dark.
            whole = _grown(lit, _SOFT * 4, pools.size)
            soft = pools.crop(whole).filter(ImageFilter.GaussianBlur(_SOFT))
            left, top, right, bottom = _grown(soft.getbbox() or (0, 0, *soft.size), _SOFT, soft.size)
            large = tuple(_COARSE * (edge + whole[at % 2]) for at, edge in enumerate((left, top, right, bottom)))
            levels_there = soft.crop((left, top, right, bottom)).resize(
                ((right - left) * _COARSE, (bottom - top) * _COARSE), Pictures.Resampling.BILINEAR
            )
            box = (large[0], large[1], large[2], large[3])
            self._blend(self._brighter((2.1, 1.75, 1.35), box), Mask(levels_there, box))
        beam = self._behind.beam
        if beam is not None:
            self._blend(self._brighter((2.4, 2.2, 1.9), beam.box), beam)

    def _pools(self, lamps: FloatArray) -> Image:
        """How bright the street lamps make the ground, 0 … 255; a quarter of the pixels, since it is made soft afterwards."""
        from PIL import Image as Pictures
        from PIL import ImageDraw

        near = lamps[np.linalg.norm(lamps - (self._ego.x, self._ego.y), axis=1) < 90.0]
        angles = np.arange(14) * (2 * np.pi / 14)
        ring = np.column_stack([np.cos(angles), np.sin(angles), np.zeros(14)])
        # Every ring of all lamps before the next brighter one, so that no lamp darkens its neighbour's pool.
        radii = np.array([radius for radius, _ in _POOL])
        centres = np.column_stack([near, np.zeros(len(near))])
        rings = centres + radii[:, None, None, None] * ring[:, None]
        x, y, z = rings.transpose(0, 2, 1, 3).reshape(-1, 3).T - self._eye.place[:, None]
        seen = np.stack([a * x + b * y + c * z for a, b, c in self._eye.turn.tolist()])
        levels = np.repeat([level for _, level in _POOL], len(near))
        begins = np.arange(len(levels)) * len(angles)
        spots, many = cut_spots(seen, begins, begins + len(angles), self._camera, FINE)
        size = self._size[0] // _COARSE, self._size[1] // _COARSE
        spots, ends = np.trunc(spots / (_COARSE * FINE)), np.cumsum(many)
        if compiler() is not None:
            from lightemma.simulation.render.painter_rows import fill

            lit = np.zeros(size[::-1], dtype=np.int32)
            fill(lit, spots, ends - many, ends, levels.astype(np.int32))
            return Pictures.fromarray(lit.astype(np.uint8))
        pools = Pictures.new("L", size, 0)
        draw = ImageDraw.Draw(pools)
        for begin, end, level in zip((ends - many).tolist(), ends.tolist(), levels.tolist(), strict=True):
            if end > begin:
                draw.polygon(spots[begin:end].ravel().tolist(), fill=level)
        return pools

    def _brighter(self, gains: tuple[float, float, float], box: Box) -> Image:
        """A part of the picture with its red, green and blue multiplied."""
        brighter: Image = self._sheets.pixels.image.crop(box).point(_multiplied(gains))
        return brighter

    def _glow(self, groups: list[PlacedHalos]) -> None:
        """Rings of light around lamps, and their streaks on a wet road."""
        look, eye = self._look, self._eye
        halos = [halo for group in groups for halo in group.halos]
        if not halos:
            return
        many = [len(group.halos) for group in groups]
        places = Places.of([(group.pose, group.height) for group in groups])
        at = places.chosen(np.repeat(np.arange(len(groups)), many)).moved(np.array([halo.place for halo in halos]).T)
        to_eye = eye.place[:, None] - at
        far = np.sqrt(np.sum(to_eye**2, axis=0))
        strength = np.array([halo.strength for halo in halos]) * np.exp(-far / (2.2 * look.haze))
        headings = np.repeat([group.pose.heading for group in groups], many)
        bearings = headings + [halo.facing or 0.0 for halo in halos]
        facing = (to_eye[0] * np.cos(bearings) + to_eye[1] * np.sin(bearings)) / np.maximum(far, 0.1)
        everywhere = [halo.facing is None for halo in halos]
        strength *= np.where(everywhere, 1.0, np.maximum(facing, 0.0) ** 1.5)
        pixels, depth = in_picture(eye, at)
        feet, _ = in_picture(eye, at * np.array([[1.0], [1.0], [0.0]]))
        focal = float(self._camera.intrinsic[0, 0])
        thin = self._sheets.pixels.drawn_on(blend=True)
        ellipse, ink = thin.draw_ellipse, thin.draw_ink
        for index in np.flatnonzero((depth >= 1.0) & (strength >= 0.03) & (far <= 150)).tolist():
            column, row = (pixels[:, index] + 0.25).tolist()
            bright = float(strength[index])
            radius = halos[index].radius * focal / float(depth[index])
            tint = tuple(int(255 * value) for value in halos[index].colour)
            if look.wet >= 1.0:
                foot = float(feet[1, index]) + 0.25
                streak = (
                    column - radius * 0.22,
                    foot,
                    column + radius * 0.22,
                    foot + min(radius * 3, self._size[1] * 0.2),
                )
                thin.draw_rectangle(streak, ink((*tint, int(52 * min(bright, 1)))), 1)
            for share, alpha in ((1.0, 12), (0.7, 22), (0.45, 44), (0.25, 90)):
                reach = radius * share
                bounds = (column - reach, row - reach, column + reach, row + reach)
                ellipse(bounds, ink((*tint, min(int(alpha * bright), 255))), 1)


def _inks(colours: Pixels, stands: int) -> npt.NDArray[np.int32]:
    """(v,) colours (v, 3) as four bytes in a row, the last of them full for what is flat, which is before ``stands``."""
    inks = np.full((len(colours), 4), 255, dtype=np.uint8)
    inks[:, :3] = colours
    inks[stands:, 3] = 0
    whole: npt.NDArray[np.int32] = inks.view(np.int32)[:, 0]
    return whole


@cache
def _shades() -> Pixels:
    """(256,) what becomes of each level in a shadow, rounded as Pillow rounds."""
    levels = np.arange(256) * (255 - _SHADE) + 128
    return ((levels // 256 + levels) // 256).astype(np.uint8)


@cache
def _multiplied(gains: tuple[float, float, float]) -> list[int]:
    """(768,) what becomes of each level of red, then of green and of blue."""
    return [min(int(level * gain), 255) for gain in gains for level in range(256)]


def _grown(box: Box, by: int, size: tuple[int, int]) -> Box:
    """A box that reaches farther to all sides, within a picture of this size."""
    left, top, right, bottom = box
    return max(left - by, 0), max(top - by, 0), min(right + by, size[0]), min(bottom + by, size[1])
