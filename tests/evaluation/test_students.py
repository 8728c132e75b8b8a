"""The table of students beside their teacher."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lightemma.evaluation.tables.students import Students
from tests.evaluation.made_runs import drives, made_run, steady_study

FRAMES = drives({f"s-{n}": [5.0, 6.0] for n in range(10)})


def asked(name: str, off: float, calls: int, tokens: float, seconds: float, failed: int = 0):
    """A run that is ``off`` m/s too fast."""
    plans = [None if place < failed else 5.0 + place % 2 + off for place in range(len(FRAMES))]
    run = made_run(name, FRAMES, plans)
    usage = np.tile([10 * tokens, 0.0, tokens, 0.0], (len(FRAMES), 1))[:, : run.usage.shape[1]]
    count = len(FRAMES)
    return replace(run, calls=np.full(count, float(calls)), usage=usage, latency=np.full(count, seconds))


def test_a_student_stands_beside_the_run_with_the_most_calls():
    teacher, student = asked("teacher", 2.0, 3, 300.0, 9.0, failed=1), asked("student", 1.0, 1, 60.0, 0.5, failed=2)
    (row,) = Students().build(steady_study(student, teacher))
    assert (row.run, row.teacher, row.calls, row.teacher_calls) == ("student", "teacher", 1.0, 3.0)
    assert (row.output_tokens, row.teacher_output_tokens, row.faster) == (60.0, 300.0, 18.0)
    # 1 m/s too fast is 1.75 m of l2_avg, 2 m/s the double; on the frames that both have.
    assert row.frames == 18
    assert row.diff == pytest.approx(-1.75)
    assert row.l2_avg == pytest.approx(1.75)
    assert row.format_errors == pytest.approx(0.1)
    assert row.teacher_format_errors == pytest.approx(0.05)
    assert np.isnan(row.follow)


def test_runs_of_equal_calls_are_no_students():
    assert Students().build(steady_study(asked("a", 1.0, 1, 1.0, 1.0), asked("b", 2.0, 1, 1.0, 1.0))) == []
