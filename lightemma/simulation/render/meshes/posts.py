"""Street lamps and traffic lights."""

from __future__ import annotations

import numpy as np

from lightemma.simulation.render.meshes.mesh import Colour, MeshBuilder, Surface
from lightemma.simulation.render.meshes.shapes import Halo, Shape
from lightemma.simulation.render.meshes.solids import add_box, add_limb, circle
from lightemma.simulation.state import SignalColour

_STEEL: Colour = (0.36, 0.38, 0.39)
_BLACK: Colour = (0.06, 0.065, 0.065)

LAMP_ARM, LAMP_HEIGHT = 1.6, 7.4
"""Metres: reach and height of a street lamp."""

_LAMPS: tuple[tuple[SignalColour, Colour, Colour], ...] = (
    ("red", (1.0, 0.07, 0.05), (0.22, 0.035, 0.035)),
    ("amber", (1.0, 0.62, 0.04), (0.20, 0.14, 0.03)),
    ("green", (0.08, 1.0, 0.50), (0.03, 0.17, 0.10)),
)


BOARD = (0.36, 0.80)
"""Metres: half the width and half the height of a traffic light's board."""

_ABOVE = {"red": 0.40, "amber": 0.0, "green": -0.40}


def signal_head(arm: float) -> tuple[float, float]:
    """Metres to the left of its post and above its foot at which the middle of a traffic light's board is."""
    return (arm, 6.0 - 0.55) if abs(arm) > 0.3 else (0.0, 2.95)


def lamp_height(colour: SignalColour) -> float:
    """Metres above the board's middle at which the lamp of a colour is."""
    return _ABOVE[colour]


def lamp_post_shape(lit: bool) -> Shape:
    """A street lamp whose arm reaches along x."""
    builder = MeshBuilder(anchor=(0.0, 0.0, 0.0))
    add_limb(builder, (0, 0, 0), (0, 0, 1.0), (0.10, 0.09), _STEEL, surface=Surface.METAL, caps=False)
    add_limb(builder, (0, 0, 1.0), (0, 0, LAMP_HEIGHT - 0.3), (0.075, 0.05), _STEEL, surface=Surface.METAL, caps=False)
    add_limb(
        builder,
        (0, 0, LAMP_HEIGHT - 0.32),
        (LAMP_ARM, 0, LAMP_HEIGHT),
        (0.05, 0.035),
        _STEEL,
        sides=6,
        surface=Surface.METAL,
    )
    x, z = LAMP_ARM, LAMP_HEIGHT
    add_box(builder, (x - 0.15, -0.13, z - 0.02), (x + 0.5, 0.13, z + 0.09), (0.5, 0.51, 0.52), surface=Surface.METAL)
    glass = [(x - 0.1, 0.1, z - 0.03), (x + 0.45, 0.1, z - 0.03), (x + 0.45, -0.1, z - 0.03), (x - 0.1, -0.1, z - 0.03)]
    builder.add(
        glass,
        (1.0, 0.86, 0.62) if lit else (0.75, 0.75, 0.72),
        surface=Surface.GLASS,
        solid=True,
        glow=5.0 if lit else 0.0,
    )
    halos = (Halo((x + 0.15, 0.0, z - 0.1), (1.0, 0.78, 0.48), 1.1, 0.85),) if lit else ()
    return Shape(builder.build(), halos)


def signal_shape(colour: SignalColour, arm: float, dark: bool) -> Shape:
    """A traffic light for traffic that comes along x, around the foot of its post.

    Args:
        colour: what it shows.
        arm: metres to the left by which its head hangs out, 0 for a head on the post.
        dark: whether it is dark, so that its glow is wider.
    """
    builder = MeshBuilder(anchor=(0.0, 0.0, 0.0))
    hangs = abs(arm) > 0.3
    tall = 6.0 if hangs else 3.55
    add_limb(builder, (0, 0, 0), (0, 0, tall), (0.085, 0.07), _STEEL, surface=Surface.METAL)
    y, up = signal_head(arm)
    if hangs:
        add_limb(builder, (0, 0, tall - 0.25), (0, arm, tall - 0.1), (0.07, 0.05), _STEEL, surface=Surface.METAL)
    # The board first, then the housing, the visors and the lamps, all looking towards x < 0.
    x = -0.12
    for half, high, out, tint in ((*BOARD, 0.0, (0.90, 0.90, 0.88)), (0.33, 0.77, 0.008, _BLACK)):
        builder.add(_plate(x - out, y, up, half, high), tint, solid=True)
    builder.add(_plate(x + 0.02, y, up, *BOARD)[::-1], (0.10, 0.10, 0.10), solid=True)
    add_box(builder, (x - 0.16, y - 0.20, up - 0.62), (x - 0.01, y + 0.20, up + 0.62), (0.075, 0.08, 0.08), bottom=True)
    halos = []
    ring = circle(18)
    for name, lit, off in _LAMPS:
        z = up + lamp_height(name)
        on = name == colour
        face = np.column_stack([np.full(len(ring), x - 0.17), y - 0.165 * ring[:, 0], z + 0.165 * ring[:, 1]])
        builder.add(face, lit if on else off, surface=Surface.MATTE, solid=True, glow=6.0 if on else 0.0)
        arc = np.linspace(-0.6, np.pi + 0.6, 11)
        edge = np.column_stack([-np.cos(arc), np.sin(arc)]) * 0.185
        near = np.column_stack([np.full(11, x - 0.16), y - edge[:, 0], z + edge[:, 1]])
        far = near - np.array([0.25, 0.0, 0.0])
        builder.add_many(np.stack([near[:-1], near[1:], far[1:], far[:-1]], axis=1), _BLACK)
        if on:
            tint = {"red": (1.0, 0.12, 0.06), "amber": (1.0, 0.6, 0.1), "green": (0.15, 1.0, 0.55)}[name]
            halos.append(Halo((x - 0.3, y, z), tint, 0.75 if dark else 0.5, 0.85 if dark else 0.6, np.pi))
    return Shape(builder.build(), tuple(halos))


def _plate(x: float, y: float, z: float, half: float, high: float) -> list[tuple[float, float, float]]:
    """An upright rectangle seen from x < 0."""
    return [(x, y + half, z - high), (x, y - half, z - high), (x, y - half, z + high), (x, y + half, z + high)]
