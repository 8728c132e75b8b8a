"""The painter's faces: meshes with everything about them that is the same in every picture, and those of one moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lightemma.camera import rotation_matrix, times
from lightemma.frame import Camera, FloatArray, Pose
from lightemma.simulation.render.meshes.mesh import BoolArray, IntArray, Layer, Mesh, turned
from lightemma.simulation.render.palettes import linear

_WALL = (1.0, 2.5)
"""Metres beyond which the shorter and the longer side of a wall's bay are."""


@dataclass(frozen=True, slots=True)
class Faces:
    """Flat faces as the painter takes them; n corners, f faces. What :class:`Mesh` says holds for what has its names.

    Numbers of one kind are in one array, because faces are chosen and joined several times for each picture.

    Attributes:
        points: (5, n) metres: corners, and how far they are to the left and up in faces that turn to the camera.
        values: (12, f): colours, anchors, normals, planes, reach and glows.
        kinds: (3, f) counts, surfaces and layers.
        flags: (4, f) solid, turning, joined and wide.
        starts: (f,) index of each face's first corner.
    """

    points: FloatArray
    values: FloatArray
    kinds: IntArray
    flags: BoolArray
    starts: IntArray

    @property
    def corners(self) -> FloatArray:
        """(3, n) metres."""
        return self.points[:3]

    @property
    def upright(self) -> FloatArray:
        """(2, n) metres."""
        return self.points[3:]

    @property
    def colours(self) -> FloatArray:
        """(3, f) linear."""
        return self.values[:3]

    @property
    def anchors(self) -> FloatArray:
        """(3, f) metres."""
        return self.values[3:6]

    @property
    def normals(self) -> FloatArray:
        """(3, f) unit vectors; of faces that always turn to the camera they mean nothing."""
        return self.values[6:9]

    @property
    def planes(self) -> FloatArray:
        """(f,) metres: the normal times any corner."""
        planes: FloatArray = self.values[9]
        return planes

    @property
    def reach(self) -> FloatArray:
        """(f,) metres from the anchor to the farthest corner."""
        reach: FloatArray = self.values[10]
        return reach

    @property
    def glows(self) -> FloatArray:
        """(f,) emitted light."""
        glows: FloatArray = self.values[11]
        return glows

    @property
    def counts(self) -> IntArray:
        """(f,) corners."""
        counts: IntArray = self.kinds[0]
        return counts

    @property
    def surfaces(self) -> IntArray:
        """(f,) values of ``Surface``."""
        surfaces: IntArray = self.kinds[1]
        return surfaces

    @property
    def layers(self) -> IntArray:
        """(f,) values of ``Layer``."""
        layers: IntArray = self.kinds[2]
        return layers

    @property
    def solid(self) -> BoolArray:
        """(f,) whether it is unseen from behind."""
        solid: BoolArray = self.flags[0]
        return solid

    @property
    def turning(self) -> BoolArray:
        """(f,) whether the face always turns to the camera."""
        turning: BoolArray = self.flags[1]
        return turning

    @property
    def joined(self) -> BoolArray:
        """(f,) whether the next face goes on where this one ends, in its plane, as bays of a wall do."""
        joined: BoolArray = self.flags[2]
        return joined

    @property
    def wide(self) -> BoolArray:
        """(f,) whether it is upright, unseen from behind and has four corners far enough apart to hide much, as walls do."""
        wide: BoolArray = self.flags[3]
        return wide

    @property
    def size(self) -> int:
        """Bytes of all numbers."""
        return sum(one.nbytes for one in (self.points, self.values, self.kinds, self.flags, self.starts))

    def between(self, first: int, end: int) -> Faces:
        """The faces from ``first`` to before ``end``, none of them joined to the next; numbers are shared where possible."""
        starts = self.starts[first:end]
        corners = slice(int(starts[0]), int(starts[-1] + self.counts[end - 1])) if len(starts) else slice(0, 0)
        flags = self.flags[:, first:end].copy()
        flags[2, -1:] = False
        flags.flags.writeable = False
        return Faces(
            self.points[:, corners],
            self.values[:, first:end],
            self.kinds[:, first:end],
            flags,
            starts - corners.start,
        )

    def rows(self, chosen: IntArray) -> IntArray:
        """(w,) indices of the corners of these (v,) faces, one face after the other."""
        counts = self.counts[chosen]
        firsts = np.cumsum(counts) - counts
        rows: IntArray = np.repeat(self.starts[chosen] - firsts, counts) + np.arange(int(counts.sum()))
        return rows

    def facing(self, eye: FloatArray) -> BoolArray:
        """(f,) false for those that are solid and seen from behind, from a point (3,) or from one (3, f) for each."""
        x, y, z = self.normals
        shown: BoolArray = ~self.solid | (x * eye[0] + y * eye[1] + z * eye[2] > self.planes)
        return shown

    def chosen(self, faces: IntArray) -> Faces:
        """Some of the faces, by their (v,) indices, in that order."""
        kinds, flags = self.kinds.take(faces, axis=1), self.flags.take(faces, axis=1)
        joins = flags[2]
        joins[:-1] &= faces[1:] == faces[:-1] + 1
        joins[-1:] = False
        points, values = self.points.take(self.rows(faces), axis=1), self.values.take(faces, axis=1)
        return Faces(points, values, kinds, flags, np.cumsum(kinds[0]) - kinds[0])


def faces_of(mesh: Mesh, *, walls: bool = True) -> Faces:
    """The faces of a mesh, in their order; ``walls``: whether it is asked which of them are joined and wide."""
    starts, counts = mesh.starts, mesh.counts
    normals = mesh.face_normals()
    far = mesh.corners - np.repeat(mesh.anchors, counts, axis=0)
    far = np.sqrt(far[:, 0] ** 2 + far[:, 1] ** 2 + far[:, 2] ** 2)
    stands = (mesh.upright[:, 0] != 0.0) | (mesh.upright[:, 1] != 0.0)
    first = mesh.corners[starts]
    values, flags = np.empty((12, len(counts))), np.zeros((4, len(counts)), dtype=np.bool_)
    values[:3], values[3:6], values[6:9] = linear(mesh.colours).T, mesh.anchors.T, normals.T
    values[9] = normals[:, 0] * first[:, 0] + normals[:, 1] * first[:, 1] + normals[:, 2] * first[:, 2]
    values[11] = mesh.glows
    flags[0] = mesh.solid
    if walls:
        flags[2], flags[3] = _joins(mesh, normals), _wide(mesh)
    if len(counts):
        values[10] = np.maximum.reduceat(far, starts)
        flags[1] = np.logical_or.reduceat(stands, starts)
    points = np.concatenate([mesh.corners.T, mesh.upright.T])
    return Faces(points, values, np.stack([counts, mesh.surfaces, mesh.layers]), flags, starts)


def _joins(mesh: Mesh, normals: FloatArray) -> BoolArray:
    """(f,) whether the next face goes on where a face ends; see :attr:`Faces.joined`."""
    joins = np.zeros(len(mesh.counts), dtype=np.bool_)
    pairs = mesh.solid & (mesh.counts == 4)
    first = np.flatnonzero(pairs[:-1] & pairs[1:])
    here, there = mesh.starts[first], mesh.starts[first + 1]
    apart = np.abs(mesh.corners[here + 1] - mesh.corners[there]) + np.abs(
        mesh.corners[here + 2] - mesh.corners[there + 3]
    )
    bent = np.abs(normals[first] - normals[first + 1])
    joins[first] = np.all((apart < 1e-6) & (bent < 1e-6), axis=1)
    return joins


def _wide(mesh: Mesh) -> BoolArray:
    """(f,) which faces may hide much; see :attr:`Faces.wide`. Windows do not: the wall around them is as near."""
    wide = np.zeros(len(mesh.counts), dtype=np.bool_)
    sheets = np.flatnonzero(mesh.solid & (mesh.counts == 4) & (mesh.layers == Layer.STANDING))
    first, second, third = (mesh.corners[mesh.starts[sheets] + corner] for corner in range(3))
    sides = np.sqrt([np.sum((second - first) ** 2, axis=1), np.sum((third - second) ** 2, axis=1)])
    wide[sheets] = (sides.min(axis=0) > _WALL[0]) & (sides.max(axis=0) > _WALL[1])
    return wide


def joined(parts: Sequence[Faces]) -> Faces:
    """The faces of one or more parts, in their order."""
    if len(parts) == 1:
        return parts[0]
    kinds = np.concatenate([part.kinds for part in parts], axis=1)
    return Faces(
        points=np.concatenate([part.points for part in parts], axis=1),
        values=np.concatenate([part.values for part in parts], axis=1),
        kinds=kinds,
        flags=np.concatenate([part.flags for part in parts], axis=1),
        starts=np.cumsum(kinds[0]) - kinds[0],
    )


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are; t of them.

    Attributes:
        at: (3, t) metres, world frame.
        cos: (t,) of their headings.
        sin: (t,) of their headings.
    """

    at: FloatArray
    cos: FloatArray
    sin: FloatArray

    @staticmethod
    def of(poses: Sequence[tuple[Pose, float]]) -> Places:
        """Those of poses and metres up."""
        x, y, z, heading = np.array([(one.x, one.y, up, one.heading) for one, up in poses]).reshape(-1, 4).T
        return Places(np.stack([x, y, z]), np.cos(heading), np.sin(heading))

    def chosen(self, things: IntArray) -> Places:
        """Some of them, by their numbers; the same may come several times."""
        return Places(self.at[:, things], self.cos[things], self.sin[things])

    def turned(self, points: FloatArray) -> FloatArray:
        """(3, t) one direction of each thing's own frame in the world frame."""
        x, y, z = points
        return np.stack([self.cos * x - self.sin * y, self.sin * x + self.cos * y, z])

    def moved(self, points: FloatArray) -> FloatArray:
        """(3, t) one point of each thing's own frame in the world frame."""
        moved = self.turned(points)
        moved += self.at
        return moved

    def seen(self, point: FloatArray) -> FloatArray:
        """(3, t) a (3,) point of the world in each thing's own frame."""
        x, y, z = point[:, None] - self.at
        return np.stack([self.cos * x + self.sin * y, self.cos * y - self.sin * x, z])


def placed(parts: Sequence[Faces], places: Places, eye: FloatArray) -> tuple[Faces, IntArray]:
    """Shapes made around their own origins, moved to their places: those of their faces that are not seen from behind.

    Args:
        parts: t shapes, at least one.
        places: of each.
        eye: (3,) metres, world frame: the camera.

    Returns:
        The faces in the world frame, and (f,) the number of the part that each is from.
    """
    whose = np.repeat(np.arange(len(parts)), [len(part.counts) for part in parts])
    whole = joined(parts)
    kept = np.flatnonzero(whole.facing(places.seen(eye)[:, whose]))
    faces, whose = whole.chosen(kept), whose[kept]
    of_faces, of_corners = places.chosen(whose), places.chosen(np.repeat(whose, faces.counts))
    # The faces that have just been chosen are nobody else's.
    faces.points[:3] = of_corners.moved(faces.corners)
    normals, (x, y, z) = of_faces.turned(faces.normals), faces.corners[:, faces.starts]
    faces.values[3:6], faces.values[6:9] = of_faces.moved(faces.anchors), normals
    faces.values[9] = normals[0] * x + normals[1] * y + normals[2] * z
    return faces, whose


@dataclass(frozen=True, slots=True)
class Eye:
    """A camera on a car in the world.

    Attributes:
        camera: on the car, with the picture's size.
        ego: the car.
        place: (3,) metres, world frame.
        turn: (3, 3) of directions in the world frame into camera axes.
        ahead: (3,) unit vector, world frame, along the car.
        left: (3,) unit vector, world frame, across it.
    """

    camera: Camera
    ego: Pose
    place: FloatArray
    turn: FloatArray
    ahead: FloatArray
    left: FloatArray


def eye_of(camera: Camera, ego: Pose) -> Eye:
    """The camera's position and directions for a car at ``ego``."""
    place = turned(camera.translation[None], ego.heading)[0] + np.array([ego.x, ego.y, 0.0])
    ahead = np.array([np.cos(ego.heading), np.sin(ego.heading), 0.0])
    left = np.array([-ahead[1], ahead[0], 0.0])
    # Rows are directions of the world in the ego frame; multiplying them by the rotation gives them in camera axes.
    world = np.array([[ahead[0], left[0], 0.0], [ahead[1], left[1], 0.0], [0.0, 0.0, 1.0]])
    return Eye(camera, ego, place, np.ascontiguousarray(times(world, rotation_matrix(camera.rotation)).T), ahead, left)
