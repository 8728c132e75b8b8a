"""What stands still in the painter's city, of which houses and plants are made when they are seen for the first time."""

from __future__ import annotations

import numpy as np

from lightemma.frame import FloatArray
from lightemma.simulation.render.meshes.mesh import BoolArray, Layer, MeshBuilder, Surface
from lightemma.simulation.render.meshes.scene import Lot, bare_city, city_lots
from lightemma.simulation.render.painter_faces import Eye, Faces, faces_of, joined
from lightemma.simulation.render.painter_view import beside
from lightemma.simulation.render.palettes import Look
from lightemma.simulation.state import City

FARTHEST = 190.0
"""Metres beyond which nothing but the skyline is painted."""


class Standing:
    """A city's ground, houses, plants and posts.

    Args:
        city: the city.
        look: its light and weather.
    """

    def __init__(self, city: City, look: Look) -> None:
        mesh = bare_city(city, look)
        self._stands(faces_of(mesh.chosen(np.flatnonzero(mesh.layers != Layer.GROUND))))
        self._wait(city_lots(city, look, fine=False))

    def _wait(self, lots: list[Lot]) -> None:
        """Sets the houses and plants that have not been seen yet."""
        self._lots = lots
        #: (4, l) x, y, 0 and reach of each.
        self._places = np.array([(*lot.place, 0.0, lot.reach) for lot in lots]).reshape(-1, 4).T

    def _stands(self, faces: Faces) -> None:
        self._faces = faces
        #: Metres from a face's anchor to its farthest corner, also of faces that turn to the camera; a margin for rounding.
        self._extent = faces.reach + 0.01
        if len(self._extent):
            self._extent += np.maximum.reduceat(np.hypot(*faces.upright), faces.starts)

    def seen(self, eye: Eye, edges: FloatArray) -> Faces:
        """What may be in the picture and is large enough to be seen."""
        self._make_lots(eye, edges)
        faces = self._faces
        x, y = faces.anchors[0] - eye.ego.x, faces.anchors[1] - eye.ego.y
        far = np.sqrt(x**2 + y**2)
        near: BoolArray = (far < FARTHEST + faces.reach) & (eye.ahead[0] * x + eye.ahead[1] * y > -faces.reach)
        near &= beside(edges, eye, faces.anchors) < self._extent
        # Leave out windows and other parts smaller than a pixel; leaves are sized elsewhere.
        near &= (faces.surfaces == Surface.LEAF) | (2 * faces.reach * eye.camera.intrinsic[0, 0] > 1.3 * far)
        near &= faces.facing(eye.place)
        return faces.chosen(np.flatnonzero(near))

    def _make_lots(self, eye: Eye, edges: FloatArray) -> None:
        """Makes the houses and plants that come into view."""
        if not self._lots:
            return
        places, reach = self._places[:3], self._places[3]
        x, y = places[0] - eye.ego.x, places[1] - eye.ego.y
        seen = (np.hypot(x, y) < FARTHEST + reach) & (eye.ahead[0] * x + eye.ahead[1] * y > -reach)
        # A view that looks up or down is wider at the ground than at its middle.
        seen &= beside(edges, eye, places) < reach + 2.0
        if not seen.any():
            return
        builder = MeshBuilder()
        for index in np.flatnonzero(seen).tolist():
            self._lots[index].add(builder)
        self._wait([self._lots[index] for index in np.flatnonzero(~seen).tolist()])
        self._stands(joined([self._faces, faces_of(builder.build())]))
