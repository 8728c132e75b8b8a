"""The geometry of a pinhole camera on the car: ego frame to camera axes to pixels, and which part of a line is in the picture.

Pixels: column and row, the centre of the upper left pixel is (0, 0), as nuScenes' calibrations have it. A picture of
width w and height h therefore reaches from -0.5 to w - 0.5 and from -0.5 to h - 0.5.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec
import numpy as np

from lightemma.frame import Camera, FloatArray

NEAR = 0.3
"""Metres in front of the camera; what is nearer is cut off."""

NUSCENES_SIZE = (1600, 900)
"""Pixels of nuScenes' cameras, which its archives leave out."""


class CameraEntry(msgspec.Struct, frozen=True):
    """A camera in files; see `lightemma.frame.Camera`."""

    intrinsic: list[list[float]]
    rotation: list[float]
    translation: list[float]
    size: tuple[int, int] | None = None

    @classmethod
    def of(cls, camera: Camera) -> CameraEntry:
        """The entry of a camera."""
        return cls(camera.intrinsic.tolist(), camera.rotation.tolist(), camera.translation.tolist(), camera.size)

    def camera(self) -> Camera:
        """The camera as frames have it."""
        return Camera(np.array(self.intrinsic), np.array(self.rotation), np.array(self.translation), self.size)


@dataclass(frozen=True, slots=True)
class Projected:
    """Points as a camera sees them.

    Attributes:
        pixels: (n, 2) column and row; NaN for points not before the camera.
        depth: (n,) metres along the optical axis; 0 or less is not before the camera.
    """

    pixels: FloatArray
    depth: FloatArray


def times(points: FloatArray, matrix: FloatArray) -> FloatArray:
    """``points @ matrix`` for (n, 3) points, the same to the last bit on every machine and on any number of cores."""
    x, y, z = points[:, 0], points[:, 1], points[:, 2]
    product = np.empty((len(points), matrix.shape[1]))
    for column, (a, b, c) in enumerate(matrix.T.tolist()):
        product[:, column] = a * x + b * y + c * z
    return product


def rotation_matrix(quaternion: FloatArray) -> FloatArray:
    """The (3, 3) rotation of a (4,) quaternion w, x, y, z, which need not be of unit length."""
    w, x, y, z = np.asarray(quaternion, dtype=np.float64) / np.linalg.norm(quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def to_camera(points: FloatArray, camera: Camera) -> FloatArray:
    """Points of the ego frame in camera axes (x right, y down, z forward).

    Args:
        points: (n, 3) metres, ego frame.
        camera: the camera on the car.

    Returns:
        (n, 3) metres.
    """
    # Multiplying rows by the matrix itself applies its inverse: the rotation turns camera axes into the ego frame.
    return times(np.asarray(points, dtype=np.float64) - camera.translation, rotation_matrix(camera.rotation))


def project(points: FloatArray, camera: Camera) -> Projected:
    """Where a pinhole camera sees points.

    Args:
        points: (n, 3) metres, ego frame (x forward, y left, z up, z = 0 on the road).
        camera: the camera on the car.

    Returns:
        (n, 2) pixels and (n,) metres of depth; pixels may be outside the picture.
    """
    return project_seen(to_camera(points, camera), camera)


def project_seen(seen: FloatArray, camera: Camera) -> Projected:
    """The same as :func:`project` for (n, 3) points in camera axes."""
    depth = seen[:, 2]
    ahead = depth > 0
    scaled = times(seen, camera.intrinsic[:2].T)
    pixels = np.where(ahead[:, None], scaled, np.nan) / np.where(ahead, depth, 1.0)[:, None]
    return Projected(pixels, depth)


def sized(camera: Camera, size: tuple[int, int]) -> Camera:
    """The camera as it sees a picture that has been scaled to ``size``.

    A camera that does not say its size is taken to belong to a picture of ``size``, if its principal point is near the
    middle of that; to one of nuScenes' 1600 x 900 pixels, if near the middle of that; else to ``size`` after all.

    Args:
        camera: the calibration as the data has it.
        size: width and height in pixels of the picture that is drawn on.

    Returns:
        The same camera with intrinsics for ``size``.
    """
    if camera.size is not None:
        native = camera.size
    else:
        native = next((guess for guess in (size, NUSCENES_SIZE) if _is_middle(camera, guess)), size)
    if native == size:
        return replace(camera, size=size)
    scale = np.array(size) / np.array(native)
    intrinsic = np.array(camera.intrinsic, dtype=np.float64)
    intrinsic[:2] *= scale[:, None]
    # Scaling keeps the picture's edge in place, and the edge is half a pixel before the first pixel's centre.
    intrinsic[:2, 2] += 0.5 * scale - 0.5
    return replace(camera, intrinsic=intrinsic, size=size)


def _is_middle(camera: Camera, size: tuple[int, int]) -> bool:
    # Cropping moves the middle up or down more than left or right: KITTI's is a third from the top.
    across, down = camera.intrinsic[0, 2] / size[0], camera.intrinsic[1, 2] / size[1]
    return bool(0.35 < across < 0.65 and 0.15 < down < 0.85)


def clip_polyline(points: FloatArray, normals: FloatArray, offsets: FloatArray) -> list[FloatArray]:
    """The parts of a polyline inside a convex region (Cyrus and Beck 1978; Liang and Barsky 1984 for a rectangle).

    Args:
        points: (n, d) corners in order; a segment with an end that is not finite is left out.
        normals: (m, d) normals of the region's borders, pointing inwards.
        offsets: (m,) points p with ``normals @ p >= offsets`` are inside.

    Returns:
        Pieces of (k, d) corners, k at least 2, in order.
    """
    # Plans come from models and may be anywhere, even at the largest floats.
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        heights = points @ normals.T - offsets
        starts, ends = heights[:-1], heights[1:]
        crossing = starts / (starts - ends)
    entering = np.where((starts < 0) & (ends >= 0), crossing, 0.0).max(axis=1, initial=0.0)
    leaving = np.where((starts >= 0) & (ends < 0), crossing, 1.0).min(axis=1, initial=1.0)
    outside = np.any((starts < 0) & (ends < 0), axis=1)
    finite = np.all(np.isfinite(heights), axis=1)
    kept = finite[:-1] & finite[1:] & ~outside & (entering <= leaving)
    pieces: list[list[FloatArray]] = []
    unbroken = False
    for index in np.flatnonzero(kept).tolist():
        first, step = points[index], points[index + 1] - points[index]
        begin, end = float(entering[index]), float(leaving[index])
        if not (unbroken and begin == 0.0 and kept[index - 1]):
            pieces.append([first + begin * step])
        pieces[-1].append(points[index + 1] if end == 1.0 else first + end * step)
        unbroken = end == 1.0
    return [np.array(piece) for piece in pieces]


def polyline_in_picture(points: FloatArray, camera: Camera, near: float = NEAR) -> list[FloatArray]:
    """The parts of a polyline in space that a camera sees.

    The line is cut in space, by the near plane and by the planes through the camera and the picture's edges, before it is
    divided by the depth. Straight lines stay straight in a pinhole camera, so no points need to be added between.

    Args:
        points: (n, 3) metres, ego frame.
        camera: the camera on the car; its ``size`` must be known.
        near: metres in front of the camera where the line is cut.

    Returns:
        Pieces of (k, 2) pixels, all inside the picture; none if nothing is seen.

    Raises:
        ValueError: if the camera does not say its size.
    """
    if camera.size is None:
        raise ValueError("a camera needs a size to say what is in its picture")
    width, height = camera.size
    forward = np.array([0.0, 0.0, 1.0])
    columns, rows = camera.intrinsic[0], camera.intrinsic[1]
    # A column is (intrinsic[0] @ p) / depth, so "column >= -0.5" is a plane through the camera; so are the other edges.
    normals = np.array(
        [
            forward,
            columns + 0.5 * forward,
            (width - 0.5) * forward - columns,
            rows + 0.5 * forward,
            (height - 0.5) * forward - rows,
        ]
    )
    offsets = np.array([near, 0.0, 0.0, 0.0, 0.0])
    with np.errstate(invalid="ignore", over="ignore"):
        seen = to_camera(points, camera)
    pieces = clip_polyline(seen, normals, offsets)
    # Rounding may leave a cut end slightly outside.
    upper = np.array([width - 0.5, height - 0.5])
    return [np.clip(project_seen(piece, camera).pixels, -0.5, upper) for piece in pieces]
