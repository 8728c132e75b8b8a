"""Every manoeuvre from a motion that is plainly that one; every family splits all frames."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lightemma.evaluation.metrics.manoeuvres import COURSES, MANOEUVRES, SPEED_BANDS, courses, manoeuvres, speed_bands
from lightemma.evaluation.strata import strata
from lightemma.kinematics import integrate
from lightemma.scene_facts import SceneFacts
from tests.conftest import steady


def driven(speeds: list[float], curvature: float = 0.0) -> np.ndarray:
    """Where a car comes to that drives these six speeds on one curvature, (6, 2) metres."""
    return integrate(np.column_stack([speeds, np.full(6, curvature)]))


def name_of(now: float, truth: np.ndarray) -> str:
    return MANOEUVRES[manoeuvres(steady(now)[None], truth[None])[0]]


SPEEDING_UP = [5.5, 6.0, 6.5, 7.0, 7.5, 8.0]
MOTIONS = {
    "stationary": (0.0, driven([0.0] * 6)),
    "starting": (0.0, driven([0.5, 1.0, 2.0, 3.0, 4.0, 5.0])),
    "braking to a stop": (5.0, driven([4.0, 3.0, 2.0, 1.0, 0.4, 0.0])),
    "left turn": (6.0, driven([6.0] * 6, 0.05)),
    "right turn": (6.0, driven([6.0] * 6, -0.05)),
    "gentle curve": (10.0, driven([10.0] * 6, -0.006)),
    "accelerating": (5.0, driven(SPEEDING_UP)),
    "slowing": (8.0, driven([7.5, 7.0, 6.5, 6.0, 5.5, 5.0])),
    "cruising": (10.0, driven([10.0, 10.2, 10.1, 9.9, 10.0, 10.1])),
}


@pytest.mark.parametrize("name", MANOEUVRES)
def test_a_plain_motion_is_called_what_it_is(name):
    now, truth = MOTIONS[name]
    assert name_of(now, truth) == name


@pytest.mark.parametrize(
    ("now", "truth", "name"),
    [
        (0.4, driven([0.3] * 6), "stationary"),  # 0.9 m in all
        (0.4, driven([0.4] * 6), "starting"),  # 1.2 m
        (5.0, driven([4.0, 3.0, 2.0, 1.0, 0.4, 0.0], 0.2), "braking to a stop"),  # it turns, but stopping comes first
        (5.0, driven(SPEEDING_UP, 0.05), "left turn"),  # it speeds up, but turning comes first
        (30.0, driven([30.0 + 4.0 * k / 6 for k in range(1, 7)]), "cruising"),  # 4 m/s are less than 15 % of 34
        (2.0, driven([2.0 + 0.9 * k / 6 for k in range(1, 7)]), "cruising"),  # 45 %, but less than 1 m/s
        (2.0, driven([2.0 + 1.1 * k / 6 for k in range(1, 7)]), "accelerating"),
    ],
)
def test_thresholds_and_their_order(now, truth, name):
    assert name_of(now, truth) == name


@pytest.mark.parametrize(
    ("now", "truth", "course"),
    [
        (0.4, driven(SPEEDING_UP), "standing"),  # it starts off, but is stationary now
        (6.0, driven([6.0] * 6, -0.02), "turning"),
        (6.0, driven([5.0, 4.0, 3.0, 2.5, 2.0, 2.0], 0.03), "turning"),  # it brakes, but turning comes first
        (6.0, driven([6.0] * 6, 0.008), "straight and steady"),  # 0.12 rad are less than 10 degrees
        (6.0, driven([6.0, 5.5, 5.0, 4.8, 4.6, 4.5]), "straight and braking"),  # 1.5 m/s slower, just enough
        (6.0, driven([6.0, 5.5, 5.0, 4.8, 4.7, 4.6]), "straight and steady"),
        (6.0, driven([6.0, 6.5, 7.0, 7.2, 7.4, 7.5]), "straight and accelerating"),
        (6.0, driven([6.0, 9.0, 9.0, 7.0, 7.0, 7.4]), "straight and steady"),  # the end counts, not the way there
        (5.0, driven([3.0, 1.0, 0.0, 0.0, 0.0, 0.0]), "straight and braking"),  # a stop, too
    ],
)
def test_courses_and_their_order(now, truth, course):
    assert COURSES[courses(steady(now)[None], truth[None])[0]] == course


@given(st.floats(0.012, 0.06), st.floats(6.0, 15.0))
def test_left_and_right_are_mirror_images(curvature, speed):
    left, right = (name_of(speed, driven([speed] * 6, sign * curvature)) for sign in (1, -1))
    mirrored = {"left turn": "right turn", "gentle curve": "gentle curve"}
    assert right == mirrored[left]


def test_jitter_of_a_standing_car_is_no_turn():
    jitter = np.array([[0.01, 0.02], [0.0, -0.01], [0.01, 0.01], [-0.02, 0.0], [0.0, 0.02], [0.01, 0.0]])
    assert name_of(0.0, jitter) == "stationary"


def test_speed_bands_close_at_their_lower_edge():
    speeds = [0.0, 0.49, 0.5, 4.99, 5.0, 9.99, 10.0, 40.0]
    history = np.stack([steady(speed) for speed in speeds])
    expected = ["standing"] * 2 + ["up to 5 m/s"] * 2 + ["5-10 m/s"] * 2 + ["over 10 m/s"] * 2
    assert [SPEED_BANDS[band] for band in speed_bands(history)] == expected


def test_the_current_speed_counts_not_the_mean():
    history = steady(12.0)
    history[-1, 0] = 3.0
    assert SPEED_BANDS[speed_bands(history[None])[0]] == "up to 5 m/s"


@given(
    arrays(np.float64, (7, 6, 2), elements=st.floats(-30, 30)),
    arrays(np.float64, (7, 6, 2), elements=st.floats(-99, 99)),
)
@settings(max_examples=60)
def test_each_family_splits_all_frames(history, truth):
    found = strata(history, truth, ["b", "a", "b", "c", "a", "b", "b"])
    for family in ("manoeuvre", "course", "speed", "scene"):
        members = np.array([stratum.frames for stratum in found if stratum.family == family])
        assert (members.sum(axis=0) == 1).all()
    assert all(stratum.frames.any() for stratum in found)
    assert len({stratum.name for stratum in found}) == len(found)


def test_strata_come_in_the_order_of_their_classes_and_without_empty_ones():
    names = ("cruising", "stationary", "left turn")
    history = np.stack([steady(MOTIONS[name][0]) for name in names])
    truth = np.stack([MOTIONS[name][1] for name in names])
    found = {stratum.name: stratum.frames.tolist() for stratum in strata(history, truth)}
    assert found == {
        "manoeuvre: stationary": [False, True, False],
        "manoeuvre: left turn": [False, False, True],
        "manoeuvre: cruising": [True, False, False],
        "course: standing": [False, True, False],
        "course: turning": [False, False, True],
        "course: straight and steady": [True, False, False],
        "speed: standing": [False, True, False],
        "speed: 5-10 m/s": [False, False, True],
        "speed: over 10 m/s": [True, False, False],
    }
    assert list(found)[:3] == ["manoeuvre: stationary", "manoeuvre: left turn", "manoeuvre: cruising"]


def test_facts_split_the_scenes_that_have_them():
    scenes = ["s-1", "s-2", "s-3", "s-4", "s-1"]
    facts = {
        "s-1": SceneFacts("onenorth", "night", "rain"),
        "s-2": SceneFacts("boston", "day", "dry"),
        "s-3": SceneFacts("onenorth"),
        "elsewhere": SceneFacts("queenstown", "day", "dry"),
    }
    history, truth = np.stack([steady(5.0)] * 5), np.stack([driven([5.0] * 6)] * 5)
    found = {stratum.name: stratum.frames.astype(int).tolist() for stratum in strata(history, truth, scenes, facts)}
    assert {name: frames for name, frames in found.items() if name.startswith(("location", "light", "weather"))} == {
        "location: boston": [0, 1, 0, 0, 0],
        "location: onenorth": [1, 0, 1, 0, 1],
        "light: day": [0, 1, 0, 0, 0],
        "light: night": [1, 0, 0, 0, 1],
        "weather: dry": [0, 1, 0, 0, 0],
        "weather: rain": [1, 0, 0, 0, 1],
    }
    assert [name for name in found if name.startswith("scene: ")] == [f"scene: s-{number}" for number in (1, 2, 3, 4)]
    assert not any(name.startswith(("light", "weather")) for name in (s.name for s in strata(history, truth, scenes)))
