"""Flat coloured faces in space: what every renderer draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from enum import IntEnum
from functools import lru_cache
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from lightemma.camera import times
from lightemma.frame import FloatArray, Pose

Colour = tuple[float, float, float]
"""Red, green and blue as a screen has them (sRGB), 0 … 1."""

IntArray = npt.NDArray[np.intp]
BoolArray = npt.NDArray[np.bool_]

T = TypeVar("T", bound=np.generic)


class Layer(IntEnum):
    """The order of painting: flat layers in this order, then everything upright, the farthest first."""

    GROUND = 0
    ROAD = 1
    WEAR = 2
    MARKING = 3
    PAVEMENT = 4
    KERB = 5
    SHADOW = 6
    STANDING = 7


class Surface(IntEnum):
    """The material of a face, for renderers that use more than colours."""

    MATTE = 0
    PAINT = 1
    GLASS = 2
    METAL = 3
    LEAF = 4
    STONE = 5


@dataclass(frozen=True, slots=True)
class Mesh:
    """Flat coloured faces in space; n corners, f faces.

    Attributes:
        corners: (n, 3) metres, the corners of one face after those of the other.
        normals: (n, 3) unit vectors for a smooth look of curved bodies; NaN where the face itself is flat.
        upright: (n, 2) metres to the left and up, added as the camera sees them: the face always turns to the camera.
        counts: (f,) corners of each face, 3 or more.
        colours: (f, 3) red, green, blue, sRGB 0 … 1.
        surfaces: (f,) values of :class:`Surface`.
        layers: (f,) values of :class:`Layer`.
        anchors: (f, 3) metres: the point whose distance decides the order of painting and the haze. Faces that share an anchor
            are painted in the order they were added.
        solid: (f,) true for a face of a body: unseen from behind. Its corners are counter-clockwise as seen from outside.
        glows: (f,) emitted light, in multiples of its colour; 0 for all but lamps.
    """

    corners: FloatArray
    normals: FloatArray
    upright: FloatArray
    counts: IntArray
    colours: FloatArray
    surfaces: IntArray
    layers: IntArray
    anchors: FloatArray
    solid: BoolArray
    glows: FloatArray

    @property
    def starts(self) -> IntArray:
        """(f,) index of each face's first corner."""
        starts: IntArray = np.cumsum(self.counts) - self.counts
        return starts

    def face_normals(self) -> FloatArray:
        """(f, 3) unit normals, to the side where the corners are counter-clockwise (Newell's method, for any shape)."""
        after = np.arange(1, len(self.corners) + 1)
        after[self.starts + self.counts - 1] = self.starts
        if not len(self.counts):
            return np.empty((0, 3))
        sums = np.add.reduceat(crossed(self.corners.T, self.corners[after].T), self.starts, axis=1)
        x, y, z = sums
        sums /= np.maximum(np.sqrt(x * x + y * y + z * z), 1e-12)
        return np.ascontiguousarray(sums.T)

    def rows(self, faces: IntArray) -> IntArray:
        """(w,) indices of the corners of these faces, one face after the other."""
        counts = self.counts[faces]
        firsts = np.cumsum(counts) - counts
        rows: IntArray = np.repeat(self.starts[faces] - firsts, counts) + np.arange(int(counts.sum()))
        return rows

    def chosen(self, faces: IntArray) -> Mesh:
        """The mesh of some of the faces, given by their (v,) indices, in that order."""
        rows = self.rows(faces)
        return Mesh(
            corners=self.corners[rows],
            normals=self.normals[rows],
            upright=self.upright[rows],
            counts=self.counts[faces],
            colours=self.colours[faces],
            surfaces=self.surfaces[faces],
            layers=self.layers[faces],
            anchors=self.anchors[faces],
            solid=self.solid[faces],
            glows=self.glows[faces],
        )

    def placed(self, at: Pose, height: float = 0.0) -> Mesh:
        """This mesh, made around its own origin, moved to ``at`` and ``height`` metres up."""
        shift = np.array([at.x, at.y, height])
        return replace(
            self,
            corners=turned(self.corners, at.heading) + shift,
            normals=turned(self.normals, at.heading),
            anchors=turned(self.anchors, at.heading) + shift,
        )

    def seen_from(self, pose: Pose) -> Mesh:
        """This mesh in the ego frame of a car at ``pose``."""
        shift = np.array([pose.x, pose.y, 0.0])
        return replace(
            self,
            corners=turned(self.corners - shift, -pose.heading),
            normals=turned(self.normals, -pose.heading),
            anchors=turned(self.anchors - shift, -pose.heading),
        )

    def standing_up(self) -> Mesh:
        """This mesh, already in the ego frame, with the upright faces turned to the camera."""
        corners = self.corners.copy()
        corners[:, 1:] += self.upright
        return replace(self, corners=corners, upright=np.zeros_like(self.upright))

    @staticmethod
    def joined(meshes: Sequence[Mesh]) -> Mesh:
        """One mesh of several, in their order; an empty one of none."""
        parts = meshes or [empty_mesh()]
        return Mesh(*(np.concatenate([getattr(part, name.name) for part in parts]) for name in fields(Mesh)))


def empty_mesh() -> Mesh:
    """A mesh without faces."""
    points, whole = np.empty((0, 3)), np.empty(0, dtype=np.intp)
    return Mesh(
        corners=points,
        normals=points,
        upright=np.empty((0, 2)),
        counts=whole,
        colours=points,
        surfaces=whole,
        layers=whole,
        anchors=points,
        solid=np.empty(0, dtype=np.bool_),
        glows=np.empty(0),
    )


@dataclass(frozen=True, slots=True)
class _Batch:
    """Faces with the same number of corners, as they were added; m of them.

    Attributes:
        corners: (m, k, 3) metres.
        colours: (m, 3), or (1, 3) for all of them.
        surfaces: (m,), or (1,) for all of them.
        layer: of all of them.
        solid: whether they belong to a body.
        glows: (m,), or (1,) for all of them.
        normals: (m, k, 3), or None.
        anchors: (m, 3), or (1, 3) for all of them, or None: the middles of the corners.
        upright: (m, k, 2), or None.
    """

    corners: FloatArray
    colours: FloatArray
    surfaces: IntArray
    layer: int
    solid: bool
    glows: FloatArray
    normals: FloatArray | None
    anchors: FloatArray | None
    upright: FloatArray | None = None


#: Of each surface its number, as an array.
_SURFACES = {surface: np.array([int(surface)]) for surface in Surface}


def row_of(numbers: npt.ArrayLike) -> FloatArray:
    """(m, n) numbers, of which one row may be given as (n,), and one alone as such; it must not be changed."""
    # Making an array of a few numbers takes longer than finding one; most parts have one of few colours.
    if isinstance(numbers, tuple | float):
        try:
            return _row(numbers)
        except TypeError:  # lists or arrays in a tuple
            pass
    return np.array(numbers, dtype=np.float64, ndmin=2)


@lru_cache(maxsize=2000)
def _row(numbers: tuple[object, ...] | float) -> FloatArray:
    row = np.array(numbers, dtype=np.float64, ndmin=2)
    row.flags.writeable = False
    return row


@dataclass(slots=True)
class MeshBuilder:
    """Collects faces.

    Attributes:
        anchor: (3,) metres given to all faces added from now on, or None: each face gets the middle of its corners.
    """

    anchor: npt.ArrayLike | None = None
    _parts: list[Mesh | _Batch] = field(default_factory=list)

    def add(
        self,
        corners: npt.ArrayLike,
        colour: Colour,
        *,
        layer: Layer = Layer.STANDING,
        surface: Surface = Surface.MATTE,
        solid: bool = False,
        glow: float = 0.0,
    ) -> None:
        """Adds a face with (k, 3) corners in metres, or (k, 2) for a face on the ground; see :meth:`add_many`."""
        points = np.asarray(corners, dtype=np.float64)[None]
        self.add_many(points, colour, layer=layer, surface=surface, solid=solid, glow=glow)

    def add_many(
        self,
        corners: FloatArray,
        colours: npt.ArrayLike,
        *,
        layer: Layer = Layer.STANDING,
        surface: Surface | IntArray = Surface.MATTE,
        solid: bool = False,
        glow: float | FloatArray = 0.0,
        normals: FloatArray | None = None,
        anchors: FloatArray | None = None,
    ) -> None:
        """Adds faces with the same number of corners. The arrays must not change afterwards: they are read by :meth:`build`.

        Args:
            corners: (m, k, 3) metres, or (m, k, 2) for faces on the ground.
            colours: (m, 3) or (3,) red, green, blue.
            layer: flat layer, or standing.
            surface: what they are made of, one or (m,).
            solid: faces of a body, corners counter-clockwise as seen from outside.
            glow: emitted light, one number or (m,).
            normals: (m, k, 3) unit vectors for a smooth look.
            anchors: (m, 3) metres; the builder's own anchor or the middles of the corners if None.
        """
        if corners.shape[2] == 2:
            corners = np.concatenate([corners, np.zeros((*corners.shape[:2], 1))], axis=2)
        if anchors is None and self.anchor is not None:
            anchors = row_of(self.anchor)
        self._parts.append(
            _Batch(
                corners=corners,
                colours=row_of(colours),
                surfaces=_SURFACES[surface] if type(surface) is Surface else np.array(surface, dtype=np.intp, ndmin=1),
                layer=int(layer),
                solid=solid,
                glows=row_of(glow)[0],
                normals=normals,
                anchors=anchors,
            )
        )

    def add_upright(self, base: npt.ArrayLike, outlines: FloatArray, colours: npt.ArrayLike) -> None:
        """Adds upright leaves that always face the camera: (3,) foot, (m, k, 2) metres left and up, (m, 3) colours."""
        foot = np.array(base, dtype=np.float64, ndmin=2)
        self._parts.append(
            _Batch(
                corners=np.broadcast_to(foot, (*outlines.shape[:2], 3)),
                colours=np.array(colours, dtype=np.float64, ndmin=2),
                surfaces=_SURFACES[Surface.LEAF],
                layer=int(Layer.STANDING),
                solid=False,
                glows=row_of(0.0)[0],
                normals=None,
                anchors=foot,
                upright=outlines,
            )
        )

    def add_mesh(self, mesh: Mesh) -> None:
        """Adds all faces of a mesh."""
        self._parts.append(mesh)

    def take(self, other: MeshBuilder) -> int:
        """Adds all faces of another builder, after those added so far; their number."""
        self._parts += other._parts
        return sum(len(part.corners if isinstance(part, _Batch) else part.counts) for part in other._parts)

    def build(self) -> Mesh:
        """The mesh of all faces added so far."""
        meshes: list[Mesh] = []
        batches: list[_Batch] = []
        for part in self._parts:
            if isinstance(part, _Batch):
                if len(part.corners):
                    batches.append(part)
                continue
            if batches:
                meshes.append(_assembled(batches))
                batches = []
            meshes.append(part)
        if batches:
            meshes.append(_assembled(batches))
        return meshes[0] if len(meshes) == 1 else Mesh.joined(meshes)


def _assembled(batches: Sequence[_Batch]) -> Mesh:
    """One mesh of one or more batches, which is much cheaper than a mesh of each."""
    many = np.array([len(batch.corners) for batch in batches])
    sides = np.array([batch.corners.shape[1] for batch in batches])
    counts = np.repeat(sides, many)
    corners = np.concatenate([batch.corners.reshape(-1, 3) for batch in batches]).astype(np.float64, copy=False)
    ends = np.cumsum(sides * many).tolist()
    normals, upright = np.full(corners.shape, np.nan), np.zeros((len(corners), 2))
    for batch, end in zip(batches, ends, strict=True):
        here = slice(end - batch.corners.shape[0] * batch.corners.shape[1], end)
        if batch.normals is not None:
            normals[here] = batch.normals.reshape(-1, 3)
        if batch.upright is not None:
            upright[here] = batch.upright.reshape(-1, 2)
    anchors = spread([np.zeros((1, 3)) if batch.anchors is None else batch.anchors for batch in batches], many)
    middles = np.repeat([batch.anchors is None for batch in batches], many)
    if middles.any():
        sums = np.add.reduceat(corners, np.cumsum(counts) - counts, axis=0)
        anchors[middles] = sums[middles] / counts[middles, None]
    return Mesh(
        corners=corners,
        normals=normals,
        upright=upright,
        counts=counts,
        colours=np.clip(spread([batch.colours for batch in batches], many), 0.0, 1.0),
        surfaces=spread([batch.surfaces for batch in batches], many),
        layers=np.repeat([batch.layer for batch in batches], many),
        anchors=anchors,
        solid=np.repeat([batch.solid for batch in batches], many),
        glows=spread([batch.glows for batch in batches], many),
    )


def spread(values: Sequence[npt.NDArray[T]], many: IntArray) -> npt.NDArray[T]:
    """Values (n or 1, …) of groups of n things each, one after the other; a single one stands for all things of its group."""
    lengths = np.fromiter(map(len, values), dtype=np.intp, count=len(values))
    repeats = np.ones(int(lengths.sum()), dtype=np.intp)
    single = lengths == 1
    repeats[(np.cumsum(lengths) - lengths)[single]] = many[single]
    return np.repeat(np.concatenate(values), repeats, axis=0)


def crossed(one: FloatArray, other: FloatArray) -> FloatArray:
    """(3, …) cross products of vectors (3, …), several times as fast as ``numpy.cross`` for few of them."""
    (a, b, c), (d, e, f) = one, other
    return np.stack([b * f - c * e, c * d - a * f, a * e - b * d])


def turned(points: FloatArray, angle: float) -> FloatArray:
    """Points (n, 3) turned by an angle in radians about the upright axis."""
    cos, sin = np.cos(angle), np.sin(angle)
    return times(points, np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]]))


def scaled(colour: Colour, share: float) -> Colour:
    """The colour with its brightness multiplied, at most white."""
    return (min(colour[0] * share, 1.0), min(colour[1] * share, 1.0), min(colour[2] * share, 1.0))


def mixed(one: Colour, other: Colour, share: float) -> Colour:
    """A mix of two colours with ``share`` of the second."""
    red, green, blue = (a + (b - a) * share for a, b in zip(one, other, strict=True))
    return (red, green, blue)
