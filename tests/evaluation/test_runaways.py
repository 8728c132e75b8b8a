"""A few runaway plans beside what they cannot move."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lightemma.evaluation.comparison import compare_runs
from lightemma.evaluation.statistics.runaways import typical
from tests.evaluation.made_runs import AVERAGE, drives, made_run

FRAMES = drives({f"s-{n}": [5.0, 5.0] for n in range(10)})


def test_a_runaway_carries_the_mean_and_neither_median_nor_capped_mean():
    found = typical(np.array([1.0, 2.0, 1000.0, np.nan]), np.array([1.5, 1.0, 30.0, 1.0]))
    assert (found.median, found.runaways, found.carrying) == (1.0, 1, 1)
    assert found.capped == pytest.approx((-0.5 + 1.0 + 0.0) / 3)


def test_equal_differences_are_carried_by_half_of_the_frames():
    assert typical(np.full(9, 3.0), np.full(9, 1.0)).carrying == 5
    assert typical(np.full(9, 1.0), np.full(9, 1.0)).carrying == 0
    assert typical(np.array([1e308, 1e308, 0.0]), np.zeros(3)).carrying == 1


def test_nothing_known_is_unknown():
    found = typical(np.array([np.nan]), np.array([1.0]))
    assert math.isnan(found.median)
    assert (found.runaways, found.carrying) == (0, 0)


def test_the_tables_have_them_and_a_warning_says_so():
    wild = made_run("wild", FRAMES, [5.5] * 19 + [900.0])
    tame = made_run("tame", FRAMES, [5.5] * 20)
    found = compare_runs([wild, tame], resamples=100)
    summary = {row.run: row for row in found.summary}
    assert summary["wild"].diff_vs_baseline > 50
    assert summary["wild"].diff_median == pytest.approx(AVERAGE / 2)
    assert summary["wild"].diff_capped == pytest.approx((19 * AVERAGE / 2 + 20) / 20)
    assert (summary["wild"].runaway_frames, summary["wild"].carrying_frames) == (1, 1)
    assert (summary["constant-action"].diff_median, summary["constant-action"].runaway_frames) == (0.0, 0)
    pair = next(row for row in found.paired if (row.run, row.reference) == ("wild", "tame"))
    assert (pair.diff_median, pair.runaway_frames) == (0.0, 1)
    (warning,) = (line for line in found.warnings if "more than 20 m off" in line)
    assert warning.startswith("wild is more than 20 m off on 1 of 20 frames")
