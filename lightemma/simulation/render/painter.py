"""The renderer that runs anywhere: coloured faces, haze, painter's algorithm; Pillow, and machine code where numba is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lightemma.frame import Camera, FloatArray
from lightemma.simulation.render.base import GROUND, SCENERY, Layers, Pixels, Renderer, RenderError
from lightemma.simulation.render.camera_effects import as_taken
from lightemma.simulation.render.compiled import broken, compiler
from lightemma.simulation.render.meshes.ground import ground_colour
from lightemma.simulation.render.meshes.mesh import IntArray, Layer
from lightemma.simulation.render.meshes.scene import (
    Placed,
    PlacedHalos,
    SignalLook,
    city_halos,
    placed_things,
    shape_of,
)
from lightemma.simulation.render.meshes.shapes import Halo, Outfit
from lightemma.simulation.render.painter_backdrop import backdrop
from lightemma.simulation.render.painter_canvas import Canvas
from lightemma.simulation.render.painter_faces import Eye, Faces, Places, eye_of, faces_of, joined, placed
from lightemma.simulation.render.painter_hidden import (
    Covered,
    Outlines,
    box_outlines,
    covered_by,
    in_picture,
    wall_outlines,
)
from lightemma.simulation.render.painter_layers import paint_view
from lightemma.simulation.render.painter_pool import POOL, CityPool
from lightemma.simulation.render.painter_spots import FINE, Sheets
from lightemma.simulation.render.painter_standing import FARTHEST, Standing
from lightemma.simulation.render.painter_view import NEAR, beside, view_edges, view_of
from lightemma.simulation.render.palettes import linear, look_of
from lightemma.simulation.render.pinhole import drawn_at
from lightemma.simulation.render.street_light import lamp_heads, street_light
from lightemma.simulation.state import City, WorldState

_FINE_NEARER = 28.0
#: Metres outside the view at which neither a thing nor the glow of its lamps reaches into the picture.
_HALO_REACH = 15.0


@dataclass(frozen=True, slots=True)
class _Body:
    """The shape of a thing as the painter takes it.

    Attributes:
        faces: its faces.
        halos: the glow of its lamps.
        reach: metres from its origin to its farthest corner, with a margin for rounding.
        bounds: (3, 8) corners of the box around it.
        cores: (3, c * 8) corners of boxes inside it that nobody looks through.
        aside: metres from its origin to its farthest anchor.
    """

    faces: Faces
    halos: tuple[Halo, ...]
    reach: float
    bounds: FloatArray
    cores: FloatArray
    aside: float


@lru_cache(maxsize=600)
def _body(key: Outfit | SignalLook) -> _Body:
    """The shape of everything that looks like this, in whatever city."""
    shape = shape_of(key)
    mesh = shape.mesh
    upright = np.hypot(*mesh.upright.T)
    farthest = float((np.sqrt(np.sum(mesh.corners**2, axis=1)) + upright).max(initial=0.0)) + 0.01
    out = float(upright.max(initial=0.0))
    bounds = [(mesh.corners.min(axis=0, initial=0.0) - out, mesh.corners.max(axis=0, initial=0.0) + out)]
    return _Body(
        faces=faces_of(mesh, walls=False),
        halos=shape.halos,
        reach=farthest,
        bounds=_corners(bounds),
        cores=_corners([(np.array(low), np.array(high)) for low, high in shape.cores]),
        aside=float(np.hypot(mesh.anchors[:, 0], mesh.anchors[:, 1]).max(initial=0.0)),
    )


def _reach(key: Outfit | SignalLook) -> float:
    """Metres outside the view at which a thing cannot be seen, known without its shape."""
    if isinstance(key, SignalLook) or key.braking or key.left or key.right or key.lamps:
        return _HALO_REACH
    # Longer than its diagonal, for what sticks out, as mirrors and arms do. Without a lamp that is on nothing glows.
    return min(math.hypot(*key.size) + 1.0, _HALO_REACH)


def _corners(boxes: list[tuple[FloatArray, FloatArray]]) -> FloatArray:
    """(3, b * 8) corners of boxes; the bits of a corner's number say at which end of x, y and z it is."""
    ends = (np.arange(8)[:, None] >> np.arange(3)) & 1
    corners = [np.where(ends, high, low) for low, high in boxes]
    return np.concatenate(corners).T if corners else np.empty((3, 0))


@dataclass(frozen=True, slots=True)
class _Scene:
    """What may be seen.

    Attributes:
        faces: in the world frame, none of them solid and seen from behind.
        owners: (f,) whose each is.
        glowing: what glows.
        covered: what cannot be seen.
    """

    faces: Faces
    owners: IntArray
    glowing: list[PlacedHalos]
    covered: Covered


class PainterRenderer(Renderer):
    """Paints faces from far to near: no shadows and no mirrors, but the same shapes, light and weather.

    Args:
        pool: keeps the shapes of cities for the next who loads them.
    """

    def __init__(self, pool: CityPool = POOL) -> None:
        self._pool = pool
        self._city: City | None = None
        self._sheets: tuple[tuple[int, int], Sheets] | None = None
        self.note = broken()

    @property
    def name(self) -> str:
        """``painter``."""
        return "painter"

    @property
    def details(self) -> dict[str, str]:
        """The version of Pillow, and that of numba if its code fills the polygons."""
        import PIL

        numba = compiler()
        return {"pillow": str(PIL.__version__)} | ({} if numba is None else {"numba": numba})

    def load(self, city: City) -> None:
        """Loads a city."""
        self._city = city
        self._look = look_of(city.conditions, city.seed)
        self._standing = Standing(self._pool.shapes(city, self._look))
        self._ground = linear(np.array(ground_colour(city)))
        self._lights = street_light(city) if self._look.lamps > 0 else None
        self._heads = lamp_heads(city)
        self._street_lamps = city_halos(city, self._look)

    def draw(self, state: WorldState, camera: Camera, size: tuple[int, int], seed: int) -> Pixels:
        """The picture of a moment; see :meth:`Renderer.draw`."""
        eye = eye_of(drawn_at(camera, size), state.ego.pose)
        scene = self._scene(state, eye)
        if self._sheets is None or self._sheets[0] != size:
            self._sheets = size, Sheets.of(size)
        canvas = Canvas(backdrop(eye.camera, self._look, self._ground, FINE), eye, self._look, self._sheets[1])
        view = view_of(scene.faces, eye, FINE, scene.covered)
        street = None
        if self._lights is not None and view is not None:
            street = self._lights.at(view.faces.anchors[:2, view.order].T)
        return as_taken(canvas.paint(view, street, self._heads, scene.glowing), self._look, seed)

    def layers(self, state: WorldState, camera: Camera, size: tuple[int, int]) -> Layers:
        """Depth and identity of every pixel, by the same faces in the same order; see :meth:`Renderer.layers`."""
        eye = eye_of(drawn_at(camera, size), state.ego.pose)
        scene = self._scene(state, eye)
        return paint_view(scene.faces, scene.owners, eye, scene.covered)

    def _scene(self, state: WorldState, eye: Eye) -> _Scene:
        """What may be seen at one moment.

        Raises:
            RenderError: if no city was loaded.
        """
        city = self._city
        if city is None:
            raise RenderError("no city was loaded.")
        edges = view_edges(eye)
        static = self._standing.seen(eye, edges)
        owners = np.where(static.layers == Layer.STANDING, SCENERY, GROUND)
        things = self._things(city, state, eye, edges)
        places = Places.of([(thing.pose, thing.height) for thing in things])
        out = beside(edges, eye, places.at)
        bodies = [
            _body(thing.key) if far <= _reach(thing.key) else None
            for thing, far in zip(things, out.tolist(), strict=True)
        ]
        glowing = [
            PlacedHalos(thing.pose, thing.height, body.halos)
            for thing, body in zip(things, bodies, strict=True)
            if body is not None and body.halos
        ]
        near = np.flatnonzero(out < [-math.inf if body is None else body.reach for body in bodies])
        shapes, places = (
            [body for body in (bodies[at] for at in near.tolist()) if body is not None],
            places.chosen(near),
        )
        far = np.hypot(*(places.at[:2] - eye.place[:2, None]))
        covered = covered_by([wall_outlines(static, eye), _core_outlines(shapes, places, far, eye)], eye)
        parts, whose = [static], [owners]
        shown = _not_covered(shapes, places, far, eye, covered)
        if len(shown):
            faces, parts_of = placed([shapes[at].faces for at in shown.tolist()], places.chosen(shown), eye.place)
            parts.append(faces)
            whose.append(np.array([things[at].owner for at in near.tolist()])[shown[parts_of]])
        return _Scene(joined(parts), np.concatenate(whose), self._street_lamps + glowing, covered)

    def close(self) -> None:
        """Releases the city."""
        self._city = self._sheets = None

    def _things(self, city: City, state: WorldState, eye: Eye, edges: FloatArray) -> list[Placed]:
        """Everything that moves and is near enough, or its glow is, the nearest in fine shapes."""
        poses = [actor.pose for actor in state.actors] + [signal.pose for signal in state.signals]
        points = np.array([(pose.x, pose.y, 0.0) for pose in poses]).reshape(-1, 3).T
        far = np.hypot(points[0] - eye.ego.x, points[1] - eye.ego.y)
        kept = np.flatnonzero((far < FARTHEST) & (beside(edges, eye, points) <= _HALO_REACH + 1.0))
        return placed_things(city, self._look, state, (far <= _FINE_NEARER).tolist(), kept.tolist())


def _core_outlines(shapes: list[_Body], places: Places, far: FloatArray, eye: Eye) -> Outlines:
    """The outlines of the boxes inside things that nobody looks through."""
    many = [body.cores.shape[1] for body in shapes]
    whose = np.repeat(np.arange(len(shapes)), many)
    local = np.concatenate([np.empty((3, 0)), *(body.cores for body in shapes)], axis=1)
    return box_outlines(places.chosen(whose).moved(local), far[whose[::8]], eye)


def _not_covered(shapes: list[_Body], places: Places, far: FloatArray, eye: Eye, covered: Covered) -> IntArray:
    """(s,) the numbers of those things that others do not cover wholly."""
    if not shapes:
        return np.empty(0, dtype=np.intp)
    local = np.concatenate([body.bounds for body in shapes], axis=1)
    pixels, depth = in_picture(eye, places.chosen(np.repeat(np.arange(len(shapes)), 8)).moved(local))
    corners = pixels.reshape(2, -1, 8)
    beyond = covered.distance(corners.min(axis=2), corners.max(axis=2))
    nearest = far - np.array([body.aside for body in shapes])
    return np.flatnonzero((depth.reshape(-1, 8).min(axis=1) < NEAR) | (nearest <= beyond))
