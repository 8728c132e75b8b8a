"""The field's occupancy rasters: half-metre cells around the car, as three published planning metrics read them.

What the published code does is kept on purpose, so that numbers compare (ST-P3 ``stp3/metrics.py``, ``NuscenesData.py`` and
``trainer.py``; VAD ``metric_stp3.py``; UniAD ``planning_metrics.py`` and ``occflow_label.py``): the car's rectangle is never
turned; it is rasterised once and moved by whole cells; agents' corners are rounded to cells and filled by OpenCV's
``fillPoly``. Who is drawn, where the raster lies and which way cells are rounded differs; docs/safety.md has the table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lightemma.agents import PEDESTRIAN, VEHICLE, BoolArray, IntArray
from lightemma.boxes import corners
from lightemma.evaluation.metrics.agents_around import AgentsAround
from lightemma.evaluation.metrics.polygon_fill import covered
from lightemma.frame import FloatArray

CELL = 0.5  # metres
REACH = 50.0  # metres from the middle to the raster's edge
CELLS = 200
#: nuScenes' LIDAR_TOP is this far ahead of the rear axle, where ego poses are (calibrated_sensor: 0.943713 m).
LIDAR_AHEAD = 0.943713
#: Cells of the car's 4.084 m x 1.85 m rectangle, its middle 0.5 m ahead of the raster's, while the car is there.
CAR_ROWS = np.arange(97, 105)  # from behind to ahead
CAR_COLUMNS = np.arange(98, 102)  # from one side to the other
#: VAD keeps road users whose middle is now within these distances of the lidar, metres to the side and along.
VAD_RANGE = (15.0, 30.0)
_NEAR = 12.0  # cells: half the car's diagonal and all rounding are less


def _stp3_agents(around: AgentsAround) -> BoolArray:
    """Vehicles and people that the cameras saw now or in one of the two key frames before, seen or not at the step."""
    chosen = np.isin(around.kinds, (VEHICLE, PEDESTRIAN)) & around.seen
    return chosen[:, None] & around.valid[:, 1:]


def _vad_agents(around: AgentsAround) -> BoolArray:
    """Vehicles and people of the detection classes, near the car now and with a lidar point, until their first gap."""
    ahead, left = around.centres[:, 0, 0] - LIDAR_AHEAD, around.centres[:, 0, 1]
    chosen = np.isin(around.kinds, (VEHICLE, PEDESTRIAN)) & around.detectable & around.has_lidar
    chosen &= (np.abs(left) < VAD_RANGE[0]) & (np.abs(ahead) < VAD_RANGE[1])  # NaN is not near
    there: BoolArray = np.logical_and.accumulate(around.valid, axis=1)[:, 1:]
    drawn: BoolArray = chosen[:, None] & there
    return drawn


def _uniad_agents(around: AgentsAround) -> BoolArray:
    """Vehicles of the detection classes that are annotated at the step, whether anybody could see them or not."""
    chosen = (around.kinds == VEHICLE) & around.detectable
    drawn: BoolArray = chosen[:, None] & around.valid[:, 1:]
    return drawn


@dataclass(frozen=True, slots=True)
class RasterRule:
    """How one of the published evaluators finds collisions.

    Attributes:
        agents: which agents are drawn at the end of which step, (a, 6) booleans.
        middle: metres ahead of the rear axle where the raster's middle is.
        right: 1 where columns count to the right, -1 to the left.
        ahead: 1 where rows count ahead, -1 backwards.
        turned_back: whether agents are drawn in the frame of each step and the raster is then turned to that of now.
    """

    agents: Callable[[AgentsAround], BoolArray]
    middle: float
    right: int
    ahead: int
    turned_back: bool = False


STP3 = RasterRule(_stp3_agents, middle=0.0, right=-1, ahead=1, turned_back=True)
VAD = RasterRule(_vad_agents, middle=LIDAR_AHEAD, right=1, ahead=-1)
UNIAD = RasterRule(_uniad_agents, middle=LIDAR_AHEAD, right=1, ahead=1)


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
    if not around.owners.size:
        return hits
    known: BoolArray = ~np.any(np.isnan(poses[:, 1:]), axis=2)
    columns, rows = _car_cells(_lidar_places(np.nan_to_num(poses[:, 1:])), rule)
    centres, yaws = around.centres[:, 1:], around.yaws[:, 1:]
    if rule.turned_back:
        columns, rows = _turned_back(columns, rows, np.nan_to_num(around.ego[:, 1:]))
        known = known & ~np.any(np.isnan(around.ego[:, 1:]), axis=2)
        centres, yaws = _seen_from(around.ego[:, 1:][around.owners], centres, yaws)
    car = np.stack([columns.mean(axis=2), rows.mean(axis=2)], axis=-1)[around.owners]
    near = np.linalg.norm(around.sizes, axis=1)[:, None] / 2 / CELL + _NEAR
    apart = np.linalg.norm(_cells(centres, rule) - car, axis=2)  # NaN where there is no agent, and then not near
    agents, steps = np.nonzero((apart <= near) & rule.agents(around) & known[around.owners])
    owners = around.owners[agents]
    outline = _cells(corners(centres[agents, steps], yaws[agents, steps], around.sizes[agents]), rule)
    met = covered(np.round(outline).astype(np.int64), columns[owners, steps], rows[owners, steps], CELLS).any(axis=1)
    hits[owners[met], steps[met]] = True
    return hits


def _lidar_places(poses: FloatArray) -> FloatArray:
    """Rear-axle poses (..., 3) to the lidar's places (..., 2), forward and left of where the lidar is now."""
    heading = poses[..., 2]
    ahead = LIDAR_AHEAD * np.stack([np.cos(heading) - 1.0, np.sin(heading)], axis=-1)
    places: FloatArray = poses[..., :2] + ahead
    return places


def _car_cells(lidar: FloatArray, rule: RasterRule) -> tuple[IntArray, IntArray]:
    """(n, 6, 2) places, forward and left of now, to the columns and rows of the car's cells, (n, 6, 32) each.

    The published code adds the place to the cells and cuts to whole numbers, after it has turned rows around in VAD's case.
    What is outside lands on the raster's edge.
    """
    moved = np.clip(lidar, -2 * REACH, 2 * REACH) / CELL
    rows = moved[..., :1] + CAR_ROWS if rule.ahead > 0 else CELLS - (moved[..., :1] + CAR_ROWS)
    columns = -rule.right * moved[..., 1:] + CAR_COLUMNS
    whole = [np.clip(np.floor(part), 0, CELLS - 1).astype(np.int64) for part in (columns, rows)]
    both = np.broadcast_arrays(whole[0][..., None, :], whole[1][..., :, None])
    shape = (*lidar.shape[:2], CAR_ROWS.size * CAR_COLUMNS.size)
    return both[0].reshape(shape), both[1].reshape(shape)


def _turned_back(columns: IntArray, rows: IntArray, ego: FloatArray) -> tuple[IntArray, IntArray]:
    """Cells of now to those of each step that ST-P3 reads in their stead, (n, 6, k) each: the nearest ones.

    Its ``warp_features`` turns about the raster's middle and then shifts by how far the car came, ahead with the sign
    of the way back and to the left with that of the way there. On an arc this is the right place; where the car changes
    lanes without turning it is off by twice the way to the side.

    Args:
        columns: of cells, which count to the left.
        rows: of the same cells, which count ahead.
        ego: (n, 6, 3) the recorded car at each step's end, ego frame.
    """
    middle = (CELLS - 1) / 2
    left, ahead = columns - middle, rows - middle
    cos, sin = np.cos(ego[..., 2:]), np.sin(ego[..., 2:])
    then_left = cos * left - sin * ahead + ego[..., 1:2] / CELL
    then_ahead = sin * left + cos * ahead - ego[..., :1] / CELL
    return np.rint(then_left + middle).astype(np.int64), np.rint(then_ahead + middle).astype(np.int64)


def _seen_from(ego: FloatArray, centres: FloatArray, yaws: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Places (a, 6, 2) and headings (a, 6) in the frame of now to the frame of the car at each step, (a, 6, 3)."""
    cos, sin = np.cos(ego[..., 2]), np.sin(ego[..., 2])
    x, y = np.moveaxis(centres - ego[..., :2], -1, 0)
    return np.stack([cos * x + sin * y, cos * y - sin * x], axis=-1), yaws - ego[..., 2]


def _cells(places: FloatArray, rule: RasterRule) -> FloatArray:
    """Places (..., 2), metres forward and left of a rear axle, to column and row, not yet whole."""
    columns = -rule.right * places[..., 1] + REACH
    rows = rule.ahead * (places[..., 0] - rule.middle) + REACH
    cells: FloatArray = np.stack([columns, rows], axis=-1) / CELL
    return cells
