"""Poses to speed and curvature and back, against circles, lines and plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightemma.kinematics import (
    actions_from_poses,
    curvatures,
    hold_last_action,
    integrate,
    speeds,
    to_ego_frame,
    yaw_from_quaternion,
)
from lightemma.protocol import LIGHTEMMA, Protocol, protocol_named

ARC = protocol_named("arc")
#: Without rounding and cuts, so that formulas can be compared tightly.
RAW = Protocol(decimals=12, min_speed=0.0, max_curvature=math.inf)
RAW_ARC = Protocol(decimals=12, min_speed=0.0, max_curvature=math.inf, integration="arc")

examples = settings(max_examples=200, deadline=None, derandomize=True)
angles = st.floats(-math.pi, math.pi)
places = st.floats(-5000.0, 5000.0)
driving_speeds = st.floats(0.5, 40.0)
bends = st.floats(0.001, 0.19)
turns = st.sampled_from([-1.0, 1.0])
plans = st.lists(st.tuples(st.floats(-1.0, 60.0), st.floats(-1.0, 1.0)), min_size=1, max_size=8).map(np.array)


def circle(curvature: float, distances: np.ndarray, heading: float = 0.0, at: tuple[float, float] = (0, 0)):
    """Points at arc lengths ``distances`` along a circle that leaves ``at`` with ``heading``."""
    angle = heading + curvature * distances
    x = (np.sin(angle) - np.sin(heading)) / curvature
    y = -(np.cos(angle) - np.cos(heading)) / curvature
    return np.column_stack([x, y]) + np.array(at)


def euler_by_hand(actions, dt: float = 0.5) -> list[tuple[float, float]]:
    x = y = heading = 0.0
    path = []
    for speed, curvature in actions:
        x += speed * dt * math.cos(heading)
        y += speed * dt * math.sin(heading)
        heading += curvature * speed * dt
        path.append((x, y))
    return path


# --- poses to actions -------------------------------------------------------------------------------------------------


@examples
@given(curvature=bends, turn=turns, speed=driving_speeds, heading=angles, x=places, y=places)
def test_points_of_a_circle_have_its_curvature_with_left_positive(curvature, turn, speed, heading, x, y):
    # Under a third of a circle between neighbours, beyond which "the next point" says little about the bend.
    speed = min(speed, 2.0 / curvature / 0.5)
    points = circle(turn * curvature, 0.5 * speed * np.arange(6), heading, (x, y))
    np.testing.assert_allclose(curvatures(points), turn * curvature, atol=0.00051)


@examples
@given(speed=st.floats(0.21, 60.0), heading=angles, x=places, y=places, gap=st.floats(0.3, 0.7))
def test_points_of_a_line_have_their_speed_and_no_curvature(speed, heading, x, y, gap):
    step = speed * gap * np.array([math.cos(heading), math.sin(heading)])
    points = np.array([x, y]) + np.arange(5)[:, None] * step
    np.testing.assert_allclose(speeds(points, gap * np.arange(5)), speed, atol=0.00051)
    np.testing.assert_array_equal(curvatures(points), np.zeros(3))


def test_speed_uses_the_real_time_between_pictures():
    points = np.array([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]])
    np.testing.assert_array_equal(speeds(points, np.array([0.0, 0.5, 1.5])), [10.0, 5.0])


@pytest.mark.parametrize("times", [[0.0, 0.5, 0.5], [0.0, 0.5, 0.4]])
def test_times_that_do_not_increase_are_refused(times):
    with pytest.raises(ValueError, match="times must increase"):
        speeds(np.zeros((3, 2)), np.array(times))


@pytest.mark.parametrize(("speed", "kept"), [(0.0, 0.0), (0.199, 0.0), (0.2, 0.2), (0.201, 0.201)])
def test_slower_than_a_crawl_is_standing_still(speed, kept):
    points = np.array([[0.0, 0.0], [speed, 0.0]])
    np.testing.assert_allclose(speeds(points, np.array([0.0, 1.0])), [kept], atol=1e-12)


@pytest.mark.parametrize("turn", [1.0, -1.0])
@pytest.mark.parametrize(("curvature", "kept"), [(0.19, 0.19), (0.21, 0.0), (0.9, 0.0)])
def test_sharper_than_a_car_can_turn_is_noise(curvature, kept, turn):
    points = circle(turn * curvature, np.array([0.0, 0.5, 1.0]))
    np.testing.assert_allclose(curvatures(points), [turn * kept], atol=1e-9)


def test_the_cut_is_made_before_rounding():
    # 0.2004 rounds to 0.2, which would be kept.
    assert curvatures(circle(0.2004, np.array([0.0, 0.5, 1.0])))[0] == 0.0


@pytest.mark.parametrize(
    "points",
    [
        [[0, 0], [0, 0], [0, 0]],
        [[0, 0], [0, 0], [1, 1]],
        [[0, 0], [1, 1], [1, 1]],
        [[0, 0], [1, 1], [0, 0]],  # there and back again: the outer two coincide
    ],
)
def test_coinciding_points_have_no_curvature(points):
    assert curvatures(np.array(points, dtype=float)).tolist() == [0.0]


@examples
@given(
    steps=st.lists(st.tuples(st.floats(-0.01, 8.0), st.floats(-0.4, 0.4)), min_size=4, max_size=10),
    heading=angles,
    x=places,
    y=places,
)
def test_turning_and_shifting_the_world_changes_nothing(steps, heading, x, y):
    points = np.cumsum([(length * math.cos(a), length * math.sin(a)) for length, a in steps], axis=0)
    times = 0.5 * np.arange(len(points))
    turn = np.array([[math.cos(heading), math.sin(heading)], [-math.sin(heading), math.cos(heading)]])
    moved = points @ turn + np.array([x, y])
    # Unrounded: rounding may send two equal values to different thousandths. Sides under a metre are left out, since
    # there the world's own rounding (coordinates in kilometres) shows in the curvature.
    np.testing.assert_allclose(speeds(moved, times, RAW), speeds(points, times, RAW), atol=1e-8)
    sides = np.linalg.norm(np.diff(points, axis=0), axis=1)
    fair = (sides[:-1] > 1.0) & (sides[1:] > 1.0)
    np.testing.assert_allclose(curvatures(moved, RAW)[fair], curvatures(points, RAW)[fair], atol=1e-7)


@examples
@given(st.lists(st.tuples(st.floats(-20, 20), st.floats(-20, 20)), min_size=3, max_size=10))
def test_actions_are_rounded_to_three_places_and_never_minus_zero(points):
    actions = actions_from_poses(np.array(points), 0.5 * np.arange(len(points)))
    assert actions.shape == (len(points) - 2, 2)
    for speed, curvature in actions.tolist():
        assert (speed, curvature) == (round(speed, 3), round(curvature, 3))
        assert abs(curvature) <= 0.2
        assert speed == 0.0 or speed >= 0.2
        assert "-0.0]" not in str([curvature])


def test_a_slight_right_bend_reads_zero_without_a_sign():
    assert str(curvatures(circle(-0.0001, np.array([0.0, 5.0, 10.0]))).tolist()) == "[0.0]"


def test_each_pair_is_the_speed_to_the_next_point_and_the_bend_at_the_point():
    points = np.array([[0.0, 0.0], [1.0, 0.0], [3.0, 0.0], [6.0, 0.5]])
    actions = actions_from_poses(points, np.array([0.0, 0.5, 1.0, 1.5]))
    a, b, c = (math.dist(points[i], points[j]) for i, j in ((1, 2), (2, 3), (1, 3)))
    half = (a + b + c) / 2
    area = math.sqrt(half * (half - a) * (half - b) * (half - c))  # Heron's way to the same circle
    assert actions.tolist() == [[4.0, 0.0], [round(b / 0.5, 3), round(4 * area / (a * b * c), 3)]]


@pytest.mark.parametrize("heading", [0.0, 0.3, -1.2, math.pi, 3.0])
def test_yaw_of_a_turn_about_the_vertical(heading):
    rotation = np.array([math.cos(heading / 2), 0.0, 0.0, math.sin(heading / 2)])
    for same in (rotation, -rotation, np.stack([rotation, rotation])):
        np.testing.assert_allclose(np.cos(yaw_from_quaternion(same) - heading), 1.0)


@examples
@given(roll=st.floats(-0.3, 0.3), pitch=st.floats(-0.3, 0.3), yaw=st.floats(-3.1, 3.1))
def test_yaw_ignores_roll_and_pitch(roll, pitch, yaw):
    def times(p, q):
        (a, b, c, d), (e, f, g, h) = p, q
        return (
            a * e - b * f - c * g - d * h,
            a * f + b * e + c * h - d * g,
            a * g - b * h + c * e + d * f,
            a * h + b * g - c * f + d * e,
        )

    about_z = (math.cos(yaw / 2), 0, 0, math.sin(yaw / 2))
    about_y = (math.cos(pitch / 2), 0, math.sin(pitch / 2), 0)
    about_x = (math.cos(roll / 2), math.sin(roll / 2), 0, 0)
    rotation = np.array(times(times(about_z, about_y), about_x))
    assert float(yaw_from_quaternion(rotation)) == pytest.approx(yaw, abs=1e-9)


def test_the_ego_frame_has_x_ahead_and_y_left():
    # A car at (10, 5) heading along the world's y: ahead is up, left is towards smaller x.
    origin, heading = np.array([10.0, 5.0]), math.pi / 2
    points = np.array([[10.0, 5.0], [10.0, 8.0], [8.0, 5.0]])
    np.testing.assert_allclose(to_ego_frame(points, origin, heading), [[0, 0], [3, 0], [0, 2]], atol=1e-12)


# --- actions to trajectories ------------------------------------------------------------------------------------------


@examples
@given(plans)
def test_euler_moves_then_turns_step_by_step(actions):
    np.testing.assert_allclose(integrate(actions), euler_by_hand(actions.tolist()), rtol=1e-12, atol=1e-9)


@examples
@given(speed=st.floats(0.1, 40.0), curvature=st.floats(0.001, 1.0), turn=turns, steps=st.integers(1, 8))
def test_arcs_of_one_curvature_stay_on_its_circle(speed, curvature, turn, steps):
    path = integrate(np.tile([speed, turn * curvature], (steps, 1)), ARC)
    expected = circle(turn * curvature, 0.5 * speed * np.arange(1, steps + 1))
    np.testing.assert_allclose(path, expected, atol=1e-8)


@examples
@given(st.lists(st.floats(-1.0, 60.0), min_size=1, max_size=8))
def test_both_rules_agree_on_a_straight_road(plan_speeds):
    actions = np.column_stack([plan_speeds, np.zeros(len(plan_speeds))])
    np.testing.assert_array_equal(integrate(actions, ARC), integrate(actions))


def test_the_rules_differ_in_a_bend():
    actions = np.array([[10.0, 0.05], [10.0, 0.05]])
    np.testing.assert_allclose(integrate(actions)[0], [5.0, 0.0])
    assert integrate(actions, ARC)[0, 1] > 0.5


@examples
@given(st.lists(plans, min_size=2, max_size=4), st.sampled_from([LIGHTEMMA, ARC]))
def test_a_batch_gives_what_each_plan_gives(batch, protocol):
    length = min(len(plan) for plan in batch)
    stack = np.stack([plan[:length] for plan in batch])
    np.testing.assert_array_equal(integrate(stack, protocol), np.stack([integrate(plan, protocol) for plan in stack]))
    np.testing.assert_array_equal(integrate(stack[None], protocol)[0], integrate(stack, protocol))


@examples
@given(curvature=st.floats(0.002, 0.15), turn=turns, speed=st.floats(1.0, 12.0), heading=angles, x=places, y=places)
def test_a_drive_on_a_circle_comes_back_from_its_own_actions(curvature, turn, speed, heading, x, y):
    recorded = circle(turn * curvature, 0.5 * speed * np.arange(10), heading, (x, y))
    actions = actions_from_poses(recorded, 0.5 * np.arange(10), RAW)
    # The recorded speed is the chord's; the arc between the same points is a little longer.
    half_turn = 0.25 * curvature * speed
    actions[:, 0] *= half_turn / math.sin(half_turn)
    driven = integrate(actions, RAW_ARC)
    start_heading = heading + turn * curvature * 0.5 * speed
    np.testing.assert_allclose(to_ego_frame(recorded[2:], recorded[1], start_heading), driven, atol=1e-5)


@examples
@given(st.lists(st.floats(0.5, 5.0), min_size=3, max_size=9), angles, places, places)
def test_a_straight_drive_comes_back_from_its_own_actions(steps, heading, x, y):
    along = np.cumsum([0.0, *steps])
    recorded = np.array([x, y]) + along[:, None] * np.array([math.cos(heading), math.sin(heading)])
    actions = actions_from_poses(recorded, 0.5 * np.arange(len(recorded)), RAW)
    np.testing.assert_allclose(integrate(actions), to_ego_frame(recorded[2:], recorded[1], heading), atol=1e-6)


def test_holding_repeats_the_last_action_only():
    history = np.arange(24.0).reshape(2, 6, 2)
    held = hold_last_action(history)
    assert held.shape == (2, 6, 2)
    for row in range(2):
        assert held[row].tolist() == [history[row, 5].tolist()] * 6
    held[:] = -1.0
    assert history.min() == 0.0
