"""What differences the scenes can show."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightemma.evaluation.statistics.cr2 import SceneIntervals
from lightemma.evaluation.statistics.interval import Interval
from lightemma.evaluation.statistics.power import detectable, scenes_needed
from lightemma.evaluation.statistics.student_t import quantile
from lightemma.evaluation.tables.power import Power
from tests.evaluation.made_runs import drives, made_run, steady_study


def interval(error: float, scenes: int) -> Interval:
    return Interval(0.0, -1.0, 1.0, 0.5, 10 * scenes, scenes, error, scenes - 1.0)


def test_ten_scenes_by_hand():
    # t(9): 2.2622 + 0.8834
    assert detectable(interval(0.1, 10)) == pytest.approx(0.31456, abs=1e-4)
    assert detectable(interval(0.1, 150)) == pytest.approx(0.2820, abs=1e-4)


@given(st.floats(1e-3, 50), st.integers(2, 400))
@settings(deadline=None)
def test_that_number_of_scenes_is_enough_and_one_fewer_is_not(error, scenes):
    needed = scenes_needed(interval(error, scenes))
    assert needed is not None

    def found(count: int) -> float:
        return (quantile(0.975, count - 1) + quantile(0.8, count - 1)) * error * math.sqrt(scenes / count)

    assert found(needed) <= 0.05 * (1 + 1e-6)
    assert needed == 2 or found(needed - 1) > 0.05 * (1 - 1e-6)


def test_unknown_where_there_is_no_spread_or_one_scene():
    assert math.isnan(detectable(interval(math.nan, 1)))
    assert scenes_needed(interval(math.nan, 1)) is None
    assert scenes_needed(interval(0.0, 9)) is None
    assert detectable(interval(0.0, 9)) == 0.0


def test_a_difference_of_that_size_is_found_four_times_in_five():
    rng = np.random.default_rng(3)
    codes = np.repeat(np.arange(20), 3)
    noise = rng.normal(size=(20, 600)).repeat(3, axis=0)
    true = detectable(interval(1 / math.sqrt(20), 20))
    share = np.mean([found.p_value < 0.05 for found in SceneIntervals(codes).intervals(noise + true)])
    assert 0.74 <= share <= 0.87


def test_every_pair_has_a_row():
    frames = drives({f"s-{n}": [5.0, 6.0] for n in range(9)})
    study = steady_study(made_run("a", frames, [6.0] * 18), made_run("b", frames, [5.0 + n / 9 for n in range(18)]))
    rows = Power().build(study)
    assert [(row.run, row.reference) for row in rows] == [
        ("a", "constant-action"),
        ("b", "constant-action"),
        ("a", "b"),
    ]
    assert all(row.scenes == 9 and row.frames == 18 for row in rows)
    assert rows[0].standard_error == pytest.approx(1.75 / 3), "all scenes say the same: the spread within them is left"
    assert rows[1].mdd_80 == pytest.approx(detectable(study.pairs[1].difference))
    assert rows[1].mdd_80 > 2.8 * rows[1].standard_error > 0
