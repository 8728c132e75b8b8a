"""The three L2 conventions, on numbers worked out by hand and on the properties that tell them apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lightemma.errors import UserError
from lightemma.evaluation.metrics import displacement
from lightemma.evaluation.metrics.displacement import (
    CONVENTIONS,
    check_convention,
    final_error,
    l2,
    misses,
    step_errors,
)

STEP_ERRORS = arrays(np.float64, (4, 6), elements=st.floats(0, 1e6))
POINTS = arrays(np.float64, (3, 6, 2), elements=st.floats(-1e6, 1e6))
GROWING = 0.5 * np.arange(1, 7)


@pytest.mark.parametrize(
    ("convention", "columns"),
    [
        ("lightemma", [0.75, 1.75, 2.75, 1.75]),
        ("endpoint", [1.0, 2.0, 3.0, 2.0]),
        ("cumulative", [0.75, 1.25, 1.75, 1.25]),
    ],
)
def test_an_error_that_grows_half_a_metre_per_step(convention, columns):
    np.testing.assert_allclose(l2(GROWING, convention), columns, rtol=1e-12)


def test_conventions_give_one_published_planner_two_averages():
    """PARA-Drive's step errors give the averages of both conventions it is quoted by."""
    steps = np.array([0.2788, 0.5380, 0.8239, 1.1513, 1.5322, 1.9821])
    assert l2(steps, "endpoint")[3] == pytest.approx(1.2238, abs=5e-5)
    assert l2(steps, "cumulative")[3] == pytest.approx(0.7192, abs=1e-4)


@given(STEP_ERRORS)
def test_the_lightemma_average_is_the_mean_of_six(errors):
    np.testing.assert_allclose(l2(errors, "lightemma")[:, 3], errors.mean(axis=1), rtol=1e-9, atol=1e-9)


@given(STEP_ERRORS)
def test_every_average_is_the_mean_of_its_three_columns(errors):
    for convention in CONVENTIONS:
        columns = l2(errors, convention)
        np.testing.assert_allclose(columns[:, 3], columns[:, :3].mean(axis=1), rtol=1e-9, atol=1e-9)


@given(STEP_ERRORS)
def test_errors_that_grow_rank_the_conventions(errors):
    growing = np.sort(errors, axis=1)
    slack = 1e-9 * (1 + growing.max())
    windowed, endpoint, cumulative = (l2(growing, convention)[:, 3] for convention in CONVENTIONS)
    assert np.all(cumulative <= windowed + slack)
    assert np.all(windowed <= endpoint + slack)


@given(STEP_ERRORS)
def test_means_may_be_taken_before_or_after(errors):
    for convention in CONVENTIONS:
        after, before = l2(errors, convention).mean(axis=0), l2(errors.mean(axis=0), convention)
        np.testing.assert_allclose(after, before, rtol=1e-9, atol=1e-6)


@given(POINTS, POINTS, st.floats(-np.pi, np.pi))
def test_step_errors_do_not_depend_on_how_the_frame_is_turned(plan, truth, angle):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    np.testing.assert_allclose(step_errors(plan @ turn, truth @ turn), step_errors(plan, truth), rtol=1e-6, atol=1e-6)


def test_step_errors_are_distances():
    truth = np.zeros((6, 2))
    plan = np.array([[3.0, 4.0], [0.0, 0.0], [-1.0, 0.0], [0.0, -2.0], [5.0, 12.0], [8.0, 15.0]])
    assert step_errors(plan, truth).tolist() == [5.0, 0.0, 1.0, 2.0, 13.0, 17.0]


def test_absurd_plans_do_not_overflow():
    errors = step_errors(np.full((1, 6, 2), 1e200), np.zeros((1, 6, 2)))
    assert np.all(errors == pytest.approx(np.sqrt(2) * 1e200))
    for convention in CONVENTIONS:
        assert np.all(np.isfinite(l2(errors, convention)))


def test_frames_without_a_plan_stay_unknown():
    trajectory = np.stack([np.full((6, 2), np.nan), np.ones((6, 2))])
    errors = step_errors(trajectory, np.zeros((2, 6, 2)))
    for convention in CONVENTIONS:
        assert np.isnan(l2(errors, convention)).all(axis=1).tolist() == [True, False]
    assert np.isnan(final_error(errors)).tolist() == [True, False]
    assert np.isnan(misses(errors)).tolist() == [True, False]


def test_a_plan_misses_where_any_point_is_beyond_two_metres():
    errors = np.zeros((3, 6))
    errors[0, 2], errors[1, 5] = 2.0001, 2.0
    assert misses(errors).tolist() == [1.0, 0.0, 0.0]


def test_the_final_error_is_that_at_three_seconds():
    assert final_error(np.stack([GROWING, 2 * GROWING])).tolist() == [3.0, 6.0]


def test_an_unknown_convention_offers_near_ones():
    with pytest.raises(UserError, match=r"no L2 convention 'end-point'; did you mean endpoint\?"):
        check_convention("end-point")
    assert [check_convention(name) for name in CONVENTIONS] == list(CONVENTIONS)


@pytest.mark.parametrize("shape", [(0, 6), (11, 6), (3, 7, 6)])
def test_errors_of_many_frames_are_those_of_a_few_at_a_time(monkeypatch, shape):
    errors = np.random.default_rng(2).uniform(0, 9, shape)
    whole = {convention: l2(errors, convention) for convention in CONVENTIONS}
    monkeypatch.setattr(displacement, "_ROWS", 4)
    for convention, columns in whole.items():
        assert columns.shape == (*shape[:-1], 4)
        np.testing.assert_allclose(l2(errors, convention), columns, rtol=1e-15)
