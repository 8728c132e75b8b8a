"""Simple bodies: boxes, drums, limbs, balls and lofts."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from lightemma.frame import FloatArray
from lightemma.simulation.render.meshes.mesh import Colour, IntArray, Layer, MeshBuilder, Surface


@lru_cache(maxsize=64)
def circle(count: int) -> FloatArray:
    """(count, 2) points of the unit circle, counter-clockwise from x; read only."""
    angles = np.arange(count) * (2 * np.pi / count)
    points = np.column_stack([np.cos(angles), np.sin(angles)])
    points.flags.writeable = False
    return points


@lru_cache(maxsize=64)
def between_rings(count: int, rings: int = 2) -> IntArray:
    """((rings - 1) * count, 4) corners of the faces between closed rings of ``count`` points, one ring after the other."""
    here = np.arange(count)
    after = (here + 1) % count
    ring = np.stack([here, after, after + count, here + count], axis=1)
    faces: IntArray = (ring + np.arange(rings - 1)[:, None, None] * count).reshape(-1, 4)
    return faces


def add_box(
    builder: MeshBuilder,
    low: tuple[float, float, float],
    high: tuple[float, float, float],
    colour: Colour,
    *,
    surface: Surface = Surface.MATTE,
    glow: float = 0.0,
    bottom: bool = False,
) -> None:
    """A box along the axes between two opposite corners in metres; its underside only if ``bottom``."""
    (a, b, c), (d, e, f) = low, high
    faces = [
        [(a, e, c), (a, b, c), (a, b, f), (a, e, f)],
        [(d, b, c), (d, e, c), (d, e, f), (d, b, f)],
        [(a, b, c), (d, b, c), (d, b, f), (a, b, f)],
        [(d, e, c), (a, e, c), (a, e, f), (d, e, f)],
        [(a, b, f), (d, b, f), (d, e, f), (a, e, f)],
    ]
    if bottom:
        faces.append([(a, e, c), (d, e, c), (d, b, c), (a, b, c)])
    builder.add_many(np.array(faces), colour, surface=surface, solid=True, glow=glow)


def add_limb(
    builder: MeshBuilder,
    start: npt.ArrayLike,
    end: npt.ArrayLike,
    radii: tuple[float, float],
    colour: Colour,
    *,
    sides: int = 8,
    surface: Surface = Surface.MATTE,
    caps: bool = True,
) -> None:
    """A round bar from one (3,) point to another with a radius in metres at each end."""
    one, other = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    # Plain numbers: for three of them they are much faster than arrays.
    x, y, z = (other - one).tolist()
    length = max(math.sqrt(x * x + y * y + z * z), 1e-9)
    x, y, z = x / length, y / length, z / length
    # Across the bar, and square to y or, where the bar lies along y, to x.
    across = (z, 0.0, -x) if abs(y) < 0.9 else (0.0, -z, y)
    wide = math.hypot(*across)
    a, b, c = across[0] / wide, across[1] / wide, across[2] / wide
    around = circle(sides)
    out = around[:, :1] * np.array((a, b, c)) + around[:, 1:] * np.array((y * c - z * b, z * a - x * c, x * b - y * a))
    rings = np.concatenate([one + out * radii[0], other + out * radii[1]])
    faces = between_rings(sides)
    builder.add_many(rings[faces], colour, surface=surface, solid=True, normals=out[faces % sides])
    if caps:
        builder.add_many(np.stack([rings[sides:], rings[sides - 1 :: -1]]), colour, surface=surface, solid=True)


def add_ball(
    builder: MeshBuilder,
    centre: npt.ArrayLike,
    radii: npt.ArrayLike,
    colour: Colour,
    *,
    rings: int = 5,
    sides: int = 8,
    surface: Surface = Surface.MATTE,
) -> None:
    """An ellipsoid around a (3,) centre with (3,) radii in metres."""
    level = _ball(rings, sides)
    scale = np.broadcast_to(np.asarray(radii, dtype=np.float64), (3,))
    skin = (level * scale + np.asarray(centre, dtype=np.float64)).reshape(-1, 3)
    smooth = (level / scale).reshape(-1, 3)
    x, y, z = smooth.T
    smooth /= np.maximum(np.sqrt(x * x + y * y + z * z), 1e-9)[:, None]
    faces = between_rings(sides, rings + 1)
    builder.add_many(skin[faces], colour, surface=surface, solid=True, normals=smooth[faces])


@lru_cache(maxsize=32)
def _ball(rings: int, sides: int) -> FloatArray:
    """(rings + 1, sides, 3) points of a ball, from its lower pole to its upper one; read only."""
    tilt = np.linspace(-np.pi / 2, np.pi / 2, rings + 1)
    flat = np.cos(tilt)[:, None, None] * circle(sides)
    points = np.concatenate([flat, np.broadcast_to(np.sin(tilt)[:, None, None], (rings + 1, sides, 1))], axis=2)
    points.flags.writeable = False
    return points


def add_contact_shadow(builder: MeshBuilder, length: float, width: float, strength: int = 3) -> None:
    """The shadow under a thing with a (length, width) footprint in metres: stacked transparent rings, softer outwards."""
    shape = _super_ellipse()
    reaches = [(0.84 + 0.16 * step, step) for step in range(strength)]
    sizes = [(length / 2 * reach + 0.05 * step, width / 2 * reach + 0.08 * step) for reach, step in reaches]
    builder.add_many(shape * np.array(sizes)[:, None], (0.0, 0.0, 0.0), layer=Layer.SHADOW)


@lru_cache(maxsize=1)
def _super_ellipse() -> FloatArray:
    """(16, 2) points of a super-ellipse, which fits a car better than an ellipse does."""
    around = circle(16)
    points: FloatArray = np.sign(around) * np.abs(around) ** 0.55
    return points
