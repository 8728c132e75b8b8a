"""Batches: three waves, nothing paid twice, fetched after days, and the same records as a run of single calls."""

import asyncio
from dataclasses import replace

import msgspec
import pytest

from lightemma.backends.base import BatchBackend, BatchStatus, BatchUnknownYet, CallError, Completion, batch_label
from lightemma.backends.config import ModelConfig
from lightemma.calls.cache import ResponseCache
from lightemma.calls.cancellation import Cancellation, Cancelled
from lightemma.calls.identity import Identity
from lightemma.data.pictures import PicturePolicy
from lightemma.errors import UserError
from lightemma.frame import EgoHistory
from lightemma.planners.base import PlannerSettings, View
from lightemma.planners.chain_of_thought import ChainOfThought
from lightemma.planners.prompt_style import PromptStyle
from lightemma.run_folder.records import Usage
from lightemma.sessions import batch as batches
from lightemma.sessions.batch import CONFIRMED, MOST_SILENT, BatchRun
from lightemma.sessions.batch_collector import TRIES
from lightemma.sessions.views import Views
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
        self.forgets = 0

    async def generate(self, request):
        raise AssertionError("a batch run makes no single calls")

    async def submit_batch(self, requests):
        name = f"batch-{len(self.batches)}"
        self.batches[name], self.waits[name] = dict(requests), self.looks
        return name

    async def batch_status(self, batch_id):
        if self.forgets:
            self.forgets -= 1
            raise CallError("model_not_found", "no such batch")
        self.waits[batch_id] -= 1
        return BatchStatus(self.waits[batch_id] <= 0, 0, len(self.batches[batch_id]), "in progress")

    async def fetch_batch(self, batch_id):
        return {
            key: self.fails.get(request.stage)
            or Completion(LIST if request.stage == "action" else "text", Usage(9, 0, 3))
            for key, request in self.batches[batch_id].items()
        }


def wave(provider, folder, frames, stop=None, events=None, style=PromptStyle()):  # noqa: B008 -- frozen
    """Answers all frames of a chain-of-thought run, then plans them with the answers."""

    async def drive():
        planner = ChainOfThought(PlannerSettings(style=style))
        with ResponseCache(folder / "c.sqlite") as cache:
            run = BatchRun(
                {"main": provider},
                cache,
                folder,
                stop or Cancellation(),
                (events if events is not None else []).append,
                poll_s=0.0,
            )
            calls = await run.answer(lambda: frames, planner, Views(0, PicturePolicy()))
            return [await planner.plan(frame, View(), calls) for frame in frames]

    return asyncio.run(drive())


def test_samples_are_one_more_wave_where_a_call_brings_one_answer(tmp_path, frames):
    provider = Provider()
    plans = wave(provider, tmp_path, frames, style=PromptStyle(samples=3))
    assert [len(batch) for batch in provider.batches.values()] == [1, len(frames), len(frames), 2 * len(frames)]
    last = list(provider.batches.values())[-1]
    assert sorted(request.sample for request in last.values()) == [1] * len(frames) + [2] * len(frames)
    assert all(plan.outcome == "ok" and len(plan.calls) == 5 and len(plan.samples) == 3 for plan in plans)


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


@pytest.mark.parametrize("finish", ["content_filter", "refused"])
def test_what_a_filter_stopped_is_no_answer_and_is_not_handed_over_again(tmp_path, frames, finish):
    provider = Provider()
    provider.fails["intent"] = Completion("half of it", Usage(9, 0, 3), finish_reason=finish)
    plans = wave(provider, tmp_path, frames)
    assert {plan.outcome for plan in plans} == {f"call:{finish}"}
    assert {(plan.calls[-1].response, plan.calls[-1].usage.output) for plan in plans} == {("half of it", 3)}
    assert len(provider.batches) == 2
    with ResponseCache(tmp_path / "c.sqlite") as cache:
        assert len(cache) == 1, "the scene alone, which all frames ask alike"


def test_thinking_alone_in_a_batch_is_a_failure(tmp_path, frames):
    provider = Provider()
    provider.fails["action"] = Completion(f"<think>{LIST}")
    plans = wave(provider, tmp_path, frames)
    assert {(plan.outcome, plan.actions) for plan in plans} == {("call:reasoning_only", None)}


def test_a_batch_unknown_to_the_provider_is_submitted_again(tmp_path, frames):
    provider = Provider()
    provider.forgets = CONFIRMED
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


class Faulty(Provider):
    """Fails as it is told, and can find batches again."""

    finds_batches = True

    def __init__(self, looks: int = 1) -> None:
        super().__init__(looks)
        self.labels: dict[str, str] = {}
        self.status_faults: list[Exception] = []
        self.fetch_faults: list[Exception] = []
        self.submit_faults: list[BaseException] = []
        self.find_faults: list[Exception] = []
        self.torn = 0
        self.looked = 0

    async def submit_batch(self, requests):
        fault = self.submit_faults.pop(0) if self.submit_faults else None
        if isinstance(fault, CallError) and fault.kind == "bad_request":
            raise fault
        name = await super().submit_batch(requests)
        self.labels[batch_label(requests)] = name
        if fault is not None:
            raise fault  # taken, but its id never arrives
        return name

    async def find_batch(self, label):
        self.looked += 1
        if self.find_faults:
            raise self.find_faults.pop(0)
        return self.labels.get(label)

    async def batch_status(self, batch_id):
        if self.status_faults:
            raise self.status_faults.pop(0)
        return await super().batch_status(batch_id)

    async def fetch_batch(self, batch_id):
        if self.fetch_faults:
            raise self.fetch_faults.pop(0)
        answers = await super().fetch_batch(batch_id)
        if self.torn:
            self.torn -= 1
            answers.pop(next(iter(answers)))
        return answers


def paid(provider) -> int:
    return sum(len(batch) for batch in provider.batches.values())


ALL = 1 + 5 + 5  # the first stage of all frames is the same question
PASSING = ["timeout", "connection", "server_error", "rate_limited", "overloaded", "invalid_response"]


@pytest.mark.parametrize("kind", PASSING)
@pytest.mark.parametrize("where", ["status_faults", "fetch_faults"])
def test_a_fault_on_the_way_is_asked_again_and_paid_once(tmp_path, frames, kind, where):
    provider = Faulty()
    setattr(provider, where, [CallError(kind, "later")] * 5)
    plans = wave(provider, tmp_path, frames)
    assert {plan.outcome for plan in plans} == {"ok"}
    assert paid(provider) == ALL


@pytest.mark.parametrize("kind", ["auth", "no_credit", "model_not_found", "bad_request"])
@pytest.mark.parametrize("where", ["status_faults", "fetch_faults"])
def test_a_single_refusal_on_the_way_is_not_believed(tmp_path, frames, kind, where):
    provider = Faulty()
    setattr(provider, where, [CallError(kind, "no")])
    plans = wave(provider, tmp_path, frames)
    assert {plan.outcome for plan in plans} == {"ok"}
    assert paid(provider) == ALL


@pytest.mark.parametrize("where", ["status_faults", "fetch_faults"])
@pytest.mark.parametrize("kind", ["auth", "no_credit"])
def test_a_revoked_key_is_a_sentence_and_the_batch_is_picked_up_with_another(tmp_path, frames, kind, where):
    provider = Faulty()
    setattr(provider, where, [CallError(kind, "revoked")] * 50)
    with pytest.raises(UserError, match=r"does not say how batch batch-0.*revoked.*stays written down"):
        wave(provider, tmp_path, frames)
    setattr(provider, where, [])
    plans = wave(provider, tmp_path, frames)
    assert {plan.outcome for plan in plans} == {"ok"}
    assert paid(provider) == ALL


def test_a_provider_that_says_nothing_is_not_asked_for_ever(tmp_path, frames):
    provider = Faulty()
    provider.status_faults = [CallError("connection", "down")] * (MOST_SILENT + 5)
    with pytest.raises(UserError, match="does not say how batch"):
        wave(provider, tmp_path, frames)
    provider.status_faults = []
    assert {plan.outcome for plan in wave(provider, tmp_path, frames)} == {"ok"}
    assert paid(provider) == ALL


def test_results_that_are_gone_are_a_sentence_and_the_next_command_begins_anew(tmp_path, frames):
    provider = Faulty()
    provider.fetch_faults = [CallError("bad_request", "no such file")] * CONFIRMED
    with pytest.raises(UserError, match=r"gives no results of batch batch-0.*no such file"):
        wave(provider, tmp_path, frames)
    assert {plan.outcome for plan in wave(provider, tmp_path, frames)} == {"ok"}
    assert paid(provider) == ALL + 1


def test_a_batch_that_never_ends_is_a_sentence(tmp_path, frames):
    seconds = [0.0]

    class Waiting(Cancellation):
        async def sleep(self, wait):
            seconds[0] += 3600.0

    async def drive():
        with ResponseCache(tmp_path / "c.sqlite") as cache:
            run = BatchRun(
                {"main": Faulty(10**9)}, cache, tmp_path, Waiting(), lambda said: None, 3600.0, lambda: seconds[0]
            )
            await run.answer(lambda: frames, ChainOfThought(), Views(0, PicturePolicy()))

    seconds[0] = 1e9
    with pytest.raises(UserError, match="has not ended in 7 days"):
        asyncio.run(drive())
    assert seconds[0] < 1e9 + 8 * 24 * 3600


@pytest.mark.parametrize("torn", [1, 2])
def test_a_torn_download_is_fetched_again(tmp_path, frames, torn):
    provider = Faulty()
    provider.torn = torn
    plans = wave(provider, tmp_path, frames)
    assert {plan.outcome for plan in plans} == {"ok"}
    assert paid(provider) == ALL


def test_an_answer_that_stays_torn_is_asked_for_again_and_no_other(tmp_path, frames):
    provider = Faulty()
    provider.torn = CONFIRMED
    plans = wave(provider, tmp_path, frames)
    assert {plan.outcome for plan in plans} == {"ok"}
    assert paid(provider) == ALL + 1


class Odd(Provider):
    """Answers one call of the first batch with something odd, and is asked for it again."""

    def __init__(self, odd: object, always: bool) -> None:
        super().__init__(looks=1)
        self.odd, self.always = odd, always

    async def fetch_batch(self, batch_id):
        answers = await super().fetch_batch(batch_id)
        if self.always or batch_id == "batch-0":
            answers[next(iter(answers))] = self.odd
        return answers


ODD_ANSWERS = {
    "half a character": Completion("road \ud83d"),
    "half a character as model": Completion("road", model="\udc00"),
    "too long": Completion("x" * 1_100_000),
    "no Completion": "a road",
    "None": None,
    "a text that is a number": Completion(7),  # type: ignore[arg-type]
    "a model that is a list": Completion("road", model=["m"]),  # type: ignore[arg-type]
    "seconds that are none": Completion("road", latency_s=float("nan")),
    "an end that is none": Completion("road", finish_reason="\ud800"),  # type: ignore[arg-type]
    "tokens that are fractions": Completion("road", Usage(1.5, 0, 2)),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("odd", ODD_ANSWERS.values(), ids=ODD_ANSWERS)
def test_an_answer_that_cannot_be_kept_is_asked_for_again_and_no_other(tmp_path, frames, odd):
    provider = Odd(odd, always=False)
    assert {plan.outcome for plan in wave(provider, tmp_path, frames)} == {"ok"}
    assert paid(provider) == ALL + 1


def test_one_that_never_can_fails_its_frames_and_the_run_goes_on(tmp_path, frames):
    provider = Odd(Completion("\ud83d"), always=True)
    outcomes = [plan.outcome for plan in wave(provider, tmp_path, frames)]
    assert "call:invalid_response" in outcomes
    assert set(outcomes) <= {"ok", "call:invalid_response"}


def test_token_counts_that_fit_no_file_are_left_out(tmp_path, frames):
    provider = Odd(Completion("road", Usage(10**30, 0, 2)), always=False)
    assert {plan.outcome for plan in wave(provider, tmp_path, frames)} == {"ok"}
    assert paid(provider) == ALL
    with ResponseCache(tmp_path / "c.sqlite") as cache:
        assert len(cache) == ALL


@pytest.mark.parametrize("kind", ["timeout", "connection", "server_error", "invalid_response"])
def test_a_batch_whose_id_never_arrived_is_found_again(tmp_path, frames, kind):
    provider = Faulty()
    provider.submit_faults = [CallError(kind, "lost")]
    plans = wave(provider, tmp_path, frames)
    assert {plan.outcome for plan in plans} == {"ok"}
    assert paid(provider) == ALL


class Killed(BaseException):
    """Stands for the process' end."""


def test_a_process_that_is_killed_while_it_hands_over_pays_once(tmp_path, frames):
    provider = Faulty()
    provider.submit_faults = [Killed()]
    with pytest.raises(Killed):
        wave(provider, tmp_path, frames)
    provider.find_faults = [CallError("overloaded", "later")]
    plans = wave(provider, tmp_path, frames)
    assert {plan.outcome for plan in plans} == {"ok"}
    assert paid(provider) == ALL


def test_a_process_that_is_killed_before_it_hands_over_hands_over_again(tmp_path, frames):
    provider = Faulty()
    whole, provider.submit_batch = provider.submit_batch, None

    async def killed(requests):
        raise Killed

    provider.submit_batch = killed
    with pytest.raises(Killed):
        wave(provider, tmp_path, frames)
    provider.submit_batch = whole
    plans = wave(provider, tmp_path, frames)
    assert {plan.outcome for plan in plans} == {"ok"}
    assert (paid(provider), provider.looked) == (ALL, 2)


def test_whether_a_batch_was_taken_is_asked_until_it_is_known(tmp_path, frames):
    provider = Faulty()
    provider.submit_faults = [Killed()]
    with pytest.raises(Killed):
        wave(provider, tmp_path, frames)
    provider.find_faults = [CallError("overloaded", "later")] * 5
    with pytest.raises(UserError, match="does not say whether it took the batch"):
        wave(provider, tmp_path, frames)
    assert {plan.outcome for plan in wave(provider, tmp_path, frames)} == {"ok"}
    assert paid(provider) == ALL


def test_a_provider_that_finds_no_batch_says_so(tmp_path, frames):
    provider, said = Faulty(), []
    provider.submit_faults, provider.finds_batches = [Killed()], False
    with pytest.raises(Killed):
        wave(provider, tmp_path, frames)
    plans = wave(provider, tmp_path, frames, events=said)
    assert {plan.outcome for plan in plans} == {"ok"}
    assert any("no way to find out" in sentence for sentence in said)


def test_a_batch_of_0_1_that_is_still_out_is_picked_up(tmp_path, frames):
    provider = Faulty()
    provider.fetch_faults = [Killed()]
    with pytest.raises(Killed):
        wave(provider, tmp_path, frames)
    state = msgspec.json.decode((tmp_path / batches.FILE).read_bytes())
    (out,) = state["out"]
    old = {short: asked["old_key"] for short, asked in out["asked"].items()}
    (tmp_path / batches.FILE).write_bytes(
        msgspec.json.encode({"out": [{"id": out["id"], "keys": old, "role": "main"}], "failures": {}})
    )
    provider.fetch_faults = []
    assert {plan.outcome for plan in wave(provider, tmp_path, frames)} == {"ok"}
    assert paid(provider) == ALL


def test_a_call_that_another_run_has_asked_is_waited_for(tmp_path, frames):
    provider, said = Faulty(), []
    request = []

    class First(ChainOfThought):
        async def plan(self, frame, view, calls):
            async def note(asked):
                request.append(replace(asked, sample_token=frame.sample_token))
                raise Killed

            return await super().plan(frame, view, {"main": note})

    with pytest.raises(Killed):
        asyncio.run(First().plan(frames[0], View(), {}))
    asked = Identity(provider).asked(request[0])
    with ResponseCache(tmp_path / "c.sqlite") as other:
        assert other.claim(asked) is None

        class Impatient(list):
            def append(self, sentence):
                said.append(sentence)
                if "waited for" in sentence and len(said) == 1:
                    other.put(asked, Completion("text", Usage(9, 0, 3)))
                    other.release(asked)

        plans = wave(provider, tmp_path, frames, events=Impatient())
    assert {plan.outcome for plan in plans} == {"ok"}
    assert paid(provider) == ALL - 1


def test_a_batch_that_shows_later_which_it_is_is_waited_for(tmp_path, frames):
    provider, said = Faulty(), []
    provider.submit_faults = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        wave(provider, tmp_path, frames)
    provider.find_faults = [BatchUnknownYet("once b has ended")] * 20
    plans = wave(provider, tmp_path, frames, events=said)
    assert {plan.outcome for plan in plans} == {"ok"}
    assert paid(provider) == ALL
    assert sum("shows later (once b has ended)" in sentence for sentence in said) == 20


def test_a_batch_that_never_shows_is_not_waited_for_for_ever(tmp_path, frames):
    provider, seconds = Faulty(), [0.0]
    provider.submit_faults = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        wave(provider, tmp_path, frames)

    async def never(label):
        provider.looked += 1
        raise BatchUnknownYet("never")

    provider.find_batch = never

    class Waiting(Cancellation):
        async def sleep(self, s):
            seconds[0] += s

    async def drive():
        with ResponseCache(tmp_path / "c.sqlite") as cache:
            run = BatchRun(
                {"main": provider}, cache, tmp_path, Waiting(), lambda said: None, 3600.0, lambda: seconds[0]
            )
            run._state.out[0].submitted = 1.0
            await run.answer(lambda: frames, ChainOfThought(), Views(0, PicturePolicy()))

    asyncio.run(drive())
    assert provider.looked <= 2 * batches.LONGEST_S / 3600.0 + 2


def test_an_answer_that_comes_between_look_and_claim_is_not_asked_for_again(tmp_path, frames, monkeypatch):
    whole = ResponseCache.claim

    def claim(cache, asked):
        cache.put(asked, Completion(LIST))  # another run is answered, and ends its claim, in this moment
        return whole(cache, asked)

    monkeypatch.setattr(ResponseCache, "claim", claim)
    provider = Faulty()
    plans = wave(provider, tmp_path, frames)
    assert {plan.outcome for plan in plans} == {"ok"}
    assert paid(provider) == 0


def test_a_session_that_was_killed_before_its_claims_were_noted_notes_them(tmp_path, frames):
    provider = Faulty(looks=10**6)
    provider.submit_faults = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        wave(provider, tmp_path, frames)
    with ResponseCache(tmp_path / "c.sqlite") as cache:
        assert cache._database.execute("SELECT COUNT(*) FROM claims").fetchone() == (1,), "it outlives its process"
        cache._database.execute("DELETE FROM claims")
    stop = Cancellation()

    class Impatient(list):
        def append(self, sentence):
            stop.request("interrupted")

    with pytest.raises(Cancelled):
        wave(provider, tmp_path, frames, stop, Impatient())
    with ResponseCache(tmp_path / "c.sqlite") as cache:
        assert cache._database.execute("SELECT COUNT(*) FROM claims").fetchone() == (1,)
