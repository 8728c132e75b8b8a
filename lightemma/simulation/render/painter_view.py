"""Which faces the painter's camera sees, in which order, and in which colours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightemma.camera import project_seen, rotation_matrix, times, to_camera
from lightemma.frame import Camera, FloatArray, Pose
from lightemma.simulation.render.meshes.mesh import BoolArray, IntArray, Layer, Mesh, Surface, turned
from lightemma.simulation.render.palettes import Look, linear, shown
from lightemma.simulation.render.pinhole import clip

NEAR = 0.3
"""Metres in front of the camera; what is nearer is cut off."""

_HUGE = 16
"""Distance from the picture, in picture lengths, beyond which a face is cut before it is painted."""


@dataclass(frozen=True, slots=True)
class View:
    """The faces that may be seen, in the order of painting; v faces with w corners.

    Attributes:
        mesh: the faces.
        faces: (v,) their indices in the whole mesh.
        seen: (w, 3) corners in camera axes.
        pixels: (w, 2) corners in the picture.
        cut: (v,) whether the face reaches behind the near plane or very far out of the picture.
    """

    mesh: Mesh
    faces: IntArray
    seen: FloatArray
    pixels: FloatArray
    cut: BoolArray


@dataclass(frozen=True, slots=True)
class BesideView:
    """How far positions in the world are to the left or right of what a camera sees.

    Attributes:
        eye: (3,) metres, world frame: the camera.
        normals: (3, 2) unit vectors that point out of the view, through its left and its right edge.
    """

    eye: FloatArray
    normals: FloatArray

    def by(self, points: FloatArray) -> FloatArray:
        """(n,) metres by which points (n, 3) of the world frame are outside the view to its sides, negative within it."""
        out: FloatArray = np.max(times(points - self.eye, self.normals), axis=1)
        return out


def view_edges(camera: Camera, ego: Pose) -> BesideView:
    """The edges of a camera's view from a car at ``ego``; two pixels beyond the picture still count as seen."""
    assert camera.size is not None
    forward = np.array([0.0, 0.0, 1.0])
    # A column is (intrinsic[0] @ p) / depth, so "column < -2" is a plane through the camera.
    edges = np.array([-camera.intrinsic[0] - 2.0 * forward, camera.intrinsic[0] - (camera.size[0] + 2.0) * forward])
    edges /= np.linalg.norm(edges, axis=1, keepdims=True)
    normals = turned(times(edges, rotation_matrix(camera.rotation).T), ego.heading)
    eye = turned(camera.translation[None], ego.heading)[0] + np.array([ego.x, ego.y, 0.0])
    return BesideView(eye, normals.T)


def shape_reach(mesh: Mesh) -> float:
    """Metres from a shape's origin to its farthest corner, and a margin for rounding."""
    farthest = np.linalg.norm(mesh.corners, axis=1) + np.linalg.norm(mesh.upright, axis=1)
    return float(farthest.max(initial=0.0)) + 0.01


def view_of(whole: Mesh, camera: Camera) -> View | None:
    """The faces of a mesh in the ego frame that the camera may see; None if there are none."""
    if not len(whole.counts):
        return None
    axis = rotation_matrix(camera.rotation)[:, 2:]
    depth = times(whole.corners - camera.translation, axis)[:, 0]
    before = np.flatnonzero(np.maximum.reduceat(depth, whole.starts) > NEAR)
    if not len(before):
        return None
    mesh = whole.chosen(before)
    starts = mesh.starts
    outwards = np.sum(mesh.face_normals() * (camera.translation - mesh.corners[starts]), axis=1)
    seen = to_camera(mesh.corners, camera)
    pixels = np.nan_to_num(project_seen(seen, camera).pixels)
    low, high = np.minimum.reduceat(pixels, starts), np.maximum.reduceat(pixels, starts)
    reaches_behind = np.minimum.reduceat(seen[:, 2], starts) < NEAR
    assert camera.size is not None
    size = np.array(camera.size)
    outside = np.any((high < -1) | (low > size), axis=1)
    tiny = np.all(high - low < 0.55, axis=1) & (mesh.layers != Layer.STANDING)
    tiny |= np.all(high - low < 0.3, axis=1)
    # Pillow cuts off what leaves the picture, but its whole numbers must not be huge.
    cut = reaches_behind | np.any((low < -_HUGE * size) | (high > _HUGE * size), axis=1)
    wanted = (reaches_behind | ~(outside | tiny)) & (~mesh.solid | (outwards > 0))
    distance = np.linalg.norm((mesh.anchors - camera.translation)[:, :2], axis=1)
    order = np.lexsort((np.where(mesh.layers == Layer.STANDING, -distance, 0.0), mesh.layers))
    order = order[wanted[order]]
    rows = mesh.rows(order)
    return View(mesh.chosen(order), before[order], seen[rows], pixels[rows], cut[order])


def lit(mesh: Mesh, camera: Camera, look: Look, ego: Pose, street: FloatArray | None) -> FloatArray:
    """Shown colours (f, 3) of faces in the ego frame, after light and, for upright ones, haze."""
    normals = mesh.face_normals()
    away = mesh.anchors - camera.translation
    normals = normals * np.where(np.sum(normals * away, axis=1) > 0, -1.0, 1.0)[:, None]
    sun = turned(look.sun[None], -ego.heading)[0]
    facing = np.clip(times(normals, sun[:, None]), 0.0, 1.0)
    leaf = mesh.surfaces == Surface.LEAF
    facing[leaf] = 0.5
    hemisphere = np.where(leaf[:, None], 0.7, normals[:, 2:] * 0.5 + 0.5)
    below, above = np.array(look.below), np.array(look.above)
    flat = (mesh.layers < Layer.STANDING)[:, None]
    light = (
        below
        + (above - below) * np.where(flat, 1.0, hemisphere)
        + np.array(look.sunlight) * np.where(flat, look.sun[2], facing)
    )
    if street is not None:
        light = light + np.array([1.0, 0.74, 0.44]) * (0.5 * street[:, None]) * ~flat
        ahead, aside = mesh.anchors[:, 0] - 3.4, mesh.anchors[:, 1]
        beam = np.exp(-((aside / np.maximum(ahead, 1.0)) ** 2) * 9) / (1 + 0.002 * np.maximum(ahead, 0) ** 2)
        low = np.clip(1.4 - mesh.anchors[:, 2], 0, 1) * (ahead > 0) * np.clip(-normals[:, 0], 0, 1)
        light = light + np.array([1.0, 0.94, 0.82]) * (0.28 * beam * low)[:, None]
    dark = np.where(flat & (mesh.layers > Layer.GROUND)[:, None], 1.0 - 0.4 * look.wet, 1.0)
    colours = linear(mesh.colours) * (light * dark + mesh.glows[:, None])
    mirror = np.select([mesh.surfaces == Surface.GLASS, mesh.surfaces == Surface.PAINT], [0.13, 0.05], 0.0)
    mirror = np.where(mesh.glows > 0, 0.0, mirror)[:, None]
    colours = colours + (np.array(look.sky_low) - colours) * mirror
    distance = np.linalg.norm(away, axis=1)
    clear = np.maximum(np.exp(-distance / look.haze), np.minimum(mesh.glows * 0.06, 0.5))[:, None]
    hazed = np.array(look.sky_low) + (colours - np.array(look.sky_low)) * clear
    return shown(np.where(flat, colours, hazed), look.exposure)


def cut_to_view(polygon: FloatArray, camera: Camera) -> FloatArray:
    """The part of a (k, 3) polygon in camera axes beyond the near plane and not far outside the picture."""
    assert camera.size is not None
    width, height = camera.size
    forward = np.array([0.0, 0.0, 1.0])
    part = clip(polygon, forward, NEAR)
    # A column is (intrinsic[0] @ p) / depth, so "column >= -margin" is a plane through the camera; so are rows.
    for row, length in ((camera.intrinsic[0], width), (camera.intrinsic[1], height)):
        if len(part) and np.any(np.abs(part @ row) > _HUGE * length * part[:, 2]):
            part = clip(part, row + length * forward, 0.0)
            part = clip(part, 2 * length * forward - row, 0.0)
    return part
