"""Everything flat: asphalt and its wear, pavements with kerbs, and paint on the road."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightemma.frame import FloatArray
from lightemma.simulation.render.meshes.glyphs import GLYPHS
from lightemma.simulation.render.meshes.mesh import Colour, Layer, MeshBuilder, Surface
from lightemma.simulation.render.meshes.polygons import along, counter_clockwise, in_any, lengths_of, strip
from lightemma.simulation.state import City, Marking

KERB = 0.12
"""Height of pavements above the road in metres."""

ASPHALT: Colour = (0.375, 0.375, 0.375)
PAVING: Colour = (0.545, 0.53, 0.505)
KERBSTONE: Colour = (0.63, 0.625, 0.605)
PAINT: Colour = (0.84, 0.84, 0.82)
MEADOW: Colour = (0.385, 0.43, 0.275)
YARD: Colour = (0.47, 0.455, 0.42)

_ARROWS: dict[str, tuple[tuple[tuple[float, float], ...], ...]] = {
    "arrow-straight": (
        ((0.0, -0.08), (2.6, -0.08), (2.6, 0.08), (0.0, 0.08)),
        ((2.5, -0.38), (4.2, 0.0), (2.5, 0.38)),
    ),
    "arrow-left": (
        ((0.0, -0.08), (2.5, -0.08), (2.5, 0.08), (0.0, 0.08)),
        ((2.0, 0.08), (2.5, -0.08), (3.0, 0.42), (2.6, 0.55)),
        ((1.9, 0.42), (3.3, 0.30), (2.95, 1.25)),
    ),
}

_CORNERS = np.array([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)])
_COVER = 0.31 * np.column_stack([np.cos(np.arange(12) * (np.pi / 6)), np.sin(np.arange(12) * (np.pi / 6))])


def add_ground(builder: MeshBuilder, city: City) -> None:
    """Adds everything flat of a city."""
    rng = np.random.default_rng([city.seed, 1])
    points = np.concatenate([np.asarray(ring)[:, :2] for ring in (*city.drivable, *city.walkways)])
    low, high = points.min(axis=0) - 500.0, points.max(axis=0) + 500.0
    ground = np.array([(low[0], low[1]), (high[0], low[1]), (high[0], high[1]), (low[0], high[1])])
    builder.add(ground, ground_colour(city), layer=Layer.GROUND)
    for ring in city.drivable:
        builder.add(counter_clockwise(ring), ASPHALT, layer=Layer.ROAD)
    _add_wear(builder, city, rng)
    for marking in city.markings:
        _add_marking(builder, marking)
    for ring in city.walkways:
        _add_walkway(builder, counter_clockwise(ring))


def ground_colour(city: City) -> Colour:
    """Colour of the ground next to the roads: yards where houses are close, meadow elsewhere."""
    return YARD if len(city.buildings) > 2 * len(city.plants) else MEADOW


def _add_walkway(builder: MeshBuilder, ring: FloatArray) -> None:
    """A raised pavement: its top, a kerb stone along its edge, and the kerb's face."""
    top = np.column_stack([ring, np.full(len(ring), KERB)])
    builder.add(top, PAVING, layer=Layer.PAVEMENT, surface=Surface.STONE)
    closed = np.concatenate([ring, ring[:1]])
    bands = strip(closed, 0.16, 0.08)
    edge = np.concatenate([bands, np.full((*bands.shape[:2], 1), KERB + 0.004)], axis=2)
    builder.add_many(edge, KERBSTONE, layer=Layer.KERB, surface=Surface.STONE)
    after = np.roll(ring, -1, axis=0)
    zero, high = np.zeros((len(ring), 1)), np.full((len(ring), 1), KERB)
    foot, foot_after = np.hstack([ring, zero]), np.hstack([after, zero])
    face = np.stack([foot, foot_after, np.hstack([after, high]), np.hstack([ring, high])], axis=1)
    builder.add_many(face, (0.52, 0.515, 0.5), layer=Layer.KERB, surface=Surface.STONE, solid=True)


def _add_wear(builder: MeshBuilder, city: City, rng: np.random.Generator) -> None:
    """Adds patches, seams and drain covers, which make motion visible."""
    for lane in city.lanes:
        ring = counter_clockwise(lane)
        closed = np.concatenate([ring, ring[:1]])
        around = lengths_of(closed)[-1]
        drawn = [_one_wear(rng, around) for _ in range(int(np.clip(around / 14.0, 1, 60)))]
        at = along(closed, np.array([spot.station for spot in drawn]))
        places = at.points + at.lefts * np.array([[spot.inwards] for spot in drawn])
        outlines = [
            place + spot.outline[:, :1] * heading + spot.outline[:, 1:] * left
            for spot, place, heading, left in zip(drawn, places, at.headings, at.lefts, strict=True)
        ]
        ends = np.cumsum([len(outline) for outline in outlines])
        inside = np.logical_and.reduceat(in_any((ring,), np.concatenate(outlines)), np.concatenate([[0], ends[:-1]]))
        for spot, outline, wanted in zip(drawn, outlines, inside.tolist(), strict=True):
            if wanted:
                builder.add_many(outline[None], np.array(ASPHALT) * spot.shade, layer=Layer.WEAR)


@dataclass(frozen=True, slots=True)
class _Wear:
    """A patch, seam or cover: metres along the lane's edge and inwards, its (k, 2) outline in metres, and its brightness."""

    station: float
    inwards: float
    outline: FloatArray
    shade: float


def _one_wear(rng: np.random.Generator, around: float) -> _Wear:
    """A trace of wear somewhere along an edge of ``around`` metres."""
    station, inwards, kind = rng.uniform(0.0, around), rng.uniform(0.15, 2.2), rng.uniform()
    if kind < 0.5:
        return _Wear(
            station, inwards, _CORNERS * (rng.uniform(0.8, 5.0), rng.uniform(0.4, 1.4)), rng.uniform(0.86, 1.1)
        )
    if kind < 0.85:
        return _Wear(station, inwards, _CORNERS * (rng.uniform(2.0, 9.0), rng.uniform(0.03, 0.06)), 0.66)
    return _Wear(station, inwards, _COVER, 0.6)


def _add_marking(builder: MeshBuilder, marking: Marking) -> None:
    """Paint of one kind along a line."""
    line = np.asarray(marking.line, dtype=np.float64)
    if marking.kind in ("edge", "stop"):
        builder.add_many(strip(line, marking.width), PAINT, layer=Layer.MARKING)
    elif marking.kind == "lane":
        _add_dashes(builder, line, marking.width, 3.0, 5.0)
    elif marking.kind == "centre":
        _add_dashes(builder, line, marking.width, 4.0, 2.0)
    elif marking.kind == "crossing":
        _add_zebra(builder, line, marking.width)
    elif marking.kind == "speed-30":
        _add_figures(builder, line, marking.width, "30", 0.16)
    elif marking.kind == "bicycle":
        _add_figures(builder, line, marking.width, "b", 0.09)
    else:
        _add_arrow(builder, line, marking.kind)


def _add_dashes(builder: MeshBuilder, line: FloatArray, width: float, paint: float, gap: float) -> None:
    """A broken line."""
    length = lengths_of(line)[-1]
    for start in np.arange(gap / 2, length - paint / 2, paint + gap):
        inner = np.arange(start, min(start + paint, length) + 0.01, 1.0)
        builder.add_many(strip(along(line, inner).points, width), PAINT, layer=Layer.MARKING)


def _add_zebra(builder: MeshBuilder, line: FloatArray, width: float) -> None:
    """Stripes along the road, half a metre wide and apart, one after the other along the line."""
    length = float(lengths_of(line)[-1])
    starts = np.arange(0.25, length - 0.5, 1.0)
    near, far = along(line, starts), along(line, starts + 0.5)
    reach = width / 2
    stripes = np.stack(
        [
            near.points - near.lefts * reach,
            far.points - near.lefts * reach,
            far.points + near.lefts * reach,
            near.points + near.lefts * reach,
        ],
        axis=1,
    )
    builder.add_many(stripes, PAINT, layer=Layer.MARKING)


def _add_figures(builder: MeshBuilder, line: FloatArray, width: float, figures: str, stroke_width: float) -> None:
    """Figures as tall as the line is long, to be read by those who come along it."""
    start, way = line[0], line[-1] - line[0]
    right = np.array([way[1], -way[0]]) / max(float(np.linalg.norm(way)), 1e-9) * width
    step = 1.0 / len(figures)
    for index, figure in enumerate(figures):
        for stroke in GLYPHS[figure]:
            # The strokes are in -1 ... 1 both ways.
            places = np.array(stroke) * (0.38 * step, 0.5) + ((index + 0.5) * step - 0.5, 0.5)
            builder.add_many(
                strip(start + places[:, :1] * right + places[:, 1:] * way, stroke_width), PAINT, layer=Layer.MARKING
            )


def _add_arrow(builder: MeshBuilder, line: FloatArray, kind: str) -> None:
    """An arrow at the line's start."""
    at = along(line, np.zeros(1))
    sign = -1.0 if kind == "arrow-right" else 1.0
    for outline in _ARROWS["arrow-left" if kind == "arrow-right" else kind]:
        spots = np.array(outline) * (1.0, sign)
        corners = at.points[0] + spots[:, :1] * at.headings[0] + spots[:, 1:] * at.lefts[0]
        builder.add(corners[:: int(sign)], PAINT, layer=Layer.MARKING)
