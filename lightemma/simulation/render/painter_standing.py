"""What stands still in the painter's city, of which houses and plants are made when they are seen for the first time."""

from __future__ import annotations

import numpy as np

from lightemma.frame import FloatArray
from lightemma.simulation.render.meshes.mesh import BoolArray, IntArray, Layer, MeshBuilder, Surface
from lightemma.simulation.render.meshes.scene import bare_city, city_lots
from lightemma.simulation.render.painter_faces import Eye, Faces, faces_of, joined
from lightemma.simulation.render.painter_view import beside
from lightemma.simulation.render.palettes import Look
from lightemma.simulation.state import City

FARTHEST = 190.0
"""Metres beyond which nothing but the skyline is painted."""


class StandingShapes:
    """The faces of what stands in a city, for all who look at it: none of them ever changes, but houses and plants are added.

    Args:
        city: the city; its conditions are not read.
        look: its light and weather, of which only matters whether lamps and windows are lit.

    Attributes:
        bare: everything but houses and plants.
        places: (4, l) x, y, 0 and reach of each house and plant, metres.
        size: bytes of all faces that have been made.
    """

    def __init__(self, city: City, look: Look) -> None:
        mesh = bare_city(city, look)
        self.bare = _fixed(faces_of(mesh.chosen(np.flatnonzero(mesh.layers != Layer.GROUND))))
        self._lots = city_lots(city, look, fine=False)
        self._made: list[Faces | None] = [None] * len(self._lots)
        self.places: FloatArray = np.array([(*lot.place, 0.0, lot.reach) for lot in self._lots]).reshape(-1, 4).T
        self.size = self.bare.size

    def lots(self, numbers: list[int]) -> list[Faces]:
        """The houses and plants with these numbers; those that nobody has seen yet are made together."""
        lacking = [number for number in numbers if self._made[number] is None]
        if lacking:
            builder = MeshBuilder()
            counts = []
            for number in lacking:
                own = MeshBuilder()
                self._lots[number].add(own)
                counts.append(builder.take(own))
            whole = _fixed(faces_of(builder.build()))
            self.size += whole.size
            end = 0
            for number, count in zip(lacking, counts, strict=True):
                self._made[number] = whole.between(end, end + count)
                end += count
        return [faces for number in numbers if (faces := self._made[number]) is not None]


def _fixed(faces: Faces) -> Faces:
    """The same faces, which nobody can change."""
    for numbers in (faces.points, faces.values, faces.kinds, faces.flags, faces.starts):
        numbers.flags.writeable = False
    return faces


class Standing:
    """A city's ground, houses, plants and posts, as one drive sees them.

    What is painted depends on this drive alone, on whoever else has seen the city before it does not.

    Args:
        shapes: what stands in the city.
    """

    def __init__(self, shapes: StandingShapes) -> None:
        self._shapes = shapes
        self._stands(shapes.bare)
        self._wait(np.arange(shapes.places.shape[1]))

    def _wait(self, lots: IntArray) -> None:
        """Sets the houses and plants that have not been seen yet."""
        self._lots, self._places = lots, self._shapes.places[:, lots]

    def _stands(self, faces: Faces) -> None:
        self._faces = faces
        #: Metres from a face's anchor to its farthest corner, also of faces that turn to the camera; a margin for rounding.
        self._extent = faces.reach + 0.01
        if len(self._extent):
            self._extent += np.maximum.reduceat(np.hypot(*faces.upright), faces.starts)

    def seen(self, eye: Eye, edges: FloatArray) -> Faces:
        """What may be in the picture and is large enough to be seen."""
        self._add_lots(eye, edges)
        faces = self._faces
        x, y = faces.anchors[0] - eye.ego.x, faces.anchors[1] - eye.ego.y
        far = np.sqrt(x**2 + y**2)
        near: BoolArray = (far < FARTHEST + faces.reach) & (eye.ahead[0] * x + eye.ahead[1] * y > -faces.reach)
        near &= beside(edges, eye, faces.anchors) < self._extent
        # Leave out windows and other parts smaller than a pixel; leaves are sized elsewhere.
        near &= (faces.surfaces == Surface.LEAF) | (2 * faces.reach * eye.camera.intrinsic[0, 0] > 1.3 * far)
        near &= faces.facing(eye.place)
        return faces.chosen(np.flatnonzero(near))

    def _add_lots(self, eye: Eye, edges: FloatArray) -> None:
        """Adds the houses and plants that come into view."""
        if not len(self._lots):
            return
        places, reach = self._places[:3], self._places[3]
        x, y = places[0] - eye.ego.x, places[1] - eye.ego.y
        seen = (np.hypot(x, y) < FARTHEST + reach) & (eye.ahead[0] * x + eye.ahead[1] * y > -reach)
        # A view that looks up or down is wider at the ground than at its middle.
        seen &= beside(edges, eye, places) < reach + 2.0
        if not seen.any():
            return
        new = self._shapes.lots(self._lots[seen].tolist())
        self._wait(self._lots[~seen])
        self._stands(joined([self._faces, *new]))
