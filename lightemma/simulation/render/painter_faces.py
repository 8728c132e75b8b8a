"""The painter's faces: meshes with everything about them that is the same in every picture, and those of one moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
        joined: (f,) whether the next face goes on from the second and third corner of this one in its plane, as bays of a wall do.
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
    apart = np.abs(mesh.corners[here + 1] - mesh.corners[there]) + np.abs(mesh.corners[here + 2] - mesh.corners[there + 3])
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
class Placement:
    """Where a shape is: its pose and metres up."""

    pose: Pose
    height: float


def placed(parts: Sequence[Faces], at: Sequence[Placement], eye: FloatArray) -> tuple[Faces, IntArray]:
    """Shapes made around their own origins, moved to their places: those of their faces that are not seen from behind.

    Args:
        parts: one or more shapes.
        at: the place of each.
        eye: (3,) metres, world frame: the camera.

    Returns:
        The faces in the world frame, and (f,) the number of the part that each is from.
    """
    many = [len(part.counts) for part in parts]
    whose = np.repeat(np.arange(len(parts)), many)
    places = np.array([(one.pose.x, one.pose.y, one.height) for one in at]).T
    headings = np.array([one.pose.heading for one in at])
    cos, sin = np.cos(headings), np.sin(headings)
    x, y, z = eye[:, None] - places
    whole = joined(parts)
    local = np.stack([cos * x + sin * y, cos * y - sin * x, z])
    kept = np.flatnonzero(whole.facing(local[:, whose]))
    faces, whose = whole.chosen(kept), whose[kept]
    corners = _moved(faces.corners, np.repeat(whose, faces.counts), cos, sin, places)
    normals = _moved(faces.normals, whose, cos, sin, None)
    first = corners[:, faces.starts]
    return (
        Faces(
            corners=corners,
            upright=faces.upright,
            counts=faces.counts,
            starts=faces.starts,
            colours=faces.colours,
            surfaces=faces.surfaces,
            layers=faces.layers,
            anchors=_moved(faces.anchors, whose, cos, sin, places),
            solid=faces.solid,
            glows=faces.glows,
            normals=normals,
            planes=normals[0] * first[0] + normals[1] * first[1] + normals[2] * first[2],
            turning=faces.turning,
            reach=faces.reach,
            joined=faces.joined,
        ),
        whose,
    )


def _moved(
    points: FloatArray, whose: IntArray, cos: FloatArray, sin: FloatArray, places: FloatArray | None
) -> FloatArray:
    """(3, n) points turned, and moved by places (3, t), each as the thing (n,) that it belongs to."""
    cos, sin = cos[whose], sin[whose]
    moved = np.empty_like(points)
    moved[0] = cos * points[0] - sin * points[1]
    moved[1] = sin * points[0] + cos * points[1]
    moved[2] = points[2]
    if places is not None:
        moved += places[:, whose]
    return moved


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
