"""Traffic signs with drawn faces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lightemma.frame import FloatArray
from lightemma.simulation.render.meshes.glyphs import GLYPHS
from lightemma.simulation.render.meshes.mesh import Colour, Mesh, MeshBuilder, Surface
from lightemma.simulation.render.meshes.polygons import strip
from lightemma.simulation.render.meshes.solids import add_limb, circle
from lightemma.simulation.state import SignKind

RED: Colour = (0.74, 0.07, 0.08)
BLUE: Colour = (0.06, 0.22, 0.55)
WHITE: Colour = (0.93, 0.93, 0.91)
BLACK: Colour = (0.06, 0.06, 0.06)
YELLOW: Colour = (0.95, 0.73, 0.08)
STEEL: Colour = (0.46, 0.47, 0.48)

_MIDDLE = 2.35
_HALF = 0.45
"""Metres: half the height of a sign's face."""

_SQUARE = np.array([(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)])
_UP = np.array([(-1.0, -0.8), (1.0, -0.8), (0.0, 0.93)])
_OCTAGON = circle(8) @ np.array([[np.cos(np.pi / 8), np.sin(np.pi / 8)], [-np.sin(np.pi / 8), np.cos(np.pi / 8)]])

_WALKER = [
    [(0.0, 0.22), (-0.02, -0.12)],
    [(-0.02, -0.1), (0.18, -0.42)],
    [(-0.02, -0.1), (-0.2, -0.42)],
    [(0.0, 0.18), (0.17, 0.0)],
    [(0.0, 0.18), (-0.17, 0.0)],
]
_DIGGER = [
    [(-0.12, 0.12), (-0.05, -0.15)],
    [(-0.05, -0.15), (0.1, -0.5)],
    [(-0.05, -0.15), (-0.25, -0.5)],
    [(-0.1, 0.08), (0.16, -0.1)],
    [(0.0, 0.1), (0.36, -0.42)],
]


class _Face:
    """Drawing on the face of a sign, which is seen from x < 0; each shape is drawn over the one before."""

    def __init__(self, builder: MeshBuilder) -> None:
        self._builder = builder
        self._depth = 0

    def shape(self, outline: FloatArray, colour: Colour) -> None:
        """A filled (k, 2) outline, right and up in halves of the face, counter-clockwise."""
        spots = np.asarray(outline, dtype=np.float64) * _HALF
        out = -0.05 - 0.008 * self._depth
        corners = np.column_stack([np.full(len(spots), out), -spots[:, 0], spots[:, 1] + _MIDDLE])
        if self._depth == 0:
            # From behind it is a grey plate.
            back = corners[::-1] + np.array([0.012, 0.0, 0.0])
            self._builder.add(back, STEEL, surface=Surface.METAL, solid=True)
        self._builder.add(corners, colour, surface=Surface.MATTE, solid=True)

    def over(self) -> None:
        """Moves the following shapes in front of those drawn so far."""
        self._depth += 1

    def strokes(
        self,
        lines: Sequence[Sequence[tuple[float, float]]],
        colour: Colour,
        width: float,
        at: tuple[float, float],
        size: tuple[float, float],
    ) -> None:
        """Lines of a width, put at a place of the face and scaled."""
        for line in lines:
            points = np.array(line) * size + at
            for band in strip(points, width):
                self.shape(band, colour)


def sign_mesh(kind: SignKind, base: float = 0.0) -> Mesh:
    """A sign on its post, for traffic that comes along x; ``base`` metres above the road."""
    builder = MeshBuilder(anchor=(0.0, 0.0, 0.0))
    add_limb(
        builder, (0.0, 0.0, base), (0.0, 0.0, _MIDDLE + 0.35), (0.035, 0.035), STEEL, sides=8, surface=Surface.METAL
    )
    face = _Face(builder)
    _draw(face, kind)
    return builder.build()


def _draw(face: _Face, kind: SignKind) -> None:
    """The picture of each sign."""
    disc = circle(24)
    if kind == "priority":
        diamond = np.array([(0.0, -1.1), (1.1, 0.0), (0.0, 1.1), (-1.1, 0.0)])
        _stack(face, (diamond, WHITE), (diamond * 0.74, YELLOW))
    elif kind == "yield":
        _stack(face, (_UP[::-1] * (1.08, -1.08), RED), (_UP[::-1] * (0.68, -0.68) + (0, 0.03), WHITE))
    elif kind == "stop":
        _stack(face, (_OCTAGON * 1.05, WHITE), (_OCTAGON * 0.97, RED))
        for index, letter in enumerate("STOP"):
            face.strokes(GLYPHS[letter], WHITE, 0.10, (-0.60 + 0.40 * index, 0.0), (0.16, 0.30))
    elif kind in ("speed-30", "speed-50"):
        _stack(face, (disc, RED), (disc * 0.76, WHITE))
        for index, figure in enumerate(kind[-2:]):
            face.strokes(GLYPHS[figure], BLACK, 0.14, (-0.29 + 0.58 * index, 0.0), (0.23, 0.40))
    elif kind in ("roundabout", "roundabout-left"):
        _stack(face, (disc, WHITE), (disc * 0.94, BLUE))
        _round_arrows(face, 1.0 if kind == "roundabout" else -1.0)
    elif kind == "crossing":
        _stack(face, (_SQUARE * 0.95, BLUE), (_UP * 0.84, WHITE))
        face.strokes(_WALKER, BLACK, 0.09, (0.0, 0.0), (1.0, 1.0))
        face.shape(circle(10) * 0.085 + (0.02, 0.34), BLACK)
        face.strokes(
            [[(x, -0.62), (x + 0.1, -0.5)] for x in (-0.45, -0.2, 0.05, 0.3)], BLACK, 0.10, (0.0, 0.0), (1.0, 1.0)
        )
    elif kind == "roadworks":
        _stack(face, (_UP * 1.08, RED), (_UP * 0.70 + (0.0, -0.03), WHITE))
        face.strokes(_DIGGER, BLACK, 0.10, (0.0, 0.0), (1.0, 1.0))
        face.shape(circle(10) * 0.085 + (-0.13, 0.26), BLACK)
        face.shape(np.array([(0.12, -0.52), (0.58, -0.52), (0.40, -0.32)]), BLACK)
    else:
        side = 1.0 if kind == "keep-right" else -1.0
        _stack(face, (disc, WHITE), (disc * 0.94, BLUE))
        face.strokes([[(-0.5, 0.5), (0.25, -0.25)]], WHITE, 0.17, (0.0, 0.0), (side, 1.0))
        head = np.array([(0.55, -0.55), (0.48, 0.12), (-0.12, -0.48)])
        face.shape(head if side > 0 else head[::-1] * (-1.0, 1.0), WHITE)


def _round_arrows(face: _Face, side: float) -> None:
    """Three arrows in a ring, counter-clockwise for a side of 1."""
    for start in (0.0, 2.0 * np.pi / 3.0, 4.0 * np.pi / 3.0):
        angles = start + np.linspace(0.15, 1.35, 6)
        arc = 0.56 * np.column_stack([side * np.cos(angles), np.sin(angles)])
        face.strokes([[(float(x), float(y)) for x, y in arc]], WHITE, 0.09, (0.0, 0.0), (1.0, 1.0))
        spots = [(0.80, 1.35), (0.56, 1.98), (0.32, 1.35)]
        head = np.array([(side * r * np.cos(start + a), r * np.sin(start + a)) for r, a in spots])
        face.shape(head if side > 0 else head[::-1], WHITE)


def _stack(face: _Face, *shapes: tuple[FloatArray, Colour]) -> None:
    """Draws shapes over each other; the next one is drawn over all of them."""
    for outline, colour in shapes:
        face.shape(outline, colour)
        face.over()
