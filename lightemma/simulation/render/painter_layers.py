"""Depth and identity of the painter's pixels: the faces are painted as numbers, in the order in which their colours are."""

from __future__ import annotations

import numpy as np

from lightemma.camera import rotation_matrix, times
from lightemma.frame import Camera, FloatArray, Pose
from lightemma.simulation.render.base import FARTHEST, GROUND, SKY, Layers
from lightemma.simulation.render.compiled import compiler
from lightemma.simulation.render.meshes.mesh import IntArray, Mesh
from lightemma.simulation.render.painter_faces import Eye, Faces, eye_of, faces_of
from lightemma.simulation.render.painter_hidden import Covered
from lightemma.simulation.render.painter_polygons import outlines, paint_polygons
from lightemma.simulation.render.painter_view import View, view_of

_FINE = 3
"""Spots painted per pixel along each side; the middle one counts, because a polygon is painted with its whole outline."""


def paint_layers(world: Mesh, owners: IntArray, camera: Camera, ego: Pose) -> Layers:
    """Depth and identity of every pixel.

    Args:
        world: faces in the world frame.
        owners: (f,) whose each is, see :data:`~lightemma.simulation.render.base.Ids`.
        camera: on the car, with the picture's size.
        ego: pose of the car.
    """
    eye, faces = eye_of(camera, ego), faces_of(world)
    shown = np.flatnonzero(faces.facing(eye.place))
    return paint_view(faces.chosen(shown), owners[shown], eye)


def paint_view(faces: Faces, owners: IntArray, eye: Eye, covered: Covered | None = None) -> Layers:
    """The same of faces without solid ones seen from behind, and without what is covered."""
    camera = eye.camera
    rays = _rays(camera)
    depth, ids = _bare(rays, camera)
    view = view_of(faces, eye, _FINE, covered, shadows=False)
    if view is not None:
        painted = _painted(view, camera)
        shown = painted >= 0
        depth[shown] = _depths(view, eye, painted[shown], rays[shown])
        ids[shown] = owners[view.order[painted[shown]]]
    return Layers(depth.astype(np.float32), ids.astype(np.int32))


def _rays(camera: Camera) -> FloatArray:
    """(h, w, 3) directions through the pixels' middles in camera axes, 1 m along the optical axis."""
    assert camera.size is not None
    columns, rows = np.meshgrid(
        np.arange(camera.size[0], dtype=np.float64), np.arange(camera.size[1], dtype=np.float64)
    )
    flat = np.column_stack([columns.ravel(), rows.ravel(), np.ones(columns.size)])
    inverse: FloatArray = np.asarray(np.linalg.inv(camera.intrinsic), dtype=np.float64)
    return times(flat, inverse.T).reshape(*columns.shape, 3)


def _bare(rays: FloatArray, camera: Camera) -> tuple[FloatArray, IntArray]:
    """Depth and identity where no face is: flat ground, and sky above it."""
    down = -times(rays.reshape(-1, 3), rotation_matrix(camera.rotation).T)[:, 2].reshape(rays.shape[:2])
    with np.errstate(divide="ignore"):
        depth = np.where(down > 0.0, camera.translation[2] / np.where(down > 0.0, down, 1.0), np.inf)
    depth[depth > FARTHEST] = np.inf
    return depth, np.where(np.isfinite(depth), GROUND, SKY)


def _painted(view: View, camera: Camera) -> IntArray:
    """(h, w) the face that is painted last at each pixel's middle, -1 for none."""
    assert camera.size is not None
    width, height = camera.size[0] * _FINE, camera.size[1] * _FINE
    if compiler() is not None:
        from lightemma.simulation.render.painter_rows import fill

        faces = np.full((height, width), -1, dtype=np.int32)
        fill(faces, *outlines(view, camera), np.arange(len(view.order), dtype=np.int32))
    else:
        from PIL import Image as Pictures
        from PIL import ImageDraw as Drawing

        image = Pictures.new("I", (width, height), 0)
        paint_polygons(Drawing.Draw(image).draw, view, camera, range(1, len(view.order) + 1))
        faces = np.asarray(image) - 1
    middles: IntArray = faces[_FINE // 2 :: _FINE, _FINE // 2 :: _FINE].astype(np.intp)
    return middles


def _depths(view: View, eye: Eye, painted: IntArray, rays: FloatArray) -> FloatArray:
    """(p,) metres at which rays meet the planes of their faces, (p,), within the face's own depths."""
    chosen = view.order
    normals, turning = view.faces.normals[:, chosen], view.faces.turning[chosen]
    normals[:, turning] = eye.ahead[:, None]
    normals = eye.turn @ normals
    levels = np.sum(normals * view.seen[:, view.faces.starts[chosen]], axis=0)
    steep = np.sum(normals[:, painted] * rays.T, axis=0)
    # A face that is seen along its edge has no depth of its own: any between its corners will do.
    meets = levels[painted] / np.where(np.abs(steep) < 1e-9, 1e-9, steep)
    faces = chosen[painted]
    starts = view.faces.starts
    nearest, farthest = np.minimum.reduceat(view.seen[2], starts), np.maximum.reduceat(view.seen[2], starts)
    depths: FloatArray = np.clip(meets, np.maximum(nearest[faces], 0.0), farthest[faces])
    return depths
