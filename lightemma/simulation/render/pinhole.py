"""The front camera as a pinhole camera, at any picture size."""

from __future__ import annotations

import numpy as np

from lightemma.camera import sized
from lightemma.errors import UserError
from lightemma.frame import Camera

FULL_SIZE = (1600, 900)
"""Width and height in pixels of a nuScenes picture."""

_FOCAL, _COLUMN, _ROW = 1266.4, 816.3, 491.5
_LARGEST = 4096


def front_camera(size: tuple[int, int] = FULL_SIZE) -> Camera:
    """The front camera of nuScenes: its focal length and principal point, 1.7 m before the rear axle, 1.5 m up, looking ahead.

    Args:
        size: width and height of the picture in pixels, 16 to 9.

    Raises:
        UserError: if no picture can have this size.
    """
    full = Camera(
        intrinsic=np.array([[_FOCAL, 0.0, _COLUMN], [0.0, _FOCAL, _ROW], [0.0, 0.0, 1.0]]),
        # Camera axes (x right, y down, z ahead) into the ego frame (x ahead, y left, z up).
        rotation=np.array([0.5, -0.5, 0.5, -0.5]),
        translation=np.array([1.7, 0.0, 1.5]),
        size=FULL_SIZE,
    )
    return drawn_at(full, size)


def drawn_at(camera: Camera, size: tuple[int, int]) -> Camera:
    """The same camera with a picture of another size that can be drawn: the same view on coarser or finer pixels.

    Args:
        camera: a camera; for one without a size see :func:`lightemma.camera.sized`.
        size: width and height in pixels.

    Raises:
        UserError: if no picture can have this size, or its shape is not the camera's.
    """
    width, height = size
    if not (32 <= width <= _LARGEST and 18 <= height <= _LARGEST):
        raise UserError(
            f"a picture of {width} x {height} pixels cannot be drawn; ask for 32 x 18 to {_LARGEST} x {_LARGEST}."
        )
    if camera.size is not None and abs(width * camera.size[1] / camera.size[0] - height) > 1.0:
        full = f"{camera.size[0]} x {camera.size[1]}"
        raise UserError(
            f"a picture of {width} x {height} pixels has another shape than the camera's {full}; keep 16 : 9."
        )
    return sized(camera, size)


def clip(polygon: list[list[float]], normal: tuple[float, float, float], offset: float) -> list[list[float]]:
    """The part of a polygon on one side of a plane (Sutherland and Hodgman, 1974).

    Args:
        polygon: k corners [x, y, z] in order; plain numbers, which for four corners or so are faster than arrays.
        normal: normal of the plane, pointing to the side that is kept.
        offset: points p with ``normal @ p >= offset`` are kept.

    Returns:
        The corners in the same order; none if nothing is left.
    """
    a, b, c = normal
    heights = [a * x + b * y + c * z - offset for x, y, z in polygon]
    if not heights or min(heights) >= 0:
        return polygon
    kept = []
    old, before = polygon[-1], heights[-1]
    for new, here in zip(polygon, heights, strict=True):
        if (here >= 0) != (before >= 0):
            share = before / (before - here)
            kept.append([first + (second - first) * share for first, second in zip(old, new, strict=True)])
        if here >= 0:
            kept.append(new)
        old, before = new, here
    return kept
