"""Errors step by step."""

from __future__ import annotations

import pytest

from lightemma.evaluation.statistics.cr2 import SceneIntervals
from lightemma.evaluation.tables.horizons import Horizons
from tests.evaluation.made_runs import drives, made_run, steady_study


def test_an_error_of_one_metre_per_second_grows_half_a_metre_per_step():
    frames = drives({f"s-{n}": [5.0, 6.0] for n in range(4)})
    run = made_run("vlm", frames, [6.0, None] * 4)
    rows = [row for row in Horizons().build(steady_study(run)) if row.run == "vlm"]
    assert [row.horizon_s for row in rows] == [0.5, 1.0, 1.5, 2.0, 2.5, 3.0]
    assert [row.error for row in rows] == pytest.approx([0.5, 1.0, 1.5, 2.0, 2.5, 3.0])
    assert [(row.ci_low, row.ci_high) for row in rows] == [(row.error, row.error) for row in rows]


def test_intervals_are_the_clustered_ones_and_stop_at_zero():
    frames = drives({f"s-{n}": [5.0] for n in range(3)})
    study = steady_study(made_run("vlm", frames, [5.0, 5.1, 9.0]))
    last = next(row for row in Horizons().build(study) if (row.run, row.horizon_s) == ("vlm", 3.0))
    plain = SceneIntervals(study.scene_codes).interval(study.runs[0].errors[:, 5])
    assert plain.low < 0
    assert (last.ci_low, last.ci_high) == (0.0, pytest.approx(plain.high))


def test_a_dead_run_has_unknown_errors():
    frames = drives({"s-1": [5.0], "s-2": [5.0]})
    rows = [row for row in Horizons().build(steady_study(made_run("dead", frames, [None, None]))) if row.run == "dead"]
    assert all(row.error != row.error and row.ci_low != row.ci_low for row in rows)
