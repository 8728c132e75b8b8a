"""Paints pictures of a simple world through a true pinhole camera: coloured faces, haze, painter's algorithm."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from lightemma.camera import NEAR, project_seen, rotation_matrix, times, to_camera
from lightemma.camera import project as project  # noqa: PLC0414 - whoever paints also wants to know where
from lightemma.data.demo_mesh import BoolArray, Colour, Layer, Mesh, turned
from lightemma.frame import Camera, FloatArray

_HUGE = 16
"""Pictures' lengths outside of the picture from which a face is cut before it is painted."""


@dataclass(frozen=True, slots=True)
class Look:
    """Weather and light of a picture.

    Attributes:
        sky_high: colour 40 degrees and more above the horizon.
        sky_low: colour at the horizon, which far things fade into.
        ground: colour of the ground where nothing lies on it.
        haze: metres after which 63 % of a thing's colour has become ``sky_low``.
        sun: (3,) unit vector towards the sun, in the frame of the mesh that is painted.
        shade: brightness of a face that gets no sun, 0 … 1.
    """

    sky_high: Colour
    sky_low: Colour
    ground: Colour
    haze: float
    sun: FloatArray
    shade: float = 0.68

    def seen_from(self, heading: float) -> Look:
        """The same light in the frame of a car with this heading in radians."""
        return replace(self, sun=turned(self.sun[None], -heading)[0])


def clip(polygon: FloatArray, normal: FloatArray, offset: float) -> FloatArray:
    """The part of a polygon on one side of a plane (Sutherland and Hodgman, 1974).

    Args:
        polygon: (k, 3) corners in order.
        normal: (3,) normal of the plane, pointing to the side that is kept.
        offset: points p with ``normal @ p >= offset`` are kept.

    Returns:
        (m, 3) corners in the same order; m is 0 if nothing is left.
    """
    height = (polygon @ normal - offset).tolist()
    if all(here >= 0 for here in height):
        return polygon
    # Plain numbers: with four corners or so they are faster than arrays.
    points = polygon.tolist()
    kept = []
    for index, here in enumerate(height):
        before = height[index - 1]
        if (here >= 0) != (before >= 0):
            share = before / (before - here)
            kept.append([old + (new - old) * share for old, new in zip(points[index - 1], points[index], strict=True)])
        if here >= 0:
            kept.append(points[index])
    return np.array(kept).reshape(-1, 3)


def backdrop(camera: Camera, look: Look) -> Image.Image:
    """Sky and bare ground, which stay the same while the camera and the weather do.

    Args:
        camera: the camera on the car; its ``size`` must be known.
        look: weather.

    Returns:
        An RGB picture of the camera's size.
    """
    width, height = _size(camera)
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    pixels = np.column_stack([columns.ravel(), rows.ravel(), np.ones(width * height)])
    rays = pixels @ np.linalg.inv(camera.intrinsic).T @ rotation_matrix(camera.rotation).T
    slope = rays[:, 2] / np.hypot(rays[:, 0], rays[:, 1])
    share = (np.clip(slope / np.tan(np.radians(40.0)), 0.0, 1.0) ** 0.7)[:, None]
    low, high, ground = np.array(look.sky_low), np.array(look.sky_high), np.array(look.ground)
    sky = low + (high - low) * share
    distance = camera.translation[2] / np.maximum(-slope, 1e-6)
    clear = np.exp(-distance / look.haze)[:, None]
    colours = np.where(slope[:, None] > 0, sky, low + (ground - low) * clear)
    return Image.fromarray(_bytes(colours).reshape(height, width, 3))


def paint(
    mesh: Mesh, camera: Camera, look: Look, behind: Image.Image | None = None, supersampling: int = 2
) -> Image.Image:
    """A picture of a mesh.

    Args:
        mesh: what there is, in the ego frame.
        camera: the camera on the car; its ``size`` must be known.
        look: weather and light, the sun in the ego frame.
        behind: what lies behind it all, of the camera's size; :func:`backdrop` if None.
        supersampling: each pixel is the mean of this many squared.

    Returns:
        An RGB picture of the camera's size.
    """
    width, height = _size(camera)
    canvas = (behind or backdrop(camera, look)).resize(
        (width * supersampling, height * supersampling), Image.Resampling.NEAREST
    )
    draw = ImageDraw.Draw(canvas)
    view = _view(mesh.standing_up(), camera)
    fills = [tuple(fill) for fill in _bytes(_lit(view.mesh, camera, look)).tolist()]
    corners = _fine(view.pixels, supersampling).tolist()
    first = 0
    for fill, count, cut in zip(fills, view.mesh.counts.tolist(), view.cut.tolist(), strict=True):
        last = first + count
        if not cut:
            draw.polygon([x for corner in corners[first:last] for x in corner], fill=fill)
        else:
            part = _cut_to_view(view.seen[first:last], camera)
            if len(part) > 2:
                draw.polygon(_fine(project_seen(part, camera).pixels, supersampling).ravel().tolist(), fill=fill)
        first = last
    return canvas.reduce(supersampling)


def grain(camera: Camera, rng: np.random.Generator, strength: float = 1.3) -> npt.NDArray[np.int16]:
    """Brightness noise of a sensor, for :func:`with_grain`.

    Args:
        camera: its ``size`` must be known.
        rng: source of the noise.
        strength: standard deviation in grey levels.

    Returns:
        (height + 64, width + 64) grey levels.
    """
    width, height = _size(camera)
    noise = rng.standard_normal((height + 64, width + 64)) * strength
    levels: npt.NDArray[np.int16] = np.rint(noise).astype(np.int16)
    return levels


def with_grain(image: Image.Image, noise: npt.NDArray[np.int16], rng: np.random.Generator) -> Image.Image:
    """The picture with a piece of the noise, taken at a random place, added to its brightness."""
    down, right = rng.integers(0, 65, 2)
    piece = noise[down : down + image.height, right : right + image.width, None]
    noisy = np.asarray(image, dtype=np.int16) + piece
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


@dataclass(frozen=True, slots=True)
class _View:
    """The faces that may be seen, in the order of painting; v faces with w corners.

    Attributes:
        mesh: the faces.
        seen: (w, 3) corners in camera axes.
        pixels: (w, 2) corners in the picture.
        cut: (v,) whether the face reaches behind the near plane or very far out of the picture.
    """

    mesh: Mesh
    seen: FloatArray
    pixels: FloatArray
    cut: BoolArray


def _view(mesh: Mesh, camera: Camera) -> _View:
    """What the camera may see of a mesh."""
    axis = rotation_matrix(camera.rotation)[:, 2:]
    depth = times(mesh.corners - camera.translation, axis)[:, 0]
    mesh = mesh.chosen(np.flatnonzero(np.maximum.reduceat(depth, mesh.starts) > NEAR))
    if not len(mesh.counts):
        return _View(mesh, mesh.corners, mesh.corners[:, :2], mesh.solid)
    starts = mesh.starts
    outwards = np.sum(mesh.normals() * (camera.translation - mesh.corners[starts]), axis=1)
    seen = to_camera(mesh.corners, camera)
    pixels = np.nan_to_num(project_seen(seen, camera).pixels)
    low, high = np.minimum.reduceat(pixels, starts), np.maximum.reduceat(pixels, starts)
    reaches_behind = np.minimum.reduceat(seen[:, 2], starts) < NEAR
    size = np.array(_size(camera))
    outside = np.any((high < -1) | (low > size), axis=1)
    tiny = np.all(high - low < 0.8, axis=1)
    # Pillow cuts off what leaves the picture, but its whole numbers must not be huge.
    cut = reaches_behind | np.any((low < -_HUGE * size) | (high > _HUGE * size), axis=1)
    wanted = (reaches_behind | ~(outside | tiny)) & (~mesh.solid | (outwards > 0))
    distance = np.linalg.norm(mesh.anchors - camera.translation, axis=1)
    order = np.lexsort((np.where(mesh.layers == Layer.STANDING, -distance, 0.0), mesh.layers))
    order = order[wanted[order]]
    rows = mesh.rows(order)
    return _View(mesh.chosen(order), seen[rows], pixels[rows], cut[order])


def _lit(mesh: Mesh, camera: Camera, look: Look) -> FloatArray:
    """Colours (f, 3) of the faces after sun and haze."""
    sunlight = look.shade + (1.0 - look.shade) * np.clip(times(mesh.normals(), look.sun[:, None]), 0.0, 1.0)
    colours = mesh.colours * np.where((mesh.solid & ~mesh.glowing)[:, None], sunlight, 1.0)
    distance = np.linalg.norm(mesh.anchors - camera.translation, axis=1)
    clear = np.where(mesh.glowing, 1.0, np.exp(-distance / look.haze))[:, None]
    far = np.array(look.sky_low)
    lit: FloatArray = far + (colours - far) * clear
    return lit


def _cut_to_view(polygon: FloatArray, camera: Camera) -> FloatArray:
    """The part of a (k, 3) polygon in camera axes beyond the near plane and not far outside the picture."""
    width, height = _size(camera)
    forward = np.array([0.0, 0.0, 1.0])
    part = clip(polygon, forward, NEAR)
    # A column is (intrinsic[0] @ p) / depth, so "column >= -margin" is a plane through the camera; rows likewise.
    for row, length in ((camera.intrinsic[0], width), (camera.intrinsic[1], height)):
        if np.any(np.abs(part @ row) > _HUGE * length * part[:, 2]):
            part = clip(part, row + length * forward, 0.0)
            part = clip(part, 2 * length * forward - row, 0.0)
    return part


def _fine(pixels: FloatArray, supersampling: int) -> FloatArray:
    """Pixel positions on the supersampled canvas, whole numbers (Pillow would cut off the fraction)."""
    fine: FloatArray = np.floor((pixels + 0.5) * supersampling)
    return fine


def _bytes(colours: FloatArray) -> npt.NDArray[np.uint8]:
    """Colours as bytes."""
    rounded: npt.NDArray[np.uint8] = np.clip(np.rint(colours), 0, 255).astype(np.uint8)
    return rounded


def _size(camera: Camera) -> tuple[int, int]:
    """The camera's picture size.

    Raises:
        ValueError: if the camera does not say it.
    """
    if camera.size is None:
        raise ValueError("a camera needs a size to paint a picture")
    return camera.size
