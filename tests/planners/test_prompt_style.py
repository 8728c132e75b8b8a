"""Prompt styles other than three separate prompts: dialogue, several pictures, guided answers."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from pathlib import Path

import pytest

from lightemma.backends.base import CallError, Completion, PicturePart, TextPart
from lightemma.backends.config import Limits, ModelConfig
from lightemma.backends.scripted import ScriptedBackend
from lightemma.calls.caller import ModelCaller
from lightemma.errors import UserError
from lightemma.frame import EarlierPicture, Picture
from lightemma.planners.base import Needs, Planner, PlannerSettings, View
from lightemma.planners.chain_of_thought import ChainOfThought
from lightemma.planners.conversation import Window
from lightemma.planners.prompt_style import PromptStyle
from lightemma.planners.registry import make_planner
from lightemma.prompts.sets import ACTION_REGEX, ACTION_SCHEMA, load_prompts
from lightemma.run_folder.records import Usage
from tests.conftest import STEADY_TEXT, make_frame

LIST, JSON = load_prompts("three-stage"), load_prompts("three-stage-json")
SCENE, INTENT = "A zebra crossing, a red van.", "Slow down for the van."
ONE_TRY = ModelConfig(name="vlm", provider="scripted", model="vlm-1", limits=Limits(attempts=1))
NOW = Picture(b"now", "image/jpeg", (16, 9), "sha-now")


AGES = (3.5, 3.0, 2.5, 2.0, 1.5, 0.98, 0.5)
EARLIER = [Picture(f"{age}".encode(), "image/jpeg", (16, 9), f"sha-{age}") for age in AGES]


def taken(seconds: float) -> EarlierPicture:
    return EarlierPicture(Path(f"{seconds}.jpg"), make_frame().timestamp - round(seconds * 1e6))


FRAME = replace(make_frame(), earlier=tuple(taken(age) for age in AGES))


def drive(style, answers=(SCENE, INTENT, STEADY_TEXT), prompts=LIST, window=None, pictures_read=True):
    config = ONE_TRY
    if window is not None:
        size = {"context_tokens": window.context_tokens, "max_output_tokens": window.max_output_tokens}
        config = ONE_TRY.model_copy(update=size)
    backend = ScriptedBackend.from_answers(answers, config=config)
    planner = ChainOfThought(PlannerSettings(prompts, style=style, models={"main": config}))
    view = View((*EARLIER[len(EARLIER) - style.pictures + 1 :], NOW)) if pictures_read else View()
    plan = asyncio.run(planner.plan(FRAME, view, {"main": ModelCaller(backend)}))
    assert [record.stage for record in plan.calls] == [request.stage for request in backend.requests]
    return plan, backend.requests


def pictures(request):
    return [part.picture for message in request.messages for part in message.parts if isinstance(part, PicturePart)]


# Dialogue.


def test_the_stages_of_a_dialogue_are_turns_of_one_conversation_with_the_picture_once():
    plan, (scene, intent, action) = drive(PromptStyle(dialogue=True))
    assert plan.outcome == "ok"
    assert intent.messages[:1] == scene.messages
    assert action.messages[:3] == intent.messages
    assert [message.role for message in action.messages] == ["user", "assistant"] * 2 + ["user"]
    assert [message.text for message in action.messages[1::2]] == [SCENE, INTENT]
    assert pictures(action) == [NOW]
    assert isinstance(action.messages[0].parts[0], PicturePart), "it comes first"
    assert all(isinstance(part, TextPart) for message in action.messages[1:] for part in message.parts)


@pytest.mark.parametrize("prompts", [LIST, JSON])
def test_later_turns_do_not_repeat_what_was_answered(prompts):
    answers = (SCENE, INTENT, STEADY_TEXT)
    _, (_, intent, action) = drive(PromptStyle(dialogue=True), answers, prompts)
    for request in (intent, action):
        assert SCENE not in request.messages[-1].text
        assert INTENT not in request.messages[-1].text
    assert "5.0, 5.0" in intent.messages[-1].text, "the motion is given once"
    assert "[5.0, 5.0" not in action.messages[-1].text


def test_a_dialogue_is_recorded_turn_by_turn():
    plan, requests = drive(PromptStyle(dialogue=True))
    assert [record.prompt for record in plan.calls] == [request.messages[-1].text for request in requests]
    assert [record.response for record in plan.calls] == [SCENE, INTENT, STEADY_TEXT]


@pytest.mark.parametrize("stage", range(3))
def test_a_failed_turn_ends_the_frame(stage):
    answers = [SCENE, INTENT, STEADY_TEXT]
    answers[stage] = CallError("server_error", "down")
    plan, requests = drive(PromptStyle(dialogue=True), answers)
    assert (plan.outcome, len(requests)) == ("call:server_error", stage + 1)


def test_a_dialogue_beyond_the_context_is_summarised_in_a_separate_call():
    answers = [
        Completion(SCENE, Usage(input=900, output=8)),
        Completion("A van, slow.", Usage(input=100, output=10)),
        Completion(INTENT, Usage(input=500, output=10)),
        STEADY_TEXT,
    ]
    plan, requests = drive(PromptStyle(dialogue=True), answers, window=Window(1000, 80))
    assert plan.outcome == "ok"
    assert [record.stage for record in plan.calls] == ["scene", "summary", "intent", "action"]
    assert plan.calls[1].usage == Usage(input=100, output=10)
    assert SCENE in plan.calls[1].prompt
    intent = requests[2]
    assert len(intent.messages) == 1
    assert "A van, slow." in intent.messages[0].text
    assert requests[3].messages[: len(intent.messages)] == intent.messages


def test_a_failed_summary_ends_the_frame_without_a_plan():
    answers = [Completion(SCENE, Usage(input=900, output=8)), CallError("timeout", "late")]
    plan, _ = drive(PromptStyle(dialogue=True), answers, window=Window(1000, 80))
    assert (plan.outcome, plan.actions) == ("call:timeout", None)
    assert [record.stage for record in plan.calls] == ["scene", "summary"]


# Several pictures.


@pytest.mark.parametrize("count", [2, 3, 8])
def test_the_newest_pictures_are_sent_oldest_first_with_their_time(count):
    _, requests = drive(PromptStyle(pictures=count))
    wanted = [*EARLIER[-(count - 1) :], NOW]
    for request in requests:
        (message,) = request.messages
        assert pictures(request) == wanted
        assert isinstance(message.parts[-1], TextPart)
        labels = message.parts[0:-1:2]
        assert all(isinstance(label, TextPart) for label in labels)
        times = [re.findall(r"(\d\.\d) s ago", label.text) for label in labels]
        assert times[-3:] == ([["1.0"], ["0.5"], []] if count > 2 else [["0.5"], []])
        assert "now" in labels[-1].text


def test_the_pictures_of_a_dialogue_are_sent_once():
    plan, requests = drive(PromptStyle(dialogue=True, pictures=3))
    assert [len(pictures(request)) for request in requests] == [3, 3, 3]
    assert all(isinstance(part, TextPart) for message in requests[-1].messages[1:] for part in message.parts)
    assert "s ago" in plan.calls[0].prompt
    assert "s ago" not in plan.calls[1].prompt


def test_a_model_that_reads_no_pictures_gets_the_same_texts():
    _, seeing = drive(PromptStyle(pictures=3))
    _, requests = drive(PromptStyle(pictures=3), pictures_read=False)
    assert pictures(requests[0]) == [None, None, None]
    assert requests[0].messages[0].text == seeing[0].messages[0].text


# Guided answers.


@pytest.mark.parametrize("dialogue", [False, True])
def test_only_the_action_stage_is_guided_in_the_form_the_prompts_ask_for(dialogue):
    _, requests = drive(PromptStyle(dialogue, guided=True))
    assert [request.response_regex for request in requests] == [None, None, ACTION_REGEX]
    assert [request.response_schema for request in requests] == [None, None, None]
    _, requests = drive(PromptStyle(dialogue, guided=True), prompts=JSON)
    assert [request.response_regex for request in requests] == [None, None, None]
    assert [request.response_schema for request in requests] == [None, None, ACTION_SCHEMA]


def test_a_guided_answer_that_is_cut_counts_as_truncated():
    plan, _ = drive(PromptStyle(guided=True), [SCENE, INTENT, Completion(STEADY_TEXT[:-9], finish_reason="length")])
    assert plan.outcome == "format:truncated"


# Names and settings.


@pytest.mark.parametrize(
    ("style", "kind", "settings"),
    [
        (PromptStyle(), "chain-of-thought", {"parser": "strict"}),
        (PromptStyle(dialogue=True), "chain-of-thought-dialogue", {"parser": "strict", "dialogue": True}),
        (PromptStyle(pictures=4), "chain-of-thought-4-frames", {"parser": "strict", "frames": 4}),
        (PromptStyle(guided=True), "chain-of-thought-guided", {"parser": "strict", "answer": "guided"}),
        (
            PromptStyle(True, 2, True),
            "chain-of-thought-dialogue-2-frames-guided",
            {"parser": "strict", "dialogue": True, "frames": 2, "answer": "guided"},
        ),
    ],
)
def test_every_prompt_style_has_its_own_name(style, kind, settings):
    planner = make_planner("chain-of-thought", PlannerSettings(LIST, style=style))
    assert (planner.kind, planner.settings(), planner.needs().pictures) == (kind, settings, style.pictures)


def test_the_context_affects_only_dialogues():
    models = {"main": ONE_TRY.model_copy(update={"context_tokens": 4096})}

    def settings(style):
        return make_planner("chain-of-thought", PlannerSettings(LIST, style=style, models=models)).settings()

    assert settings(PromptStyle(dialogue=True)) == {
        "parser": "strict",
        "dialogue": True,
        "context_tokens": 4096,
    }
    assert settings(PromptStyle(pictures=2)) == {"parser": "strict", "frames": 2}


class Own(Planner):
    """A planner without prompt styles."""

    name = "own"

    def needs(self):
        return Needs(models=("main",))

    async def plan(self, frame, view, calls):
        raise NotImplementedError


def test_a_users_planner_takes_no_prompt_style():
    dialogue = PlannerSettings(LIST, style=PromptStyle(dialogue=True))
    assert make_planner(f"{__name__}:Own").kind == "own"
    with pytest.raises(UserError, match="decides itself how it asks its model; leave out `dialogue`"):
        make_planner(f"{__name__}:Own", dialogue)
    assert make_planner("stop", dialogue).kind == "stop", "has no model"
