"""Sentences about what a comparison cannot show."""

from __future__ import annotations

from lightemma.evaluation.tables.power import Power
from lightemma.evaluation.warnings import warnings_about
from tests.conftest import steady
from tests.evaluation.made_runs import drives, made_run, steady_study

MANY = drives({f"s-{n:02d}": [5.0, 5.0 + n / 9] for n in range(30)})
TEN = drives({f"s-{n}": [5.0, 5.0 + n / 9] for n in range(10)})


def said(*runs) -> list[str]:
    return warnings_about(steady_study(*runs))


def test_thirty_scenes_and_good_answers_need_no_warning():
    assert said(made_run("vlm", MANY, [6.0] * 60)) == []


def test_ten_scenes_say_how_small_a_difference_they_show():
    run = made_run("vlm", TEN, [6.0] * 20)
    (power,) = Power().build(steady_study(run))
    (sentence,) = said(run)
    assert sentence.startswith(
        f"10 scenes can only show differences to constant-action above {power.mdd_80:.2f} m (80 %"
    )
    more = said(run, made_run("wild", TEN, [5.0 + n for n in range(20)]))[0]
    assert f"above {power.mdd_80:.2f} to " in more


def test_one_scene_and_a_baseline_alone_are_said_too():
    one = drives({"only": [5.0, 6.0]})
    assert said(made_run("vlm", one, [6.0, 6.0])) == [
        "One scene gives no interval and no test: its numbers say nothing about other scenes."
    ]
    assert said(made_run("constant-action", TEN, [5.0] * 20, planner="constant-action")) == [
        "10 scenes are few: intervals over them are wide."
    ]


def test_failed_frames_are_counted_and_a_run_that_is_not_ranked_is_called_that():
    some = made_run("some", MANY, [None] * 6 + [6.0] * 54)
    most = made_run("most", MANY, [None] * 40 + [6.0] * 20)
    few = made_run("few", MANY, [None] * 3 + [6.0] * 57)
    found = said(some, most, few)
    assert len(found) == 2
    assert found[0].startswith("some has no plan on 6 of 60 frames (10.0 %): its own mean leaves them out; compare")
    assert (
        "most has no plan on 40 of 60 frames (66.7 %): its own mean leaves them out, and it is not ranked;" in found[1]
    )


def test_plans_beyond_physics_and_copies_are_named():
    wild = made_run("wild", MANY, [500.0, 400.0] + [6.0] * 58)
    lazy = made_run("lazy", MANY, [steady(5.0)] * 31 + [6.0] * 29)
    formula = made_run("formula", MANY, [steady(5.0)] * 60, planner="formula")
    assert said(wild, lazy, formula) == [
        "wild has 2 scored plans beyond physics, which can decide its mean.",
        "wild is more than 20 m off on 2 of 60 frames, which carry its mean difference of +26.19 m: with 20 m for each of them "
        "it is +0.90 m, and the median is +1.75 m.",
        "lazy repeats the last action on 51.7 % of its frames; there it is the baseline itself.",
    ]
