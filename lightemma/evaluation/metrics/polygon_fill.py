"""Which cells of a raster a filled polygon covers, cell by cell as OpenCV's ``fillPoly`` draws it; without OpenCV.

The published collision metrics draw road users with it. It draws the outline with Bresenham's lines, from left to right,
and fills each row between pairs of edges whose places are kept in 1/65536 of a cell; what is outside the raster is cut
off first (Cohen and Sutherland, in whole cells). So cells are covered whose middles are not in the polygon.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightemma.agents import BoolArray, IntArray

_ONE = 1 << 16  # fixed-point one
_NOWHERE = np.int64(1) << 62


@dataclass(frozen=True, slots=True)
class _Edges:
    """(m, v) edges of m polygons, in whole cells, and the same cut off at the raster's border.

    Attributes:
        x0, y0, x1, y1: as given.
        cut_x0, cut_y0, cut_x1, cut_y1: inside the raster where ``drawn``.
        drawn: whether any of it is inside.
    """

    x0: IntArray
    y0: IntArray
    x1: IntArray
    y1: IntArray
    cut_x0: IntArray
    cut_y0: IntArray
    cut_x1: IntArray
    cut_y1: IntArray
    drawn: BoolArray


def covered(outlines: IntArray, x: IntArray, y: IntArray, cells: int) -> BoolArray:
    """Which cells of a square raster a filled polygon covers.

    Args:
        outlines: (m, v, 2) corners of m polygons: column and row, int64; they may be outside the raster.
        x: (m, k) columns of the cells asked for, one row per polygon.
        y: (m, k) rows of the same cells.
        cells: the raster's width and height.

    Returns:
        (m, k) booleans; cells outside the raster are never covered.
    """
    edges = _cut(np.roll(outlines, 1, axis=1), outlines, cells)
    inside = (x >= 0) & (x < cells) & (y >= 0) & (y < cells)
    found: BoolArray = inside & (_on_outline(edges, x, y) | _between_edges(edges, x, y))
    return found


def _on_outline(edges: _Edges, x: IntArray, y: IntArray) -> BoolArray:
    """Cells on a Bresenham line from the edge's left end: after k cells along, the nearest across, halves rounded down."""
    turned = edges.cut_x1 < edges.cut_x0
    left_x, left_y = np.where(turned, edges.cut_x1, edges.cut_x0), np.where(turned, edges.cut_y1, edges.cut_y0)
    rise = np.where(turned, edges.cut_y0, edges.cut_y1) - left_y
    width, height = np.abs(edges.cut_x1 - edges.cut_x0), np.abs(rise)
    steep = (height > width)[:, None]
    longer, shorter = np.maximum(width, height)[:, None], np.minimum(width, height)[:, None]
    right = x[:, :, None] - left_x[:, None]
    down = (y[:, :, None] - left_y[:, None]) * np.where(rise < 0, -1, 1)[:, None]
    along, across = np.where(steep, down, right), np.where(steep, right, down)
    nearest = -((longer - 2 * shorter * along) // np.maximum(2 * longer, 1))
    on_line = (along >= 0) & (along <= longer) & (across == nearest) & edges.drawn[:, None]
    some: BoolArray = on_line.any(axis=2)
    return some


def _between_edges(edges: _Edges, x: IntArray, y: IntArray) -> BoolArray:
    """Cells between the first and the second, and the third and the fourth … edge that crosses their row."""
    partly = (
        (edges.cut_x0 != edges.x0)
        | (edges.cut_x1 != edges.x1)
        | (edges.cut_y0 != edges.y0)
        | (edges.cut_y1 != edges.y1)
    )
    moved = partly & (edges.cut_y0 != edges.cut_y1)
    from_y, to_y = np.where(moved, edges.cut_y0, edges.y0), np.where(moved, edges.cut_y1, edges.y1)
    from_x, to_x = edges.cut_x0 * _ONE, edges.cut_x1 * _ONE
    slope = _divided(to_x - from_x, to_y - from_y)
    upwards = edges.y1 < edges.y0
    top, bottom = np.minimum(edges.y0, edges.y1), np.maximum(edges.y0, edges.y1)
    at_top = np.where(upwards, to_x + (edges.y1 - to_y) * slope, from_x + (edges.y0 - from_y) * slope)
    row = y[:, :, None]
    crossing = (top[:, None] <= row) & (row < bottom[:, None])
    places = np.where(crossing, at_top[:, None] + (row - top[:, None]) * slope[:, None], _NOWHERE)
    places.sort(axis=2)
    first, last = -(-places[..., 0::2] // _ONE), places[..., 1::2] // _ONE
    paired = (first <= x[:, :, None]) & (x[:, :, None] <= last) & (places[..., 1::2] < _NOWHERE)
    between: BoolArray = np.any(paired, axis=2)
    return between


def _cut(start: IntArray, end: IntArray, cells: int) -> _Edges:
    """Edges from ``start`` to ``end``, (m, v, 2) each, cut off at the border in the order and rounding of OpenCV."""
    last = cells - 1
    x0, y0, x1, y1 = start[..., 0], start[..., 1], end[..., 0], end[..., 1]
    at = [x0, y0, x1, y1]
    sides, flanks = (_outside(at[1], last), _outside(at[3], last)), (_outside(at[0], last), _outside(at[2], last))
    apart = ((sides[0] == sides[1]) & (sides[0] != 0)) | ((flanks[0] == flanks[1]) & (flanks[0] != 0))
    # First the rows, one end after the other, then the columns.
    for horizontal in (1, 0):
        for place in (0, 2):
            along, across = place + horizontal, place + 1 - horizontal
            beyond = _outside(at[along], last)
            both = (_outside(at[0], last) == _outside(at[2], last)) & (_outside(at[0], last) != 0)
            wanted = ~apart & (beyond != 0) & (~both if horizontal == 0 else True)
            border = np.where(beyond < 0, 0, last)
            run, rise = at[2 + across % 2] - at[across % 2], at[2 + along % 2] - at[along % 2]
            shift = _product_over(border - at[along], run, rise)
            at[across] = np.where(wanted, at[across] + shift, at[across])
            at[along] = np.where(wanted, border, at[along])
    drawn = ~apart & (_outside(at[0], last) == 0) & (_outside(at[2], last) == 0)
    return _Edges(x0, y0, x1, y1, at[0], at[1], at[2], at[3], drawn)


def _outside(place: IntArray, last: int) -> IntArray:
    """-1 below 0, 1 above the last cell, 0 between."""
    side: IntArray = (place > last).astype(np.int64) - (place < 0)
    return side


def _divided(value: IntArray, by: IntArray) -> IntArray:
    """Whole-number division towards zero; by 0 gives 0."""
    whole: IntArray = np.sign(value) * np.sign(by) * (np.abs(value) // np.maximum(np.abs(by), 1))
    return whole


def _product_over(one: IntArray, other: IntArray, by: IntArray) -> IntArray:
    """``one * other / by`` in double precision, cut to a whole number towards zero; by 0 gives 0."""
    whole: IntArray = (one.astype(np.float64) * other / np.where(by == 0, 1, by)).astype(np.int64)
    return whole
