"""Which faces the painter's camera sees, in which order, and in which colours."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lightemma.frame import Camera, FloatArray
from lightemma.simulation.render.compiled import compiler
from lightemma.simulation.render.meshes.mesh import BoolArray, IntArray, Layer, Surface
from lightemma.simulation.render.painter_faces import Eye, Faces
from lightemma.simulation.render.painter_hidden import Covered
from lightemma.simulation.render.palettes import Look, shown
from lightemma.simulation.render.pinhole import clip

NEAR = 0.3
"""Metres in front of the camera; what is nearer is cut off."""

HUGE = 16
"""Distance from the picture, in picture lengths, beyond which a face is cut before it is painted."""


@dataclass(frozen=True, slots=True)
class View:
    """The faces that may be seen; n corners, f faces, v of them to be painted.

    Attributes:
        faces: those near enough, in the world frame.
        seen: (3, n) corners in camera axes.
        order: (v,) indices of faces in the order of painting, without those that others cover.
        cut: (v,) whether the face reaches behind the near plane or very far out of the picture.
        spots: (n, 2) corners on a canvas with several spots a pixel, whole numbers (Pillow would cut off the fraction).
        fine: spots a pixel along each side.
    """

    faces: Faces
    seen: FloatArray
    order: IntArray
    cut: BoolArray
    spots: npt.NDArray[np.float32]
    fine: int


def view_edges(eye: Eye) -> FloatArray:
    """(2, 3) unit vectors, world frame, that point out of the view through its left and its right edge.

    Two pixels beyond the picture still count as seen.
    """
    camera = eye.camera
    assert camera.size is not None
    forward = np.array([0.0, 0.0, 1.0])
    # A column is (intrinsic[0] @ p) / depth, so "column < -2" is a plane through the camera.
    edges = np.array([-camera.intrinsic[0] - 2.0 * forward, camera.intrinsic[0] - (camera.size[0] + 2.0) * forward])
    edges /= np.linalg.norm(edges, axis=1, keepdims=True)
    turned_edges: FloatArray = edges @ eye.turn
    return turned_edges


def beside(edges: FloatArray, eye: Eye, points: FloatArray) -> FloatArray:
    """(n,) metres by which points (3, n) of the world frame are outside the view to its sides, negative within it."""
    x, y, z = points - eye.place[:, None]
    (a, b, c), (d, e, f) = edges.tolist()
    out: FloatArray = np.maximum(a * x + b * y + c * z, d * x + e * y + f * z)
    return out


def view_of(faces: Faces, eye: Eye, fine: int, covered: Covered | None = None, *, shadows: bool = True) -> View | None:
    """The faces that the camera may see; None if there are none.

    Args:
        faces: in the world frame, without solid ones seen from behind.
        eye: the camera.
        fine: spots a pixel along each side.
        covered: what cannot be seen.
        shadows: whether the transparent shadows under things are wanted.
    """
    if not len(faces.counts):
        return None
    camera, starts = eye.camera, faces.starts
    assert camera.size is not None
    if compiler() is None:
        seen, spots, low, high, behind, before = _projected(faces, eye, fine)
    else:
        from lightemma.simulation.render.painter_corners import project

        turns, rows = np.ascontiguousarray(eye.turn), camera.intrinsic[:2].astype(np.float64, order="C")
        seen, spots, low, high, behind, before = project(
            faces.points, faces.turning, starts, faces.counts, eye.place, eye.left, turns, rows, fine, NEAR
        )
    size = np.array(camera.size)[:, None]
    outside = np.any((high < -1) | (low > size), axis=0)
    extent = np.max(high - low, axis=0)
    tiny = extent < np.where(faces.layers == Layer.STANDING, 0.3, 0.55)
    # Pillow cuts off what leaves the picture, but its whole numbers must not be huge.
    cut = behind | np.any((low < -HUGE * size) | (high > HUGE * size), axis=0)
    wanted = before & (behind | ~(outside | tiny))
    if not shadows:
        wanted &= faces.layers != Layer.SHADOW
    kept = np.flatnonzero(wanted)
    if not len(kept):
        return None
    away = faces.anchors[:2, kept] - eye.place[:2, None]
    layers = faces.layers[kept]
    far = np.where(layers == Layer.STANDING, np.hypot(away[0], away[1]), np.inf)
    if covered is not None:
        shown_at_all = cut[kept] | (covered.distance(low[:, kept], high[:, kept]) >= far)
        kept, layers, far = kept[shown_at_all], layers[shown_at_all], far[shown_at_all]
    order = kept[np.lexsort((-far, layers))]
    return View(faces, seen, order, cut[order], spots, fine)


def _projected(
    faces: Faces, eye: Eye, fine: int
) -> tuple[FloatArray, npt.NDArray[np.float32], FloatArray, FloatArray, BoolArray, BoolArray]:
    """Where the corners of faces are in the picture; see :func:`~lightemma.simulation.render.painter_corners.project`."""
    camera, starts = eye.camera, faces.starts
    seen = _in_camera_axes(faces, eye)
    depth = np.where(seen[2] > 0.0, seen[2], 1.0)
    spots = np.empty((len(depth), 2), dtype=np.float32)
    low, high = np.empty((2, len(starts))), np.empty((2, len(starts)))
    for axis in range(2):
        a, b, c = camera.intrinsic[axis].tolist()
        pixels = (a * seen[0] + b * seen[1] + c * seen[2]) / depth
        low[axis] = np.minimum.reduceat(pixels, starts)
        high[axis] = np.maximum.reduceat(pixels, starts)
        pixels += 0.5
        pixels *= fine
        spots[:, axis] = np.floor(pixels, out=pixels)
    # Few corners are behind the near plane.
    at = np.flatnonzero(seen[2] <= NEAR)
    whose = np.searchsorted(starts, at, side="right") - 1
    before = np.bincount(whose, minlength=len(starts)) < faces.counts
    behind = np.zeros(len(starts), dtype=np.bool_)
    behind[whose[seen[2, at] < NEAR]] = True
    return seen, spots, low, high, behind, before


def _in_camera_axes(faces: Faces, eye: Eye) -> FloatArray:
    """(3, n) corners in camera axes, with the faces that turn to the camera turned."""
    x, y, z = faces.corners - eye.place[:, None]
    up = np.flatnonzero(np.repeat(faces.turning, faces.counts))
    if len(up):
        aside, high = faces.upright[:, up]
        x[up] += aside * eye.left[0]
        y[up] += aside * eye.left[1]
        z[up] += high
    seen = np.empty_like(faces.corners)
    for axis, (a, b, c) in enumerate(eye.turn.tolist()):
        seen[axis] = a * x + b * y + c * z
    return seen


def lit(view: View, eye: Eye, look: Look, street: FloatArray | None) -> FloatArray:
    """Shown colours (v, 3) of the faces to be painted, after light and, for upright ones, haze.

    Args:
        view: the faces.
        eye: the camera.
        look: light and weather.
        street: (v,) light of street lamps, where those are lit.
    """
    faces, order = view.faces, view.order
    values, (_, surfaces, layers) = faces.values.take(order, axis=1), faces.kinds.take(order, axis=1)
    colours, anchors, normals, glows = values[:3], values[3:6], values[6:9], values[11]
    away = anchors - eye.place[:, None]
    normals[:, faces.turning.take(order)] = -eye.ahead[:, None]
    towards = normals[0] * away[0] + normals[1] * away[1] + normals[2] * away[2]
    normals *= np.where(towards > 0, -1.0, 1.0)
    sun = look.sun.tolist()
    facing = np.clip(normals[0] * sun[0] + normals[1] * sun[1] + normals[2] * sun[2], 0.0, 1.0)
    leaf, flat = surfaces == Surface.LEAF, layers < Layer.STANDING
    facing[leaf], facing[flat] = 0.5, sun[2]
    hemisphere = normals[2] * 0.5 + 0.5
    hemisphere[leaf], hemisphere[flat] = 0.7, 1.0
    if street is not None:
        street = np.where(flat, 0.0, 0.5 * street)
        x, y = anchors[0] - eye.ego.x, anchors[1] - eye.ego.y
        ahead = eye.ahead[0] * x + eye.ahead[1] * y - 3.4
        aside = eye.left[0] * x + eye.left[1] * y
        beam = np.exp(-((aside / np.maximum(ahead, 1.0)) ** 2) * 9) / (1 + 0.002 * np.maximum(ahead, 0) ** 2)
        back = np.clip(-(eye.ahead[0] * normals[0] + eye.ahead[1] * normals[1]), 0, 1)
        beam *= 0.28 * np.clip(1.4 - anchors[2], 0, 1) * (ahead > 0) * back
    dark = np.where(flat & (layers > Layer.GROUND), 1.0 - 0.4 * look.wet, 1.0)
    mirror = np.where(surfaces == Surface.GLASS, 0.13, np.where(surfaces == Surface.PAINT, 0.05, 0.0))
    mirror[glows > 0] = 0.0
    clear = np.exp(-np.sqrt(away[0] ** 2 + away[1] ** 2 + away[2] ** 2) / look.haze)
    clear = np.maximum(clear, np.minimum(glows * 0.06, 0.5))
    clear[flat] = 1.0
    # Red, green and blue one after the other: numbers of faces in a row are much faster than three colours of each.
    for band in range(3):
        light = (look.above[band] - look.below[band]) * hemisphere + look.sunlight[band] * facing + look.below[band]
        if street is not None:
            light += (1.0, 0.74, 0.44)[band] * street + (1.0, 0.94, 0.82)[band] * beam
        colour, low = colours[band], look.sky_low[band]
        colour *= light * dark + glows
        colour += (low - colour) * mirror
        colour -= low
        colour *= clear
        colour += low
    return shown(colours, look.exposure).T


def cut_to_view(polygon: list[list[float]], camera: Camera) -> list[list[float]]:
    """The part of a polygon of k corners [x, y, z] in camera axes beyond the near plane and not far outside the picture."""
    assert camera.size is not None
    part = clip(polygon, (0.0, 0.0, 1.0), NEAR)
    # A column is (intrinsic[0] @ p) / depth, so "column >= -margin" is a plane through the camera; so are rows.
    for (a, b, c), length in zip(camera.intrinsic[:2].tolist(), camera.size, strict=True):
        if any(abs(a * x + b * y + c * z) > HUGE * length * z for x, y, z in part):
            part = clip(part, (a, b, c + length), 0.0)
            part = clip(part, (-a, -b, 2 * length - c), 0.0)
    return part


def flat_spots(part: list[list[float]], camera: Camera, fine: int) -> list[float]:
    """Columns and rows in turn of a polygon before the camera, in whole spots of which a pixel has ``fine`` along each side."""
    rows = camera.intrinsic[:2].tolist()
    return [math.floor(((a * x + b * y + c * z) / z + 0.5) * fine) for x, y, z in part for a, b, c in rows]
