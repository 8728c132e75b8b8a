"""The field's occupancy raster: half-metre cells around the lidar, as the published planning metrics read it.

Facts of the published code (UniAD ``planning_metrics.py``, VAD ``metric_stp3.py``) that are kept here on purpose, so that
numbers compare: the car's rectangle is never turned; it is rasterised once and moved by whole cells (rounded backwards in
UniAD, forwards in VAD, to the left in both); agents' corners are rounded to cells and their outline is filled too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightemma.agents import BoolArray, IntArray
from lightemma.boxes import corners
from lightemma.evaluation.metrics.agents_around import AgentsAround
from lightemma.frame import FloatArray

CELL = 0.5  # metres
REACH = 50.0  # metres from the lidar to the raster's edge
CELLS = 200
#: nuScenes' LIDAR_TOP is this far ahead of the rear axle, where ego poses are (calibrated_sensor: 0.943713 m).
LIDAR_AHEAD = 0.943713
#: Cells of the car's 4.084 m x 1.85 m rectangle, its middle 0.5 m ahead of the lidar, when the lidar is at the origin.
CAR_ROWS = np.arange(97, 105)  # from behind to ahead
CAR_COLUMNS = np.arange(98, 102)  # from left to right
_NEAR = 6.0  # metres: half the car's diagonal, its shift and all rounding are less


@dataclass(frozen=True, slots=True)
class RasterRule:
    """What the published rasters differ in.

    Attributes:
        kinds: codes of the agents drawn.
        rounds_forward: whether the car's place is rounded to the next cell ahead (VAD, whose rows count from ahead to
            behind) or behind (UniAD).
    """

    kinds: tuple[int, ...]
    rounds_forward: bool


def raster_hits(poses: FloatArray, around: AgentsAround, rule: RasterRule) -> BoolArray:
    """Whether a cell of the car is occupied at the end of each step.

    Args:
        poses: (n, 7, 3) of the rear axle: x, y (metres), heading (radians), ego frame, now first; NaN hits nothing.
        around: of the same frames.
        rule: which raster.

    Returns:
        (n, 6) booleans.
    """
    hits: BoolArray = np.zeros((len(poses), poses.shape[1] - 1), dtype=np.bool_)
    lidar = _lidar_places(poses[:, 1:])
    drawn = np.isin(around.kinds, rule.kinds)
    # A place far outside lands on the raster's edge, as in the published code.
    rough = np.clip(lidar, -REACH, REACH)[around.owners]
    centres = around.centres[:, 1:] - [LIDAR_AHEAD, 0.0]
    near = np.linalg.norm(around.sizes, axis=1)[:, None] / 2 + _NEAR
    apart = np.linalg.norm(centres - rough, axis=2)  # NaN where there is no agent, and then not near
    agents, steps = np.nonzero((apart <= near) & drawn[:, None])
    if not agents.size:
        return hits
    owners = around.owners[agents]
    rows, columns = _car_cells(lidar[owners, steps], rule)
    outline = _outline(centres[agents, steps], around.yaws[agents, steps + 1], around.sizes[agents])
    met = _filled(outline, rows, columns).any(axis=(1, 2))
    hits[owners[met], steps[met]] = True
    return hits


def _lidar_places(poses: FloatArray) -> FloatArray:
    """Rear-axle poses (..., 3) to the lidar's places (..., 2), forward and left of where the lidar is now."""
    heading = poses[..., 2]
    ahead = LIDAR_AHEAD * np.stack([np.cos(heading) - 1.0, np.sin(heading)], axis=-1)
    places: FloatArray = poses[..., :2] + ahead
    return places


def _car_cells(lidar: FloatArray, rule: RasterRule) -> tuple[IntArray, IntArray]:
    """(m, 2) places, forward and left, to rows (m, 8) from behind to ahead and columns (m, 4) from left to right."""
    forward, right = (
        np.clip(lidar[:, 0], -2 * REACH, 2 * REACH) / CELL,
        np.clip(-lidar[:, 1], -2 * REACH, 2 * REACH) / CELL,
    )
    moved = np.ceil(forward) if rule.rounds_forward else np.floor(forward)
    first = 1 if rule.rounds_forward else 0
    rows = np.clip(moved.astype(np.int64)[:, None] + CAR_ROWS, first, first + CELLS - 1)
    columns = np.clip(np.floor(right).astype(np.int64)[:, None] + CAR_COLUMNS, 0, CELLS - 1)
    return rows, columns


def _outline(centres: FloatArray, yaws: FloatArray, sizes: FloatArray) -> FloatArray:
    """Agents' corners as whole cells (m, 4, 2): row and column."""
    metres = corners(centres, yaws, sizes)
    cells: FloatArray = np.stack([metres[..., 0] + REACH, -metres[..., 1] + REACH], axis=-1) / CELL
    return np.round(cells)


def _filled(outline: FloatArray, rows: IntArray, columns: IntArray) -> BoolArray:
    """Which cells a filled convex outline covers: those inside, and those of its lines, as ``cv2.fillPoly`` draws them.

    Args:
        outline: (m, 4, 2) row and column of the corners.
        rows: (m, r) cells' rows.
        columns: (m, c) cells' columns.

    Returns:
        (m, r, c) booleans.
    """
    row, column = rows[:, :, None, None].astype(np.float64), columns[:, None, :, None].astype(np.float64)
    start = outline[:, None, None, :, :]
    step = np.roll(outline, -1, axis=1)[:, None, None, :, :] - start
    to_row, to_column = row - start[..., 0], column - start[..., 1]
    side: FloatArray = step[..., 0] * to_column - step[..., 1] * to_row
    # Rounding may press an outline flat; then it has lines and no inside.
    turns = step[..., 0] * np.roll(step[..., 1], -1, axis=-1) - step[..., 1] * np.roll(step[..., 0], -1, axis=-1)
    inside = (np.all(side >= 0, axis=-1) | np.all(side <= 0, axis=-1)) & np.any(turns != 0, axis=-1)
    # A line of cells keeps within half a cell of the true line, measured across its longer direction.
    steep = np.abs(step[..., 0]) >= np.abs(step[..., 1])
    longer = np.where(steep, step[..., 0], step[..., 1])
    along = np.where(steep, to_row, to_column)
    with np.errstate(divide="ignore", invalid="ignore"):
        across = np.abs(side / longer)
        share = along / longer
    on_line = (share >= 0) & (share <= 1) & (across <= 0.5)
    point = (longer == 0) & (to_row == 0) & (to_column == 0)
    covered: BoolArray = inside | np.any(on_line | point, axis=-1)
    return covered
