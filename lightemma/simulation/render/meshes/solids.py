"""Simple bodies: boxes, drums, limbs, balls and lofts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lightemma.frame import FloatArray
from lightemma.simulation.render.meshes.mesh import Colour, Layer, MeshBuilder, Surface


def circle(count: int) -> FloatArray:
    """(count, 2) points of the unit circle, counter-clockwise from x."""
    angles = np.arange(count) * (2 * np.pi / count)
    return np.column_stack([np.cos(angles), np.sin(angles)])


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
    axis = (other - one) / max(float(np.linalg.norm(other - one)), 1e-9)
    aside = np.array([0.0, 1.0, 0.0]) if abs(axis[1]) < 0.9 else np.array([1.0, 0.0, 0.0])
    first = np.cross(aside, axis)
    first /= np.linalg.norm(first)
    second = np.cross(axis, first)
    around = circle(sides)
    out = around[:, :1] * first + around[:, 1:] * second
    low, high = one + out * radii[0], other + out * radii[1]
    after = np.roll(np.arange(sides), -1)
    walls = np.stack([low, low[after], high[after], high], axis=1)
    normals = np.stack([out, out[after], out[after], out], axis=1)
    builder.add_many(walls, colour, surface=surface, solid=True, normals=normals)
    if caps:
        builder.add(high, colour, surface=surface, solid=True)
        builder.add(low[::-1], colour, surface=surface, solid=True)


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
    tilt = np.linspace(-np.pi / 2, np.pi / 2, rings + 1)
    around = circle(sides)
    level = np.concatenate(
        [np.cos(tilt)[:, None, None] * around, np.broadcast_to(np.sin(tilt)[:, None, None], (rings + 1, sides, 1))],
        axis=2,
    )
    scale = np.broadcast_to(np.asarray(radii, dtype=np.float64), (3,))
    add_grid(
        builder, level * scale + np.asarray(centre, dtype=np.float64), colour, surface=surface, normals=level / scale
    )


def add_grid(
    builder: MeshBuilder,
    points: FloatArray,
    colour: npt.ArrayLike,
    *,
    surface: Surface = Surface.MATTE,
    normals: FloatArray | None = None,
    closed: bool = True,
) -> None:
    """A skin over a grid of points.

    Args:
        builder: gets the faces.
        points: (rows, columns, 3) metres; columns run counter-clockwise seen from above, rows upwards, so that faces look out.
        colour: (3,), or (rows - 1, columns, 3) per face.
        surface: what it is made of.
        normals: (rows, columns, 3), not necessarily of unit length, for a smooth look.
        closed: whether the last column is joined to the first.
    """
    columns = points.shape[1]
    here = np.arange(columns if closed else columns - 1)
    after = (here + 1) % columns

    def quads(values: FloatArray) -> FloatArray:
        corners = np.stack([values[:-1, here], values[:-1, after], values[1:, after], values[1:, here]], axis=2)
        joined: FloatArray = corners.reshape(-1, 4, 3)
        return joined

    unit = None if normals is None else normals / np.maximum(np.linalg.norm(normals, axis=2, keepdims=True), 1e-9)
    colours = np.asarray(colour, dtype=np.float64)
    if colours.ndim == 3:
        colours = colours[:, here].reshape(-1, 3)
    builder.add_many(quads(points), colours, surface=surface, solid=True, normals=None if unit is None else quads(unit))


def add_contact_shadow(builder: MeshBuilder, length: float, width: float, strength: int = 3) -> None:
    """The shadow under a thing with a (length, width) footprint in metres: stacked transparent rings, softer outwards."""
    around = circle(16)
    # A super-ellipse fits a car better than an ellipse does.
    shape = np.sign(around) * np.abs(around) ** 0.55
    for step in range(strength):
        reach = 0.84 + 0.16 * step
        ring = shape * (length / 2 * reach + 0.05 * step, width / 2 * reach + 0.08 * step)
        builder.add(ring, (0.0, 0.0, 0.0), layer=Layer.SHADOW)
