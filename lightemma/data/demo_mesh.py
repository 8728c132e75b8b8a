"""Flat coloured faces in space, which make up the demo world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from lightemma.frame import FloatArray, Pose

Colour = tuple[float, float, float]
"""Red, green and blue, 0 … 255."""

IntArray = npt.NDArray[np.intp]
BoolArray = npt.NDArray[np.bool_]


class Layer(IntEnum):
    """What is painted over what: flat layers in this order, then all that stands, the farthest first."""

    VERGE = 0
    PAVEMENT = 1
    KERB = 2
    ROAD = 3
    EDGE_LINE = 4
    LANES = 5
    MARKING = 6
    SHADOW = 7
    STANDING = 8


@dataclass(frozen=True, slots=True)
class Mesh:
    """Flat coloured faces in space; n corners, f faces.

    Attributes:
        corners: (n, 3) metres, the corners of one face after those of the other.
        upright: (n, 2) metres to the left and up, added in the ego frame, so that the face always turns to the camera.
        counts: (f,) corners of each face, 3 or more.
        colours: (f, 3) red, green, blue, 0 … 255.
        layers: (f,) values of :class:`Layer`.
        anchors: (f, 3) metres: the point whose distance decides the order and the haze. Faces that share an anchor
            are painted in the order they were added.
        solid: (f,) true for a face of a body: unseen from behind, lit by the sun. Its corners run counter-clockwise
            for those who see it.
        glowing: (f,) true for a lamp, which haze leaves alone.
    """

    corners: FloatArray
    upright: FloatArray
    counts: IntArray
    colours: FloatArray
    layers: IntArray
    anchors: FloatArray
    solid: BoolArray
    glowing: BoolArray

    @property
    def starts(self) -> IntArray:
        """(f,) index of each face's first corner."""
        starts: IntArray = np.cumsum(self.counts) - self.counts
        return starts

    def normals(self) -> FloatArray:
        """(f, 3) unit vectors towards those who see the corners run counter-clockwise."""
        first = self.starts
        one = (self.corners[first + 1] - self.corners[first]).T
        other = (self.corners[first + 2] - self.corners[first + 1]).T
        normals = np.stack(
            [
                one[1] * other[2] - one[2] * other[1],
                one[2] * other[0] - one[0] * other[2],
                one[0] * other[1] - one[1] * other[0],
            ],
            axis=1,
        )
        lengths = np.sqrt(np.sum(normals**2, axis=1))
        unit: FloatArray = normals / np.maximum(lengths, 1e-12)[:, None]
        return unit

    def chosen(self, faces: IntArray) -> Mesh:
        """The mesh of some of the faces, given by their (v,) indices, in that order."""
        rows = self.rows(faces)
        return Mesh(
            corners=self.corners[rows],
            upright=self.upright[rows],
            counts=self.counts[faces],
            colours=self.colours[faces],
            layers=self.layers[faces],
            anchors=self.anchors[faces],
            solid=self.solid[faces],
            glowing=self.glowing[faces],
        )

    def rows(self, faces: IntArray) -> IntArray:
        """(w,) indices of the corners of these faces, one face after the other."""
        counts = self.counts[faces]
        firsts = np.cumsum(counts) - counts
        rows: IntArray = np.repeat(self.starts[faces] - firsts, counts) + np.arange(int(counts.sum()))
        return rows

    def placed(self, at: Pose) -> Mesh:
        """This mesh, made around an origin of its own, put at ``at``."""
        shift = np.array([at.x, at.y, 0.0])
        return replace(
            self,
            corners=turned(self.corners, at.heading) + shift,
            anchors=turned(self.anchors, at.heading) + shift,
        )

    def seen_from(self, pose: Pose) -> Mesh:
        """This mesh in the ego frame of a car at ``pose``."""
        shift = np.array([pose.x, pose.y, 0.0])
        return replace(
            self,
            corners=turned(self.corners - shift, -pose.heading),
            anchors=turned(self.anchors - shift, -pose.heading),
        )

    def standing_up(self) -> Mesh:
        """This mesh, already in the ego frame, with the upright faces turned to the camera."""
        corners = self.corners.copy()
        corners[:, 1:] += self.upright
        return replace(self, corners=corners, upright=np.zeros_like(self.upright))

    @staticmethod
    def joined(meshes: Sequence[Mesh]) -> Mesh:
        """One mesh of several, in their order.

        Raises:
            ValueError: if there are none.
        """
        return Mesh(
            corners=np.concatenate([mesh.corners for mesh in meshes]),
            upright=np.concatenate([mesh.upright for mesh in meshes]),
            counts=np.concatenate([mesh.counts for mesh in meshes]),
            colours=np.concatenate([mesh.colours for mesh in meshes]),
            layers=np.concatenate([mesh.layers for mesh in meshes]),
            anchors=np.concatenate([mesh.anchors for mesh in meshes]),
            solid=np.concatenate([mesh.solid for mesh in meshes]),
            glowing=np.concatenate([mesh.glowing for mesh in meshes]),
        )


class MeshBuilder:
    """Collects faces."""

    def __init__(self) -> None:
        self._parts: list[Mesh] = []

    def add(
        self,
        corners: npt.ArrayLike,
        colour: Colour,
        layer: Layer = Layer.STANDING,
        *,
        anchor: npt.ArrayLike | None = None,
        solid: bool = False,
        glowing: bool = False,
    ) -> None:
        """Adds a face.

        Args:
            corners: (k, 3) metres, or (k, 2) for a face on the ground.
            colour: red, green, blue.
            layer: flat layer, or standing.
            anchor: (3,) metres, the point that decides order and haze; the middle of the corners if None.
            solid: the face of a body, corners counter-clockwise for those who see it.
            glowing: a lamp.
        """
        self.add_many(
            np.asarray(corners, dtype=np.float64)[None],
            np.array([colour]),
            layer,
            anchors=None if anchor is None else np.asarray(anchor, dtype=np.float64)[None],
            solid=solid,
            glowing=glowing,
        )

    def add_many(
        self,
        corners: FloatArray,
        colours: FloatArray,
        layer: Layer = Layer.STANDING,
        *,
        anchors: FloatArray | None = None,
        solid: bool = False,
        glowing: bool = False,
    ) -> None:
        """Adds faces with the same number of corners.

        Args:
            corners: (m, k, 3) metres, or (m, k, 2) for faces on the ground.
            colours: (m, 3) red, green, blue.
            layer: as for :meth:`add`, for all of them.
            anchors: (m, 3) metres; the middles of the corners if None.
            solid: as for :meth:`add`.
            glowing: as for :meth:`add`.
        """
        if corners.shape[2] == 2:
            corners = np.concatenate([corners, np.zeros((*corners.shape[:2], 1))], axis=2)
        many, count = corners.shape[:2]
        self._parts.append(
            Mesh(
                corners=corners.reshape(-1, 3),
                upright=np.zeros((many * count, 2)),
                counts=np.full(many, count, dtype=np.intp),
                colours=colours.astype(np.float64),
                layers=np.full(many, int(layer), dtype=np.intp),
                anchors=corners.mean(axis=1) if anchors is None else anchors,
                solid=np.full(many, solid),
                glowing=np.full(many, glowing),
            )
        )

    def add_upright(
        self, base: npt.ArrayLike, outline: npt.ArrayLike, colour: Colour, *, glowing: bool = False
    ) -> None:
        """Adds a standing face that always turns to the camera.

        Args:
            base: (3,) metres, where it stands; also its anchor.
            outline: (k, 2) metres to the left of and above the base.
            colour: red, green, blue.
            glowing: a lamp.
        """
        self.add_upright_many(base, np.asarray(outline, dtype=np.float64)[None], np.array([colour]), glowing=glowing)

    def add_upright_many(
        self, base: npt.ArrayLike, outlines: FloatArray, colours: FloatArray, *, glowing: bool = False
    ) -> None:
        """Adds standing faces of one thing: (m, k, 2) outlines and (m, 3) colours, otherwise as :meth:`add_upright`."""
        foot = np.asarray(base, dtype=np.float64)
        many, count = outlines.shape[:2]
        self.add_many(np.tile(foot, (many, count, 1)), colours, anchors=np.tile(foot, (many, 1)), glowing=glowing)
        self._parts[-1] = replace(self._parts[-1], upright=outlines.reshape(-1, 2))

    def build(self) -> Mesh:
        """The mesh of all faces added so far.

        Raises:
            ValueError: if there are none.
        """
        return Mesh.joined(self._parts)


def turned(points: FloatArray, angle: float) -> FloatArray:
    """Points (n, 3) turned by an angle in radians about the upright axis."""
    cos, sin = np.cos(angle), np.sin(angle)
    return times(points, np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]]))


def times(points: FloatArray, matrix: FloatArray) -> FloatArray:
    """``points @ matrix`` for (n, 3) points, the same to the last bit on every machine and on any number of cores."""
    x, y, z = points[:, 0], points[:, 1], points[:, 2]
    product = np.empty((len(points), matrix.shape[1]))
    for column, (a, b, c) in enumerate(matrix.T.tolist()):
        product[:, column] = a * x + b * y + c * z
    return product
