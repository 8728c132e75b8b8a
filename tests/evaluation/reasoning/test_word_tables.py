"""The tables of words, against numbers that are counted by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lightemma.agents import PEDESTRIAN
from lightemma.evaluation.reasoning.annotated import annotated
from lightemma.evaluation.reasoning.directions import Definition
from lightemma.evaluation.scene_context import SceneContext
from lightemma.evaluation.tables.claims import Claims
from lightemma.evaluation.tables.disagreement import Disagreement
from lightemma.evaluation.tables.reasoning import Reasoning
from lightemma.evaluation.tables.reasoning_cells import ReasoningCells
from lightemma.evaluation.tables.reasoning_sensitivity import ReasoningSensitivity
from lightemma.run_folder.records import CallRecord
from lightemma.scene_facts import SceneFacts
from tests.conftest import make_manifest, make_record, plan_text, write_run
from tests.evaluation.made_runs import drives, made_run, steady_study
from tests.evaluation.reasoning.word_runs import Word, frames_of, rising, word_run, word_study
from tests.evaluation.surroundings_kit import PERSON, Box, around

#: Four frames a scene: right and followed, right and departed, wrong and followed, wrong and departed; two are not judged.
ONE = [
    Word("faster", planned=2.0, recorded=1.0, before=0.5),
    Word("slower", planned=0.0, recorded=-2.0, before=-0.5),
    Word("same", planned=0.0, recorded=2.0, before=0.5),
    Word("slower", planned=2.0, recorded=0.0, before=-0.5),
    Word("nothing", planned=1.0),
    Word("faster", planned=None),
]


@pytest.fixture
def study(tmp_path):
    return word_study([word_run(tmp_path, "talker", {f"s-{n}": ONE for n in range(9)})])


def test_words_plans_and_drive_are_counted(study):
    (row,) = Reasoning().build(study)
    assert (row.run, row.statements, row.judged) == ("talker", 54, 36)
    assert row.unclear_share == pytest.approx(1 / 6)
    assert row.follow_through == pytest.approx(0.5)
    assert row.words_right == pytest.approx(0.5)
    assert row.rule_right == pytest.approx(0.75), "the last step goes on in all but the fourth"
    assert row.skill == pytest.approx(-0.25)
    assert row.skill_ci_low <= row.skill <= row.skill_ci_high < 0
    assert row.skill_significant == "worse"
    assert (row.decelerate, row.decelerate_moving) == (18, 18)
    assert row.decelerate_not_done == pytest.approx(1.0)
    assert row.scale_frames == 9
    assert row.scale_ratio == pytest.approx(2.0)
    assert row.scale_error == pytest.approx(1.0)


def test_four_cells_add_up_and_have_their_own_errors(study):
    rows = ReasoningCells().build(study)
    assert [(row.words, row.plan, row.frames) for row in rows] == [
        ("right", "followed", 9), ("right", "departed", 9), ("wrong", "followed", 9), ("wrong", "departed", 9),
    ]  # fmt: skip
    assert sum(row.share for row in rows) == pytest.approx(1.0)
    # Holding the speed is the baseline itself; the first plan is as far off on the other side as the baseline.
    assert [row.diff_vs_baseline for row in rows] == pytest.approx([0.0, 0.0, 0.0, rows[3].diff_vs_baseline], abs=1e-9)
    assert rows[3].diff_vs_baseline > 1.0


def test_the_definition_of_a_change_decides_what_is_one():
    speed = np.array([2.0, 20.0, 20.0, 0.0])
    change = np.array([0.31, 0.9, -1.1, math.nan])
    assert Definition().directions(change, speed)[:3].tolist() == [1.0, 0.0, -1.0]
    assert Definition(0.5, 0.0).directions(change, speed)[:3].tolist() == [0.0, 1.0, -1.0]
    assert math.isnan(Definition().directions(change, speed)[3])
    assert Definition().name == "max(0.3 m/s, 5 %)"


def test_other_definitions_have_rows_of_their_own(study):
    rows = ReasoningSensitivity().build(study)
    assert rows[0].definition == "max(0.3 m/s, 5 %)"
    assert (rows[0].follow_through, rows[0].skill) == pytest.approx((0.5, -0.25))
    assert rows[0].trend_right == pytest.approx(0.75)
    assert len({row.definition for row in rows}) == len(rows) > 4


def test_a_car_that_stands_stays_stopped_and_one_that_moves_slows_down(tmp_path):
    stop = "The ego is stopped and should remain stopped."
    words = [Word(stop, now=0.0), Word(stop, now=4.0, planned=-3.0, recorded=-3.0)]
    (row,) = Reasoning().build(word_study([word_run(tmp_path, "talker", {"s-1": words, "s-2": words})]))
    assert (row.judged, row.follow_through, row.words_right) == (4, 1.0, 1.0)
    assert (row.decelerate, row.decelerate_not_done) == (2, 0.0)


def test_runs_without_words_have_rows_without_numbers():
    run = made_run("mute", drives({"s-1": [5.0], "s-2": [4.0]}), [5.0, 5.0])
    study = steady_study(run)
    (row,) = Reasoning().build(study)
    assert (row.statements, row.judged) == (0, 0)
    assert math.isnan(row.follow_through)
    assert all(row.descriptions == 0 and math.isnan(row.claimed) for row in Claims().build(study))


RED = "The traffic light ahead is red. A pedestrian waits at the kerb."
NO_LIGHT = "There are no traffic lights and no pedestrians."


def test_claims_are_held_to_annotations_to_the_drive_and_to_the_intent(tmp_path):
    words = [
        Word("faster", recorded=2.0, planned=2.0, scene=RED),
        Word("slower", recorded=-2.0, planned=-2.0, scene=RED),
        Word("Since the light is red, the ego should stop.", scene=NO_LIGHT),
        Word("same", scene=NO_LIGHT),
    ]
    near, behind = Box(12.0, 1.0, size=PERSON, kind=PEDESTRIAN), Box(-9.0, 1.0, size=PERSON, kind=PEDESTRIAN)
    folder = word_run(tmp_path, "talker", {"s-1": words, "s-2": words})
    tokens = {frame: index for index, frame in enumerate(word_study([folder]).baseline.tokens)}
    context = SceneContext(
        facts={"s-1": SceneFacts(weather="rain")},
        agents=lambda scene, token: around(near if tokens[token] % 4 in (1, 3) else behind),
    )
    rows = {row.claim: row for row in Claims().build(word_study([folder], context))}
    red, person = rows["red_light"], rows["person"]
    assert (red.claimed, red.denied, red.moving_claims) == (0.5, 0.5, 4)
    assert (red.contradicted, red.contradicted_elsewhere) == (0.5, 0.25)
    assert (red.intent_against, red.intent_invents, red.intents_after_denial) == (0.5, 0.5, 4)
    assert math.isnan(red.precision), "lights are not annotated"
    assert (person.annotated, person.there, person.precision, person.recall) == (8, 0.5, 0.5, 0.5)
    assert rows["bad_weather"].annotated == 4


def test_only_what_the_camera_sees_within_40_m_is_there():
    boxes = {
        "far": Box(50.0, 0.0),
        "ahead": Box(20.0, 1.0),
        "aside": Box(20.0, 5.0),
        "oncoming": Box(20.0, 1.0, yaw=np.pi),
    }
    context = SceneContext(agents=lambda scene, token: around(boxes[token]))
    found = annotated(["s"] * len(boxes), list(boxes), context)
    assert dict(zip(boxes, found["lead_vehicle"].tolist(), strict=True)) == {
        "far": 0,
        "ahead": 1,
        "aside": 0,
        "oncoming": 0,
    }


def test_two_models_about_one_picture(tmp_path):
    one = [Word("faster", scene=RED), Word("same", scene=NO_LIGHT)]
    other = [Word("slower", scene=RED), Word("same", scene=RED)]
    folders = [
        word_run(tmp_path, name, {"s-1": words, "s-2": words}) for name, words in (("one", one), ("other", other))
    ]
    rows = {row.about: row for row in Disagreement().build(word_study(folders))}
    assert (rows["direction"].frames, rows["direction"].disagree, rows["direction"].contradict) == (4, 0.5, 0.5)
    assert (rows["red_light"].disagree, rows["red_light"].contradict) == (0.5, 0.5)
    assert rows["red_light"].kappa == pytest.approx(0.0)
    assert rows["roadworks"].disagree == 0.0


def test_a_planner_of_one_call_says_it_before_its_plan(tmp_path):
    word = Word(planned=-2.0, recorded=-2.0)
    ((frame, _),) = frames_of({"s-1": [word]})
    plan = rising(word, -2.0)
    for number, (words, judged) in enumerate(
        [("A red light is ahead, so the ego should brake.", 1), ("", 0), ("Here are the pairs:", 0)]
    ):
        call = CallRecord("action", "?", f"{words} {plan_text(plan)}", "ok")
        folder = write_run(tmp_path, make_manifest(f"r-{number}", [frame]), [make_record(frame, plan, "ok", [call])])
        study = word_study([folder])
        (row,) = Reasoning().build(study)
        assert (row.judged, row.statements) == (judged, judged)
        if judged:
            assert (row.follow_through, study.ledgers[row.run].stage) == (1.0, "action")
            assert next(row for row in Claims().build(study) if row.claim == "red_light").claimed == 1.0
