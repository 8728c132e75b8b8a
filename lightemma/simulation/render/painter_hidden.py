"""What others cover wholly, and so need not be painted: most of a street is behind its first houses and cars.

A coarse grid lies over the picture. For each of its squares the nearest of the large bodies that cover all of it is found: a
wall, with its bays as one, or the boxes inside a vehicle. What is farther in all squares that it touches is never seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lightemma.frame import FloatArray
from lightemma.simulation.render.meshes.mesh import IntArray
from lightemma.simulation.render.painter_faces import Eye, Faces

_COLUMNS = 80
"""Squares across the picture, about."""

_Single = npt.NDArray[np.float32]

_NEAR = 0.3
_BOX_EDGES = np.array([(a, a | bit) for a in range(8) for bit in (1, 2, 4) if not a & bit])
"""(12, 2) pairs of corners; the bits of a corner's number say at which end of x, y and z it is."""

_QUAD_EDGES = np.array([(0, 1), (1, 2), (2, 3), (3, 0)])


@dataclass(frozen=True, slots=True)
class Outlines:
    """Convex outlines in the picture; q of them.

    Attributes:
        ends: (q, e, 2, 2) columns and rows of the ends of lines, pixels; the outline's edges are among them.
        far: (q,) metres, the distance by which the order of painting goes; of several faces the greatest.
    """

    ends: FloatArray
    far: FloatArray


@dataclass(frozen=True, slots=True)
class Covered:
    """The distance of what covers the squares of the grid; infinite where nothing does.

    Attributes:
        table: of all squares, then the greatest of every two by two, and so on, each row by row.
        offsets: (l,) where each level begins in the table.
        widths: (l,) squares in a row of each level.
        shape: rows and columns of the first level.
        side: pixels along a square.
    """

    table: FloatArray
    offsets: IntArray
    widths: IntArray
    shape: tuple[int, int]
    side: int

    def distance(self, low: FloatArray, high: FloatArray) -> FloatArray:
        """(v,) metres beyond which nothing is seen of what is from (2, v) pixels ``low`` to ``high``."""
        edge = np.array(self.shape[::-1])[:, None] - 1
        # A pixel more on every side, for what rounding and outlines add.
        first = np.clip(np.floor((low - 1) / self.side), 0, edge).astype(np.intp)
        final = np.clip(np.floor((high + 2) / self.side), 0, edge).astype(np.intp)
        # At the level where the rectangle is no longer than one square it touches at most two of them each way.
        level = np.ceil(np.log2(np.max(final - first, axis=0) + 1)).astype(np.intp)
        (left, top), (right, bottom) = first >> level, final >> level
        upper, lower = (self.offsets[level] + row * self.widths[level] for row in (top, bottom))
        farthest: FloatArray = np.maximum(
            np.maximum(self.table[upper + left], self.table[upper + right]),
            np.maximum(self.table[lower + left], self.table[lower + right]),
        )
        return farthest


def in_picture(eye: Eye, points: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(2, n) pixels and (n,) metres along the optical axis of points (3, n) of the world frame.

    Pixels of points not before the camera mean nothing.
    """
    x, y, z = points - eye.place[:, None]
    seen = [a * x + b * y + c * z for a, b, c in eye.turn.tolist()]
    depth = np.where(seen[2] > 0.0, seen[2], 1.0)
    rows = eye.camera.intrinsic[:2].tolist()
    return np.stack([(a * seen[0] + b * seen[1] + c * seen[2]) / depth for a, b, c in rows]), seen[2]


def wall_outlines(faces: Faces, eye: Eye) -> Outlines:
    """Wide upright faces: each, and joined ones as one."""
    usable = faces.wide
    joins = faces.joined & usable
    joins[:-1] &= usable[1:]
    joins[-1:] = False
    goes_on = np.zeros(len(joins), dtype=np.bool_)
    goes_on[1:] = joins[:-1]
    first, final = np.flatnonzero(usable & ~goes_on), np.flatnonzero(usable & ~joins)
    bays = np.flatnonzero(joins | goes_on)
    first, final = np.concatenate([first, bays]), np.concatenate([final, bays])
    one, other = faces.starts[first], faces.starts[final]
    corners = np.column_stack([one, other + 1, other + 2, one + 3])
    near, far = (np.hypot(*(faces.anchors[:2, end] - eye.place[:2, None])) for end in (first, final))
    # The feet of the bays of a wall are on a line, so that the farthest is at one of its ends.
    return _outlines(faces.corners[:, corners.ravel()], 4, _QUAD_EDGES, np.maximum(near, far), eye)


def box_outlines(corners: FloatArray, far: FloatArray, eye: Eye) -> Outlines:
    """Boxes (3, b * 8) in the world frame, with the distances (b,) of the bodies around them."""
    return _outlines(corners, 8, _BOX_EDGES, far, eye)


def _outlines(corners: FloatArray, count: int, edges: IntArray, far: FloatArray, eye: Eye) -> Outlines:
    pixels, depth = in_picture(eye, corners)
    places = pixels.T.reshape(-1, count, 2)
    before = np.all(depth.reshape(-1, count) > _NEAR, axis=1)
    size = np.array(eye.camera.size)
    low, high = places.min(axis=1, initial=np.inf), places.max(axis=1, initial=-np.inf)
    wide = np.all((high - low > 1.5 * _side(eye)) & (high > 0) & (low < size), axis=1)
    kept = np.flatnonzero(before & wide)
    return Outlines(places[kept][:, edges], far[kept])


def _side(eye: Eye) -> int:
    assert eye.camera.size is not None
    return max(eye.camera.size[0] // _COLUMNS, 2)


def covered_by(outlines: Sequence[Outlines], eye: Eye) -> Covered:
    """What is covered, and from which distance on."""
    assert eye.camera.size is not None
    (width, height), side = eye.camera.size, _side(eye)
    columns, rows = -(-width // side), -(-height // side)
    # A pixel more on every side, because corners are painted at whole numbers.
    tops = np.arange(rows) * side - 1.0
    bottoms = np.minimum(tops + side + 1.0, height)
    tops[0], bottoms[-1] = 0.0, min(bottoms[-1], height - 1.0)
    lines = np.concatenate([tops, bottoms])
    chords = [_chords(one.ends, lines) for one in outlines]
    left, right = (np.concatenate([chord[end] for chord in chords]) for end in (0, 1))
    far = np.concatenate([one.far for one in outlines])
    # A convex shape covers a square if it covers the square's upper and its lower edge.
    left, right = np.maximum(left[:, :rows], left[:, rows:]) + 1, np.minimum(right[:, :rows], right[:, rows:]) - 1
    order = np.argsort(-far)
    first = np.ceil(np.maximum(left, 0.0) / side)[order]
    final = np.where(right >= width - 1, columns - 1, np.floor((right - side) / side))[order]
    shape, row = np.nonzero(final >= first)
    nearest = np.full(rows * columns, np.inf)
    if len(shape):
        begin, end = first[shape, row].astype(np.intp), final[shape, row].astype(np.intp)
        many = end - begin + 1
        before = np.cumsum(many) - many
        cells = np.repeat(row * columns + begin - before, many) + np.arange(int(many.sum()))
        # The nearest come last, and of several values for a square the last one stays.
        nearest[cells] = np.repeat(far[order][shape], many)
    return _levels(nearest.reshape(rows, columns), side)


def _levels(nearest: FloatArray, side: int) -> Covered:
    levels = [nearest]
    while max(levels[-1].shape) > 1:
        rows, columns = levels[-1].shape
        padded = np.pad(levels[-1], ((0, rows % 2), (0, columns % 2)))
        upper, lower = (
            np.maximum(padded[::2, ::2], padded[::2, 1::2]),
            np.maximum(padded[1::2, ::2], padded[1::2, 1::2]),
        )
        levels.append(np.maximum(upper, lower))
    sizes = np.array([level.size for level in levels])
    return Covered(
        table=np.concatenate([level.ravel() for level in levels]),
        offsets=np.cumsum(sizes) - sizes,
        widths=np.array([level.shape[1] for level in levels]),
        shape=(nearest.shape[0], nearest.shape[1]),
        side=side,
    )


def _chords(ends: FloatArray, heights: FloatArray) -> tuple[_Single, _Single]:
    """(q, h) the left and the right end of what a horizontal line at each height has in common with (q, e, 2, 2) outlines.

    Where it has nothing, the left end is infinite.
    """
    # Half the memory in half the time; outlines are moved in by a whole pixel afterwards.
    heights = heights.astype(np.float32)
    left = np.full((len(ends), len(heights)), np.inf, dtype=np.float32)
    right = np.full((len(ends), len(heights)), -np.inf, dtype=np.float32)
    x, y = ends[:, :, 0, 0], ends[:, :, 0, 1]
    run, rise = ends[:, :, 1, 0] - x, ends[:, :, 1, 1] - y
    lean = run / np.where(rise == 0.0, 1.0, rise)
    start, lean = (x - y * lean).astype(np.float32), lean.astype(np.float32)
    # What is level crosses no line.
    top = np.where(rise == 0.0, np.inf, np.minimum(y, y + rise)).astype(np.float32)
    bottom = np.maximum(y, y + rise).astype(np.float32)
    for edge in range(ends.shape[1]):
        at = lean[:, edge, None] * heights
        at += start[:, edge, None]
        crossed = heights >= top[:, edge, None]
        crossed &= heights <= bottom[:, edge, None]
        np.minimum(left, at, out=left, where=crossed)
        np.maximum(right, at, out=right, where=crossed)
    return left, right
