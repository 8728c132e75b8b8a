"""The scripted backend: it answers as its script says."""

from __future__ import annotations

import asyncio
import time

import pytest
import yaml

from lightemma.backends.base import CallError, Completion, Message, Request, TextPart
from lightemma.backends.config import ModelConfig
from lightemma.backends.scripted import ScriptedBackend
from lightemma.errors import UserError
from lightemma.run_folder.records import Usage


def request(stage="scene", text="What is there?"):
    return Request((Message("user", (TextPart(text),)),), sample_token="t0", stage=stage)


def ask(backend, stage="scene"):
    return asyncio.run(backend.generate(request(stage)))


def from_yaml(text):
    options = yaml.safe_load(text)
    return ScriptedBackend(ModelConfig(name="script", provider="scripted", model="script-1", options=options))


def test_stages_have_their_own_answers_and_repeat():
    backend = from_yaml("""
        answers:
          scene: ["A road.", "A crossing."]
          action: ["[(1.0, 0.0)]"]
        repeat: true
    """)
    got = [ask(backend, stage).text for stage in ("scene", "action", "scene", "scene", "action")]
    assert got == ["A road.", "[(1.0, 0.0)]", "A crossing.", "A road.", "[(1.0, 0.0)]"]


def test_one_list_serves_all_stages_in_turn():
    backend = from_yaml('answers: ["one", "two"]')
    assert [ask(backend, "scene").text, ask(backend, "action").text] == ["one", "two"]


def test_a_star_serves_the_stages_without_a_list():
    backend = from_yaml('answers: {action: ["[]"], "*": ["text"]}')
    assert [ask(backend, "intent").text, ask(backend, "action").text] == ["text", "[]"]


def test_faults_come_in_their_turn():
    backend = from_yaml("""
        answers:
          - {fault: rate_limited, retry_after_s: 2}
          - {fault: server_error, message: out of order}
          - {text: "[(1.0", finish_reason: length}
    """)
    with pytest.raises(CallError, match="scripted rate_limited") as first:
        ask(backend)
    assert (first.value.kind, first.value.retry_after_s) == ("rate_limited", 2)
    with pytest.raises(CallError, match="out of order") as second:
        ask(backend)
    assert (second.value.kind, second.value.retry_after_s) == ("server_error", None)
    assert ask(backend).finish_reason == "length"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({}, "answers"),
        ({"answers": ["a"], "repeats": True}, "repeats"),
        ({"answers": {"scene": [{"fault": "tired"}]}}, r"answers\.scene\.0\.fault"),
        ({"answers": [{"text": "a", "fault": "timeout"}]}, "exactly one"),
        ({"answers": [{}]}, "exactly one"),
        ({"answers": ["a"], "latency_s": -1}, "latency_s"),
    ],
)
def test_wrong_options_are_refused(options, complaint):
    with pytest.raises(UserError, match=complaint):
        ScriptedBackend(ModelConfig(name="script", provider="scripted", model="script-1", options=options))


def test_used_up_answers_are_not_recorded():
    backend = ScriptedBackend.from_answers(["only"])
    ask(backend)
    with pytest.raises(CallError, match="used up") as caught:
        ask(backend)
    assert caught.value.kind == "not_recorded"


def test_a_stage_without_answers_is_not_recorded():
    with pytest.raises(CallError, match=r"stage 'scene'.*only for action"):
        ask(ScriptedBackend.from_answers({"action": ["[]"]}, repeat=True))


def test_python_values():
    whole = Completion(text="whole", usage=None, finish_reason="refused", model="other")
    backend = ScriptedBackend.from_answers(["text", whole, CallError("auth", "no key", 1.0), RuntimeError("a bug")])
    assert ask(backend).text == "text"
    assert ask(backend) is whole
    with pytest.raises(CallError, match="no key") as caught:
        ask(backend)
    assert (caught.value.kind, caught.value.retry_after_s) == ("auth", 1.0)
    with pytest.raises(RuntimeError, match="a bug"):
        ask(backend)


def test_requests_are_kept_in_order():
    backend = ScriptedBackend.from_answers(["a", CallError("timeout", "late")])
    ask(backend, "scene")
    with pytest.raises(CallError):
        ask(backend, "intent")
    assert [kept.stage for kept in backend.requests] == ["scene", "intent"]
    assert backend.requests[0] == request("scene")


def test_tokens_are_estimated():
    completion = asyncio.run(ScriptedBackend.from_answers(["x" * 9]).generate(request(text="y" * 8)))
    assert completion.usage == Usage(input=2, output=3, source="estimate")
    assert completion.model == "scripted"


def test_concurrent_calls_each_take_their_time():
    async def calls():
        backend = ScriptedBackend.from_answers(["a"] * 10, latency_s=0.05)
        await asyncio.gather(*(backend.generate(request()) for _ in range(10)))

    start = time.monotonic()
    asyncio.run(calls())
    assert 0.045 < time.monotonic() - start < 0.4


def test_a_repeated_failure_is_a_new_one_each_time():
    backend = ScriptedBackend.from_answers([CallError("timeout", "late")], repeat=True)
    caught = []
    for _ in range(2):
        with pytest.raises(CallError) as failed:
            ask(backend)
        caught.append(failed.value)
    assert caught[0] is not caught[1]


def test_pictures_are_not_read():
    assert ScriptedBackend.facts.reads_pictures is False
