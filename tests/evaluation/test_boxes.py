"""Oriented boxes: symmetric, the same seen from anywhere, and as shapely sees them."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lightemma.boxes import corners, first_contact, overlap

place = st.tuples(st.floats(-8, 8), st.floats(-8, 8)).map(np.array)
angle = st.floats(-7, 7)
size = st.tuples(st.floats(0.3, 6), st.floats(0.3, 6)).map(np.array)
box = st.tuples(place, angle, size)
Box = tuple[np.ndarray, float, np.ndarray]


def polygon(some: Box) -> shapely.Polygon:
    return shapely.Polygon(corners(*some))


def moved(some: Box, turn: float, shift: np.ndarray) -> Box:
    cos, sin = np.cos(turn), np.sin(turn)
    return np.array([[cos, -sin], [sin, cos]]) @ some[0] + shift, some[1] + turn, some[2]


def clear(one: Box, two: Box) -> bool:
    """Whether rounding cannot decide: the boxes are apart, or overlap, by more than a hair."""
    first, second = polygon(one), polygon(two)
    return first.distance(second) > 1e-6 or first.intersection(second).area > 1e-6


@settings(deadline=None, max_examples=50)
@given(box, box)
def test_overlap_is_what_shapely_says(one: Box, two: Box):
    assume(clear(one, two))
    assert bool(overlap(*one, *two)) == polygon(one).intersects(polygon(two))


@settings(deadline=None, max_examples=50)
@given(box, box, angle, place)
def test_overlap_is_symmetric_and_the_same_from_anywhere(one: Box, two: Box, turn: float, shift: np.ndarray):
    assume(clear(one, two))
    here = bool(overlap(*one, *two))
    assert bool(overlap(*two, *one)) == here
    assert bool(overlap(*moved(one, turn, shift), *moved(two, turn, shift))) == here


@settings(deadline=None, max_examples=50)
@given(box, box, st.tuples(st.floats(-9, 9), st.floats(-9, 9)).map(np.array))
def test_first_contact_is_when_the_moving_box_first_touches(one: Box, two: Box, velocity: np.ndarray):
    assume(np.linalg.norm(velocity) > 0.1)
    when = float(first_contact(*one, *two, velocity))
    at = lambda time: (two[0] + velocity * time, two[1], two[2])  # noqa: E731
    gap = lambda time: polygon(one).distance(polygon(at(time)))  # noqa: E731
    if np.isinf(when):
        assert not any(polygon(one).intersection(polygon(at(time))).area > 1e-6 for time in np.linspace(0, 40, 81))
    else:
        assert gap(when) < 1e-6
        earlier = np.linspace(0, when, 9)[:-1] if when else []
        assert all(polygon(one).intersection(polygon(at(time))).area < 1e-6 for time in earlier)


def test_corners_of_a_turned_box():
    found = corners(np.array([10.0, 0.0]), np.array(np.pi / 2), np.array([4.0, 2.0]))
    assert found == pytest.approx(np.array([[9, 2], [9, -2], [11, -2], [11, 2]]))


def test_pairs_are_taken_one_by_one_and_nan_touches_nothing():
    centres = np.array([[3.0, 0.0], [5.0, 0.0], [np.nan, 0.0]])
    touching = overlap(np.zeros(2), np.zeros(()), np.array([4.0, 2.0]), centres, np.zeros(3), np.array([4.0, 2.0]))
    assert touching.tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("velocity", "seconds"),
    [((-2.0, 0.0), 3.0), ((2.0, 0.0), np.inf), ((0.0, 5.0), np.inf), ((0.0, 0.0), np.inf), ((-2.0, 4.0), np.inf)],
)
def test_two_cars_in_a_line(velocity, seconds):
    same = (np.zeros(()), np.array([4.0, 2.0]))
    when = first_contact(np.zeros(2), *same, np.array([10.0, 0.0]), *same, np.array(velocity))
    assert float(when) == pytest.approx(seconds)
