"""The models' median and the best of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightemma.evaluation.metrics.displacement import CONVENTIONS, l2
from lightemma.evaluation.metrics.ensembles import best_errors, median_trajectory
from lightemma.evaluation.metrics.recorded_actions import recorded_actions
from lightemma.evaluation.tables.references import RECORDED_ACTIONS, References
from tests.conftest import make_frame, make_frames, steady
from tests.evaluation.made_runs import AVERAGE, drives, made_run, random_runs, steady_study
from tests.evaluation.surroundings_kit import run_of

FRAMES = drives({"s-1": [6.0, 7.0], "s-2": [5.0, 8.0]})


def rows(*runs):
    return {row.run: row for row in References().build(steady_study(*runs)) if row.run != RECORDED_ACTIONS}


def test_three_identical_runs_have_themselves_as_median_and_best():
    plans = [6.5, 6.0, None, 9.0]
    found = rows(*(made_run(name, FRAMES, plans) for name in "abc"))
    assert list(found) == ["coordinate-median of 3", "best of 3"]
    for row in found.values():
        assert (row.runs, row.frames) == (3, 3)
        assert row.l2_avg == pytest.approx((0.5 + 1.0 + 1.0) / 3 * AVERAGE)
        assert row.diff_vs_baseline == pytest.approx((2.5 - (1 + 2 + 3)) / 3 * AVERAGE)


def test_the_median_is_taken_over_those_that_have_a_plan():
    # Speeds 5, 6, 20; 5, 7 (median 6); 8; none.
    a = made_run("a", FRAMES, [5.0, 5.0, 8.0, None])
    b = made_run("b", FRAMES, [6.0, 7.0, None, None])
    c = made_run("c", FRAMES, [20.0, None, None, None])
    median = rows(a, b, c)["coordinate-median of 3"]
    assert median.frames == 3
    assert median.l2_avg == pytest.approx((0 + 1 + 3) / 3 * AVERAGE)
    assert median.fde == pytest.approx(3 * 4 / 3)
    assert median.miss_rate_2m == pytest.approx(2 / 3)


def test_fewer_models_have_fewer_references_and_formulas_none():
    a, b = made_run("a", FRAMES, [6.0] * 4), made_run("b", FRAMES, [7.0] * 4)
    formula = made_run("damped-acceleration", FRAMES, [6.5] * 4, planner="damped-acceleration")
    assert list(rows(a, b, formula)) == ["best of 2"]
    assert list(rows(a, formula)) == []
    assert list(rows(formula)) == []


@given(st.integers(0, 10_000), st.sampled_from(CONVENTIONS))
@settings(max_examples=20, deadline=None)
def test_the_best_is_nowhere_worse_than_any_run(seed, convention):
    runs = random_runs(3, 4, seed, failed=0.3)
    averages = [l2(run.errors, convention)[:, 3] for run in runs]
    best = l2(best_errors([run.errors for run in runs], averages), convention)[:, 3]
    for mine in averages:
        assert np.all((best <= mine) | np.isnan(mine))
    assert np.array_equal(np.isnan(best), np.all(np.isnan(averages), axis=0))


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_the_median_is_between_the_plans_and_their_order_does_not_matter(seed):
    plans = [run.trajectory for run in random_runs(4, 4, seed, failed=0.3)]
    median, planned = median_trajectory(plans), ~np.isnan(plans).all(axis=0)
    assert np.array_equal(np.isnan(median), ~planned)
    assert np.all(median[planned] >= np.nanmin(np.array(plans)[:, planned], axis=0) - 1e-9)
    assert np.all(median[planned] <= np.nanmax(np.array(plans)[:, planned], axis=0) + 1e-9)
    np.testing.assert_array_equal(median_trajectory(plans[::-1]), median)


def test_the_recorded_actions_are_there_without_any_model():
    formula = made_run("damped-acceleration", FRAMES, [6.5] * 4, planner="damped-acceleration")
    (row,) = References().build(steady_study(formula))
    assert (row.run, row.runs, row.frames) == ("recorded actions", 0, 4)
    # These cars drive straight on at one speed, which six pairs hold.
    assert row.l2_avg == pytest.approx(0.0, abs=1e-9)
    assert row.diff_vs_baseline == pytest.approx(-(1 + 2 + 0 + 3) / 4 * AVERAGE)


@given(st.floats(-0.19, 0.19), st.floats(0.5, 20.0))
def test_what_the_integrator_costs_is_what_moving_before_turning_costs(curvature, speed):
    # A car on a circle, whose chords are those of the protocol's speed and whose three points give its curvature.
    turn = curvature * speed * 0.5
    frames = [
        make_frame(index=index, driven=steady(speed, curvature), history=steady(speed, curvature)) for index in (0, 1)
    ]
    angles = turn * np.arange(1, 7)
    circle = (
        np.stack([np.sin(angles), 1 - np.cos(angles)], axis=-1) / curvature
        if abs(curvature) > 1e-6
        else np.stack([speed * 0.5 * np.arange(1, 7), np.zeros(6)], axis=-1)
    )
    runs = [replace(frame, future=circle) for frame in frames]
    run = run_of("model", runs, [steady(speed)] * 2)
    actions = recorded_actions(run)
    chord = speed if abs(curvature) <= 1e-6 else 2 * np.sin(turn / 2) / curvature / 0.5
    assert actions[0, :, 0] == pytest.approx(np.full(6, chord), abs=6e-4)
    assert actions[0, :, 1] == pytest.approx(np.full(6, curvature), abs=6e-4)
    assert actions[0, 0, 1] == curvature, "the next frame's current action has it, not rounded again"
    assert actions[1, 1:, 1] == pytest.approx(np.full(5, curvature), abs=6e-4)


def test_without_a_future_there_is_no_floor():
    run = run_of("model", make_frames({"a": 2}), [steady(5.0)] * 2)
    run = replace(run, truth=np.full_like(run.truth, np.nan), errors=np.full_like(run.errors, np.nan))
    assert np.isnan(recorded_actions(run)).all()
