"""The published rasters cell by cell: polygons as OpenCV fills them, and each evaluator's drawing done in the plain way."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightemma.agents import IntArray
from lightemma.evaluation.metrics.agents_around import AgentsAround
from lightemma.evaluation.metrics.collisions import RASTERS, step_hits
from lightemma.evaluation.metrics.occupancy import CAR_COLUMNS, CAR_ROWS, CELLS, LIDAR_AHEAD
from lightemma.evaluation.metrics.polygon_fill import covered
from lightemma.frame import FloatArray
from tests.evaluation.surroundings_kit import Box, around


def some_polygons(count: int) -> IntArray:
    """Turned rectangles in and around the raster, and crooked, crossing and flat outlines. (count, 4, 2)."""
    rng = np.random.default_rng(7)
    middles = rng.uniform(-8, CELLS + 8, (count, 1, 2))
    middles[::2] = rng.uniform(20, 180, (len(middles[::2]), 1, 2))
    half = rng.uniform(0.1, [15, 4], (count, 2))[:, None] * [[1, 1], [-1, 1], [-1, -1], [1, -1]]
    angle = rng.uniform(0, 2 * np.pi, (count, 1))
    turned = np.stack(
        [
            np.cos(angle) * half[..., 0] - np.sin(angle) * half[..., 1],
            np.sin(angle) * half[..., 0] + np.cos(angle) * half[..., 1],
        ],
        axis=-1,
    )
    polygons = np.round(turned + middles).astype(np.int64)
    polygons[::7] = rng.integers(-12, CELLS + 12, (len(polygons[::7]), 4, 2))
    return polygons


def drawn(polygon: IntArray) -> np.ndarray:
    """(200, 200) booleans: row, column. Only cells near the polygon are asked for."""
    grid = np.zeros((CELLS, CELLS), dtype=bool)
    low, high = np.maximum(polygon.min(0) - 2, 0), np.minimum(polygon.max(0) + 3, CELLS)
    columns, rows = (np.arange(low[axis], high[axis]) for axis in (0, 1))
    if columns.size and rows.size:
        row, column = (part.reshape(1, -1) for part in np.meshgrid(rows, columns, indexing="ij"))
        grid[np.ix_(rows, columns)] = covered(polygon[None], column, row, CELLS)[0].reshape(rows.size, columns.size)
    return grid


def test_filled_polygons_are_the_cells_that_opencv_4_and_5_filled():
    # Made by cv2.fillPoly of opencv-python-headless 4.12.0 and 5.0.0, which agree on all of them.
    digest = hashlib.sha256()
    for polygon in some_polygons(120):
        digest.update(np.packbits(drawn(polygon)).tobytes())
    assert digest.hexdigest() == "4191800e6c9031a1144d9c35a3a3c40da821c9e0b9a3c1d26455b7935b8fad03"


@pytest.mark.skipif(find_spec("cv2") is None, reason="OpenCV is not installed")
def test_filled_polygons_are_what_opencv_fills():
    import cv2

    for polygon in some_polygons(600):
        grid = np.zeros((CELLS, CELLS))
        cv2.fillPoly(grid, [polygon.astype(np.int32)], 1.0)
        np.testing.assert_array_equal(drawn(polygon), grid > 0, err_msg=str(polygon.tolist()))


def plain_raster(convention: str, box: Box, ego: FloatArray) -> np.ndarray:
    """What each evaluator draws of one box at one time, (200, 200); ``ego`` is the recorded car's x, y and heading then.

    Written in the evaluators' own frames: UniAD's and VAD's x is right and y ahead of the lidar, and VAD's rows count
    from ahead to behind; ST-P3's x is ahead and y left of the rear axle at the time, columns are y and rows are x.
    """
    half = np.array(box.size) / 2 * np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
    if convention == "stp3":
        offset, turned = np.array([box.x, box.y]) - ego[:2], box.yaw - ego[2]
        cos, sin = np.cos(ego[2]), np.sin(ego[2])
        place = np.array([cos * offset[0] + sin * offset[1], -sin * offset[0] + cos * offset[1]])
        turn = np.array([[np.cos(turned), -np.sin(turned)], [np.sin(turned), np.cos(turned)]])
        cells = np.round((half @ turn.T + place + 50) / 0.5)[:, ::-1]
    else:
        heading = box.yaw + np.pi / 2
        turn = np.array([[np.cos(heading), -np.sin(heading)], [np.sin(heading), np.cos(heading)]])
        corners = half @ turn.T + [-box.y, box.x - LIDAR_AHEAD]
        cells = np.round((corners * [1, -1 if convention == "vad" else 1] + 50) / 0.5)
    return drawn(cells.astype(np.int64))


def turned_back(grid: np.ndarray, ego: FloatArray) -> np.ndarray:
    """ST-P3's ``warp_features``, by the same functions of torch."""
    torch = pytest.importorskip("torch")
    cos, sin = np.cos(ego[2]), np.sin(ego[2])
    matrix = torch.tensor([[[cos, -sin, ego[1] / 50], [sin, cos, -ego[0] / 50]]], dtype=torch.float64)
    image = torch.tensor(grid[None, None].astype(np.float64))
    places = torch.nn.functional.affine_grid(matrix, image.shape, align_corners=False)
    turned = torch.nn.functional.grid_sample(image, places, mode="nearest", padding_mode="zeros", align_corners=False)
    return turned.numpy()[0, 0] > 0


def plain_hit(convention: str, place: tuple[float, float], grid: np.ndarray) -> bool:
    """Whether a car whose lidar moved by ``place`` (ahead, left) is on a drawn cell, as ``evaluate_single_coll`` finds it."""
    ahead, right = place[0] / 0.5 + CAR_ROWS, -place[1] / 0.5 + CAR_COLUMNS
    rows = (CELLS - ahead if convention == "vad" else ahead).astype(np.int32)
    columns = (place[1] / 0.5 + CAR_COLUMNS if convention == "stp3" else right).astype(np.int32)
    return bool(grid[np.ix_(np.clip(rows, 0, CELLS - 1), np.clip(columns, 0, CELLS - 1))].any())


NEAR_AND_FAR = st.one_of(st.floats(-9, 9), st.floats(-56, 56))


@pytest.mark.parametrize("convention", sorted(RASTERS))
@settings(deadline=None, max_examples=50)
@given(
    st.tuples(NEAR_AND_FAR, st.floats(-9, 9)),
    st.tuples(st.floats(-6, 6), st.floats(-4, 4)),
    st.builds(
        Box, x=st.just(0.0), y=st.just(0.0), yaw=st.floats(-4, 4), size=st.tuples(st.floats(0.2, 12), st.floats(0.2, 3))
    ),
    st.tuples(st.floats(0, 30), st.floats(-6, 6), st.floats(-1.5, 1.5)),
)
def test_each_rule_hits_what_its_evaluator_draws(convention, place, aside, box, driven):
    # A box somewhere around the car's cells, and a recorded car that has come somewhere else.
    box = Box(place[0] + 1.4 + aside[0], place[1] + aside[1], box.yaw, size=box.size)
    recorded, drive = np.zeros((7, 3)), np.zeros((1, 7, 3))
    recorded[1:], drive[:, 1:, :2] = driven, place
    there = AgentsAround.gather(["a"], ["t"], lambda scene, token: around(box))
    there.ego[0] = recorded
    grid = plain_raster(convention, box, np.array(driven))
    if convention == "stp3":
        grid = turned_back(grid, np.array(driven))
    wanted = plain_hit(convention, place, grid)
    if convention == "vad":  # whoever is out of its range now is not drawn
        wanted &= bool(abs(box.y) < 15 and abs(box.x - LIDAR_AHEAD) < 30)
    assert step_hits(convention, drive, there)[0].tolist() == [wanted] * 6


def test_where_the_recorded_car_goes_is_unknown_st_p3_hits_nothing():
    there = AgentsAround.gather(["a"], ["t"], lambda scene, token: around(Box(3.0, 0.0)))
    drive = np.zeros((1, 7, 3))
    assert step_hits("stp3", drive, there).all()
    there.ego[0, 3:] = np.nan
    assert step_hits("stp3", drive, there)[0].tolist() == [True, True, False, False, False, False]
