"""The table of students beside their teacher."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from lightemma.errors import UserError
from lightemma.evaluation.study import make_study
from lightemma.evaluation.tables.students import Students
from lightemma.run_folder.manifest import MAIN, ModelEntry
from tests.evaluation.made_runs import drives, made_run, steady_study

FRAMES = drives({f"s-{n}": [5.0, 6.0] for n in range(10)})


def asked(name: str, off: float, calls: int, tokens: float, seconds: float, failed: int = 0, model: str = "m", by=()):
    """A run that is ``off`` m/s too fast."""
    plans = [None if place < failed else 5.0 + place % 2 + off for place in range(len(FRAMES))]
    run = made_run(name, FRAMES, plans)
    usage = np.tile([10 * tokens, 0.0, tokens, 0.0], (len(FRAMES), 1))[:, : run.usage.shape[1]]
    count = len(FRAMES)
    entry = ModelEntry(model, "scripted", model, taught_by=tuple(by))
    return replace(
        run,
        manifest=msgspec.structs.replace(run.manifest, models={MAIN: entry}),
        calls=np.full(count, float(calls)),
        usage=usage,
        latency=np.full(count, seconds),
    )


def test_one_call_stands_beside_the_stages_of_the_same_model():
    teacher, student = asked("teacher", 2.0, 3, 300.0, 9.0, failed=1), asked("student", 1.0, 1, 60.0, 0.5, failed=2)
    (row,) = Students().build(steady_study(student, teacher))
    assert (row.run, row.teacher, row.calls, row.teacher_calls) == ("student", "teacher", 1.0, 3.0)
    assert row.known == "same model"
    assert (row.output_tokens, row.teacher_output_tokens, row.faster) == (60.0, 300.0, 18.0)
    # 1 m/s too fast is 1.75 m of l2_avg, 2 m/s the double; on the frames that both have.
    assert row.frames == 18
    assert row.diff == pytest.approx(-1.75)
    assert row.diff_lightemma == pytest.approx(row.diff)
    assert row.diff_lightemma_low <= row.diff_lightemma <= row.diff_lightemma_high
    assert row.l2_avg == pytest.approx(1.75)
    assert row.format_errors == pytest.approx(0.1)
    assert row.teacher_format_errors == pytest.approx(0.05)
    assert np.isnan(row.follow)


@pytest.mark.parametrize(
    "others",
    [
        [asked("b", 2.0, 1, 1.0, 1.0)],
        # Another model that is asked more often taught nobody.
        [asked("b", 2.0, 3, 1.0, 1.0, model="other")],
    ],
)
def test_runs_that_nobody_taught_have_no_row(others):
    assert Students().build(steady_study(asked("a", 1.0, 1, 1.0, 1.0), *others)) == []


def test_a_student_stands_beside_the_run_that_its_record_names_and_not_beside_the_one_of_most_calls():
    student = asked("small", 1.0, 1, 1.0, 1.0, model="small", by=("expert", "big"))
    big, chatty = asked("big", 2.0, 2, 1.0, 1.0, model="big"), asked("chatty", 3.0, 9, 1.0, 1.0, model="chatty")
    (row,) = Students().build(steady_study(chatty, student, big))
    assert (row.run, row.teacher, row.known, row.teacher_calls) == ("small", "big", "recorded", 2.0)


def test_a_teacher_of_as_few_calls_is_one_too():
    student, big = (
        asked("small", 1.0, 1, 1.0, 1.0, model="small", by=("big",)),
        asked("big", 2.0, 1, 9.0, 1.0, model="big"),
    )
    (row,) = Students().build(steady_study(student, big))
    assert (row.teacher, row.teacher_output_tokens) == ("big", 9.0)


def test_a_student_whose_teacher_is_not_compared_has_no_row_and_the_caption_says_so():
    student = asked("small", 1.0, 1, 1.0, 1.0, model="small", by=("big",))
    chatty = asked("chatty", 3.0, 9, 1.0, 1.0, model="chatty")
    study = steady_study(student, chatty)
    assert Students().build(study) == []
    assert "small (big)" in Students().caption(study)


def test_the_user_names_the_teacher():
    runs = [asked("a", 1.0, 1, 1.0, 1.0), asked("b", 2.0, 3, 1.0, 1.0), asked("c", 3.0, 2, 1.0, 1.0, model="other")]
    rows = Students().build(make_study(runs, teacher="c", resamples=200))
    assert [(row.run, row.teacher, row.known) for row in rows] == [("a", "c", "named"), ("b", "c", "named")]


def test_a_teacher_that_is_no_run_is_refused():
    with pytest.raises(UserError, match="No run is called 'd'; the teacher is one of a"):
        make_study([asked("a", 1.0, 1, 1.0, 1.0)], teacher="d")
