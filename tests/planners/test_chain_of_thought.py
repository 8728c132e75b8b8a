"""Three calls per frame: their prompts, what ends a frame, and what is recorded."""

from __future__ import annotations

import asyncio
import hashlib

import numpy as np
import pytest

from lightemma.backends.base import CallError, Completion, PicturePart, TextPart
from lightemma.backends.config import Limits, ModelConfig
from lightemma.backends.scripted import ScriptedBackend
from lightemma.calls.caller import ModelCaller
from lightemma.errors import UserError
from lightemma.frame import Picture
from lightemma.planners.base import PlannerSettings, View
from lightemma.planners.chain_of_thought import ChainOfThought
from lightemma.prompts.sets import ACTION_SCHEMA, load_prompts
from lightemma.run_folder.records import STAGES, Usage
from tests.conftest import make_frame

LIST, JSON = load_prompts("three-stage"), load_prompts("three-stage-json")
HISTORY = np.array([[3.111, 0.0], [3.222, 0.001], [3.333, -0.002], [3.444, 0.003], [3.555, 0.004], [3.666, 0.017]])
SPEEDS, CURVATURES = "[3.111, 3.222, 3.333, 3.444, 3.555, 3.666]", "[0.0, 0.001, -0.002, 0.003, 0.004, 0.017]"
PLAN = [[4.0, 0.0], [4.2, 0.01], [4.4, 0.01], [4.4, 0.0], [4.4, 0.0], [4.4, -0.01]]
PLAN_TEXT = "[(4.0, 0.0), (4.2, 0.01), (4.4, 0.01), (4.4, 0.0), (4.4, 0.0), (4.4, -0.01)]"
PLAN_JSON = (
    '{"actions": [' + ", ".join(f'{{"speed": {speed}, "curvature": {curvature}}}' for speed, curvature in PLAN) + "]}"
)
SCENE, INTENT = "A zebra crossing, a red van.", "Slow down for the van."
PICTURE = Picture(b"jpeg", "image/jpeg", (1600, 900), hashlib.sha256(b"jpeg").hexdigest())


#: One attempt per call: the harness tries again, not the planner.
ONE_TRY = ModelConfig(name="vlm", provider="scripted", model="vlm-1", limits=Limits(attempts=1))


def drive(answers, prompts=LIST, tier="strict"):
    """The plan for one frame and the requests it took."""
    backend = ScriptedBackend.from_answers(answers, config=ONE_TRY)
    planner = ChainOfThought(PlannerSettings(prompts, tier))
    plan = asyncio.run(planner.plan(make_frame(history=HISTORY), View((PICTURE,)), {"main": ModelCaller(backend)}))
    assert [record.stage for record in plan.calls] == [request.stage for request in backend.requests]
    assert plan.outcome == plan.calls[-1].outcome
    assert (plan.actions is None) == (plan.outcome != "ok")
    return plan, backend.requests


def text_of(request) -> str:
    return request.messages[-1].text


def test_three_good_answers_make_a_plan():
    plan, requests = drive([SCENE, INTENT, PLAN_TEXT])
    assert plan.outcome == "ok"
    assert plan.actions.tolist() == PLAN
    assert [request.stage for request in requests] == list(STAGES)
    assert {request.sample_token for request in requests} == {"scene-0001/0"}


def test_each_prompt_contains_what_its_stage_may_know():
    _, (scene, intent, action) = drive([SCENE, INTENT, PLAN_TEXT])
    for known in (SPEEDS, CURVATURES, "3.666", "0.017"):
        assert known not in text_of(scene)
    for known in (SPEEDS, CURVATURES, SCENE):
        assert known in text_of(intent)
        assert known in text_of(action)
    assert INTENT in text_of(action)
    assert INTENT not in text_of(intent)


def test_no_prompt_contains_the_future():
    backend = ScriptedBackend.from_answers([SCENE, INTENT, PLAN_TEXT] * 2)
    for driven in (np.full((6, 2), 0.0), np.full((6, 2), 0.123)):
        frame = make_frame(history=HISTORY, driven=driven)
        asyncio.run(ChainOfThought().plan(frame, View((PICTURE,)), {"main": ModelCaller(backend)}))
    assert backend.requests[:3] == backend.requests[3:]


def test_the_picture_comes_first_in_every_request():
    _, requests = drive([SCENE, INTENT, PLAN_TEXT])
    for request in requests:
        (message,) = request.messages
        assert message.role == "user"
        assert message.parts == (PicturePart(PICTURE), TextPart(text_of(request)))


def test_only_the_action_stage_of_a_json_set_has_a_schema():
    _, requests = drive([SCENE, INTENT, PLAN_JSON], JSON)
    assert [request.response_schema for request in requests] == [None, None, ACTION_SCHEMA]
    _, requests = drive([SCENE, INTENT, PLAN_TEXT], LIST)
    assert [request.response_schema for request in requests] == [None, None, None]


@pytest.mark.parametrize(
    ("prompts", "answer", "outcome"),
    [
        (LIST, PLAN_TEXT, "ok"),
        (LIST, PLAN_JSON, "format:prose"),
        (JSON, PLAN_JSON, "ok"),
        (JSON, PLAN_TEXT, "format:invalid_json"),
    ],
)
def test_the_answer_is_read_in_the_form_the_prompts_ask_for(prompts, answer, outcome):
    assert drive([SCENE, INTENT, answer], prompts)[0].outcome == outcome


def test_the_parser_decides_what_counts():
    answer = PLAN_TEXT.replace("), (", ") (")
    assert drive([SCENE, INTENT, answer])[0].outcome == "format:missing_commas"
    assert drive([SCENE, INTENT, answer], tier="tolerant")[0].actions.tolist() == PLAN


def test_records_hold_the_texts_sent_and_received():
    plan, requests = drive([SCENE, Completion(INTENT, Usage(900, 0, 80), latency_s=2.5), "no list"])
    assert [record.prompt for record in plan.calls] == [text_of(request) for request in requests]
    assert [record.response for record in plan.calls] == [SCENE, INTENT, "no list"]
    assert [record.outcome for record in plan.calls] == ["ok", "ok", "format:prose"]
    assert plan.calls[1].usage == Usage(900, 0, 80)
    assert plan.calls[1].latency_s == 2.5  # the backend's time replaces the harness's
    assert plan.calls[0].latency_s >= 0.0
    assert [record.error for record in plan.calls] == [None, None, None]


@pytest.mark.parametrize("stage", range(3))
@pytest.mark.parametrize("kind", ["rate_limited", "timeout", "server_error", "bad_request"])
def test_a_failed_call_ends_the_frame_under_its_kind(stage, kind):
    answers = [SCENE, INTENT, PLAN_TEXT]
    answers[stage] = CallError(kind, "the provider's message")
    plan, requests = drive(answers)
    assert plan.outcome == f"call:{kind}"
    assert len(requests) == stage + 1
    assert (plan.calls[-1].response, plan.calls[-1].error) == (None, "the provider's message")
    assert all(record.outcome == "ok" for record in plan.calls[:-1])


def test_a_call_that_takes_too_long_is_a_timeout():
    config = ModelConfig(name="slow", provider="scripted", model="slow", limits=Limits(timeout_s=0.02, attempts=1))
    backend = ScriptedBackend.from_answers([SCENE], latency_s=5.0, config=config)
    plan = asyncio.run(ChainOfThought().plan(make_frame(), View(), {"main": ModelCaller(backend)}))
    assert plan.outcome == "call:timeout"
    assert "0.02 s" in plan.calls[0].error


@pytest.mark.parametrize(("kind", "sentence"), [("auth", "refused the key"), ("model_not_found", "knows no model")])
def test_a_failure_that_every_frame_would_meet_ends_the_run(kind, sentence):
    with pytest.raises(UserError, match=sentence):
        drive([CallError(kind, "no")])


@pytest.mark.parametrize("stage", range(3))
@pytest.mark.parametrize("finish", ["refused", "content_filter"])
def test_a_refusal_is_a_call_without_an_answer_and_is_not_passed_on(stage, finish):
    answers = [Completion(text) for text in (SCENE, INTENT, PLAN_TEXT)]
    answers[stage] = Completion(f"I cannot. {PLAN_TEXT}", finish_reason=finish)
    plan, requests = drive(answers)
    assert plan.outcome == f"call:{finish}"
    assert len(requests) == stage + 1
    assert plan.calls[-1].response == f"I cannot. {PLAN_TEXT}"


@pytest.mark.parametrize("stage", range(3))
@pytest.mark.parametrize(("finish", "kind"), [("stop", "empty"), ("length", "truncated")])
def test_an_empty_answer_ends_the_frame(stage, finish, kind):
    answers = [Completion(text) for text in (SCENE, INTENT, PLAN_TEXT)]
    answers[stage] = Completion(" \n", finish_reason=finish)
    plan, requests = drive(answers)
    assert plan.outcome == f"format:{kind}"
    assert len(requests) == stage + 1


def test_a_truncated_description_is_still_a_description():
    plan, requests = drive([Completion("A zebra cross", finish_reason="length"), INTENT, PLAN_TEXT])
    assert plan.outcome == "ok"
    assert "A zebra cross" in text_of(requests[1])


@pytest.mark.parametrize("tier", ["strict", "tolerant"])
@pytest.mark.parametrize("answer", [PLAN_TEXT[:-12], "Let me think. First, the van", "[(4.0, 0.0)]"])
def test_an_action_answer_cut_at_the_token_limit_is_truncated(tier, answer):
    plan, _ = drive([SCENE, INTENT, Completion(answer, finish_reason="length")], tier=tier)
    assert plan.outcome == "format:truncated"


def test_a_whole_list_at_the_token_limit_counts():
    assert drive([SCENE, INTENT, Completion(PLAN_TEXT, finish_reason="length")])[0].outcome == "ok"


@pytest.mark.parametrize("stage", [0, 1])
def test_a_recorded_failure_of_an_earlier_stage_is_passed_on_and_marked(stage):
    answers = [Completion(text) for text in (SCENE, INTENT, PLAN_TEXT)]
    answers[stage] = Completion("Error generating response: 429", failure="rate_limited")
    plan, requests = drive(answers)
    assert (plan.outcome, plan.actions.tolist()) == ("ok", PLAN)
    assert "Error generating response: 429" in text_of(requests[stage + 1])
    assert plan.calls[stage].outcome == "call:rate_limited"
    assert plan.calls[stage].error == plan.calls[stage].response == "Error generating response: 429"


def test_a_recorded_failure_of_the_action_stage_is_never_parsed():
    failure = Completion(f"Error generating response: {PLAN_TEXT}", failure="overloaded")
    plan, _ = drive([SCENE, INTENT, failure], tier="first-numbers")
    assert plan.outcome == "call:overloaded"


def test_placeholders_in_an_answer_are_not_filled():
    _, requests = drive(["A sign reads {{intent}} {{speeds}}.", INTENT, PLAN_TEXT])
    assert "A sign reads {{intent}} {{speeds}}." in text_of(requests[2])


def test_thinking_is_recorded_and_neither_passed_on_nor_parsed():
    other = PLAN_TEXT.replace("4.", "9.")
    plan, requests = drive(
        [f"<think>a secret</think>{SCENE}", f"◁think▷a secret◁/think▷{INTENT}", f"<think>{other}</think>{PLAN_TEXT}"]
    )
    assert plan.actions.tolist() == PLAN
    assert [call.response for call in plan.calls] == [SCENE, INTENT, PLAN_TEXT]
    assert [call.reasoning for call in plan.calls] == ["a secret", "a secret", other]
    assert not any("secret" in text_of(request) or "think" in text_of(request) for request in requests)


@pytest.mark.parametrize("tier", ["strict", "tolerant", "first-numbers"])
def test_an_answer_cut_inside_thinking_is_truncated_whatever_it_quotes(tier):
    plan, _ = drive([SCENE, INTENT, Completion(f"<think>{PLAN_TEXT}", finish_reason="length")], tier=tier)
    assert (plan.outcome, plan.actions) == ("format:truncated", None)
    assert "still thinking" in plan.calls[-1].error
    plan, _ = drive([SCENE, INTENT, f"<think>{PLAN_TEXT}"], tier=tier)
    assert (plan.outcome, plan.actions, plan.calls[-1].response) == ("call:reasoning_only", None, None)
