"""One picture while it is painted: faces from far to near, haze over the ground, and the glow of lamps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lightemma.camera import to_camera
from lightemma.frame import FloatArray
from lightemma.simulation.render.base import Pixels
from lightemma.simulation.render.meshes.mesh import Layer, turned
from lightemma.simulation.render.meshes.scene import PlacedHalos
from lightemma.simulation.render.painter_backdrop import Backdrop, Mask, as_bytes
from lightemma.simulation.render.painter_faces import Eye, Places
from lightemma.simulation.render.painter_hidden import in_picture
from lightemma.simulation.render.painter_layers import paint_polygons
from lightemma.simulation.render.painter_spots import FINE, Sheets
from lightemma.simulation.render.painter_view import NEAR, View, cut_to_view, flat_spots, lit
from lightemma.simulation.render.palettes import Look

if TYPE_CHECKING:
    from PIL.Image import Image

_POOL = ((11.0, 30), (8.5, 55), (6.5, 85), (4.5, 115), (2.5, 140))
"""Metres from the foot of a lamp, and how bright the ground within them is, 0 … 255."""


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
        solid, thin = spots.drawn_on(blend=False), spots.drawn_on(blend=True)
        paint_polygons(solid, view, self._camera, inks[:shady])
        shade: int = thin.draw_ink((0, 0, 0, 48))
        paint_polygons(thin, view, self._camera, [shade] * (stands - shady), shady)
        paint_polygons(solid, view, self._camera, inks[stands:], stands)

    def _blend(self, other: Image, mask: Mask) -> None:
        """Blends another picture in, where the ground is seen."""
        from PIL import ImageChops

        seen = ImageChops.multiply(mask.levels, self._flat.crop(mask.box))
        # Not `Image.paste`, which would first copy memory that is shared.
        self._sheets.pixels.image.im.paste(other.im, mask.box, seen.im)

    def _light_pools(self, lamps: FloatArray) -> None:
        """Brightens the ground under the street lamps and before the ego's head lamps."""
        from PIL import Image as Pictures
        from PIL import ImageDraw, ImageFilter

        # The pools are soft, so a quarter of the pixels will do.
        coarse, margin = 2, 3
        pools = Pictures.new("L", (self._size[0] // coarse, self._size[1] // coarse), 0)
        draw = ImageDraw.Draw(pools)
        near = lamps[np.linalg.norm(lamps - (self._ego.x, self._ego.y), axis=1) < 90.0]
        angles = np.arange(14) * (2 * np.pi / 14)
        ring = np.column_stack([np.cos(angles), np.sin(angles), np.zeros(14)])
        # Every ring of all lamps before the next brighter one, so that no lamp darkens its neighbour's pool.
        radii = np.array([radius for radius, _ in _POOL])
        centres = np.column_stack([near, np.zeros(len(near))])
        rings = centres + radii[:, None, None, None] * ring[:, None]
        pixels, depth = in_picture(self._eye, rings.transpose(0, 2, 1, 3).reshape(-1, 3).T)
        spots = np.floor((pixels.T + 0.5) * FINE).reshape(-1, 28) / (coarse * FINE)
        whole = (depth.reshape(-1, 14).min(axis=1) > NEAR) & np.all(np.abs(spots) < 16 * max(pools.size), axis=1)
        levels = np.repeat([level for _, level in _POOL], len(near)).tolist()
        for index, (corners, simple, level) in enumerate(zip(spots.tolist(), whole.tolist(), levels, strict=True)):
            if simple:
                draw.polygon(corners, fill=level)
                continue
            centre = turned(centres[None, index % len(near)] - (self._ego.x, self._ego.y, 0.0), -self._ego.heading)
            whole_ring = to_camera(centre + ring * radii[index // len(near)], self._camera)
            part = cut_to_view(whole_ring.tolist(), self._camera)
            if len(part) > 2:
                cut = flat_spots(part, self._camera, FINE)
                draw.polygon([spot / (coarse * FINE) for spot in cut], fill=level)
        soft = pools.filter(ImageFilter.GaussianBlur(3))
        box = soft.getbbox()
        if box is not None:
            left, top = max(box[0] - margin, 0), max(box[1] - margin, 0)
            right, bottom = min(box[2] + margin, pools.size[0]), min(box[3] + margin, pools.size[1])
            large = (left * coarse, top * coarse, right * coarse, bottom * coarse)
            levels_there = soft.crop((left, top, right, bottom)).resize(
                ((right - left) * coarse, (bottom - top) * coarse), Pictures.Resampling.BILINEAR
            )
            self._blend(self._brighter((2.1, 1.75, 1.35), large), Mask(levels_there, large))
        beam = self._behind.beam
        if beam is not None:
            self._blend(self._brighter((2.4, 2.2, 1.9), beam.box), beam)

    def _brighter(self, gains: tuple[float, float, float], box: tuple[int, int, int, int]) -> Image:
        """A part of the picture with its red, green and blue multiplied."""
        levels = [min(int(level * gain), 255) for gain in gains for level in range(256)]
        brighter: Image = self._sheets.pixels.image.crop(box).point(levels)
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


def _inks(colours: Pixels, stands: int) -> list[int]:
    """Colours (v, 3) as Pillow keeps them: four bytes in a row, the last of them full for what is flat, before ``stands``."""
    inks = np.full((len(colours), 4), 255, dtype=np.uint8)
    inks[:, :3] = colours
    inks[stands:, 3] = 0
    whole: list[int] = inks.view(np.int32)[:, 0].tolist()
    return whole
