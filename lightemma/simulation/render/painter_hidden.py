"""What others cover wholly, and so need not be painted: most of a street is behind its first houses.

A coarse grid lies over the canvas. For each of its squares the last of the large four-cornered faces that cover all of it is
found; who is painted before that face in all squares that it touches is never seen. Bays of a wall count as one face.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lightemma.frame import FloatArray
from lightemma.simulation.render.meshes.mesh import IntArray
from lightemma.simulation.render.painter_faces import Faces

_COLUMNS = 100
"""Squares across the picture, about."""

_NEVER = np.iinfo(np.int32).max

Numbers = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Covered:
    """The place in the order of painting of the last face that covers a square wholly; -1 for none.

    Attributes:
        table: those of all squares, then the least of every two by two, and so on, each row by row.
        offsets: (l,) where each level begins in the table.
        widths: (l,) squares in a row of each level.
        shape: rows and columns of the first level.
        pixels: length of a square.
    """

    table: Numbers
    offsets: IntArray
    widths: IntArray
    shape: tuple[int, int]
    pixels: int

    def least(self, low: FloatArray, high: FloatArray) -> Numbers:
        """(v,) the least number, or less, of the squares that rectangles touch, from (2, v) pixels ``low`` to ``high``."""
        edge = np.array(self.shape[::-1])[:, None] - 1
        # A pixel more on every side, for what rounding and outlines add.
        first = np.clip(np.floor((low - 1) / self.pixels), 0, edge).astype(np.intp)
        final = np.clip(np.floor((high + 2) / self.pixels), 0, edge).astype(np.intp)
        # At the level where the rectangle is no longer than one square it touches at most two of them each way.
        level = np.ceil(np.log2(np.max(final - first, axis=0) + 1)).astype(np.intp)
        (left, top), (right, bottom) = first >> level, final >> level
        upper, lower = (self.offsets[level] + row * self.widths[level] for row in (top, bottom))
        least: Numbers = np.minimum(
            np.minimum(self.table[upper + left], self.table[upper + right]),
            np.minimum(self.table[lower + left], self.table[lower + right]),
        )
        return least


def covered_by(
    faces: Faces, spots: npt.NDArray[np.float32], place: IntArray, size: tuple[int, int], fine: int
) -> Covered | None:
    """What is covered by which face.

    Args:
        faces: the faces; f of them with n corners.
        spots: (n, 2) corners on the canvas, whole numbers.
        place: (f,) of each face in the order of painting; -1 for those that cannot cover others.
        size: of the picture, in pixels.
        fine: spots a pixel along each side.

    Returns:
        None if nothing is covered.
    """
    pixels = max(size[0] // _COLUMNS, 2)
    quads, numbers = _sheets(faces, spots, place)
    wide = np.all(np.ptp(quads, axis=1) > 1.5 * pixels * fine, axis=1)
    turns = _turns(quads)
    convex = np.all(turns >= 0, axis=1) | np.all(turns <= 0, axis=1)
    chosen = np.flatnonzero(wide & convex)
    if not len(chosen):
        return None
    chosen = chosen[np.argsort(numbers[chosen])]
    last = _last(quads[chosen], numbers[chosen], (size[0] * fine, size[1] * fine), pixels * fine)
    levels = [last]
    while max(levels[-1].shape) > 1:
        rows, columns = levels[-1].shape
        padded = np.pad(levels[-1], ((0, rows % 2), (0, columns % 2)), constant_values=_NEVER)
        upper, lower = np.minimum(padded[::2, ::2], padded[::2, 1::2]), np.minimum(padded[1::2, ::2], padded[1::2, 1::2])
        levels.append(np.minimum(upper, lower))
    sizes = np.array([level.size for level in levels])
    return Covered(
        table=np.concatenate([level.ravel() for level in levels]),
        offsets=np.cumsum(sizes) - sizes,
        widths=np.array([level.shape[1] for level in levels]),
        shape=(last.shape[0], last.shape[1]),
        pixels=pixels,
    )


def _sheets(faces: Faces, spots: npt.NDArray[np.float32], place: IntArray) -> tuple[FloatArray, IntArray]:
    """(q, 4, 2) corners of faces with four of them, joined ones as one; and (q,) the first place of each in the order of painting."""
    usable = (place >= 0) & (faces.counts == 4)
    joins = faces.joined & usable
    joins[:-1] &= usable[1:]
    joins[-1:] = False
    goes_on = np.concatenate([[False], joins[:-1]]) if len(joins) else joins
    first, final = np.flatnonzero(usable & ~goes_on), np.flatnonzero(usable & ~joins)
    if not len(first):
        return np.empty((0, 4, 2)), np.empty(0, dtype=np.intp)
    one, other = faces.starts[first], faces.starts[final]
    quads = spots[np.column_stack([one, other + 1, other + 2, one + 3])].astype(np.float64)
    within = np.flatnonzero(usable)
    numbers: IntArray = np.minimum.reduceat(place[within], np.searchsorted(within, first))
    return quads, numbers


def _turns(quads: FloatArray) -> FloatArray:
    """(q, 4) twice the areas of the triangles at the corners of (q, 4, 2) quadrangles: of one sign where they are convex."""
    ahead = np.roll(quads, -1, axis=1) - quads
    after = np.roll(ahead, -1, axis=1)
    turns: FloatArray = ahead[..., 0] * after[..., 1] - ahead[..., 1] * after[..., 0]
    return turns


def _last(quads: FloatArray, numbers: IntArray, canvas: tuple[int, int], side: int) -> Numbers:
    """(rows, columns) the greatest of the rising numbers of convex (q, 4, 2) quadrangles that cover a square; -1 for none."""
    columns, rows = -(-canvas[0] // side), -(-canvas[1] // side)
    # Corners of joined faces are up to a spot beside the line between the ends.
    tops = np.arange(rows) * side - 1.0
    bottoms = np.minimum(tops + side + 1, canvas[1])
    tops[0] = 0.0
    bottoms[-1] = min(bottoms[-1], canvas[1] - 1)
    left, right = _chords(quads, np.concatenate([tops, bottoms]))
    # A convex shape covers a square if it covers the square's upper and its lower row.
    left, right = np.maximum(left[:, :rows], left[:, rows:]) + 1, np.minimum(right[:, :rows], right[:, rows:]) - 1
    first = np.ceil(np.maximum(left, 0.0) / side)
    final = np.where(right >= canvas[0] - 1, columns - 1, np.floor((right - side + 1) / side))
    quad, row = np.nonzero(final >= first)
    last = np.full(rows * columns, -1, dtype=np.int32)
    if len(quad):
        begin, end = first[quad, row].astype(np.intp), final[quad, row].astype(np.intp)
        many = end - begin + 1
        before = np.cumsum(many) - many
        cells = np.repeat(row * columns + begin - before, many) + np.arange(int(many.sum()))
        # Numbers rise, and of several values for a square the last one stays.
        last[cells] = np.repeat(numbers[quad], many)
    return last.reshape(rows, columns)


def _chords(quads: FloatArray, heights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(q, h) the left and the right end of what a horizontal line at each height has in common with (q, 4, 2) quadrangles.

    Where it has nothing, the left end is infinite.
    """
    left = np.full((len(quads), len(heights)), np.inf)
    right = np.full((len(quads), len(heights)), -np.inf)
    for corner in range(4):
        x, y = quads[:, corner, 0, None], quads[:, corner, 1, None]
        run, rise = quads[:, corner - 1, 0, None] - x, quads[:, corner - 1, 1, None] - y
        share = (heights - y) / np.where(rise == 0.0, 1.0, rise)
        at = x + share * run
        crossed = (share >= 0.0) & (share <= 1.0) & (rise != 0.0)
        np.minimum(left, at, out=left, where=crossed)
        np.maximum(right, at, out=right, where=crossed)
    return left, right
