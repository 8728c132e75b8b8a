"""Plans that repeat the last action."""

from __future__ import annotations

import math

import numpy as np

from lightemma.evaluation.tables.copies import Copies
from tests.conftest import steady
from tests.evaluation.made_runs import drives, made_run, steady_study


def copies(run):
    return Copies().build(steady_study(run))[0]


def test_a_copy_is_all_six_actions_to_three_decimals():
    almost, one_off = steady(5.0004, 0.0), steady(5.0, 0.0)
    one_off[3, 1] = 0.001
    frames = drives({"s-1": [5.0] * 5})
    row = copies(made_run("vlm", frames, [5.0, almost, one_off, 5.001, None]))
    assert (row.frames, row.copies, row.share, row.stationary_share) == (4, 2, 0.5, 0.0)


def test_copies_of_a_stationary_car_have_a_share_of_their_own():
    frames = drives({"s-1": [0.0, 0.0, 0.0]}, now=0.0) + drives({"s-2": [5.0]})
    row = copies(made_run("vlm", frames, [0.0, 0.0, 1.0, 5.0]))
    assert (row.copies, row.stationary_share) == (3, 2 / 3)


def test_the_baseline_is_all_copies_and_a_dead_run_unknown():
    frames = drives({"s-1": [5.0, 6.0]})
    dead, baseline = Copies().build(steady_study(made_run("dead", frames, [None, None])))
    assert baseline.share == 1.0
    assert (dead.frames, dead.copies) == (0, 0)
    assert math.isnan(dead.share)
    assert math.isnan(dead.stationary_share)


def test_minus_zero_is_zero():
    frames = drives({"s-1": [5.0]})
    assert copies(made_run("vlm", frames, [np.array([[5.0, -0.0]] * 6)])).copies == 1
