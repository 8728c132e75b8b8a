"""Every manoeuvre from a motion that is plainly that one; every family splits all frames."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lightemma.evaluation.metrics.manoeuvres import (
    COURSES,
    MANOEUVRES,
    SPEED_BANDS,
    SPEED_CHANGE,
    courses,
    manoeuvres,
    recorded_motion,
    speed_bands,
)
from lightemma.evaluation.metrics.recorded_path import end_speeds, pose_turns
from lightemma.evaluation.strata import strata
from lightemma.kinematics import BRAKING, integrate, to_ego_frame
from lightemma.protocol import protocol_named
from lightemma.scene_facts import SceneFacts
from tests.conftest import steady


def driven(speeds: list[float], curvature: float = 0.0) -> np.ndarray:
    """Where a car comes to that drives these six speeds on one curvature, (6, 2) metres."""
    return integrate(np.column_stack([speeds, np.full(6, curvature)]))


def name_of(now: float, truth: np.ndarray) -> str:
    return MANOEUVRES[manoeuvres(steady(now)[None], truth[None])[0]]


SPEEDING_UP = [5.5, 6.0, 6.5, 7.0, 7.5, 8.0]
#: Out to the left and back to straight on: 3.1 m to the side.
SWERVE = np.column_stack([[10.0] * 6, [0.012, 0.012, 0.012, -0.012, -0.012, -0.012]])
MOTIONS = {
    "reversing": (1.0, driven([-1.0] * 6)),
    "stationary": (0.0, driven([0.0] * 6)),
    "starting": (0.0, driven([0.5, 1.0, 2.0, 3.0, 4.0, 5.0])),
    "braking to a stop": (5.0, driven([4.0, 3.0, 2.0, 1.0, 0.4, 0.0])),
    "left turn": (6.0, driven([6.0] * 6, 0.05)),
    "right turn": (6.0, driven([6.0] * 6, -0.05)),
    "lane change": (10.0, integrate(SWERVE)),
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
        (30.0, driven([30.0 + 1.6 * k / 6 for k in range(1, 7)]), "accelerating"),  # 1.6 m/s, at any speed
        (2.0, driven([2.0 + 1.4 * k / 6 for k in range(1, 7)]), "cruising"),
        (2.0, driven([2.0 + 1.6 * k / 6 for k in range(1, 7)]), "accelerating"),
        (8.0, driven([8.0 - 1.6 * k / 6 for k in range(1, 7)]), "slowing"),
        (8.0, driven([8.0 - 1.4 * k / 6 for k in range(1, 7)]), "cruising"),
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


def posed(poses: np.ndarray, frames: int) -> np.ndarray:
    """What each of ``frames`` frames sees of its next six places, from its own pose: (frames, 6, 2) of (n, 3) poses."""
    return np.stack([to_ego_frame(poses[f + 1 : f + 7, :2], poses[f, :2], poses[f, 2]) for f in range(frames)])


def on_an_arc(speed: float, curvature: float, count: int, slip: float = 0.0) -> np.ndarray:
    """(count, 3) poses of a car on a circle, its nose ``slip`` radians to the left of the way it goes."""
    actions = np.tile([speed, curvature], (count, 1))
    places = integrate(actions, protocol_named("arc"))
    headings = curvature * speed * 0.5 * np.arange(1, count + 1) + slip
    return np.column_stack([places, headings])


@given(st.floats(-0.15, 0.15), st.floats(1.0, 20.0), st.floats(-0.3, 0.3), st.integers(1, 3))
def test_turns_are_those_of_the_poses_where_later_frames_tell(curvature, speed, slip, stride):
    poses = on_an_arc(speed, curvature, 20, slip)
    kept = np.arange(0, 13, stride)
    truth = posed(poses, 13)[kept]
    turns = pose_turns(["a"] * len(kept), kept, truth)
    known = np.isin(kept + 6, kept)
    assert known.any()
    assert np.isnan(turns[~known]).all()
    whole = curvature * speed * 3.0
    assert np.angle(np.exp(1j * (turns[known] - whole))) == pytest.approx(0.0, abs=1e-6)


def test_the_pose_decides_and_not_the_chord():
    # The nose turns by 24 degrees in the last half second, while the car drives straight on: a chord knows nothing of it.
    poses = np.column_stack([5.0 * np.arange(1, 20), np.zeros(19), np.zeros(19)])
    poses[6:, 2] = np.radians(24.0)
    truth = posed(poses, 13)
    history = np.stack([steady(10.0)] * 13)
    turns = pose_turns(["a"] * 13, np.arange(13), truth)
    assert np.degrees(turns[0]) == pytest.approx(24.0, abs=1e-6)
    assert MANOEUVRES[manoeuvres(history, truth, turns)[0]] == "left turn"
    assert MANOEUVRES[manoeuvres(history, truth)[0]] == "cruising"
    named = {s.name: s.frames for s in strata(history, truth, ["a"] * 13, frame_index=np.arange(13))}
    assert named["course: turning"][0]
    assert not next(s for s in strata(history, truth, ["a"] * 13) if s.name == "course: turning").frames[0]


def test_scenes_are_not_mixed_and_a_hole_ends_the_chain():
    truth = posed(on_an_arc(6.0, 0.05, 20), 13)
    assert np.isnan(pose_turns(["a"] * 6 + ["b"] * 7, np.arange(13), truth)[:6]).all()
    far = np.array([0, 6])  # nothing in between: one place in common
    assert np.isnan(pose_turns(["a"] * 2, far, truth[far])).all()


def test_a_standing_car_turns_nowhere_whatever_its_jitter():
    rng = np.random.default_rng(1)
    truth = rng.normal(0.0, 0.02, (13, 6, 2))
    turns = pose_turns(["a"] * 13, np.arange(13), truth)
    assert turns[:7].tolist() == [0.0] * 7


def test_the_way_into_the_last_place_is_more_than_its_chord():
    # Without later frames: a circle's last chord is half a step short of where the nose points.
    found = recorded_motion(steady(6.0)[None], on_an_arc(6.0, 0.05, 6)[None, :, :2])
    assert np.degrees(found.turned[0]) == pytest.approx(np.degrees(0.9), abs=1e-6)


@given(st.lists(st.floats(-0.1, 0.1), min_size=6, max_size=6), st.floats(3.0, 15.0))
def test_reversing_is_no_turn_and_is_the_mirror_of_driving_ahead(curvatures, speed):
    ahead = integrate(np.column_stack([[speed] * 6, curvatures]))
    back = recorded_motion(steady(speed)[None], -ahead[None])
    there = recorded_motion(steady(speed)[None], ahead[None])
    assert back.reversed[0] == pytest.approx(there.driven[0])
    assert there.reversed[0] == 0.0
    assert back.turned[0] == pytest.approx(there.turned[0], abs=1e-9)
    assert name_of(speed, -ahead) == "reversing"
    assert COURSES[courses(steady(speed)[None], -ahead[None])[0]] == "reversing"


@pytest.mark.parametrize(("back", "name"), [(0.9, "braking to a stop"), (1.1, "reversing")])
def test_rolling_back_a_little_is_no_reversing(back, name):
    truth = np.column_stack([[1.0, 1.0, 1.0 - back / 2, 1.0 - back, 1.0 - back, 1.0 - back], np.zeros(6)])
    assert name_of(2.0, truth) == name


@given(st.floats(-0.33, 0.33), st.floats(5.0, 20.0), st.integers(0, 6))
def test_turning_early_or_late_is_no_lane_change(turn, speed, when):
    # All of the turn within one step, at any time, or evenly.
    turns = np.full(6, turn / 6) if when == 6 else np.where(np.arange(6) == when, turn, 0.0)
    truth = integrate(np.column_stack([[speed] * 6, turns / (speed * 0.5)]))
    found = recorded_motion(steady(speed)[None], truth[None], np.array([turn]))
    assert found.aside[0] < 0.1


@given(st.sampled_from([-1.0, 1.0]), st.floats(6.0, 15.0))
def test_half_a_lane_to_either_side_is_a_lane_change(side, speed):
    # 2 m to the side along a sine, from straight on to straight on.
    share = np.arange(1, 7) / 6
    truth = np.column_stack([speed * 3 * share, side * 2.0 * (share - np.sin(2 * np.pi * share) / (2 * np.pi))])
    assert MANOEUVRES[manoeuvres(steady(speed)[None], truth[None], np.zeros(1))[0]] == "lane change"
    less = truth * [1.0, 0.4]
    assert MANOEUVRES[manoeuvres(steady(speed)[None], less[None], np.zeros(1))[0]] == "cruising"


@given(st.floats(4.0, 15.0), st.floats(-0.8, 0.8), st.sampled_from([-1, 1]))
def test_one_key_frame_off_its_time_moves_the_speed_at_the_end_less_than_its_chord(speed, gain, late):
    steps = 0.5 * (speed + gain * np.arange(1, 7) / 2)
    exact = end_speeds(steps[None])[0]
    assert exact == pytest.approx(speed + 3 * gain)
    moved = steps.copy()
    moved[-1] += late * 0.1 * moved[-1]  # the last key frame is 50 ms off
    assert abs(end_speeds(moved[None])[0] - exact) == pytest.approx(0.7 * 0.1 * steps[-1] / 0.5)


def test_there_is_one_threshold_for_braking():
    assert SPEED_CHANGE == BRAKING * 3.0 == 1.5
    for loss in (1.4, 1.49, 1.51, 1.6):
        truth = driven([8.0 - loss * k / 6 for k in range(1, 7)])
        braking = COURSES[courses(steady(8.0)[None], truth[None])[0]] == "straight and braking"
        assert braking == (name_of(8.0, truth) == "slowing") == (loss > 1.5)
