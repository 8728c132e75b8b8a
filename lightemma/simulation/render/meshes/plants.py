"""Trees and bushes: crowns of many small leaf clumps near the camera, discs that face it for the painter."""

from __future__ import annotations

import numpy as np

from lightemma.frame import FloatArray
from lightemma.simulation.render.meshes.mesh import Colour, MeshBuilder, Surface, scaled
from lightemma.simulation.render.meshes.solids import add_ball, add_limb, circle
from lightemma.simulation.state import Plant

_LEAVES: tuple[Colour, ...] = (
    (0.30, 0.39, 0.20),
    (0.35, 0.42, 0.22),
    (0.26, 0.36, 0.21),
    (0.38, 0.41, 0.22),
    (0.28, 0.38, 0.25),
)
_BARK: Colour = (0.30, 0.25, 0.20)


def add_plant(builder: MeshBuilder, plant: Plant, *, fine: bool, base: float = 0.0) -> None:
    """Adds a tree or bush with its foot ``base`` metres above the road."""
    rng = np.random.default_rng([plant.look % 2**31, 5, round(plant.height * 100)])
    leaves = scaled(_LEAVES[int(rng.integers(len(_LEAVES)))], float(rng.uniform(0.9, 1.1)))
    place = np.array([plant.place[0], plant.place[1], base])
    if plant.kind == "bush":
        _add_bush(builder, rng, place, plant.height, leaves, fine)
    elif fine:
        _add_fine_tree(builder, rng, place, plant.height, leaves)
    else:
        _add_coarse_tree(builder, rng, place, plant.height, leaves)


def _add_clumps(
    builder: MeshBuilder,
    rng: np.random.Generator,
    centre: FloatArray,
    radii: FloatArray,
    count: int,
    size: float,
    leaves: Colour,
) -> None:
    """Small tilted five-cornered leaves all over an ellipsoid, shaded as if they were its skin."""
    out = rng.standard_normal((count, 3))
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    depth = rng.uniform(0.72, 1.06, (count, 1))
    middles = centre + out * radii * depth
    tilt = out + rng.standard_normal((count, 3)) * 0.55
    tilt /= np.linalg.norm(tilt, axis=1, keepdims=True)
    first = np.cross(tilt, rng.standard_normal((count, 3)))
    first /= np.maximum(np.linalg.norm(first, axis=1, keepdims=True), 1e-6)
    second = np.cross(tilt, first)
    ring = circle(5)
    rough = rng.uniform(0.55, 1.25, (count, 5, 1)) * size
    corners = middles[:, None] + rough * (ring[None, :, :1] * first[:, None] + ring[None, :, 1:] * second[:, None])
    normals = out + np.array([0.0, 0.0, 0.25])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    # Deeper leaves get less light.
    tint = rng.uniform(0.80, 1.2, (count, 1)) * (0.45 + 0.55 * np.clip((depth - 0.7) / 0.3, 0, 1))
    tint = tint * (0.78 + 0.22 * np.clip(out[:, 2:] + 0.5, 0, 1))
    hue = np.array(leaves) * (1 + 0.10 * rng.standard_normal((count, 1)) * (1.0, 0.3, 0.2))
    anchors = np.tile((centre[0], centre[1], 0.0), (count, 1))
    builder.add_many(
        corners, hue * tint, surface=Surface.LEAF, normals=np.repeat(normals[:, None], 5, axis=1), anchors=anchors
    )


def _add_fine_tree(
    builder: MeshBuilder, rng: np.random.Generator, place: FloatArray, height: float, leaves: Colour
) -> None:
    """A trunk with a few boughs and a crown of several leafy bodies."""
    crown = height * float(rng.uniform(0.26, 0.33))
    fork = place + np.array([0.0, 0.0, 0.38 * height])
    thick = 0.022 * height
    add_limb(builder, place, fork, (thick * 1.25, thick), _BARK, sides=7, surface=Surface.STONE, caps=False)
    middle = place + np.array([0.0, 0.0, 0.66 * height])
    for _ in range(4):
        end = middle + rng.uniform(-0.6, 0.6, 3) * crown
        add_limb(builder, fork - (0, 0, 0.05 * height), end, (thick * 0.75, thick * 0.3), _BARK, sides=5, caps=False)
    core = np.array([0.72, 0.72, 0.80]) * crown
    add_ball(builder, middle, core, scaled(leaves, 0.42), rings=5, sides=8, surface=Surface.LEAF)
    _add_clumps(builder, rng, middle, core * 1.22, 300, 0.05 * crown + 0.075, leaves)
    for _ in range(6):
        angle, up = rng.uniform(0, 2 * np.pi), rng.uniform(-0.45, 0.75)
        reach = crown * rng.uniform(0.5, 0.75)
        spot = middle + np.array([reach * np.cos(angle), reach * np.sin(angle), up * crown])
        _add_clumps(builder, rng, spot, np.full(3, crown * rng.uniform(0.36, 0.5)), 120, 0.045 * crown + 0.07, leaves)


def _add_coarse_tree(
    builder: MeshBuilder, rng: np.random.Generator, place: FloatArray, height: float, leaves: Colour
) -> None:
    """A trunk and a crown of discs that face the camera."""
    crown = 0.30 * height
    trunk = np.array([[(-0.13, 0.0), (0.13, 0.0), (0.08, 0.6 * height), (-0.08, 0.6 * height)]])
    builder.add_upright(place, trunk, np.array([_BARK]))
    ring = circle(10)
    for size, count, light in ((0.62, 4, 0.62), (0.48, 5, 0.80), (0.34, 6, 0.98), (0.24, 6, 1.12)):
        angle, reach, tint = rng.uniform((0.0, 0.1, 0.93), (2 * np.pi, 1.0, 1.07), (count, 3)).T
        out = crown * (1.0 - size) * np.sqrt(reach)
        lift = 0.25 * crown * (light - 0.8)
        rough = rng.uniform(0.84, 1.12, (count, len(ring), 1)) * size * crown
        middles = np.column_stack([out * np.cos(angle) + lift, 0.66 * height + 1.1 * out * np.sin(angle) + lift])
        builder.add_upright(place, ring * rough + middles[:, None], np.array(leaves) * light * tint[:, None])


def _add_bush(
    builder: MeshBuilder, rng: np.random.Generator, place: FloatArray, height: float, leaves: Colour, fine: bool
) -> None:
    """A low round plant."""
    if fine:
        for _ in range(3):
            spot = place + np.array([rng.uniform(-0.45, 0.45), rng.uniform(-0.45, 0.45), 0.42]) * height
            radii = np.array([0.55, 0.55, 0.5]) * height * rng.uniform(0.8, 1.1)
            add_ball(builder, spot, radii * 0.85, scaled(leaves, 0.42), rings=4, sides=7, surface=Surface.LEAF)
            _add_clumps(builder, rng, spot, radii, 90, 0.09 * height + 0.03, leaves)
        return
    ring = circle(9)
    outlines, colours = [], []
    for size, light in ((0.55, 0.65), (0.42, 0.82), (0.32, 1.0)):
        for _ in range(3):
            middle = (rng.uniform(-0.45, 0.45) * height, rng.uniform(0.3, 0.65) * height)
            blob = ring * rng.uniform(0.85, 1.1, (len(ring), 1)) * size * height + middle
            outlines.append(np.maximum(blob, (-99.0, 0.0)))
            colours.append(np.array(leaves) * light * rng.uniform(0.95, 1.05))
    builder.add_upright(place, np.array(outlines), np.array(colours))
