"""Cones and barriers of road works."""

from __future__ import annotations

import numpy as np

from lightemma.simulation.render.meshes.mesh import Colour, MeshBuilder
from lightemma.simulation.render.meshes.shapes import Halo, Outfit, Shape
from lightemma.simulation.render.meshes.solids import add_box, add_contact_shadow, add_limb

_ORANGE: Colour = (0.95, 0.33, 0.07)
_WHITE: Colour = (0.92, 0.92, 0.90)
_RED: Colour = (0.78, 0.09, 0.07)


def cone_shape(outfit: Outfit) -> Shape:
    """A traffic cone, orange with two white bands."""
    length, width, height = outfit.size
    builder = MeshBuilder(anchor=(0.0, 0.0, 0.1))
    add_contact_shadow(builder, length, width, 2)
    base = 0.05
    add_box(builder, (-length / 2, -width / 2, 0.0), (length / 2, width / 2, base), (0.12, 0.12, 0.12))
    foot, tip = 0.40 * min(length, width), 0.035
    bands = (
        (0.0, 0.30, _ORANGE),
        (0.30, 0.48, _WHITE),
        (0.48, 0.66, _ORANGE),
        (0.66, 0.82, _WHITE),
        (0.82, 1.0, _ORANGE),
    )
    for low, high, colour in bands:
        z = [base + share * (height - base) for share in (low, high)]
        radii = (foot + (tip - foot) * low, foot + (tip - foot) * high)
        add_limb(builder, (0, 0, z[0]), (0, 0, z[1]), radii, colour, sides=12 if outfit.fine else 7, caps=high == 1.0)
    return Shape(builder.build())


def barrier_shape(outfit: Outfit) -> Shape:
    """A red and white barrier across its heading, with a warning lamp when it is dark."""
    length, width, height = outfit.size
    half, deep = width / 2, min(0.05, length / 2)
    builder = MeshBuilder(anchor=(0.0, 0.0, 0.3))
    add_contact_shadow(builder, max(length * 0.6, 0.25), width, 2)
    for side in (-0.8, 0.8):
        y = side * half
        add_box(builder, (-length / 2, y - 0.05, 0.0), (length / 2, y + 0.05, 0.08), (0.16, 0.16, 0.16))
        add_box(builder, (-0.025, y - 0.03, 0.05), (0.025, y + 0.03, height), (0.5, 0.5, 0.5))
    for low, high in ((height - 0.30, height), (height * 0.35, height * 0.35 + 0.2)):
        add_box(builder, (-deep, -half, low), (deep, half, high), _WHITE, bottom=True)
        slant = (high - low) * 0.7
        for start in np.arange(-half, half - 0.05, 0.5):
            for x, turn in ((-deep - 0.006, 1), (deep + 0.006, -1)):
                spots = np.clip([start, start + 0.25, start + 0.25 + slant, start + slant], -half, half)
                corners = [(x, spots[0], low), (x, spots[1], low), (x, spots[2], high), (x, spots[3], high)]
                builder.add(corners[::-1] if turn > 0 else corners, _RED, solid=True)
    halos = []
    if outfit.lamps:
        for side in (-0.85, 0.85):
            add_box(
                builder,
                (-0.06, side * half - 0.07, height),
                (0.06, side * half + 0.07, height + 0.18),
                (1.0, 0.6, 0.05),
                glow=3.0,
            )
            halos.append(Halo((0.0, side * half, height + 0.09), (1.0, 0.6, 0.1), 0.5, 0.8))
    return Shape(builder.build(), tuple(halos))
