"""Houses: walls with windows, doors, shop fronts and balconies, under flat or pitched roofs."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from lightemma.frame import FloatArray
from lightemma.simulation.render.meshes.mesh import Colour, MeshBuilder, Surface, mixed, row_of, scaled, spread
from lightemma.simulation.render.meshes.polygons import counter_clockwise
from lightemma.simulation.state import Building

_WALLS: tuple[Colour, ...] = (
    (0.72, 0.68, 0.60), (0.60, 0.44, 0.37), (0.68, 0.68, 0.67), (0.76, 0.71, 0.62), (0.55, 0.53, 0.50),
    (0.66, 0.58, 0.50), (0.52, 0.55, 0.58), (0.62, 0.50, 0.42), (0.70, 0.63, 0.50), (0.58, 0.60, 0.56),
)  # fmt: skip
_ROOFS: tuple[Colour, ...] = ((0.42, 0.24, 0.19), (0.30, 0.29, 0.30), (0.36, 0.27, 0.23), (0.25, 0.26, 0.28))
_SHOPS: tuple[Colour, ...] = (
    (0.50, 0.14, 0.13), (0.13, 0.24, 0.40), (0.15, 0.34, 0.24), (0.62, 0.47, 0.16), (0.24, 0.22, 0.24), (0.42, 0.22, 0.36)
)  # fmt: skip
_FRAME: Colour = (0.80, 0.79, 0.76)
_PANE: Colour = (0.13, 0.15, 0.17)
_WARM: Colour = (0.98, 0.80, 0.52)


@dataclass(frozen=True, slots=True)
class _Wall:
    """One wall: its start, its direction, and the direction it faces; all (2,) metres."""

    start: FloatArray
    along: FloatArray
    out: FloatArray
    length: float

    def panels(self, spans: FloatArray, low: float, high: float, off: float) -> FloatArray:
        """(m, 4, 3) upright rectangles between (m, 2) metres along the wall, ``off`` metres before it."""
        panels: FloatArray = _sheets(
            self.start, self.along, self.out, spans, np.array([low]), np.array([high]), np.array([off])
        )
        return panels

    def feet(self, spans: FloatArray) -> FloatArray:
        """(m, 3) metres: the middles of spans, on the ground."""
        middle = self.start + spans.mean(axis=1, keepdims=True) * self.along
        return np.column_stack([middle, np.zeros(len(spans))])


def _sheets(
    start: FloatArray,
    along: FloatArray,
    out: FloatArray,
    spans: FloatArray,
    low: FloatArray,
    high: FloatArray,
    off: FloatArray,
) -> FloatArray:
    """(m, 4, 3) upright rectangles on walls: (m or 1, 2) of each wall, (m, 2) spans, and (m,) or (1,) of the others."""
    base = start + off[:, None] * out
    corners = np.empty((len(spans), 4, 3))
    corners[:, 0, :2] = corners[:, 3, :2] = base + spans[:, :1] * along
    corners[:, 1, :2] = corners[:, 2, :2] = base + spans[:, 1:] * along
    corners[:, :2, 2], corners[:, 2:, 2] = low[:, None], high[:, None]
    return corners


@dataclass(slots=True)
class _Facade:
    """The upright rectangles on the walls of a house, which go to the builder together, because one by one they take longer.

    Attributes:
        wall: the wall to which rectangles are added now.
    """

    wall: _Wall
    _places: list[tuple[FloatArray, FloatArray]] = field(default_factory=list)
    _walls: list[tuple[float, ...]] = field(default_factory=list)
    _heights: list[tuple[int, int, float, float, float, int]] = field(default_factory=list)
    _looks: list[tuple[FloatArray, FloatArray]] = field(default_factory=list)

    def add(
        self,
        spans: FloatArray,
        anchors: FloatArray,
        low: float,
        high: float,
        off: float,
        colour: npt.ArrayLike,
        surface: Surface = Surface.MATTE,
        glow: float | FloatArray = 0.0,
    ) -> None:
        """Adds rectangles as :meth:`_Wall.panels` makes them, with (m, 3) anchors and one colour and glow, or m of them."""
        self._places.append((spans, anchors))
        self._heights.append((len(spans), len(self._walls) - 1, low, high, off, int(surface)))
        self._looks.append((row_of(colour), row_of(glow)[0]))

    def on(self, wall: _Wall) -> None:
        """Goes to another wall."""
        self.wall = wall
        self._walls.append((*wall.start, *wall.along, *wall.out))

    def flush(self, builder: MeshBuilder) -> None:
        """Gives the builder what has been added since the last time."""
        if not self._places:
            return
        numbers = np.array(self._heights)
        many = numbers[:, 0].astype(np.intp)
        at, low, high, off, surfaces = numbers[:, 1:].repeat(many, axis=0).T
        walls = np.array(self._walls)[at.astype(np.intp)]
        builder.add_many(
            _sheets(
                walls[:, :2],
                walls[:, 2:4],
                walls[:, 4:],
                np.concatenate([one for one, _ in self._places]),
                low,
                high,
                off,
            ),
            spread([colours for colours, _ in self._looks], many),
            surface=surfaces.astype(np.intp),
            solid=True,
            glow=spread([glows for _, glows in self._looks], many),
            anchors=np.concatenate([anchors for _, anchors in self._places]),
        )
        for part in (self._places, self._heights, self._looks):
            part.clear()


def add_building(builder: MeshBuilder, building: Building, *, fine: bool, lit: bool) -> None:
    """Adds a house.

    Args:
        builder: gets the faces.
        building: footprint, height and the seed of its appearance.
        fine: whether windows have frames, sills and bars.
        lit: whether it is dark enough for lit windows.
    """
    rng = np.random.default_rng([building.look, 77])
    ring = counter_clockwise(building.footprint)
    pitched = len(ring) == 4 and building.height < 9.5 and rng.uniform() < 0.75
    eaves = building.height * (0.70 if pitched else 1.0)
    plaster = scaled(_WALLS[int(rng.integers(len(_WALLS)))], float(rng.uniform(0.9, 1.05)))
    roof = _ROOFS[int(rng.integers(len(_ROOFS)))]
    style = _Style(
        wall=plaster,
        shop=_SHOPS[int(rng.integers(len(_SHOPS)))] if eaves > 6 and rng.uniform() < 0.6 else None,
        bay=float(rng.uniform(2.5, 3.6)),
        window=(float(rng.uniform(0.42, 0.62)), float(rng.uniform(1.35, 1.75))),
        banded=bool(rng.uniform() < 0.3),
        frame=_FRAME if rng.uniform() < 0.7 else scaled(plaster, 0.6),
    )
    facade: _Facade | None = None
    for start, end in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        length = float(np.linalg.norm(end - start))
        if length > 0.3:
            along = (end - start) / length
            wall = _Wall(start, along, np.array([along[1], -along[0]]), length)
            facade = facade or _Facade(wall)
            facade.on(wall)
            _add_wall(builder, facade, eaves, style, rng, fine, lit)
    if facade is not None:
        facade.flush(builder)
    if pitched:
        _add_pitched_roof(builder, ring, eaves, building.height, roof, plaster)
    else:
        top = np.column_stack([ring, np.full(len(ring), building.height - 0.25)])
        builder.add(top, (0.38, 0.38, 0.38), surface=Surface.STONE, solid=True)


@dataclass(frozen=True, slots=True)
class _Style:
    """The appearance of one house: wall colour, shop colour if any, metres of a bay, window share and height, bands, frames."""

    wall: Colour
    shop: Colour | None
    bay: float
    window: tuple[float, float]
    banded: bool
    frame: Colour


def _add_wall(
    builder: MeshBuilder, facade: _Facade, eaves: float, style: _Style, rng: np.random.Generator, fine: bool, lit: bool
) -> None:
    """The facade's wall with everything on it."""
    wall = facade.wall
    bays = max(1, round(wall.length / style.bay))
    edges = np.linspace(0.0, wall.length, bays + 1)
    spans = np.column_stack([edges[:-1], edges[1:]])
    middles, width = spans.mean(axis=1), wall.length / bays
    anchors = wall.feet(spans)

    def panels(
        share: float,
        low: float,
        high: float,
        off: float,
        colour: npt.ArrayLike,
        surface: Surface = Surface.MATTE,
        glow: float | FloatArray = 0.0,
    ) -> None:
        half = width * share / 2
        inner = np.empty((bays, 2))
        inner[:, 0], inner[:, 1] = middles - half, middles + half
        facade.add(inner, anchors, low, high, off, colour, surface, glow)

    panels(1.0, -0.1, eaves, 0.0, style.wall, surface=Surface.STONE)
    panels(1.0, 0.0, 0.55, 0.015, scaled(style.wall, 0.66), surface=Surface.STONE)
    panels(1.0, eaves - 0.35, eaves, 0.12 if fine else 0.02, scaled(style.wall, 0.80), surface=Surface.STONE)
    floors = max(1, int((eaves - 0.6) / 3.0))
    storey = (eaves - 0.5) / floors
    for floor in range(floors):
        base = floor * storey
        if style.banded and floor:
            panels(1.0, base - 0.08, base + 0.1, 0.03, scaled(style.wall, 1.15), surface=Surface.STONE)
        if floor == 0 and wall.length > 5:
            if style.shop is not None:
                _add_shop(builder, facade, spans, anchors, storey, style.shop, fine, lit, rng)
            else:
                _add_ground_floor(facade, spans, anchors, storey, style, rng, lit)
            continue
        low, high = base + 0.85, min(base + 0.85 + style.window[1], base + storey - 0.25)
        glow = np.where(rng.uniform(size=bays) < 0.38, 1.0, 0.0) * (1.0 if lit else 0.0)
        dim = rng.uniform(0.6, 1.5, bays)
        curtain = rng.uniform(size=bays) < 0.2
        glass = np.array(_PANE) * dim[:, None]
        glass = np.where(curtain[:, None], np.array([0.42, 0.41, 0.39]), glass)
        glass = np.where(glow[:, None] > 0, np.array(_WARM) * rng.uniform(0.6, 1.0, bays)[:, None], glass)
        share = style.window[0]
        if fine:
            panels(share + 0.07, low - 0.08, high + 0.08, 0.02, style.frame)
        panels(share, low, high, 0.04, glass, surface=Surface.GLASS, glow=glow * 0.75)
        if fine:
            panels(0.025, low, high, 0.055, style.frame)
            panels(share + 0.14, low - 0.16, low - 0.08, 0.09, scaled(style.wall, 1.12))
            panels(share, high - 0.12, high, 0.05, (0.07, 0.07, 0.07))


def _add_shop(
    builder: MeshBuilder,
    facade: _Facade,
    spans: FloatArray,
    anchors: FloatArray,
    storey: float,
    colour: Colour,
    fine: bool,
    lit: bool,
    rng: np.random.Generator,
) -> None:
    """Shop windows under a coloured board, and an awning here and there."""

    def within(inset: float) -> FloatArray:
        inner: FloatArray = spans + np.array([inset, -inset])
        return inner

    wide = (spans[:, 1] - spans[:, 0])[:, None]
    pane = _WARM if lit else (0.17, 0.18, 0.19)
    facade.add(within(0.0), anchors, 0.0, storey - 0.1, 0.03, scaled(colour, 0.55))
    facade.add(within(0.18), anchors, 0.45, storey - 0.85, 0.045, pane, Surface.GLASS, 0.7 if lit else 0.0)
    if fine:
        # Things on display: lighter blocks low behind the glass.
        tint = rng.uniform(0.25, 0.6, (len(spans), 3))
        inner = spans + wide * np.array([0.22, -0.30])
        facade.add(inner, anchors, 0.5, 1.15, 0.055, tint * 0.7, glow=0.3 if lit else 0.0)
    facade.add(within(0.05), anchors, storey - 0.72, storey - 0.15, 0.10, colour)
    inner = spans + wide * np.array([0.25, -0.25])
    facade.add(inner, anchors, storey - 0.55, storey - 0.32, 0.12, mixed(colour, (0.95, 0.93, 0.86), 0.8))
    if fine and rng.uniform() < 0.5:
        facade.flush(builder)
        roof = facade.wall.panels(within(0.1), storey - 0.75, storey - 0.75, 0.1)
        roof[:, :2] = facade.wall.panels(within(0.1), storey - 1.1, storey - 1.1, 1.1)[:, :2]
        builder.add_many(roof, mixed(colour, (0.9, 0.88, 0.8), 0.25), anchors=anchors)


def _add_ground_floor(
    facade: _Facade,
    spans: FloatArray,
    anchors: FloatArray,
    storey: float,
    style: _Style,
    rng: np.random.Generator,
    lit: bool,
) -> None:
    """Windows and a door."""
    door = int(rng.integers(len(spans)))
    for index, (middle, wide) in enumerate(
        zip(spans.mean(axis=1).tolist(), (spans[:, 1] - spans[:, 0]).tolist(), strict=True)
    ):

        def quad(
            half: float,
            low: float,
            high: float,
            off: float,
            colour: npt.ArrayLike,
            surface: Surface = Surface.MATTE,
            glow: float = 0.0,
            index: int = index,
            middle: float = middle,
        ) -> None:
            span = np.array([[middle - half, middle + half]])
            facade.add(span, anchors[index : index + 1], low, high, off, colour, surface, glow)

        if index == door:
            quad(0.66, 0.0, 2.35, 0.02, style.frame)
            quad(0.54, 0.0, 2.25, 0.04, rng.uniform(0.12, 0.36, 3))
            quad(0.35, 1.4, 2.1, 0.05, _PANE, Surface.GLASS)
        else:
            half = style.window[0] * wide / 2
            bright = lit and rng.uniform() < 0.45
            quad(half + 0.09, 0.87, storey - 0.52, 0.02, style.frame)
            pane = _WARM if bright else scaled(_PANE, float(rng.uniform(0.7, 1.5)))
            quad(half, 0.95, storey - 0.6, 0.04, pane, Surface.GLASS, 0.7 if bright else 0.0)
            quad(0.03, 0.95, storey - 0.6, 0.055, style.frame)


def _add_pitched_roof(
    builder: MeshBuilder, ring: FloatArray, eaves: float, top: float, colour: Colour, wall: Colour
) -> None:
    """A gabled roof over four corners, its ridge along the longer sides."""
    sides = np.linalg.norm(np.roll(ring, -1, axis=0) - ring, axis=1)
    if sides[0] + sides[2] < sides[1] + sides[3]:
        ring = np.roll(ring, -1, axis=0)
    a, b, c, d = (np.append(corner, eaves) for corner in ring)
    one, other = np.append((ring[3] + ring[0]) / 2, top), np.append((ring[1] + ring[2]) / 2, top)
    run = (b - a) / np.linalg.norm(b - a)
    over, out = (
        0.35 * run,
        (a - d) / np.linalg.norm(a - d) * 0.4 + (0, 0, -0.4 * (top - eaves) / float(np.linalg.norm(a - d) / 2)),
    )
    middle = np.append(ring.mean(axis=0), 0.0)[None]
    for foot, foot2, ridge, ridge2, away in ((a, b, one, other, out), (c, d, other, one, out * (-1, -1, 1))):
        lean = over if foot is a else -over
        builder.add_many(
            np.array([[foot + away - lean, foot2 + away + lean, ridge2 + lean, ridge - lean]]),
            colour,
            surface=Surface.STONE,
            anchors=middle,
        )
    for triangle in ([b, c, other], [d, a, one]):
        builder.add_many(np.array([triangle]), wall, surface=Surface.STONE, solid=True, anchors=middle)
