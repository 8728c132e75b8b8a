"""People on foot: pedestrians in coats, officers and workers in high-visibility vests."""

from __future__ import annotations

import math

import numpy as np

from lightemma.simulation.render.meshes.mesh import Colour, MeshBuilder, scaled
from lightemma.simulation.render.meshes.shapes import GAIT_STEPS, Outfit, Shape
from lightemma.simulation.render.meshes.solids import (
    add_ball,
    add_box,
    add_contact_shadow,
    add_limb,
    between_rings,
    circle,
)

SKIN: tuple[Colour, ...] = ((0.80, 0.62, 0.52), (0.62, 0.45, 0.35), (0.42, 0.29, 0.22), (0.86, 0.70, 0.60))
HAIR: tuple[Colour, ...] = ((0.13, 0.09, 0.07), (0.30, 0.21, 0.13), (0.42, 0.39, 0.36), (0.07, 0.06, 0.06))
TROUSERS: tuple[Colour, ...] = ((0.16, 0.19, 0.28), (0.20, 0.20, 0.21), (0.34, 0.31, 0.26), (0.12, 0.13, 0.15))
_VEST_YELLOW: Colour = (0.83, 0.92, 0.12)
_VEST_ORANGE: Colour = (0.98, 0.45, 0.06)
_BAND: Colour = (0.86, 0.87, 0.86)


def person_shape(outfit: Outfit) -> Shape:
    """A person at the origin, facing along x."""
    tall = outfit.size[2] / 1.75
    builder = MeshBuilder(anchor=(0.0, 0.0, 0.5))
    add_contact_shadow(builder, 0.5, 0.55, 2)
    swing = 0.0 if outfit.gait < 0 else 0.46 * math.sin(2 * math.pi * outfit.gait / GAIT_STEPS)
    lift = 0.0 if outfit.gait < 0 else 2 * math.pi * outfit.gait / GAIT_STEPS
    variant = outfit.variant
    trousers = TROUSERS[variant % 4]
    coat = outfit.colour
    if outfit.kind == "officer":
        trousers = (0.09, 0.10, 0.16)
        coat = (0.10, 0.12, 0.22)
    elif outfit.kind == "worker":
        trousers = _VEST_ORANGE if variant % 2 else (0.22, 0.24, 0.30)
    sides = 8 if outfit.fine else 5
    hip_height = 0.92 * tall
    for side in (-1.0, 1.0):
        angle = swing * side
        # The leg that comes forward bends its knee.
        bend = 0.12 + 0.55 * max(0.0, math.cos(lift) * side) if outfit.gait >= 0 else 0.04
        hip = np.array([0.0, 0.095 * side, hip_height])
        knee = hip + 0.44 * tall * np.array([math.sin(angle + bend * 0.45), 0.0, -math.cos(angle + bend * 0.45)])
        ankle = knee + 0.42 * tall * np.array([math.sin(angle - bend * 0.55), 0.0, -math.cos(angle - bend * 0.55)])
        ankle[2] = max(ankle[2], 0.07)
        add_limb(builder, knee, hip, (0.065 * tall, 0.092 * tall), trousers, sides=sides)
        add_limb(builder, ankle, knee, (0.048 * tall, 0.064 * tall), trousers, sides=sides)
        low = max(float(ankle[2]) - 0.07, 0.0)
        add_box(
            builder,
            (float(ankle[0]) - 0.08, float(ankle[1]) - 0.045, low),
            (float(ankle[0]) + 0.18, float(ankle[1]) + 0.045, low + 0.08),
            (0.09, 0.08, 0.08),
        )
        if outfit.kind == "worker" and outfit.fine:
            add_limb(
                builder,
                ankle + np.array([0, 0, 0.12]),
                ankle + np.array([0, 0, 0.18]),
                (0.062, 0.062),
                _BAND,
                sides=sides,
            )
    skirted = outfit.kind == "pedestrian" and variant % 3 == 0
    _add_trunk(builder, tall, coat, skirted, sides)
    for side in (-1.0, 1.0):
        angle = -swing * side * 0.9
        shoulder = np.array([0.0, 0.215 * side * tall, 1.42 * tall])
        elbow = shoulder + 0.29 * tall * np.array([math.sin(angle), 0.10 * side, -math.cos(angle)])
        hand = elbow + 0.26 * tall * np.array([math.sin(angle + 0.35), -0.02 * side, -math.cos(angle + 0.35)])
        if outfit.kind == "officer" and outfit.gait < 0:
            # A standing officer stretches out the arms to stop the traffic.
            reach = 0.27 * tall
            elbow = shoulder + reach * np.array([0.25, 0.95 * side, 0.0])
            hand = elbow + reach * np.array([0.3, 0.9 * side, 0.12])
        add_limb(builder, elbow, shoulder, (0.048 * tall, 0.062 * tall), coat, sides=sides)
        add_limb(builder, hand, elbow, (0.036 * tall, 0.046 * tall), coat, sides=sides)
        add_ball(builder, hand, 0.05, SKIN[variant % 4], rings=3, sides=5)
    if outfit.kind != "pedestrian":
        _add_vest(builder, tall, _VEST_YELLOW if outfit.kind == "officer" else _VEST_ORANGE, sides)
    _add_head(builder, outfit, tall)
    return Shape(builder.build())


def _add_trunk(builder: MeshBuilder, tall: float, coat: Colour, skirted: bool, sides: int) -> None:
    """Hips, belly and shoulders."""
    if skirted:
        add_limb(builder, (0, 0, 0.62 * tall), (0, 0, 1.0 * tall), (0.20 * tall, 0.155 * tall), coat, sides=sides + 2)
    levels = np.array(
        [(0.86, 0.125, 0.17), (1.02, 0.115, 0.16), (1.25, 0.13, 0.19), (1.42, 0.115, 0.205), (1.49, 0.07, 0.10)]
    )
    for (z0, x0, y0), (z1, x1, y1) in zip(levels[:-1] * tall, levels[1:] * tall, strict=True):
        _add_oval(builder, (z0, x0, y0), (z1, x1, y1), coat, sides + 2)


def _add_oval(
    builder: MeshBuilder,
    low: tuple[float, float, float],
    high: tuple[float, float, float],
    colour: Colour,
    sides: int,
) -> None:
    """A piece of trunk between two ovals: height, half depth and half width in metres."""
    out = np.column_stack([circle(sides), np.zeros(sides)])
    rings = np.concatenate([out * (x, y, 1.0) + (0, 0, z) for z, x, y in (low, high)])
    faces = between_rings(sides)
    builder.add_many(rings[faces], colour, solid=True, normals=out[faces % sides])
    builder.add(rings[sides:], colour, solid=True)


def _add_vest(builder: MeshBuilder, tall: float, colour: Colour, sides: int) -> None:
    """A high-visibility vest with reflecting bands."""
    for z0, z1, paint in (
        (0.90, 1.02, colour), (1.02, 1.07, _BAND), (1.07, 1.22, colour), (1.22, 1.27, _BAND), (1.27, 1.45, colour)
    ):  # fmt: skip
        wide = [0.145 + 0.02 * (z - 0.9) / 0.5 for z in (z0, z1)]
        tops = [0.185 + 0.035 * (z - 0.9) / 0.5 for z in (z0, z1)]
        _add_oval(
            builder,
            (z0 * tall, wide[0] * tall, tops[0] * tall),
            (z1 * tall, wide[1] * tall, tops[1] * tall),
            paint,
            sides + 2,
        )


def _add_head(builder: MeshBuilder, outfit: Outfit, tall: float) -> None:
    """Neck, face, and hair, cap or helmet."""
    skin, hair = SKIN[outfit.variant % 4], HAIR[(outfit.variant // 4 + outfit.variant) % 4]
    rings, sides = (6, 10) if outfit.fine else (3, 6)
    add_limb(
        builder, (0, 0, 1.45 * tall), (0.01, 0, 1.56 * tall), (0.055 * tall, 0.05 * tall), skin, sides=6, caps=False
    )
    add_ball(builder, (0.015, 0, 1.635 * tall), np.array([0.098, 0.082, 0.118]) * tall, skin, rings=rings, sides=sides)
    if outfit.kind == "worker":
        add_ball(
            builder,
            (0.0, 0, 1.70 * tall),
            np.array([0.125, 0.11, 0.085]) * tall,
            (0.93, 0.80, 0.12),
            rings=rings,
            sides=sides,
        )
    elif outfit.kind == "officer":
        add_limb(builder, (0, 0, 1.68 * tall), (0, 0, 1.75 * tall), (0.105, 0.13), (0.92, 0.92, 0.9), sides=sides)
        add_limb(
            builder,
            (0, 0, 1.665 * tall),
            (0, 0, 1.69 * tall),
            (0.107, 0.107),
            scaled((0.08, 0.09, 0.15), 1.0),
            sides=sides,
        )
    else:
        add_ball(
            builder, (-0.018, 0, 1.668 * tall), np.array([0.10, 0.092, 0.105]) * tall, hair, rings=rings, sides=sides
        )
