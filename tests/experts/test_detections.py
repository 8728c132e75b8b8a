"""Boxes that show one thing, and tiles."""

from itertools import pairwise

import numpy as np
import pytest

from lightemma.experts.base import Box
from lightemma.experts.detections import counted, in_tiles, overlap, suppressed, tiles


def test_boxes_that_overlap_are_one():
    boxes = [Box("car", 0.6, 0, 0, 10, 10), Box("truck", 0.9, 1, 0, 11, 10), Box("car", 0.5, 8, 0, 18, 10)]
    assert [(box.label, box.score) for box in suppressed(boxes)] == [("truck", 0.9), ("car", 0.5)]


def test_boxes_in_each_other_are_one_where_that_is_asked_for():
    whole, wheel, driver = (
        Box("bus", 0.9, 0, 0, 100, 60),
        Box("car", 0.8, 10, 10, 30, 30),
        Box("person", 0.7, 60, 5, 70, 20),
    )
    assert suppressed([whole, wheel, driver]) == [whole, wheel, driver]
    assert suppressed([whole, wheel, driver], nested=True) == [whole, driver]


@pytest.mark.parametrize(
    "size", [(1600, 900), (400, 225), (400, 120), (320, 180), (90, 60), (60, 900), (1, 1), (2000, 100)]
)
def test_tiles_reach_from_edge_to_edge_and_stay_in_the_picture(size):
    made = tiles(*size)
    assert made[0][0] == 0
    assert made[-1][2] == size[0]
    assert all(0 <= left < right <= size[0] and 0 <= top < bottom <= size[1] for left, top, right, bottom in made)
    assert all(one[2] >= other[0] for one, other in pairwise(made)), "without gaps"
    assert len(made) <= 26


def whites(pixels):
    """A detector that finds the white parts of a picture, one box for each that columns of black divide."""
    white = (pixels.min(axis=2) > 200) & (np.arange(pixels.shape[0]) >= 0)[:, None]
    columns = np.flatnonzero(white.any(axis=0))
    found = []
    for part in np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1) if len(columns) else ():
        rows = np.flatnonzero(white[:, part].any(axis=1))
        score = min(1.0, 0.2 + len(part) / pixels.shape[1])
        found.append(Box("car", score, part[0] - 0.5, rows[0] - 0.5, part[-1] + 0.5, rows[-1] + 0.5))
    return found


@pytest.mark.parametrize("left", [3, 200, 236, 300, 380, 396, 500, 610, 700, 1000, 1580])
@pytest.mark.parametrize("wide", [14, 120])
def test_a_thing_is_found_once_and_whole_wherever_tiles_meet(left, wide):
    pixels = np.zeros((900, 1600, 3), np.uint8)
    right = min(1600, left + wide)
    pixels[400:440, left:right] = 255
    found = in_tiles(whites, pixels)
    assert [(box.left, box.top, box.right, box.bottom) for box in found] == [(left - 0.5, 399.5, right - 0.5, 439.5)]


def test_what_only_a_tile_shows_is_found_and_unsure_boxes_of_tiles_are_left_out():
    pixels = np.zeros((900, 1600, 3), np.uint8)
    pixels[400:404, 800:804] = 255

    def near(shown):
        """A detector that misses what is small in what it is shown."""
        return [box for box in whites(shown) if (box.right - box.left) / shown.shape[1] > 1 / 200]

    assert near(pixels) == []
    assert [(box.left, box.right) for box in in_tiles(near, pixels)] == [(799.5, 803.5)]
    assert in_tiles(near, pixels, 0.5) == []


def test_counts_in_words():
    boxes = [Box("car", 0.9, 0, 0, 1, 1), Box("person", 0.8, 5, 0, 6, 1), Box("car", 0.7, 9, 0, 10, 1)]
    assert counted(boxes).words == "Detected: 2 x car, 1 x person."
    assert counted([]).words == "No vehicle, person or traffic light is detected."
    assert overlap(boxes[0], boxes[1]) == 0.0
