"""Depth and identity of the painter's pixels: the faces are painted as numbers, in the order in which their colours are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lightemma.camera import project_seen, rotation_matrix, times
from lightemma.frame import Camera, FloatArray, Pose
from lightemma.simulation.render.base import FARTHEST, GROUND, SKY, Layers
from lightemma.simulation.render.meshes.mesh import IntArray, Layer, Mesh
from lightemma.simulation.render.painter_view import View, cut_to_view, view_of

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
    assert camera.size is not None
    body = np.flatnonzero(world.layers != Layer.SHADOW)
    view = view_of(world.chosen(body).seen_from(ego).standing_up(), camera)
    rays = _rays(camera)
    depth, ids = _bare(rays, camera)
    if view is None:
        return Layers(depth.astype(np.float32), ids.astype(np.int32))
    faces = _painted(view, camera)
    shown = faces >= 0
    depth[shown] = _depths(view, faces[shown], rays[shown])
    ids[shown] = owners[body][view.faces[faces[shown]]]
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
    from PIL import Image as Pictures
    from PIL import ImageDraw

    assert camera.size is not None
    image = Pictures.new("I", (camera.size[0] * _FINE, camera.size[1] * _FINE), 0)
    draw = ImageDraw.Draw(image)
    spots = _spots(view.pixels).ravel().tolist()
    first = 0
    for index, (last, cut) in enumerate(
        zip((2 * np.cumsum(view.mesh.counts)).tolist(), view.cut.tolist(), strict=True), start=1
    ):
        if not cut:
            draw.polygon(spots[first:last], fill=index)
        else:
            part = cut_to_view(view.seen[first // 2 : last // 2], camera)
            if len(part) > 2:
                draw.polygon(_spots(project_seen(part, camera).pixels).ravel().tolist(), fill=index)
        first = last
    faces: IntArray = np.asarray(image)[_FINE // 2 :: _FINE, _FINE // 2 :: _FINE].astype(np.intp) - 1
    return faces


def _spots(pixels: FloatArray) -> FloatArray:
    spots: FloatArray = np.floor((pixels + 0.5) * _FINE)
    return spots


def _depths(view: View, faces: IntArray, rays: FloatArray) -> FloatArray:
    """(p,) metres at which rays meet the planes of their faces, (p,), within the face's own depths."""
    starts = view.mesh.starts
    normals = replace(view.mesh, corners=view.seen).face_normals()
    levels = np.sum(normals * view.seen[starts], axis=1)
    nearest = np.minimum.reduceat(view.seen[:, 2], starts)
    farthest = np.maximum.reduceat(view.seen[:, 2], starts)
    steep = np.sum(normals[faces] * rays, axis=1)
    # A face that is seen along its edge has no depth of its own: any between its corners will do.
    meets = levels[faces] / np.where(np.abs(steep) < 1e-9, 1e-9, steep)
    depths: FloatArray = np.clip(meets, np.maximum(nearest[faces], 0.0), farthest[faces])
    return depths
