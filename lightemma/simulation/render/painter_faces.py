"""The painter's faces: meshes with everything about them that is the same in every picture, and those of one moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lightemma.camera import rotation_matrix, times
from lightemma.frame import Camera, FloatArray, Pose
from lightemma.simulation.render.meshes.mesh import BoolArray, IntArray, Mesh, turned
from lightemma.simulation.render.palettes import linear


@dataclass(frozen=True, slots=True)
class Faces:
    """Flat faces as the painter takes them; n corners, f faces. What :class:`Mesh` says holds for what has its names.

    Attributes:
        corners: (3, n) metres.
        upright: (2, n) metres.
        counts: (f,).
        starts: (f,) index of each face's first corner.
        colours: (f, 3) linear.
        surfaces: (f,).
        layers: (f,).
        anchors: (3, f) metres.
        solid: (f,).
        glows: (f,).
        normals: (3, f) unit vectors; of faces that always turn to the camera they mean nothing.
        planes: (f,) metres: the normal times any corner.
        turning: (f,) whether the face always turns to the camera.
        reach: (f,) metres from the anchor to the farthest corner.
        joined: (f,) whether the next face goes on where this one ends, in its plane, as bays of a wall do.
    """

    corners: FloatArray
    upright: FloatArray
    counts: IntArray
    starts: IntArray
    colours: FloatArray
    surfaces: IntArray
    layers: IntArray
    anchors: FloatArray
    solid: BoolArray
    glows: FloatArray
    normals: FloatArray
    planes: FloatArray
    turning: BoolArray
    reach: FloatArray
    joined: BoolArray

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
        rows, counts = self.rows(faces), self.counts[faces]
        joins = self.joined[faces]
        joins[:-1] &= faces[1:] == faces[:-1] + 1
        joins[-1:] = False
        return Faces(
            corners=self.corners[:, rows],
            upright=self.upright[:, rows],
            counts=counts,
            starts=np.cumsum(counts) - counts,
            colours=self.colours[faces],
            surfaces=self.surfaces[faces],
            layers=self.layers[faces],
            anchors=self.anchors[:, faces],
            solid=self.solid[faces],
            glows=self.glows[faces],
            normals=self.normals[:, faces],
            planes=self.planes[faces],
            turning=self.turning[faces],
            reach=self.reach[faces],
            joined=joins,
        )


def faces_of(mesh: Mesh) -> Faces:
    """The faces of a mesh, in their order."""
    starts = mesh.starts
    normals = mesh.face_normals()
    far = np.linalg.norm(mesh.corners - np.repeat(mesh.anchors, mesh.counts, axis=0), axis=1)
    stands = np.any(mesh.upright != 0.0, axis=1)
    some = len(starts) > 0
    return Faces(
        corners=np.ascontiguousarray(mesh.corners.T),
        upright=np.ascontiguousarray(mesh.upright.T),
        counts=mesh.counts,
        starts=starts,
        colours=linear(mesh.colours),
        surfaces=mesh.surfaces,
        layers=mesh.layers,
        anchors=np.ascontiguousarray(mesh.anchors.T),
        solid=mesh.solid,
        glows=mesh.glows,
        normals=np.ascontiguousarray(normals.T),
        planes=np.sum(normals * mesh.corners[starts], axis=1),
        turning=np.logical_or.reduceat(stands, starts) if some else np.empty(0, dtype=np.bool_),
        reach=np.maximum.reduceat(far, starts) if some else np.empty(0),
        joined=_joins(mesh, normals),
    )


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


def joined(parts: Sequence[Faces]) -> Faces:
    """The faces of one or more parts, in their order."""
    if len(parts) == 1:
        return parts[0]
    counts = np.concatenate([part.counts for part in parts])
    return Faces(
        corners=np.concatenate([part.corners for part in parts], axis=1),
        upright=np.concatenate([part.upright for part in parts], axis=1),
        counts=counts,
        starts=np.cumsum(counts) - counts,
        colours=np.concatenate([part.colours for part in parts]),
        surfaces=np.concatenate([part.surfaces for part in parts]),
        layers=np.concatenate([part.layers for part in parts]),
        anchors=np.concatenate([part.anchors for part in parts], axis=1),
        solid=np.concatenate([part.solid for part in parts]),
        glows=np.concatenate([part.glows for part in parts]),
        normals=np.concatenate([part.normals for part in parts], axis=1),
        planes=np.concatenate([part.planes for part in parts]),
        turning=np.concatenate([part.turning for part in parts]),
        reach=np.concatenate([part.reach for part in parts]),
        joined=np.concatenate([part.joined for part in parts]),
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
    corners, normals = of_corners.moved(faces.corners), of_faces.turned(faces.normals)
    x, y, z = corners[:, faces.starts]
    planes = normals[0] * x + normals[1] * y + normals[2] * z
    anchors = of_faces.moved(faces.anchors)
    return replace(faces, corners=corners, normals=normals, planes=planes, anchors=anchors), whose


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
