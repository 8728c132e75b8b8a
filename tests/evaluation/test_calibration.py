"""Planned against recorded actions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lightemma.evaluation.metrics.recorded_actions import actions_from_places
from lightemma.evaluation.tables.calibration import Calibration
from lightemma.kinematics import integrate
from tests.evaluation.made_runs import drives, made_run, steady_study


@given(
    arrays(np.float64, (3, 6), elements=st.floats(1.0, 15.0)), arrays(np.float64, (3, 6), elements=st.floats(-0.2, 0.2))
)
def test_recorded_actions_undo_the_integration(speeds, curvatures):
    actions = np.stack([speeds, curvatures], axis=-1)
    found = actions_from_places(integrate(actions))
    np.testing.assert_allclose(found[..., 0], speeds, rtol=1e-9)
    np.testing.assert_allclose(found[:, :5, 1], curvatures[:, :5], atol=1e-9)
    assert np.isnan(found[:, 5, 1]).all(), "the last step has no next one to turn to"


def test_a_standing_car_has_no_curvature():
    jitter = 0.01 * np.random.default_rng(1).normal(size=(2, 6, 2))
    found = actions_from_places(jitter)
    assert np.isnan(found[..., 1]).all()
    assert not np.isnan(found[..., 0]).any()


def test_bins_hold_what_was_planned_and_what_was_driven():
    frames = drives({"s-1": [4.0, 6.0, 11.0, 3.0]})
    run = made_run("vlm", frames, [6.0, 7.0, 7.5, None])
    rows = [row for row in Calibration().build(steady_study(run)) if (row.run, row.quantity) == ("vlm", "speed")]
    assert [row.horizon_s for row in rows] == [1.0, 1.0, 2.0, 2.0, 3.0, 3.0]
    low, high = rows[:2]
    assert (low.bin_low, low.bin_high, low.frames) == (5.0, 7.5, 2)
    assert (low.planned_mean, low.recorded_mean) == (pytest.approx(6.5), pytest.approx(5.0))
    assert (high.bin_low, high.bin_high, high.frames) == (7.5, 10.0, 1), "an edge belongs to the bin above"
    assert (high.planned_mean, high.recorded_mean) == (pytest.approx(7.5), pytest.approx(11.0))


def test_outer_bins_are_open():
    frames = drives({"s-1": [4.0, 6.0]})
    rows = [
        row for row in Calibration().build(steady_study(made_run("vlm", frames, [-3.0, 400.0]))) if row.run == "vlm"
    ]
    slow, fast = (row for row in rows if (row.quantity, row.horizon_s) == ("speed", 1.0))
    assert math.isnan(slow.bin_low)
    assert slow.planned_mean == -3.0
    assert math.isnan(fast.bin_high)
    assert fast.planned_mean == 400.0
    assert {row.horizon_s for row in rows if row.quantity == "curvature"} == {1.0, 2.0}


def test_every_frame_with_a_plan_is_in_one_bin():
    frames = drives({"s-1": [4.0, 6.0, 8.0]})
    rows = Calibration().build(steady_study(made_run("vlm", frames, [0.2, 9.0, None])))
    for run, count in (("vlm", 2), ("constant-action", 3)):
        assert sum(row.frames for row in rows if (row.run, row.quantity, row.horizon_s) == (run, "speed", 3.0)) == count
