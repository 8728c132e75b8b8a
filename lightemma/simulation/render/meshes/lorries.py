"""Trucks and buses."""

from __future__ import annotations

import numpy as np

from lightemma.simulation.render.meshes.mesh import Colour, MeshBuilder, Surface, scaled
from lightemma.simulation.render.meshes.shapes import Outfit, Shape
from lightemma.simulation.render.meshes.solids import add_box, add_contact_shadow
from lightemma.simulation.render.meshes.vehicle_parts import LampRow, add_plate, add_wheel, lamp_halos

_GLASS: Colour = (0.07, 0.08, 0.09)
_DARK: Colour = (0.10, 0.10, 0.105)


def truck_shape(outfit: Outfit) -> Shape:
    """A lorry: a cab, and a box on a frame."""
    length, width, height = outfit.size
    half, end = width / 2, length / 2
    cab = end - min(2.1, 0.3 * length)
    builder = MeshBuilder(anchor=(0.0, 0.0, 0.5))
    add_contact_shadow(builder, length, width)
    radius = 0.48
    axles = (-end + 1.4, end - 1.25) if length < 9 else (-end + 1.4, -end + 2.6, end - 1.25)
    _add_wheels(builder, outfit, axles, radius, half, outside=False)
    add_box(builder, (-end + 0.15, -half * 0.5, 0.55), (cab, half * 0.5, 1.0), _DARK, bottom=True)
    box: Colour = (0.80, 0.80, 0.78) if outfit.variant % 3 else scaled(outfit.colour, 0.9)
    low, high = 1.0, height
    cab_top = min(2.75, height - 0.2)
    _add_cab(builder, outfit, cab, cab_top)
    add_box(builder, (-end, -half, low), (cab - 0.15, half, high), box)
    for side in (-1.0, 1.0):
        y = side * (half + 0.008)
        band = [(-end + 0.1, y, 1.45), (cab - 0.25, y, 1.45), (cab - 0.25, y, 1.85), (-end + 0.1, y, 1.85)]
        builder.add(band if side < 0 else band[::-1], outfit.colour, solid=True)
        strip = [(-end + 0.1, y, 1.02), (cab - 0.25, y, 1.02), (cab - 0.25, y, 1.1), (-end + 0.1, y, 1.1)]
        builder.add(strip if side < 0 else strip[::-1], (0.75, 0.72, 0.2), solid=True)
    # Doors at the back.
    for y in (-half + 0.06, 0.02):
        panel = _back(-end - 0.01, y, y + half - 0.08, low + 0.08, high - 0.1)
        builder.add(panel, scaled(box, 0.93), solid=True)
    for y in (-0.25, 0.25):
        builder.add(_back(-end - 0.02, y - 0.02, y + 0.02, low + 0.1, high - 0.12), (0.45, 0.45, 0.46), solid=True)
    add_box(builder, (-end - 0.02, -half * 0.95, 0.5), (-end + 0.12, half * 0.95, 0.72), _DARK, bottom=True)
    row = LampRow(back=-end - 0.03, front=end, half=half - 0.25, tail=0.86, head=0.8, plate=0.6)
    _add_lamps(builder, outfit, row, (0.22, 0.10))
    _add_wheels(builder, outfit, axles, radius, half, outside=True)
    add_plate(builder, -end - 0.035, 0.61, back=True)
    core = ((-end + 0.02, -half + 0.02, low + 0.02), (cab - 0.17, half - 0.02, high - 0.02))
    return Shape(builder.build(), lamp_halos(outfit, row), (core,))


def _add_cab(builder: MeshBuilder, outfit: Outfit, cab: float, top: float) -> None:
    """A lorry's cab from x = ``cab`` to the front."""
    length, width, _ = outfit.size
    half, end = width / 2 * 0.97, length / 2
    add_box(builder, (cab, -half, 0.45), (end - 0.08, half, top), outfit.colour, surface=Surface.PAINT, bottom=True)
    add_box(builder, (end - 0.1, -half, 0.4), (end, half, 1.0), scaled(outfit.colour, 0.9), surface=Surface.PAINT)
    add_box(builder, (end - 0.05, -half * 0.62, 0.6), (end + 0.015, half * 0.62, 1.35), _DARK)
    screen = _front(end - 0.07, half * 0.9, -half * 0.9, 1.5, top - 0.25)
    builder.add(screen, _GLASS, surface=Surface.GLASS, solid=True)
    for side in (-1.0, 1.0):
        y = side * (half + 0.008)
        pane = [(cab + 0.45, y, 1.6), (end - 0.2, y, 1.6), (end - 0.3, y, top - 0.35), (cab + 0.45, y, top - 0.35)]
        builder.add(pane if side < 0 else pane[::-1], _GLASS, surface=Surface.GLASS, solid=True)
        low = sorted((side * (half + 0.05), side * (half + 0.25)))
        add_box(builder, (end - 0.35, low[0], 1.6), (end - 0.25, low[1], 2.2), _DARK, bottom=True)


def bus_shape(outfit: Outfit) -> Shape:
    """A city bus with a band of windows and a lit destination."""
    length, width, height = outfit.size
    half, end = width / 2, length / 2
    builder = MeshBuilder(anchor=(0.0, 0.0, 0.5))
    add_contact_shadow(builder, length, width)
    radius = 0.48
    axles = (-end + 3.0, end - 2.6)
    _add_wheels(builder, outfit, axles, radius, half, outside=False)
    add_box(builder, (-end, -half, 0.32), (end, half, height - 0.15), outfit.colour, surface=Surface.PAINT, bottom=True)
    add_box(
        builder,
        (-end + 0.5, -half * 0.85, height - 0.15),
        (end - 1.0, half * 0.85, height),
        scaled(outfit.colour, 0.85),
    )
    for side in (-1.0, 1.0):
        y = side * (half + 0.01)
        count = max(int((length - 1.0) / 1.45), 1)
        edges = np.linspace(-end + 0.45, end - 0.35, count + 1)
        for a, b in zip(edges[:-1] + 0.05, edges[1:] - 0.05, strict=True):
            pane = [(a, y, 1.15), (b, y, 1.15), (b, y, height - 0.5), (a, y, height - 0.5)]
            warm = outfit.lamps
            colour = (0.80, 0.72, 0.52) if warm else _GLASS
            builder.add(
                pane if side < 0 else pane[::-1], colour, surface=Surface.GLASS, solid=True, glow=0.5 if warm else 0.0
            )
        skirt = [(-end, y, 0.34), (end, y, 0.34), (end, y, 0.52), (-end, y, 0.52)]
        builder.add(skirt if side < 0 else skirt[::-1], _DARK, solid=True)
        if side < 0:
            for door in (end - 1.35, -0.4):
                leaf = [
                    (door, y - 0.01, 0.4),
                    (door + 1.1, y - 0.01, 0.4),
                    (door + 1.1, y - 0.01, 2.5),
                    (door, y - 0.01, 2.5),
                ]
                builder.add(leaf, (0.13, 0.14, 0.15), surface=Surface.GLASS, solid=True)
    builder.add(
        _front(end + 0.01, half * 0.92, -half * 0.92, 1.0, height - 0.62), _GLASS, surface=Surface.GLASS, solid=True
    )
    builder.add(
        _front(end + 0.012, half * 0.7, -half * 0.7, height - 0.52, height - 0.2), (0.03, 0.03, 0.03), solid=True
    )
    for place in np.arange(-3, 4) * 0.17:
        builder.add(
            _front(end + 0.02, place + 0.06, place - 0.06, height - 0.45, height - 0.28),
            (1.0, 0.62, 0.1),
            solid=True,
            glow=1.2,
        )
    builder.add(
        _back(-end - 0.01, -half * 0.85, half * 0.85, 1.5, height - 0.55), _GLASS, surface=Surface.GLASS, solid=True
    )
    builder.add(_back(-end - 0.012, -half * 0.6, half * 0.6, 0.75, 1.25), scaled(outfit.colour, 0.6), solid=True)
    builder.add(_back(-end - 0.012, -half, half, 0.34, 0.55), _DARK, solid=True)
    row = LampRow(back=-end - 0.02, front=end + 0.012, half=half - 0.22, tail=1.05, head=0.78, plate=0.62)
    _add_lamps(builder, outfit, row, (0.14, 0.22))
    _add_wheels(builder, outfit, axles, radius, half, outside=True)
    add_plate(builder, -end - 0.03, 0.64, back=True)
    core = ((-end + 0.02, -half + 0.02, 0.34), (end - 0.02, half - 0.02, height - 0.17))
    return Shape(builder.build(), lamp_halos(outfit, row), (core,))


def _add_wheels(
    builder: MeshBuilder, outfit: Outfit, axles: tuple[float, ...], radius: float, half: float, *, outside: bool
) -> None:
    for x in axles:
        for side in (-1.0, 1.0):
            add_wheel(builder, x, side, half, radius, outside=outside, fine=outfit.fine)


def _add_lamps(builder: MeshBuilder, outfit: Outfit, row: LampRow, reach: tuple[float, float]) -> None:
    """Square tail and head lamps; ``reach``: half their width and height."""
    lit = outfit.braking or outfit.lamps
    red: Colour = (1.0, 0.07, 0.04) if outfit.braking else ((0.85, 0.05, 0.04) if lit else (0.42, 0.04, 0.04))
    for side in (1.0, -1.0):
        y, (wide, high) = side * row.half, reach
        back = _back(row.back, y - wide, y + wide, row.tail - high, row.tail + high)
        builder.add(back, red, surface=Surface.GLASS, solid=True, glow=5.0 if outfit.braking else (0.9 if lit else 0.0))
        front = _front(row.front + 0.01, y + wide, y - wide, row.head - 0.12, row.head + 0.12)
        builder.add(front, (0.93, 0.93, 0.9), surface=Surface.GLASS, solid=True, glow=6.0 if outfit.lamps else 0.0)
        on = outfit.left if side > 0 else outfit.right
        amber: Colour = (1.0, 0.55, 0.04) if on else (0.5, 0.26, 0.05)
        out = side * (row.half + wide + 0.08)
        builder.add(
            _back(row.back, out - 0.07, out + 0.07, row.tail - high, row.tail + high),
            amber,
            solid=True,
            glow=5.0 if on else 0.0,
        )
        builder.add(
            _front(row.front + 0.01, out + 0.07, out - 0.07, row.head - 0.1, row.head + 0.1),
            amber,
            solid=True,
            glow=5.0 if on else 0.0,
        )


def _back(x: float, right: float, left: float, low: float, high: float) -> list[tuple[float, float, float]]:
    """An upright rectangle seen from behind."""
    return [(x, left, low), (x, right, low), (x, right, high), (x, left, high)]


def _front(x: float, left: float, right: float, low: float, high: float) -> list[tuple[float, float, float]]:
    """An upright rectangle seen from ahead."""
    return [(x, right, low), (x, left, low), (x, left, high), (x, right, high)]
