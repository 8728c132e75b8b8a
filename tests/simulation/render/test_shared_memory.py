"""The memory that Pillow draws on and NumPy computes with: what the one does the other sees, and the mean of four spots."""

import numpy as np
import pytest

from lightemma.simulation.render.meshes.polygons import in_any
from lightemma.simulation.render.painter_spots import FINE, Shared, Sheets
from lightemma.simulation.render.painter_view import NEAR, cut_to_view, flat_spots
from lightemma.simulation.render.pinhole import clip, front_camera


def test_what_pillow_draws_numpy_sees():
    shared = Shared.of((20, 10))
    solid = shared.drawn_on(blend=False)
    solid.draw_rectangle((2, 3, 5, 6), solid.draw_ink((10, 20, 30, 40)), 1)
    assert shared.levels[3:7, 2:6, :3].tolist() == [[[10, 20, 30]] * 4] * 4
    assert shared.levels[:, :, :3].sum() == 16 * 60
    shared.levels[0, 0] = (1, 2, 3, 4)
    assert shared.image.getpixel((0, 0)) == (1, 2, 3)


@pytest.mark.parametrize("size", [(32, 18), (50, 61), (35, 60)])
def test_a_pixel_is_the_mean_of_its_spots_and_a_plain_one_keeps_its_colour(size):
    sheets = Sheets.of(size)
    spots = np.random.default_rng(1).integers(0, 256, sheets.spots.levels.shape, dtype=np.uint8)
    spots[:FINE, :FINE] = (7, 200, 255, 0)
    sheets.spots.levels[:] = spots
    sheets.average()
    height, width = size[1], size[0]
    sums = spots.reshape(height, FINE, width, FINE, 4).sum(axis=(1, 3), dtype=np.uint16)
    assert np.array_equal(sheets.pixels.levels, (sums + 2) // 4)
    assert sheets.pixels.levels[0, 0].tolist() == [7, 200, 255, 0]


def test_the_part_of_a_face_before_the_camera():
    square = [[0.0, -1.0, -1.0], [0.0, 1.0, -1.0], [0.0, 1.0, 3.0], [0.0, -1.0, 3.0]]
    assert clip(square, (0.0, 0.0, 1.0), 1.0) == [[0.0, -1.0, 1.0], [0.0, 1.0, 1.0], [0.0, 1.0, 3.0], [0.0, -1.0, 3.0]]
    assert clip(square, (0.0, 0.0, 1.0), 9.0) == []
    camera = front_camera((320, 180))
    wide = [[-500.0, 1.5, -2.0], [500.0, 1.5, -2.0], [500.0, 1.5, 40.0], [-500.0, 1.5, 40.0]]
    part = cut_to_view(wide, camera)
    spots = np.array(flat_spots(part, camera, FINE)).reshape(-1, 2)
    assert len(part) >= 4
    assert min(z for _, _, z in part) > NEAR - 1e-9
    assert np.all(spots == np.floor(spots))
    assert np.abs(spots).max() < 16 * FINE * 320


def test_points_in_polygons_whose_bounds_are_kept():
    squares = (np.array([(0, 0), (4, 0), (4, 4), (0, 4)], dtype=float), np.array([(3, 3), (9, 3), (3, 9)], dtype=float))
    points = np.array([(1, 1), (3.5, 3.5), (4, 7), (8, 8), (-1, 2), (7, 4)], dtype=float)
    for _ in range(2):
        assert in_any(squares, points).tolist() == [True, True, True, False, False, True]
    assert in_any((squares[0] + 100.0,), points).tolist() == [False] * 6
    assert in_any((), points).tolist() == [False] * 6
