"""Consecutive plans: what they have in common, by hand, and which bound of NAVSIM v2 they break."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightemma.evaluation.metrics.comfort import history_breaks, motion
from lightemma.evaluation.metrics.extended_comfort import (
    EXTENDED_BOUNDS,
    extended_comfort,
    next_frames,
    plan_differences,
)
from lightemma.evaluation.tables.feasibility import RECORDED, Feasibility
from tests.conftest import make_frame, make_frames, steady
from tests.evaluation.made_runs import steady_study
from tests.evaluation.surroundings_kit import run_of


def two_plans(first: np.ndarray, second: np.ndarray, history: np.ndarray | None = None) -> dict[str, float]:
    """Differences of two consecutive plans; both have the same history, or the second ``history``."""
    before = np.stack([steady(5.0), steady(5.0) if history is None else history])
    found = plan_differences(motion(np.stack([first, second]), before), np.array([1, -1]))
    assert all(np.isnan(values[1]) for values in found.values())
    return {name: float(values[0]) for name, values in found.items()}


def broken(first: np.ndarray, second: np.ndarray) -> set[str]:
    return {name for name, size in two_plans(first, second).items() if size > EXTENDED_BOUNDS[name]}


def test_the_bounds_are_those_of_the_published_metric():
    assert EXTENDED_BOUNDS == {"accel": 0.7, "jerk": 0.5, "yaw_rate": 0.1, "yaw_accel": 0.1}


def test_the_second_plan_is_compared_with_the_rest_of_the_first():
    speeds = np.array([5.0, 5.0, 5.5, 6.5, 6.5, 6.0, 6.0])
    plan = lambda part: np.column_stack([part, np.zeros(6)])  # noqa: E731
    # The same drive, planned half a second later: no difference, whatever comes in its last step.
    assert two_plans(plan(speeds[:6]), plan(speeds[1:])) == dict.fromkeys(EXTENDED_BOUNDS, 0.0)
    other = speeds[1:].copy()
    other[-1] = 20.0
    assert two_plans(plan(speeds[:6]), plan(other)) == dict.fromkeys(EXTENDED_BOUNDS, 0.0)


def test_differences_are_root_mean_squares_over_five_steps():
    faster = steady(5.0)
    faster[2:, 0] = 6.0  # half a second later it speeds up by 2 m/s^2 in its third step
    found = two_plans(steady(5.0), faster)
    assert found["accel"] == pytest.approx(2.0 / np.sqrt(5))
    assert found["jerk"] == pytest.approx(4.0 * np.sqrt(2) / np.sqrt(5))  # up, and down again
    turning = steady(5.0, 0.02)
    assert two_plans(steady(5.0), turning)["yaw_rate"] == pytest.approx(0.1)
    assert two_plans(steady(5.0), turning)["yaw_accel"] == pytest.approx(0.2 / np.sqrt(5))


@pytest.mark.parametrize(
    ("second", "bounds"),
    [
        (steady(5.0), set()),
        (steady(5.1), set()),
        (steady(5.2), {"jerk"}),  # 0.8 m/s^3 up and down again: 0.506 in the mean
        (steady(6.0), {"accel", "jerk"}),  # 2 m/s^2 in one of five steps: 0.89
        (steady(5.0, 0.019), set()),
        (steady(5.0, 0.021), {"yaw_rate"}),  # 0.105 rad/s
        (steady(5.0, 0.025), {"jerk", "yaw_rate", "yaw_accel"}),
    ],
)
def test_which_bounds_two_plans_break(second, bounds):
    assert broken(steady(5.0), second) == bounds


@given(st.floats(1.0, 15.0), st.floats(-0.05, 0.05), st.floats(-0.3, 0.3), st.floats(-0.005, 0.005))
def test_left_and_right_agree_alike(speed, curvature, faster, sharper):
    one, two = steady(speed, curvature), steady(speed + faster, curvature + sharper)
    mirror = np.array([1.0, -1.0])
    found, mirrored = two_plans(one, two), two_plans(one * mirror, two * mirror)
    assert found == pytest.approx(mirrored)


def test_next_frames_are_of_the_same_scene_half_a_second_later():
    frames = make_frames({"a": 3, "b": 2})
    run = run_of("model", frames, [steady(5.0)] * 5)
    assert next_frames(run).tolist() == [1, 2, -1, 4, -1]
    times = run.timestamps.copy()
    times[2] += 400_000  # a hole in the recording
    assert next_frames(replace(run, timestamps=times)).tolist() == [1, -1, -1, 4, -1]
    stride = run_of("model", [make_frame("a", index) for index in (0, 3, 6)], [steady(5.0)] * 3)
    assert next_frames(stride).tolist() == [-1, -1, -1]


def test_a_row_counts_pairs_of_plans():
    frames = make_frames({"a": 4, "b": 2})
    plans = [steady(5.0), steady(5.0), None, steady(5.0), steady(5.0), steady(8.0)]
    row, baseline, recorded = Feasibility().build(steady_study(run_of("model", frames, plans)))
    assert row.consecutive_plans == 2  # of four pairs two have a frame without a plan
    assert row.share_extended_comfortable == 0.5
    assert row.extended_accel_mean == pytest.approx((0.0 + 6.0 / np.sqrt(5)) / 2)
    assert (baseline.consecutive_plans, baseline.share_extended_comfortable) == (4, 1.0)
    assert (recorded.run, recorded.share_extended_comfortable) == (RECORDED, 1.0)
    lone = Feasibility().build(steady_study(run_of("model", make_frames({"a": 1, "b": 1}), [steady(5.0)] * 2)))[0]
    assert lone.consecutive_plans == 0
    assert np.isnan([lone.share_extended_comfortable, lone.extended_jerk_mean]).all()


def test_unknown_plans_have_no_comfort():
    felt = motion(np.stack([steady(5.0), np.full((6, 2), np.nan)]), np.stack([steady(5.0)] * 2))
    assert np.isnan(extended_comfort(plan_differences(felt, np.array([1, -1])))).all()


def test_a_plan_is_not_blamed_for_what_its_history_broke():
    harsh = steady(5.0)
    harsh[:3, 0] = [5.0, 9.0, 5.0]
    assert history_breaks(np.stack([harsh, steady(5.0)])).tolist() == [True, False]
    frames = [make_frame("a", history=harsh), make_frame("b", history=steady(5.0))]
    row = Feasibility().build(steady_study(run_of("model", frames, [steady(8.0)] * 2)))[0]
    assert (row.share_comfortable, row.share_history_comfortable) == (0.0, 0.5)
