"""Comfort and physics of plans whose derivatives are known by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lightemma.evaluation.metrics.comfort import motion
from lightemma.evaluation.metrics.recorded_actions import actions_from_later_frames
from lightemma.evaluation.scores import load_scores
from lightemma.evaluation.tables.feasibility import RECORDED, Feasibility
from lightemma.kinematics import integrate
from tests.conftest import make_frame, make_frames, steady
from tests.evaluation.made_runs import steady_study
from tests.evaluation.surroundings_kit import run_of
from tests.shared_data import PUBLISHED, needs_shared


def plan(speeds: list[float], curvatures: list[float] | float = 0.0) -> np.ndarray:
    return np.column_stack([speeds, np.broadcast_to(curvatures, 6)]).astype(float)


def broken(actions: np.ndarray, history: np.ndarray | None = None) -> set[str]:
    felt = motion(actions[None], (steady(5.0) if history is None else history)[None])
    return {bound for bound, where in felt.broken().items() if where[0]}


def test_derivatives_are_differences_over_half_a_second_from_the_current_action_on():
    history = steady(4.0)
    history[-1] = [5.0, 0.01]
    felt = motion(plan([6, 6, 6, 6, 6, 8], [0.02, 0.02, 0.02, 0.02, 0.02, 0.0])[None], history[None])
    assert felt.lon_accel[0] == pytest.approx([2, 0, 0, 0, 0, 4])
    assert felt.lon_jerk[0] == pytest.approx([0, -4, 0, 0, 0, 8])  # the car already sped up by 2 m/s^2
    assert felt.lat_accel[0] == pytest.approx([0.72] * 5 + [0])
    assert felt.yaw_rate[0] == pytest.approx([0.12] * 5 + [0])
    assert felt.yaw_accel[0] == pytest.approx([0.14, 0, 0, 0, 0, -0.24])
    assert felt.curvature_rate[0] == pytest.approx([0.02, 0, 0, 0, 0, -0.04])
    before, first = np.hypot(2.0, 0.25), np.hypot(2.0, 0.72)
    assert felt.jerk[0, :2] == pytest.approx([2 * (first - before), 2 * (0.72 - first)])
    assert (felt.speed_jump[0], felt.curvature_jump[0]) == pytest.approx((1.0, 0.01))


@pytest.mark.parametrize(
    ("actions", "history", "bounds"),
    [
        (steady(5.0), None, set()),
        (plan([5, 6, 7, 8, 9, 10]), None, set()),  # 2 m/s^2, and 4 m/s^3 to begin with
        (plan([5.6, 6.9, 8.2, 9.5, 10.8, 12.1]), None, {"lon_accel"}),  # 2.6 m/s^2, reached in two steps
        (plan([8, 8, 8, 8, 8, 8]), None, {"lon_accel", "lon_jerk", "jerk"}),
        (plan([5, 5, 0, 0, 0, 0]), None, {"lon_accel", "lon_jerk", "jerk", "physical_accel"}),
        (steady(5.0, 0.21), steady(5.0, 0.21), {"lat_accel", "yaw_rate", "physical_curvature"}),
        (steady(20.0, 0.02), steady(20.0, 0.02), {"lat_accel"}),  # 8 m/s^2
        (steady(2.0, 0.19), steady(2.0, -0.15), set()),
        (steady(4.0, 0.15), steady(4.0, -0.15), {"yaw_accel"}),  # from -0.6 to 0.6 rad/s in half a second
        (steady(1e200, 0.0), None, {"lon_accel", "lon_jerk", "jerk", "physical_accel"}),
    ],
)
def test_which_bounds_a_plan_breaks(actions, history, bounds):
    assert broken(actions, history) == bounds


@settings(deadline=None, max_examples=50)
@given(arrays(float, (6, 2), elements=st.floats(-0.2, 0.2)), arrays(float, (6, 2), elements=st.floats(0.0, 0.2)))
def test_left_and_right_feel_the_same(actions, history):
    mirror = np.array([1.0, -1.0])
    one, two = motion(actions[None], history[None]), motion((actions * mirror)[None], (history * mirror)[None])
    for name in ("lon_accel", "lon_jerk", "jerk"):
        assert getattr(one, name) == pytest.approx(getattr(two, name))
    for name in ("lat_accel", "yaw_rate", "yaw_accel"):
        assert getattr(one, name) == pytest.approx(-getattr(two, name))


def test_a_row_counts_the_plans_there_are():
    frames = make_frames({"a": 4})
    harsh = steady(8.0)
    row, _, recorded = Feasibility().build(
        steady_study(run_of("model", frames, [steady(5.0), harsh, None, steady(5.0, 0.25)]))
    )
    assert (row.run, row.frames) == ("model", 3)
    assert row.share_comfortable == pytest.approx(1 / 3)
    assert row.share_feasible == pytest.approx(2 / 3)
    assert row.share_breaking_lon_accel == pytest.approx(1 / 3)
    assert row.share_breaking_physical_curvature == pytest.approx(1 / 3)
    assert row.lon_accel_mean == pytest.approx(6.0 / 3)
    assert (row.first_speed_jump_mean, row.first_speed_jump_max) == pytest.approx((1.0, 3.0))
    assert row.first_curvature_jump_max == pytest.approx(0.25)
    assert (recorded.run, recorded.frames, recorded.share_comfortable) == (RECORDED, 4, 1.0)


def test_a_run_without_plans_has_no_numbers():
    row = Feasibility().build(steady_study(run_of("mute", make_frames({"a": 2}), [None, None])))[0]
    assert row.frames == 0
    assert all(np.isnan(value) for value in (row.share_comfortable, row.jerk_p95, row.first_speed_jump_max))


def test_the_recorded_drive_is_the_history_six_frames_later():
    frames = [make_frame("a", index, history=steady(float(index))) for index in range(8)]
    actions = actions_from_later_frames(run_of("model", frames, [steady(1.0)] * 8))
    assert actions[0] == pytest.approx(steady(6.0))
    assert actions[1] == pytest.approx(steady(7.0))
    assert np.isnan(actions[2:]).all()


def test_the_recorded_drive_of_a_short_scene_comes_from_its_places():
    driven = plan([5, 5, 4, 4, 3, 3], [0.01, 0.01, 0.02, 0.02, 0.0, 0.0])
    frame = make_frame("a", 0, driven=driven)
    actions = actions_from_later_frames(run_of("model", [frame], [steady(1.0)]))
    assert frame.future == pytest.approx(integrate(driven))
    assert actions[0, :, 0] == pytest.approx(driven[:, 0], abs=1e-3)
    # A chord's end turns as its neighbours do, half a step later than the plan that drew it.
    assert actions[0, 1:, 1] == pytest.approx([0.01, 0.011, 0.02, 0.023, 0.0], abs=2e-3)


@needs_shared(PUBLISHED / "gpt-4o.zip")
def test_people_drive_comfortably_and_models_of_the_published_runs_less_so(published_results):
    model, _, recorded = Feasibility().build(steady_study(load_scores(published_results / "gpt-4o")))
    assert (model.frames, recorded.frames) == (3604, 3008)
    assert model.share_comfortable == pytest.approx(0.985, abs=0.001)
    assert recorded.share_comfortable == pytest.approx(0.995, abs=0.001)
    assert model.share_breaking_physical_curvature == pytest.approx(11 / 3604)
