"""The renderer that runs anywhere: Pillow, coloured faces, haze, painter's algorithm."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from lightemma.frame import Camera, FloatArray
from lightemma.simulation.render.base import GROUND, SCENERY, Layers, Pixels, Renderer, RenderError
from lightemma.simulation.render.camera_effects import as_taken
from lightemma.simulation.render.meshes.ground import ground_colour
from lightemma.simulation.render.meshes.mesh import IntArray, Layer, Mesh, Surface
from lightemma.simulation.render.meshes.scene import (
    Placed,
    PlacedHalos,
    city_halos,
    city_mesh,
    placed_things,
    shape_of,
)
from lightemma.simulation.render.meshes.shapes import Outfit, Shape
from lightemma.simulation.render.painter_backdrop import Backdrop, backdrop
from lightemma.simulation.render.painter_canvas import Canvas
from lightemma.simulation.render.painter_layers import paint_layers
from lightemma.simulation.render.painter_view import shape_reach, view_edges
from lightemma.simulation.render.palettes import linear, look_of
from lightemma.simulation.render.pinhole import drawn_at
from lightemma.simulation.render.street_light import lamp_heads, street_light
from lightemma.simulation.state import City, WorldState

_FARTHEST = 190.0
_FINE_NEARER = 28.0
#: Metres outside the view at which neither a thing nor the glow of its lamps reaches into the picture.
_HALO_REACH = 15.0


class PainterRenderer(Renderer):
    """Paints faces from far to near: no shadows and no mirrors, but the same shapes, light and weather."""

    def __init__(self) -> None:
        self._city: City | None = None

    @property
    def name(self) -> str:
        """``painter``."""
        return "painter"

    @property
    def details(self) -> dict[str, str]:
        """The version of Pillow, which fills the polygons."""
        import PIL

        return {"pillow": str(PIL.__version__)}

    def load(self, city: City) -> None:
        """Loads a city."""
        self._city = city
        self._look = look_of(city.conditions, city.seed)
        mesh = city_mesh(city, self._look, fine=False)
        self._static = mesh.chosen(np.flatnonzero(mesh.layers != Layer.GROUND))
        self._reach = self._reaches(self._static)
        #: The same with the faces that turn to the camera, and a margin for rounding.
        upright = np.linalg.norm(self._static.upright, axis=1)
        self._extent = self._reach + 0.01
        if len(upright):
            self._extent += np.maximum.reduceat(upright, self._static.starts)
        self._ground = linear(np.array(ground_colour(city)))
        self._lights = street_light(city) if self._look.lamps > 0 else None
        self._heads = lamp_heads(city)
        self._street_lamps = city_halos(city, self._look)
        self._shapes: dict[object, Shape] = {}
        self._backdrops: dict[tuple[object, ...], Backdrop] = {}

    @staticmethod
    def _reaches(mesh: Mesh) -> FloatArray:
        """(f,) metres from a face's anchor to its farthest corner, so that large faces are not lost."""
        corner = np.linalg.norm(mesh.corners - np.repeat(mesh.anchors, mesh.counts, axis=0), axis=1)
        return np.maximum.reduceat(corner, mesh.starts) if len(corner) else corner

    def draw(self, state: WorldState, camera: Camera, size: tuple[int, int], seed: int) -> Pixels:
        """The picture of a moment; see :meth:`Renderer.draw`."""
        camera = drawn_at(camera, size)
        mesh, _, glowing = self._scene(state, camera)
        canvas = Canvas(self._backdrop(camera), camera, self._look, state.ego.pose, 2)
        street = None if self._lights is None else self._lights.at(mesh.anchors[:, :2])
        canvas.paint(mesh, street, self._heads)
        canvas.glow(glowing)
        return as_taken(canvas.pixels(), self._look, seed)

    def layers(self, state: WorldState, camera: Camera, size: tuple[int, int]) -> Layers:
        """Depth and identity of every pixel, by the same faces in the same order; see :meth:`Renderer.layers`."""
        camera = drawn_at(camera, size)
        mesh, owners, _ = self._scene(state, camera)
        return paint_layers(mesh, owners, camera, state.ego.pose)

    def _scene(self, state: WorldState, camera: Camera) -> tuple[Mesh, IntArray, list[PlacedHalos]]:
        """The faces that may be seen, in the world frame, whose each is, and what glows.

        Raises:
            RenderError: if no city was loaded.
        """
        city = self._city
        if city is None:
            raise RenderError("no city was loaded.")
        ego = state.ego.pose
        ahead = np.array([math.cos(ego.heading), math.sin(ego.heading)])
        away = self._static.anchors[:, :2] - (ego.x, ego.y)
        far = np.linalg.norm(away, axis=1)
        edges = view_edges(camera, ego)
        near = (far < _FARTHEST + self._reach) & (away @ ahead > -self._reach)
        near &= edges.by(self._static.anchors) < self._extent
        # Leave out windows and other parts smaller than a pixel; leaves are sized elsewhere.
        near &= (self._static.surfaces == Surface.LEAF) | (2 * self._reach * camera.intrinsic[0, 0] > 1.3 * far)
        parts, glowing = [self._static.chosen(np.flatnonzero(near))], list(self._street_lamps)
        owners = [np.where(parts[0].layers == Layer.STANDING, SCENERY, GROUND)]
        for thing in self._things(city, state):
            out = float(edges.by(np.array([[thing.pose.x, thing.pose.y, thing.height]]))[0])
            if out > _HALO_REACH:
                continue
            shape = self._shape(thing)
            if out < shape_reach(shape.mesh):
                parts.append(shape.mesh.placed(thing.pose, thing.height))
                owners.append(np.full(len(shape.mesh.counts), thing.owner))
            if shape.halos:
                glowing.append(PlacedHalos(thing.pose, thing.height, shape.halos))
        return Mesh.joined(parts), np.concatenate(owners), glowing

    def close(self) -> None:
        """Releases the city."""
        self._city = None

    def _things(self, city: City, state: WorldState) -> list[Placed]:
        """Everything that moves and is near enough, the nearest in fine shapes."""
        ego = state.ego.pose
        kept = []
        for thing in placed_things(city, self._look, state, fine=True):
            far = math.hypot(thing.pose.x - ego.x, thing.pose.y - ego.y)
            if far < _FARTHEST:
                if far > _FINE_NEARER and isinstance(thing.key, Outfit):
                    thing = replace(thing, key=replace(thing.key, fine=False))  # noqa: PLW2901
                kept.append(thing)
        return kept

    def _shape(self, thing: Placed) -> Shape:
        if thing.key not in self._shapes:
            if len(self._shapes) > 600:
                self._shapes.clear()
            self._shapes[thing.key] = shape_of(thing.key)
        return self._shapes[thing.key]

    def _backdrop(self, camera: Camera) -> Backdrop:
        key = (camera.size, camera.intrinsic.tobytes(), camera.rotation.tobytes(), camera.translation.tobytes())
        if key not in self._backdrops:
            if len(self._backdrops) > 4:
                self._backdrops.clear()
            self._backdrops[key] = backdrop(camera, self._look, self._ground)
        return self._backdrops[key]
