"""Polygons filled row by row, and spots made into pixels, as machine code; for where numba is installed.

A polygon's corners are whole spots. In each row it reaches from its outline on the left to its outline on the right, both
rounded to the nearest spot, so that what touches has no gaps. Where it is not convex, the inside is where the outline has been
crossed an odd number of times, with the outline itself.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lightemma.frame import FloatArray
from lightemma.simulation.render.compiled import compiled
from lightemma.simulation.render.meshes.mesh import IntArray

_Points = npt.NDArray[np.float32]

#: Spots from the canvas's first; what is farther away, or nowhere, is left out, because a row that does not fit into a whole
#: number would become one outside the canvas.
_FARTHEST = np.float32(2.0**30)


@compiled
def fill(
    canvas: npt.NDArray[np.int32], points: _Points, begins: IntArray, ends: IntArray, inks: npt.NDArray[np.int32]
) -> None:
    """Fills polygons one after the other.

    Args:
        canvas: (h, w) spots.
        points: (n, 2) columns and rows of corners, whole numbers; polygons with one beyond 2 ** 30, or that is none, are
            left out.
        begins: (f,) the first corner of each polygon.
        ends: (f,) one after its last corner.
        inks: (f,) what its spots become.
    """
    height, width = canvas.shape
    low, high, crossings = np.empty(height), np.empty(height), np.empty(64)
    for face in range(len(begins)):
        begin, end, ink = begins[face], ends[face], inks[face]
        top, bottom = _reach(points, begin, end, height)
        if bottom < top:
            continue
        if not _is_convex(points, begin, end):
            if end - begin > len(crossings):
                crossings = np.empty(2 * (end - begin))
            for row in range(top, bottom + 1):
                many, meets = _crossings(points, begin, end, row, False, crossings)
                _fill_between(canvas[row], crossings, many, ink)
                if meets:
                    many, _ = _crossings(points, begin, end, row, True, crossings)
                    _fill_between(canvas[row], crossings, many, ink)
            continue
        _outline(points, begin, end, top, bottom, low, high)
        for row in range(top, bottom + 1):
            first, final = _spots(low[row], high[row], width)
            if first <= final:
                canvas[row, first : final + 1] = ink


@compiled
def shade(
    levels: npt.NDArray[np.uint8], points: _Points, begins: IntArray, ends: IntArray, table: npt.NDArray[np.uint8]
) -> None:
    """Darkens polygons one after the other; see :func:`fill`.

    Args:
        levels: (h, w, 4) spots, of which the first three levels change.
        points: (n, 2) as above.
        begins: (f,) as above.
        ends: (f,) as above.
        table: (256,) what becomes of each level.
    """
    height, width = levels.shape[:2]
    low, high = np.empty(height), np.empty(height)
    for face in range(len(begins)):
        begin, end = begins[face], ends[face]
        top, bottom = _reach(points, begin, end, height)
        if bottom < top:
            continue
        _outline(points, begin, end, top, bottom, low, high)
        for row in range(top, bottom + 1):
            first, final = _spots(low[row], high[row], width)
            for column in range(first, final + 1):
                for band in range(3):
                    levels[row, column, band] = table[levels[row, column, band]]


@compiled
def _reach(points: _Points, begin: int, end: int, height: int) -> tuple[int, int]:
    """The first and the last row of a polygon on the canvas; the last is before the first if there is none."""
    top, bottom = np.float32(np.inf), np.float32(-1.0)
    for at in range(begin, end):
        # "Less" is also false of what is no number.
        if not (abs(points[at, 0]) < _FARTHEST and abs(points[at, 1]) < _FARTHEST):
            return 0, -1
        top, bottom = min(top, points[at, 1]), max(bottom, points[at, 1])
    if top >= height or bottom < 0.0:
        return 0, -1
    return int(max(top, np.float32(0.0))), int(min(bottom, np.float32(height - 1)))


@compiled
def _is_convex(points: _Points, begin: int, end: int) -> bool:
    """Whether an outline turns to one side only, and not more than once around."""
    left = right = False
    # Along the columns a convex outline turns round twice.
    turns, before = 0, np.float32(0.0)
    for at in range(begin, end):
        after = at + 1 if at + 1 < end else begin
        beyond = after + 1 if after + 1 < end else begin
        x, y = points[after, 0] - points[at, 0], points[after, 1] - points[at, 1]
        cross = x * (points[beyond, 1] - points[after, 1]) - y * (points[beyond, 0] - points[after, 0])
        left, right = left or cross > 0, right or cross < 0
        if x != 0.0:
            if before != 0.0 and (x > 0.0) != (before > 0.0):
                turns += 1
            before = x
    return not (left and right) and turns <= 2


@compiled
def _outline(points: _Points, begin: int, end: int, top: int, bottom: int, low: FloatArray, high: FloatArray) -> None:
    """Writes where a polygon begins and ends in each of its rows to ``low`` and ``high``."""
    for row in range(top, bottom + 1):
        low[row], high[row] = np.inf, -np.inf
    for at in range(begin, end):
        after = at + 1 if at + 1 < end else begin
        x, y = np.float64(points[at, 0]), np.float64(points[at, 1])
        across, down = points[after, 0] - x, points[after, 1] - y
        if down < 0.0:
            x, y, across, down = x + across, y + down, -across, -down
        if down == 0.0:
            row = int(y)
            if top <= row <= bottom:
                low[row], high[row] = min(low[row], x, x + across), max(high[row], x, x + across)
            continue
        slope = across / down
        for row in range(int(max(y, np.float64(top))), int(min(y + down, np.float64(bottom))) + 1):
            column = x + slope * (row - y)
            if column < low[row]:
                low[row] = column
            if column > high[row]:
                high[row] = column


@compiled
def _crossings(points: _Points, begin: int, end: int, row: int, above: bool, crossings: FloatArray) -> tuple[int, bool]:
    """Writes where an outline crosses a row, from left to right, to ``crossings``; how often it does, and whether at a corner.

    Of edges that meet in the row those count that go on below or, with ``above``, that come from above.
    """
    many, meets = 0, False
    for at in range(begin, end):
        after = at + 1 if at + 1 < end else begin
        start, stop = points[at, 1], points[after, 1]
        meets = meets or start == row
        if start < stop:
            crosses = start < row <= stop if above else start <= row < stop
        else:
            crosses = stop < row <= start if above else stop <= row < start
        if crosses:
            x, y = np.float64(points[at, 0]), np.float64(start)
            column = x + (points[after, 0] - x) / (stop - y) * (row - y)
            place = many
            while place > 0 and crossings[place - 1] > column:
                crossings[place] = crossings[place - 1]
                place -= 1
            crossings[place] = column
            many += 1
    return many, meets


@compiled
def _fill_between(line: npt.NDArray[np.int32], crossings: FloatArray, many: int, ink: np.int32) -> None:
    """Fills a row of the canvas between every first and second of so many crossings."""
    for at in range(0, many - 1, 2):
        first, final = _spots(crossings[at], crossings[at + 1], len(line))
        if first <= final:
            line[first : final + 1] = ink


@compiled
def _spots(low: float, high: float, width: int) -> tuple[int, int]:
    """The first and the last spot from one column to another, within the canvas."""
    # Halves are rounded inwards.
    first, final = np.floor(low + 0.5), np.ceil(high - 0.5)
    return int(max(first, 0.0)), int(min(final, width - 1.0))


@compiled
def average(spots: npt.NDArray[np.uint64], pixels: npt.NDArray[np.uint32]) -> None:
    """Makes each pixel the mean of its four spots, rounded, halves up.

    Args:
        spots: (2 h, w) two spots beside each other, of four bytes each, in one number.
        pixels: (h, w) four bytes each.
    """
    byte, half, two, six = np.uint64(8), np.uint64(32), np.uint64(2), np.uint64(6)
    # Every other byte has room for sums in the byte that is masked away.
    mask, even = np.uint64(0x00FF00FF00FF00FF), np.uint64(0x00FF00FF)
    odd, rounding = np.uint64(0xFF00FF00), np.uint64(0x00020002)
    for row in range(pixels.shape[0]):
        upper, lower, out = spots[2 * row], spots[2 * row + 1], pixels[row]
        for at in range(len(out)):
            one, other = upper[at], lower[at]
            low = (one & mask) + (other & mask)
            high = ((one >> byte) & mask) + ((other >> byte) & mask)
            low += (low >> half) + rounding
            high += (high >> half) + rounding
            out[at] = np.uint32(((low >> two) & even) | ((high << six) & odd))
