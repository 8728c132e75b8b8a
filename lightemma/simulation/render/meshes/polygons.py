"""Geometry of polygons and lines on the ground."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lightemma.frame import FloatArray
from lightemma.simulation.geometry import crossings_odd
from lightemma.simulation.render.meshes.mesh import BoolArray


def in_any(polygons: tuple[FloatArray, ...], points: FloatArray) -> BoolArray:
    """Whether (p, 2) points are in at least one polygon (even-odd rule)."""
    inside = np.zeros(len(points), dtype=np.bool_)
    if not polygons or not len(points):
        return inside
    lows, highs = _bounds(_Kept(polygons))
    x, y = points[:, :1], points[:, 1:]
    # (p, m) whether a point is in a polygon's bounds.
    near = (x >= lows[0]) & (x <= highs[0]) & (y >= lows[1]) & (y <= highs[1])
    for at in np.flatnonzero(near.any(axis=0)).tolist():
        polygon, those = polygons[at], np.flatnonzero(near[:, at] & ~inside)
        if len(those):
            inside[those] = crossings_odd(points[those], polygon, np.roll(polygon, -1, axis=0))
    return inside


class _Kept:
    """Polygons that are told from others by being the same object; they are asked about in every picture."""

    def __init__(self, polygons: tuple[FloatArray, ...]) -> None:
        self.polygons = polygons

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Kept) and self.polygons is other.polygons

    def __hash__(self) -> int:
        return id(self.polygons)


@lru_cache(maxsize=16)
def _bounds(kept: _Kept) -> tuple[FloatArray, FloatArray]:
    """(2, m) the lowest and the highest x and y of each polygon."""
    lows = np.array([polygon.min(axis=0) for polygon in kept.polygons]).T
    return lows, np.array([polygon.max(axis=0) for polygon in kept.polygons]).T


def counter_clockwise(polygon: FloatArray) -> FloatArray:
    """The (k, 2) polygon without a repeated last corner, running counter-clockwise."""
    ring = np.asarray(polygon, dtype=np.float64)
    if len(ring) > 1 and np.allclose(ring[0], ring[-1]):
        ring = ring[:-1]
    x, y = ring[:, 0], ring[:, 1]
    return ring if float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) >= 0 else ring[::-1]


@dataclass(frozen=True, slots=True)
class Stations:
    """Places along a line; p of them.

    Attributes:
        points: (p, 2) metres.
        headings: (p, 2) unit vectors along the line.
    """

    points: FloatArray
    headings: FloatArray

    @property
    def lefts(self) -> FloatArray:
        """(p, 2) unit vectors to the left."""
        return np.column_stack([-self.headings[:, 1], self.headings[:, 0]])


def lengths_of(line: FloatArray) -> FloatArray:
    """(n,) metres along a (n, 2) line up to each of its points."""
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])


def along(line: FloatArray, stations: FloatArray) -> Stations:
    """The positions of (p,) stations in metres along a (n, 2) line."""
    lengths = lengths_of(line)
    points = np.column_stack([np.interp(stations, lengths, line[:, axis]) for axis in (0, 1)])
    piece = np.clip(np.searchsorted(lengths, stations, side="right") - 1, 0, len(line) - 2)
    steps = np.diff(line, axis=0)
    headings = steps / np.maximum(np.linalg.norm(steps, axis=1, keepdims=True), 1e-9)
    return Stations(points, headings[piece])


def strip(line: FloatArray, width: float, shift: float = 0.0) -> FloatArray:
    """(n - 1, 4, 2) metres: a band of a width along a (n, 2) line, ``shift`` metres to its left, mitred at the bends."""
    steps = np.diff(line, axis=0)
    headings = steps / np.maximum(np.linalg.norm(steps, axis=1, keepdims=True), 1e-9)
    lefts = np.column_stack([-headings[:, 1], headings[:, 0]])
    joint = np.concatenate([lefts[:1], (lefts[:-1] + lefts[1:]) / 2, lefts[-1:]])
    joint /= np.maximum(np.sum(joint**2, axis=1, keepdims=True), 0.25)
    left, right = line + joint * (shift + width / 2), line + joint * (shift - width / 2)
    bands: FloatArray = np.stack([right[:-1], right[1:], left[1:], left[:-1]], axis=1)
    return bands
