"""Parts that all vehicles have: wheels, number plates and the glow of their lamps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightemma.simulation.render.meshes.mesh import Colour, MeshBuilder, Surface
from lightemma.simulation.render.meshes.shapes import Halo, Outfit
from lightemma.simulation.render.meshes.solids import add_limb, circle

_TYRE: Colour = (0.055, 0.055, 0.06)
_RIM: Colour = (0.55, 0.56, 0.58)
_ARCH: Colour = (0.03, 0.03, 0.032)
#: Of the arch, the tyre and the rim: share of the wheel's radius, and metres outside the body.
_DISCS = np.array([(1.15, 0.004), (1.0, 0.010), (0.66, 0.016)])


@dataclass(frozen=True, slots=True)
class LampRow:
    """Where a vehicle's lamps are, in metres.

    Attributes:
        back: x of the tail lamps.
        front: x of the head lamps.
        half: y of the lamps' middles.
        tail: height of the tail lamps.
        head: height of the head lamps.
        plate: height of the rear number plate.
    """

    back: float
    front: float
    half: float
    tail: float
    head: float
    plate: float


def add_wheel(
    builder: MeshBuilder, x: float, side: float, half: float, radius: float, *, outside: bool, fine: bool
) -> None:
    """A wheel at ``x`` on one side (1 = left) of a vehicle of half width ``half``.

    The painter needs two parts: the tyre's tread before the body, the outside with the dark arch after it.
    """
    if not outside:
        inner, outer = side * (half - 0.22), side * (half - 0.005)
        add_limb(builder, (x, inner, radius), (x, outer, radius), (radius, radius), _TYRE, sides=14 if fine else 8)
        return
    around = circle(18 if fine else 10) * (1, side)
    shares, out = _DISCS[:, :1], _DISCS[:, 1:]
    # In the order of one disc after the other, with the same rounding.
    rings = around * radius * shares[:, None]
    corners = np.empty((len(_DISCS), len(around), 3))
    corners[:, :, 0], corners[:, :, 1] = x + rings[:, :, 0], side * (half + out)
    # A wheel arch is open below.
    corners[:, :, 2] = np.maximum(radius + rings[:, :, 1], np.where(shares <= 1.0, 0.0, 0.2 * radius))
    # Seen from the left, x runs to the left: the circle has to be turned round there.
    surfaces = np.array([Surface.MATTE, Surface.MATTE, Surface.METAL], dtype=np.intp)
    builder.add_many(corners[:, ::-1], (_ARCH, _TYRE, _RIM), surface=surfaces, solid=True)
    if fine:
        turns = 2 * np.pi * (np.array([-0.028, 0.028, 0.055, -0.055]) + np.arange(5)[:, None] / 5 + 0.1)
        reach = radius * np.array([0.22, 0.22, 0.57, 0.57])
        xs, zs = x + reach * np.cos(turns), radius + reach * np.sin(turns)
        spokes = np.stack([xs, np.full((5, 4), side * (half + 0.021)), zs], axis=2)
        builder.add_many(spokes[:, ::-1] if side < 0 else spokes, (0.07, 0.07, 0.075), solid=True)


def add_plate(builder: MeshBuilder, x: float, z: float, *, back: bool) -> None:
    """A number plate, 52 by 11 cm, with dark figures."""
    side = 1 if back else -1

    def quad(left: float, right: float, low: float, high: float, out: float) -> list[tuple[float, float, float]]:
        at = x - side * out
        corners = [(at, left, low), (at, right, low), (at, right, high), (at, left, high)]
        return corners if back else corners[::-1]

    figures = (-0.17, -0.09, 0.03, 0.10, 0.17)
    quads = [quad(0.26, -0.26, z - 0.055, z + 0.055, 0.0)]
    quads += [quad(place + 0.025, place - 0.025, z - 0.033, z + 0.033, 0.004) for place in figures]
    colours = [(0.88, 0.88, 0.84)] + [(0.12, 0.12, 0.13)] * len(figures)
    builder.add_many(np.array(quads), colours, solid=True)


def lamp_halos(outfit: Outfit, row: LampRow, third: tuple[float, float] | None = None) -> tuple[Halo, ...]:
    """The glow around the lamps that are on; ``third``: x and z of the third brake light."""
    halos = []
    for side in (1.0, -1.0):
        y = side * row.half
        if outfit.braking:
            halos.append(Halo((row.back, y, row.tail), (1.0, 0.10, 0.05), 0.55, 0.9, np.pi))
        elif outfit.lamps:
            halos.append(Halo((row.back, y, row.tail), (1.0, 0.10, 0.05), 0.30, 0.5, np.pi))
        if outfit.lamps:
            halos.append(Halo((row.front, y, row.head), (1.0, 0.95, 0.82), 1.0, 1.1, 0.0))
        if outfit.left if side > 0 else outfit.right:
            for x, z, facing in ((row.back, row.tail, np.pi), (row.front, row.head, 0.0)):
                halos.append(Halo((x, y * 1.1, z), (1.0, 0.55, 0.06), 0.45, 0.8, facing))
    if outfit.braking and third is not None:
        halos.append(Halo((third[0], 0.0, third[1]), (1.0, 0.10, 0.05), 0.35, 0.6, np.pi))
    return tuple(halos)
