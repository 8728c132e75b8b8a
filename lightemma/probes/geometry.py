"""Pictures as a turned or shifted camera would have taken them: homographies, and the field that all of them have in common.

A homography here takes pixels of the new picture to pixels of the recorded one, so that every new pixel has one source.
Pixels are those of :mod:`lightemma.camera`: the centre of the upper left one is (0, 0).

Turned: a camera that turns about its own centre sees the same rays, so the picture is exact whatever the scene holds
(Hartley and Zisserman, Multiple View Geometry, 2nd edition, section 8.4.2: H = K R K^-1).
Shifted: rays change with depth. The ground plane is exact (the same, section 13.1: H = K (R - t n^T / d) K^-1); whatever
stands on it leans, and above the horizon, infinitely far, nothing moves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from lightemma.camera import rotation_matrix, times
from lightemma.frame import Camera, FloatArray, PixelArray

_STEPS = 40


@dataclass(frozen=True, slots=True)
class Warp:
    """Where the pixels of a new picture come from.

    Attributes:
        ground: (3, 3) new pixel to recorded pixel.
        horizon: (3,) line in new pixels: where ``horizon @ (x, y, 1)`` is negative the pixel itself is taken; None if
            ``ground`` is for all.
    """

    ground: FloatArray
    horizon: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a picture that is kept, in pixels of the uncropped picture.

    Attributes:
        left: first column.
        top: first row.
        size: width and height.
    """

    left: int
    top: int
    size: tuple[int, int]


def turned(camera: Camera, angle: float) -> Warp:
    """The picture of a camera that is turned about its own centre and the vertical.

    Args:
        camera: with intrinsics of the picture's size.
        angle: radians, positive = left.
    """
    cos, sin = math.cos(angle), math.sin(angle)
    left = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
    axes = rotation_matrix(camera.rotation)
    # A direction of the turned camera, in the axes of the recorded one.
    turn = times(times(axes.T, left), axes)
    return Warp(times(times(camera.intrinsic, turn), _inverse(camera.intrinsic)))


def shifted(camera: Camera, left: float) -> Warp:
    """The picture of a camera that is moved sideways over level ground.

    Args:
        camera: with intrinsics of the picture's size.
        left: metres, positive = to the left.
    """
    axes = rotation_matrix(camera.rotation)
    move = times(np.array([[0.0, left, 0.0]]), axes)[0]
    down = times(np.array([[0.0, 0.0, -1.0]]), axes)[0]
    height = float(camera.translation[2])
    # X = X' + move for every point; on the ground down @ X' = height, which puts the move into a matrix.
    plane = np.eye(3) + np.outer(move, down) / height
    inverse = _inverse(camera.intrinsic)
    return Warp(times(times(camera.intrinsic, plane), inverse), times(down[None], inverse)[0])


def mirror_image(camera: Camera) -> Warp:
    """The picture that the same camera would have taken of the world with left and right exchanged.

    A ray of the mirrored world is the mirror image of one of the real world: H = K R^T S R K^-1 with S = diag(1, -1, 1) in the
    ego frame and R the camera's rotation. A camera that looks straight ahead, its principal point in the middle, gets the
    flipped picture; any other one stays what it is, instead of looking to the other side.

    Args:
        camera: with intrinsics of the picture's size; taken to be in the middle of the car.
    """
    axes = rotation_matrix(camera.rotation)
    sides = np.diag([1.0, -1.0, 1.0])
    turn = times(times(axes.T, sides), axes)
    return Warp(times(times(camera.intrinsic, turn), _inverse(camera.intrinsic)))


@dataclass(frozen=True, slots=True)
class Views:
    """Several pictures of one camera, with the field that they have in common.

    Attributes:
        warps: one per amount.
        window: the common field.
    """

    warps: tuple[Warp, ...]
    window: Window


def views(make: Callable[[Camera, float], Warp], camera: Camera, amounts: tuple[float, ...]) -> Views:
    """The pictures of a camera that is turned, or moved, by several amounts; kept, since many frames have one camera.

    Args:
        make: :func:`turned` or :func:`shifted`.
        camera: with intrinsics of the picture's size.
        amounts: radians, or metres.
    """
    arrays = (camera.intrinsic, camera.rotation, camera.translation)
    numbers = tuple(tuple(map(float, array.ravel())) for array in arrays)
    return _views(make, numbers, camera.size, amounts)


@lru_cache(maxsize=1024)
def _views(
    make: Callable[[Camera, float], Warp],
    numbers: tuple[tuple[float, ...], ...],
    size: tuple[int, int] | None,
    amounts: tuple[float, ...],
) -> Views:
    intrinsic, rotation, translation = (np.array(one) for one in numbers)
    camera = Camera(intrinsic.reshape(3, 3), rotation, translation, size)
    warps = tuple(make(camera, amount) for amount in amounts)
    return Views(warps, common_window(warps, camera))


def common_window(warps: Sequence[Warp], camera: Camera) -> Window:
    """The largest part, of the picture's own shape about the principal point, whose pixels all have a source in every warp.

    Args:
        warps: of one picture.
        camera: its camera; the size must be known.

    Raises:
        ValueError: if the camera does not say its size.
    """
    if camera.size is None:
        raise ValueError("a camera needs a size to say what is in its picture")
    width, height = camera.size
    centre = np.array([camera.intrinsic[0, 2], camera.intrinsic[1, 2]])
    low, high = np.array([-0.5, -0.5]), np.array([width - 0.5, height - 0.5])
    least, most = 0.0, 1.0
    for _ in range(_STEPS):
        scale = (least + most) / 2
        edges = np.array([centre + scale * (low - centre), centre + scale * (high - centre)])
        if all(_inside(warp, edges, low, high) for warp in warps):
            least = scale
        else:
            most = scale
    first = np.ceil(centre + least * (low - centre) + 0.5).astype(int)
    last = np.floor(centre + least * (high - centre) + 0.5).astype(int)
    size = np.maximum(last - first, 1)
    return Window(int(first[0]), int(first[1]), (int(size[0]), int(size[1])))


def cropped_camera(camera: Camera, window: Window) -> Camera:
    """The camera of a cropped picture: the same rays, counted from another corner."""
    intrinsic = np.array(camera.intrinsic, dtype=np.float64)
    intrinsic[0, 2] -= window.left
    intrinsic[1, 2] -= window.top
    return replace(camera, intrinsic=intrinsic, size=window.size)


def warped(pixels: PixelArray, warp: Warp, window: Window) -> PixelArray:
    """The new picture.

    Args:
        pixels: (h, w, 3) of the recorded one.
        warp: where the new pixels come from.
        window: the part that is kept.

    Returns:
        (height, width, 3) of the window, by bicubic interpolation.
    """
    corner = np.array([[1.0, 0.0, window.left], [0.0, 1.0, window.top], [0.0, 0.0, 1.0]])
    new = _resampled(pixels, times(warp.ground, corner), window.size)
    if warp.horizon is None:
        return new
    width, height = window.size
    columns = np.arange(width) + window.left
    rows = np.arange(height) + window.top
    x, y, one = warp.horizon.tolist()
    sky = x * columns[None, :] + y * rows[:, None] + one < 0
    same = pixels[window.top : window.top + height, window.left : window.left + width]
    return np.where(sky[:, :, None], same, new)


def outside(warp: Warp, size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """(height, width) True where a new picture of a picture's own size has no source in it."""
    width, height = size
    columns, rows = np.arange(width, dtype=np.float64)[None, :], np.arange(height, dtype=np.float64)[:, None]
    x, y, depth = (one[0] * columns + one[1] * rows + one[2] for one in warp.ground.tolist())
    with np.errstate(invalid="ignore", divide="ignore"):
        x, y = x / depth, y / depth
    inside = (depth > 0) & (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    found: npt.NDArray[np.bool_] = ~inside
    return found


def _resampled(pixels: PixelArray, matrix: FloatArray, size: tuple[int, int]) -> PixelArray:
    from PIL import Image

    # Pillow counts from the picture's edge: its centre of the first pixel is (0.5, 0.5).
    half = np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]])
    matrix = times(times(half, matrix), _inverse(half))
    matrix = matrix / matrix[2, 2]
    picture = Image.fromarray(pixels)
    done = picture.transform(size, Image.Transform.PERSPECTIVE, matrix.ravel()[:8].tolist(), Image.Resampling.BICUBIC)
    return np.asarray(done, dtype=np.uint8)


def _inside(warp: Warp, edges: FloatArray, low: FloatArray, high: FloatArray) -> bool:
    """Whether a rectangle, given by two corners, has all its sources in the picture."""
    (left, top), (right, bottom) = edges.tolist()
    corners = np.array([[left, top, 1.0], [right, top, 1.0], [left, bottom, 1.0], [right, bottom, 1.0]])
    if warp.horizon is not None:
        corners = corners[times(corners, warp.horizon[:, None])[:, 0] >= 0]
    sources = times(corners, warp.ground.T)
    if (sources[:, 2] <= 0).any():
        return False
    places = sources[:, :2] / sources[:, 2:]
    slack = 1e-6
    return bool((places >= low - slack).all() and (places <= high + slack).all())


def _inverse(matrix: FloatArray) -> FloatArray:
    """The inverse of a (3, 3) upper triangular matrix, the same to the last bit on every machine."""
    (a, b, c), (_, d, e), (_, _, f) = matrix.tolist()
    return np.array(
        [[1 / a, -b / (a * d), (b * e - c * d) / (a * d * f)], [0.0, 1 / d, -e / (d * f)], [0.0, 0.0, 1 / f]]
    )
