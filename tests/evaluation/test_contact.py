"""Contact in motion: against looking very often, and where looking now and then sees nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightemma.agents import CAR_AHEAD, CAR_LENGTH, CAR_WIDTH
from lightemma.boxes import overlap
from lightemma.evaluation.metrics.agents_around import AgentsAround
from lightemma.evaluation.metrics.collisions import step_hits
from lightemma.evaluation.metrics.contact import CLOSE, Paths, touch
from tests.conftest import steady
from tests.evaluation.surroundings_kit import Box, around, poses

LOOKS = 2000


def path(start: tuple[float, ...], change: tuple[float, ...], size: tuple[float, float], ahead: float = 0.0) -> Paths:
    return Paths(np.array([start]), np.array([change]), ahead, np.array([size]))


def seen(one: Paths, other: Paths, larger: float = 0.0) -> bool:
    """Whether the boxes overlap at any of many looks; ``larger`` metres are added around one of them."""
    rows, share = np.zeros(LOOKS + 1, dtype=np.int64), np.linspace(0.0, 1.0, LOOKS + 1)
    boxes = [(each.middles(rows, share), each.headings(rows, share), each.sizes[rows]) for each in (one, other)]
    (places, headings, sizes), others = boxes
    return bool(overlap(places, headings, sizes + 2 * larger, *others).any())


POSE = st.tuples(st.floats(-6, 6), st.floats(-6, 6), st.floats(-4, 4))
CHANGE = st.tuples(st.floats(-12, 12), st.floats(-12, 12), st.floats(-3, 3))
SIZE = st.tuples(st.floats(0.1, 6), st.floats(0.1, 3))


@settings(deadline=None, max_examples=120)
@given(POSE, CHANGE, SIZE, POSE, CHANGE, SIZE, st.floats(0, 3))
def test_contact_is_what_many_looks_see(start, change, size, other_start, other_change, other_size, ahead):
    one, other = path(start, change, size, ahead), path(other_start, other_change, other_size)
    touching = bool(touch(one, other)[0])
    if seen(one, other):
        assert touching
    if touching:
        # Between two looks a corner moves less than this.
        moved = (
            np.hypot(*change[:2])
            + np.hypot(*other_change[:2])
            + (ahead + 7) * abs(change[2])
            + 7 * abs(other_change[2])
        )
        assert seen(one, other, larger=2 * CLOSE + moved / LOOKS)


@pytest.mark.parametrize(("gap", "touching"), [(0.01, False), (0.002, False), (-1e-9, True)])
def test_a_turning_box_passes_at_a_centimetre_and_touches_at_none(gap, touching):
    # A square of 2 m turns on the spot by half a turn: its corners reach sqrt(2) m, after an eighth of a turn for one.
    square = path((0.0, 0.0, 0.0), (0.0, 0.0, np.pi), (2.0, 2.0))
    wall = path((np.sqrt(2.0) + gap + 0.5, 0.0, 0.0), (0.0, 0.0, 0.0), (1.0, 30.0))
    assert touch(square, wall)[0] == touching


@given(st.floats(10, 400), st.floats(0.02, 1.0))
def test_nothing_is_driven_through_however_thin_and_however_fast(speed, width):
    pole = Box(speed * 0.21, 0.0, size=(width, width))  # passed within the first step, between all former looks
    there = AgentsAround.gather(["a"], ["t"], lambda scene, token: around(pole))
    assert step_hits("exact", poses(steady(speed))[None], there)[0, 0]
    # And past it, further than the car is long, nothing is hit any more.
    assert not step_hits("exact", poses(steady(speed))[None], there)[0, 2:].any() or speed < 30


def test_two_that_cross_between_two_looks_collide_and_two_that_miss_do_not():
    # Both at 40 m/s: the other car's middle crosses our path 10 m ahead after 0.25 s, when our middle is there.
    for late, met in ((0.0, True), (6.0, False), (-6.0, False)):
        crossing = Box(
            CAR_AHEAD + 10.0, -10.0 + late, yaw=np.pi / 2, velocity=(0.0, 40.0), size=(CAR_LENGTH, CAR_WIDTH)
        )
        there = AgentsAround.gather(["a"], ["t"], lambda scene, token, box=crossing: around(box))
        assert step_hits("exact", poses(steady(40.0))[None], there)[0].tolist() == [met, *[False] * 5]


def test_an_agent_that_comes_up_counts_from_the_end_of_that_step():
    there = AgentsAround.gather(["a"], ["t"], lambda scene, token: around(Box(3.0, 0.0, there=(4, 6))))
    assert step_hits("exact", poses(steady(0.0))[None], there)[0].tolist() == [False, False, False, True, True, False]


def test_what_is_unknown_touches_nothing():
    still = path((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (4.0, 2.0))
    assert touch(still, still)[0]
    for start, change in (
        ((np.nan, 0.0, 0.0), (0.0,) * 3),
        ((0.0,) * 3, (0.0, np.nan, 0.0)),
        ((0.0,) * 3, (0.0, 0.0, np.nan)),
    ):
        assert not touch(still, path(start, change, (4.0, 2.0)))[0]
