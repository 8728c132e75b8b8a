"""Corners of faces on their way to the canvas, as machine code; for where numba is installed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lightemma.frame import FloatArray
from lightemma.simulation.render.compiled import compiled
from lightemma.simulation.render.meshes.mesh import BoolArray, IntArray


@compiled
def project(
    points: FloatArray,
    turning: BoolArray,
    starts: IntArray,
    counts: IntArray,
    place: FloatArray,
    left: FloatArray,
    turn: FloatArray,
    rows: FloatArray,
    fine: int,
    near: float,
) -> tuple[FloatArray, npt.NDArray[np.float32], FloatArray, FloatArray, BoolArray, BoolArray]:
    """Where the corners of faces are in the picture; n corners, f faces.

    Args:
        points: (5, n) metres: corners in the world frame, and how far to the left and up they are in faces that turn.
        turning: (f,) whether the face turns to the camera.
        starts: (f,) index of its first corner.
        counts: (f,) corners.
        place: (3,) metres, world frame: the camera.
        left: (3,) unit vector across the car.
        turn: (3, 3) of directions in the world frame into camera axes.
        rows: (2, 3) of the camera's intrinsic matrix.
        fine: spots a pixel along each side.
        near: metres before the camera.

    Returns:
        (3, n) corners in camera axes, (n, 2) whole spots, (2, f) the lowest and (2, f) the highest pixel of each face,
        and of each whether a corner is nearer than ``near``, (f,), and whether one is farther, (f,).
    """
    corners, faces = points.shape[1], len(starts)
    seen, spots = np.empty((3, corners)), np.empty((corners, 2), dtype=np.float32)
    low, high = np.full((2, faces), np.inf), np.full((2, faces), -np.inf)
    behind, before = np.zeros(faces, dtype=np.bool_), np.zeros(faces, dtype=np.bool_)
    for face in range(faces):
        for at in range(starts[face], starts[face] + counts[face]):
            x, y, z = points[0, at] - place[0], points[1, at] - place[1], points[2, at] - place[2]
            if turning[face]:
                x, y, z = x + points[3, at] * left[0], y + points[3, at] * left[1], z + points[4, at]
            a = turn[0, 0] * x + turn[0, 1] * y + turn[0, 2] * z
            b = turn[1, 0] * x + turn[1, 1] * y + turn[1, 2] * z
            c = turn[2, 0] * x + turn[2, 1] * y + turn[2, 2] * z
            seen[0, at], seen[1, at], seen[2, at] = a, b, c
            if c < near:
                behind[face] = True
            elif c > near:
                before[face] = True
            depth = c if c > 0.0 else 1.0
            for axis in range(2):
                pixel = (rows[axis, 0] * a + rows[axis, 1] * b + rows[axis, 2] * c) / depth
                if pixel < low[axis, face]:
                    low[axis, face] = pixel
                if pixel > high[axis, face]:
                    high[axis, face] = pixel
                spots[at, axis] = np.floor((pixel + 0.5) * fine)
    return seen, spots, low, high, behind, before


@compiled
def cut(
    seen: FloatArray,
    begins: IntArray,
    ends: IntArray,
    rows: FloatArray,
    size: FloatArray,
    fine: int,
    near: float,
    huge: float,
) -> tuple[npt.NDArray[np.float32], IntArray]:
    """The parts of polygons before the camera and not far outside the picture.

    Args:
        seen: (3, n) corners in camera axes.
        begins: (f,) the first corner of each polygon.
        ends: (f,) one after its last corner.
        rows: (2, 3) of the camera's intrinsic matrix.
        size: (2,) the picture's width and height in pixels.
        fine: spots a pixel along each side.
        near: metres before the camera that are cut off.
        huge: picture lengths from the picture that are not cut off.

    Returns:
        (p, 2) whole spots of all parts, and (f,) how many each has.
    """
    # A plane adds one corner to what is convex, and at most one for each corner to anything else.
    longest = 1
    for face in range(len(begins)):
        longest = max(longest, ends[face] - begins[face])
    one, other = np.empty((32 * longest, 3)), np.empty((32 * longest, 3))
    spots, many = np.empty((32 * int(np.sum(ends - begins)), 2), dtype=np.float32), np.zeros(len(begins), dtype=np.intp)
    total = 0
    for face in range(len(begins)):
        left = ends[face] - begins[face]
        for at in range(left):
            for axis in range(3):
                one[at, axis] = seen[axis, begins[face] + at]
        left = _clip(one, other, left, 0.0, 0.0, 1.0, near)
        for axis in range(2):
            a, b, c = rows[axis]
            length, far = size[axis], False
            for at in range(left):
                x, y, z = one[at]
                far = far or abs(a * x + b * y + c * z) > huge * length * z
            if far:
                left = _clip(one, other, left, a, b, c + length, 0.0)
                left = _clip(one, other, left, -a, -b, 2.0 * length - c, 0.0)
        if left > 2:
            many[face] = left
            for at in range(left):
                x, y, z = one[at]
                for axis in range(2):
                    a, b, c = rows[axis]
                    spots[total, axis] = np.floor(((a * x + b * y + c * z) / z + 0.5) * fine)
                total += 1
    return spots[:total], many


@compiled
def _clip(points: FloatArray, spare: FloatArray, many: int, a: float, b: float, c: float, offset: float) -> int:
    """Leaves of a polygon (many, 3) what is on one side of a plane; as :func:`~lightemma.simulation.render.pinhole.clip`."""
    kept = 0
    for at in range(many):
        old = at - 1 if at > 0 else many - 1
        before = a * points[old, 0] + b * points[old, 1] + c * points[old, 2] - offset
        here = a * points[at, 0] + b * points[at, 1] + c * points[at, 2] - offset
        if (here >= 0.0) != (before >= 0.0):
            share = before / (before - here)
            for axis in range(3):
                spare[kept, axis] = points[old, axis] + (points[at, axis] - points[old, axis]) * share
            kept += 1
        if here >= 0.0:
            for axis in range(3):
                spare[kept, axis] = points[at, axis]
            kept += 1
    for at in range(kept):
        for axis in range(3):
            points[at, axis] = spare[at, axis]
    return kept
