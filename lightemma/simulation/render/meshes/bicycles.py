"""Bicycles with who rides them."""

from __future__ import annotations

import math

import numpy as np

from lightemma.frame import FloatArray
from lightemma.simulation.render.meshes.mesh import Colour, MeshBuilder, Surface
from lightemma.simulation.render.meshes.people import HAIR, SKIN, TROUSERS
from lightemma.simulation.render.meshes.shapes import Halo, Outfit, Shape
from lightemma.simulation.render.meshes.solids import add_ball, add_box, add_contact_shadow, add_limb, circle

_RUBBER: Colour = (0.07, 0.07, 0.075)
_STEEL: Colour = (0.62, 0.63, 0.65)
_FRAMES: tuple[Colour, ...] = ((0.10, 0.28, 0.45), (0.55, 0.12, 0.12), (0.14, 0.15, 0.16), (0.20, 0.42, 0.30))
_HELMETS: tuple[Colour, ...] = ((0.90, 0.90, 0.88), (0.75, 0.12, 0.10), (0.12, 0.30, 0.60))
#: Metres: radius of the wheels, their distance from the middle, and the crank's height.
_WHEEL, _AXLE, _CRANK = 0.34, 0.53, 0.29


def cyclist_shape(outfit: Outfit) -> Shape:
    """Somebody on a bicycle at the origin, riding along x."""
    builder = MeshBuilder(anchor=(0.0, 0.0, 0.7))
    add_contact_shadow(builder, outfit.size[0], 0.4, 2)
    sides = 8 if outfit.fine else 5
    frame = _FRAMES[outfit.variant % 4]
    for x in (-_AXLE, _AXLE):
        _add_wheel(builder, x, 16 if outfit.fine else 9)
    crank, saddle, head = np.array([-0.05, 0.0, _CRANK]), np.array([-0.22, 0.0, 0.93]), np.array([0.38, 0.0, 0.86])
    for start, end, radius in (
        (crank, saddle, 0.02),
        (crank, np.subtract(head, (0.0, 0.0, 0.12)), 0.022),
        (np.add(saddle, (0.03, 0.0, -0.12)), head, 0.02),
        (np.array([-_AXLE, 0.0, _WHEEL]), crank, 0.016),
        (np.array([-_AXLE, 0.0, _WHEEL]), np.add(saddle, (0.03, 0.0, -0.12)), 0.014),
        (np.array([_AXLE, 0.0, _WHEEL]), head, 0.02),
    ):
        add_limb(builder, start, end, (radius, radius), frame, sides=5, surface=Surface.PAINT)
    bar = np.array([0.42, 0.0, 1.02])
    add_limb(builder, head, bar, (0.018, 0.018), _STEEL, sides=5, surface=Surface.METAL)
    add_limb(builder, np.add(bar, (0.0, -0.28, 0.0)), np.add(bar, (0.0, 0.28, 0.0)), (0.018, 0.018), _RUBBER, sides=5)
    add_box(builder, (-0.36, -0.07, 0.93), (-0.10, 0.07, 0.98), _RUBBER)
    _add_legs(builder, outfit, sides)
    _add_rider(builder, outfit, bar, sides)
    glow = 5.0 if outfit.lamps else 0.0
    add_box(builder, (-0.60, -0.04, 0.68), (-0.56, 0.04, 0.76), (0.75, 0.05, 0.04), glow=glow)
    return Shape(builder.build(), _lamps(outfit.lamps))


def _add_wheel(builder: MeshBuilder, x: float, count: int) -> None:
    """A tyre with a rim, upright along x, seen from both sides."""
    around = circle(count)
    after = np.roll(np.arange(count), -1)
    for outer, inner, colour in ((_WHEEL, _WHEEL - 0.045, _RUBBER), (_WHEEL - 0.045, _WHEEL - 0.065, _STEEL)):
        rings = [
            np.column_stack([x + r * around[:, 0], np.zeros(count), _WHEEL + r * around[:, 1]]) for r in (outer, inner)
        ]
        builder.add_many(np.stack([rings[0], rings[0][after], rings[1][after], rings[1]], axis=1), colour)
    # From before and behind a tyre is a narrow upright band.
    tread = np.stack([around[:, 0] * _WHEEL + x, np.zeros(count), around[:, 1] * _WHEEL + _WHEEL], axis=1)
    left, right = np.add(tread, (0.0, 0.022, 0.0)), np.subtract(tread, (0.0, 0.022, 0.0))
    builder.add_many(np.stack([right, left, left[after], right[after]], axis=1), _RUBBER)
    for angle in np.arange(4) * (math.pi / 4):
        spoke = np.array([math.cos(angle), 0.0, math.sin(angle)]) * (_WHEEL - 0.06)
        hub = np.array([x, 0.0, _WHEEL])
        add_limb(builder, hub - spoke, hub + spoke, (0.006, 0.006), _STEEL, sides=3, caps=False)


def _add_legs(builder: MeshBuilder, outfit: Outfit, sides: int) -> None:
    """Two legs, one pedal up and the other down."""
    trousers = TROUSERS[outfit.variant % 4]
    turn = 0.6 + outfit.variant
    for side in (-1.0, 1.0):
        pedal = np.array([-0.05 + 0.17 * side * math.cos(turn), 0.13 * side, _CRANK + 0.17 * side * math.sin(turn)])
        hip = np.array([-0.20, 0.10 * side, 0.97])
        middle, way = (hip + pedal) / 2.0, pedal - hip
        long = float(np.linalg.norm(way))
        bend = math.sqrt(max(0.45**2 - (long / 2.0) ** 2, 0.0))
        forward = np.array([-way[2], 0.0, way[0]]) / max(math.hypot(way[0], way[2]), 1e-6)
        knee = middle + forward * bend * (1.0 if forward[0] > 0.0 else -1.0)
        add_limb(builder, knee, hip, (0.062, 0.09), trousers, sides=sides)
        add_limb(builder, np.add(pedal, (0.0, 0.0, 0.06)), knee, (0.045, 0.06), trousers, sides=sides)
        low = np.add(pedal, (-0.10, -0.045, -0.02))
        high = np.add(pedal, (0.16, 0.045, 0.07))
        add_box(builder, tuple(low.tolist()), tuple(high.tolist()), (0.09, 0.08, 0.08))


def _add_rider(builder: MeshBuilder, outfit: Outfit, bar: FloatArray, sides: int) -> None:
    """Trunk, arms and head, leaning forwards."""
    coat, skin = outfit.colour, SKIN[outfit.variant % 4]
    hips, shoulders = np.array([-0.20, 0.0, 0.95]), np.array([0.10, 0.0, 1.42])
    add_limb(builder, hips, shoulders, (0.155, 0.185), coat, sides=sides + 2)
    add_ball(builder, shoulders, (0.12, 0.215, 0.10), coat, rings=4, sides=sides)
    for side in (-1.0, 1.0):
        shoulder = np.add(shoulders, (0.02, 0.20 * side, -0.02))
        hand = np.add(bar, (0.0, 0.25 * side, 0.02))
        elbow = np.add((shoulder + hand) / 2.0, (-0.03, 0.05 * side, -0.05))
        add_limb(builder, elbow, shoulder, (0.046, 0.058), coat, sides=sides)
        add_limb(builder, hand, elbow, (0.036, 0.045), coat, sides=sides)
        add_ball(builder, hand, 0.045, skin, rings=3, sides=5)
    head = np.array([0.19, 0.0, 1.60])
    rings = 6 if outfit.fine else 3
    add_limb(builder, np.add(shoulders, (0.03, 0.0, 0.05)), head, (0.055, 0.05), skin, sides=6, caps=False)
    add_ball(builder, head, (0.10, 0.082, 0.115), skin, rings=rings, sides=sides)
    helmet = _HELMETS[outfit.variant % 3] if outfit.variant % 4 else HAIR[outfit.variant % 3]
    add_ball(builder, np.add(head, (-0.012, 0.0, 0.045)), (0.128, 0.10, 0.09), helmet, rings=rings, sides=sides)


def _lamps(dark: bool) -> tuple[Halo, ...]:
    """A red lamp behind and a white one in front, when it is dark enough for lights."""
    if not dark:
        return ()
    return (
        Halo((-0.62, 0.0, 0.72), (1.0, 0.10, 0.05), 0.22, 0.8, math.pi),
        Halo((0.55, 0.0, 0.95), (1.0, 0.95, 0.85), 0.25, 0.7, 0.0),
    )
