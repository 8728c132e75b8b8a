"""Paired and stratified differences: what is tested, what is corrected for it, and what is called a tie."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from lightemma.evaluation.scene_context import SceneContext
from lightemma.evaluation.statistics.multiple_testing import holm
from lightemma.evaluation.tables.conventions import Conventions
from lightemma.evaluation.tables.paired import Paired
from lightemma.evaluation.tables.strata import Strata
from lightemma.evaluation.tables.summary import Summary
from lightemma.scene_facts import SceneFacts
from tests.evaluation.made_runs import AVERAGE, drives, made_run, steady_study

#: Sixteen scenes of two frames; the car keeps its 5 m/s, or brakes.
STEADY = {f"s-{n:02d}": [5.0 + 0.02 * n, 5.0] for n in range(8)}
BRAKING = {f"s-{n:02d}": [2.0 + 0.01 * n, 2.2] for n in range(8, 16)}
FRAMES = drives(STEADY | BRAKING)


def seeing(name: str, steady: float, braking: float):
    """A run that holds one speed where the car keeps its own and another where it brakes."""
    return made_run(name, FRAMES, [steady if frame.scene < "s-08" else braking for frame in FRAMES])


@pytest.fixture(scope="module")
def study():
    return steady_study(seeing("seer", 5.8, 1.5), seeing("near", 5.1, 4.9), seeing("far", 9.0, 9.0), resamples=2000)


def test_holm_runs_over_all_pairs(study):
    rows = Paired().build(study)
    assert len(rows) == 6
    assert [row.p_holm for row in rows] == holm([row.p_value for row in rows])
    for row in rows:
        assert row.tie == ("tie" if row.p_holm >= 0.05 else "")
        assert row.significant == ("" if row.tie else "worse" if row.diff > 0 else "better")
    found = {(row.run, row.reference): row for row in rows}
    assert found["far", "constant-action"].tie == ""
    assert found["far", "constant-action"].p_holm > found["far", "constant-action"].p_value


def test_a_run_against_its_twin_is_a_tie():
    twin = steady_study(seeing("a", 5.3, 2.6), seeing("b", 5.3, 2.6))
    (row,) = (row for row in Paired().build(twin) if (row.run, row.reference) == ("a", "b"))
    assert (row.diff, row.p_value, row.p_holm, row.tie) == (0.0, 1.0, 1.0, "tie")


def test_one_scene_has_neither_p_nor_tie():
    frames = drives({"only": [5.0, 6.0]})
    (row,) = Paired().build(steady_study(made_run("a", frames, [5.5, 5.5])))
    assert math.isnan(row.p_value)
    assert math.isnan(row.p_holm)
    assert row.tie == ""


@pytest.mark.parametrize(("scenes", "words"), [(7, {("", "")}), (8, {("", "worse"), ("tie", "")})])
def test_below_eight_scenes_no_word_says_what_an_interval_proves(scenes, words):
    frames = drives({f"s-{n}": [5.0 + 0.1 * n, 5.0] for n in range(scenes)})
    plans = [6.5 + 0.1 * (n % 3) for n in range(len(frames))]
    small = steady_study(made_run("off", frames, plans), made_run("twin", frames, plans))
    rows = Paired().build(small)
    assert all(row.p_holm < 0.05 and row.ci_low > 0 for row in rows if row.reference == "constant-action")
    assert {(row.tie, row.significant) for row in rows} == words
    verdicts = {row.significant for row in Strata().build(small)}
    assert verdicts == ({""} if scenes < 8 else {"", "worse"})


def test_one_number_has_one_verdict_in_every_table(study):
    tables = {row.run: row.significant for row in Summary().build(study)}
    by_convention = {
        row.run: row.significant for row in Conventions().build(study) if row.convention == study.convention
    }
    pairs = {row.run: row.significant for row in Paired().build(study) if row.reference == "constant-action"}
    assert tables == by_convention == {**pairs, "constant-action": ""}
    assert "worse" in pairs.values()


def test_better_where_it_brakes_and_worse_where_it_does_not(study):
    found = {row.stratum: row for row in Strata().build(study) if row.run == "seer"}
    braking, steady = found["course: straight and braking"], found["course: straight and steady"]
    assert (braking.frames, braking.scenes, braking.share, braking.significant) == (16, 8, 0.5, "better")
    assert (steady.frames, steady.significant) == (16, "worse")
    assert braking.ci_high < 0 < steady.ci_low
    assert found["speed: 5-10 m/s"].l2_avg == pytest.approx((braking.l2_avg + steady.l2_avg) / 2)


def test_holm_runs_over_the_tests_of_the_whole_table(study):
    rows = Strata().build(study)
    tests = [row for row in rows if not math.isnan(row.p_value)]
    assert len(tests) == 3 * 5, "three runs, on two manoeuvres, two courses and one speed band"
    assert [row.p_holm for row in tests] == holm([row.p_value for row in tests])
    assert not any(row.significant for row in rows if math.isnan(row.p_value))
    assert all((row.significant == "") == (row.p_holm >= 0.05) for row in tests)


def test_scenes_are_rows_without_intervals(study):
    rows = [row for row in Strata().build(study) if row.stratum.startswith("scene: ")]
    assert len(rows) == 4 * 16, "the baseline's too"
    far = next(row for row in rows if (row.run, row.stratum) == ("far", "scene: s-00"))
    assert (far.frames, far.share) == (2, 2 / 32)
    assert (far.l2_avg, far.diff_vs_baseline) == (pytest.approx(4.0 * AVERAGE), pytest.approx(4.0 * AVERAGE))
    assert all(math.isnan(row.ci_low) and math.isnan(row.p_value) for row in rows if row.run != "constant-action")


def test_facts_make_strata_of_their_own(study):
    facts = {scene: SceneFacts("hill", "night" if scene > "s-08" else "day", "") for scene in (*STEADY, *BRAKING)}
    rows = Strata().build(replace(study, context=SceneContext(facts=facts)))
    found = {row.stratum: row.frames for row in rows if row.run == "far"}
    assert (found["light: night"], found["light: day"], found["location: hill"]) == (14, 18, 32)
    assert not any(name.startswith("weather") for name in found)
