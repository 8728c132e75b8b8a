"""A recording played back: the same answers, the same failures, and nothing else."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from lightemma.backends.base import CallError, Completion, Message, Request, TextPart
from lightemma.backends.config import Limits, ModelConfig
from lightemma.backends.replay import Recorded, ReplayBackend
from lightemma.backends.scripted import ScriptedBackend
from lightemma.calls.caller import ModelCaller
from lightemma.data.published import PublishedArchive, PublishedSource
from lightemma.planners.base import PlannerSettings
from lightemma.planners.chain_of_thought import ChainOfThought
from lightemma.prompts.sets import load_prompts
from lightemma.prompts.template import fold
from lightemma.run_folder.records import STAGES, Usage
from lightemma.run_folder.store import read_frames
from lightemma.sessions.importing import archive_prompts
from lightemma.sessions.models import make_backend
from tests.conftest import STEADY_TEXT, make_frames, write_archive
from tests.sessions.one_run import drive_run

CONFIG = ModelConfig(name="tiny", provider="replay", model="tiny-vlm")
ROAD, BRIDGE = Completion("A road.", Usage(900, 100, 80, 20), latency_s=2.5), Completion("A bridge.")
RECORDING = {
    "t0": [Recorded("scene", ROAD), Recorded("intent", CallError("rate_limited", "slow down"))],
    "t1": [Recorded("scene", BRIDGE)],
}


def ask(backend, token, stage):
    return asyncio.run(backend.generate(Request((Message("user", (TextPart("?"),)),), token, stage)))


def drive(results, name, backend, frames, prompts):
    """A run of the three stages over ``frames``."""
    asyncio.run(drive_run(results / name, ChainOfThought(PlannerSettings(prompts)), {"main": backend}, frames))
    return results / name


def test_answers_come_back_as_they_were_recorded_and_as_often_as_asked():
    backend = ReplayBackend(CONFIG, RECORDING)
    for _ in range(2):
        assert ask(backend, "t0", "scene") is ROAD
        assert ask(backend, "t1", "scene").text == "A bridge."


def test_a_recorded_failure_fails_again():
    with pytest.raises(CallError, match="slow down") as failure:
        ask(ReplayBackend(CONFIG, RECORDING), "t0", "intent")
    assert failure.value.kind == "rate_limited"


@pytest.mark.parametrize(("token", "stage"), [("t0", "action"), ("t2", "scene")])
def test_what_is_not_recorded_is_a_failure_that_names_it(token, stage):
    backend = ReplayBackend(CONFIG, RECORDING)
    with pytest.raises(CallError, match=f"no {stage} answer for sample {token}") as failure:
        ask(backend, token, stage)
    assert failure.value.kind == "not_recorded"
    request = Request((Message("user", (TextPart("?"),)),), token, stage)
    assert asyncio.run(ModelCaller(backend)(request)).failure == "not_recorded"


def test_a_replay_needs_no_pictures():
    assert not ReplayBackend.facts.reads_pictures


def test_an_archive_replayed_with_its_own_prompts_gives_its_own_records(tmp_path):
    answers = {
        ("scene-0001/1", "action"): STEADY_TEXT.replace("), (", ") ("),
        ("scene-0001/2", "action"): "Error generating response: Request timed out.",
        ("scene-0002/0", "scene"): "Error generating response: Error code: 529",
    }
    path = write_archive(tmp_path / "tiny", lambda token, stage: answers.get((token, stage), usual(token, stage)))
    archive = PublishedArchive(path)
    backend = make_backend(f"replay:{path}")
    assert backend.config.model == "tiny-vlm"
    frames = list(PublishedSource(path).frames())
    replayed = read_frames(drive(tmp_path, "again", backend, frames, archive_prompts(archive)))
    recorded = list(archive.records())
    assert [record.outcome for record in recorded] == ["ok", "format:missing_commas", "call:timeout", "ok", "ok"]
    for ours, theirs in zip(replayed, recorded, strict=True):
        assert (ours.sample_token, ours.outcome) == (theirs.sample_token, theirs.outcome)
        assert msgspec.json.encode(ours.actions) == msgspec.json.encode(theirs.actions)
        for mine, stored in zip(ours.calls, theirs.calls, strict=True):
            assert fold(mine.prompt) == fold(stored.prompt)
            for name in ("stage", "response", "outcome", "usage", "latency_s", "error"):
                assert getattr(mine, name) == getattr(stored, name)


@pytest.mark.parametrize("stage", ["scene", "intent", "action"])
def test_a_replayed_refusal_is_a_refusal(tmp_path, stage):
    answers = {"scene": [Completion("A road.")], "intent": [Completion("Go on.")], "action": [Completion(STEADY_TEXT)]}
    answers[stage] = [Completion("I cannot help with that.", finish_reason="refused")]
    frames, prompts = make_frames({"scene-0001": 1}), load_prompts("three-stage")
    first = drive(tmp_path, "first", ScriptedBackend.from_answers(answers), frames, prompts)
    assert [record.outcome for record in read_frames(first)] == ["call:refused"]
    again = drive(tmp_path, "again", make_backend(f"replay:{first}"), frames, prompts)
    assert [record.outcome for record in read_frames(again)] == ["call:refused"]


def test_a_run_replayed_is_the_same_run(tmp_path):
    answers = {
        "scene": [*[Completion("A road.", Usage(900, 0, 80), latency_s=2.0)] * 4, CallError("overloaded", "busy"), " "],
        "intent": [*["Go on."] * 3, CallError("timeout", "late")],
        "action": [STEADY_TEXT, "no list", Completion(STEADY_TEXT[:-9], finish_reason="length")],
    }
    frames, prompts = make_frames({"scene-0001": 6}), load_prompts("three-stage")
    once = ModelConfig(name="vlm", provider="scripted", model="vlm-1", limits=Limits(attempts=1))
    first = read_frames(drive(tmp_path, "first", ScriptedBackend.from_answers(answers, config=once), frames, prompts))
    assert [record.outcome for record in first] == [
        "ok", "format:prose", "format:truncated", "call:timeout", "call:overloaded", "format:empty",
    ]  # fmt: skip
    again = read_frames(drive(tmp_path, "again", make_backend(f"replay:{tmp_path / 'first'}"), frames, prompts))
    assert [untimed(record) for record in again] == [untimed(record) for record in first]


def untimed(record):
    """The record without the harness's own clock, which no replay repeats for failed calls, and the model's name."""
    stages = [msgspec.structs.replace(stage, latency_s=None, model=None) for stage in record.calls]
    return msgspec.structs.replace(record, calls=stages)


def usual(token, stage):
    return STEADY_TEXT if stage == STAGES[-1] else f"The {stage} of {token}."
