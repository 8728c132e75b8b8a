"""Batches: three waves, nothing paid twice, fetched after days, and the same records as a run of single calls."""

import asyncio
from dataclasses import replace

import pytest

from lightemma.backends.base import BatchBackend, BatchStatus, CallError, Completion
from lightemma.backends.config import ModelConfig
from lightemma.calls.cache import ResponseCache
from lightemma.calls.cancellation import Cancellation, Cancelled
from lightemma.data.pictures import PicturePolicy
from lightemma.errors import UserError
from lightemma.frame import EgoHistory
from lightemma.planners.base import View
from lightemma.planners.chain_of_thought import ChainOfThought
from lightemma.run_folder.records import Usage
from lightemma.sessions import batch as batches
from lightemma.sessions.batch import TRIES, BatchRun
from tests.conftest import make_frames, steady


@pytest.fixture
def frames():
    """Five frames, each with another history, so that all prompts differ."""
    made = make_frames()
    return [
        replace(frame, history=EgoHistory(frame.history.positions, steady(4.0 + n))) for n, frame in enumerate(made)
    ]


LIST = "[" + ", ".join(["(5.0, 0.0)"] * 6) + "]"


class Provider(BatchBackend):
    """A batch endpoint in memory; a batch is done after ``looks`` requests for its state."""

    reads_pictures = False

    def __init__(self, looks: int = 2) -> None:
        super().__init__(ModelConfig(name="m", provider="test", model="m"))
        self.looks, self.batches, self.waits = looks, {}, {}
        self.fails: dict[str, CallError] = {}
        self.forgets = False

    async def generate(self, request):
        raise AssertionError("a batch run makes no single calls")

    async def submit_batch(self, requests):
        name = f"batch-{len(self.batches)}"
        self.batches[name], self.waits[name] = dict(requests), self.looks
        return name

    async def batch_status(self, batch_id):
        if self.forgets:
            self.forgets = False
            raise CallError("model_not_found", "no such batch")
        self.waits[batch_id] -= 1
        return BatchStatus(self.waits[batch_id] <= 0, 0, len(self.batches[batch_id]), "in progress")

    async def fetch_batch(self, batch_id):
        return {
            key: self.fails.get(request.stage)
            or Completion(LIST if request.stage == "action" else "text", Usage(9, 0, 3))
            for key, request in self.batches[batch_id].items()
        }


def wave(provider, folder, frames, stop=None, events=None):
    """Answers all frames of a chain-of-thought run, then plans them with the answers."""

    async def drive():
        planner = ChainOfThought()
        with ResponseCache(folder / "c.sqlite") as cache:
            run = BatchRun(
                {"main": provider},
                cache,
                folder,
                stop or Cancellation(),
                (events if events is not None else []).append,
                poll_s=0.0,
            )
            calls = await run.answer(lambda: frames, planner, PicturePolicy())
            return [await planner.plan(frame, View(), calls) for frame in frames]

    return asyncio.run(drive())


def test_three_waves_answer_three_stages(tmp_path, frames):
    provider = Provider()
    plans = wave(provider, tmp_path, frames)
    assert [len(batch) for batch in provider.batches.values()] == [1, len(frames), len(frames)]
    stages = [{request.stage for request in batch.values()} for batch in provider.batches.values()]
    assert stages == [{"scene"}, {"intent"}, {"action"}]
    assert all(plan.outcome == "ok" and len(plan.calls) == 3 for plan in plans)
    assert all(stage.usage == Usage(9, 0, 3) for plan in plans for stage in plan.calls)


def test_large_waves_are_cut(tmp_path, frames, monkeypatch):
    monkeypatch.setattr(Provider, "max_batch_requests", 2)
    provider = Provider()
    wave(provider, tmp_path, frames)
    assert max(len(batch) for batch in provider.batches.values()) == 2


def test_batches_stay_below_the_providers_limit_in_bytes(tmp_path, frames, monkeypatch):
    monkeypatch.setattr(Provider, "max_batch_bytes", 8_000)
    provider = Provider()
    plans = wave(provider, tmp_path, frames)
    assert all(plan.outcome == "ok" for plan in plans)
    assert len(provider.batches) > 3
    assert all(
        sum(len(request.messages[0].text) for request in batch.values()) < 8_000 for batch in provider.batches.values()
    )


def test_open_batches_are_fetched_by_the_next_session(tmp_path, frames):
    provider, stop = Provider(looks=10**6), Cancellation()
    events = []

    class Impatient(list):
        def append(self, sentence):
            events.append(sentence)
            if "in progress" in sentence:
                stop.request("interrupted")

    with pytest.raises(Cancelled):
        wave(provider, tmp_path, frames, stop, Impatient())
    handed_over = len(provider.batches)
    provider.looks = 1
    provider.waits = dict.fromkeys(provider.waits, 1)
    plans = wave(provider, tmp_path, frames)
    assert all(plan.outcome == "ok" for plan in plans)
    asked = [request for batch in provider.batches.values() for request in batch.values()]
    assert handed_over == 1
    assert sum(request.stage == "scene" for request in asked) == 1


def test_a_second_run_submits_nothing(tmp_path, frames):
    provider = Provider()
    wave(provider, tmp_path, frames)
    before = len(provider.batches)
    wave(provider, tmp_path, frames)
    assert len(provider.batches) == before


def test_calls_that_fail_repeatedly_fail_the_frame(tmp_path, frames):
    provider = Provider()
    provider.fails["intent"] = CallError("content_filter", "not this one")
    plans = wave(provider, tmp_path, frames)
    assert {plan.outcome for plan in plans} == {"call:content_filter"}
    assert all(plan.calls[-1].attempts == TRIES and plan.calls[-1].error == "not this one" for plan in plans)


def test_a_batch_unknown_to_the_provider_is_submitted_again(tmp_path, frames):
    provider = Provider()
    provider.forgets = True
    plans = wave(provider, tmp_path, frames)
    assert all(plan.outcome == "ok" for plan in plans)
    assert len(provider.batches) == 4


def test_a_refused_batch_is_one_sentence(tmp_path, frames):
    provider = Provider()

    async def refuse(requests):
        raise CallError("bad_request", "too large")

    provider.submit_batch = refuse
    with pytest.raises(UserError, match=r"did not accept a batch.*too large"):
        wave(provider, tmp_path, frames)


def test_a_broken_list_of_batches_is_not_overwritten(tmp_path, frames):
    (tmp_path / batches.FILE).write_text("{")
    with pytest.raises(UserError, match="paid for"):
        wave(Provider(), tmp_path, frames)
    assert (tmp_path / batches.FILE).read_text() == "{"
