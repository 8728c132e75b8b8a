"""The renderer that runs anywhere: Pillow, coloured faces, haze, painter's algorithm."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from lightemma.frame import Camera, FloatArray
from lightemma.simulation.render.base import GROUND, SCENERY, Layers, Pixels, Renderer, RenderError
from lightemma.simulation.render.camera_effects import as_taken
from lightemma.simulation.render.meshes.ground import ground_colour
from lightemma.simulation.render.meshes.mesh import BoolArray, IntArray, Layer, Surface
from lightemma.simulation.render.meshes.scene import (
    Placed,
    PlacedHalos,
    SignalLook,
    city_halos,
    city_mesh,
    placed_things,
    shape_of,
)
from lightemma.simulation.render.meshes.shapes import Halo, Outfit
from lightemma.simulation.render.painter_backdrop import Backdrop, backdrop
from lightemma.simulation.render.painter_canvas import Canvas
from lightemma.simulation.render.painter_faces import Eye, Faces, Placement, eye_of, faces_of, joined, placed
from lightemma.simulation.render.painter_layers import paint_view
from lightemma.simulation.render.painter_view import beside, view_edges, view_of
from lightemma.simulation.render.palettes import linear, look_of
from lightemma.simulation.render.pinhole import drawn_at
from lightemma.simulation.render.street_light import lamp_heads, street_light
from lightemma.simulation.state import City, WorldState

_FARTHEST = 190.0
_FINE_NEARER = 28.0
#: Metres outside the view at which neither a thing nor the glow of its lamps reaches into the picture.
_HALO_REACH = 15.0
_FINE = 2
"""Spots painted per pixel along each side."""


@dataclass(frozen=True, slots=True)
class _Body:
    """The shape of a thing as the painter takes it, and metres from its origin to its farthest corner, with a margin for rounding."""

    faces: Faces
    halos: tuple[Halo, ...]
    reach: float


@lru_cache(maxsize=600)
def _body(key: Outfit | SignalLook) -> _Body:
    """The shape of everything that looks like this, in whatever city."""
    shape = shape_of(key)
    farthest = np.linalg.norm(shape.mesh.corners, axis=1) + np.linalg.norm(shape.mesh.upright, axis=1)
    return _Body(faces_of(shape.mesh), shape.halos, float(farthest.max(initial=0.0)) + 0.01)


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
        self._static = faces_of(mesh.chosen(np.flatnonzero(mesh.layers != Layer.GROUND)))
        #: The same with the faces that turn to the camera, and a margin for rounding.
        self._extent = self._static.reach + 0.01
        if len(self._extent):
            upright = np.hypot(*self._static.upright)
            self._extent += np.maximum.reduceat(upright, self._static.starts)
        self._ground = linear(np.array(ground_colour(city)))
        self._lights = street_light(city) if self._look.lamps > 0 else None
        self._heads = lamp_heads(city)
        self._street_lamps = city_halos(city, self._look)
        self._backdrops: dict[tuple[object, ...], Backdrop] = {}

    def draw(self, state: WorldState, camera: Camera, size: tuple[int, int], seed: int) -> Pixels:
        """The picture of a moment; see :meth:`Renderer.draw`."""
        eye = eye_of(drawn_at(camera, size), state.ego.pose)
        faces, _, glowing = self._scene(state, eye)
        canvas = Canvas(self._backdrop(eye.camera), eye, self._look, _FINE)
        view = view_of(faces, eye, _FINE)
        street = None
        if self._lights is not None and view is not None:
            street = self._lights.at(faces.anchors[:2, view.order].T)
        canvas.paint(view, street, self._heads)
        canvas.glow(glowing)
        return as_taken(canvas.pixels(), self._look, seed)

    def layers(self, state: WorldState, camera: Camera, size: tuple[int, int]) -> Layers:
        """Depth and identity of every pixel, by the same faces in the same order; see :meth:`Renderer.layers`."""
        eye = eye_of(drawn_at(camera, size), state.ego.pose)
        faces, owners, _ = self._scene(state, eye)
        return paint_view(faces, owners, eye)

    def _scene(self, state: WorldState, eye: Eye) -> tuple[Faces, IntArray, list[PlacedHalos]]:
        """The faces that may be seen, in the world frame, whose each is, and what glows.

        Raises:
            RenderError: if no city was loaded.
        """
        city = self._city
        if city is None:
            raise RenderError("no city was loaded.")
        edges = view_edges(eye)
        near = np.flatnonzero(self._near(eye, edges))
        parts, glowing = [self._static.chosen(near)], list(self._street_lamps)
        owners = [np.where(parts[0].layers == Layer.STANDING, SCENERY, GROUND)]
        things = self._things(city, state)
        places = np.array([(thing.pose.x, thing.pose.y, thing.height) for thing in things]).reshape(-1, 3)
        bodies: list[Faces] = []
        at: list[Placement] = []
        whose: list[int] = []
        for thing, out in zip(things, beside(edges, eye, places.T).tolist(), strict=True):
            if out > _HALO_REACH:
                continue
            body = _body(thing.key)
            if out < body.reach:
                bodies.append(body.faces)
                at.append(Placement(thing.pose, thing.height))
                whose.append(thing.owner)
            if body.halos:
                glowing.append(PlacedHalos(thing.pose, thing.height, body.halos))
        if bodies:
            faces, parts_of = placed(bodies, at, eye.place)
            parts.append(faces)
            owners.append(np.array(whose)[parts_of])
        return joined(parts), np.concatenate(owners), glowing

    def _near(self, eye: Eye, edges: FloatArray) -> BoolArray:
        """(f,) which faces of the city may be in the picture and large enough to be seen."""
        static = self._static
        x, y = static.anchors[0] - eye.ego.x, static.anchors[1] - eye.ego.y
        far = np.sqrt(x**2 + y**2)
        near: BoolArray = (far < _FARTHEST + static.reach) & (eye.ahead[0] * x + eye.ahead[1] * y > -static.reach)
        near &= beside(edges, eye, static.anchors) < self._extent
        # Leave out windows and other parts smaller than a pixel; leaves are sized elsewhere.
        near &= (static.surfaces == Surface.LEAF) | (2 * static.reach * eye.camera.intrinsic[0, 0] > 1.3 * far)
        near &= static.facing(eye.place)
        return near

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

    def _backdrop(self, camera: Camera) -> Backdrop:
        key = (camera.size, camera.intrinsic.tobytes(), camera.rotation.tobytes(), camera.translation.tobytes())
        if key not in self._backdrops:
            if len(self._backdrops) > 4:
                self._backdrops.clear()
            self._backdrops[key] = backdrop(camera, self._look, self._ground, _FINE)
        return self._backdrops[key]
