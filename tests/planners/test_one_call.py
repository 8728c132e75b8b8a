"""Planners with one question: what is asked, what is shown, and what is planned."""

from __future__ import annotations

import asyncio
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from lightemma.backends.base import CallResult, Completion, PicturePart, Request
from lightemma.data.pictures import PicturePolicy, make_picture
from lightemma.errors import UserError
from lightemma.kinematics import hold_last_action, integrate
from lightemma.planners.base import CAMERAS, Example, Needs, Plan, PlannerSettings, View
from lightemma.planners.planning import PlannerRunner
from lightemma.planners.prompt_style import PromptStyle
from lightemma.planners.registry import make_planner
from lightemma.prompts.sets import load_prompts
from tests.conftest import STEADY_TEXT, make_frame, steady

FRAME = make_frame()
PLACES = [(2.5, 0.3), (5.0, 0.5), (7.5, 1.0), (10.0, 1.5), (12.5, 2.0), (15.0, 2.5)]
POINTS = str(PLACES)


def picture(level: int):  # type: ignore[no-untyped-def]
    encoded = io.BytesIO()
    Image.new("RGB", (160, 90), (level, level, level)).save(encoded, "PNG")
    return make_picture(encoded.getvalue(), "made up", PicturePolicy())


def made(name: str, prompts: str = "three-stage", options: dict[str, object] | None = None, **style: object):  # type: ignore[no-untyped-def]
    settings = PlannerSettings(load_prompts(prompts), style=PromptStyle(**style), options=options or {})
    return make_planner(name, settings)


def planned(planner, text: str, frame=FRAME, view: View | None = None) -> tuple[Plan, Request]:  # type: ignore[no-untyped-def]
    asked: list[Request] = []

    async def call(request: Request) -> CallResult:
        asked.append(request)
        return CallResult(Completion(text))

    done = asyncio.run(PlannerRunner(planner, {"main": call}).plan(frame, view or View((picture(9),))))
    assert done.error is None
    return done.plan, asked[0]


def test_a_single_call_reads_the_pairs_after_the_sentences():
    plan, asked = planned(made("single-call"), f"A road. Go on.\n{STEADY_TEXT}")
    assert plan.actions.tolist() == steady(5.0).tolist()
    assert (plan.outcome, plan.answer) == ("ok", 0)
    assert asked.response_regex is None
    assert "First say" in asked.messages[0].text
    plan, asked = planned(made("single-call", options={"reasoning": False}), STEADY_TEXT)
    assert plan.outcome == "ok"
    assert "First say" not in asked.messages[0].text


def test_waypoints_are_scored_as_they_are_and_led_along():
    plan, _ = planned(made("waypoints"), POINTS)
    points = np.array(PLACES)
    np.testing.assert_array_equal(plan.trajectory, points)
    led = integrate(plan.actions)
    assert np.abs(np.diff(led - points, axis=0)).max() < 1e-9, "beside the points by one small offset"
    assert 0 < np.hypot(*(led - points)[0]) < 0.31, "the first chord is not straight ahead"
    assert plan.answer == 0


@pytest.mark.parametrize("name", ["single-call", "waypoints", "choose"])
@pytest.mark.parametrize(("prompts", "form"), [("three-stage", "regex"), ("three-stage-json", "json")])
def test_guided_answers_have_a_constraint(name, prompts, form):
    planner = made(name, prompts, guided=True)
    assert planner.needs().constraint == form
    _, asked = planned(planner, "?")
    assert (asked.response_regex is None) == (form == "json")
    assert (asked.response_schema is None) == (form == "regex")
    assert "guided" in planner.suffix


# --- choose -----------------------------------------------------------------------------------------------------------


def test_candidates_are_accelerations_and_curvatures_from_the_present_motion():
    history = steady(5.0, 0.01)
    planner = made("choose", options={"accelerations": [-4.0, 0.0], "curvatures": [0.0, 0.02], "shuffled": False})
    plans = planner.candidates(make_frame(history=history))
    assert plans.shape == (4, 6, 2)
    np.testing.assert_allclose(plans[0, :, 0], [3.0, 1.0, 0.0, 0.0, 0.0, 0.0])
    np.testing.assert_allclose(plans[1, :, 1], 0.03)
    np.testing.assert_array_equal(plans[2], hold_last_action(history))


def test_the_number_in_the_answer_is_the_number_in_the_prompt():
    planner = made("choose")
    for index in range(4):
        frame = make_frame(index=index)
        plan, asked = planned(planner, "7", frame)
        line = next(line for line in asked.messages[0].text.splitlines() if line.startswith("7. "))
        assert f"({plan.actions[-1, 0]:.1f} m/s at the end); curvature {plan.actions[-1, 1]:.3f}" in line
        assert plan.chosen == 6
        np.testing.assert_array_equal(plan.candidates[6], plan.actions)
        assert plan.answer is None, "the actions are no text of the model"
        assert len(plan.candidates) == 15


def test_numbers_are_dealt_anew_for_each_frame_and_the_same_every_time():
    planner, plain = made("choose"), made("choose", options={"shuffled": False})
    frames = [make_frame(index=index) for index in range(8)]
    dealt = {planner.candidates(frame).tobytes() for frame in frames}
    assert len(dealt) == 8
    assert planner.candidates(frames[0]).tobytes() == made("choose").candidates(frames[0]).tobytes()
    for frame in frames:
        assert sorted(planner.candidates(frame).tolist()) == sorted(plain.candidates(frame).tolist())


def test_without_motion_the_candidates_do_not_say_how_fast_the_car_is():
    _, asked = planned(made("choose", history_s=0), "1")
    text = asked.messages[0].text
    assert "m/s at the end" not in text
    assert "5.0" not in text
    with pytest.raises(UserError, match="show how fast the car is"):
        made("choose", options={"drawn": True}, history_s=0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"accelerations": [0.0], "curvatures": [0.0]}, "has 1 different plans"),
        ({"accelerations": [1.0, 1.0]}, "has 3 different plans"),
        ({"accelerations": list(np.linspace(-3, 3, 21))}, "has 63 different plans"),
        ({"accelerations": [float("nan")]}, "option 'accelerations' is wrong"),
        ({"curvatures": []}, "option 'curvatures' is wrong"),
        ({"accelerations": [99.0, 0.0]}, "option 'accelerations' is wrong"),
    ],
)
def test_candidates_that_are_no_choice_are_refused(options, said):
    with pytest.raises(UserError, match=re.escape(said)):
        made("choose", options=options)


def test_paths_are_drawn_on_the_picture_with_the_frames_own_camera():
    camera = replace(FRAME.camera, intrinsic=np.array([[100.0, 0, 80], [0, 100, 45], [0, 0, 1]]), size=(160, 90))
    frame = replace(FRAME, camera=camera)
    shown = picture(9)
    _, asked = planned(made("choose", options={"drawn": True}), "1", frame, View((shown,)))
    part = asked.messages[0].parts[0]
    assert isinstance(part, PicturePart)
    assert part.picture.sha256 != shown.sha256
    assert part.picture.size == shown.size
    pixels = np.asarray(Image.open(io.BytesIO(part.picture.data)).convert("RGB"), dtype=int)
    changed = np.argwhere(np.abs(pixels - 9).max(axis=-1) > 60)
    assert len(changed) > 50
    assert changed[:, 0].min() > 25, "the ground is below the horizon at 45, and the numbers stand on it"
    planner = made("choose", options={"drawn": True})
    with pytest.raises(UserError, match="does not say how its camera looks"):
        planner.view_of(View((shown,)), replace(FRAME, camera=None))


# --- what is shown ----------------------------------------------------------------------------------------------------


def example(speed: float) -> Example:
    frame = make_frame("scene-0009", history=steady(speed))
    return Example(frame, picture(50), steady(speed), integrate(steady(speed)))


@pytest.mark.parametrize(
    ("name", "answer"),
    [("single-call", "[(8.0, 0.0), "), ("waypoints", "[(4.0, 0.0), "), ("chain-of-thought", "[(8.0, 0.0), ")],
)
def test_examples_come_before_the_question_as_turns(name, answer):
    planner = made(name, few_shot=2)
    assert planner.needs().examples == 2
    view = View((picture(9),), examples=(example(8.0), example(4.0)))
    asked: list[Request] = []

    async def call(request: Request) -> CallResult:
        asked.append(request)
        return CallResult(Completion(STEADY_TEXT if request.stage == "action" else "A road."))

    asyncio.run(PlannerRunner(planner, {"main": call}).plan(FRAME, view))
    for request in asked[:-1]:
        assert len(request.messages) == 1, "only the answer's own question has examples"
    turns = asked[-1].messages
    assert [turn.role for turn in turns] == ["user", "assistant", "user", "assistant", "user"]
    assert turns[1].text.startswith(answer)
    assert "An example from another drive" in turns[0].text
    assert "[8.0, 8.0, 8.0, 8.0, 8.0, 8.0]" in turns[0].text
    assert len(turns[0].parts) == 2
    assert isinstance(turns[0].parts[0], PicturePart)


def test_the_example_of_a_choice_is_the_candidate_nearest_to_the_recorded_drive():
    planner = made("choose", few_shot=1)
    shown = example(8.0)
    _, asked = planned(planner, "1", view=View((picture(9),), examples=(shown,)))
    number = int(asked.messages[1].text)
    np.testing.assert_array_equal(planner.candidates(shown.frame)[number - 1], steady(8.0))
    assert f"\n{number}. hold the speed (8.0 m/s at the end)" in asked.messages[0].text


@pytest.mark.parametrize("cameras", ["front3", "all6"])
def test_other_cameras_are_shown_with_their_names_and_the_front_last(cameras):
    others = {channel: picture(10 * number) for number, channel in enumerate(CAMERAS[cameras], 2)}
    front = picture(9)
    _, asked = planned(made("waypoints", cameras=cameras), POINTS, view=View((front,), others))
    parts = asked.messages[0].parts
    shown = [part.picture for part in parts if isinstance(part, PicturePart)]
    assert shown == [*others.values(), front]
    assert parts[0].text == "Front left camera now:\n"
    assert made("waypoints", cameras=cameras).suffix == (cameras,)


def test_the_command_is_in_the_prompt_and_needed():
    planner = made("single-call", command=True)
    assert planner.needs() == Needs(1, ("main",), command=True)
    assert planner.inputs().leaks_future
    _, asked = planned(planner, STEADY_TEXT, replace(FRAME, command="left"))
    assert "Where the route goes next (a navigation command): left." in asked.messages[0].text


@pytest.mark.parametrize("name", ["single-call", "waypoints", "choose"])
def test_a_dialogue_of_one_question_is_refused(name):
    with pytest.raises(UserError, match=f"The planner '{name}' asks one question; leave `dialogue` out"):
        made(name, dialogue=True)


def test_the_style_is_in_the_name_and_in_the_settings():
    planner = made("choose", options={"drawn": True}, samples=6, temperature=0.7, history_s=1, command=True, few_shot=2)
    assert planner.suffix == ("drawn-True", "history-1", "command", "2-shot", "6-samples", "at-0.7")
    assert planner.settings()["samples"] == 6
    assert planner.inputs().words == "front, 1 s, command (leaks the future), 2 examples, 6 samples at 0.7"


def test_needs_of_a_planner_name_what_there_is():
    with pytest.raises(ValueError, match="give one of front, front3, all6"):
        Needs(1, cameras="left")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="whole number from 0"):
        Needs(1, examples=-1)
