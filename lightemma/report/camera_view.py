"""Planned and recorded paths as lines in the front camera's picture."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lightemma.camera import NEAR, polyline_in_picture, project, sized
from lightemma.frame import Camera, FloatArray


def paths_in_picture(
    camera: Camera, trajectories: Mapping[str, FloatArray], size: tuple[int, int]
) -> dict[str, list[FloatArray]]:
    """Where paths on the road run in a picture.

    The road is taken to be the plane z = 0 of the ego frame; a path starts at the car's own place, (0, 0).

    Args:
        camera: the front camera; see :func:`lightemma.camera.sized` for one that does not say its picture's size.
        trajectories: name -> (6, 2) metres, ego frame; NaN where there is no plan.
        size: width and height in pixels of the picture as it is displayed, which may be a scaled one.

    Returns:
        Name -> pieces of (k, 2) pixels, all inside the picture (the centre of its upper left pixel is (0, 0)); no pieces
        for a path that the camera does not see.
    """
    seen_by = sized(camera, size)
    return {name: polyline_in_picture(_on_road(path, start=True), seen_by) for name, path in trajectories.items()}


def points_in_picture(camera: Camera, trajectory: FloatArray, size: tuple[int, int]) -> FloatArray:
    """Where the points of one trajectory are in a picture.

    Args:
        camera: the front camera.
        trajectory: (6, 2) metres, ego frame.
        size: width and height in pixels of the picture as it is displayed.

    Returns:
        (6, 2) pixels, NaN for points that the camera does not see.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        seen = project(_on_road(trajectory), sized(camera, size))
        inside = (seen.pixels >= -0.5) & (seen.pixels <= np.array(size) - 0.5)
    visible = (seen.depth >= NEAR) & inside.all(axis=1)
    pixels: FloatArray = np.where(visible[:, None], seen.pixels, np.nan)
    return pixels


def boxes_in_picture(camera: Camera, corners: FloatArray, size: tuple[int, int]) -> list[FloatArray]:
    """Where the outlines of things on the road run in a picture.

    Args:
        camera: the front camera.
        corners: (k, 4, 2) metres, ego frame, in order around each box.
        size: width and height in pixels of the picture as it is displayed.

    Returns:
        Pieces of (k, 2) pixels, all inside the picture.
    """
    seen_by = sized(camera, size)
    closed = np.concatenate([corners, corners[:, :1]], axis=1)
    return [piece for box in closed for piece in polyline_in_picture(_on_road(box), seen_by)]


def _on_road(path: FloatArray, start: bool = False) -> FloatArray:
    """(n, 2) places as (n, 3) points on the ground, the car's own place before them if wanted."""
    flat = np.asarray(path, dtype=np.float64)
    if start:
        flat = np.vstack([np.zeros((1, 2)), flat])
    return np.column_stack([flat, np.zeros(len(flat))])
