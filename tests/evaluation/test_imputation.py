"""Failed frames that hold the last action."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightemma.evaluation.scores import baseline_scores
from lightemma.evaluation.tables.imputed import Imputed, imputed_errors
from tests.evaluation.made_runs import AVERAGE, drives, made_run, random_runs, steady_study

FRAMES = drives({"s-1": [6.0, 7.0], "s-2": [5.0, 8.0]})  # constant-action is off by 1, 2, 0 and 3 m/s


@pytest.mark.parametrize("outcome", ["format:prose", "call:timeout"])
def test_failed_frames_take_the_baselines_error(outcome):
    run = made_run("vlm", FRAMES, [6.0, None, 5.5, None], outcome)  # off by 0, 2, 0.5 and 3
    row = Imputed().build(steady_study(run))[0]
    assert (row.run, row.frames, row.imputed_frames) == ("vlm", 4, 2)
    assert row.l2_avg == pytest.approx(5.5 / 4 * AVERAGE)
    assert row.diff_vs_baseline == pytest.approx((5.5 - 6) / 4 * AVERAGE)


def test_a_run_that_failed_everywhere_is_the_baseline():
    dead, baseline = Imputed().build(steady_study(made_run("dead", FRAMES, [None] * 4)))
    assert dead.imputed_frames == 4
    assert (dead.l2_1s, dead.l2_2s, dead.l2_3s, dead.l2_avg) == (
        baseline.l2_1s,
        baseline.l2_2s,
        baseline.l2_3s,
        baseline.l2_avg,
    )
    assert (dead.diff_vs_baseline, dead.ci_low, dead.ci_high) == (0.0, 0.0, 0.0)


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_ok_frames_stay_as_they_are(seed):
    (run,) = random_runs(1, 5, seed, failed=0.4)
    baseline = baseline_scores(run)
    filled = imputed_errors(run, baseline)
    np.testing.assert_array_equal(filled[run.ok], run.errors[run.ok])
    np.testing.assert_array_equal(filled[~run.ok], baseline.errors[~run.ok])
