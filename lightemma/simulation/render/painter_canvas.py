"""One picture while it is painted: faces from far to near, haze over the ground, and the glow of lamps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from lightemma.camera import project, project_seen, to_camera
from lightemma.frame import Camera, FloatArray, Pose
from lightemma.simulation.render.base import Pixels
from lightemma.simulation.render.meshes.mesh import Layer, Mesh, turned
from lightemma.simulation.render.meshes.scene import PlacedHalos
from lightemma.simulation.render.painter_backdrop import Backdrop, as_bytes
from lightemma.simulation.render.painter_view import cut_to_view, lit, view_of
from lightemma.simulation.render.palettes import Look, shown

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw


class Canvas:
    """One picture while it is painted."""

    def __init__(self, behind: Backdrop, camera: Camera, look: Look, ego: Pose, fine: int) -> None:
        from PIL import Image as Pictures
        from PIL import ImageDraw

        assert camera.size is not None
        self._behind, self._camera, self._look, self._ego, self._fine = behind, camera, look, ego, fine
        self._size = (camera.size[0] * fine, camera.size[1] * fine)
        self._image = behind.picture.resize(self._size, Pictures.Resampling.NEAREST)
        self._solid = ImageDraw.Draw(self._image)
        self._thin = ImageDraw.Draw(self._image, "RGBA")

    def pixels(self) -> Pixels:
        """(h, w, 3) the finished picture."""
        return np.asarray(self._image.reduce(self._fine) if self._fine > 1 else self._image)

    def paint(self, world: Mesh, street: FloatArray | None, lamps: FloatArray) -> None:
        """Paints all faces of a mesh in the world frame; ``street``: (f,) light of street lamps, where those are lit."""
        mesh = world.seen_from(self._ego).standing_up()
        view = view_of(mesh, self._camera)
        if view is None:
            self._lay_haze(lamps)
            return
        extra = None if street is None else street[view.faces]
        fills = [tuple(fill) for fill in as_bytes(lit(view.mesh, self._camera, self._look, self._ego, extra)).tolist()]
        spots = self._spots(view.pixels).ravel().tolist()
        layers = view.mesh.layers
        shady = int(np.searchsorted(layers, int(Layer.SHADOW), side="left"))
        hazy = int(np.searchsorted(layers, int(Layer.SHADOW), side="right"))
        ends = (2 * np.cumsum(view.mesh.counts)).tolist()
        first = 0
        for index, (last, cut) in enumerate(zip(ends, view.cut.tolist(), strict=True)):
            if index == hazy:
                self._lay_haze(lamps)
            draw, fill = (self._thin, (0, 0, 0, 48)) if shady <= index < hazy else (self._solid, fills[index])
            if not cut:
                draw.polygon(spots[first:last], fill=fill)
            else:
                self._polygon(draw, view.seen[first // 2 : last // 2], fill)
            first = last
        if hazy >= len(layers):
            self._lay_haze(lamps)

    def _polygon(self, draw: ImageDraw, seen: FloatArray, fill: tuple[int, ...]) -> None:
        """A face in camera axes that may have to be cut."""
        part = cut_to_view(seen, self._camera)
        if len(part) > 2:
            draw.polygon(self._spots(project_seen(part, self._camera).pixels).ravel().tolist(), fill=fill)

    def _lay_haze(self, lamps: FloatArray) -> None:
        """Adds light of lamps, the sheen of a wet road and haze to everything flat."""
        look = self._look
        if look.lamps > 0:
            self._light_pools(lamps)
        sky = tuple(as_bytes(shown(np.array([look.sky_low]), look.exposure))[0].tolist())
        for mask, wanted in ((self._behind.sheen, look.wet > 0), (self._behind.haze, True)):
            if wanted:
                self._lay(sky, mask)

    def _lay(self, what: Image | tuple[int, ...], mask: Image) -> None:
        """Blends a colour or a picture of the canvas's size into the canvas, by a mask of the backdrop."""
        from PIL import Image as Pictures

        box = mask.getbbox()
        if box is None:
            return
        left, top, right, bottom = (edge * self._fine for edge in box)
        finer = mask.crop(box).resize((right - left, bottom - top), Pictures.Resampling.NEAREST)
        if isinstance(what, tuple):
            self._image.paste(what, (left, top, right, bottom), finer)
        else:
            self._image.paste(what.crop((left, top, right, bottom)), (left, top, right, bottom), finer)

    def _light_pools(self, lamps: FloatArray) -> None:
        """Brightens the ground under the street lamps and before the ego's head lamps."""
        from PIL import Image as Pictures
        from PIL import ImageDraw, ImageFilter

        coarse = 4
        pools = Pictures.new("L", (self._size[0] // coarse, self._size[1] // coarse), 0)
        draw = ImageDraw.Draw(pools)
        angles = np.arange(14) * (2 * np.pi / 14)
        ring = np.column_stack([np.cos(angles), np.sin(angles), np.zeros(14)])
        near = lamps[np.linalg.norm(lamps - (self._ego.x, self._ego.y), axis=1) < 90.0]
        centres = turned(np.column_stack([near - (self._ego.x, self._ego.y), np.zeros(len(near))]), -self._ego.heading)
        # Every ring of all lamps before the next brighter one, so that no lamp darkens its neighbour's pool.
        for radius, level in ((11.0, 30), (8.5, 55), (6.5, 85), (4.5, 115), (2.5, 140)):
            for centre in centres:
                part = cut_to_view(to_camera(centre + ring * radius, self._camera), self._camera)
                if len(part) > 2:
                    spots = self._spots(project_seen(part, self._camera).pixels) / coarse
                    draw.polygon(spots.ravel().tolist(), fill=level)
        soft = pools.filter(ImageFilter.GaussianBlur(3)).resize(self._size, Pictures.Resampling.BILINEAR)
        self._image.paste(self._brighter((2.1, 1.75, 1.35)), (0, 0), soft)
        self._lay(self._brighter((2.4, 2.2, 1.9)), self._behind.beam)

    def _brighter(self, gains: tuple[float, float, float]) -> Image:
        """The picture with its red, green and blue multiplied."""
        return self._image.point([min(int(level * gain), 255) for gain in gains for level in range(256)])

    def glow(self, groups: list[PlacedHalos]) -> None:
        """Rings of light around lamps, and their streaks on a wet road."""
        look = self._look
        for group in groups:
            cos, sin = math.cos(group.pose.heading), math.sin(group.pose.heading)
            for halo in group.halos:
                x, y, z = halo.place
                at = np.array(
                    [
                        [
                            group.pose.x + cos * x - sin * y - self._ego.x,
                            group.pose.y + sin * x + cos * y - self._ego.y,
                            0.0,
                        ]
                    ]
                )
                spot = turned(at, -self._ego.heading) + np.array([0.0, 0.0, group.height + z])
                to_eye = (self._camera.translation - spot)[0]
                far = float(np.linalg.norm(to_eye))
                strength = halo.strength * math.exp(-far / (2.2 * look.haze))
                if halo.facing is not None:
                    bearing = group.pose.heading + halo.facing - self._ego.heading
                    facing = (to_eye[0] * math.cos(bearing) + to_eye[1] * math.sin(bearing)) / max(far, 0.1)
                    strength *= max(facing, 0.0) ** 1.5
                seen = project(spot, self._camera)
                if seen.depth[0] < 1.0 or strength < 0.03 or far > 150:
                    continue
                column, row = self._spots(seen.pixels)[0].tolist()
                radius = halo.radius * float(self._camera.intrinsic[0, 0]) / float(seen.depth[0]) * self._fine
                tint = tuple(int(255 * value) for value in halo.colour)
                if look.wet >= 1.0:
                    foot = self._spots(project(spot * (1, 1, 0), self._camera).pixels)[0][1]
                    streak = (
                        column - radius * 0.22,
                        foot,
                        column + radius * 0.22,
                        foot + min(radius * 3, self._size[1] * 0.2),
                    )
                    self._thin.rectangle(streak, fill=(*tint, int(52 * min(strength, 1))))
                for share, alpha in ((1.0, 12), (0.7, 22), (0.45, 44), (0.25, 90)):
                    reach = radius * share
                    bounds = (column - reach, row - reach, column + reach, row + reach)
                    self._thin.ellipse(bounds, fill=(*tint, min(int(alpha * strength), 255)))

    def _spots(self, pixels: FloatArray) -> FloatArray:
        """Pixel positions on the finer canvas, whole numbers (Pillow would cut off the fraction)."""
        spots: FloatArray = np.floor((pixels + 0.5) * self._fine)
        return spots
